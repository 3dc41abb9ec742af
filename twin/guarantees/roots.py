"""Roots of a stream at any size from `kept` on, computed once for all checkers.

A frontier is the tuple of complete subtrees of the first n leaves, largest first (RFC 9162 section 2.1.1). The
frontier of n + 1 follows from that of n with one hash for every 1 bit at the end of n, so on average with one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from twin.guarantees.hashing import parent_of

_EMPTY = hashlib.sha256(b"").digest()


class StreamRoots:
    """Frontiers of one growing list of leaves, by size."""

    __slots__ = ("_frontiers", "_known", "kept", "size")

    def __init__(self) -> None:
        self._frontiers: dict[int, tuple[bytes, ...]] = {0: ()}
        self._known: tuple[int, bytes] = (0, _EMPTY)
        self.size = 0
        self.kept = 0

    def add(self, leaf: bytes) -> None:
        """Append a leaf."""
        frontier = self._frontiers[self.size]
        end, bits, value = len(frontier), self.size, leaf
        while bits & 1:
            end -= 1
            value = parent_of(frontier[end], value)
            bits >>= 1
        self.size += 1
        self._frontiers[self.size] = (*frontier[:end], value)

    def at(self, size: int) -> bytes | None:
        """Root of the first `size` leaves; None if there are not as many, or they were forgotten."""
        if size == self._known[0]:
            return self._known[1]
        frontier = self._frontiers.get(size)
        if frontier is None:
            return None
        root = frontier[-1] if frontier else _EMPTY
        for left in reversed(frontier[:-1]):
            root = parent_of(left, root)
        self._known = (size, root)
        return root

    def forget(self, below: int, pinned: Iterable[int] = ()) -> None:
        """Forget frontiers of fewer than `below` leaves but the `pinned` ones; the newest always stays."""
        below = min(below, self.size)
        if below <= self.kept:
            return
        pins = {size for size in pinned if size < below}
        for size in range(self.kept, below):
            if size not in pins:
                self._frontiers.pop(size, None)
        # pinned once, a size below `kept` stays until nobody pins it
        for size in [size for size in self._frontiers if size < self.kept and size not in pins]:
            del self._frontiers[size]
        self.kept = below
