"""The page against what its folder says: verdict first, evidence, every section, nothing from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sample_run import HELD, HOUR_US, OWLT_US, START_US, _guarantee, write_bare_run, write_run

from twin.report import render, style
from twin.report.page import headline
from twin.report.sequence import sequence
from twin.report.streams import age_in_view_s
from twin.report.time_axis import TimeAxis
from twin.report.timeline import contact_lanes, draw_records, is_on_earth
from twin.report.wording import NONE
from twin.result import Result, ResultError
from twin.result_schema import TABLES

AXIS = TimeAxis(START_US, START_US + 90_000_000_000, True, 77.45)


class Tags(HTMLParser):
    """Opens and closes what the page opens and closes, and keeps every attribute."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(folder: Path) -> str:
    return render(folder).read_text(encoding="utf-8")


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())


def broken(folder: Path, **changes: Any) -> Path:
    guarantees = [_guarantee(key) for key in HELD]
    guarantees[0] |= {
        "verdict": "broken",
        "reason": "1 record was accepted early",
        "evidence": {
            "record": "monitor-3/9f3c/112",
            "at_utc": "2033-03-10T09:00:12.345Z",
            "where": "edge-2",
            "what": "Record 112 was accepted before its bytes were on disk.",
            "replay": "twin run scenarios/first-light.yaml --seed 7",
        },
    }
    guarantees[3] |= {"verdict": "not_applicable", "checked": 0, "reason": "No row was written."}
    return write_run(folder, devices=1, frames=50, verdict="broken", guarantees=guarantees, **changes)


@pytest.fixture(scope="module")
def first_light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("first-light"))


@pytest.fixture(scope="module")
def page(first_light: Path) -> str:
    return page_of(first_light)


def test_verdict_is_the_first_heading(page: str) -> None:
    first = re.search(r"<h[1-6]>(.*?)</h[1-6]>", page)
    assert first is not None
    assert first[1] == "All 12 guarantees held over 1.02 sols."


def test_page_needs_no_network(page: str) -> None:
    used = {(tag, name, value) for tag, name, value in Tags(page).attributes if name in ("src", "href", "xlink:href")}
    assert all(value is not None and value.startswith("#") for _, _, value in used)
    assert "<script" not in page
    assert "@import" not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    assert "default-src 'none'" in page


def test_every_tag_is_closed(page: str) -> None:
    assert Tags(page).open == []


def test_page_is_small_enough_to_mail(page: str) -> None:
    assert len(page) < 500_000


def test_same_folder_gives_the_same_page(first_light: Path, page: str) -> None:
    assert page_of(first_light) == page


def test_sections_come_in_the_order_of_the_reader_s_questions(page: str) -> None:
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings == [
        "Guarantees",
        "What happened",
        "How late, how old",
        "One record, there and back",
        "Where copies went",
        "Losses by cause",
        "What it rests on",
        "What is left out here",
        "Where this page comes from",
    ]


def test_every_guarantee_is_named_with_its_statement(page: str) -> None:
    rows = re.findall(r"<td><b>(\w+)</b><span class=\"statement\">(.*?)</span>", page)
    assert tuple(key for key, _ in rows) == HELD
    assert all(len(statement) > 20 for _, statement in rows)


def test_bar_shows_the_share_of_the_bound_that_was_used(page: str) -> None:
    widths = re.findall(r"<span class=\"bar\"[^>]*><i style=\"width: ([\d.]+)%", page)
    assert [float(width) for width in widths] == [41.2, 98.6]  # (5410 - 3179.5) / 5410, (55000 - 790) / 55000


def test_bound_of_convergence_is_shown_term_by_term(page: str) -> None:
    told = "the bound, term by term ideal drain 39 min 04 s 2 R 51 min 06 s bound 1 h 30 min"
    assert told in text_of(page)


def test_timeline_names_stations_faults_and_both_clocks(page: str) -> None:
    for label in (
        "DSS-14",
        "DSS-63",
        "edge crash, edge-2",
        "antenna stow, jezero",
        "UTC",
        "local mean solar time",
    ):
        assert label in page, label


def test_broken_guarantee_shows_its_evidence_and_replay(tmp_path: Path) -> None:
    text = text_of(page_of(broken(tmp_path)))
    assert "1 of 12 guarantees broke: durability." in text
    evidence = text[: text.index("Guarantees")]
    for part in ("monitor-3/9f3c/112", "2033-03-10T09:00:12.345Z", "edge-2", "before its bytes were on disk",
                 "twin run scenarios/first-light.yaml --seed 7"):  # fmt: skip
        assert part in evidence, part


def test_guarantee_that_did_not_apply_says_why(tmp_path: Path) -> None:
    text = text_of(page_of(broken(tmp_path)))
    assert "No row was written. ○ not applicable 0" in text


def test_interrupted_run_says_so_before_its_verdict(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path, devices=1, frames=50, verdict="incomplete", interrupted=True))
    assert page.index("Interrupted.") < page.index("<h1>")
    assert "No verdict yet" in page


def test_text_of_a_scenario_cannot_become_markup(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path, devices=0, scenario="<script>alert(1)</script>", description="a & b"))
    assert "<script" not in page
    assert "a &amp; b" in page


def test_bare_network_has_no_sols_and_no_journey(tmp_path: Path) -> None:
    page = page_of(write_bare_run(tmp_path))
    assert "local mean solar time" not in page
    assert "One record" not in page
    assert "time since start" in page
    assert "a → b" in page


def test_run_without_any_row_renders(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path, devices=0))
    assert "there is no journey to draw" in page
    assert "<figure>" not in page


def test_run_of_which_nothing_landed_renders(tmp_path: Path) -> None:
    write_run(tmp_path, devices=1, frames=20)
    path = tmp_path / "tables" / "records.parquet"
    records = pd.read_parquet(path)
    records[list(TABLES["records"])[6:]] = pd.NA
    records.astype(dict.fromkeys(TABLES["records"][6:], "Int64")).to_parquet(path)
    assert "there is no journey to draw" in page_of(tmp_path)


def test_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="no result here"):
        render(tmp_path)


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        (("held", "broken", "broken"), "2 of 3 guarantees broke: no_equivocation and no_loss."),
        (
            ("held", "not_applicable"),
            "The one guarantee that could be checked held over 1.02 sols; 1 did not apply.",
        ),
        (("not_applicable",), "Nothing could be checked: no guarantee applied to this run."),
    ],
)
def test_headline_counts_the_verdicts(tmp_path: Path, verdicts: tuple[str, ...], sentence: str) -> None:
    guarantees = [_guarantee(key) | {"verdict": verdict} for key, verdict in zip(HELD, verdicts, strict=False)]
    write_run(tmp_path, devices=0, guarantees=guarantees, verdict="broken" if "broken" in verdicts else "held")
    assert headline(Result.load(tmp_path).document) == sentence


def test_lanes_unite_the_windows_of_all_edges(first_light: Path) -> None:
    axis = TimeAxis(START_US, START_US + 90_000_000_000, True, 77.45)
    lanes = contact_lanes(axis, Result.load(first_light).tables["contacts"])
    assert [lane.label for lane in lanes] == ["DSS-14", "DSS-43", "DSS-63"]
    assert [[len(bar[0]) for bar in lane.bars] for lane in lanes] == [[1, 1], [1, 1], [1, 1]]
    assert lanes[0].bars[0][0] == [(START_US, START_US + 15_120_000_000)]


def test_many_lanes_are_capped_and_the_rest_counted() -> None:
    rows = [(f"n{k}", f"n{k + 1}", None, 0, 10, 1.0, 0) for k in range(40)]
    contacts = pd.DataFrame(rows, columns=list(TABLES["contacts"]))
    lanes = contact_lanes(TimeAxis(0, 100, False, None), contacts)
    assert len(lanes) == 14
    assert lanes[-1].label == "27 more, not drawn"


@pytest.mark.parametrize(("node", "there"), [("earth", True), ("DSS-14", True), ("gateway", True), ("edge-1", False)])
def test_planet_of_a_node_follows_from_its_name(node: str, there: bool) -> None:
    assert is_on_earth(node) is there


def test_sequence_shows_one_record_with_its_own_times(first_light: Path) -> None:
    tables = Result.load(first_light).tables
    axis = TimeAxis(START_US, START_US + 90_000_000_000, True, 77.45)
    shown = sequence(axis, tables, tables["contacts"])
    assert shown is not None
    records = tables["records"]
    row = records[(records["stream"] == shown["stream"]) & (records["index"] == shown["index"])].iloc[0]
    assert shown["rounds"] == 1
    assert [step["clock"] for step in shown["rows"]] == [
        axis.clock(int(row[c])) for c in TABLES["records"][3:] if c != "rounds"
    ]
    assert [step["light"] for step in shown["rows"] if step["light"]] == ["8 min 31 s"] * 2


def test_sequence_shows_when_bundle_and_ack_arrived(tmp_path: Path) -> None:
    write_run(tmp_path, devices=1, frames=30)
    before = sequence(AXIS, Result.load(tmp_path).tables, Result.load(tmp_path).tables["contacts"])
    assert before is not None
    records = pd.read_parquet(tmp_path / "tables" / "records.parquet")
    row = records[records["index"] == before["index"]].iloc[0]
    arrived_us, returned_us = row["durable_us"] - 400_000, row["learned_us"] - 3_000
    copies = [
        ("1", "edge-2", "earth", "bundle", 9, row["sent_us"] - 1, arrived_us + 5, "delivered", ""),
        ("2", "edge-1", "earth", "bundle", 9, row["sent_us"], arrived_us, "delivered", ""),
        ("3", "edge-1", "earth", "bundle", 9, row["sent_us"], arrived_us + 9, "lost", "bundle_loss"),
        ("4", "earth", "edge-1", "bundle", 9, row["acked_us"] - 1, returned_us + 5, "delivered", ""),
        ("5", "earth", "edge-1", "bundle", 9, row["acked_us"] + 7, returned_us, "delivered", ""),
        ("6", "earth", "edge-1", "bundle", 9, row["acked_us"] + 8, row["learned_us"] + 1, "delivered", ""),
    ]
    columns = list(TABLES["transmissions"])
    pd.DataFrame(copies, columns=columns).to_parquet(tmp_path / "tables" / "transmissions.parquet")
    tables = Result.load(tmp_path).tables
    shown = sequence(AXIS, tables, tables["contacts"])
    assert shown is not None
    told = {step["text"]: step["clock"] for step in shown["rows"]}
    assert told["bundle on Earth"] == AXIS.clock(int(arrived_us))
    assert told["ack on Mars"] == AXIS.clock(int(returned_us))
    assert list(told)[-2:] == ["ack on Mars", "verified"]
    assert len(shown["rows"]) == len(before["rows"]) + 2
    assert "bundle on Earth" in page_of(tmp_path)


def test_the_age_at_a_glance_says_of_which_time_it_holds(page: str) -> None:
    assert "age of the news at most, for 95 % of the time Earth is in view" in text_of(page)


@pytest.mark.parametrize("edges", [2, 4, 7])
def test_names_in_the_backlog_stand_above_every_line(edges: int) -> None:
    peak = 1_067
    backlog = pd.DataFrame(
        [(f"edge-{edge}", at_us, peak) for edge in range(edges) for at_us in (0, HOUR_US)],
        columns=["place", "at_us", "records"],
    )
    figure = style.blank(10.4, 1.2)
    axes = figure.add_axes((0.14, 0.0, 0.845, 1.0))
    with style.drawing():
        draw_records(axes, TimeAxis(0, HOUR_US, True, None), backlog, "records", "backlog")
        figure.canvas.draw()
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [f"edge-{edge}" for edge in range(edges)]
    (_, lowest), _ = axes.transData.inverted().transform(legend.get_window_extent())
    assert lowest > peak
    assert axes.get_ylim()[1] < 3 * peak, "and the lines keep most of the room"


def test_age_with_earth_in_view_leaves_the_nights_out() -> None:
    """Records every 100 s, visible at once while in view; one window of an hour, its light 10 min late."""
    hour_us = 3_600_000_000
    contacts = pd.DataFrame(
        [("edge-1", "earth", "DSS-14", hour_us, 2 * hour_us, 1, 600_000_000)], columns=list(TABLES["contacts"])
    )
    generated_us = pd.Series(range(0, 3 * hour_us, 100_000_000), dtype="Int64")
    visible_us = (generated_us + 600_000_000).clip(lower=hour_us + 600_000_000)
    visible_us = visible_us.mask(visible_us > 2 * hour_us + 600_000_000, 9 * hour_us)
    records = pd.DataFrame({"stream": "a", "generated_us": generated_us, "visible_us": visible_us})
    age_s = age_in_view_s(contacts, records)
    assert age_s is not None
    assert 600 <= age_s <= 700
    assert age_in_view_s(contacts[:0], records) is None
    assert age_in_view_s(contacts, records.assign(visible_us=pd.NA)) is None


def test_guarantees_that_count_show_counts_and_bounds_their_expression(tmp_path: Path) -> None:
    guarantees = [_guarantee(key) for key in HELD]
    guarantees[0] |= {"unit": "violations", "bound": 0.0, "observed": 0.0, "margin": 0.0}
    guarantees[1] |= {"unit": "violations", "bound": 0.0, "observed": 2.0, "margin": -2.0, "verdict": "broken"}
    guarantees[8] |= {"expression": "owlt + contact_wait + 2 R"}
    text = text_of(page_of(write_run(tmp_path, devices=1, frames=9, guarantees=guarantees)))
    assert re.search(f"✓ held 8.880 0 {NONE} no violation {NONE}", text)
    assert re.search(f"✕ broken 8.880 0 {NONE} 2 violations {NONE}", text)
    assert "owlt + contact_wait + 2 R" in text
    assert "moves with the sky" in text


def test_payloads_are_not_called_rows_on_earth(tmp_path: Path) -> None:
    text = text_of(page_of(write_bare_run(tmp_path)))
    assert "Every payload is delivered once" in text
    assert "Earth holds one row" not in text


def test_faults_are_drawn_with_what_they_did(page: str) -> None:
    for remark in ("tau above 3.5", "tail lost", "peak tau 4.0"):
        assert f">{remark}<" in page, remark


def test_sequence_takes_the_median_of_the_loops_that_closed(first_light: Path) -> None:
    tables = Result.load(first_light).tables
    shown = sequence(TimeAxis(START_US, START_US + 1, True, None), tables, tables["contacts"])
    assert shown is not None
    records = tables["records"]
    records = records[(records["rounds"] == 1) & records["learned_us"].notna()]
    loop_us = (records["learned_us"] - records["generated_us"]).astype("int64")
    chosen = records[(records["stream"] == shown["stream"]) & (records["index"] == shown["index"])].iloc[0]
    rank = (loop_us < chosen["learned_us"] - chosen["generated_us"]).mean()
    assert 0.48 < rank < 0.52
    assert chosen["durable_us"] - chosen["sent_us"] > OWLT_US


def test_storms_are_told_of_where_the_page_says_what_happened(tmp_path: Path) -> None:
    told = "The planet-encircling storm of 2018 (Mars year 34) was replayed in Mars year 42 at the same Ls."
    storm = {
        "origin": "replayed",
        "name": "2018 replayed, opportunity",
        "start_utc": "2033-06-16T20:51:31.972Z",
        "end_utc": "2033-12-04T03:10:25.275Z",
        "peak_tau": 10.8,
        "told": told,
    }
    page = page_of(write_run(tmp_path, storms=[storm]))
    assert told in page[page.index("<h2>What happened") : page.index("<h2>How late, how old")]


def test_the_storage_of_the_longest_silence_stands_beside_the_disk(tmp_path: Path) -> None:
    need = {
        "node": "edge-1", "since_utc": "2030-05-13T02:00:12.427Z", "until_utc": "2030-06-06T10:54:00.187Z",
        "held_s": 2_105_627.76, "needed_bytes": 6_591_569, "capacity_bytes": 8_000_000_000,
        "used_bytes_max": 3_567_709,
    }  # fmt: skip
    page = page_of(write_run(tmp_path, storage=[need]))
    assert "of 8 GB, for 24 d 09 h without an ack" in page[: page.index("<h2>Guarantees")]
    told = page[page.index("<h2>What happened") : page.index("<h2>How late, how old")]
    assert "edge-1 must be able to keep 6.59 MB of the 8 GB that its disk holds" in told
    assert "from 2030-05-13 02:00:12 UTC to 2030-06-06 10:54:00 UTC, and 24 d 09 h of measurements wait" in told
    assert "It held 3.57 MB at most." in told
