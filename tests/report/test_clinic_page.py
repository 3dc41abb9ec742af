"""The clinic's part of the page against the tables of `sample_clinic`: figures, instants, counts, absences."""

import re
from pathlib import Path

import pandas as pd
import pytest
from sample_clinic import CLINIC_HELD, LEDGER, NO_ALARM, alarm, alarms, tally, typed_alarms, write_clinic
from sample_run import HOUR_US, MINUTE_US, START_US, write_bare_run, write_run
from test_page import Tags, page_of, text_of

from twin.report.vitals import QUANTITIES, drawn_channels, limits
from twin.report.wording import NONE
from twin.result import Result
from twin.result_schema import TABLES


@pytest.fixture(scope="module")
def first_sol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clinic(tmp_path_factory.mktemp("first-sol"))


@pytest.fixture(scope="module")
def page(first_sol: Path) -> str:
    return page_of(first_sol)


def section(page: str, anchor: str) -> str:
    found = re.search(f'<section id="{anchor}">.*?</section>', page, flags=re.DOTALL)
    assert found is not None, anchor
    return found[0]


def small(folder: Path, rows: list[dict[str, object]]) -> Path:
    """One crew member, these alarms, no episode."""
    write_clinic(folder, crew=1, quiet=True)
    typed_alarms(rows).to_parquet(folder / "tables" / "alarms.parquet")
    return folder


def test_page_of_six_crew_members_stays_small(page: str) -> None:
    assert len(page.encode()) < 2_500_000


def test_same_tables_give_the_same_page(first_sol: Path, page: str) -> None:
    assert page_of(first_sol) == page


def test_page_is_whole_and_offline(page: str) -> None:
    tags = Tags(page)
    assert tags.open == []
    assert "<script" not in page
    anchors = {value for tag, name, value in tags.attributes if tag == "a" and name == "href"}
    named = {f"#{value}" for _, name, value in tags.attributes if name == "id"}
    assert anchors
    assert anchors <= named


def test_sections_follow_the_reader_s_questions(page: str) -> None:
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings[:3] == ["Guarantees", "The clinic", "What happened"]
    assert "Ledger and audit" in headings
    assert "What is left out here" not in headings


def test_every_alarm_is_listed_with_its_instants(page: str) -> None:
    rows = re.findall(r'<tr class="first">.*?</tr>', page, flags=re.DOTALL)
    assert len(rows) == len(alarms())
    hypoxia = text_of(rows[1])
    told = "02:14:20 crew 2 , SpO2 low hypoxia 4.14 s 4.14 s 1 min 39 s 14 min 04 s 4.15 s 6 s 8 min 37 s 8 min 37 s"
    assert hypoxia == f"{told} 8 min 41 s 20 min 08 s"
    assert 'title="surgeon told: 2033-03-10T02:23:01' in rows[1]
    for row in alarms():
        assert str(row["alert"]) in page


def test_an_alarm_told_twice_says_so(page: str) -> None:
    assert page.count("told 2 times") == 1


def test_an_alarm_without_a_receipt_says_why(page: str) -> None:
    seconds = [text_of(row) for row in re.findall(r'<tr class="second">.*?</tr>', page, flags=re.DOTALL)]
    no_receipt = "no receipt on Mars before the end of the run"
    not_told = "the flight surgeon was not told before the end of the run"
    expected = [
        not_told if row.get("told_us") is None else no_receipt if row["seen_on_mars_us"] is None else ""
        for row in alarms()
    ]
    assert {no_receipt, not_told, ""} == set(expected)
    for second, why in zip(seconds, expected, strict=True):
        assert [words for words in (no_receipt, not_told) if words in second] == ([why] if why else [])


def test_delays_at_a_glance_say_that_technical_alarms_are_apart(page: str) -> None:
    (technical,) = (row for row in alarms() if row["technical"])
    assert technical["told_us"] - technical["onset_us"] > 14 * HOUR_US, "later than what the headline says"
    text = text_of(section(page, "clinic"))
    assert "until the crew knew median; at most 7.14 s; technical alarms apart" in text
    assert "until Earth knew median; at most 10 h 13 min; technical alarms apart" in text


def test_what_each_planet_knew_is_drawn_with_its_delay(page: str) -> None:
    clinic = section(page, "clinic")
    for text in (
        "Earth in reach: light is most of the delay",
        "Earth out of reach: waiting is most of the delay",
        "crew 4.14 s", "Earth 8 min 41 s", "Earth 10 h 13 min",
        "Earth not told", "the run ends", "crew knows", "Earth knows", "waits to leave", "light and transmission",
        "processing on Earth",
    ):  # fmt: skip
        assert text in clinic, text


def test_longest_silence_stands_beside_the_gap(page: str) -> None:
    assert "For up to 14 h 54 min at a time Earth could not have been told" in text_of(section(page, "clinic"))


def test_counts_against_ground_truth_are_tabled(page: str) -> None:
    text = text_of(section(page, "clinic"))
    assert "all 6.16 4 4 100 % 1 min 37 s, 50 min 06 s 6 h 15 min, 10 h 15 min 8 1 0.16 1" in text
    assert f"crew 3 1.03 0 {NONE} {NONE} {NONE} {NONE} 0 0 0.00 1" in text
    assert text.index("crew 6 1.03") < text.index(f"habitat air {NONE} 1 1")
    assert "until 15 min after its end" in text
    assert "not a medical device" in text


def test_those_with_something_to_tell_are_unfolded(page: str) -> None:
    found = re.findall(r'<details class="vitals"( open)?>\n<summary><b>(.*?)</b>', page)
    states = {name: bool(opened) for opened, name in found}
    assert states == {f"Crew {k}": k != 6 for k in range(1, 7)} | {"Habitat air": True}


def test_vitals_name_quantities_units_and_episodes(page: str) -> None:
    clinic = section(page, "clinic")
    for text in ("heart rate", "mmHg", "oxygen given", "consciousness", "cabin pressure", "kPa", "close-up", "sepsis"):
        assert f">{text}<" in clinic, text
    assert "Recorded but not drawn: activity_mg , rr_interval_ms" in text_of(clinic)


def test_idle_channels_take_no_room(tmp_path: Path) -> None:
    page = page_of(write_clinic(tmp_path, crew=1, quiet=True))
    assert ">heart rate<" in page
    assert ">consciousness<" not in page
    assert ">oxygen given<" not in page


def test_one_scale_serves_every_crew_member(first_sol: Path) -> None:
    signs = Result.load(first_sol).tables["vitals"]
    scales = limits(signs)
    for quantity in QUANTITIES:
        rows = signs[signs["channel"].isin(quantity.channels)]
        if len(rows):
            low, high = scales[quantity.label]
            assert low <= rows["min"].min() * quantity.scale
            assert rows["max"].max() * quantity.scale <= high
            assert high - low >= quantity.span


def test_no_channel_has_two_panels() -> None:
    assert len(drawn_channels()) == sum(len(quantity.channels) for quantity in QUANTITIES)


def test_a_lead_that_was_off_is_a_gap(first_sol: Path, page: str) -> None:
    signs = Result.load(first_sol).tables["vitals"]
    off = signs[(signs["crew"] == 3) & (signs["channel"] == "spo2_pct") & signs["median"].isna()]
    assert len(off) == 20
    figure = re.search(r"<b>Crew 3</b>.*?<svg.*?</svg>", page, flags=re.DOTALL)
    other = re.search(r"<b>Crew 6</b>.*?<svg.*?</svg>", page, flags=re.DOTALL)
    assert figure is not None
    assert other is not None
    lines = [path for path in re.findall(r' d="([^"]*)"', figure[0]) if len(path) > 1_000]
    unbroken = [path for path in re.findall(r' d="([^"]*)"', other[0]) if len(path) > 1_000]
    assert any(path.count("M") == 2 for path in lines)
    assert all(path.count("M") == 1 for path in unbroken)


def test_bound_of_an_alert_is_folded_term_by_term(page: str) -> None:
    row = re.search(r"<tr class=\"held\">\n<td><b>alert_latency</b>.*?</details>", page, flags=re.DOTALL)
    assert row is not None
    terms = "owlt 8 min 31 s contact_wait 6 h 56 min 1 R 18 min 02 s 60 s 1 min bound 7 h 24 min"
    assert text_of(row[0]).endswith(f"the bound, term by term {terms}")


def test_ledger_shows_equal_counts_and_both_planets(page: str) -> None:
    text = text_of(section(page, "ledger"))
    assert "✓ counts are equal" in text
    assert "frames in the ledger on Mars 8 889" in text
    assert "last cosigned on Mars 2033-03-11 00:40:00 UTC" in text
    assert "last cosigned on Earth 2033-03-11 00:30:00 UTC" in text
    assert "cosigned on Earth" in text
    assert "✓ append_only" in text


def test_ledger_that_differs_is_called_so(tmp_path: Path) -> None:
    text = text_of(page_of(write_clinic(tmp_path, crew=1, quiet=True, ledger=LEDGER | {"rows": 8_886})))
    assert "✕ counts differ : 3 more on Mars" in text


def test_texts_of_rules_and_episodes_cannot_become_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    write_clinic(tmp_path, crew=2)
    rows = [row | {"text": evil, "alert": f"dev-1/{evil}"} for row in alarms()]
    typed_alarms(rows).to_parquet(tmp_path / "tables" / "alarms.parquet")
    path = tmp_path / "tables" / "episodes.parquet"
    pd.read_parquet(path, dtype_backend="numpy_nullable").assign(kind=evil).to_parquet(path)
    page = page_of(tmp_path)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_quiet_sol_says_that_there_was_nothing_to_tell(tmp_path: Path) -> None:
    page = page_of(write_clinic(tmp_path, crew=1, quiet=True))
    text = text_of(section(page, "clinic"))
    assert "No episode was scripted and no alarm was raised in 1.03 patient-days" in text
    assert "Alarms against ground truth" not in text
    assert page.count('<details class="vitals" open>') == 1


def test_alarms_without_episodes_are_all_false(tmp_path: Path) -> None:
    folder = small(tmp_path, [alarm(1, "spo2_pct.low", 3, START_US + HOUR_US, None)])
    text = text_of(section(page_of(folder), "clinic"))
    assert "every alarm here is a false one" in text
    assert "hollow: in no episode" in text


def test_episode_without_any_alarm_renders(tmp_path: Path) -> None:
    write_clinic(tmp_path, crew=2)
    typed_alarms([]).to_parquet(tmp_path / "tables" / "alarms.parquet")
    text = text_of(section(page_of(tmp_path), "clinic"))
    assert "No alarm was raised." in text
    assert "there is no gap to draw" in text


def test_alarm_of_which_only_the_end_is_known_renders(tmp_path: Path) -> None:
    bare = NO_ALARM | {
        "alert": "dev-1/ep-1/0/x", "stream": "vitals-1", "crew": 1, "rule": "x", "text": "x", "technical": 0,
        "priority": 0, "times_told": 1, "told_us": START_US + HOUR_US,
    }  # fmt: skip
    assert "crew not told" in page_of(small(tmp_path, [bare]))


def test_many_alarms_are_capped_and_the_rest_counted(tmp_path: Path) -> None:
    rows = [alarm(1, "spo2_pct.low", 3, START_US + k * MINUTE_US, None) for k in range(300)]
    page = page_of(small(tmp_path, rows))
    assert len(page) < 1_000_000
    assert page.count('<tr class="first">') == 60
    assert "240 more are in the table" in text_of(page)
    assert "284 more are in the table" in text_of(page)


def test_run_without_devices_says_what_it_leaves_out(tmp_path: Path) -> None:
    text = text_of(page_of(write_run(tmp_path / "idle", devices=0)))
    assert "its vital signs and its alarms: no device produced a sample." in text
    text = text_of(page_of(write_bare_run(tmp_path / "bare")))
    assert "its alarms: the scenario has nodes and flows, but no habitat." in text
    assert "The ledger and its audit: bundle nodes keep none." in text


def test_frames_that_no_edge_accepted_are_told(tmp_path: Path) -> None:
    records = {"accepted": 9, "delivered": 9, "lost": 0, "in_flight": 0, "never_accepted": 4}
    text = text_of(page_of(write_run(tmp_path, devices=1, frames=9, records=records)))
    assert "4 more were signed by their device, but no edge ever accepted them." in text


def test_blocks_and_tables_come_back_typed(first_sol: Path) -> None:
    result = Result.load(first_sol)
    clinic, ledger = result.document.clinic, result.document.ledger
    assert clinic is not None
    assert ledger is not None
    assert clinic.total.delay_earth_s.known == 3
    assert clinic.model_dump()["total"] == tally(6, quiet=False)["total"]
    assert ledger.rows == LEDGER["rows"]
    for name in ("vitals", "alarms", "episodes", "checkpoints"):
        assert list(result.tables[name].columns) == list(TABLES[name])
    assert result.tables["alarms"]["told_us"].isna().sum() == 1
    assert [guarantee.key for guarantee in result.guarantees] == list(CLINIC_HELD)
