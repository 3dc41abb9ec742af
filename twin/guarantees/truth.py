"""The truth about streams: what was signed, what is durable, what stands in the stores. Every checker holds machines
against it.

Exact maps are kept only from `trim` on, for which rows are in table, backup and acks; below it a stream is known by
counts and roots. Memory therefore follows the backlog, not the mission.
"""

from __future__ import annotations

from collections.abc import Callable

from twin.guarantees.hashing import RunningRoot
from twin.pipeline.facts import AckMade, FrameSealed
from twin.trace import MadeDurable, RowStored, Trace

Key = tuple[int, int]


class StreamTruth:
    """One stream: `leaves` and `generated_us` by index from `kept` on; counts of contiguous rows per store."""

    __slots__ = ("ahead", "contiguous", "durable", "generated_us", "kept", "leaves", "sealed", "sizes", "trim")

    def __init__(self) -> None:
        self.sealed = 0
        self.leaves: dict[int, bytes] = {}
        self.generated_us: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.durable: dict[str, int] = {}
        self.contiguous: dict[str, int] = {"table": 0, "backup": 0}
        self.ahead: dict[str, set[int]] = {"table": set(), "backup": set()}
        self.trim = 0
        self.kept = 0


class Truth:
    """Follows the trace before any checker does."""

    def __init__(self) -> None:
        self.streams: dict[Key, StreamTruth] = {}
        self.rows = 0
        self._floors: list[Callable[[Key], int]] = []

    def watch(self, trace: Trace) -> None:
        """Subscribe; must be called before any checker's `watch`."""
        trace.subscribe(FrameSealed, self._sealed)
        trace.subscribe(MadeDurable, self._durable)
        trace.subscribe(RowStored, self._stored)
        trace.subscribe(AckMade, self._acked)

    def of(self, stream: tuple[int, ...]) -> StreamTruth:
        """Truth about a stream, empty if nobody has signed a frame of it."""
        key = (stream[0], stream[1])
        truth = self.streams.get(key)
        if truth is None:
            truth = self.streams[key] = StreamTruth()
        return truth

    def _sealed(self, _at_us: int, _node: str, fact: FrameSealed) -> None:
        truth = self.of(fact.record)
        index = fact.record.index
        if index >= truth.sealed:  # a second signature under an index is judged by no_equivocation, not believed here
            truth.sealed = index + 1
            truth.leaves[index] = fact.leaf
            truth.generated_us[index] = fact.generated_us
            truth.sizes[index] = fact.size_bytes

    def _durable(self, _at_us: int, node: str, fact: MadeDurable) -> None:
        for device, epoch, index in fact.records:
            durable = self.of((device, epoch)).durable
            if index == durable.get(node, 0):
                durable[node] = index + 1

    def _stored(self, _at_us: int, _node: str, fact: RowStored) -> None:
        device, epoch, index = fact.record
        truth = self.of((device, epoch))
        ahead = truth.ahead[fact.store]
        at = truth.contiguous[fact.store]
        if index < at or index in ahead:
            return
        if fact.store == "table":
            self.rows += 1
        ahead.add(index)
        while at in ahead:
            ahead.discard(at)
            at += 1
        truth.contiguous[fact.store] = at

    def _acked(self, _at_us: int, _node: str, fact: AckMade) -> None:
        truth = self.of(fact.stream)
        truth.trim = max(truth.trim, min(fact.trim, truth.contiguous["backup"]))

    def keep_from(self, floor: Callable[[Key], int]) -> None:
        """A checker still needs the exact maps of a stream from `floor(stream)` on."""
        self._floors.append(floor)

    def watch_last(self, trace: Trace) -> None:
        """Forget what nobody needs any more; must be called after every checker's `watch`."""
        trace.subscribe(AckMade, self._forget)

    def _forget(self, _at_us: int, _node: str, fact: AckMade) -> None:
        key = (fact.stream.device, fact.stream.epoch)
        truth = self.of(key)
        floor = min([truth.trim, *(of(key) for of in self._floors)])
        for index in range(truth.kept, floor):
            for exact in (truth.leaves, truth.generated_us, truth.sizes):
                exact.pop(index, None)
        truth.kept = max(truth.kept, floor)


class RootBook:
    """One `CheckedRoots` per stream, for a checker that follows roots; holds the truth's leaves until it has read
    them.
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._roots: dict[Key, CheckedRoots] = {}
        truth.keep_from(lambda stream: self._of(stream).size)

    def _of(self, stream: Key) -> CheckedRoots:
        roots = self._roots.get(stream)
        if roots is None:
            roots = self._roots[stream] = CheckedRoots(self._truth.of(stream))
        return roots

    def at(self, stream: Key, size: int) -> bytes | None:
        """Root of the first `size` signed leaves of a stream; see `CheckedRoots.at`."""
        return self._of(stream).at(size)


class CheckedRoots:
    """Roots of a stream at growing sizes, from leaves of the truth; remembers the last (size, root)."""

    __slots__ = ("_last", "_running", "_truth")

    def __init__(self, truth: StreamTruth) -> None:
        self._truth = truth
        self._running = RunningRoot()
        self._last = (0, self._running.root())

    @property
    def size(self) -> int:
        """Leaves read so far."""
        return self._running.size

    def at(self, size: int) -> bytes | None:
        """Root of the first `size` signed leaves; None if they were not all signed, or `size` has fallen back."""
        if size == self._last[0]:
            return self._last[1]
        if size < self._running.size:
            return None
        while self._running.size < size:
            leaf = self._truth.leaves.get(self._running.size)
            if leaf is None:
                return None
            self._running.add(leaf)
        self._last = (size, self._running.root())
        return self._last[1]
