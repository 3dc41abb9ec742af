"""What edges must keep before they speak: durability, no_equivocation, append_only, safe_trim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from twin.guarantees.hashing import is_consistent
from twin.guarantees.truth import Key, Truth
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import (
    Accepted,
    Adopted,
    BundleSent,
    EpochClosed,
    FrameSealed,
    HeadCosigned,
    HeadSigned,
    Trimmed,
)
from twin.trace import Crashed, JournalDropped, MediumHolds, Restarted, Trace


class Durability(Checker):
    """accept(i) at t implies that i is below what was fsynced on that edge at t, or below what Earth had verified where
    the edge took the stream up again at an ack's frontier.
    """

    key = "durability"
    not_applicable = "no edge accepted a frame"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth

    def watch(self, trace: Trace) -> None:
        trace.subscribe(Accepted, self._accepted)
        trace.subscribe(Adopted, self._adopted)

    def _accepted(self, at_us: int, node: str, fact: Accepted) -> None:
        self.checked += max(0, fact.end - fact.first)
        durable = self._truth.of(fact.stream).durable.get(node, 0)
        if fact.end > durable:
            self.violate(
                at_us, node, (*fact.stream, durable), f"accepted up to {fact.end} with {durable} frames on the medium"
            )

    def _adopted(self, at_us: int, node: str, fact: Adopted) -> None:
        self.checked += 1
        verified = self._truth.of(fact.stream).verified
        if fact.size > verified:
            what = f"took the stream up at {fact.size}, but Earth has verified {verified}"
            self.violate(at_us, node, (*fact.stream, verified), what)


class NoEquivocation(Checker):
    """Nothing is sent before it is fsynced; one (d, e, i) never names two records; nothing is signed in an epoch after
    its closing record.

    A node that came back may state again what it had signed, with the same leaf, and what its medium holds: of that the
    leaf may be forgotten here.
    """

    key = "no_equivocation"
    not_applicable = "no record was signed"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth
        self._signed: dict[Key, int] = {}
        self._final: dict[Key, int] = {}
        self._came_back: set[str] = set()

    def watch(self, trace: Trace) -> None:
        trace.subscribe(FrameSealed, self._sealed)
        trace.subscribe(EpochClosed, self._closed)
        trace.subscribe(BundleSent, self._sent)
        trace.subscribe(Crashed, self._crashed)

    def _crashed(self, _at_us: int, node: str, _fact: Crashed) -> None:
        self._came_back.add(node)

    def _sealed(self, at_us: int, node: str, fact: FrameSealed) -> None:
        stream = (fact.record.device, fact.record.epoch)
        index = fact.record.index
        expected = self._signed.get(stream, 0)
        self.checked += 1
        if index >= self._final.get(stream, index + 1):
            self.violate(at_us, node, fact.record, f"signed after record {self._final[stream] - 1} closed the epoch")
        elif index < expected:
            truth = self._truth.of(stream)
            on_medium = index < truth.durable.get(node, 0)  # else the node has nothing to state again
            forgotten = index < truth.kept and on_medium and node in self._came_back
            if truth.leaves.get(index) != fact.leaf and not forgotten:
                self.violate(at_us, node, fact.record, "two records were signed under one index")
        elif index > expected:
            self.violate(at_us, node, fact.record, f"signed under index {index} where {expected} was next")
        self._signed[stream] = max(expected, index + 1)

    def _closed(self, at_us: int, node: str, fact: EpochClosed) -> None:
        stream = (fact.record.device, fact.record.epoch)
        self.checked += 1
        final = self._final.setdefault(stream, fact.record.index + 1)
        if final != fact.record.index + 1:
            self.violate(at_us, node, fact.record, f"closed an epoch that record {final - 1} had closed")

    def _sent(self, at_us: int, node: str, fact: BundleSent) -> None:
        for record, leaf in fact.records:
            truth = self._truth.of(record)
            self.checked += 1
            if record.index >= truth.durable.get(node, 0):
                self.violate(at_us, node, record, "sent before it was on the medium")
            signed = truth.leaves.get(record.index)
            if leaf != signed and (signed is not None or record.index >= truth.kept):
                self.violate(at_us, node, record, "sent as another record than its device signed")


class _SignedHead(NamedTuple):
    """The head that a node signed last for a stream, and how often it had jumped and lost its medium by then."""

    size: int = 0
    root: bytes | None = b""
    jumps: int = 0
    losses: int = 0


class AppendOnly(Checker):
    """Each head that an edge signs is consistent with the one before (RFC 9162 consistency proof) and with what
    devices signed; no witness signs a head that is smaller than the last it signed, or whose root is another.

    A crash may fall between the instant at which a head is on the medium and the one at which its author says so, and
    an edge that took a stream up at an ack's frontier proves from there. Such a head follows one that nobody has heard
    of, whose root must be that of what the devices signed; where the truth has forgotten that root, its own must be. A
    node that lost its medium does not know its last head: it
    may follow an older one, and both have the roots of what the devices signed, so one extends the other. Its next head
    is no smaller than the last that could be told: by a witness on Mars that signed it, still holds that, and was up
    when the node came back. Earth's word comes later.

    Args:
        edges: nodes that sign heads, and on Mars witness those of each other.
    """

    key = "append_only"
    not_applicable = "no head was signed: the run is shorter than a checkpoint period"

    def __init__(self, truth: Truth, edges: Collection[str]) -> None:
        super().__init__()
        self._truth = truth
        self._edges = frozenset(edges)
        self._last: dict[tuple[str, Key], _SignedHead] = {}
        self._jumps: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._cosigned: dict[tuple[str, str, Key], int] = {}
        self._up_since_us: dict[str, int] = {}

    def watch(self, trace: Trace) -> None:
        trace.subscribe(HeadSigned, self._signed)
        trace.subscribe(HeadCosigned, self._witnessed)
        trace.subscribe(Crashed, self._jumped)
        trace.subscribe(Adopted, self._jumped)
        trace.subscribe(MediumHolds, self._lost)
        trace.subscribe(Restarted, self._restarted)

    def _jumped(self, _at_us: int, node: str, fact: Crashed | Adopted) -> None:
        self._jumps[node] += 1
        if isinstance(fact, Crashed):
            self._up_since_us.pop(node, None)

    def _lost(self, _at_us: int, node: str, _fact: MediumHolds) -> None:
        self._losses[node] += 1
        for place in [place for place in self._cosigned if place[0] == node]:
            del self._cosigned[place]  # a witness knows what it signed by its medium

    def _witnessed(self, at_us: int, node: str, fact: HeadCosigned) -> None:
        self.checked += 1
        stream = (fact.stream.device, fact.stream.epoch)
        place = (node, fact.author, stream)
        size, roots = self._cosigned.get(place, 0), self._truth.of(stream).roots
        if fact.size < size:
            what = f"a witness of {fact.author} signed a head of {fact.size} after one of {size}"
            self.violate(at_us, node, stream, what)
        elif fact.size >= roots.kept and roots.at(fact.size) != fact.root:
            self.violate(at_us, node, stream, f"a witness signed another root of {fact.size} than that of the records")
        self._cosigned[place] = max(size, fact.size)

    def _restarted(self, at_us: int, node: str, _fact: Restarted) -> None:
        self._up_since_us[node] = at_us

    def _told(self, author: str, stream: Key) -> int:
        """The largest head that a witness on Mars could tell an author of that came back without its medium."""
        back_us = self._up_since_us.get(author, 0)
        told = [
            size
            for (witness, of, signed), size in self._cosigned.items()
            if (of, signed) == (author, stream)
            and witness in self._edges
            and self._up_since_us.get(witness, back_us) < back_us
        ]
        return max(told, default=0)

    def _signed(self, at_us: int, node: str, fact: HeadSigned) -> None:
        self.checked += 1
        stream = (fact.stream.device, fact.stream.epoch)
        roots = self._truth.of(stream).roots
        last = self._last.get((node, stream), _SignedHead())
        size, root = last.size, last.root
        if fact.previous > size and last.jumps < self._jumps[node]:
            size, root = fact.previous, roots.at(fact.previous)
        self._last[node, stream] = _SignedHead(fact.size, fact.root, self._jumps[node], self._losses[node])
        forgot = fact.previous < size and last.losses < self._losses[node]
        least = min(size, self._told(node, stream)) if forgot else size
        if fact.size < least or (fact.previous != size and not forgot):
            self.violate(
                at_us, node, stream, f"head of {fact.size} follows {fact.previous}, but {size} was signed before"
            )
        elif size and not forgot and not (root is None or is_consistent(size, fact.size, root, fact.root, fact.proof)):
            self.violate(at_us, node, stream, f"head of {fact.size} does not follow from the head of {size}")
        # where the truth has forgotten a root, the proof from the last head stands in for it
        proved = fact.size < roots.kept and size > 0 and not forgot
        if roots.at(fact.size) != fact.root and not proved:
            self.violate(at_us, node, stream, f"root of {fact.size} records is not the root of what the device signed")


class SafeTrim(Checker):
    """A device or edge deletes frame i only when i < trim of an ack that Earth made whose root is that of what the
    device signed, and the backup holds rows below that trim.
    """

    key = "safe_trim"
    not_applicable = "nothing was trimmed: the run is shorter than a backup period and the ack of it"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth

    def watch(self, trace: Trace) -> None:
        trace.subscribe(Trimmed, self._trimmed)
        trace.subscribe(JournalDropped, self._dropped)

    def _dropped(self, at_us: int, node: str, fact: JournalDropped) -> None:
        """What a machine says that it deletes is one thing, what is gone from its medium another."""
        for device, epoch, below in fact.streams:
            self.checked += 1
            truth = self._truth.of((device, epoch))
            allowed = max(truth.trim, truth.adopted.get(node, 0))
            if below > allowed:
                what = f"dropped all below {below} from its medium, but {allowed} is proved"
                self.violate(at_us, node, (device, epoch, allowed), what)

    def _trimmed(self, at_us: int, node: str, fact: Trimmed) -> None:
        self.checked += 1
        allowed = self._truth.of(fact.stream).trim
        if fact.below > allowed:
            self.violate(at_us, node, (*fact.stream, allowed), f"deleted below {fact.below}, but {allowed} is proved")
