"""What sounds on an edge, in the terms of IEC 60601-1-8 (clauses 6.8 to 6.10).

| here | IEC 60601-1-8 |
|---|---|
| active | alarm condition exists, alarm signals are generated |
| latched | latching alarm signal: goes on after the condition ceased, until somebody acts |
| acknowledged | acknowledged: inactivated by an operator until the condition no longer exists |
| escalated | escalation: nobody answered in time, the sense of urgency grows |
| cleared | nothing is generated any more; for a latched signal the acknowledgement is the alarm reset |

An alert is gone once its condition ceased and, where it latches, somebody acknowledged. A new alert of the same device
and rule takes the place of a latched one, which is cleared: one signal per device and rule. It keeps the instant since
which nobody answered, so a condition that comes and goes escalates all the same. Low priority never escalates.

The board is not told by frames but by people and time; only here is there a clock in the clinic.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from twin.pipeline.clinic.alarms import ACTIVE, CLEARED, LATCHED, Change
from twin.pipeline.clinic.watch import MEDIUM_PRIORITY
from twin.pipeline.wire.fields import load, read_alert, read_array, read_flag, read_int, read_uint
from twin.pipeline.wire.identity import AlertKey
from twin.pipeline.wire.plain_cbor import dumps

ACKNOWLEDGED = "acknowledged"
ESCALATED = "escalated"
SEEN_ON_EARTH = "seen on Earth"


class Signal(NamedTuple):
    """Fields of `Annunciate`: what the crew shall hear or see of an alert."""

    alert: AlertKey
    priority: int
    state: str


class _Entry(NamedTuple):
    priority: int
    since_us: int
    ceased: bool = False
    acknowledged: bool = False
    escalated: bool = False
    seen: bool = False


class AlarmBoard:
    """The alerts of one edge that are not gone.

    Args:
        escalate_after_us: Time without an acknowledgement after which a signal escalates [us]; None: never.
    """

    def __init__(self, escalate_after_us: int | None) -> None:
        self._escalate_after_us = escalate_after_us
        self._entries: dict[AlertKey, _Entry] = {}

    @property
    def next_due_us(self) -> int | None:
        """When `due` has something to do next; None: not before another change."""
        if self._escalate_after_us is None:
            return None
        waiting = [entry.since_us for entry in self._entries.values() if _may_escalate(entry)]
        return min(waiting) + self._escalate_after_us if waiting else None

    def take(self, change: Change, now_us: int) -> tuple[Signal, ...]:
        """An alert changed its state; a change that is known already says nothing."""
        alert, entry = change.alert, self._entries.get(change.alert)
        if change.state == ACTIVE:
            return self._raise(change, now_us) if entry is None else ()
        if entry is None or entry.ceased:
            return ()
        if change.state == LATCHED and not entry.acknowledged:
            self._entries[alert] = entry._replace(ceased=True)
            return (Signal(alert, entry.priority, LATCHED),)
        return self._remove(alert)

    def _raise(self, change: Change, now_us: int) -> tuple[Signal, ...]:
        signals: list[Signal] = []
        since_us = now_us
        for other, entry in list(self._entries.items()):
            if entry.ceased and (other.device, other.rule) == (change.alert.device, change.alert.rule):
                since_us = min(since_us, entry.since_us)
                signals.extend(self._remove(other))
        self._entries[change.alert] = _Entry(change.priority, since_us)
        return (*signals, Signal(change.alert, change.priority, ACTIVE))

    def again(self) -> tuple[Signal, ...]:
        """After a restart: what nobody has acknowledged, as far as this edge knows."""
        return tuple(
            Signal(alert, entry.priority, state)
            for alert, entry in self._entries.items()
            if not entry.acknowledged
            for state in ((ACTIVE, LATCHED) if entry.ceased else (ACTIVE,))
        )

    def acknowledge(self, alert: AlertKey) -> tuple[Signal, ...]:
        """Somebody of the crew acknowledged; what is not on the board, or was acknowledged before, says nothing."""
        entry = self._entries.get(alert)
        if entry is None or entry.acknowledged:
            return ()
        if entry.ceased:
            return self._remove(alert)
        self._entries[alert] = entry._replace(acknowledged=True)
        return (Signal(alert, entry.priority, ACKNOWLEDGED),)

    def seen(self, alert: AlertKey) -> tuple[Signal, ...]:
        """The flight surgeon on Earth acknowledged: that silences nothing on Mars, but the crew is told, once."""
        entry = self._entries.get(alert)
        if entry is None or entry.seen:
            return ()
        self._entries[alert] = entry._replace(seen=True)
        return (Signal(alert, entry.priority, SEEN_ON_EARTH),)

    def due(self, now_us: int) -> tuple[Signal, ...]:
        """Escalate what nobody acknowledged in time."""
        if self._escalate_after_us is None:
            return ()
        signals = []
        for alert, entry in list(self._entries.items()):
            if _may_escalate(entry) and entry.since_us + self._escalate_after_us <= now_us:
                self._entries[alert] = entry._replace(escalated=True)
                signals.append(Signal(alert, entry.priority, ESCALATED))
        return tuple(signals)

    def _remove(self, alert: AlertKey) -> tuple[Signal, ...]:
        entry = self._entries.pop(alert)
        return (Signal(alert, entry.priority, CLEARED),)

    def snapshot(self) -> bytes:
        """The state, to be journaled."""
        data: bytes = dumps([[list(alert), list(entry)] for alert, entry in self._entries.items()])
        return data

    def restore(self, snapshot: bytes) -> None:
        """Go on from a state that `snapshot` gave.

        Raises:
            ValueError: It is none.
        """
        entries = [read_array(one, 2) for one in read_array(load(snapshot))]
        self._entries = {read_alert(alert): _entry(entry) for alert, entry in entries}
        if self.snapshot() != snapshot:
            raise ValueError(f"alarm board of {len(snapshot)} bytes: is not in its one encoding")


def _entry(value: Any) -> _Entry:
    priority, since_us, *flags = read_array(value, len(_Entry._fields))
    return _Entry(read_uint(priority), read_int(since_us), *map(read_flag, flags))


def _may_escalate(entry: _Entry) -> bool:
    return entry.priority >= MEDIUM_PRIORITY and not (entry.acknowledged or entry.escalated)
