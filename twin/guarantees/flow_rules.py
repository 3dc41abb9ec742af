"""The guarantees over bundles, for scenarios of bundle nodes: the record is one payload of a flow."""

from __future__ import annotations

from abc import abstractmethod

from twin.guarantees.verdict import Checker
from twin.pipeline.facts import PayloadDelivered, PayloadOffered
from twin.trace import Trace

Flow = tuple[int, int]


class FlowTruth:
    """Payloads offered and not yet delivered, by flow: running checksum and instant of the offer."""

    def __init__(self) -> None:
        self.open: dict[tuple[int, int, int], tuple[int, int]] = {}
        self.offered = 0
        self.delivered: dict[Flow, int] = {}

    def watch(self, trace: Trace) -> None:
        """Subscribe to what is offered; deliveries are judged by the checkers first (`watch_last`)."""
        trace.subscribe(PayloadOffered, self._offered)

    def watch_last(self, trace: Trace) -> None:
        """Subscribe to deliveries, after every checker has."""
        trace.subscribe(PayloadDelivered, self._delivered)

    def _offered(self, at_us: int, _node: str, fact: PayloadOffered) -> None:
        self.open[fact.record] = (fact.checksum, at_us)
        self.offered += 1

    def _delivered(self, _at_us: int, _node: str, fact: PayloadDelivered) -> None:
        record = fact.record
        if self.open.pop(record, None) is not None:
            flow = record[:2]
            self.delivered[flow] = self.delivered.get(flow, 0) + 1


class _FlowChecker(Checker):
    not_applicable = "no payload was delivered"

    def __init__(self, truth: FlowTruth) -> None:
        super().__init__()
        self._truth = truth

    def watch(self, trace: Trace) -> None:
        trace.subscribe(PayloadDelivered, self._delivered)

    @abstractmethod
    def _delivered(self, at_us: int, node: str, fact: PayloadDelivered) -> None:
        """Judge one delivery."""


class FlowIntegrity(_FlowChecker):
    """Every payload delivered is the one that was offered under its index: the checksums run over the flow agree at
    both ends.
    """

    key = "integrity"

    def _delivered(self, at_us: int, node: str, fact: PayloadDelivered) -> None:
        self.checked += 1
        offered = self._truth.open.get(fact.record)
        if offered is not None and offered[0] != fact.checksum:
            self.violate(at_us, node, fact.record, "the payload is not the one that was offered")


class FlowExactlyOnce(_FlowChecker):
    """Every payload is delivered at most once, and none that was never offered."""

    key = "exactly_once"

    def _delivered(self, at_us: int, node: str, fact: PayloadDelivered) -> None:
        self.checked += 1
        if fact.record not in self._truth.open:
            self.violate(at_us, node, fact.record, "delivered twice, or never offered")


class FlowOrder(_FlowChecker):
    """Payloads of a flow are delivered in the order of their index, without a gap."""

    key = "stream_order"

    def _delivered(self, at_us: int, node: str, fact: PayloadDelivered) -> None:
        self.checked += 1
        expected = self._truth.delivered.get(fact.record[:2], 0)
        if fact.record[2] != expected:
            self.violate(at_us, node, fact.record, f"delivered where {expected} was next")


class FlowNoLoss(Checker):
    """Every payload taken into custody is delivered by the end of the run, or still open when it was cut short."""

    key = "no_loss"
    not_applicable = "no payload was offered"

    def __init__(self, truth: FlowTruth) -> None:
        super().__init__()
        self._truth = truth
        self.complete = True

    def watch(self, trace: Trace) -> None:
        """Nothing at the instant: the truth counts, `finish` judges."""

    def pending(self) -> int:
        return 0 if self.complete else len(self._truth.open)

    def finish(self, at_us: int) -> None:
        self.checked = self._truth.offered - self.pending()
        if not self.complete:
            return
        for record, (_, offered_us) in sorted(self._truth.open.items()):
            self.violate(
                at_us,
                "destination",
                record,
                f"offered {(at_us - offered_us) / 1e6:.0f} s before the end, not delivered",
            )


class NotApplicable(Checker):
    """A guarantee about something that this kind of scenario does not have."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__()
        self.key = key  # type: ignore[misc]
        self.not_applicable = reason  # type: ignore[misc]

    def watch(self, trace: Trace) -> None:
        """Nothing to watch."""
