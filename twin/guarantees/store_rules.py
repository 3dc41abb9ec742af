"""What must be true of Earth's rows: no_loss, exactly_once, stream_order, integrity."""

from __future__ import annotations

from twin.guarantees.truth import Key, Truth
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import Accepted
from twin.trace import HeadVisible, RowStored, Trace


class NoLoss(Checker):
    """Every accepted record is eventually in D: at the end of the run, accepted minus stored is empty, or its bound
    is still open.
    """

    key = "no_loss"
    not_applicable = "no edge accepted a frame"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth
        self._accepted: dict[Key, int] = {}
        self._missing = 0
        self.complete = True

    def watch(self, trace: Trace) -> None:
        trace.subscribe(Accepted, self._on_accepted)

    def _on_accepted(self, _at_us: int, _node: str, fact: Accepted) -> None:
        stream = (fact.stream.device, fact.stream.epoch)
        before = self._accepted.get(stream, 0)
        if fact.end > before:
            self._accepted[stream] = fact.end
            self.checked += fact.end - before

    @property
    def accepted(self) -> int:
        """Records accepted by any edge."""
        return sum(self._accepted.values())

    @property
    def missing(self) -> int:
        """Accepted records that do not stand in the table."""
        total = 0
        for stream, accepted in self._accepted.items():
            truth = self._truth.of(stream)
            at = truth.contiguous["table"]
            total += max(0, accepted - at - sum(1 for index in truth.ahead["table"] if index < accepted))
        return total

    def pending(self) -> int:
        return self._missing

    def finish(self, at_us: int) -> None:
        if not self.complete:
            self._missing = self.missing
            self.checked -= self._missing
            return
        for stream, accepted in self._accepted.items():
            truth = self._truth.of(stream)
            at = truth.contiguous["table"]
            for index in range(at, accepted):
                if index not in truth.ahead["table"]:
                    self.violate(at_us, "table", (*stream, index), "accepted on Mars and not in the table on Earth")


class ExactlyOnce(Checker):
    """One row per (d, e, i) and its value constant: no row that nobody signed, no row overwritten with other bytes."""

    key = "exactly_once"
    not_applicable = "no row was stored"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth
        self.rows_counted: int | None = None

    def watch(self, trace: Trace) -> None:
        trace.subscribe(RowStored, self._stored)

    def _stored(self, at_us: int, _node: str, fact: RowStored) -> None:
        self.checked += 1
        if fact.replaced and fact.replaced != fact.leaf:
            self.violate(at_us, fact.store, fact.record, "a row was overwritten with other bytes")
        truth = self._truth.of(fact.record)
        if fact.record[2] >= truth.sealed:
            self.violate(at_us, fact.store, fact.record, "a row that no device signed")
        if fact.record[2] < truth.trim and not fact.replaced:
            self.violate(at_us, fact.store, fact.record, "a row below trim was missing and came anew")

    def finish(self, at_us: int) -> None:
        if self.rows_counted is not None and self.rows_counted != self._truth.rows:
            what = f"{self.rows_counted} rows stand in the table for {self._truth.rows} records stored"
            self.violate(at_us, "table", "all streams", what)


class StreamOrder(Checker):
    """What is visible of a stream is a prefix of it: a head of n is written only when rows 0..n-1 are stored, and
    never falls.
    """

    key = "stream_order"
    not_applicable = "no head became visible"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth
        self._visible: dict[Key, tuple[int, int]] = {}

    def watch(self, trace: Trace) -> None:
        trace.subscribe(HeadVisible, self._moved)

    def _moved(self, at_us: int, node: str, fact: HeadVisible) -> None:
        self.checked += 1
        stream = (fact.stream[0], fact.stream[1])
        prefix = self._truth.of(stream).contiguous["table"]
        if fact.size > prefix:
            self.violate(at_us, node, (*stream, prefix), f"head of {fact.size} is visible, but row {prefix} is missing")
        size, term = self._visible.get(stream, (0, 0))
        if fact.size < size or fact.term < term:
            what = f"head fell from {size} (term {term}) to {fact.size} (term {fact.term})"
            self.violate(at_us, node, (*stream, fact.size), what)
        self._visible[stream] = (max(size, fact.size), max(term, fact.term))


class Integrity(Checker):
    """Every row, in table and backup, is what its device signed."""

    key = "integrity"
    not_applicable = "no row was stored"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth

    def watch(self, trace: Trace) -> None:
        trace.subscribe(RowStored, self._stored)

    def _stored(self, at_us: int, _node: str, fact: RowStored) -> None:
        self.checked += 1
        truth = self._truth.of(fact.record)
        signed = truth.leaves.get(fact.record[2])
        if signed is None and fact.record[2] < truth.kept:
            signed = fact.replaced  # proved before; the row that stood there is the witness
        if fact.leaf != signed:
            self.violate(at_us, fact.store, fact.record, "the row is not what its device signed")
