"""CBOR of what we write ourselves: plain values, named tuples as arrays, in definite lengths and shortest form.

What arrives from outside is read by `cbor` or `fields`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, Final, cast

import cbor2


class _NoFile:
    """Where nothing goes: an encoder wants a file although it returns bytes."""

    def write(self, data: bytes) -> int:
        raise AssertionError(f"{len(data)} bytes for a file")


dumps: Final[Callable[[Any], bytes]] = cbor2.CBOREncoder(cast(IO[bytes], _NoFile())).encode_to_bytes
"""Bytes of a value, those of `cbor2.dumps`, which makes an encoder each time: that one has to find out anew what a
named tuple is, and takes eight times as long.
"""
