"""Merkle logs against the published roots of eight leaves and a naive recursive reading of RFC 9162 2.1.

The eight leaves, their roots and the hasher's known answers come from the Certificate Transparency test data
(transparency-dev/merkle, rfc6962_test.go); the two proofs were derived from them by the RFC's rule.
"""

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.pipeline.ledger.merkle import (
    EMPTY_ROOT,
    MerkleLog,
    Trimmed,
    leaf_hash,
    node_hash,
    root_of_frontier,
    verify_consistency,
)
from twin.verify.tree import Tree, is_included

EIGHT = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
SIZES = range(41)
LEAVES = [leaf_hash(bytes((n,))) for n in SIZES]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 2.1.1, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = naive_split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = naive_split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = naive_split(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def log_of(leaves: list[bytes]) -> MerkleLog:
    log = MerkleLog()
    log.extend(leaves)
    return log


def test_roots_of_the_eight_published_leaves() -> None:
    log = log_of([leaf_hash(data) for data in EIGHT])
    assert tuple(log.root(n).hex() for n in range(9)) == ROOTS
    assert EMPTY_ROOT.hex() == ROOTS[0]


def test_hasher_agrees_with_the_published_answers() -> None:
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert node_hash(b"N123", b"N456").hex() == ("aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb")


def test_proofs_of_the_eight_published_leaves() -> None:
    leaves = [leaf_hash(data) for data in EIGHT]
    common = (
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
    inclusion = ("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b", *common)
    assert tuple(h.hex() for h in naive_path(5, leaves)) == inclusion
    assert is_included(leaves[5], 5, 8, [bytes.fromhex(h) for h in inclusion], bytes.fromhex(ROOTS[8]))
    assert tuple(h.hex() for h in log_of(leaves).consistency_proof(6, 8)) == (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        *common,
    )


def test_every_root_and_proof_agrees_with_the_naive_reading() -> None:
    log, tree = log_of(LEAVES), Tree(LEAVES)
    for n in SIZES:
        assert log.root(n) == naive_root(LEAVES[:n])
        for m in range(n):
            path = naive_path(m, LEAVES[:n])
            assert is_included(LEAVES[m], m, n, path, log.root(n))
            assert list(tree.path(m, n)) == path
        for m in range(1, n + 1):
            proof = log.consistency_proof(m, n)
            assert list(proof) == naive_subproof(m, LEAVES[:n], True)
            assert verify_consistency(m, n, log.root(m), log.root(n), proof)


def test_a_trimmed_log_answers_for_every_size_from_its_base() -> None:
    whole = log_of(LEAVES)
    for grown in (0, 1, 7, 16, 23, 40):
        for base in range(grown + 1):
            log = log_of(LEAVES[:grown])
            log.trim(base)
            log.extend(LEAVES[grown:])
            assert (log.base, log.size) == (base, whole.size)
            assert_same_from(base, log, whole)


def test_a_log_started_from_a_frontier_answers_for_every_later_size() -> None:
    whole = log_of(LEAVES)
    for base in SIZES:
        log = MerkleLog(base, whole.frontier(base))
        assert (log.base, log.size) == (base, base)
        assert log.root() == whole.root(base)
        log.extend(LEAVES[base:])
        assert_same_from(base, log, whole)


def assert_same_from(base: int, log: MerkleLog, whole: MerkleLog) -> None:
    for n in range(base, whole.size + 1):
        assert log.root(n) == whole.root(n)
        assert log.frontier(n) == whole.frontier(n)
        for m in (base, (base + n) // 2, n - 1):
            if max(base, 1) <= m <= n:
                assert log.consistency_proof(m, n) == whole.consistency_proof(m, n)


def test_trimming_step_by_step_gives_what_trimming_at_once_gives() -> None:
    stepwise = MerkleLog()
    for n, leaf in enumerate(LEAVES):
        stepwise.append(leaf)
        stepwise.trim(n * 2 // 3)
    stepwise.trim(3)  # already reached
    assert stepwise.base == 40 * 2 // 3
    assert_same_from(stepwise.base, stepwise, log_of(LEAVES))


def test_a_trimmed_log_keeps_a_logarithm_of_hashes_below_its_base() -> None:
    log = log_of([leaf_hash(n.to_bytes(2, "big")) for n in range(5000)])
    log.trim(4999)
    assert sum(map(len, log._levels)) <= 2 * 13  # the memory promise has no public face


def test_what_lies_below_the_base_raises_trimmed() -> None:
    log = log_of(LEAVES)
    log.trim(16)
    for ask in (
        lambda: log.root(15),
        lambda: log.root(0),
        lambda: log.frontier(8),
        lambda: log.consistency_proof(8, 40),
    ):
        with pytest.raises(Trimmed, match="the log was trimmed to 16"):
            ask()


def test_what_lies_beyond_the_size_is_an_index_error() -> None:
    log = log_of(LEAVES[:5])
    for ask in (
        lambda: log.root(6),
        lambda: log.frontier(-1),
        lambda: log.consistency_proof(0, 5),
        lambda: log.consistency_proof(5, 4),
    ):
        with pytest.raises(IndexError):
            ask()
    with pytest.raises(ValueError, match="trim to 6: the log has only 5 leaves"):
        log.trim(6)


def test_data_in_place_of_a_leaf_hash_is_refused() -> None:
    with pytest.raises(ValueError, match=r"leaf of 5 bytes: .* pass leaf_hash\(data\)"):
        MerkleLog().append(b"frame")


@pytest.mark.parametrize(
    ("frontier", "size", "message"),
    [
        ((), 1, "frontier of 0 hashes: 1 leaves have 1"),
        ((LEAVES[0],), 3, "frontier of 1 hashes: 3 leaves have 2"),
        ((b"short",), 4, "must be a hash of 32 bytes"),
        ((), -1, "a size is not negative"),
    ],
)
def test_a_frontier_that_does_not_fit_its_size_is_refused(frontier: tuple[bytes, ...], size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MerkleLog(size, frontier)
    with pytest.raises(ValueError, match=message):
        root_of_frontier(frontier, size)


@pytest.mark.parametrize("n", SIZES)
def test_a_frontier_has_the_root_of_its_leaves(n: int) -> None:
    assert root_of_frontier(log_of(LEAVES).frontier(n), n) == naive_root(LEAVES[:n])


def test_consistency_with_the_empty_log_is_rejected() -> None:
    """RFC 9162 2.1.4 defines proofs for 0 < m < n; an empty log proves nothing about a later one."""
    assert not verify_consistency(0, 5, EMPTY_ROOT, naive_root(LEAVES[:5]), ())
    assert not verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, ())


def test_a_log_is_consistent_with_itself_only_by_an_empty_proof() -> None:
    root = naive_root(LEAVES[:5])
    assert verify_consistency(5, 5, root, root, ())
    assert not verify_consistency(5, 5, root, LEAVES[0], ())
    assert not verify_consistency(5, 5, root, root, (LEAVES[0],))


def test_a_proof_holds_for_no_other_claim() -> None:
    log = log_of(LEAVES[:13])
    root, old_root = log.root(), log.root(6)
    path, link = tuple(naive_path(9, LEAVES[:13])), log.consistency_proof(6, 13)
    assert is_included(LEAVES[9], 9, 13, path, root)
    assert verify_consistency(6, 13, old_root, root, link)
    for leaf, index, n, proof, claimed in (
        (LEAVES[8], 9, 13, path, root),
        (LEAVES[9], 8, 13, path, root),
        (LEAVES[9], 13, 13, path, root),
        (LEAVES[9], -1, 13, path, root),
        (LEAVES[9], 9, 9, path, root),
        (LEAVES[9], 9, 2**70, path, root),
        (LEAVES[9], 9, 13, path[:-1], root),
        (LEAVES[9], 9, 13, (*path, root), root),
        (LEAVES[9], 9, 13, path[::-1], root),
        (LEAVES[9], 9, 13, (), root),
        (LEAVES[9], 9, 13, (path[0][:-1], *path[1:]), root),
        (LEAVES[9], 9, 13, path, old_root),
        (LEAVES[9], 9, 13, path, root[:-1]),
        (b"", 9, 13, path, root),
    ):
        assert not is_included(leaf, index, n, proof, claimed)
    for m, n, old, new, proof in (
        (5, 13, old_root, root, link),
        (6, 14, old_root, root, link[1:]),
        (14, 13, old_root, root, link),
        (-6, 13, old_root, root, link),
        (6, 13, root, old_root, link),
        (6, 13, root, root, link),
        (6, 13, old_root, old_root, link),
        (6, 13, old_root, root, ()),
        (6, 13, old_root, root, link[:-1]),
        (6, 13, old_root, root, (*link, root)),
        (6, 13, old_root, root, link[::-1]),
        (6, 13, old_root, root, (b"x", *link[1:])),
        (6, 13, b"", root, link),
    ):
        assert not verify_consistency(m, n, old, new, proof)


def test_one_leaf_is_its_own_root() -> None:
    assert is_included(LEAVES[0], 0, 1, (), LEAVES[0])
    assert not is_included(LEAVES[0], 0, 1, (LEAVES[1],), LEAVES[0])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_flipped_bit_breaks_every_proof(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 40))
    m = data.draw(st.integers(1, n - 1))
    log = log_of(LEAVES[:n])
    path, link = naive_path(m, LEAVES[:n]), log.consistency_proof(m, n)
    for proof, holds in (
        (path, lambda p: is_included(LEAVES[m], m, n, p, log.root())),
        (link, lambda p: verify_consistency(m, n, log.root(m), log.root(), p)),
    ):
        assert holds(proof)
        which = data.draw(st.integers(0, len(proof) - 1))
        bit = data.draw(st.integers(0, 255))
        broken = list(proof)
        broken[which] = (int.from_bytes(proof[which], "big") ^ (1 << bit)).to_bytes(32, "big")
        assert not holds(broken)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_heads_of_a_growing_log_chain_up(steps: list[int]) -> None:
    log = MerkleLog()
    heads: list[tuple[int, bytes]] = []
    for step in steps:
        log.extend(leaf_hash(bytes((step, k))) for k in range(step))
        log.trim(heads[-1][0] if heads else 0)
        heads.append((log.size, log.root()))
        for (m, old), (n, new) in pairwise(heads[-2:]):
            assert verify_consistency(m, n, old, new, log.consistency_proof(m, n))
