"""alert_latency by hand: from samples to the crew, and from the alarm to the surgeon's channel."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import DEVICE, EPOCH, MONITOR, NOTHING, SECOND, always, broken, leaf, record, row, sealed, timed

from twin.experiments.checkers import _one_bundle_each
from twin.guarantees.alarm_truth import AlarmTruth, DeviceRules
from twin.guarantees.alarms_on_mars import AlarmsOnMars
from twin.guarantees.alert_latency import AlertLatency
from twin.guarantees.alerts_on_earth import AlertsOnEarth, EarthBound
from twin.guarantees.availability import Availability
from twin.guarantees.limit_rules import LimitRule
from twin.guarantees.never_behind_bulk import NeverBehindBulk
from twin.guarantees.score_rules import Score, ScoredColumn
from twin.guarantees.truth import Truth
from twin.pipeline.facts import AlarmRaised, AlertSealed, BundleSent, EpochClosed
from twin.pipeline.transport.contact_plan import Contact
from twin.pipeline.wire.body import NO_READING
from twin.pipeline.wire.identity import AlertKey, RecordId
from twin.scenario import HabitatScenario, load_scenario
from twin.scenario.bounds import parse_bound
from twin.trace import (
    AlarmSounded,
    Crashed,
    Generated,
    MadeDurable,
    MediumHolds,
    Restarted,
    StartedWithout,
    SurgeonTold,
)

LOW = "spo2_pct.low"
URGENT, EMERGENCY = "news2.urgent", "news2.emergency"
RULE = LimitRule(LOW, 0, 90, None, 3, (0, 100), (92, 100))
RULES = {MONITOR: DeviceRules(DEVICE, (RULE,), 1, 500)}
SCORED = [("spo2", 97), ("heart_rate", 70), ("respiration_rate", 16)]
SCORE = Score(
    tuple(ScoredColumn(p, k, Fraction(1), (0, 200), rest, 0, 15, False) for k, (p, rest) in enumerate(SCORED)), 1, 3
)
SCORES = {MONITOR: DeviceRules(DEVICE, (), None, 0, SCORE)}
UP = [(-10, MONITOR, Restarted(0)), (-10, "edge-1", Restarted(0)), (-10, "edge-2", Restarted(0))]
DOWN = Crashed(0, 0)
KEY, URGENT_KEY = AlertKey(DEVICE, EPOCH, 0, LOW), AlertKey(DEVICE, EPOCH, 1, "news2.urgent")


def mars(truth: Truth, rules: Mapping[str, DeviceRules] = RULES) -> AlertLatency:
    checker = AlertLatency()
    alarms = AlarmTruth(rules)
    checker.mars = AlarmsOnMars(checker, truth, alarms, {DEVICE: ("edge-1", "edge-2")}, 5 * SECOND, lambda _: True)
    checker.alarms = alarms  # type: ignore[attr-defined]
    return checker


def fly(facts: list[Any], end_s: float = 1000, rules: Mapping[str, DeviceRules] = RULES) -> AlertLatency:
    checker = timed(
        lambda truth: mars(truth, rules),
        sorted(UP + facts, key=lambda f: f[0]),
        end_s=end_s,
        before=lambda c: (c.alarms,),
    )
    assert isinstance(checker, AlertLatency)
    return checker


def samples(at_s: int, *values: int, activity: int = 0) -> tuple[int, str, Generated]:
    """One sample a second, the last at `at_s`."""
    rows = tuple((value, activity) for value in values)
    return at_s, MONITOR, Generated((at_s - len(values) + 1) * SECOND, SECOND, rows)


def sounds(at_s: float, state: str = "active", index: int = 0, rule: str = LOW) -> tuple[float, str, AlarmSounded]:
    return at_s, "crew", AlarmSounded((DEVICE, EPOCH, index, rule), 3, state)


def raises(at_s: float, edge: str = "edge-1", index: int = 0) -> tuple[float, str, AlarmRaised]:
    return at_s, edge, AlarmRaised(AlertKey(DEVICE, EPOCH, index, LOW), 0, 3)


def counted(checker: AlertLatency) -> tuple[int, int, int]:
    assert checker.mars is not None
    return broken(checker), checker.mars.checked, checker.mars.excused


def test_an_alarm_within_five_seconds_of_the_first_sample_holds() -> None:
    crossing = samples(10, 95, 95, 89, 88, 87)  # beyond from second 8 on
    assert counted(fly([crossing, sounds(10.1)])) == (0, 1, 0)
    assert counted(fly([crossing, sounds(12.9)])) == (0, 1, 0)
    assert counted(fly([crossing, sounds(13.1)])) == (1, 1, 0)
    assert counted(fly([crossing])) == (1, 1, 0)
    assert counted(fly([crossing], end_s=12)) == (0, 0, 0)
    assert fly([crossing], end_s=12).pending() == 1
    verdict = fly([crossing, sounds(10.1)]).verdict(True)
    assert ("on Mars: slowest alarm", 2.1) in verdict.terms


def test_nothing_is_demanded_of_what_did_not_hold() -> None:
    for quiet in ((89, 88, 95, 89, 88), (90, 90, 90, 90), (NO_READING,) * 5, (89, NO_READING, 88, 87, 95)):
        assert counted(fly([samples(10, *quiet)])) == (0, 0, 0)
    assert counted(fly([samples(10, 89, 88, 87, activity=500)])) == (0, 0, 0)
    assert counted(fly([samples(10, 89, 88, 87, activity=499)])) == (1, 1, 0)


def test_a_hold_may_run_over_the_end_of_a_block() -> None:
    blocks = [samples(10, 95, 95, 89), samples(12, 88, 87)]
    assert counted(fly([*blocks, sounds(12.5)])) == (0, 1, 0)
    assert counted(fly(blocks)) == (1, 1, 0)
    assert counted(fly([samples(10, 95, 89), samples(11, 95), samples(13, 88, 87)])) == (0, 0, 0)


def test_while_an_alert_is_open_no_other_is_demanded_and_after_it_one_is() -> None:
    first = [samples(10, 89, 88, 87), sounds(10.1), raises(10.1)]
    again = samples(60, 95, 89, 88, 87)
    assert counted(fly([*first, again])) == (0, 1, 0)
    for over in ("latched", "cleared"):
        assert counted(fly([*first, sounds(30, over), again])) == (1, 2, 0)
        assert counted(fly([*first, sounds(30, over), again, sounds(60.2, index=1)])) == (0, 2, 0)
    for going_on in ("escalated", "acknowledged", "seen on Earth"):
        assert counted(fly([*first, sounds(30, going_on), again])) == (0, 1, 0)


@pytest.mark.parametrize(
    ("between", "demanded"),
    [
        (samples(30, 92, 93, 95), True),
        (samples(30, 92, 93), False),  # no hold
        (samples(30, 92, 91, 95), False),  # not by more than the hysteresis
        (samples(30, 92, NO_READING, 95, 94), False),
        (samples(30, 92, 93, 95, activity=500), False),
        (samples(30, 89, 92, 93, 95, 88), True),
    ],
)
def test_an_alert_whose_condition_was_over_excuses_nothing_of_what_comes_then(
    between: tuple[int, str, Generated], demanded: bool
) -> None:
    """An alarm that never ends would else be the last of its rule."""
    frame = (10.05, MONITOR, sealed(0, epoch=EPOCH))
    first = [samples(10, 89, 88, 87), frame, sounds(10.1), raises(10.1)]
    again = samples(60, 89, 88, 87)
    assert counted(fly([*first, between, again])) == (int(demanded), 1 + demanded, 0)
    told = [sounds(30.1, "latched"), sounds(60.1, index=1)]
    assert counted(fly([*first, between, again, *told])) == (0, 2, 0)
    assert counted(fly([*first, between])) == (0, 1, 0)


def test_an_alarm_that_samples_in_motion_called_for_tells_of_what_goes_on_at_rest() -> None:
    frame = (10.05, MONITOR, sealed(0, epoch=EPOCH))
    moving = [samples(10, 89, 88, 87, activity=500), frame, sounds(10.1), raises(10.1)]
    assert counted(fly([*moving, samples(13, 89, 88, 87)])) == (0, 0, 0)
    assert counted(fly([*moving, samples(30, 95, 95, 95), samples(60, 89, 88, 87)])) == (1, 1, 0)


def test_an_alert_that_an_edge_took_down_with_it_excuses_nothing() -> None:
    first = [samples(10, 89, 88, 87), sounds(10.1), raises(10.1), (20, "edge-1", DOWN)]
    again = samples(60, 95, 89, 88, 87)
    assert counted(fly([*first, again])) == (1, 2, 0)
    assert counted(fly([*first, (40, "edge-1", Restarted(0)), again])) == (0, 1, 0)


def test_an_edge_whose_medium_lost_an_alert_tells_of_it_no_more() -> None:
    said = AlertSealed(KEY, RecordId(9, 1, 0))
    first = [samples(10, 89, 88, 87), sounds(10.1), raises(10.1), (10.2, "edge-1", said), (20, "edge-1", DOWN)]
    again = samples(100, 95, 89, 88, 87)
    for left, told in ((((9, 1, 1),), True), (((9, 1, 0),), False), ((), False)):
        back = [(20, "edge-1", MediumHolds(left)), (30, "edge-1", Restarted(0))]
        assert counted(fly([*first, *back, again])) == (not told, 2 - told, 0)
        assert counted(fly([*first, *back, raises(31), again])) == (0, 1, 0), "found again in the frames"
        other = [raises(10.3, "edge-2"), (10.4, "edge-2", AlertSealed(KEY, RecordId(8, 1, 0)))]
        assert counted(fly([*first, *other, *back, again])) == (0, 1, 0)


def test_an_alert_that_the_standby_raised_too_stays_open_when_home_crashes() -> None:
    both = [samples(10, 89, 88, 87), sounds(10.1), raises(10.1), raises(10.2, "edge-2"), (20, "edge-1", DOWN)]
    assert counted(fly([*both, samples(60, 95, 89, 88, 87)])) == (0, 1, 0)
    alone = [(5, "edge-1", DOWN), samples(10, 89, 88, 87), sounds(10.1), raises(10.1, "edge-2")]
    assert counted(fly([*alone, samples(60, 95, 89, 88, 87)])) == (0, 1, 0)


def test_a_late_word_of_an_earlier_alert_opens_and_closes_nothing() -> None:
    first = [samples(10, 89, 88, 87), sounds(10.1), raises(10.1), sounds(30, "latched")]
    again = [samples(60, 95, 89, 88, 87), sounds(60.1, index=1), raises(60.1, index=1)]
    late = [raises(61, "edge-2"), sounds(62, "cleared")]
    assert counted(fly([*first, raises(31, "edge-2"), samples(60, 95, 89, 88, 87)])) == (1, 2, 0)
    assert counted(fly([*first, *again, *late, samples(90, 95, 89, 88, 87)])) == (0, 2, 0)


def test_a_device_that_begins_anew_has_nothing_open_and_one_whose_key_changed_has() -> None:
    first = [samples(10, 89, 88, 87), sounds(10.1), raises(10.1)]
    again, frame = samples(60, 95, 89, 88, 87), (50, MONITOR, sealed(0, epoch=7))
    assert counted(fly([*first, frame, again])) == (1, 2, 0)
    closed = (49, MONITOR, EpochClosed(record(5), 7, "key"))
    assert counted(fly([*first, closed, frame, again])) == (0, 1, 0)


# ---------------------------------------------------------------- the score on Mars

WELL, FIVE, SEVEN = (97, 70, 16), (93, 70, 25), (93, 111, 25)  # 2 + 3, 2 + 2 + 3


def scored(at_s: int, value: tuple[int, int, int], seconds: int = 10) -> tuple[int, str, Generated]:
    """One sample a second, the last at `at_s`."""
    return at_s, MONITOR, Generated((at_s - seconds + 1) * SECOND, SECOND, (value,) * seconds)


def score(facts: list[Any], end_s: float = 1000) -> tuple[int, int, int]:
    begin = [scored(10, WELL), (10, MONITOR, sealed(0))]
    return counted(fly([*begin, *facts], end_s, SCORES))


def test_a_score_that_nobody_tells_of_is_found_and_one_told_in_time_holds() -> None:
    ill = scored(13, FIVE, 3)  # from second 11 on
    assert score([ill]) == (1, 1, 0)
    assert score([ill, sounds(13.1, rule=URGENT)]) == (0, 1, 0)
    assert score([ill, sounds(16.1, rule=URGENT)]) == (1, 1, 0)
    assert score([ill, sounds(13.1)]) == (1, 1, 0)  # a limit tells of no score
    assert score([scored(12, FIVE, 2), scored(22, WELL)]) == (0, 0, 0)


def test_an_urgent_score_is_told_by_an_emergency_and_not_the_other_way_round() -> None:
    worse = scored(13, SEVEN, 3)
    assert score([worse, sounds(13.1, rule=URGENT)]) == (1, 2, 0)
    assert score([worse, sounds(13.1, rule=EMERGENCY)]) == (0, 2, 0)


def test_a_demand_lasts_as_long_as_its_cause() -> None:
    """Nobody was up when it began; whoever comes back has to tell of what goes on."""
    down = [(11, "edge-1", DOWN), (11, "edge-2", DOWN), scored(20, FIVE)]
    back = [*down, (30, "edge-1", Restarted(0))]
    assert score([*down, scored(200, FIVE)]) == (0, 0, 1)
    assert score([*back, scored(80, FIVE)]) == (0, 0, 1)
    assert score([*back, scored(200, FIVE)]) == (1, 1, 1)
    assert score([*back, sounds(31, rule=URGENT), scored(200, FIVE)]) == (0, 0, 1)
    assert score([*back, scored(60, WELL), scored(200, WELL)]) == (0, 0, 1)


def test_an_alert_that_ends_while_its_cause_goes_on_must_sound_again() -> None:
    raised = [scored(13, FIVE, 3), (13, MONITOR, sealed(1)), sounds(13.1, index=1, rule=URGENT)]
    lead_off = scored(60, (93, 70, NO_READING), 40)
    over = sounds(61, "latched", 1, URGENT)
    assert score([*raised, lead_off]) == (0, 1, 0)
    assert score([*raised, lead_off, over]) == (1, 2, 0)
    assert score([*raised, lead_off, over, sounds(61.1, index=2, rule=URGENT)]) == (0, 2, 0)
    assert score([*raised, scored(60, (93, 70, 16)), over]) == (0, 1, 0)
    assert score([*raised, lead_off, (60.5, MONITOR, DOWN), over]) == (0, 1, 0)  # what went on is known no more


def test_an_alert_whose_score_was_over_excuses_nothing_of_what_comes_then() -> None:
    urgent, back = sounds(13.1, index=1, rule=URGENT), sounds(60.1, index=2, rule=URGENT)
    raised = [scored(13, FIVE, 3), (13, MONITOR, sealed(1)), urgent, (13.1, "edge-1", AlarmRaised(URGENT_KEY, 0, 2))]
    again = scored(60, FIVE, 3)
    assert score([*raised, scored(40, WELL), again]) == (1, 2, 0)
    assert score([*raised, scored(40, WELL), again, sounds(40.1, "latched", 1, URGENT), back]) == (0, 2, 0)
    assert score([*raised, scored(40, (93, 70, NO_READING), 20), again]) == (0, 1, 0)


def test_one_edge_that_stays_up_is_enough_and_none_excuses() -> None:
    crossing = samples(10, 89, 88, 87)
    assert counted(fly([(5, "edge-1", DOWN), crossing])) == (1, 1, 0)
    assert counted(fly([(5, "edge-1", DOWN), (5, "edge-2", DOWN), crossing])) == (0, 0, 1)
    assert counted(fly([(5, "edge-1", DOWN), crossing, (11, "edge-2", DOWN)])) == (0, 0, 1)
    assert counted(fly([crossing, (11, MONITOR, DOWN)])) == (0, 0, 1)
    back = [(1, "edge-1", DOWN), (1, "edge-2", DOWN), (5, "edge-1", Restarted(0))]
    assert counted(fly([*back, crossing])) == (0, 0, 1)
    assert counted(fly([*back, samples(100, 89, 88, 87)])) == (1, 1, 0)
    assert "no edge" in fly([*back, crossing]).remark()


BOTH_DOWN = [(100, "edge-1", DOWN), (100, "edge-2", DOWN)]
BOTH_BACK = [(110, "edge-1", Restarted(0)), (110, "edge-2", Restarted(0))]


@pytest.mark.parametrize(
    ("edges", "breach_s"),
    [
        ([*BOTH_DOWN, *BOTH_BACK], (105, 710)),  # nobody was up when it began
        ([*BOTH_DOWN, *BOTH_BACK], (97, 710)),  # both crashed a second after it was demanded
        ([*BOTH_DOWN, *BOTH_BACK], (164, 1004)),  # nobody had settled yet
    ],
)
def test_an_excuse_ends_when_an_edge_is_back_and_the_breach_goes_on(
    edges: list[Any], breach_s: tuple[int, int]
) -> None:
    """Of every breach an alarm is excused; whoever comes back has to tell of what goes on."""
    begin, end = breach_s
    breach = [samples(begin + 2, 80, 80, 80), *(samples(at, *[80] * 10) for at in range(begin + 12, end, 10))]
    assert counted(fly([*edges, *breach], end_s=2000)) == (1, 1, 1)
    assert counted(fly([*edges, *breach, sounds(breach_s[0] + 20)], end_s=2000)) == (0, 0, 1)
    settled_s = 110 + 60
    brief = [block for block in breach if block[0] < settled_s]
    assert counted(fly([*edges, *brief], end_s=2000)) == (0, 0, 1)


def test_nothing_is_demanded_anew_once_a_breach_is_over() -> None:
    excused = [*BOTH_DOWN, *BOTH_BACK, samples(107, 80, 80, 80), samples(300, *[80] * 10)]
    assert counted(fly(excused)) == (1, 1, 1)
    for over in ((95, 80, 80), (NO_READING, 80, 80)):
        assert counted(fly([*BOTH_DOWN, *BOTH_BACK, samples(107, 80, 80, 80), samples(300, *over)])) == (0, 0, 1)
    shaken = samples(300, *[80] * 10, activity=500)
    assert counted(fly([*BOTH_DOWN, *BOTH_BACK, samples(107, 80, 80, 80), shaken])) == (0, 0, 1)


def test_nothing_is_demanded_of_an_edge_that_does_not_know_the_device() -> None:
    crossing = samples(100, 89, 88, 87)
    wrong = [(5, "edge-2", DOWN), (10, "edge-2", Restarted(0)), (10, "edge-2", StartedWithout((DEVICE,)))]
    assert counted(fly([*wrong, crossing])) == (1, 1, 0)
    assert counted(fly([*wrong, (20, "edge-1", DOWN), crossing])) == (0, 0, 1)
    other = [*wrong[:2], (10, "edge-2", StartedWithout((DEVICE + 1,)))]
    assert counted(fly([*other, (20, "edge-1", DOWN), crossing])) == (1, 1, 0)
    right = [*wrong, (20, "edge-1", DOWN), (22, "edge-2", DOWN), (25, "edge-2", Restarted(0))]
    assert counted(fly([*right, crossing])) == (1, 1, 0)


def test_samples_of_a_device_that_is_down_demand_nothing() -> None:
    assert counted(fly([(5, MONITOR, DOWN), samples(10, 89, 88, 87)])) == (0, 0, 0)
    gap = [samples(10, 95, 89, 88), (11, MONITOR, DOWN), (20, MONITOR, Restarted(0)), samples(21, 87)]
    assert counted(fly(gap)) == (0, 0, 0)


def plainly(values: list[int | None], hold: int) -> int | None:
    """Where the definition of a demanded alarm holds first."""
    for end in range(hold, len(values) + 1):
        if all(value is not None and value < 90 for value in values[end - hold : end]):
            return end - hold
    return None


@given(st.lists(st.sampled_from([95, 89, NO_READING]), min_size=1, max_size=40), st.data())
def test_however_samples_are_cut_into_blocks_the_same_alarm_is_demanded(values: list[int], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(values)), max_size=5)) | {len(values)})
    alarms, found = AlarmTruth(RULES), []
    alarms.listen(lambda _at, _node, held: found.extend(h.begun_us for h in held if h.begun_us is not None))
    alarms._restarted(0, MONITOR, Restarted(0))
    start = 0
    for cut in cuts:
        rows = tuple((value, 0) for value in values[start:cut])
        alarms._generated(cut * SECOND, MONITOR, Generated(start * SECOND, SECOND, rows))
        start = cut
    first = plainly([None if value == NO_READING else value for value in values], 3)
    assert (found[0] // SECOND if found else None) == first


# ---------------------------------------------------------------- Earth


def earth(
    availability: Availability, clock_margin_s: int = 0, slow_s: int = 0, within_us: int | None = 2 * SECOND
) -> Callable[[Truth], AlertLatency]:
    def make(truth: Truth) -> AlertLatency:
        checker = AlertLatency()
        bound = EarthBound(parse_bound("owlt + contact_wait + 60 s"), 120 * SECOND, 0.95, NOTHING)
        checker.earth = AlertsOnEarth(checker, truth, lambda _: availability, bound)
        margins = {"edge-1": clock_margin_s * SECOND}

        def slow(_node: str, _at_us: int) -> int:
            return slow_s * SECOND

        checker.bulk = NeverBehindBulk(checker, {"edge-1": availability}, lambda *_: within_us, margins, slow)
        checker.silence_us = 7 * SECOND
        return checker

    return make


def raised(at_s: float, edge: str = "edge-1", index: int = 0) -> tuple[float, str, AlarmRaised]:
    return at_s, edge, AlarmRaised(KEY._replace(index=index), 0, 3)


def told(at_s: float, times: int = 1, index: int = 0) -> tuple[float, str, SurgeonTold]:
    return at_s, "earth", SurgeonTold((DEVICE, EPOCH, index, LOW), times)


def test_the_surgeon_knows_within_the_bound_of_the_first_edge() -> None:
    facts = [raised(0), raised(90, "edge-2"), told(110), raised(115, "edge-2"), told(130, 2)]
    checker = timed(earth(always()), facts, end_s=10_000)
    assert (broken(checker), checker.pending()) == (0, 0)
    verdict = checker.verdict(True)
    assert (verdict.bound, verdict.observed, verdict.margin) == (160.0, 110.0, 50.0)
    assert verdict.terms[:3] == (("contact_wait", 0.0), ("owlt", 100.0), ("constant", 60.0))
    assert ("longest time in which Earth could not have been told", 7.0) in verdict.terms
    assert "1 messages came again" in verdict.reason
    assert broken(timed(earth(always()), [raised(0), raised(90, "edge-2"), told(170)], end_s=10_000)) == 2


def test_an_alarm_that_earth_never_hears_of_is_pending_until_it_is_due() -> None:
    late = timed(earth(always()), [raised(0)], end_s=161)
    assert (broken(late), late.pending()) == (2, 0)  # its bound, and the share in view
    early = timed(earth(always()), [raised(0)], end_s=159)
    assert (broken(early), early.pending()) == (0, 1)
    assert broken(timed(earth(always()), [told(5)], end_s=159)) == 1  # nobody raised it


def test_a_run_waits_for_what_the_surgeon_may_still_be_told_of() -> None:
    def waits(*facts: Any) -> bool:
        checker = timed(earth(always()), facts)
        assert isinstance(checker, AlertLatency)
        assert checker.earth is not None
        return checker.earth.waiting

    assert not waits()
    assert waits((0, MONITOR, sealed(0)), raised(1))
    assert not waits((0, MONITOR, sealed(0)), raised(1), told(5))
    assert not waits((0, MONITOR, sealed(0)), raised(1), (2, MONITOR, DOWN)), "nothing is left of it"


def test_an_alarm_of_which_nothing_is_left_is_counted_and_said() -> None:
    """Its device crashed after it had told one edge, and that edge's medium is gone."""
    begin = [(0, MONITOR, sealed(0)), (0, "edge-1", MadeDurable(((DEVICE, EPOCH, 0),))), raised(1)]
    written = (1, "edge-1", AlertSealed(KEY, ALERT_RECORD))
    device_down, lost = (2, MONITOR, DOWN), (3, "edge-1", MediumHolds(()))
    gone = timed(earth(always()), [*begin, device_down, lost], end_s=9000)
    assert (broken(gone), gone.pending()) == (0, 0)
    assert "1 alarms were destroyed with every medium that held them" in gone.verdict(True).reason
    on_earth = timed(earth(always()), [*begin, device_down, lost, (4, "earth", row(0))], end_s=9000)
    assert broken(on_earth) == 0, "Earth has its samples, and no rules"
    held, anew = (2, "edge-2", MadeDurable(((DEVICE, EPOCH, 0),))), (2, MONITOR, sealed(0, epoch=EPOCH + 1))
    late = timed(earth(always()), [*begin, device_down, anew, held, lost], end_s=9000)
    assert broken(late) == 0, "what comes of an epoch that is over moves no rule"
    assert broken(timed(earth(always()), [*begin, held, device_down, anew, lost], end_s=9000)) >= 2
    for spared in ([device_down], [lost], [written, device_down, lost], [held, device_down, lost]):
        assert broken(timed(earth(always()), [*begin, *spared], end_s=9000)) >= 2, "its bound, and the share in view"


def test_an_alarm_of_the_night_waits_for_the_contact_and_is_not_in_view() -> None:
    night = always(100, 10, (1000, 2000))
    checker = timed(earth(night), [raised(0), told(1150)], end_s=9000)
    assert broken(checker) == 0
    assert isinstance(checker, AlertLatency)
    assert checker.earth is not None
    assert checker.earth.share_in_view is None
    assert broken(timed(earth(night), [raised(0), told(1161)], end_s=9000)) == 1
    beyond = timed(earth(night), [raised(2500)], end_s=9000)
    assert (broken(beyond), beyond.pending()) == (0, 1)


@pytest.mark.parametrize(("slow", "violations"), [(1, 0), (2, 1)])
def test_most_alarms_in_view_are_told_within_an_absolute_time(slow: int, violations: int) -> None:
    facts = [raised(index, index=index) for index in range(20)]
    facts += [told(index + (150 if index < slow else 110), index=index) for index in range(20)]  # type: ignore[misc]
    assert broken(timed(earth(always()), sorted(facts, key=lambda f: f[0]), end_s=9000)) == violations


ALERT_RECORD = RecordId(101, 7, 0)


def carried(at_s: float, alert_record: RecordId = ALERT_RECORD) -> tuple[float, str, BundleSent]:
    return at_s, "edge-1", BundleSent((1, 1, 1), "earth", ((alert_record, leaf(0)),), 0)


def test_an_alert_never_waits_behind_bulk_at_an_open_contact() -> None:
    sealed_alert = (10, "edge-1", AlertSealed(KEY, ALERT_RECORD))
    bulk = carried(9, record(5))
    day, dusk = always(), always(100, 10, (0, 11))
    assert broken(timed(earth(day), [bulk, sealed_alert, carried(11.5)], end_s=50)) == 0
    assert broken(timed(earth(day), [bulk, sealed_alert, carried(12.5)], end_s=50)) == 1
    assert broken(timed(earth(day), [bulk, sealed_alert], end_s=50)) == 1
    assert broken(timed(earth(dusk), [bulk, sealed_alert, carried(900)], end_s=1000)) == 0
    assert broken(timed(earth(day), [sealed_alert, (11, "edge-1", DOWN), carried(90)], end_s=100)) == 0
    slow_link = earth(day, within_us=None)
    assert broken(timed(slow_link, [bulk, sealed_alert, carried(12.5)], end_s=50)) == 0


@pytest.mark.parametrize("contacts", [(0, 2000), (1000, 2000)])
def test_no_bulk_leaves_while_an_alert_waits_however_long(contacts: tuple[int, int]) -> None:
    night = earth(always(100, 10, contacts), within_us=None)
    said = AlertSealed(KEY, ALERT_RECORD)
    sealed_alert, bulk, peer = (10, "edge-1", said), carried(1000, record(5)), (999, "edge-2", carried(0, record(4))[2])
    assert broken(timed(night, [sealed_alert, peer, carried(1000), carried(1001, record(5))], end_s=2000)) == 0
    assert broken(timed(night, [sealed_alert, bulk, carried(1001)], end_s=2000)) == 1
    earlier = carried(1000, RecordId(101, 6, 9))
    assert broken(timed(night, [sealed_alert, earlier, carried(1001), bulk], end_s=2000)) == 0
    crash, again = (20, "edge-1", DOWN), (30, "edge-1", said)
    assert broken(timed(night, [sealed_alert, crash, again, bulk, carried(1001)], end_s=2000)) == 1
    assert broken(timed(night, [sealed_alert, crash, again, carried(1000), carried(1001, record(5))], end_s=2000)) == 0
    assert broken(timed(night, [sealed_alert, crash, bulk], end_s=2000)) == 0, "its medium does not hold it any more"
    sent = [sealed_alert, carried(15), crash, again, bulk]
    assert broken(timed(night, sent, end_s=2000)) == 0, "only the first time that it leaves is looked at"


def test_nobody_can_say_how_long_an_alert_waits_while_the_link_runs_at_another_rate() -> None:
    scenario = load_scenario(
        Path(__file__).parents[2] / "scenarios" / "bench" / "hunt.yaml",
        ["faults=[{kind: rate_change, link: down, factor: 0.1, at: 1 h, for: 1 h}]", "pipeline.bundle_bytes_max=10 kB"],
    )
    assert isinstance(scenario, HabitatScenario)
    contact = Contact("edge-1", "earth", 0, 1 << 60, 80_000, ((0, 0),))  # ten kilobytes a second
    within_us = _one_bundle_each(scenario)(contact, scenario.start_us)
    assert within_us is not None
    assert 3 * SECOND < within_us < 4 * SECOND
    minute = 60 * SECOND
    for at_us, judged in (
        (60 * minute - within_us, True),
        (60 * minute, False),
        (120 * minute + 19 * SECOND, False),  # a bundle of each edge that began at a tenth of the rate is on its way
        (120 * minute + 21 * SECOND, True),
    ):
        assert (_one_bundle_each(scenario)(contact, scenario.start_us + at_us) is not None) == judged


def test_a_slow_processor_hears_late_that_earlier_alerts_have_left() -> None:
    sealed_alert = (10, "edge-1", AlertSealed(KEY, ALERT_RECORD))
    earlier = RecordId(101, 6, 9)
    for before, until_s in (((), 15), ((carried(9, record(5)),), 15), ((carried(11, earlier),), 18)):
        for at_s, violations in ((until_s, 0), (until_s + 0.5, 1)):
            facts = sorted([sealed_alert, *before, carried(at_s)], key=lambda f: f[0])
            assert broken(timed(earth(always(), slow_s=3), facts, end_s=50)) == violations


@pytest.mark.parametrize(("contact", "violations"), [((0, 17), 0), ((0, 18), 1), ((5, 99), 1), ((6, 99), 0)])
def test_an_edge_whose_clock_is_off_must_only_see_contacts_well_within_them(
    contact: tuple[int, int], violations: int
) -> None:
    """Due at 12 s; by a clock that is off by 5 s the contact is surely open from 5 s after its start."""
    facts = [(10, "edge-1", AlertSealed(KEY, ALERT_RECORD)), carried(16)]
    assert broken(timed(earth(always(100, 10, contact)), facts, end_s=17)) == 1
    assert broken(timed(earth(always(100, 10, contact), clock_margin_s=5), facts, end_s=17)) == violations


def test_an_alert_that_is_stated_again_after_a_restart_need_not_go_again() -> None:
    sealed_alert = AlertSealed(KEY, ALERT_RECORD)
    facts = [(10, "edge-1", sealed_alert), carried(11), (20, "edge-1", DOWN), (30, "edge-1", sealed_alert)]
    assert broken(timed(earth(always()), facts, end_s=100)) == 0


def test_a_frame_is_no_alert() -> None:
    assert timed(earth(always()), [(0, MONITOR, sealed(0)), carried(1, record(0))], end_s=9).checked == 0
