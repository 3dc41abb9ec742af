"""What edges must keep before they speak: durability, no_equivocation, append_only, safe_trim."""

from __future__ import annotations

from collections import Counter

from twin.guarantees.hashing import is_consistent
from twin.guarantees.truth import Key, RootBook, Truth
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import Accepted, BundleSent, FrameSealed, HeadSigned, Trimmed
from twin.trace import Crashed, Trace


class Durability(Checker):
    """accept(i) at t implies that i is below what was fsynced on that edge at t."""

    key = "durability"
    not_applicable = "no edge accepted a frame"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth

    def watch(self, trace: Trace) -> None:
        trace.subscribe(Accepted, self._accepted)

    def _accepted(self, at_us: int, node: str, fact: Accepted) -> None:
        self.checked += max(0, fact.end - fact.first)
        durable = self._truth.of(fact.stream).durable.get(node, 0)
        if fact.end > durable:
            self.violate(
                at_us, node, (*fact.stream, durable), f"accepted up to {fact.end} with {durable} frames on the medium"
            )


class NoEquivocation(Checker):
    """Nothing is sent before it is fsynced, and one (d, e, i) never names two records."""

    key = "no_equivocation"
    not_applicable = "no record was signed"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth
        self._signed: dict[Key, int] = {}

    def watch(self, trace: Trace) -> None:
        trace.subscribe(FrameSealed, self._sealed)
        trace.subscribe(BundleSent, self._sent)

    def _sealed(self, at_us: int, node: str, fact: FrameSealed) -> None:
        stream = (fact.record.device, fact.record.epoch)
        expected = self._signed.get(stream, 0)
        self.checked += 1
        if fact.record.index != expected:
            self.violate(at_us, node, fact.record, f"signed under index {fact.record.index} where {expected} was next")
        self._signed[stream] = max(expected, fact.record.index + 1)

    def _sent(self, at_us: int, node: str, fact: BundleSent) -> None:
        for record, leaf in fact.records:
            truth = self._truth.of(record)
            self.checked += 1
            if record.index >= truth.durable.get(node, 0):
                self.violate(at_us, node, record, "sent before it was on the medium")
            signed = truth.leaves.get(record.index)
            if leaf != signed and (signed is not None or record.index >= truth.trim):
                self.violate(at_us, node, record, "sent as another record than its device signed")


class AppendOnly(Checker):
    """Each head that an edge signs is consistent with the one before (RFC 9162 consistency proof) and with what
    devices signed.

    A crash may fall between the instant at which a head is on the medium and the one at which its author says so. The
    next head then follows one that nobody has heard of, whose root must be that of what the devices signed.
    """

    key = "append_only"
    not_applicable = "no head was signed: the run is shorter than a checkpoint period"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._last: dict[tuple[str, Key], tuple[int, bytes, int]] = {}
        self._roots = RootBook(truth)
        self._crashes: Counter[str] = Counter()

    def watch(self, trace: Trace) -> None:
        trace.subscribe(HeadSigned, self._signed)
        trace.subscribe(Crashed, self._crashed)

    def _crashed(self, _at_us: int, node: str, _fact: Crashed) -> None:
        self._crashes[node] += 1

    def _signed(self, at_us: int, node: str, fact: HeadSigned) -> None:
        self.checked += 1
        stream = (fact.stream.device, fact.stream.epoch)
        size, root, crashes = self._last.get((node, stream), (0, b"", 0))
        if size < fact.previous and crashes < self._crashes[node]:
            size, root = fact.previous, self._roots.at(stream, fact.previous) or b""
        self._last[node, stream] = (fact.size, fact.root, self._crashes[node])
        if fact.previous != size or fact.size < size:
            self.violate(
                at_us, node, stream, f"head of {fact.size} follows {fact.previous}, but {size} was signed before"
            )
        elif size and not is_consistent(size, fact.size, root, fact.root, fact.proof):
            self.violate(at_us, node, stream, f"head of {fact.size} does not follow from the head of {size}")
        if self._roots.at(stream, fact.size) != fact.root:
            self.violate(at_us, node, stream, f"root of {fact.size} records is not the root of what the device signed")


class SafeTrim(Checker):
    """A device or edge deletes frame i only when i < trim of an ack that Earth made, and the backup holds rows below
    that trim.
    """

    key = "safe_trim"
    not_applicable = "nothing was trimmed: the run is shorter than a backup period and the ack of it"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth

    def watch(self, trace: Trace) -> None:
        trace.subscribe(Trimmed, self._trimmed)

    def _trimmed(self, at_us: int, node: str, fact: Trimmed) -> None:
        self.checked += 1
        allowed = self._truth.of(fact.stream).trim
        if fact.below > allowed:
            self.violate(at_us, node, (*fact.stream, allowed), f"deleted below {fact.below}, but {allowed} is proved")
