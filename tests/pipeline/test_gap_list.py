"""The list of gaps in an ack is cut where it may not be longer, and says so."""

from __future__ import annotations

import pytest

from twin.pipeline.nodes.stream_on_earth import StreamOnEarth
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Attestation

STREAM = StreamId(1, 2)


def held(*indices: int) -> StreamOnEarth:
    stream = StreamOnEarth(STREAM, "edge-1")
    for index in indices:
        stream.store(index)
    return stream


@pytest.mark.parametrize(
    ("most", "gaps", "complete_to"),
    [(1, ((1, 2),), 3), (2, ((1, 2), (3, 5)), 6), (3, ((1, 2), (3, 5), (6, 7)), 8), (9, ((1, 2), (3, 5), (6, 7)), 8)],
)
def test_a_list_is_complete_up_to_the_first_gap_that_it_does_not_name(
    most: int, gaps: tuple[tuple[int, int], ...], complete_to: int
) -> None:
    assert held(0, 2, 5, 7).gaps(most) == (gaps, complete_to)


@pytest.mark.parametrize(("most", "rotten"), [(1, 1), (2, 1), (4, 2), (32, 3)])
def test_rows_that_rotted_take_half_of_the_list(most: int, rotten: int) -> None:
    stream = held(*range(7), 8)
    stream.visible = 7
    assert stream.attested(Attestation(STREAM, 7, b"", (), b""))
    assert stream.doubted((1, 3, 5))
    gaps, complete_to = stream.gaps(most)
    assert gaps[:rotten] == ((1, 2), (3, 4), (5, 6))[:rotten]
    assert (gaps[rotten:], complete_to) == (((7, 8),), 9) if most > rotten else ((), 7)
