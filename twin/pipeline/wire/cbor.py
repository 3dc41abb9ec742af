r"""Deterministic CBOR as byte patterns (RFC 8949 4.2.1), for bytes that arrive from outside.

A general decoder accepts far more than our formats hold: long forms of short numbers, tags that build
decimals and regular expressions, arrays nested until the stack ends. Here each format is written as a
pattern of exactly the bytes that are allowed, in shortest form, and is matched by the regular expression
engine (in C) before any value is built.

    UINT    00..17 | 18 18..ff | 19 + 2 bytes >= 2^8 | 1a + 4 bytes >= 2^16 | 1b + 8 bytes >= 2^32
    INT     the same, or with 0x20 added to the first byte: -1 - n

Patterns must be compiled with `re.DOTALL`. Byte and text strings cannot be patterns, their length is data;
`read_string` reads one.
"""

import re
from struct import Struct

UINT = rb"(?:[\x00-\x17]|\x18[\x18-\xff]|\x19(?!\x00)..|\x1a(?!\x00\x00)....|\x1b(?!\x00{4}).{8})"
INT = (
    rb"(?:[\x00-\x17\x20-\x37]|[\x18\x38][\x18-\xff]|[\x19\x39](?!\x00).."
    rb"|[\x1a\x3a](?!\x00\x00)....|[\x1b\x3b](?!\x00{4}).{8})"
)

UNSIGNED = 0
BYTES = 2
TEXT = 3
ARRAY = 4

_U16 = Struct(">BH").pack
_U32 = Struct(">BI").pack
_U64 = Struct(">BQ").pack
_TINY = tuple(bytes((n,)) for n in range(256))
_STRING_HEAD = re.compile(
    rb"[\x40-\x57\x60-\x77]|[\x58\x78][\x18-\xff]|[\x59\x79](?!\x00)..|[\x5a\x7a](?!\x00\x00)....", re.DOTALL
)


def head(major: int, value: int) -> bytes:
    """The shortest head of `major` type (0 to 7) with argument `value` (0 to 2^64 - 1).

    Raises:
        ValueError: `value` is negative or does not fit 64 bits.
    """
    first = major << 5
    if value > 0xFFFF_FFFF:
        if value >> 64:
            raise ValueError(f"{value} does not fit the 64 bits of a CBOR number")
        return _U64(first | 27, value)
    if value > 0xFFFF:
        return _U32(first | 26, value)
    if value > 0xFF:
        return _U16(first | 25, value)
    if value > 23:
        return _TINY[first | 24] + _TINY[value]
    if value < 0:
        raise ValueError(f"{value} is negative")
    return _TINY[first | value]


def number(data: bytes) -> int:
    """The number that a match of UINT or INT stands for."""
    first = data[0]
    argument = first & 0x1F if len(data) == 1 else int.from_bytes(data[1:], "big")
    return -1 - argument if first & 0x20 else argument


def unsigned(data: bytes) -> int:
    """The number that a match of UINT stands for."""
    return data[0] if len(data) == 1 else int.from_bytes(data[1:], "big")


def read_string(data: bytes, start: int, major: int) -> tuple[bytes, int]:
    """Read the byte or text string (`major` BYTES or TEXT) that starts at `start`.

    Returns:
        Its content, and the position after it.

    Raises:
        ValueError: There is no such string in shortest form, or it ends before its length.
    """
    match = _STRING_HEAD.match(data, start)
    if match is None or data[start] >> 5 != major:
        raise ValueError(f"no {'byte' if major == BYTES else 'text'} string in shortest form at byte {start}")
    begin = match.end()
    short = begin == start + 1
    end = begin + (data[start] & 0x1F if short else int.from_bytes(data[start + 1 : begin], "big"))
    if end > len(data):
        raise ValueError(f"string at byte {start}: is cut off, {end - len(data)} bytes are missing")
    return data[begin:end], end
