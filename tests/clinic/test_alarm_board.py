"""What sounds: latching, acknowledgement, escalation (IEC 60601-1-8), and that two boards agree."""

from __future__ import annotations

import cbor2

from twin.pipeline.clinic.alarms import Change
from twin.pipeline.clinic.board import AlarmBoard
from twin.pipeline.wire.identity import AlertKey

FIRST = AlertKey(7, 9, 1, "spo2_pct.low")
AGAIN = AlertKey(7, 9, 5, "spo2_pct.low")
OTHER = AlertKey(8, 9, 5, "spo2_pct.low")
LEAD = AlertKey(7, 9, 1, "spo2_pct.lead_off")
MINUTE_US = 60_000_000


def board() -> AlarmBoard:
    return AlarmBoard(2 * MINUTE_US)


def change(alert: AlertKey, state: str, priority: int = 3) -> Change:
    return Change(alert, 0, priority, state, "")


def states(signals: tuple[tuple[AlertKey, int, str], ...]) -> list[tuple[int, str]]:
    return [(alert.index, state) for alert, _, state in signals]


def held(one: AlarmBoard) -> list[AlertKey]:
    """Alerts that are not gone, oldest first."""
    return [AlertKey(*alert) for alert, _ in cbor2.loads(one.snapshot())]


def sounding(one: AlarmBoard) -> list[AlertKey]:
    """Alerts that nobody has acknowledged, oldest first."""
    return [signal.alert for signal in one.again() if signal.state == "active"]


def test_acknowledged_and_then_over_is_gone() -> None:
    one = board()
    assert one.take(change(FIRST, "active"), 0) == ((FIRST, 3, "active"),)
    assert one.acknowledge(FIRST) == ((FIRST, 3, "acknowledged"),)
    assert sounding(one) == []
    assert held(one) == [FIRST]
    assert one.take(change(FIRST, "latched"), 10) == ((FIRST, 3, "cleared"),)
    assert held(one) == []


def test_over_and_not_acknowledged_stays_latched_until_somebody_acts() -> None:
    one = board()
    one.take(change(FIRST, "active"), 0)
    assert one.take(change(FIRST, "latched"), 10) == ((FIRST, 3, "latched"),)
    assert sounding(one) == [FIRST]
    assert one.acknowledge(FIRST) == ((FIRST, 3, "cleared"),)
    assert held(one) == []
    assert one.acknowledge(FIRST) == ()


def test_a_technical_alert_clears_by_itself() -> None:
    one = board()
    one.take(change(LEAD, "active", 1), 0)
    assert one.next_due_us is None
    assert one.take(change(LEAD, "cleared", 1), 5) == ((LEAD, 1, "cleared"),)


def test_nobody_answering_escalates_once() -> None:
    one = board()
    one.take(change(FIRST, "active"), 1_000)
    assert one.next_due_us == 2 * MINUTE_US + 1_000
    assert one.due(2 * MINUTE_US + 999) == ()
    assert one.due(2 * MINUTE_US + 1_000) == ((FIRST, 3, "escalated"),)
    assert one.next_due_us is None
    assert one.due(9 * MINUTE_US) == ()
    assert states(one.acknowledge(FIRST)) == [(1, "acknowledged")]


def test_an_acknowledged_alert_does_not_escalate() -> None:
    one = board()
    one.take(change(FIRST, "active"), 0)
    one.acknowledge(FIRST)
    assert one.next_due_us is None
    assert one.due(9 * MINUTE_US) == ()


def test_a_latched_alert_escalates_too() -> None:
    one = board()
    one.take(change(FIRST, "active"), 0)
    one.take(change(FIRST, "latched"), 10)
    assert states(one.due(2 * MINUTE_US)) == [(1, "escalated")]


def test_a_board_that_never_escalates_asks_for_no_timer() -> None:
    one = AlarmBoard(None)
    one.take(change(FIRST, "active"), 0)
    assert one.next_due_us is None
    assert one.due(10**15) == ()


def test_a_new_alert_takes_the_place_of_a_latched_one_and_keeps_its_patience() -> None:
    one = board()
    one.take(change(FIRST, "active"), 0)
    one.take(change(OTHER, "active"), 5)
    one.take(change(FIRST, "latched"), 10)
    assert states(one.take(change(AGAIN, "active"), MINUTE_US)) == [(1, "cleared"), (5, "active")]
    assert held(one) == [OTHER, AGAIN]
    assert one.next_due_us == 2 * MINUTE_US
    assert [signal.alert for signal in one.due(2 * MINUTE_US)] == [AGAIN]


def test_a_change_that_is_known_says_nothing() -> None:
    one = board()
    one.take(change(FIRST, "active"), 0)
    assert one.take(change(FIRST, "active"), 50) == ()
    assert one.take(change(AGAIN, "latched"), 50) == ()
    assert one.acknowledge(AGAIN) == ()
    one.take(change(FIRST, "latched"), 60)
    assert one.take(change(FIRST, "latched"), 70) == ()


def test_the_crew_is_told_once_that_earth_has_seen_it() -> None:
    one = board()
    one.take(change(FIRST, "active"), 0)
    assert one.seen(FIRST) == ((FIRST, 3, "seen on Earth"),)
    assert one.seen(FIRST) == ()
    assert sounding(one) == [FIRST]
    assert one.seen(OTHER) == ()


def test_a_board_goes_on_from_its_snapshot() -> None:
    one = board()
    one.take(change(FIRST, "active"), 0)
    one.take(change(OTHER, "active"), 5)
    one.acknowledge(OTHER)
    one.seen(FIRST)
    one.take(change(FIRST, "latched"), 10)
    two = board()
    two.restore(one.snapshot())
    assert (held(two), two.again(), two.next_due_us) == (held(one), one.again(), one.next_due_us)
    assert two.due(2 * MINUTE_US) == one.due(2 * MINUTE_US)
    assert two.snapshot() == one.snapshot()
