"""What is promised while a run heals: nothing in time, until Earth has all that was signed before; then everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from planted_on_mars import NeverSendsAgain
from small_habitat import HABITAT
from test_alert_latency import RULES, UP, counted, samples, sounds
from traces import MONITOR, NOTHING, SECOND, SIGNERS, STREAM, always, broken, leaf, row, sealed, timed

from twin.experiments.mission import Roles
from twin.experiments.run import run
from twin.guarantees.alarm_truth import AlarmTruth
from twin.guarantees.alarms_on_mars import AlarmsOnMars
from twin.guarantees.alert_latency import AlertLatency
from twin.guarantees.alerts_on_earth import AlertsOnEarth, EarthBound
from twin.guarantees.availability import Availability
from twin.guarantees.integrity import Integrity, Mending
from twin.guarantees.loop_rules import Freshness
from twin.guarantees.promises import Promises
from twin.guarantees.receipts_on_mars import ReceiptsOnMars
from twin.guarantees.truth import Truth
from twin.pipeline.facts import AlarmRaised, AlertSealed, ReceiptLearned
from twin.pipeline.nodes.edge import Edge
from twin.pipeline.wire.identity import AlertKey, RecordId
from twin.scenario import parse_scenario
from twin.scenario.bounds import parse_bound
from twin.trace import (
    AcknowledgementNoted,
    Crashed,
    HeadVisible,
    MadeDurable,
    MediumHolds,
    RowRotted,
    SurgeonTold,
)

HEALED_S = 1000
LATE_S = 900
"""Longer than any bound here."""


def freshness(truth: Truth, from_s: int | None = HEALED_S) -> Freshness:
    promises = Promises(truth, 0, None if from_s is None else from_s * SECOND)
    bound = parse_bound("owlt + frame_period + contact_wait + 50 s")
    of = promises.of(lambda _: always())
    checker = Freshness(truth, bound, of, {"frame_period": 60 * SECOND}, frozenset({1}))
    checker.promises = promises  # type: ignore[attr-defined]
    checker.from_when = promises.from_when
    return checker


def flown(facts, end_s: int = 10_000, from_s: int | None = HEALED_S):
    return timed(lambda truth: freshness(truth, from_s), facts, end_s=end_s, before=lambda c: (c.promises,))


def signed(index: int, at_s: int):
    return at_s, MONITOR, sealed(index)


def seen(index: int, at_s: int):
    return [(at_s, "earth", row(index)), (at_s + 1, "earth", HeadVisible(tuple(STREAM), index + 1, 1))]


BACKLOG = [signed(0, 100), signed(1, 200)]


def test_what_began_before_everything_was_there_may_be_late() -> None:
    facts = [*BACKLOG, *seen(0, 1000 + LATE_S), *seen(1, 1000 + LATE_S + 10)]
    held = flown(facts)
    assert (broken(held), held.checked, held.pending()) == (0, 0, 2)
    assert held.verdict(listed=False).reason.endswith(
        "in force after 32 min, when Earth held all that was signed in the first 17 min"
    )
    throughout = flown(facts, from_s=None)
    assert broken(throughout) == 2, "without a time to heal both are too late"
    assert "bound" not in throughout.verdict(listed=False).reason


def test_a_verdict_says_that_no_bound_was_ever_in_force() -> None:
    verdict = flown([*BACKLOG, *seen(0, 1100)]).verdict(listed=True)
    assert verdict.verdict == "broken"
    assert verdict.reason == (
        "listed by the scenario but never checked: nothing fell due; "
        "no bound was in force: Earth never held all that was signed in the first 17 min"
    )


def test_what_begins_after_that_is_owed_in_time() -> None:
    healed = [*BACKLOG, *seen(0, 1100), *seen(1, 1110)]
    assert broken(flown([*healed, signed(2, 1200), *seen(2, 1340)])) == 0
    assert broken(flown([*healed, signed(2, 1200), *seen(2, 1200 + LATE_S)])) == 1
    assert broken(flown([*healed, signed(2, 1200)])) == 1, "and never is too late"


def test_what_begins_while_the_backlog_drains_is_not() -> None:
    facts = [*BACKLOG, signed(2, 1050), *seen(0, 1100), *seen(1, 1110), *seen(2, 1050 + LATE_S)]
    held = flown(facts)
    assert (broken(held), held.checked) == (0, 0)


def test_a_backlog_that_no_medium_holds_any_more_is_not_waited_for() -> None:
    """Two records of the device's memory go with it; what an edge had fsynced goes with its disk."""
    died = [*BACKLOG, *seen(0, 300), (400, MONITOR, Crashed(0, 0))]
    other = [(1100, MONITOR, sealed(0, epoch=3)), (1101, "earth", row(0)._replace(record=(1, 3, 0)))]
    other.append((1102, "earth", HeadVisible((1, 3), 1, 1)))
    late = [(1200, MONITOR, sealed(1, epoch=3))]
    assert broken(flown([*died, *other, *late])) == 1
    durable = [(250, "edge-1", MadeDurable(((1, 2, 0), (1, 2, 1)))), (500, "edge-1", MediumHolds(()))]
    assert broken(flown(sorted([*died, *durable, *other, *late], key=lambda fact: fact[0]))) == 1
    kept = [(250, "edge-1", MadeDurable(((1, 2, 0), (1, 2, 1))))]
    assert broken(flown(sorted([*died, *kept, *other, *late], key=lambda fact: fact[0]))) == 0


STUCK = (
    """
name: stuck
start: 2033-03-10T10:00:00Z
duration: 30 min
bounds_from: 23 min
seed: 3
"""
    + HABITAT
    + """\
faults:
  - {kind: bundle_loss, link: down, rate: 100 %, from: 12 min, until: 22 min}
guarantees: [no_loss, convergence, freshness: {bound: owlt + frame_period + contact_wait + 1 min}]
"""
)


@pytest.mark.parametrize(("edge", "lost"), [(Edge, set()), (NeverSendsAgain, {"no_loss", "convergence"})])
def test_a_pipeline_that_heals_holds_and_one_that_stays_stuck_is_broken_all_the_same(
    edge: type[Edge], lost: set[str], tmp_path: Path
) -> None:
    """Nothing is late while the backlog drains; that it drains is another statement, and holds throughout."""
    result = run(parse_scenario(STUCK), tmp_path / "run", roles=Roles(edge=edge))
    violated = {guarantee.key for guarantee in result.guarantees if guarantee.evidence is not None}
    assert violated == lost
    freshness = next(guarantee for guarantee in result.guarantees if guarantee.key == "freshness")
    assert ("no bound was in force" in freshness.reason) == bool(lost)


def mars(truth: Truth, from_s: int | None) -> AlertLatency:
    checker = AlertLatency()
    alarms = AlarmTruth(RULES)
    edges = {1: ("edge-1", "edge-2")}
    checker.mars = AlarmsOnMars(
        checker, truth, alarms, edges, 5 * SECOND, lambda at_us: from_s is None or at_us >= from_s * SECOND
    )
    checker.alarms = alarms  # type: ignore[attr-defined]
    return checker


def test_alarms_on_mars_may_be_late_before_and_not_after() -> None:
    crossing = samples(10, 95, 95, 89, 88, 87)
    for from_s, expected in ((None, (1, 1, 0)), (8, (1, 1, 0)), (9, (0, 0, 0))):
        checker = timed(
            lambda truth, from_s=from_s: mars(truth, from_s),
            sorted([*UP, crossing, sounds(60)], key=lambda f: f[0]),
            end_s=1000,
            before=lambda c: (c.alarms,),
        )
        assert counted(checker) == expected


def open_since(from_s: int) -> Availability:
    """Bounds are in force from there on; what began before is owed as if it had begun there."""
    return replace(always(), owed_from=lambda at_us: max(at_us, from_s * SECOND))


ALERT = AlertKey(1, 2, 0, "spo2_pct.low")
RAISED = [
    (0, MONITOR, sealed(0)),
    (10, "edge-1", AlarmRaised(ALERT, 0, 3)),
    (11, "edge-1", AlertSealed(ALERT, RecordId(101, 1, 0))),
]


def alerts(of: Availability) -> Callable[[Truth], AlertLatency]:
    """Alarms on their way to Earth, and acknowledgements on their way back."""

    def make(truth: Truth) -> AlertLatency:
        checker = AlertLatency()
        bound = EarthBound(parse_bound("owlt + contact_wait + 60 s"), 120 * SECOND, 0.95, NOTHING)
        checker.earth = AlertsOnEarth(checker, truth, lambda _: of, bound)
        back = parse_bound("2 owlt + 2 contact_wait + 60 s")
        checker.receipts = ReceiptsOnMars(checker, lambda _: of, back, NOTHING)
        return checker

    return make


def test_an_alarm_that_nobody_is_ever_told_of_is_broken_whenever_it_was_raised() -> None:
    told = (900, "channel", SurgeonTold(tuple(ALERT), 3))
    noted = (901, "earth", AcknowledgementNoted(tuple(ALERT)))
    learned = (1100, "edge-1", ReceiptLearned(ALERT))
    for facts, end_s, violations, pending in (
        (RAISED, HEALED_S + 100, 0, 1),
        (RAISED, HEALED_S + 1000, 1, 0),
        ([*RAISED, told, noted], HEALED_S + 100, 0, 2),  # that it was told late is excused, and counted
        ([*RAISED, told, noted], HEALED_S + 1000, 1, 1),
        ([*RAISED, told, noted, learned], HEALED_S + 1000, 0, 1),
    ):
        checker = timed(alerts(open_since(HEALED_S)), facts, end_s=end_s)
        assert (broken(checker), checker.pending()) == (violations, pending), facts


def test_rot_that_is_never_mended_is_broken_whenever_it_set_in() -> None:
    def integrity(truth: Truth) -> Integrity:
        mending = Mending(
            "auditor", 100 * SECOND, parse_bound("owlt + contact_wait + 60 s"), lambda _: open_since(HEALED_S), {}
        )
        return Integrity(truth, mending)

    facts = [(0, MONITOR, sealed(0)), (1, "earth", row(0)), (10, "table", RowRotted("table", (1, 2, 0), leaf(9)))]
    for end_s, violations in ((HEALED_S + 200, 0), (HEALED_S + 1000, 1)):
        assert broken(timed(integrity, facts, end_s=end_s)) == violations


def test_what_needs_no_earth_is_owed_from_the_healing_on() -> None:
    promises = Promises(Truth(SIGNERS), 100 * SECOND, HEALED_S * SECOND)
    assert [promises.is_healed(at_s * SECOND) for at_s in (1099, 1100)] == [False, True]
    assert promises.owed_from(2000 * SECOND) is None
    assert Promises(Truth(SIGNERS), 100 * SECOND, None).is_healed(0)


def test_alarms_on_earth_may_be_late_before_and_are_no_part_of_the_share_in_view() -> None:
    facts = [*RAISED, (10 + LATE_S, "channel", SurgeonTold(tuple(ALERT), 3))]
    late = timed(alerts(always()), facts, end_s=2000)
    assert broken(late) == 2  # over the bound, and a share of none in view
    excused = timed(alerts(replace(always(), owed_from=lambda _: None)), facts, end_s=2000)
    assert (broken(excused), excused.pending()) == (0, 1)
    assert excused.earth.share_in_view is None
