"""Episodes, replays, devices and troubles of sensors in scenario files: what is understood and what is refused."""

import pytest
from examples import HABITAT, refusal_of
from pydantic import TypeAdapter

from twin.scenario import HabitatScenario, parse_scenario
from twin.scenario.episodes import EpisodeWindow, windows_of
from twin.scenario.errors import RuleError
from twin.scenario.sensor_faults import LeadOff, SensorFault, SensorLate, check_sensor_fault

WITH_AIR = HABITAT.replace("crew: 6", "crew: 6, devices: [{kind: vitals_monitor}, {kind: air_monitor}]")


def habitat(text: str) -> HabitatScenario:
    scenario = parse_scenario(text, "s.yaml")
    assert isinstance(scenario, HabitatScenario)
    return scenario


def episodes(*lines: str) -> str:
    return HABITAT + "episodes:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


def test_windows_of_episodes_are_house_time_in_order_of_onset() -> None:
    text = episodes(
        "kind: sepsis, crew: 2, at: 6 h, for: 8 h, severity: 0.5",
        "kind: decompression, at: 1 h, for: 40 min",
        "kind: hypoxia, crew: 3, at: 2 h, for: 40 min",
    )
    scenario = habitat(text)
    start, hour = scenario.start_us, 3_600_000_000
    sepsis = EpisodeWindow("sepsis", 2, start + 6 * hour, start + 14 * hour)
    air = EpisodeWindow("decompression", 0, start + hour, start + hour + 2_400_000_000)
    hypoxia = EpisodeWindow("hypoxia", 3, start + 2 * hour, start + 2 * hour + 2_400_000_000)
    assert windows_of(scenario) == [air, hypoxia, sepsis]
    assert windows_of(scenario, crew=2) == [air, sepsis]
    assert scenario.episodes[0].severity_permille == 500


REFUSED = {
    "beyond the crew": (
        episodes("kind: hypoxia, crew: 7, at: 1 h, for: 1 h"),
        "episodes[0].crew = 7: the crew counts 6 (s.yaml:6, episodes[0].crew); choose one of 1 to 6",
    ),
    "beyond the end": (
        episodes("kind: hypoxia, crew: 1, at: 24 h, for: 1 h"),
        "episodes[0].at = 24 h: lasts beyond the end, 1 sol (s.yaml:6, episodes[0].at); begin earlier, ",
    ),
    "overlap": (
        episodes(
            "kind: hypoxia, crew: 1, at: 1 h, for: 1 h",
            "kind: hypoxia, crew: 2, at: 1 h, for: 1 h",
            "kind: hypoxia, crew: 1, at: 90 min, for: 1 h",
        ),
        "episodes[2].at = 90 min: overlaps episodes[0], the same kind (s.yaml:8, episodes[2].at); let one end before",
    ),
    "nobody": (
        episodes("kind: sepsis, at: 1 h, for: 1 h"),
        "episodes[0].kind = sepsis: sepsis befalls one of the crew (s.yaml:6, episodes[0].kind); add `crew: 1`",
    ),
    "one alone": (
        episodes("kind: decompression, crew: 1, at: 1 h, for: 1 h"),
        "episodes[0].crew = 1: a decompression befalls everybody (s.yaml:6, episodes[0].crew); drop `crew`",
    ),
    "too short": (
        episodes("kind: hypoxia, crew: 1, at: 1 h, for: 30 s"),
        "episodes[0].for = 30 s: an episode lasts at least 1 min (s.yaml:6, episodes[0].for); choose a longer time",
    ),
    "too bad": (
        episodes("kind: hypoxia, crew: 1, at: 1 h, for: 1 h, severity: 2"),
        "episodes[0].severity = 2: must be at most 1.5 ",
    ),
    "unknown": (
        episodes("kind: flu, crew: 1, at: 1 h, for: 1 h"),
        "episodes[0].kind = flu: not one of the known words ",
    ),
    "of a recorded person": (
        episodes("kind: hypoxia, crew: 1, at: 1 h, for: 1 h").replace(
            "crew: 6", "crew: 6, devices: [{kind: vitals_monitor, replay: [{crew: 1, path: one.csv}]}]"
        ),
        "episodes[0].crew = 1: a recording is replayed for this member of the crew, and no script changes it ",
    ),
    "air for each": (
        HABITAT.replace("crew: 6", "devices: [{kind: air_monitor, per: crew}]"),
        "habitat.devices[0].per = crew: air is shared (s.yaml:4, habitat.devices[0].per); drop `per`, ",
    ),
    "replay of nobody": (
        HABITAT.replace("crew: 6", "devices: [{kind: vitals_monitor, replay: [{path: one.csv}]}]"),
        "the replay: names none of the crew of 6 (s.yaml:4, habitat.devices[0].replay[0].crew); add `crew: 1`, ",
    ),
    "replay beyond the crew": (
        HABITAT.replace("crew: 6", "devices: [{kind: vitals_monitor, replay: [{crew: 9, path: one.csv}]}]"),
        "the replay: names none of the crew of 6 ",
    ),
    "air of somebody": (
        HABITAT.replace("crew: 6", "devices: [{kind: air_monitor, replay: [{crew: 1, path: air.csv}]}]"),
        "habitat.devices[0].replay[0].crew = 1: these devices are the habitat's ",
    ),
    "replayed twice": (
        HABITAT.replace(
            "crew: 6", "devices: [{kind: vitals_monitor, replay: [{crew: 1, path: a.csv}, {crew: 1, path: b.csv}]}]"
        ),
        "habitat.devices[0].replay[1].path = b.csv: the same devices replay another recording ",
    ),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_happen_is_refused(text: str, words: str) -> None:
    assert refusal_of(text).startswith(words)


def test_episodes_that_touch_or_differ_in_kind_may_follow_each_other() -> None:
    habitat(
        episodes(
            "kind: hypoxia, crew: 1, at: 1 h, for: 1 h",
            "kind: hypoxia, crew: 1, at: 2 h, for: 1 h",
            "kind: sepsis, crew: 1, at: 1 h, for: 8 h",
        )
    )


def test_devices_are_named_by_kind_and_group_and_watch_somebody_or_the_habitat() -> None:
    text = HABITAT.replace(
        "crew: 6",
        "crew: 2, devices: [{kind: air_monitor}, {kind: vitals_monitor}, {kind: vitals_monitor, count: 2}, "
        "{kind: air_monitor, count: 2}, {kind: vitals_monitor, per: habitat}]",
    )
    slots = [(slot.name, slot.crew) for slot in habitat(text).habitat.device_slots]
    assert slots == [
        ("air-1", 0),
        ("vitals-1", 1),
        ("vitals-2", 2),
        ("vitals-2-1", 1),
        ("vitals-2-2", 1),
        ("vitals-2-3", 2),
        ("vitals-2-4", 2),
        ("air-2-1", 0),
        ("air-2-2", 0),
        ("vitals-3-1", 0),
    ]


def trouble(**written: object) -> SensorFault:
    found: SensorFault = TypeAdapter(SensorFault).validate_python(written)
    return found


def test_troubles_of_sensors_are_read_as_written() -> None:
    late = trouble(kind="sensor_late", device="vitals-2", at="1 h", **{"for": "5 min"}, delay="10 s")
    assert isinstance(late, SensorLate)
    assert (late.onset_us, late.cease_us, late.delay_us) == (3_600_000_000, 3_900_000_000, 10_000_000)
    assert (late.place, late.detail) == ("vitals-2", "100 %")
    off = trouble(kind="lead_off", device="vitals-2", at="1 h", **{"for": "5 min"}, channel="spo2_pct")
    assert isinstance(off, LeadOff)
    assert off.detail == "spo2_pct"


@pytest.mark.parametrize(
    ("device", "channel", "rule"),
    [
        ("vitals-7", None, "unknown device"),
        ("air-1", "spo2_pct", "no lead of this device"),
        ("vitals-1", "consciousness_acvpu", "no lead of this device"),
        ("vitals-1", "spo2", "no lead of this device; did you mean spo2_pct?"),
    ],
)
def test_a_trouble_of_what_is_not_there_is_refused(device: str, channel: str | None, rule: str) -> None:
    fault = trouble(kind="lead_off", device=device, at="1 h", **{"for": "5 min"}, channel=channel)
    with pytest.raises(RuleError) as refusal:
        check_sensor_fault(habitat(WITH_AIR), fault, ("faults", 0))
    assert str(refusal.value).startswith(rule)


def test_a_trouble_of_what_is_there_is_taken() -> None:
    for device, channel in (("vitals-6", "heart_rate_bpm"), ("air-1", "ppo2_dapa"), ("air-1", None)):
        fault = trouble(kind="lead_off", device=device, at="1 h", **{"for": "5 min"}, channel=channel)
        check_sensor_fault(habitat(WITH_AIR), fault, ("faults", 0))
