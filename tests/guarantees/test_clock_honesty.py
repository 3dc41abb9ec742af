"""clock_honesty by hand: an alarm is what its samples call for, a row what its device signed, whatever clocks say."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from traces import DEVICE, EPOCH, MONITOR, SECOND, broken, leaf, row, sealed, timed

from twin.guarantees.alarm_truth import AlarmTruth, DeviceRules
from twin.guarantees.clock_honesty import ClockHonesty
from twin.guarantees.limit_rules import LimitRule
from twin.guarantees.score_rules import Score, ScoredColumn
from twin.guarantees.truth import Truth
from twin.pipeline.facts import AlarmRaised
from twin.pipeline.wire.body import NO_READING
from twin.pipeline.wire.identity import AlertKey
from twin.trace import Crashed, Generated, Restarted

HIGH = "heart_rate_bpm.high"
RULES = {MONITOR: DeviceRules(DEVICE, (LimitRule(HIGH, 0, None, 120, 3, (20, 250), (20, 118)),), None, 0)}
UP = (0, MONITOR, Restarted(0))


def honesty(truth: Truth) -> ClockHonesty:
    return ClockHonesty(truth, AlarmTruth(RULES))


def fly(facts: Sequence[Any]) -> int:
    return broken(timed(honesty, [UP, *facts], end_s=10**6, before=lambda c: (c._alarms,)))


def frame(index: int, *values: int, at_s: float = 1, samples: int | None = None) -> list[Any]:
    """A block of samples and the frame that its device signs at once."""
    block = Generated(0, SECOND, tuple((value,) for value in values))
    return [(at_s, MONITOR, block), (at_s, MONITOR, sealed(index, samples=len(values) if samples is None else samples))]


def alarm(index: int, at_row: int, edge: str = "edge-1", priority: int = 3) -> tuple[int, str, AlarmRaised]:
    return 2, edge, AlarmRaised(AlertKey(DEVICE, EPOCH, index, HIGH), at_row, priority)


def test_an_alarm_that_the_samples_call_for_is_honest() -> None:
    block = frame(0, 80, 130, 131, 132)
    assert fly([*block, alarm(0, 1), alarm(0, 1, "edge-2")]) == 0
    assert fly([*block, alarm(0, 3)]) == 0


def test_an_alarm_without_cause_is_not() -> None:
    assert fly([*frame(0, 80, 130, 131), alarm(0, 1)]) == 1  # two in a row are not three
    assert fly([*frame(0, 80, 130, 131, 132), alarm(0, 0)]) == 1  # another row
    assert fly([*frame(0, 80, 130, 131, 132), *frame(1, 80, 80), alarm(1, 0)]) == 1  # another record
    assert fly([*frame(0, 80, 80), alarm(1, 0)]) == 1  # nobody signed it
    assert fly([*frame(0, 130, NO_READING, NO_READING, NO_READING, 130, 130), alarm(0, 4)]) == 1


def test_edges_that_disagree_break_it() -> None:
    block = frame(0, 80, 130, 131, 132)
    assert fly([*block, alarm(0, 1), alarm(0, 2, "edge-2")]) == 1
    assert fly([*block, alarm(0, 1), alarm(0, 1, "edge-2", 2)]) == 1


def test_samples_count_in_a_row_across_frames_missing_ones_and_restarts() -> None:
    assert fly([*frame(0, 130, 130), *frame(1, 130), alarm(1, 0)]) == 0
    assert fly([*frame(0, 130, NO_READING, 130), alarm(0, 0)]) == 0
    crash = [(1, MONITOR, Crashed(0, 0)), (1, MONITOR, Generated(0, SECOND, ((80,),))), (1, *UP[1:])]
    assert fly([*frame(0, 130, 130), *crash, *frame(1, 130), alarm(1, 0)]) == 0
    assert fly([*frame(0, 130, 130), *frame(1, 80, 130), alarm(1, 1)]) == 1


def test_a_frame_may_hold_several_blocks_or_none() -> None:
    first = (1, MONITOR, Generated(0, SECOND, ((80,), (80,))))
    assert fly([first, *frame(0, 130, 130, 130, samples=5), alarm(0, 2)]) == 0
    assert fly([(1, MONITOR, sealed(0, samples=0)), *frame(1, 130, 130, 130), alarm(1, 0)]) == 0


def test_rules_that_are_not_limits_are_left_to_others() -> None:
    other = (2, "edge-1", AlarmRaised(AlertKey(DEVICE, EPOCH, 0, "news2.urgent"), 0, 2))
    assert fly([*frame(0, 80), other]) == 0


def scored(facts: list[Any], name: str, index: int, at_row: int) -> int:
    """Violations where an alarm of the score names a row."""
    pulse = ScoredColumn("heart_rate", 0, Fraction(1), (20, 250), 70, 3, 15, shaken=False)
    rules = {MONITOR: DeviceRules(DEVICE, (), None, 0, Score((pulse,), 1, 3))}
    alert = (2, "edge-1", AlarmRaised(AlertKey(DEVICE, EPOCH, index, name), at_row, 2))
    told = [UP, *facts, alert]
    return broken(timed(lambda truth: ClockHonesty(truth, AlarmTruth(rules)), told, before=lambda c: (c._alarms,)))


def test_a_score_without_cause_is_not_honest() -> None:
    ill = [*frame(0, 80, 80, 80, 80), *frame(1, 80, 131, 131, 131, 80, 80, 80)]
    assert scored(ill, "news2.single", 1, 1) == 0
    assert scored(ill, "news2.single", 1, 6) == 1  # it was over by then
    assert scored(ill, "news2.single", 0, 1) == 1
    assert scored(ill, "news2.urgent", 1, 1) == 1
    brief = [*frame(0, 80, 80, 80, 80), *frame(1, 80, 131, 131, 80, 131, 131, 80)]
    assert scored(brief, "news2.single", 1, 1) == 1  # two in a row are not three


def test_a_score_may_name_a_row_of_the_block_before_the_one_that_calls_for_it() -> None:
    first = (1, MONITOR, Generated(0, SECOND, ((80,), (80,), (131,), (131,))))
    assert scored([first, *frame(0, 131, 80, samples=6)], "news2.single", 0, 2) == 0
    assert scored([first, *frame(0, 80, 131, samples=6)], "news2.single", 0, 2) == 1


def test_a_row_under_another_identity_is_found() -> None:
    signed = [(1, MONITOR, sealed(0)), (1, MONITOR, sealed(1))]
    assert fly([*signed, (2, "earth", row(0)), (2, "earth", row(1))]) == 0
    assert fly([*signed, (2, "earth", row(0, leaf(1)))]) == 1
