"""CBOR of plain values, to bytes and back: numbers, strings, arrays in definite lengths, booleans and nulls.

One encoder and one decoder are kept: `cbor2.dumps` and `cbor2.loads` make one each time, which takes four to eight
times as long as the work itself, and a fresh encoder has to find out anew what a named tuple is (an array).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, Final, cast

import cbor2


class _NoFile:
    """What both want although they turn bytes into values and values into bytes."""

    def read(self, size: int) -> bytes:
        raise AssertionError(f"{size} bytes of no file")

    def write(self, data: bytes) -> int:
        raise AssertionError(f"{len(data)} bytes to no file")


_NO_FILE: Final = cast(IO[bytes], _NoFile())

dumps: Final[Callable[[Any], bytes]] = cbor2.CBOREncoder(_NO_FILE).encode_to_bytes
"""Bytes of a value, in shortest form; a tuple is an array."""

loads: Final[Callable[[bytes], Any]] = cbor2.CBORDecoder(_NO_FILE).decode_from_bytes
"""The first item in bytes of which is known that they hold nothing but plain items: a tag may refer to what the decoder
has seen before (`fields.load` looks, and says what errors there are).
"""
