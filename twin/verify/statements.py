"""What edges, witnesses and the auditor sign, read by the written format alone.

| statement | CBOR array |
|---|---|
| checkpoint | [6, author, counter, at_us, previous, [[[device, epoch], size, root], ...], resting, signature] |
| cosignature | [8, author, counter, witness, digest, [[[device, epoch], size], ...], given_up, resting, signature] |
| attestation | ["audit", [device, epoch], size, root], its signature apart |

A signature covers the array without it; a digest is the SHA-256 of the whole checkpoint, signature included.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, NamedTuple

import cbor2

from twin.verify.frames import MalformedError, StreamKey, load_cbor

CHECKPOINT: Final = 6
COSIGN: Final = 8


class Checkpoint(NamedTuple):
    """An edge's statement of all its streams' heads; `heads` maps a stream to (size, root).

    As read, they are those that it writes out; `resting` is the digest of the others (`at_rest`), empty if there are
    none.
    """

    author: str
    counter: int
    at_us: int
    previous: bytes
    heads: dict[StreamKey, tuple[int, bytes]]
    resting: bytes
    signed: bytes
    signature: bytes
    digest: bytes


class Cosign(NamedTuple):
    """A witness's statement that it followed a checkpoint; `sizes` maps a stream to its head's size.

    They are those of all heads where `resting` is empty, and else of those that the checkpoint writes out.
    """

    author: str
    counter: int
    witness: str
    digest: bytes
    sizes: dict[StreamKey, int]
    resting: bytes
    signed: bytes
    signature: bytes


def read_checkpoint(data: bytes) -> Checkpoint:
    """Take a checkpoint apart.

    Raises:
        MalformedError: it is none, or names a stream twice.
    """
    fields = _fields(data, (CHECKPOINT, str, int, int, bytes, list, bytes, bytes))
    heads: dict[StreamKey, tuple[int, bytes]] = {}
    for item in fields[5]:
        stream, size, root = _typed(item, (list, int, bytes))
        heads[_stream(stream)] = (size, root)
    if len(heads) != len(fields[5]):
        raise MalformedError("two heads of one stream")
    author, counter, at_us, previous = fields[1:5]
    resting, signature = fields[6:]
    signed, digest = cbor2.dumps(fields[:-1]), hashlib.sha256(data).digest()
    return Checkpoint(author, counter, at_us, previous, heads, resting, signed, signature, digest)


def read_cosign(data: bytes) -> Cosign:
    """Take a cosignature apart.

    Raises:
        MalformedError: it is none.
    """
    fields = _fields(data, (COSIGN, str, int, str, bytes, list, list, bytes, bytes))
    sizes: dict[StreamKey, int] = {}
    for item in fields[5]:
        stream, size = _typed(item, (list, int))
        sizes[_stream(stream)] = size
    author, counter, witness, digest = fields[1:5]
    return Cosign(author, counter, witness, digest, sizes, fields[7], cbor2.dumps(fields[:-1]), fields[-1])


def audited(stream: StreamKey, size: int, root: bytes) -> bytes:
    """The bytes that an attestation's signature covers."""
    return cbor2.dumps(["audit", list(stream), size, root])


def _fields(data: bytes, kinds: tuple[Any, ...]) -> list[Any]:
    code, *rest = kinds
    fields = _typed(load_cbor(data), (int, *rest))
    if fields[0] != code:
        raise MalformedError(f"message {fields[0]}, not {code}")
    return fields


def _typed(item: Any, kinds: tuple[type, ...]) -> list[Any]:
    if type(item) is not list or [type(part) for part in item] != list(kinds):
        raise MalformedError(f"not an array of {', '.join(kind.__name__ for kind in kinds)}")
    return item


def _stream(item: Any) -> StreamKey:
    return StreamKey(*_typed(item, (int, int)))
