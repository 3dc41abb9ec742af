"""RFC 9162 hashing of the checkers' own: written apart from the pipeline's, so that a bug there is seen here.

Leaf = SHA-256(0x00 || data), node = SHA-256(0x01 || left || right), split at the largest power of two below n
(section 2.1.1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf_of(data: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def parent_of(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_consistent(m: int, n: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the first m of n leaves hash to `old_root` (RFC 9162 section 2.1.4.2)."""
    if m == n:
        return old_root == new_root and not proof
    if not 0 < m < n or not proof:
        return False
    path = [old_root, *proof] if m & (m - 1) == 0 else list(proof)
    fn, sn = m - 1, n - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    old = new = path[0]
    for value in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old, new = parent_of(value, old), parent_of(value, new)
            while fn and not fn & 1:
                fn >>= 1
                sn >>= 1
        else:
            new = parent_of(new, value)
        fn >>= 1
        sn >>= 1
    return sn == 0 and old == old_root and new == new_root
