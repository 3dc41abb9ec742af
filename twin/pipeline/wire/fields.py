"""What stands in messages and journals: one CBOR item of plain parts, read field by field.

    plain = numbers, byte and text strings, arrays of definite length, false, true, null

A general decoder builds what it is told: two bytes of a tag refer to a string of kilobytes a second time, expressions
take a second to compile, numbers have as many digits as an exponent says. So the item is walked through before any
value is built: by the regular expression engine (in C) from string to string, 1 us for an ack. Hashes and signatures,
of 32 and 64 bytes, are passed over in the same step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import cbor2

from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.pipeline.wire.plain_cbor import loads

U64 = 1 << 64
_PLAIN = re.compile(
    rb"(?:[\x00-\x17\x20-\x37\x80-\x97\xf4-\xf6]|\x58\x20.{32}|\x58\x40.{64}"
    rb"|[\x18\x38\x98].|[\x19\x39\x99]..|[\x1a\x3a\x9a].{4}|[\x1b\x3b].{8})*+"
    rb"(?:([\x40-\x57\x60-\x77])|[\x58\x78](.)|[\x59\x79](..)|[\x5a\x7a](.{4}))?",
    re.DOTALL,
)
"""Plain items other than strings, as many as there are, and the head of the string that ends them."""


class FieldError(ValueError):
    """Bytes that are no item of plain parts, or a part that is not what belongs there."""


def load(data: bytes) -> Any:
    """The item in `data`, in whatever encoding.

    Raises:
        FieldError: it is none, or has parts that are not plain.
    """
    if not _is_plain(data):
        raise FieldError(f"{len(data)} bytes are no CBOR of numbers, strings, arrays and booleans")
    try:
        return loads(data)
    except (cbor2.CBORDecodeError, ValueError, RecursionError) as problem:
        # cbor2 before 6 never frees an error of bad UTF-8 (its issue 257): that must not hold the frames of all callers
        problem.with_traceback(None)
        raise FieldError(f"{len(data)} bytes are no CBOR: {problem}") from problem


def _is_plain(data: bytes) -> bool:
    position, end = 0, len(data)
    while True:
        match = _PLAIN.match(data, position)
        assert match is not None  # it matches nothing, too
        group = match.lastindex
        if group is None:
            return match.end() == end
        length = match[group]
        position = match.end() + (length[0] & 0x1F if group == 1 else int.from_bytes(length, "big"))
        if position >= end:
            return position == end


def read_uint(value: Any) -> int:
    """An unsigned 64-bit integer."""
    if type(value) is not int or not 0 <= value < U64:
        raise FieldError(f"{value!r:.40} is no unsigned 64-bit integer")
    return value


def read_int(value: Any) -> int:
    """A signed 64-bit integer."""
    if type(value) is not int or not -(U64 >> 1) <= value < U64 >> 1:
        raise FieldError(f"{value!r:.40} is no signed 64-bit integer")
    return value


def read_bytes(value: Any) -> bytes:
    """A byte string."""
    if type(value) is not bytes:
        raise FieldError(f"{value!r:.40} is no byte string")
    return value


def read_text(value: Any) -> str:
    """A text."""
    if type(value) is not str:
        raise FieldError(f"{value!r:.40} is no text")
    return value


def read_flag(value: Any) -> bool:
    """A boolean."""
    if type(value) is not bool:
        raise FieldError(f"{value!r:.40} is no boolean")
    return value


def read_array(value: Any, length: int | None = None) -> list[Any]:
    """An array, of `length` items if that is given."""
    if type(value) is not list or (length is not None and len(value) != length):
        raise FieldError(f"{value!r:.40} is no array of {'any' if length is None else length} items")
    return value


def read_many(item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader of arrays whose items `item` reads."""
    return lambda value: tuple([item(part) for part in read_array(value)])


def read_stream(value: Any) -> StreamId:
    """A stream: [device, epoch]."""
    device, epoch = read_array(value, 2)
    return StreamId(read_uint(device), read_uint(epoch))


def read_alert(value: Any) -> AlertKey:
    """An alert: [device, epoch, index, rule]."""
    device, epoch, index, rule = read_array(value, 4)
    return AlertKey(read_uint(device), read_uint(epoch), read_uint(index), read_text(rule))
