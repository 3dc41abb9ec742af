"""From a scenario's clinic to counts and samples, and the alarms that follow on simulated people."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from twin.channels import AIR, VITALS
from twin.experiments.clinic_settings import hold_samples, watch_of
from twin.pipeline.clinic.alarms import AlarmRules, Change
from twin.pipeline.clinic.bands import Comparators
from twin.pipeline.clinic.watch import Watch, WatchedChannel
from twin.pipeline.wire.body import Samples
from twin.pipeline.wire.identity import RecordId
from twin.randomness import stream
from twin.scenario import HabitatScenario, parse_scenario
from twin.world.air import Air
from twin.world.artefacts import NaturalMotion, Troubled
from twin.world.episodes import Course, Episode
from twin.world.patient import Vitals

HABITAT = """\
name: small
start: 2033-03-10T00:00:00Z
duration: 1 sol
habitat: {site: jezero, crew: 6}
"""
SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US


def scenario(clinic: str = "") -> HabitatScenario:
    parsed = parse_scenario(HABITAT + (f"clinic: {clinic}\n" if clinic else ""))
    assert isinstance(parsed, HabitatScenario)
    return parsed


def channel(watch: Watch, name: str) -> WatchedChannel:
    return next(c for c in watch.channels if c.name == name)


def test_a_watch_has_the_columns_of_its_device() -> None:
    assert tuple(c.name for c in watch_of(scenario(), "vitals_monitor", 1, SECOND_US).channels) == VITALS
    air = watch_of(scenario(), "air_monitor", 0, SECOND_US)
    assert tuple(c.name for c in air.channels) == AIR
    assert air.motion == ""
    assert {c.parameter for c in air.channels} == {""}
    pressure = channel(air, "cabin_pressure_hpa")
    assert (pressure.low, pressure.high, pressure.priority) == (979, 1027, 3)
    assert (channel(air, "ppo2_dapa").low, channel(air, "ppo2_dapa").resolution) == (1950, Fraction(10))


def test_limits_of_one_of_the_crew_are_laid_over_those_of_everybody() -> None:
    given = "{limits: {heart_rate: {low: 45 /min}}, crew: [{member: 2, limits: {heart_rate: {high: 150 /min}}}]}"
    found = [channel(watch_of(scenario(given), "vitals_monitor", n, SECOND_US), "heart_rate_bpm") for n in (1, 2)]
    assert [(c.low, c.high) for c in found] == [(45, 130), (45, 150)]


def test_scale_2_moves_the_default_limit_and_what_counts_as_rest() -> None:
    given = "{crew: [{member: 2, spo2_scale: 2}, {member: 3, spo2_scale: 2, limits: {spo2: {low: 86 %}}}]}"
    watches = [watch_of(scenario(given), "vitals_monitor", n, SECOND_US) for n in (1, 2, 3)]
    assert [w.spo2_scale for w in watches] == [1, 2, 2]
    assert [(channel(w, "spo2_pct").low, channel(w, "spo2_pct").nominal) for w in watches] == [
        (92, 97),
        (84, 90),
        (86, 90),
    ]


def test_a_limit_can_be_switched_off() -> None:
    given = "{limits: {systolic: {low: null, high: null}, spo2: {priority: medium}}}"
    watch = watch_of(scenario(given), "vitals_monitor", 1, SECOND_US)
    assert (channel(watch, "systolic_mmhg").low, channel(watch, "systolic_mmhg").high) == (None, None)
    assert channel(watch, "spo2_pct").priority == 2


@pytest.mark.parametrize(
    "period_us", [10_000, 100_000, 250_000, SECOND_US, 2 * SECOND_US, 5 * SECOND_US, 60 * SECOND_US]
)
@pytest.mark.parametrize("hold_us", [1, SECOND_US, 3 * SECOND_US, 5 * SECOND_US])
@pytest.mark.parametrize(("kind", "crew"), [("vitals_monitor", 1), ("air_monitor", 0)])
def test_no_period_makes_an_alarm_late_or_a_watch_contradict_itself(
    period_us: int, hold_us: int, kind: str, crew: int
) -> None:
    hold = hold_samples(hold_us, period_us)
    assert hold >= 1
    assert (hold - 1) * period_us + SECOND_US <= 5 * SECOND_US
    watch = watch_of(scenario(f"{{hold: {hold_us} us}}"), kind, crew, period_us)
    watch.check()
    assert watch.hold == hold
    assert watch.artefact * period_us <= 10 * SECOND_US


def followed(source: Vitals | Air | Troubled, watch: Watch, hours: int) -> list[tuple[int, Change]]:
    """Changes of alerts with the second at which their frame closed, frames cut as the device would."""
    rows = [tuple(row) for row in source.block(0, hours * 3_600).tolist()]
    rules, device = AlarmRules(watch), Comparators(watch)
    names = tuple(c.name for c in watch.channels)
    low, high, hold = device.initial()
    counts = [0] * len(names)
    held: list[tuple[int, ...]] = []
    found = []
    index = 0
    for second, values in enumerate(rows):
        held.append(values)
        for k, value in enumerate(values):
            below, above = low[k], high[k]
            out = (below is not None and value < below) or (above is not None and value > above)
            counts[k] = counts[k] + 1 if out else 0
        if max(counts) >= hold or len(held) == 60:
            body = Samples(0, SECOND_US, names, tuple(held))
            found += [(second, change) for change in rules.frame(RecordId(1, 1, index), body)]
            programmed = device.after(held)
            if programmed is not None:
                low, high, hold = programmed
                counts = [0] * len(names)
            held, index = [], index + 1
    return found


def vitals(seed: int, *episodes: Episode) -> Vitals:
    courses = [Course(e, stream(seed, "episode", e.kind)) for e in episodes]
    return Vitals(stream(seed, "vitals"), SECOND_US, 0, courses)


@pytest.mark.parametrize("seed", range(4))
def test_somebody_who_is_well_raises_no_alarm_of_high_priority_in_six_hours(seed: int) -> None:
    changes = followed(vitals(seed), watch_of(scenario(), "vitals_monitor", 1, SECOND_US), 6)
    assert [c for _, c in changes if c.priority == 3] == []


@pytest.mark.parametrize("seed", range(4))
def test_hypoxia_is_told_within_five_seconds_of_three_readings_below_the_limit(seed: int) -> None:
    episode = Episode("hypoxia", 1_800 * SECOND_US, 1_800 * SECOND_US, 1_000)
    watch = watch_of(scenario(), "vitals_monitor", 1, SECOND_US)
    changes = followed(vitals(seed, episode), watch, 2)
    second, first = next((s, c) for s, c in changes if c.alert.rule == "spo2_pct.low")
    truth = vitals(seed, episode).block(0, 7_200)[:, VITALS.index("spo2_pct")]
    three = np.flatnonzero((truth[:-2] < 92) & (truth[1:-1] < 92) & (truth[2:] < 92))[0]
    assert 1_800 <= three <= second == three + 2
    assert first.priority == 3
    ended = [s for s, c in changes if c.alert == first.alert and c.state == "latched"]
    assert ended
    assert ended[0] <= 3_700


def test_a_decompression_is_told_by_the_air_monitor() -> None:
    episode = Episode("decompression", 600 * SECOND_US, 1_800 * SECOND_US, 1_000)
    watch = watch_of(scenario(), "air_monitor", 0, SECOND_US)
    changes = followed(Air(stream(3, "air"), SECOND_US, 0, [episode]), watch, 1)
    raised = [(s, c.alert.rule) for s, c in changes if c.state == "active"]
    assert {rule for _, rule in raised} == {"cabin_pressure_hpa.low", "ppo2_dapa.low"}
    assert all(600 < second < 900 for second, _ in raised)
    assert followed(Air(stream(3, "air"), SECOND_US), watch, 6) == []


def test_movement_raises_fewer_alarms_than_it_would_without_an_accelerometer() -> None:
    def raised(watch: Watch) -> int:
        shaken = Troubled(vitals(5), [NaturalMotion(SECOND_US, stream(5, "motion"))])
        return sum(c.state == "active" for _, c in followed(shaken, watch, 12))

    watch = watch_of(scenario(), "vitals_monitor", 1, SECOND_US)
    assert raised(watch) * 2 < raised(watch._replace(motion=""))
