"""Merkle tree of an append-only log (RFC 9162 2.1), with SHA-256.

A log keeps the hash of every complete subtree, level by level: `levels[h][i]` covers leaves
[i * 2^h, (i + 1) * 2^h). A root, a frontier and a proof are then O(log n) look-ups and hashes.

The **frontier** of n leaves is the hashes of the complete subtrees that n falls into, largest first, one
per 1 bit of n. It is all that is needed to go on appending and to compute every later root. So the head of
a log can be forgotten: `trim(base)` drops the leaves below base and keeps, per level, only what proofs
about [base, size) can ask for. `MerkleLog(n, frontier)` starts at n with nothing before it.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from twin.pipeline.ledger.proof import (
    EMPTY_ROOT,
    HASH_BYTES,
    check_frontier,
    fold,
    leaf_hash,
    node_hash,
    root_of_frontier,
    verify_consistency,
)

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "MerkleLog",
    "Trimmed",
    "leaf_hash",
    "node_hash",
    "root_of_frontier",
    "verify_consistency",
]


class Trimmed(LookupError):  # noqa: N818 - named for the state it reports, as the callers read it
    """The answer needs hashes that the log has dropped; whoever keeps the whole log (Earth) can give it."""


class MerkleLog:
    """An append-only log of leaf hashes that answers for every size from `base` to `size`.

    Args:
        size: Number of leaves that came before.
        frontier: Hashes of their maximal complete subtrees, largest first, one per 1 bit of `size`.

    Raises:
        ValueError: `frontier` does not fit `size`.
    """

    __slots__ = ("_base", "_first", "_levels", "_size")

    def __init__(self, size: int = 0, frontier: Sequence[bytes] = ()) -> None:
        check_frontier(frontier, size)
        self._size = size
        self._base = size
        self._levels: list[list[bytes]] = []
        self._first: list[int] = []  # position in the tree of levels[h][0]
        smallest_first = iter(reversed(frontier))
        for h in range(size.bit_length()):
            count = size >> h
            held = [next(smallest_first)] if count & 1 else []
            self._levels.append(held)
            self._first.append(count - len(held))

    @property
    def size(self) -> int:
        """Number of leaves appended, trimmed ones included."""
        return self._size

    @property
    def base(self) -> int:
        """First leaf still held; roots and proofs reach back to this size."""
        return self._base

    def append(self, leaf: bytes) -> None:
        """Append one leaf hash (`leaf_hash(data)`, 32 bytes).

        Raises:
            ValueError: `leaf` is not a hash.
        """
        if len(leaf) != HASH_BYTES:
            raise ValueError(
                f"leaf of {len(leaf)} bytes: the log takes hashes of {HASH_BYTES} bytes; pass leaf_hash(data)"
            )
        levels = self._levels
        position = self._size
        self._size = position + 1
        node = leaf
        h = 0
        while True:
            if h == len(levels):
                levels.append([])
                self._first.append(0)
            levels[h].append(node)
            if not position & 1:
                return
            node = sha256(b"\x01" + levels[h][-2] + node).digest()
            position >>= 1
            h += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Append leaf hashes in order."""
        for leaf in leaves:
            self.append(leaf)

    def root(self, n: int | None = None) -> bytes:
        """Root over the first `n` leaves (all by default).

        Raises:
            Trimmed: `n` is below `base`.
            IndexError: `n` is negative or beyond `size`.
        """
        n = self._size_to_answer(n)
        return self._span(0, n) if n else EMPTY_ROOT

    def frontier(self, n: int | None = None) -> tuple[bytes, ...]:
        """Hashes of the maximal complete subtrees of the first `n` leaves (all by default), largest first.

        Raises:
            Trimmed: `n` is below `base`.
            IndexError: `n` is negative or beyond `size`.
        """
        return tuple(self._subtrees(0, self._size_to_answer(n)))

    def consistency_proof(self, m: int, n: int) -> tuple[bytes, ...]:
        """Proof that the first `m` of `n` leaves are unchanged (RFC 9162 2.1.4.1); empty for m == n.

        Raises:
            Trimmed: `m` is below `base`.
            IndexError: Not 0 < m <= n <= size.
        """
        if not 0 < m <= n <= self._size:
            raise IndexError(f"consistency of {m} with {n} leaves: needs 0 < m <= n <= {self._size}")
        if m < self._base:
            raise Trimmed(f"consistency from {m} leaves: the log was trimmed to {self._base}")
        proof: list[bytes] = []
        low, high = 0, n
        while high != m:
            middle = low + _split(high - low)
            if m <= middle:
                proof.append(self._span(middle, high))
                high = middle
            else:
                proof.append(self._span(low, middle))
                low = middle
        if low:  # otherwise the subtree that is left is the old root, which the verifier has
            proof.append(self._span(low, high))
        proof.reverse()
        return tuple(proof)

    def trim(self, base: int) -> None:
        """Forget the leaves below `base`; a base that is already reached changes nothing.

        Raises:
            ValueError: `base` is beyond `size`.
        """
        if base > self._size:
            raise ValueError(f"trim to {base}: the log has only {self._size} leaves")
        if base <= self._base:
            return
        self._base = base
        for h, level in enumerate(self._levels):
            # Proofs from base on ask, at each level, for nothing left of the sibling of base's own subtree.
            keep_from = (base >> h) & ~1
            if keep_from > self._first[h]:
                del level[: keep_from - self._first[h]]
                self._first[h] = keep_from

    def _size_to_answer(self, n: int | None) -> int:
        if n is None:
            return self._size
        if not 0 <= n <= self._size:
            raise IndexError(f"{n} leaves: the log has {self._size}")
        if n < self._base:
            raise Trimmed(f"{n} leaves: the log was trimmed to {self._base}")
        return n

    def _node(self, h: int, position: int) -> bytes:
        return self._levels[h][position - self._first[h]]

    def _subtrees(self, low: int, high: int) -> list[bytes]:
        """Maximal complete subtrees of leaves [low, high), left to right; low starts one that large."""
        found = []
        while low < high:
            h = (high - low).bit_length() - 1
            found.append(self._node(h, low >> h))
            low += 1 << h
        return found

    def _span(self, low: int, high: int) -> bytes:
        return fold(self._subtrees(low, high))


def _split(n: int) -> int:
    """The largest power of two below n, n > 1."""
    return 1 << (n - 1).bit_length() - 1
