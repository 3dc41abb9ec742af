"""Heads at rest: every witness has cosigned them, and they have not moved since.

An epoch ends, and its head never moves again; writing it into every checkpoint there will ever be costs more with each
restart of a device. So a checkpoint writes out the heads that move or that some witness has yet to cosign, and states
all that rest by one digest. A witness knows which they are: those of the checkpoint that it followed last which this
one does not write out. The digest covers their roots, so that all who cosign it were shown the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from twin.pipeline.wire.messages import Head
from twin.pipeline.wire.plain_cbor import dumps


def digest_at_rest(heads: Iterable[Head]) -> bytes:
    """SHA-256 over the CBOR array of [stream, size, root], by stream; empty if nothing rests."""
    ordered = sorted(heads)
    return hashlib.sha256(dumps(ordered)).digest() if ordered else b""
