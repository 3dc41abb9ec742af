"""What must be true of Earth's rows: no_loss, exactly_once, stream_order."""

from __future__ import annotations

from twin.guarantees.alert_names import name_of
from twin.guarantees.truth import Key, Truth
from twin.guarantees.verdict import Checker, Evidence
from twin.pipeline.facts import Accepted
from twin.trace import AlertStored, HeadVisible, RowStored, Trace


class NoLoss(Checker):
    """Every accepted record is eventually in D: at the end of the run, accepted minus stored is empty, or its bound
    is still open.

    A record is destroyed, which is listed and not hidden, when it stood on media, every medium that held it was
    destroyed, and the node that signed it has crashed since. What no edge ever accepted was never promised: it is
    outside, and counted in `never_accepted`.
    """

    key = "no_loss"
    not_applicable = "no edge accepted a frame"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth
        self._accepted: dict[Key, int] = {}
        self._missing = 0
        self.complete = True
        self.destroyed = 0

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

    @property
    def never_accepted(self) -> int:
        """Records that were signed, never accepted by an edge, and are gone with the memory of their device."""
        total = 0
        for stream, truth in self._truth.streams.items():
            reached = max(self._accepted.get(stream, 0), truth.contiguous["table"], *truth.durable.values(), 0)
            total += max(0, truth.forgotten - reached)
        return total

    def pending(self) -> int:
        return self._missing

    def finish(self, at_us: int) -> None:
        if not self.complete:
            self._missing = self.missing
            self.checked -= self._missing
            return
        listed: Evidence | None = None
        for stream, accepted in self._accepted.items():
            truth = self._truth.of(stream)
            for index in range(truth.contiguous["table"], accepted):
                if truth.stands_in("table", index):
                    continue
                if not truth.destroyed(index):
                    self.violate(at_us, "table", (*stream, index), "accepted on Mars and not in the table on Earth")
                    continue
                self.destroyed += 1
                if listed is None:
                    record = f"dev-{stream[0]:016x}/ep-{stream[1]:016x}/{index}"
                    listed = Evidence(record, at_us, "Mars", "destroyed with every medium that held it")
        if self.first is None:
            self.first = listed

    def remark(self) -> str:
        parts = []
        if self.destroyed:
            parts.append(f"{self.destroyed} accepted records were destroyed with every medium that held them")
        if self.never_accepted:
            parts.append(f"{self.never_accepted} records died with their device before any edge accepted them")
        return ", ".join(parts)


class ExactlyOnce(Checker):
    """One row per (d, e, i) and its value constant: no row that nobody signed, no row overwritten with other bytes; one
    row per alert key.

    Putting back what its device signed where a row had rotted mends it, and overwrites nothing.
    """

    key = "exactly_once"
    not_applicable = "no row was stored"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth
        self.rows_counted: int | None = None

    def watch(self, trace: Trace) -> None:
        trace.subscribe(RowStored, self._stored)
        trace.subscribe(AlertStored, self._alert)

    def _stored(self, at_us: int, _node: str, fact: RowStored) -> None:
        self.checked += 1
        if fact.replaced and fact.replaced != fact.leaf and not self._mends(fact):
            self.violate(at_us, fact.store, fact.record, "a row was overwritten with other bytes")
        truth = self._truth.of(fact.record)
        if fact.record[2] >= truth.sealed:
            self.violate(at_us, fact.store, fact.record, "a row that no device signed")
        if fact.record[2] < truth.trim and not fact.replaced and not self._mends(fact):
            self.violate(at_us, fact.store, fact.record, "a row below trim was missing and came anew")

    def _mends(self, fact: RowStored) -> bool:
        rot = self._truth.rotten.get((fact.store, fact.record))
        return rot is not None and fact.leaf == rot.leaf

    def _alert(self, at_us: int, _node: str, fact: AlertStored) -> None:
        self.checked += 1
        name, known = name_of(fact.alert), self._truth.alerts.of(fact.alert)
        if known.said is None:
            self.violate(at_us, "alert table", name, "a row for an alert that no edge raised")
        elif not fact.repeated and known.stored:
            self.violate(at_us, "alert table", name, "a second row for one alert")
        elif fact.repeated and not known.stored:
            self.violate(at_us, "alert table", name, "taken for a repeat, but no row of it stood there")

    def finish(self, at_us: int) -> None:
        rows = self._truth.rows_at_rest
        if self.rows_counted is not None and self.rows_counted != rows:
            what = f"{self.rows_counted} rows stand in the table for {rows} records stored"
            self.violate(at_us, "table", "all streams", what)


class StreamOrder(Checker):
    """What is visible of a stream is a prefix of it: a head of n is written only when rows 0..n-1 are stored; it never
    falls within a term, and never below trim; terms never fall.
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
        truth = self._truth.of(stream)
        prefix = truth.contiguous["table"]
        if fact.size > prefix:
            self.violate(at_us, node, (*stream, prefix), f"head of {fact.size} is visible, but row {prefix} is missing")
        term, size = self._visible.get(stream, (0, 0))
        if (fact.term, fact.size) < (term, size):
            what = f"head fell from {size} (term {term}) to {fact.size} (term {fact.term})"
            self.violate(at_us, node, (*stream, fact.size), what)
        elif fact.size < truth.trim:
            what = f"head fell to {fact.size} while Mars may have deleted all below {truth.trim}"
            self.violate(at_us, node, (*stream, fact.size), what)
        self._visible[stream] = max((term, size), (fact.term, fact.size))
