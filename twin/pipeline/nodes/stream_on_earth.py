"""How far one stream has come on Earth, as the gateway knows it.

stored >= visible >= verified >= trim, each contiguous from 0: rows in the table, rows below the head item,
rows that the auditor has signed for, rows proved in the backup. Stored rows beyond a gap wait in `ahead`; rows below
`verified` that have rotted since and are asked for again stand in `rotten`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twin.pipeline.ledger.proof import leaf_hash
from twin.pipeline.nodes.stored import StoredStream
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Attestation, Gap

GAPS_MAX = 32
REMINDERS_MAX = 200  # over a week of hourly backups; an edge that has not heard by then asks with its next frame


class StreamOnEarth:
    """Progress of one stream; `edge` brought its last frame, `queued` are rows on their way to the store.

    `leaves` hash the frames that came in this life, as long as they are not backed up.
    """

    __slots__ = (
        "ahead",
        "attestation",
        "edge",
        "head_under_way",
        "id",
        "leaves",
        "queued",
        "reminders",
        "rotten",
        "stored",
        "trim",
        "visible",
    )

    def __init__(self, stream: StreamId, edge: str) -> None:
        self.id = stream
        self.edge = edge
        self.stored = 0
        self.visible = 0
        self.trim = 0
        self.ahead: set[int] = set()
        self.queued: set[int] = set()
        self.leaves: dict[int, bytes] = {}
        self.rotten: set[int] = set()
        self.head_under_way: int | None = None
        self.attestation: Attestation | None = None
        self.reminders = REMINDERS_MAX

    @classmethod
    def recover(cls, state: StoredStream) -> StreamOnEarth:
        """From the stores."""
        stream = cls(state.stream, state.edge)
        stream.stored = stream.visible = state.visible
        stream.trim = state.backed_size
        stream.attestation = state.attestation
        return stream

    @property
    def rests(self) -> bool:
        """Whether everything that came is verified and backed up: nothing new will make it due for an ack."""
        return self.trim == self.verified == self.visible == self.stored and not self.rotten

    @property
    def verified(self) -> int:
        """Rows that the auditor has signed for, as far as known here."""
        return 0 if self.attestation is None else self.attestation.size

    def holds(self, index: int) -> bool:
        """Whether the row is stored or on its way to the store."""
        return index in self.queued or index in self.ahead or (index < self.stored and index not in self.rotten)

    def expect(self, index: int, frame: bytes) -> None:
        """The row is on its way to the store."""
        self.queued.add(index)
        self.leaves[index] = leaf_hash(frame)

    def store(self, index: int) -> None:
        """The row is stored."""
        self.queued.discard(index)
        self.rotten.discard(index)
        if index >= self.stored:
            self.ahead.add(index)
        self._close_up()

    def _close_up(self) -> None:
        while self.stored in self.ahead:
            self.ahead.discard(self.stored)
            self.stored += 1

    def head_moved(self) -> None:
        """The head stands where it was asked to."""
        self.visible = max(self.visible, self.head_under_way or 0)
        self.head_under_way = None

    def attested(self, attestation: Attestation) -> bool:
        """The auditor has signed for rows; False if it said so before, or before a restart.

        It has read them, so an older word of it that called one of them wrong, and came later, is void.
        """
        if not self.verified < attestation.size <= self.visible:
            return False
        self.attestation = attestation
        if attestation.size > self.stored:
            self.ahead.difference_update(range(self.stored, attestation.size))
            self.stored = attestation.size
            self._close_up()
        return True

    def backed(self, size: int) -> bool:
        """Rows below `size` were read back from the backup; False as for `attested`."""
        if not self.trim < size <= self.verified:
            return False
        for index in range(self.trim, size):
            self.leaves.pop(index, None)
        self.trim = size
        return True

    def rot_below_trim(self) -> list[int]:
        """Rotten rows that Mars may have deleted since they were asked for: they are not asked for any more."""
        found = sorted(index for index in self.rotten if index < self.trim)
        self.rotten.difference_update(found)
        return found

    def doubted(self, indices: Sequence[int]) -> bool:
        """Rows of the table turned out wrong: those that Mars still holds are asked for again. False if none is new."""
        wanted = [index for index in indices if index >= self.trim and index not in self.rotten]
        self.rotten.update(index for index in wanted if index < self.verified)
        unsigned = [index for index in wanted if index >= self.verified]
        if unsigned:
            first = min(unsigned)
            self.ahead.update(range(first, self.stored))
            self.stored = min(first, self.stored)
            self.ahead.difference_update(unsigned)
        return bool(wanted)

    def gaps(self, most: int = GAPS_MAX) -> tuple[tuple[Gap, ...], int]:
        """Ranges that have rotted or not arrived, at most so many, and the index up to which the list is complete.

        Of rotten rows only the first ranges are listed, half of the list, and the rest when these have come; the index
        says nothing of them.
        """
        gaps = _ranges(sorted(self.rotten - self.queued))[: max(1, most // 2)]
        at = self.stored
        for index in sorted(index for index in self.ahead | self.queued if index >= self.stored):
            if index > at:
                if len(gaps) >= most:
                    break
                gaps.append((at, index))
            at = index + 1
        return tuple(gaps), at


def _ranges(indices: Iterable[int]) -> list[Gap]:
    ranges: list[Gap] = []
    for index in indices:
        if ranges and ranges[-1][1] == index:
            ranges[-1] = (ranges[-1][0], index + 1)
        else:
            ranges.append((index, index + 1))
    return ranges
