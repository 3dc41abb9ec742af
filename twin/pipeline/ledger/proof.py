"""Hashes, roots and proofs of the Merkle trees of RFC 9162 2.1, as functions of bytes alone (SHA-256).

    MTH({})        = SHA-256("")
    leaf hash      = SHA-256(0x00 || data)
    MTH(D[0:n])    = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])),  k the largest power of two below n

Whoever holds a root can check with these that a later root only appended; no log is needed for it.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32

EMPTY_ROOT = sha256(b"").digest()
"""Root of the log without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of one leaf's data, 32 bytes (RFC 9162 2.1.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its two children's hashes, 32 bytes (RFC 9162 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def root_of_frontier(frontier: Sequence[bytes], size: int) -> bytes:
    """Root of the `size` leaves whose frontier is given (hashes, largest subtree first).

    Raises:
        ValueError: `frontier` does not fit `size`.
    """
    check_frontier(frontier, size)
    return fold(frontier) if size else EMPTY_ROOT


def verify_consistency(m: int, n: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the `n` leaves with `new_root` begin with the `m` leaves with `old_root`.

    Proofs exist for 0 < m < n; m == n holds with equal roots and an empty proof; m == 0 is False, as
    anything else that is malformed. Source: RFC 9162 2.1.4.2.
    """
    if not 0 < m <= n or not _hashes((old_root, new_root, *proof)):
        return False
    if m == n:
        return not proof and old_root == new_root
    path = [old_root, *proof] if m & (m - 1) == 0 else list(proof)
    if not path:
        return False
    position, last = m - 1, n - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if not last:
            return False
        if position & 1 or position == last:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        position >>= 1
        last >>= 1
    return not last and old == old_root and new == new_root


def fold(subtrees: Sequence[bytes]) -> bytes:
    """Root over neighbouring complete subtrees, left to right, at least one."""
    node = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        node = sha256(b"\x01" + left + node).digest()
    return node


def _hashes(values: Iterable[object]) -> bool:
    return all(isinstance(value, bytes) and len(value) == HASH_BYTES for value in values)


def check_frontier(frontier: Sequence[bytes], size: int) -> None:
    """Raise ValueError unless `frontier` has the shape of a frontier of `size` leaves."""
    if size < 0:
        raise ValueError(f"log of {size} leaves: a size is not negative")
    if len(frontier) != size.bit_count():
        raise ValueError(f"frontier of {len(frontier)} hashes: {size} leaves have {size.bit_count()} complete subtrees")
    if not _hashes(frontier):
        raise ValueError(f"frontier of {size} leaves: every entry must be a hash of {HASH_BYTES} bytes")
