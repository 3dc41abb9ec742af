"""Traces made by hand: short names for facts about one stream, and a checker that has read them."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from twin.guarantees.availability import Availability, Passage
from twin.guarantees.hashing import leaf_of
from twin.guarantees.truth import Truth
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import AckMade, FrameSealed
from twin.pipeline.transport.contact_plan import Contact
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.trace import RowStored, Trace

SECOND = 1_000_000
MINUTE = 60 * SECOND
DEVICE, EPOCH = 1, 2
STREAM = StreamId(DEVICE, EPOCH)
MONITOR = "vitals-1"
SIGNERS = {MONITOR: DEVICE, "edge-1": 101, "edge-2": 102}
NOTHING: dict[str, int] = {}

EDGES = ("edge-1", "edge-2")

Fact = tuple[str, tuple[Any, ...]]
Timed = tuple[float, str, tuple[Any, ...]]


def record(index: int, epoch: int = EPOCH) -> RecordId:
    return RecordId(DEVICE, epoch, index)


def leaf(index: int) -> bytes:
    return leaf_of(b"%d" % index)


def sealed(index: int, found: bytes | None = None, samples: int = 1, epoch: int = EPOCH) -> FrameSealed:
    return FrameSealed(record(index, epoch), found or leaf(index), 0, samples, 100)


def row(index: int, found: bytes | None = None, replaced: bytes = b"", store: str = "table") -> RowStored:
    return RowStored(store, tuple(record(index)), found or leaf(index), replaced)


def root_of(leaves: list[bytes]) -> bytes:
    """Root of one leaf or more, by the recursive definition of RFC 9162 2.1.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def root(size: int) -> bytes:
    """Root of the first `size` leaves."""
    return root_of([leaf(index) for index in range(size)])


def acked(verified: int, trim: int = 0, term: int = 1, counter: int = 0) -> AckMade:
    return AckMade(STREAM, verified, trim, root(verified), term, counter)


def stored(*indices: int, backup: bool = False) -> list[Fact]:
    """Signed by the device and written to the table, and to the backup."""
    facts: list[Fact] = []
    for index in indices:
        facts += [(MONITOR, sealed(index)), ("earth", row(index))]
        if backup:
            facts.append(("earth", row(index, store="backup")))
    return facts


def always(owlt_s: int = 100, turnaround_s: int = 10, *windows: tuple[int, int]) -> Availability:
    """Contacts both ways in these windows [s], or without end; 8 Mbit/s."""
    found = []
    for source in ("mars", "earth"):
        spans = windows or ((-(10**9), 10**9),)
        contacts = [Contact(source, "x", a * SECOND, b * SECOND, 8_000_000, ((0, owlt_s * SECOND),)) for a, b in spans]
        found.append(Passage([(contact.start_us, contact.end_us, contact) for contact in contacts]))
    return Availability(found[0], found[1], turnaround_s * SECOND)


def watched(make: Callable[[Truth], Checker], facts: Iterable[Fact], *, finish: bool = False) -> Checker:
    """A checker that has seen these facts, one a second."""
    return timed(make, [(at, *fact) for at, fact in enumerate(facts)], end_s=None if not finish else 10**6)


def timed(
    make: Callable[[Truth], Checker],
    facts: Iterable[Timed],
    *,
    end_s: float | None = None,
    before: Callable[[Any], Iterable[Any]] = lambda _: (),
) -> Checker:
    """A checker that has seen these facts at these instants [s], and the end of the run at `end_s`.

    Args:
        before: what of a checker watches the trace before it does.
    """
    trace, truth = Trace(), Truth(SIGNERS)
    truth.watch(trace)
    checker = make(truth)
    for part in (*before(checker), checker):
        part.watch(trace)
    truth.watch_last(trace)
    for at_s, node, fact in facts:
        trace.emit(round(at_s * SECOND), node, fact)
    trace.flush()
    if end_s is not None:
        checker.finish(round(end_s * SECOND))
    return checker


def broken(checker: Checker) -> int:
    """How often it was violated; a violation always has evidence."""
    if checker.violations:
        assert checker.first is not None
        assert checker.first.what
        assert checker.first.record
    return checker.violations
