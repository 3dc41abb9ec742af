"""What holds for every parser of outside bytes: only its documented errors, bounded memory, bounded time.

Memory is what Python's allocator gave at most while the parser ran, `tracemalloc`'s peak; time is that of the
processor, with that tracing on, which costs about a factor of three.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

MEMORY_BYTES: Final = 4 << 20
"""What a parser may take whatever it is given: modules imported late, patterns and schemata compiled once."""
TIME_S: Final = 1.0
TIME_S_PER_BYTE: Final = 200e-6


class LeakError(AssertionError):
    """A parser let another error out, or took more than it may."""


class Parser(NamedTuple):
    """One parser under fire.

    Args:
        read: from bytes and a folder to work in to a value.
        refuses: the errors that it documents; none if it takes anything.
        language: of its scraps and bombs (`mutations.SCRAPS`).
        specimens: valid inputs, made by the production writers.
        holds: whether what was accepted is right: (bytes, value, specimens).
        bombs: inputs of its own that ask for more than they hold, or once broke it.
        memory: bytes that it may take per byte of input.
        few: examples in a plain test run; in a campaign, 300 stand for the profile's number.
    """

    name: str
    read: Callable[[bytes, Path], Any]
    refuses: tuple[type[Exception], ...]
    language: str
    specimens: Callable[[], tuple[bytes, ...]]
    holds: Callable[[bytes, Any, tuple[bytes, ...]], bool]
    bombs: tuple[bytes, ...] = ()
    memory: int = 64
    few: int = 100


def fire(parser: Parser, data: bytes, folder: Path) -> bool:
    """Whether the parser accepts `data`.

    Raises:
        LeakError: an error that it does not document, or memory or time beyond its bounds; or what it accepted is not
            what the bytes say.
    """
    value, refused, told = None, False, ""
    begun_s = time.process_time()
    tracemalloc.start()
    try:
        value = parser.read(data, folder)
    except parser.refuses as error:
        refused, told = True, str(error)
    except Exception as error:
        raise LeakError(f"{parser.name}: {type(error).__name__} escapes: {error!s:.200}") from error
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    spent_s = time.process_time() - begun_s
    if peak > MEMORY_BYTES + parser.memory * len(data):
        raise LeakError(f"{parser.name}: takes {peak} bytes to read {len(data)}")
    if spent_s > TIME_S + TIME_S_PER_BYTE * len(data):
        raise LeakError(f"{parser.name}: takes {spent_s:.1f} s to read {len(data)} bytes")
    if "\n" in told:
        raise LeakError(f"{parser.name}: refuses in more than one line: {told!r:.200}")
    if not refused and not parser.holds(data, value, parser.specimens()):
        raise LeakError(f"{parser.name}: accepts what it should not, as {value!s:.200}")
    return not refused
