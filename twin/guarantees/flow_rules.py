"""The guarantees over bundles, for scenarios of bundle nodes: the record is one payload of a flow.

A payload needs one look for all of them, so the ledger reads the trace in batches and hands what is wrong to the
guarantee that it breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twin.guarantees.verdict import Checker
from twin.pipeline.facts import PayloadDelivered, PayloadOffered
from twin.trace import Entry, Trace

Flow = tuple[int, int]
Record = tuple[int, int, int]


class _FlowChecker(Checker):
    not_applicable = "no payload was delivered"

    def __init__(self, ledger: FlowLedger) -> None:
        super().__init__()
        self._ledger = ledger

    def watch(self, trace: Trace) -> None:
        """The ledger watches, once for all."""

    def finish(self, at_us: int) -> None:  # noqa: ARG002 - every delivery was judged at its time
        self.checked = self._ledger.judged


class FlowIntegrity(_FlowChecker):
    """Every payload delivered is the one offered under its index: checksums run over the flow agree at both ends."""

    key = "integrity"


class FlowExactlyOnce(_FlowChecker):
    """Every payload is delivered at most once, and none that was never offered."""

    key = "exactly_once"


class FlowOrder(_FlowChecker):
    """Payloads of a flow are delivered in the order of their index, without a gap."""

    key = "stream_order"


class FlowNoLoss(_FlowChecker):
    """Every payload taken into custody is delivered by the end of the run, or still open when it was cut short."""

    key = "no_loss"
    not_applicable = "no payload was offered"

    def __init__(self, ledger: FlowLedger) -> None:
        super().__init__(ledger)
        self.complete = True

    def pending(self) -> int:
        return 0 if self.complete else len(self._ledger.open)

    def finish(self, at_us: int) -> None:
        self.checked = self._ledger.offered - self.pending()
        if not self.complete:
            return
        for record, (_, offered_us) in sorted(self._ledger.open.items()):
            what = f"offered {(at_us - offered_us) / 1e6:.0f} s before the end, not delivered"
            self.violate(at_us, "destination", record, what)


class FlowLedger:
    """Payloads offered and not yet delivered, with running checksum and instant, and the checkers that it feeds.

    Args:
        delivered: called as `delivered(at_us, record, offered_us)` for every payload that was offered and has come.
    """

    def __init__(self, delivered: Callable[[int, Record, int], None]) -> None:
        self.open: dict[Record, tuple[int, int]] = {}
        self.offered = 0
        self.judged = 0
        self.no_loss = FlowNoLoss(self)
        self.exactly_once = FlowExactlyOnce(self)
        self.order = FlowOrder(self)
        self.integrity = FlowIntegrity(self)
        self._on_delivered = delivered
        self._next: dict[Flow, int] = {}

    def watch(self, trace: Trace) -> None:
        """Read the trace."""
        trace.read(self._read)

    @property
    def delivered(self) -> int:
        """Payloads that were offered and have come."""
        return self.offered - len(self.open)

    def _read(self, entries: Sequence[Entry]) -> None:
        for at_us, node, fact in entries:
            kind = type(fact)
            if kind is PayloadDelivered:
                self._judge(at_us, node, fact)
            elif kind is PayloadOffered:
                record, checksum = fact
                self.open[record] = (checksum, at_us)
                self.offered += 1

    def _judge(self, at_us: int, node: str, fact: PayloadDelivered) -> None:
        record, checksum = fact
        self.judged += 1
        flow, index = record[:2], record[2]
        expected = self._next.get(flow, 0)
        if index != expected:
            self.order.violate(at_us, node, record, f"delivered where {expected} was next")
        offered = self.open.pop(record, None)
        if offered is None:
            self.exactly_once.violate(at_us, node, record, "delivered twice, or never offered")
            return
        self._next[flow] = expected + 1
        if offered[0] != checksum:
            self.integrity.violate(at_us, node, record, "the payload is not the one that was offered")
        self._on_delivered(at_us, record, offered[1])


class NotApplicable(Checker):
    """A guarantee about something that this kind of scenario does not have."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__()
        self.key = key  # type: ignore[misc]
        self.not_applicable = reason  # type: ignore[misc]

    def watch(self, trace: Trace) -> None:
        """Nothing to watch."""
