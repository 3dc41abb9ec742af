"""Bodies of frames: what a device says, in deterministic CBOR (RFC 8949 4.2.1).

| body | |
|---|---|
| samples | [start_us, period_us, [channel, ...], [[value, ...], ...]], one row per sample, in counts |
| closing | [final index, next epoch, next suite, next public key] |
| alert | [device, epoch, index, rule, row, priority, text] |

A closing body ends its epoch: frames of that epoch up to the final index stay valid, anything else is stale,
and the next epoch's frames verify with the key that stands here. Values are quantised sensor counts, so no
float is ever signed.

A CBOR decoder alone accepts long forms and tags, and lets errors of other libraries out (a decimal tag raises
`decimal.InvalidOperation`). So a pattern of the one allowed form is matched first, then the decoder builds the
rows.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from twin.pipeline.wire.cbor import ARRAY, BYTES, INT, TEXT, UINT, head, number, read_string
from twin.pipeline.wire.identity import AlertKey
from twin.pipeline.wire.plain_cbor import dumps, loads

INDEX_MAX = (1 << 32) - 1
"""The largest frame index of an epoch."""
NO_READING = -32_768
"""Stands for a value that a sensor could not take (lead off); far below every count that a sensor reports."""
CHANNELS_MAX = 255

_SAMPLES_HEAD = re.compile(rb"\x84(" + INT + rb")(" + UINT + rb")(?:[\x81-\x97]|\x98[\x18-\xff])", re.DOTALL)
_CLOSING_HEAD = re.compile(rb"\x84(" + UINT + rb")(" + UINT + rb")", re.DOTALL)
_ALERT_HEAD = re.compile(rb"\x87(" + UINT + rb")(" + UINT + rb")(" + UINT + rb")", re.DOTALL)
_ALERT_NUMBERS = re.compile(rb"(" + UINT + rb")(" + UINT + rb")", re.DOTALL)
_ROWS_HEAD = re.compile(rb"[\x81-\x97]|\x98[\x18-\xff]|\x99(?!\x00)..", re.DOTALL)


class FrameError(ValueError):
    """Bytes that are no frame of this format, or values that no frame can hold."""


class Samples(NamedTuple):
    """Body of a samples frame: row k was taken at start_us + k * period_us; one value per channel."""

    start_us: int
    period_us: int
    channels: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]


class Closing(NamedTuple):
    """Body of an epoch's last frame: its own index, and who goes on after it."""

    final_index: int
    next_epoch: int
    next_suite: str
    next_public: bytes


class Alert(NamedTuple):
    """Body of an alert frame, which an edge signs in its own stream: what fired where, and what to tell a person.

    `row` is the sample of record `alert` at which the rule began to hold; `priority` is 1 low, 2 medium, 3 high.
    """

    alert: AlertKey
    row: int
    priority: int
    text: str


def encode_samples(samples: Samples) -> bytes:
    """Write the body of a samples frame.

    Raises:
        FrameError: No rows or channels, a row of another width, or a value that is not a 64-bit integer.
    """
    body: bytes = dumps(samples)
    _check_samples(body)  # a frame is signed once: what no reader accepts must not be signed
    return body


def decode_samples(body: bytes) -> Samples:
    """Read the body of a samples frame.

    Raises:
        FrameError: Anything but what `encode_samples` writes.
    """
    start_us, period_us, channels, rows_at = _check_samples(body)
    return Samples(start_us, period_us, channels, tuple(map(tuple, loads(body[rows_at:]))))


def _check_samples(body: bytes) -> tuple[int, int, tuple[str, ...], int]:
    """Start, period, channels of a samples body, and where its rows begin; every byte is checked."""
    match = _SAMPLES_HEAD.match(body)
    if match is None:
        raise FrameError(
            "samples: must be [start_us, period_us, channels, rows] in deterministic CBOR, "
            f"with 1 to {CHANNELS_MAX} channels"
        )
    channels, position = _channels(body, match.end(2))
    announced = _ROWS_HEAD.match(body, position)
    if announced is None:
        raise FrameError("samples: no rows, or more than 65535")
    if _rows_pattern(announced[0], len(channels)).fullmatch(body, position) is None:
        raise FrameError(
            f"samples: must be the announced number of rows of {len(channels)} 64-bit integers each, "
            "in deterministic CBOR"
        )
    return number(match[1]), number(match[2]), channels, position


def encode_closing(final_index: int, next_epoch: int, next_suite: str, next_public: bytes) -> bytes:
    """Write the body of an epoch's last frame.

    Raises:
        FrameError: The index is not 32-bit or the epoch not 64-bit.
    """
    body: bytes = dumps((final_index, next_epoch, next_suite, next_public))
    decode_closing(body)
    return body


def decode_closing(body: bytes) -> Closing:
    """Read the body of an epoch's last frame.

    Raises:
        FrameError: Anything but what `encode_closing` writes.
    """
    match = _CLOSING_HEAD.match(body)
    if match is None:
        raise FrameError(
            "closing: must be [final index, next epoch, next suite, next public key] in deterministic CBOR"
        )
    final_index = number(match[1])
    if final_index > INDEX_MAX:
        raise FrameError(f"closing: final index {final_index} is beyond {INDEX_MAX}")
    try:
        suite, position = read_string(body, match.end(), TEXT)
        public, position = read_string(body, position, BYTES)
        closing = Closing(final_index, number(match[2]), suite.decode(), public)
    except ValueError as error:  # UnicodeDecodeError is one
        raise FrameError(f"closing: {error}") from error
    if position != len(body):
        raise FrameError(f"closing: {len(body) - position} bytes follow its end")
    return closing


def encode_alert(alert: Alert) -> bytes:
    """Write the body of an alert frame."""
    body: bytes = dumps((*alert.alert, *alert[1:]))
    decode_alert(body)
    return body


def decode_alert(body: bytes) -> Alert:
    """Read the body of an alert frame.

    Raises:
        FrameError: Anything but what `encode_alert` writes.
    """
    match = _ALERT_HEAD.match(body)
    if match is None:
        raise FrameError("alert: must be [device, epoch, index, rule, row, priority, text] in deterministic CBOR")
    try:
        rule, position = read_string(body, match.end(), TEXT)
        numbers = _ALERT_NUMBERS.match(body, position)
        if numbers is None:
            raise ValueError("row and priority must be unsigned numbers")
        text, position = read_string(body, numbers.end(), TEXT)
        key = AlertKey(number(match[1]), number(match[2]), number(match[3]), rule.decode())
        found = Alert(key, number(numbers[1]), number(numbers[2]), text.decode())
    except ValueError as error:  # UnicodeDecodeError is one
        raise FrameError(f"alert: {error}") from error
    if position != len(body):
        raise FrameError(f"alert: {len(body) - position} bytes follow its end")
    return found


def _channels(body: bytes, start: int) -> tuple[tuple[str, ...], int]:
    """The channel names in the array at `start` (its head is known to be good), and the position after it."""
    count = body[start] & 0x1F
    position = start + 1
    if count == 24:
        count = body[position]
        position += 1
    names = []
    try:
        for _ in range(count):
            name, position = read_string(body, position, TEXT)
            names.append(name.decode())
    except ValueError as error:  # UnicodeDecodeError is one
        raise FrameError(f"samples: channel {len(names)}: {error}") from error
    return tuple(names), position


@lru_cache(maxsize=256)
def _rows_pattern(announced: bytes, width: int) -> re.Pattern[bytes]:
    count = announced[0] & 0x1F if len(announced) == 1 else int.from_bytes(announced[1:], "big")
    row = re.escape(head(ARRAY, width)) + b"(?:%b){%d}" % (INT, width)
    return re.compile(re.escape(announced) + b"(?:%b){%d}" % (row, count), re.DOTALL)
