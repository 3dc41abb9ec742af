"""Finds rows that rot at rest: everything below the head is read again every period and held against what was read
when it was new.

Leaves of old rows are not kept. Rows are read in aligned ranges of a power of two, and one root per range stays: a
range whose root is the same is good, and only in one that differs is every row's signature checked, which names the
row. After a restart roots are not known; then signatures decide, once, and the roots are known again. They decide every
time about a range that a backup which lags behind holds in part. One read is under way at a time, so audits of new rows
never wait for a scrub.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from twin.pipeline.ledger.merkle import MerkleLog, leaf_hash
from twin.pipeline.machine import ReadRows
from twin.pipeline.wire.identity import StreamId

IsSigned = Callable[[int, bytes], bool]


class RangeRoots:
    """Roots of a stream's whole ranges of `rows` rows (None: not known), and the leaves of the last, unfinished one.

    Args:
        rows: a power of two.
        first: rows that were read in an earlier life; nothing is known of them.
    """

    __slots__ = ("_last", "_rows", "_size", "roots")

    def __init__(self, rows: int, first: int = 0) -> None:
        self._rows = rows
        self._size = first
        self.roots: list[bytes | None] = [None] * (first // rows)
        self._last: list[bytes | None] = [None] * (first % rows)

    def append(self, leaf: bytes) -> None:
        """Take the leaf of the next row."""
        self._last.append(leaf)
        self._size += 1
        if len(self._last) == self._rows:
            self.roots.append(_root(self._last))
            self._last = []

    def examine(self, first: int, frames: Sequence[bytes | None], is_signed: IsSigned) -> list[int]:
        """Indices of rows that are not what was read before; `frames` are those of one range, or its beginning.

        Learns the root of a whole range whose rows all carry their device's signature.
        """
        leaves = [None if frame is None else leaf_hash(frame) for frame in frames]
        number = first // self._rows
        if number == len(self.roots):
            known = [leaf is not None and leaf == kept for leaf, kept in zip(leaves, self._last, strict=False)]
        elif len(leaves) == self._rows and self.roots[number] is not None and _root(leaves) == self.roots[number]:
            return []
        else:
            known = [False] * len(leaves)
        wrong = [
            first + n
            for n, frame in enumerate(frames)
            if not known[n] and (self._contradicts(number, n) or frame is None or not is_signed(first + n, frame))
        ]
        if number < len(self.roots) and len(leaves) == self._rows and not wrong:
            if self.roots[number] is not None:
                return list(range(first, first + len(frames)))  # signed, and others than those that were attested
            self.roots[number] = _root(leaves)
        return wrong

    def _contradicts(self, number: int, n: int) -> bool:
        """Whether the leaf of row `n` of a range is known, so that no signature helps another."""
        return number == len(self.roots) and self._last[n] is not None


def _root(leaves: Sequence[bytes | None]) -> bytes | None:
    if None in leaves:
        return None
    log = MerkleLog()
    log.extend(leaf for leaf in leaves if leaf is not None)
    return log.root()


class Range(NamedTuple):
    """Rows `first <= index < end` of a stream in a store, within one range."""

    store: str
    stream: StreamId
    first: int
    end: int


class Scrubber:
    """What is to be looked at again, in order; at most one read is under way.

    Args:
        rows: rows of a range.
        ids: numbers requests, shared with the owner's.
    """

    def __init__(self, rows: int, ids: Iterator[int]) -> None:
        self.rows = rows
        self._ids = ids
        self._queue: deque[Range] = deque()
        self._reading: tuple[int, Range] | None = None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to look at."""
        return not self._queue and self._reading is None

    def ask(self, store: str, stream: StreamId, size: int, first: int = 0) -> None:
        """Look at the rows `first <= index < size` of a stream, and at those that share their ranges with them."""
        start = first // self.rows * self.rows
        wanted = [Range(store, stream, at, min(at + self.rows, size)) for at in range(start, size, self.rows)]
        waiting = set(self._queue)
        self._queue.extend(part for part in wanted if part not in waiting)

    def step(self) -> list[ReadRows]:
        """What to read next; nothing while an answer is awaited."""
        if self._reading is not None or not self._queue:
            return []
        request = next(self._ids)
        part = self._queue.popleft()
        self._reading = (request, part)
        return [ReadRows(request, *part)]

    def answered(self, request: int) -> Range | None:
        """The range that was read; None if it is no read of the scrubber."""
        if self._reading is None or self._reading[0] != request:
            return None
        part = self._reading[1]
        self._reading = None
        return part

    def refused(self, request: int) -> bool:
        """The store did not answer: the same is read next. False if it is no read of the scrubber."""
        part = self.answered(request)
        if part is not None:
            self._queue.appendleft(part)
        return part is not None
