"""A Merkle tree over all leaves of a stream: root at every size, inclusion path of every leaf (RFC 9162 2.1).

Hashes of complete subtrees are kept level by level: `levels[h][i]` covers leaves [i 2^h, (i + 1) 2^h).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from twin.guarantees.hashing import parent_of

HASH_BYTES: Final = 32


class Tree:
    """The tree of a growing list of leaf hashes, 32 bytes each."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.add(leaf)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def leaf(self, index: int) -> bytes:
        """Hash of a leaf."""
        return self._levels[0][index]

    def add(self, leaf: bytes) -> None:
        """Append a leaf, and every subtree that it completes."""
        level = 0
        self._levels[0].append(leaf)
        while len(self._levels[level]) % 2 == 0:
            left, right = self._levels[level][-2:]
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(parent_of(left, right))

    def frontier(self, size: int) -> tuple[bytes, ...]:
        """Hashes of the complete subtrees of the first `size` leaves, largest first."""
        return tuple(self._pieces(0, size))

    def root(self, size: int) -> bytes:
        """Root of the first `size` leaves."""
        return self._fold(self._pieces(0, size)) if size else hashlib.sha256(b"").digest()

    def path(self, index: int, size: int) -> tuple[bytes, ...]:
        """Inclusion path of leaf `index` among the first `size`, from the leaf's sibling up (RFC 9162 2.1.3.1)."""
        if not 0 <= index < size <= self.size:
            raise ValueError(f"leaf {index} of {size}: this tree has {self.size} leaves")
        path: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            if index < middle:
                path.append(self._fold(self._pieces(middle, end)))
                end = middle
            else:
                path.append(self._fold(self._pieces(start, middle)))
                start = middle
        return tuple(reversed(path))

    def _pieces(self, start: int, end: int) -> list[bytes]:
        """Complete subtrees from `start`, a multiple of the largest of them, to `end`, left to right."""
        found = []
        while start < end:
            height = (end - start).bit_length() - 1
            found.append(self._levels[height][start >> height])
            start += 1 << height
        return found

    @staticmethod
    def _fold(pieces: Sequence[bytes]) -> bytes:
        node = pieces[-1]
        for left in reversed(pieces[:-1]):
            node = parent_of(left, node)
        return node


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` leads from `leaf` at `index` to the `root` of `size` leaves (RFC 9162 2.1.3.2).

    Anything malformed is False.
    """
    if not 0 <= index < size or any(len(part) != HASH_BYTES for part in (leaf, root, *path)):
        return False
    position, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            node = parent_of(sibling, node)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            node = parent_of(node, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and node == root
