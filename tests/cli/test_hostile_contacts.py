"""What nobody should ask of `twin contacts` is answered by one line: subject, rule, place and remedy; exit 2."""

import sys
from pathlib import Path

import numpy as np
import pytest

from twin import cli
from twin.experiments.planned import planned_contacts
from twin.experiments.sky_plan import plan_of
from twin.scenario import load_scenario
from twin.scenario.errors import ScenarioError
from twin.world.elements import Elements
from twin.world.orbits import KeplerOrbit
from twin.world.timescales import us_to_utc, utc_to_us

HOUR_US = 3_600_000_000
START_US = utc_to_us("2033-03-10T00:00:00Z")
SCENARIO = """\
name: hostile
start: 2033-03-10T00:00:00Z
duration: 1 h
habitat: {site: jezero, crew: 1}
network: {relays: [{name: %s, orbit: %s}], apertures: %s}
"""


@pytest.fixture
def answer(tmp_path, monkeypatch, capsys):
    """Exit code, stdout and stderr of `twin contacts` on a scenario with one relay."""

    def ask(name="mro", orbit="mro-like", apertures="null", options=()):
        file = tmp_path / "hostile.yaml"
        file.write_text(SCENARIO % (name, orbit, apertures), encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["twin", "contacts", str(file), *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return ask


def refused(answered, *said):
    code, out, error = answered
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert error.startswith("twin: ")
    assert "hostile.yaml" in error
    for words in said:
        assert words in error


@pytest.mark.parametrize(
    "name", ["earth", "earth-2", "habitat", "edge-1", "edge-77", "auditor", "gateway", "vitals-1", "mars"]
)
def test_a_relay_takes_no_other_nodes_name(name, answer):
    refused(answer(name), f"network.relays[0].name = {name}: is the name of another node", "a name of its own")


def test_a_relay_holds_at_least_one_full_bundle(answer):
    where = ("--set", "network.relays.0.storage=64 kB")
    code, out, error = answer(options=where)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert error.startswith("twin: network.relays[0].storage = 64 kB: mro holds no bundle with a payload of 64 kB ")
    assert "(pipeline.bundle_bytes_max)" in error
    assert "give at least 65 kB, or make bundles smaller" in error
    assert answer(options=("--set", "network.relays.0.storage=65 kB"))[0] == 0


@pytest.mark.parametrize(
    ("name", "owner"),
    [("DSS-14", "a station on Earth"), ("DSS-55", "a station on Earth"), ("jezero", "the habitat's site")],
)
def test_a_relay_takes_no_name_of_a_planet_a_station_or_the_site(name, owner, answer):
    refused(answer(name), f"network.relays[0].name = {name}: is the name of {owner} (", "a name of its own")


@pytest.mark.parametrize(
    ("orbit", "said"),
    [
        ("{like: mro-like, longitude: 20 deg}", "like says the whole orbit, longitude included"),
        ("{like: tgo-like, inclination: 20 deg}", "drop inclination, or like"),
        ("{longitude: 20 deg, eccentricity: 0.1}", "drop eccentricity, or longitude"),
        ("{oem: some.oem, raan: 20 deg}", "drop raan, or oem"),
        ("{oem: some.oem}", "some.oem"),
        ("{semi_major_axis: 3000 km, inclination: 9 deg, argument_of_latitude: 0 deg}", "above Mars's surface"),
    ],
)
def test_an_orbit_is_said_once(orbit, said, answer):
    refused(answer(orbit=orbit), "network.relays[0].orbit", said)


def test_the_areostationary_relay_of_the_catalogue_may_stand_elsewhere(answer):
    code, out, error = answer(orbit="{like: areostationary, longitude: 20 deg}", options=["--geometry"])
    assert (code, error) == (0, "")
    assert "site-relay" in out


def write_oem(path: Path, until_us: int) -> None:
    orbit = KeplerOrbit(Elements(START_US, 3696.19, 0.0, 93.0, 43.9, 0.0, 0.0))
    us = np.arange(START_US, until_us + 1, 60_000_000)
    speed = orbit.position_km(us + 500_000) - orbit.position_km(us - 500_000)
    rows = [
        " ".join((us_to_utc(int(at_us))[:-1], *(f"{value:.6f}" for value in (*at_km, *moves))))
        for at_us, at_km, moves in zip(us, orbit.position_km(us), speed, strict=True)
    ]
    first, last = us_to_utc(int(us[0]))[:-1], us_to_utc(int(us[-1]))[:-1]
    path.write_text(
        "CCSDS_OEM_VERS = 2.0\nCREATION_DATE = 2030-01-01T00:00:00\nORIGINATOR = TEST\nMETA_START\nOBJECT_NAME = MRO\n"
        "OBJECT_ID = 2005-029A\nCENTER_NAME = MARS\nREF_FRAME = ICRF\nTIME_SYSTEM = UTC\n"
        f"START_TIME = {first}\nSTOP_TIME = {last}\nINTERPOLATION = HERMITE\nINTERPOLATION_DEGREE = 7\nMETA_STOP\n"
        + "\n".join(rows)
        + "\n",
        encoding="utf-8",
    )


def test_a_table_must_reach_as_far_as_the_plan(tmp_path, answer):
    """From the scenario's start to its end, not to when a run would have drained."""
    write_oem(tmp_path / "exact.oem", START_US + HOUR_US)
    whole = answer(orbit="{oem: exact.oem}", options=["--csv"])
    assert whole[0] == 0
    assert "mro,earth," in whole[1]
    code, out, error = answer(orbit="{oem: exact.oem}", options=["--geometry"])
    assert (code, error) == (0, "")
    assert "relay-earth" in out
    write_oem(tmp_path / "long.oem", START_US + 6 * 24 * HOUR_US)
    assert answer(orbit="{oem: long.oem}", options=["--csv"]) == whole
    for options in ([], ["--geometry"]):
        refused(
            answer(orbit="{oem: exact.oem}", options=["--set", "duration=90 min", *options]),
            "relay mro: ",
            "exact.oem lacks 2033-03-10T01:00:00.000Z to 2033-03-10T01:30:00.000Z",
            "import a longer table",
        )


def test_an_orbit_file_stands_beside_the_file_that_names_it(tmp_path, answer):
    write_oem(tmp_path / "exact.oem", START_US + HOUR_US)
    assert answer(orbit="{oem: exact.oem}")[0] == 0
    below = tmp_path / "below"
    below.mkdir()
    (below / "own.yaml").write_text("extends: ../hostile.yaml\n", encoding="utf-8")
    scenario = load_scenario(below / "own.yaml")
    assert scenario.network.relays[0].orbit.oem == str(tmp_path / "exact.oem")
    assert "earth" in planned_contacts(scenario).neighbours("mro")


def test_a_run_needs_orbits_until_it_has_drained(tmp_path, answer):
    write_oem(tmp_path / "exact.oem", START_US + HOUR_US)
    assert answer(orbit="{oem: exact.oem}")[0] == 0
    with pytest.raises(ScenarioError, match=r"exact\.oem lacks .* some sols beyond the scenario's end to drain"):
        plan_of(load_scenario(tmp_path / "hostile.yaml"))


@pytest.mark.parametrize(
    "apertures",
    [
        "{uplink_turn: 1 us}",
        "{track_max: 1 s, track_min: 0 s}",
        "{maintenance: [{station: DSS-14, from: 0 s, for: 3 us, every: 4 us}]}",
    ],
)
def test_antennas_are_not_planned_by_the_microsecond(apertures, answer):
    refused(answer(apertures=apertures), "network.apertures.", "1 min")


def test_a_link_that_loses_every_frame_is_none(answer):
    lossy = "mro-like, proximity: {frame_loss: 100 %}"
    refused(answer(orbit=lossy), "proximity.frame_loss = 100 %: nothing comes through", "less than 100 %")
    for loss, carries in (("1 %", True), ("99.99999 %", False)):
        orbit = f"mro-like, proximity: {{frame_loss: {loss}}}"
        code, out, error = answer(orbit=orbit, options=["--csv", "--set", "duration=4 h"])
        assert code == 0
        assert ("no way leads from the habitat to Earth" in error) is not carries
        assert ("habitat,mro," in out) is carries


@pytest.mark.parametrize(
    "fault",
    [
        "{kind: bundle_forgery, link: down, at: 30 min}",
        "{kind: bundle_forgery, link: up, at: 30 min}",
        "{kind: frame_forgery, link: down, device: vitals-1, at: 30 min}",
    ],
)
def test_what_is_forged_on_the_direct_link_needs_one(fault, answer):
    relayed = ["--set", "network.direct_to_earth=null", "--set", f"faults=[{fault}]"]
    code, out, error = answer(options=relayed)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "faults[0].link" in error
    assert "the habitat has no radio to Earth" in error
    assert "or drop the fault" in error
    assert answer(options=["--set", f"faults=[{fault}]"])[0] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--json", "--csv"], "one is printed"),
        (["--geometry", "--ion"], "visibility has no rates"),
        (["--geometry", "--hdtn", "--plot", "plan.png"], "visibility has no rates"),
        (["--plot", "plan.xyz"], "end it in .png, .svg, .pdf"),
        (["--plot", "/proc/plan.png"], "name a place that you may write to"),
        (["--set", "network.stations=[DSS-99]"], "unknown station DSS-99"),
    ],
)
def test_what_contacts_cannot_print_is_refused(options, said, answer, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, error = answer(options=options)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert said in error
    assert not list(tmp_path.glob("plan*"))


def test_a_second_is_long_enough_and_64_edges_are_not_too_many(answer):
    assert answer(options=["--set", "duration=1 s"])[0] == 0
    code, out, _ = answer(options=["--set", "habitat.edge_nodes=64", "--set", "duration=4 h", "--csv"])
    assert code == 0
    assert "habitat,mro," in out
