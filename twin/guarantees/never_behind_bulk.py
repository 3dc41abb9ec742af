"""The part of alert_latency that holds the order in which an edge sends: no alert behind bulk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from twin.guarantees.availability import Availability
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import AlertSealed, BundleSent
from twin.pipeline.transport.contact_plan import Contact
from twin.trace import Crashed, Trace

Record = tuple[int, int, int]


class _Wait(NamedTuple):
    """An alert that has not left yet; `due_us` is when it should have, None where nobody can say."""

    node: str
    sealed_us: int
    due_us: int | None


class NeverBehindBulk:
    """Holds the first transmission of every alert against what its edge sends meanwhile, and against time.

    From the instant at which an alert is on the medium the edge hands no bundle without alerts of its own to its
    antenna until this one has gone, by day and by night, and after a crash from when it says again what it holds.

    An edge radiates one bundle at a time and shares the antenna with its peers, so an alert sealed at an open contact
    may find one bundle of each in front of it, and no more: `allowance_us(contact, sealed)`, None while the link does
    not run at its rate. That is judged while the edge's contact stays open that long, in truth and by the edge's own
    clock. A slow processor hears late that a bundle has left: of the one that may have been under way, and of each that
    carried alerts of its own before this one.

    Args:
        clock_margin_us: edge -> how far within a contact an edge whose clock is off surely knows that it is open.
        slow_us: edge, instant -> how much later it may deal with what reaches it then.
    """

    def __init__(
        self,
        checker: Checker,
        of_edge: Mapping[str, Availability],
        allowance_us: Callable[[Contact, int], int | None],
        clock_margin_us: Mapping[str, int],
        slow_us: Callable[[str, int], int],
    ) -> None:
        self._checker = checker
        self._of_edge = of_edge
        self._slow_us = slow_us
        self._allowance_us = allowance_us
        self._clock_margin_us = clock_margin_us
        self._waiting: dict[Record, _Wait] = {}
        self._unsent: dict[str, dict[Record, _Wait]] = {}  # by edge, what its last crash kept from leaving
        self._said: dict[tuple[int, int], int] = {}  # alerts that each own stream was said to hold

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        trace.subscribe(AlertSealed, self._sealed)
        trace.subscribe(BundleSent, self._sent)
        trace.subscribe(Crashed, self._crashed)

    def _sealed(self, at_us: int, node: str, fact: AlertSealed) -> None:
        device, epoch, index = fact.record
        if index < self._said.get((device, epoch), 0):  # said again after a restart
            before = self._unsent.get(node, {}).pop(fact.record, None)
            if before is not None:
                self._waiting[fact.record] = before._replace(due_us=None)
            return
        self._said[device, epoch] = index + 1
        self._waiting[fact.record] = _Wait(node, at_us, self._due_us(node, at_us))

    def _due_us(self, node: str, at_us: int) -> int | None:
        """When an alert that is sealed now must have left; None where no contact is sure to stay open so long."""
        available = self._of_edge.get(node)
        now = None if available is None else available.down.open_until_us(at_us)
        if now is None:
            return None
        end_us, contact = now
        within_us = self._allowance_us(contact, at_us)
        if within_us is None:
            return None
        due_us = at_us + within_us + self._slow_us(node, at_us)
        margin_us = self._clock_margin_us.get(node, 0)
        sure = contact.start_us + margin_us <= at_us and due_us + margin_us < end_us
        return due_us if sure else None

    def _crashed(self, _at_us: int, node: str, _fact: Crashed) -> None:
        self._unsent[node] = {record: wait for record, wait in self._waiting.items() if wait.node == node}
        for record in self._unsent[node]:
            del self._waiting[record]

    def _sent(self, at_us: int, node: str, fact: BundleSent) -> None:
        if not self._waiting or not fact.records:
            return
        for sent, _ in fact.records:
            wait = self._waiting.get(sent)
            if wait is not None and wait.node == node:
                del self._waiting[sent]
                self._judge(at_us, sent, wait)
        signers = {sent.device for sent, _ in fact.records}
        late_us = self._slow_us(node, at_us)
        for record, wait in [(record, wait) for record, wait in self._waiting.items() if wait.node == node]:
            if record[0] not in signers:
                del self._waiting[record]
                waited_s = (at_us - wait.sealed_us) / 1e6
                self._checker.checked += 1
                self._checker.violate(at_us, node, record, f"after {waited_s:.1f} s bulk left before it")
            elif wait.due_us is not None:
                self._waiting[record] = wait._replace(due_us=wait.due_us + late_us)

    def _judge(self, at_us: int, record: Record, wait: _Wait) -> None:
        self._checker.checked += 1
        if wait.due_us is not None and at_us > wait.due_us:
            waited_s = (at_us - wait.sealed_us) / 1e6
            what = f"waited {waited_s:.1f} s at an open contact, behind more than one bundle an edge"
            self._checker.violate(at_us, wait.node, record, what)

    def finish(self, at_us: int) -> None:
        """What never left although it could."""
        for record, wait in sorted(self._waiting.items()):
            if wait.due_us is not None and wait.due_us < at_us:
                self._judge(at_us, record, wait)
