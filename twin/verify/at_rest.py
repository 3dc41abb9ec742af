"""Heads that a checkpoint states without writing them out: those at rest, by one digest.

They are heads that earlier checkpoints wrote out and that have not moved since, so they are found there: in the one
before, or, where that did not reach Earth, in the newest that did and whose heads give the digest. It is the SHA-256
over the CBOR array of [[device, epoch], size, root], by device and epoch, of every head that rests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import cbor2

from twin.verify.frames import StreamKey
from twin.verify.statements import Checkpoint

Heads = Mapping[StreamKey, tuple[int, bytes]]


def heads_at_rest(one: Checkpoint, earlier: Sequence[Checkpoint]) -> dict[StreamKey, tuple[int, bytes]] | None:
    """What `one` states and does not write out; None if nothing that stands in the archive gives its digest.

    Args:
        earlier: checkpoints of the same edge with lower counters or the same, oldest first, all their heads filled in.
    """
    if not one.resting:
        return {}
    for before in reversed(earlier):
        rest = {stream: head for stream, head in before.heads.items() if stream not in one.heads}
        if _digest(rest) == one.resting:
            return rest
    return None


def _digest(heads: Heads) -> bytes:
    return hashlib.sha256(cbor2.dumps([[list(stream), *heads[stream]] for stream in sorted(heads)])).digest()
