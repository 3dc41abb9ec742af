"""The verifier's own Merkle tree against the pipeline's, which was written apart from it."""

from __future__ import annotations

import hashlib

import pytest

from twin.pipeline.ledger.merkle import MerkleLog
from twin.verify.tree import Tree, is_included

LEAVES = [hashlib.sha256(bytes([number])).digest() for number in range(70)]
TREE = Tree(LEAVES)


@pytest.mark.parametrize("size", range(71))
def test_root_and_frontier_of_every_size_are_those_of_the_pipelines_log(size: int) -> None:
    log = MerkleLog()
    log.extend(LEAVES[:size])
    assert TREE.root(size) == log.root()
    assert TREE.frontier(size) == tuple(log.frontier())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64, 65, 70])
def test_every_path_leads_to_the_root(size: int) -> None:
    for index in range(size):
        path, root = TREE.path(index, size), TREE.root(size)
        assert is_included(LEAVES[index], index, size, path, root)


@pytest.mark.parametrize("size", [2, 3, 7, 13])
def test_a_path_of_another_leaf_size_or_length_leads_nowhere(size: int) -> None:
    path, root = TREE.path(1, size), TREE.root(size)
    assert not is_included(LEAVES[0], 1, size, path, root)
    assert not is_included(LEAVES[1], 0, size, path, root)
    assert not is_included(LEAVES[1], 1, size, path[:-1], root)
    assert not is_included(LEAVES[1], 1, size, (*path, root), root)
    assert not is_included(LEAVES[1], size, size, path, root)


def test_a_path_beyond_the_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="this tree has 70 leaves"):
        TREE.path(3, 71)
