"""The harness itself: a parser with a planted bug does not pass."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from harness import LeakError, Parser, fire
from hypothesis import Phase, find, settings
from mutations import BOMBS, SAID_AGAIN, hostile

WHOLE = struct.pack(">I", 5) + b"hello"


class RefusedError(Exception):
    """What the planted parsers document."""


def sound(data: bytes) -> bytes:
    """A length of four bytes, and as many."""
    if len(data) < 4 or len(data) - 4 != int.from_bytes(data[:4], "big"):
        raise RefusedError("not what it says")
    return data[4:]


def leaky(data: bytes) -> bytes:
    """Lets the error of its library out."""
    (length,) = struct.unpack_from(">I", data)
    if length != len(data) - 4:
        raise RefusedError("not what it says")
    return data[4:]


def greedy(data: bytes) -> bytes:
    """Makes room for what is announced before looking for it."""
    if len(data) < 4:
        raise RefusedError("too short")
    room = bytearray(min(int.from_bytes(data[:4], "big"), 1 << 26))
    if len(room) != len(data) - 4:
        raise RefusedError("not what it says")
    room[:] = data[4:]
    return bytes(room)


def careless(data: bytes) -> bytes:
    """Takes what follows its end."""
    if len(data) < 4 or len(data) - 4 < int.from_bytes(data[:4], "big"):
        raise RefusedError("not what it says")
    return data[4 : 4 + int.from_bytes(data[:4], "big")]


def wordy(data: bytes) -> bytes:
    """Refuses in two lines."""
    if sound(WHOLE) != data[4:]:
        raise RefusedError("not\nhello")
    return data[4:]


def slow(data: bytes) -> bytes:
    """Looks at every byte once for every byte; here, as if there were hundreds of thousands."""
    end_s = time.process_time() + 1.2 * (len(data) > 9)
    while time.process_time() < end_s:
        pass
    return sound(data)


def planted(read: Callable[[bytes], Any], language: str = "binary") -> Parser:
    return Parser(
        "planted",
        lambda data, _: read(data),
        (RefusedError,),
        language,
        lambda: (WHOLE,),
        lambda data, value, _: struct.pack(">I", len(value)) + value == data,
    )


def caught(parser: Parser, data: bytes) -> str:
    """What the harness says of a parser under these bytes; empty if it passes."""
    try:
        fire(parser, data, Path())
    except LeakError as error:
        return str(error)
    return ""


def test_a_sound_parser_passes() -> None:
    parser = planted(sound)
    assert fire(parser, WHOLE, Path())
    for bomb in BOMBS["binary"]:
        assert not caught(parser, bomb)


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (leaky, "error escapes: unpack_from requires"),
        (greedy, "bytes to read"),
        (careless, "accepts what it should not"),
        (wordy, "refuses in more than one line"),
        (slow, " s to read"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_planted_bug_is_found_by_mutation_alone(read: Callable[[bytes], Any], says: str) -> None:
    parser = planted(read)
    assert not caught(parser, WHOLE)
    few = settings(max_examples=500, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
    if read is slow:
        assert says in caught(parser, WHOLE + b"x")
    else:
        find(hostile((WHOLE,), "binary"), lambda data: says in caught(parser, data), settings=few)


def test_a_general_cbor_decoder_does_not_stand_the_bombs() -> None:
    """The parsers of messages and of archived rows were such before they were put under fire."""
    parser = planted(lambda data: cbor2.dumps(cbor2.loads(data)), "cbor")._replace(refuses=(cbor2.CBORDecodeError,))
    assert "bytes to read" in caught(parser, SAID_AGAIN)
