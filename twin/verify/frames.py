"""Reads frames by the written format alone (a CCSDS Space Packet with a signature at its end).

    primary header 6 | version u8, kind u8, device u64, epoch u64, index u32, generated i64 | CBOR body | signature

Written apart from the pipeline's reader: a misreading that both ends of the pipeline share is seen here.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Final, NamedTuple

import cbor2

SAMPLES: Final = 1
CLOSING: Final = 2
ALERT: Final = 3
NO_READING: Final = -32_768

_HEADERS: Final = Struct(">HHHBBQQIq")


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
    """One CBOR item and nothing else, in its one deterministic encoding.

    Raises:
        MalformedError: anything else.
    """
    try:
        item = cbor2.loads(data)
        same = cbor2.dumps(item) == data
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError) as error:
        # tags make cbor2 build decimals, dates and the like, whose own errors come through
        raise MalformedError(f"no CBOR: {error}") from error
    if not same:
        raise MalformedError("not in its one CBOR encoding")
    return item


def _array(body: bytes, kinds: tuple[type, ...]) -> list[Any]:
    item = load_cbor(body)
    if type(item) is not list or [type(part) for part in item] != list(kinds):
        raise MalformedError(f"body is not an array of {', '.join(kind.__name__ for kind in kinds)}")
    return item
