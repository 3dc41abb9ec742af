"""The checkers' own NEWS2: the chart, what samples demand and justify, and that the pipeline's rules keep to it."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twin.channels import VITALS
from twin.experiments.clinic_settings import rules_of, watch_of
from twin.guarantees.held import Held
from twin.guarantees.score_chart import points_of
from twin.guarantees.score_rules import SCORE_RULES, TOLD_BY, ScoredPerson
from twin.pipeline.clinic.alarms import ACTIVE, AlarmRules
from twin.pipeline.clinic.watch import Watch
from twin.pipeline.wire.body import NO_READING, Samples
from twin.pipeline.wire.identity import RecordId
from twin.scenario import parse_scenario
from twin.trace import Generated

SECOND = 1_000_000
REFERENCE = Path(__file__).parents[1] / "reference" / "news2.csv"
ACVPU = {"A": [0], "CVPU": [1, 2, 3, 4]}
EMERGENCY, URGENT, SINGLE = "news2.emergency", "news2.urgent", "news2.single"
REST = {"heart": 70, "rr": 850, "spo2": 97, "respiration": 16, "systolic": 120, "diastolic": 75, "temperature": 370}
REST |= {"consciousness": 0, "oxygen": 0, "activity": 10}
ON_SCALE_2 = parse_scenario(
    "{name: two, start: 2033-03-10T00:00:00Z, duration: 1 h, habitat: {site: jezero, crew: 2}, "
    "clinic: {crew: [{member: 2, spo2_scale: 2}]}}"
)


def watch(scale: int) -> Watch:
    return watch_of(ON_SCALE_2, "vitals_monitor", scale, SECOND)  # type: ignore[arg-type]


def person(scale: int = 1) -> ScoredPerson:
    score = rules_of(1, watch(scale)).score
    assert score is not None
    return ScoredPerson(score)


def row(**values: int) -> tuple[int, ...]:
    """A row at rest but for the channels given by the first word of their name."""
    return tuple({**REST, **values}.values())


def take(who: ScoredPerson, start: int, rows: list[tuple[int, ...]]) -> dict[str, Held]:
    """A block that begins at second `start`; what it holds, by rule."""
    columns = tuple(zip(*rows, strict=True))
    moving = [value >= 150 for value in columns[-1]]
    found = who.take(columns, moving, Generated(start * SECOND, SECOND, tuple(rows)))
    return {held.rule: held for held in found}


def begun(who: ScoredPerson, rows: list[tuple[int, ...]], start: int = 0) -> dict[str, int]:
    """Second at which each demand of a block began."""
    return {name: h.begun_us // SECOND for name, h in take(who, start, rows).items() if h.begun_us is not None}


# ---------------------------------------------------------------- the chart


def reference() -> list[tuple[str, str, str, int]]:
    with REFERENCE.open(encoding="utf-8") as file:
        lines = csv.DictReader(line for line in file if not line.startswith("#"))
        return [(r["parameter"], r["low"], r["high"], int(r["points"])) for r in lines]


@pytest.mark.parametrize(("parameter", "low", "high", "expected"), reference())
def test_the_chart_is_the_reference_at_both_ends_of_every_band(
    parameter: str, low: str, high: str, expected: int
) -> None:
    if parameter == "consciousness":
        assert {points_of(parameter, Fraction(level)) for level in ACVPU[low]} == {expected}
        return
    half = Fraction(1, 20 if parameter == "temperature" else 2)
    tiny = Fraction(1, 10**9)
    if low:
        assert points_of(parameter, Fraction(low) - half) == expected  # rounded first, half up
        assert points_of(parameter, Fraction(low) - half - tiny) != expected
    if high:
        assert points_of(parameter, Fraction(high) + half - tiny) == expected
        assert points_of(parameter, Fraction(high) + half) != expected


def test_scale_2_by_whole_numbers() -> None:
    """Echevarria et al. 2019, Thorax 74, 941, table 1."""

    def scored(on_oxygen: bool) -> str:
        return "".join(str(points_of("spo2", Fraction(n), 2, on_oxygen=on_oxygen)) for n in range(82, 101))

    assert scored(False) == "33" + "22" + "11" + "0" * 13
    assert scored(True) == "33" + "22" + "11" + "00000" + "11" + "22" + "3333"


def test_any_flow_of_oxygen_scores_2() -> None:
    assert [points_of("oxygen", Fraction(n, 10)) for n in (0, 1, 20)] == [0, 2, 2]


# ---------------------------------------------------------------- what samples demand


@pytest.mark.parametrize(
    ("values", "demanded"),
    [
        ({"systolic": 90}, {SINGLE}),
        ({"systolic": 91}, set()),
        ({"consciousness": 1}, {SINGLE}),
        ({"systolic": 91, "respiration": 21}, set()),  # 4
        ({"systolic": 91, "respiration": 21, "temperature": 380}, set()),
        ({"systolic": 91, "respiration": 21, "temperature": 381}, {URGENT}),
        ({"systolic": 90, "respiration": 21}, {URGENT}),  # a single 3 is told by it
        ({"systolic": 91, "respiration": 21, "spo2": 93}, {URGENT}),  # 6
        ({"systolic": 91, "respiration": 21, "spo2": 93, "heart": 91}, {URGENT, EMERGENCY}),
        ({"systolic": 91, "oxygen": 1, "temperature": 381}, {URGENT}),
    ],
)
def test_thresholds_are_demanded_from_the_first_sample_that_holds(values: dict[str, int], demanded: set[str]) -> None:
    who = person()
    assert begun(who, [row()] * 5) == {}
    assert begun(who, [row(), row(**values), row(**values)], 5) == {}
    assert begun(who, [row(**values)], 8) == dict.fromkeys(demanded, 6)
    later = take(who, 9, [row(**values)] * 4)
    assert {name: (h.begun_us, h.fresh, h.last) for name, h in later.items()} == dict.fromkeys(
        demanded, (9 * SECOND, False, 3)
    )


def test_scale_2_counts_saturation_above_its_target_on_oxygen_alone() -> None:
    for oxygen, demanded in ((0, {}), (20, {URGENT: 5})):
        who = person(2)
        assert begun(who, [row(spo2=90)] * 5) == {}
        assert begun(who, [row(spo2=97, oxygen=oxygen)] * 5, 5) == demanded
    assert begun(person(1), [row(spo2=97, oxygen=20)] * 5) == {}


def test_a_missing_value_scores_nothing_and_heals_nobody() -> None:
    ill = {"systolic": 91, "respiration": 21, "temperature": 381}
    who = person()
    assert begun(who, [row(**ill)] * 3) == {URGENT: 0}
    off = row(**{**ill, "respiration": NO_READING})
    assert begun(who, [off] * 15, 3) == {URGENT: 3}
    take(who, 18, [off])
    assert take(who, 19, [off] * 60) == {}, "what is stale calls for nothing"
    assert who.kept_since_us == {URGENT: 2 * SECOND}, "and ends nothing"
    take(who, 79, [row(**{**ill, "respiration": NO_READING, "temperature": 370})] * 3)
    assert who.kept_since_us == {}


def test_what_motion_may_hide_is_justified_and_not_demanded() -> None:
    who = person()
    take(who, 0, [row()] * 5)
    held = take(who, 5, [row(spo2=80, activity=300)] * 5)
    assert {name: h.begun_us for name, h in held.items()} == {SINGLE: None}
    assert begun(who, [row(spo2=80)] * 3, 10) == {SINGLE: 10}
    assert begun(person(), [row(systolic=90, activity=300)] * 5) == {SINGLE: 0}, "a cuff has no artefacts"


def test_hysteresis_holds_a_band_on_the_way_back_and_never_on_the_way_out() -> None:
    out, back = person(), person()
    for who in (out, back):
        take(who, 0, [row(systolic=91, respiration=21)] * 5)
    assert take(out, 5, [row(systolic=91, respiration=21, temperature=380)] * 5) == {}
    assert begun(back, [row(systolic=91, respiration=21, temperature=381)] * 5, 5) == {URGENT: 5}
    held = take(back, 10, [row(systolic=91, respiration=21, temperature=380)] * 5)
    assert (held[URGENT].begun_us, held[URGENT].last) == (10 * SECOND, 4)
    take(back, 15, [row(systolic=91, respiration=21, temperature=379)] * 3)
    assert take(back, 18, [row(systolic=91, respiration=21, temperature=379)]) == {}


@pytest.mark.parametrize(
    ("between", "anew"),
    [
        (row(), True),
        (row(systolic=91, respiration=21), True),
        (row(systolic=91, respiration=21, temperature=380), False),  # not by more than the hysteresis
        (row(systolic=91, respiration=21, temperature=NO_READING), False),  # a sensor that falls off heals nobody
    ],
)
def test_a_score_that_was_over_is_told_of_by_nothing_from_before(between: tuple[int, ...], anew: bool) -> None:
    who, ill = person(), [row(systolic=91, respiration=21, temperature=381)] * 5
    take(who, 0, ill)
    take(who, 5, [between] * 20)
    held = take(who, 25, ill)[URGENT]
    assert held.anew == anew


def test_a_device_that_starts_anew_is_known_nothing_of() -> None:
    who = person()
    ill = {"systolic": 91, "respiration": 21, "temperature": 381}
    take(who, 0, [row(**ill)] * 5)
    who.crashed()
    assert who.kept_since_us == {}
    assert begun(who, [row(**ill)] * 2, 5) == {}
    assert begun(who, [row(**ill)], 7) == {URGENT: 5}


# ---------------------------------------------------------------- the rules keep to it

EDGES = {
    "heart": [70, 40, 41, 91, 93, 94, 111, 131, NO_READING],
    "spo2": [97, 95, 93, 92, 91, 84, 83, 88, 90, NO_READING],
    "respiration": [16, 21, 20, 22, 25, 8, 11, NO_READING],
    "systolic": [120, 90, 91, 101, 93, 94],
    "temperature": [370, 381, 380, 379, 351, 350, NO_READING],
    "consciousness": [0, 0, 0, 1],
    "oxygen": [0, 0, 20],
    "activity": [10, 10, 10, 300],
}


@st.composite
def flights(draw: st.DrawFn) -> list[list[tuple[int, ...]]]:
    """Frames of rows in which channels stay for some samples near an edge."""
    frames, now = [], dict(REST)
    for _ in range(draw(st.integers(1, 12))):
        rows: list[tuple[int, ...]] = []
        for _ in range(draw(st.integers(1, 4))):
            for name in draw(st.lists(st.sampled_from(sorted(EDGES)), max_size=3)):
                now[name] = draw(st.sampled_from(EDGES[name]))
            rows += [tuple(now.values())] * draw(st.sampled_from([1, 1, 2, 3, 5, 20]))
        frames.append(rows)
    return frames


def obey(rules: AlarmRules, who: ScoredPerson, frames: list[list[tuple[int, ...]]]) -> None:
    """Assert that rules do no less than is demanded and no more than is justified."""
    opened: dict[Any, int] = {}
    at = 0
    for index, rows in enumerate(frames):
        told = {alert.rule for alert in rules.open_alerts}
        held = take(who, at, rows)
        at += len(rows)
        for change in rules.frame(RecordId(1, 2, index), Samples(0, SECOND, VITALS, tuple(rows))):
            name = change.alert.rule
            if name not in SCORE_RULES:
                continue
            if change.state == ACTIVE:
                told.add(name)
                opened[change.alert] = (at - 1) * SECOND
                assert name in held
                assert change.row <= held[name].last
            else:
                kept_us = who.kept_since_us.get(name)
                assert kept_us is None or kept_us > opened.pop(change.alert)
        for name, item in held.items():
            tellers = set(TOLD_BY.get(name, (name,)))
            if item.begun_us is not None:
                assert told & tellers, (name, item)
                if item.anew:  # what told of it before has ended
                    since = {alert for alert, us in opened.items() if us >= item.begun_us}
                    assert {alert.rule for alert in since} & tellers, (name, item)


@settings(max_examples=150, deadline=None)
@given(flights(), st.sampled_from([1, 2]))
@example([[row(systolic=90)] * 5, [row()] * 40], 1)
def test_whatever_the_samples_the_rules_do_no_less_than_is_demanded_and_no_more_than_is_justified(
    frames: list[list[tuple[int, ...]]], scale: int
) -> None:
    obey(AlarmRules(watch(scale)), person(scale), frames)


@pytest.mark.parametrize("hold", [1, 2])
def test_rules_that_do_not_wait_for_the_hold_are_found(hold: int) -> None:
    """Two are not three; nor do missing samples make them so, or a level that was left `hold` missing ones ago."""
    assert watch(1).hold == 3
    begin, brief = [row()] * 5, [row(systolic=90)] * hold
    obey(AlarmRules(watch(1)), person(), [begin, brief, [row()]])
    with pytest.raises(AssertionError):
        obey(AlarmRules(watch(1)._replace(hold=hold)), person(), [begin, brief, [row()]])


def test_rules_whose_alerts_never_end_are_found() -> None:
    class Endless(AlarmRules):
        def _judge(self, rule: Any, *more: Any) -> None:
            if rule.name not in self._open:
                super()._judge(rule, *more)

    ill = [row(systolic=91, respiration=21, temperature=381)] * 5
    frames = [ill, [row()] * 5, [row()] * 5, ill]
    obey(AlarmRules(watch(1)), person(), frames)
    with pytest.raises(AssertionError):
        obey(Endless(watch(1)), person(), frames)


def test_what_is_justified_holds_as_long_as_an_alarm_must() -> None:
    ill, none = row(respiration=25), row(respiration=NO_READING)

    def justified(*rows: tuple[int, ...]) -> set[str]:
        who = person()
        take(who, 0, [row()] * 5)
        return {*take(who, 5, list(rows))}

    assert justified(ill, ill) == justified(ill, ill, row(), ill) == set()
    assert justified(ill, ill, ill) == {SINGLE}
    assert justified(ill, none, ill) == justified(ill, none, none, ill) == {SINGLE}
    assert justified(ill, ill, none, none, none, ill, ill) == set()
    assert justified(*[row(respiration=25, activity=300)] * 2) == set()


def test_a_sample_in_the_band_of_the_level_is_believed_in_motion_too() -> None:
    """Nothing that a rule does with artefacts could matter there; so a value that is only read in motion is not old."""
    who, shaken = person(), row(respiration=25, activity=300)
    take(who, 0, [row(respiration=25)] * 3)
    assert begun(who, [shaken] * 60, 3) == {SINGLE: 3}
    assert begun(who, [shaken, row(respiration=24, activity=300), *[shaken] * 60], 63) == {SINGLE: 63}
    assert begun(who, [shaken], 125) == {SINGLE: 125}


@settings(max_examples=150, deadline=None)
@given(flights(), st.sampled_from([1, 2]))
@example([[row()] * 3, [row(spo2=93)] * 3, [row(spo2=93, activity=300)] * 3, [row()]], 1)
def test_however_samples_are_cut_into_blocks_the_same_is_said(frames: list[list[tuple[int, ...]]], scale: int) -> None:
    whole, cut, at = person(scale), person(scale), 0
    for rows in frames:
        *others, last = rows
        if others:
            take(whole, at, others)
        for k, one in enumerate(others):
            take(cut, at + k, [one])
        at += len(rows)
        assert take(whole, at - 1, [last]) == take(cut, at - 1, [last])
        assert whole.kept_since_us == cut.kept_since_us
