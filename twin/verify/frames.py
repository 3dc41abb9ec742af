"""Reads frames by the written format alone (a CCSDS Space Packet with a signature at its end).

    primary header 6 | version u8, kind u8, device u64, epoch u64, index u32, generated i64 | CBOR body | signature

Written apart from the pipeline's reader: a misreading that both ends of the pipeline share is seen here.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import Any, Final, NamedTuple

import cbor2

SAMPLES: Final = 1
CLOSING: Final = 2
ALERT: Final = 3
NO_READING: Final = -32_768

_HEADERS: Final = Struct(">HHHBBQQIq")
_NO_STRINGS: Final = re.compile(
    rb"(?:[\x00-\x17\x20-\x37\x80-\x97\xf4-\xf6]|[\x18\x38\x98].|[\x19\x39\x99]..|[\x1a\x3a\x9a].{4}|[\x1b\x3b].{8})*+",
    re.DOTALL,
)
_STRING: Final = re.compile(rb"[\x40-\x57\x60-\x77]|[\x58\x78].|[\x59\x79]..|[\x5a\x7a].{4}", re.DOTALL)


class MalformedError(ValueError):
    """Bytes that are not what they should be; the text says why."""


class StreamKey(NamedTuple):
    """One device's epoch."""

    device: int
    epoch: int

    def __str__(self) -> str:
        return f"dev-{self.device:016x}/ep-{self.epoch:016x}"


class ParsedFrame(NamedTuple):
    """A frame taken apart; `signed` is all that stands before the signature."""

    stream: StreamKey
    index: int  # type: ignore[assignment]  # the field's name, not tuple.index, is what is wanted
    kind: int
    generated_us: int
    body: bytes
    signed: bytes
    signature: bytes


class SampleRows(NamedTuple):
    """Row k was taken at start_us + k * period_us; one count per channel."""

    start_us: int
    period_us: int
    channels: list[str]
    rows: list[list[int]]


class ClosingBody(NamedTuple):
    """The end of an epoch, and the key of the next."""

    final_index: int
    next_epoch: int
    next_suite: str
    next_public: bytes


class AlertBody(NamedTuple):
    """Which record fired which rule at which sample, how urgent, and what a person is told."""

    device: int
    epoch: int
    index: int  # type: ignore[assignment]  # a field, not tuple.index
    rule: str
    row: int
    priority: int
    text: str


def parse_frame(data: bytes, signature_bytes: int) -> ParsedFrame:
    """Take a frame apart.

    Raises:
        MalformedError: too short, or a fixed field is not that of a frame.
    """
    if len(data) < _HEADERS.size + signature_bytes:
        raise MalformedError(f"{len(data)} bytes are shorter than a frame's headers and signature")
    packet, sequence, length, version, kind, device, epoch, index, generated_us = _HEADERS.unpack_from(data)
    if packet >> 11 != 0b00001 or sequence >> 14 != 0b11:
        raise MalformedError("not an unsegmented telemetry packet with secondary header")
    if length + 7 != len(data):
        raise MalformedError(f"announces {length + 7} bytes and has {len(data)}")
    if version != 1 or kind not in (SAMPLES, CLOSING, ALERT):
        raise MalformedError(f"format version {version}, kind {kind}: unknown")
    split = len(data) - signature_bytes
    body = data[_HEADERS.size : split]
    return ParsedFrame(StreamKey(device, epoch), index, kind, generated_us, body, data[:split], data[split:])


def read_samples(body: bytes) -> SampleRows:
    """Read the body of a samples frame."""
    start_us, period_us, channels, rows = _array(body, (int, int, list, list))
    if not all(type(name) is str for name in channels):
        raise MalformedError("a channel's name is no text")
    for row in rows:
        if type(row) is not list or len(row) != len(channels) or not all(type(value) is int for value in row):
            raise MalformedError(f"a row is not {len(channels)} integers")
    return SampleRows(start_us, period_us, channels, rows)


def read_closing(body: bytes) -> ClosingBody:
    """Read the body of an epoch's last frame."""
    return ClosingBody(*_array(body, (int, int, str, bytes)))


def read_alert(body: bytes) -> AlertBody:
    """Read the body of an alert frame."""
    return AlertBody(*_array(body, (int, int, int, str, int, int, str)))


def load_cbor(data: bytes) -> Any:
    """One CBOR item of plain parts and nothing else, in its one deterministic encoding.

    Raises:
        MalformedError: anything else.
    """
    item = load_plain(data)
    if cbor2.dumps(item) != data:
        raise MalformedError("not in its one CBOR encoding")
    return item


def load_plain(data: bytes) -> Any:
    """One CBOR item of numbers, strings, arrays of definite length, booleans and nulls.

    A tag can make two bytes stand for kilobytes or for a second of work, so nothing is built before all was seen.

    Raises:
        MalformedError: anything else.
    """
    at = 0
    while at < len(data):
        at = _NO_STRINGS.match(data, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        head = _STRING.match(data, at)
        if head is None:
            break
        length = head[0][1:]
        at = head.end() + (int.from_bytes(length, "big") if length else head[0][0] & 0x1F)
    if at != len(data):
        raise MalformedError("no CBOR of numbers, strings, arrays and booleans")
    try:
        return cbor2.loads(data)
    except (cbor2.CBORError, ValueError, RecursionError) as error:
        raise MalformedError(f"no CBOR: {error}") from error


def _array(body: bytes, kinds: tuple[type, ...]) -> list[Any]:
    item = load_cbor(body)
    if type(item) is not list or [type(part) for part in item] != list(kinds):
        raise MalformedError(f"body is not an array of {', '.join(kind.__name__ for kind in kinds)}")
    return item
