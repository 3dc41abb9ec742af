"""feedback_closure: an ack names what is missing, by hand-made traces."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from traces import MONITOR, NOTHING, STREAM, Truth, always, broken, leaf, record, root, row, sealed, timed

from twin.guarantees.loop_rules import FeedbackClosure
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import AckMade, BundleSent, EpochClosed
from twin.trace import HopDelivered, HopLost, HopSent, Radiated, RowStored

DOWN = "edge-1->earth"
Facts = list[tuple[Any, ...]]
SEALED: Facts = [(0, MONITOR, sealed(index)) for index in range(5)]
STORED: Facts = [(90, "table", RowStored("table", tuple(record(0)), leaf(0), b""))]


def closure(truth: Truth) -> Checker:
    return FeedbackClosure(truth, None, lambda _: always(), NOTHING, {MONITOR: 1}, "earth")


def flown(number: int, *indices: int) -> Facts:
    """A bundle of records leaves the edge."""
    records = tuple((record(index), leaf(index)) for index in indices)
    handed: Facts = [(number, "edge-1", BundleSent((1, 1, number), "earth", records, 0))] if indices else []
    left = [(number, "edge-1", Radiated(DOWN, b"a bundle")), (number, "edge-1", HopSent(DOWN, number, 8))]
    return [*handed, *left]


def home(number: int) -> Facts:
    return [(number + 50, "earth", HopDelivered(DOWN, number, 8, number))]


def lost(number: int, cause: str = "loss") -> Facts:
    return [(number + 50, "earth", HopLost(DOWN, number, 8, number, cause))]


def says(gaps: tuple[tuple[int, int], ...], complete_to: int, verified: int = 1) -> Facts:
    return [(100, "earth", AckMade(STREAM, verified, 0, root(verified), 1, 0, gaps, complete_to))]


FOUR = [*flown(1, 0), *flown(2, 1), *flown(3, 2), *flown(4, 3), *home(1), *lost(2), *home(3), *home(4)]


@pytest.mark.parametrize(
    ("gaps", "complete_to", "verdict"),
    [(((1, 2),), 4, 0), ((), 4, 1), ((), 1, 0), (((1, 2),), 5, 1), (((1, 2), (4, 5)), 5, 0), (((2, 3),), 3, 1)],
)
def test_what_never_came_must_be_named_below_the_index_that_an_ack_states(
    gaps: tuple[tuple[int, int], ...], complete_to: int, verdict: int
) -> None:
    assert broken(timed(closure, [*SEALED, *FOUR, *STORED, *says(gaps, complete_to)])) == verdict


UNKNOWN = [(60, "earth", HopDelivered(DOWN, 77, 8, 60))]


def bundle(number: int) -> bytes:
    """The beginning of a bundle as an edge makes it: its primary block."""
    return b"\x9f" + cbor2.dumps([7, 4, 1, [2, [9, 1]], [2, [1, 1]], [1, 0], [1, number], 1000, b"ab"])


def passed_on(data: bytes) -> Facts:
    """A relay radiates a bundle, and it comes home."""
    return [
        (60, "orbiter", Radiated("orbiter->earth", data)),
        (60, "orbiter", HopSent("orbiter->earth", 1, 8)),
        (70, "earth", HopDelivered("orbiter->earth", 1, 8, 60)),
    ]


def to_orbiter(number: int, *indices: int) -> Facts:
    """A bundle of records leaves the edge for a relay."""
    records = tuple((record(index), leaf(index)) for index in indices)
    handed = (number, "edge-1", BundleSent((1, 1, number), "orbiter", records, 0))
    return [handed, (number, "edge-1", Radiated("edge-1->orbiter", bundle(number)))]


@pytest.mark.parametrize(
    "more",
    [
        [*flown(9, 1), *home(9)],  # sent again
        [*flown(9, 1), *lost(9, "node_down")],  # a second leader may have taken it
        UNKNOWN,
        passed_on(b"no bundle"),
        [*to_orbiter(9, 1), *passed_on(bundle(9))],
        [(80, "table", RowStored("table", tuple(record(1)), leaf(1), b""))],
        [(5, MONITOR, EpochClosed(record(1), 2, "key"))],
    ],
)
def test_what_may_have_come_need_not_be_named(more: Facts) -> None:
    assert broken(timed(closure, [*SEALED, *FOUR, *STORED, *more, *says((), 4)])) == 0


GROUND = [(60, "auditor", HopSent("auditor->earth", 1, 8)), (61, "earth", HopDelivered("auditor->earth", 1, 8, 60))]


@pytest.mark.parametrize(
    "mail", [[*flown(9), *home(9)], GROUND, [*to_orbiter(9, 1), *to_orbiter(10, 2), *passed_on(bundle(10))]]
)
def test_what_holds_other_records_or_none_brings_nothing(mail: Facts) -> None:
    assert broken(timed(closure, [*SEALED, *FOUR, *STORED, *mail, *says((), 4)])) == 1


def test_of_many_bundles_over_relays_only_those_not_backed_up_are_remembered() -> None:
    """Else memory would follow the mission; and what is open must stay known."""
    many: Facts = [(0, MONITOR, sealed(index)) for index in range(400)]
    stored: Facts = []
    for index in range(400):
        stored += to_orbiter(2 * index + 1, index)
        if index != 300:
            stored += [(2 * index + 2, store, row(index, store=store)) for store in ("table", "backup")]
    acks: Facts = [(900, "earth", AckMade(STREAM, 300, trim, root(300), 1, 0, (), 300)) for trim in (100, 200)]
    came, word = passed_on(bundle(601)), (980, "earth", AckMade(STREAM, 300, 300, root(300), 1, 0, (), 302))
    late: Facts = [(950, *fact[1:]) for fact in came]
    checker = timed(closure, [*many, *stored, *acks, *late, word])
    assert broken(checker) == 0
    assert isinstance(checker, FeedbackClosure)
    assert checker._gaps is not None
    assert len(checker._gaps._passed) == 300, "those open at the first ack"
    assert broken(timed(closure, [*many, *stored, *acks, word])) == 1
