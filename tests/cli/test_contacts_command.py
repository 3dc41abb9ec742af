"""`twin contacts`: the plan that a scenario's sky makes, for people and for other tools."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twin.cli import app
from twin.network.formats.hdtn import read_hdtn
from twin.network.formats.ion_reader import read_ion
from twin.world.timescales import utc_to_us

TABLES = Path(__file__).parents[1] / "reference"
SKY = """
name: sky
start: 2033-03-10T00:00:00Z
duration: 5 sol
habitat: {site: {latitude: 18.4447, longitude: 77.4508}, crew: 0, devices: []}
network:
  relays:
    - name: relay
      orbit: {epoch: 2033-03-10T00:00:00Z, semi_major_axis: "3696.19 km", eccentricity: 0, inclination: "93 deg",
              raan: "43.871705 deg", argument_of_latitude: "0 deg"}
      min_elevation: "10 deg"
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sky") / "sky.yaml"
    path.write_text(SKY)
    return path


def printed(*words: str | Path) -> str:
    done = CliRunner().invoke(app, ["contacts", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def refused(*words: str | Path) -> str:
    done = CliRunner().invoke(app, ["contacts", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 2
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    return line


def table(name: str) -> list[dict[str, str]]:
    with (TABLES / f"{name}.csv").open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def edges_off_s(found: list[dict[str, str]], rows: list[dict[str, str]]) -> float:
    """The largest error of a start or an end [s]; the table's own cuts aside."""
    return max(
        abs(utc_to_us(sight[f"{edge}_utc"]) - utc_to_us(row[f"{edge}_utc"])) / 1e6
        for sight, row in zip(found, rows, strict=True)
        for edge in ("start", "end")
        if edge not in row.get("clipped", "")
    )


def test_geometry_is_that_of_spice(scenario: Path) -> None:
    sights = json.loads(printed(scenario, "--geometry", "--json"))
    of = {(s["kind"], s["from"], s["to"]): [] for s in sights}
    for sight in sights:
        of[sight["kind"], sight["from"], sight["to"]].append(sight)
    passes = [row for row in table("relay_passes") if (row["window"], row["site"]) == ("A", "jezero")]
    assert edges_off_s(of["site-relay", "custom", "relay"], passes) < 2
    rows = table("relay_earth_visibility")
    earth = [r for r in rows if (r["window"], r["relay"], r["body"]) == ("A", "mro_like", "earth")]
    assert edges_off_s(of["relay-earth", "relay", "earth"][: len(earth) - 1], earth[:-1]) < 2
    stations = {
        "start_utc": "rise_utc",
        "end_utc": "set_utc",
    }
    for name in ("DSS-14", "DSS-43", "DSS-63"):
        rows = [r for r in table("dsn_visibility") if (r["window"], r["station"]) == ("A", name)]
        renamed = [{**row, **{ours: row[theirs] for ours, theirs in stations.items()}} for row in rows[:4]]
        assert edges_off_s(of["station-mars", name, "mars"][:4], renamed) < 2


def test_the_plan_as_json_says_who_when_how_fast_and_how_far(scenario: Path) -> None:
    contacts = json.loads(printed(scenario, "--json"))
    assert set(contacts[0]) == {"from", "to", "start_utc", "end_utc", "rate_bps", "owlt_s", "via"}
    end_us = utc_to_us("2033-03-15T03:17:56.220Z")
    assert all(utc_to_us(c["start_utc"]) < utc_to_us(c["end_utc"]) <= end_us for c in contacts)
    pairs = {(c["from"], c["to"]) for c in contacts}
    assert {("habitat", "relay"), ("relay", "habitat"), ("relay", "earth"), ("earth", "relay")} <= pairs
    assert {c["via"] for c in contacts if c["to"] == "earth"} == {"DSS-14", "DSS-43", "DSS-63"}


def test_ion_and_hdtn_read_back_promise_no_more_than_the_plan(scenario: Path) -> None:
    planned = json.loads(printed(scenario, "--json"))
    volume = sum(c["rate_bps"] * (utc_to_us(c["end_utc"]) - utc_to_us(c["start_utc"])) / 1e6 for c in planned)
    for form, read in (("--ion", read_ion), ("--hdtn", read_hdtn)):
        plan = read(printed(scenario, form)).plan
        found = sum(c.rate_bps * (c.end_us - c.start_us) / 1e6 for c in plan.contacts)
        assert 0.99 * volume < found <= volume, form


def test_the_habitats_antenna_is_promised_once_however_many_nodes_share_it(scenario: Path) -> None:
    for form in ("--json", "--csv", "--ion", "--hdtn"):
        text = printed(scenario, form)
        assert printed(scenario, form, "--set", "habitat.edge_nodes=3") == text
        assert "habitat" in text
        assert "edge-" not in text


def test_after_2038_ion_and_hdtn_count_from_the_start(scenario: Path) -> None:
    late = ("--set", "start=2039-01-01T00:00:00Z", "--set", "duration=6 h")
    whole = [c["start_utc"] for c in json.loads(printed(scenario, "--json", *late))]
    for form, read in (("--ion", read_ion), ("--hdtn", read_hdtn)):
        assert "--relative" in refused(scenario, form, *late)
        found = read(printed(scenario, form, "--relative", *late)).plan.contacts
        assert len(found) == len(whole)
        assert all(0 <= c.start_us - utc_to_us(at) < 1_000_000 for c, at in zip(found, whole, strict=True))
    assert "give --ion or --hdtn" in refused(scenario, "--json", "--relative")


def test_csv_has_a_row_for_each_contact(scenario: Path) -> None:
    rows = list(csv.DictReader(io.StringIO("".join(
        line for line in printed(scenario, "--csv").splitlines(keepends=True) if not line.startswith("#")
    ))))  # fmt: skip
    assert len(rows) == len(json.loads(printed(scenario, "--json")))


def test_geometry_as_csv_is_the_geometry_as_json(scenario: Path) -> None:
    comment, *lines = printed(scenario, "--geometry", "--csv").splitlines()
    assert comment.startswith("# who sees whom")
    rows = list(csv.DictReader(lines))
    assert rows == json.loads(printed(scenario, "--geometry", "--json"))
    assert {row["kind"] for row in rows} == {"site-earth", "site-relay", "relay-earth", "station-mars"}


def test_geometry_is_drawn_with_a_row_for_each_pair_beside_any_form(scenario: Path, tmp_path: Path) -> None:
    for form in ((), ("--json",), ("--csv",)):
        picture = tmp_path / "sights.svg"
        alone = printed(scenario, "--geometry", *form)
        assert printed(scenario, "--geometry", *form, "--plot", picture) == alone
        told = re.findall(r">([^<>]+)</text>", picture.read_text(encoding="utf-8"))
        assert {"custom ↔ relay", "relay ↔ earth", "DSS-14 ↔ mars", "site-relay", "Who sees whom: sky"} <= set(told)
        passes = [
            sight for sight in json.loads(printed(scenario, "--geometry", "--json")) if sight["kind"] == "site-relay"
        ]
        open_us = sum(utc_to_us(one["end_utc"]) - utc_to_us(one["start_utc"]) for one in passes)
        assert f"{len(passes)} times, {100 * open_us / (5 * 88_775_244_000):.0f} %" in told
        picture.unlink()


def test_people_read_one_habitat_and_a_line_for_each_pair(scenario: Path, tmp_path: Path) -> None:
    text = printed(scenario, "--plot", tmp_path / "plan.png")
    assert "habitat  relay" in text
    assert "edge-1" not in text
    assert "longest gap" in text
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_questions_without_an_answer_are_refused_in_one_line(scenario: Path, tmp_path: Path) -> None:
    assert "choose one" in refused(scenario, "--json", "--csv")
    for router in ("--ion", "--hdtn"):
        assert f"geometry with {router}: visibility has no rates" in refused(scenario, "--geometry", router)
    assert "end it in" in refused(scenario, "--geometry", "--plot", tmp_path / "plan.gif")
    assert "end it in" in refused(scenario, "--plot", tmp_path / "plan.gif")
    assert "no such file" in refused(scenario, "--plot", tmp_path / "no" / "plan.png").lower()
    bare = Path(__file__).parents[2] / "scenarios" / "bench" / "chain3.yaml"
    assert "have no sky" in refused(bare, "--geometry")
    assert {"S", "R", "D"} >= {c["from"] for c in json.loads(printed(bare, "--json"))}


def test_people_read_what_shared_antennas_do_and_whether_any_way_leads_to_earth(scenario: Path) -> None:
    shared = printed(scenario, "--set", "network.apertures={}")
    assert "nobody does" in shared
    assert "nobody does" not in printed(scenario)
    far = "network.relays=[{name: far, orbit: {longitude: 60}}]"  # without directed antennas UHF does not reach it
    words = [str(scenario), "--set", "network.direct_to_earth=null", "--set", far]
    done = CliRunner().invoke(app, ["contacts", *words], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "twin: no way leads from the habitat to Earth in this time",
        "twin: no way leads from Earth to the habitat in this time",
    ]


def test_the_storage_that_the_longest_silence_takes_stands_under_the_plan() -> None:
    *_, first, second = printed(Path(__file__).parents[2] / "scenarios" / "conjunction.yaml").splitlines()
    said = "needs 6.6 MB of its 8 GB for what is measured in 24.4 days without an ack, 2030-05-13T02:00Z to 2030-06-06T"
    assert first.startswith(f"edge-1 {said}")
    assert second.startswith(f"edge-2 {said}")
