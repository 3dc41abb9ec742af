"""The journal: an edge's one append-only file, and what is written in it.

Entry = length (u32) | CRC32C over kind and payload (u32) | kind (u8) | payload. A crash may leave a torn
tail: reading stops at the first entry that is not whole and the tail is cut. A `Snapshot` entry states
everything that the entries before it said, so the file can be dropped from its front up to a snapshot.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import cbor2

from twin.pipeline.wire.crc import crc32c
from twin.pipeline.wire.identity import StreamId

FRAME, ACK, CHECKPOINT, SNAPSHOT, WITNESSED = 1, 2, 3, 4, 5
_HEADER = struct.Struct(">IIB")
ENTRY_OVERHEAD = _HEADER.size


class Entry(NamedTuple):
    """One whole entry and the offset of its first byte within the journal."""

    kind: int
    payload: bytes
    offset: int


class StreamState(NamedTuple):
    """A stream as a snapshot states it: appended `size` with `frontier`, and what Earth said of it last."""

    stream: StreamId
    size: int
    frontier: tuple[bytes, ...]
    signed: int
    ack: bytes


class Snapshot(NamedTuple):
    """Everything an edge must remember besides frames."""

    checkpoint_counter: int
    checkpoint_digest: bytes
    streams: tuple[StreamState, ...]
    witnessed: tuple[tuple[str, int, bytes, tuple[tuple[StreamId, int, bytes], ...]], ...]


def encode_entry(kind: int, payload: bytes) -> bytes:
    """Bytes of one entry."""
    return _HEADER.pack(len(payload), crc32c(bytes((kind,)) + payload), kind) + payload


def scan(data: bytes, start: int = 0) -> tuple[list[Entry], int]:
    """Read entries until the first that is not whole.

    Args:
        data: the journal from byte `start` on.
        start: offset of `data[0]` within the journal.

    Returns:
        The entries, and the offset behind the last whole one.
    """
    entries = []
    position = 0
    while position + _HEADER.size <= len(data):
        length, crc, kind = _HEADER.unpack_from(data, position)
        begin = position + _HEADER.size
        payload = data[begin : begin + length]
        if len(payload) != length or crc32c(data[begin - 1 : begin + length]) != crc:
            break
        entries.append(Entry(kind, payload, start + position))
        position = begin + length
    return entries, start + position


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Payload of a SNAPSHOT entry."""
    return cbor2.dumps(snapshot)


def decode_snapshot(payload: bytes) -> Snapshot:
    """The snapshot in a payload that has passed its CRC."""
    counter, digest, streams, witnessed = cbor2.loads(payload)
    return Snapshot(
        counter,
        digest,
        tuple(StreamState(StreamId(*s), n, tuple(frontier), signed, ack) for s, n, frontier, signed, ack in streams),
        tuple(
            (author, count, cosign, tuple((StreamId(*s), size, root) for s, size, root in heads))
            for author, count, cosign, heads in witnessed
        ),
    )
