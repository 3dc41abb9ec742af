"""What devices of a scenario measure: one person each, the air, or a recording; whatever is added moves no one else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from twin.channels import AIR, NO_READING, VITALS
from twin.experiments.identities import devices_of
from twin.experiments.run import run
from twin.experiments.sensors import hiccups_of, source_of, typical_rows
from twin.scenario import HabitatScenario, ScenarioError, load_scenario, parse_scenario
from twin.scenario.sensor_faults import SensorFault

SAMPLES = 5 * 3_600
SPO2, AWARE = VITALS.index("spo2_pct"), VITALS.index("consciousness_acvpu")
TEXT = """\
name: small
start: 2033-03-10T00:00:00Z
duration: 5 h
seed: 3
habitat:
  site: jezero
  crew: 3
  devices: [{kind: vitals_monitor}]
"""
AIR_TOO = TEXT.replace("{kind: vitals_monitor}", "{kind: vitals_monitor}, {kind: air_monitor}")
HYPOXIA = "episodes: [{kind: hypoxia, crew: 2, at: 1 h, for: 40 min}]\n"


def habitat(text: str) -> HabitatScenario:
    scenario = parse_scenario(text, "small.yaml")
    assert isinstance(scenario, HabitatScenario)
    return scenario


def trouble(kind: str, device: str, **more: Any) -> SensorFault:
    found: SensorFault = TypeAdapter(SensorFault).validate_python(
        {"kind": kind, "device": device, "at": "2 h", "for": "10 min", **more}
    )
    return found


def samples(text: str, *faults: SensorFault) -> dict[str, np.ndarray]:
    scenario = habitat(text)
    return {d.name: source_of(scenario, d, 0, faults).block(0, SAMPLES) for d in devices_of(scenario)}


def moved(then: dict[str, np.ndarray], now: dict[str, np.ndarray]) -> list[str]:
    return [name for name in then if not np.array_equal(then[name], now[name])]


@pytest.fixture(scope="module", name="before")
def undisturbed() -> dict[str, np.ndarray]:
    return samples(TEXT)


def test_an_episode_moves_one_person_in_its_window(before: dict[str, np.ndarray]) -> None:
    now = samples(TEXT + HYPOXIA)
    assert moved(before, now) == ["vitals-2"]
    rows = np.flatnonzero((now["vitals-2"] != before["vitals-2"]).any(axis=1))
    assert rows[0] >= 3_600
    assert rows[-1] < 6_000


def test_an_episode_more_moves_no_other_episode() -> None:
    one = samples(TEXT + HYPOXIA)
    two = samples(
        TEXT + HYPOXIA.replace("episodes: [", "episodes: [{kind: hypoxia, crew: 2, at: 10 min, for: 30 min}, ")
    )
    assert not np.array_equal(one["vitals-2"], two["vitals-2"])
    assert np.array_equal(one["vitals-2"][3_600:], two["vitals-2"][3_600:])


def test_a_decompression_moves_everybody_and_the_air() -> None:
    then = samples(AIR_TOO)
    now = samples(AIR_TOO + "episodes: [{kind: decompression, at: 1 h, for: 40 min}]\n")
    assert moved(then, now) == ["vitals-1", "vitals-2", "vitals-3", "air-1"]
    falls = {name: int(np.flatnonzero(rows[:, SPO2] < 90)[0]) for name, rows in now.items() if name != "air-1"}
    assert len(set(falls.values())) > 1


@pytest.mark.parametrize(
    "larger",
    [
        TEXT.replace("crew: 3", "crew: 4"),
        AIR_TOO,
        TEXT.replace("[{kind: vitals_monitor}]", "[{kind: vitals_monitor}, {kind: vitals_monitor, artefacts: true}]"),
    ],
    ids=["one more in the crew", "an air monitor", "a second group"],
)
def test_who_comes_later_moves_nobody(larger: str, before: dict[str, np.ndarray]) -> None:
    now = samples(larger)
    assert len(now) > len(before)
    assert moved(before, now) == []


@pytest.mark.parametrize("kind", ["lead_off", "motion_artefact", "sensor_stuck"])
def test_a_trouble_moves_its_device_in_its_window(kind: str, before: dict[str, np.ndarray]) -> None:
    now = samples(TEXT, trouble(kind, "vitals-3"))
    assert moved(before, now) == ["vitals-3"]
    rows = np.flatnonzero((now["vitals-3"] != before["vitals-3"]).any(axis=1))
    assert rows[0] >= 7_200
    assert rows[-1] < 7_800


@pytest.mark.parametrize("kind", ["sensor_duplicate", "sensor_late"])
def test_a_trouble_of_deliveries_moves_no_sample(kind: str, before: dict[str, np.ndarray]) -> None:
    fault = trouble(kind, "vitals-3")
    assert moved(before, samples(TEXT, fault)) == []
    scenario = habitat(TEXT)
    found = [hiccups_of(scenario, device, [fault]) for device in devices_of(scenario)]
    assert [len(hiccups) for hiccups in found] == [0, 0, 1]
    ((hiccup,),) = [hiccups for hiccups in found if hiccups]
    assert hiccup.from_us == scenario.start_us + 7_200_000_000
    assert (hiccup.delay_us > 0) == (kind == "sensor_late")


def test_two_troubles_draw_apart() -> None:
    motion = trouble("motion_artefact", "vitals-3")
    later = trouble("motion_artefact", "vitals-3", at="3 h")
    alone, both = samples(TEXT, motion), samples(TEXT, motion, later)
    assert np.array_equal(alone["vitals-3"][:10_800], both["vitals-3"][:10_800])
    assert not np.array_equal(alone["vitals-3"], both["vitals-3"])


def test_troubles_of_one_kind_draw_apart_even_where_they_begin_together() -> None:
    scenario = habitat(TEXT)
    device = devices_of(scenario)[2]
    twice = [trouble("sensor_duplicate", "vitals-3")] * 2
    one, other = hiccups_of(scenario, device, twice)
    assert one.random.random() != other.random.random()
    moving = [trouble("motion_artefact", "vitals-3")] * 2
    once, both = samples(TEXT, moving[0]), samples(TEXT, *moving)
    assert ((once["vitals-3"] != both["vitals-3"]).any(axis=1)).sum() > 10


def test_natural_artefacts_are_switched_per_group(before: dict[str, np.ndarray]) -> None:
    now = samples(TEXT.replace("kind: vitals_monitor", "kind: vitals_monitor, artefacts: true"))
    assert moved(before, now)
    assert any((rows == NO_READING).any() for rows in now.values())


def test_a_recording_takes_the_place_of_one_person_s_samples(tmp_path: Path, before: dict[str, np.ndarray]) -> None:
    (tmp_path / "two.csv").write_text("time [s],spo2_pct [%]\n0,91\n1,90\n3,89\n")
    file = tmp_path / "small.yaml"
    replay = "kind: vitals_monitor, replay: [{crew: 2, path: two.csv, gaps: no_reading}]"
    file.write_text(TEXT.replace("kind: vitals_monitor", replay))
    scenario = load_scenario(file)
    assert isinstance(scenario, HabitatScenario)
    now = {d.name: source_of(scenario, d, 0).block(0, SAMPLES) for d in devices_of(scenario)}
    assert moved(before, now) == ["vitals-2"]
    assert now["vitals-2"][:5, SPO2].tolist() == [91, 90, NO_READING, 89, NO_READING]
    assert (now["vitals-2"][:, AWARE] == NO_READING).all()


def test_a_recording_that_is_wrong_stops_the_run_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text("time [s],spo2_pct [%]\n0,91\n1,900\n")
    file = tmp_path / "small.yaml"
    file.write_text(TEXT.replace("kind: vitals_monitor", "kind: vitals_monitor, replay: [{crew: 2, path: two.csv}]"))
    with pytest.raises(ScenarioError, match=r"spo2_pct \[%\] = 900: a value lies from 0 to 100 % \(.*two\.csv:3\)"):
        run(load_scenario(file), tmp_path / "run")


def test_devices_know_their_kind_their_columns_and_whom_they_watch() -> None:
    scenario = habitat(AIR_TOO)
    devices = devices_of(scenario)
    assert [(d.name, d.kind, d.crew) for d in devices] == [
        ("vitals-1", "vitals_monitor", 1),
        ("vitals-2", "vitals_monitor", 2),
        ("vitals-3", "vitals_monitor", 3),
        ("air-1", "air_monitor", 0),
    ]
    assert [d.channels for d in devices] == [VITALS, VITALS, VITALS, AIR]
    assert [len(typical_rows(scenario, d)[0]) for d in devices] == [10, 10, 10, 3]
