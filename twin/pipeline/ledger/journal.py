"""The journal: an edge's one append-only file, and what is written in it.

Entry = length (u32) | CRC32C over kind and payload (u32) | kind (u8) | payload. A crash may leave a torn
tail: reading stops at the first entry that is not whole and the tail is cut. A `Snapshot` entry states
everything that the entries before it said, so the file can be dropped from its front up to a snapshot.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from twin.pipeline.wire.crc import crc32c
from twin.pipeline.wire.fields import (
    FieldError,
    load,
    read_array,
    read_bytes,
    read_int,
    read_many,
    read_stream,
    read_text,
    read_uint,
)
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.plain_cbor import dumps

FRAME, ACK, CHECKPOINT, SNAPSHOT, WITNESSED, ADOPTED, CLOSINGS = 1, 2, 3, 4, 5, 6, 7
_HEADER = struct.Struct(">IIB")


class JournalError(ValueError):
    """A payload that has passed its CRC, and is none that this code writes."""


class Entry(NamedTuple):
    """One whole entry and the offset of its first byte within the journal."""

    kind: int
    payload: bytes
    offset: int


class StreamState(NamedTuple):
    """A stream as a snapshot states it: appended `size` with `frontier`, what Earth said of it last, and the state of
    its alarm rules.

    `vouched` is the ack at whose frontier the stream was adopted, empty if it was followed from its first frame.
    """

    stream: StreamId
    size: int
    frontier: tuple[bytes, ...]
    signed: int
    ack: bytes
    rules: bytes
    vouched: bytes


class Witnessed(NamedTuple):
    """A peer's checkpoint that was followed last: its counter, the cosignature, and (size, root) by stream.

    `live` are the streams that it names; others were given up with the peer's medium and are still remembered.
    """

    author: str
    counter: int
    cosign: bytes
    heads: tuple[tuple[StreamId, int, bytes], ...]
    live: tuple[StreamId, ...]


class Snapshot(NamedTuple):
    """Everything an edge must remember besides frames: its chain, streams, peers' chains, alarms that sound, closing
    frames.
    """

    checkpoint_counter: int
    checkpoint_digest: bytes
    streams: tuple[StreamState, ...]
    witnessed: tuple[Witnessed, ...]
    board: bytes
    closings: tuple[bytes, ...]


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
    return dumps(snapshot)


def decode_snapshot(payload: bytes) -> Snapshot:
    """The snapshot in a payload that has passed its CRC.

    Raises:
        JournalError: anything that `encode_snapshot` would not have written.
    """
    try:
        counter, digest, streams, witnessed, board, closings = read_array(load(payload), 6)
        snapshot = Snapshot(
            read_int(counter),
            read_bytes(digest),
            read_many(_stream_state)(streams),
            read_many(_witnessed)(witnessed),
            read_bytes(board),
            _hashes(closings),
        )
    except FieldError as problem:
        raise JournalError(f"snapshot: {problem}") from problem
    if encode_snapshot(snapshot) != payload:
        raise JournalError(f"snapshot of {len(payload)} bytes is not in its one encoding")
    return snapshot


def encode_witnessed(witnessed: Witnessed) -> bytes:
    """Payload of a WITNESSED entry."""
    return dumps(witnessed)


def decode_witnessed(payload: bytes) -> Witnessed:
    """What was witnessed, from a payload that has passed its CRC.

    Raises:
        JournalError: anything that `encode_witnessed` would not have written.
    """
    try:
        witnessed = _witnessed(load(payload))
    except FieldError as problem:
        raise JournalError(f"witnessed: {problem}") from problem
    if encode_witnessed(witnessed) != payload:
        raise JournalError(f"witnessed: {len(payload)} bytes are not in their one encoding")
    return witnessed


_hashes = read_many(read_bytes)


def _stream_state(value: Any) -> StreamState:
    stream, size, frontier, signed, ack, rules, vouched = read_array(value, 7)
    return StreamState(
        read_stream(stream),
        read_uint(size),
        _hashes(frontier),
        read_uint(signed),
        read_bytes(ack),
        read_bytes(rules),
        read_bytes(vouched),
    )


def _head(value: Any) -> tuple[StreamId, int, bytes]:
    stream, size, root = read_array(value, 3)
    return read_stream(stream), read_uint(size), read_bytes(root)


def _witnessed(value: Any) -> Witnessed:
    author, counter, cosign, heads, live = read_array(value, 5)
    return Witnessed(
        read_text(author),
        read_int(counter),
        read_bytes(cosign),
        read_many(_head)(heads),
        read_many(read_stream)(live),
    )
