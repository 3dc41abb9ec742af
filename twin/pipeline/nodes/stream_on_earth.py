"""How far one stream has come on Earth, as the gateway knows it.

stored >= visible >= verified >= trim, each contiguous from 0: rows in the table, rows below the head item,
rows that the auditor has signed for, rows proved in the backup. Stored rows beyond a gap wait in `ahead`.
"""

from __future__ import annotations

from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Attestation, Gap

GAPS_MAX = 32
REMINDERS_MAX = 200  # over a week of hourly backups; an edge that has not heard by then asks with its next frame


class StreamOnEarth:
    """Progress of one stream; `edge` brought its last frame, `queued` are rows on their way to the store."""

    __slots__ = (
        "ahead",
        "attestation",
        "edge",
        "head_under_way",
        "id",
        "queued",
        "reminders",
        "stored",
        "trim",
        "visible",
    )

    def __init__(self, stream: StreamId, edge: str, visible: int = 0, trim: int = 0) -> None:
        self.id = stream
        self.edge = edge
        self.stored = visible
        self.visible = visible
        self.trim = trim
        self.ahead: set[int] = set()
        self.queued: set[int] = set()
        self.head_under_way: int | None = None
        self.attestation: Attestation | None = None
        self.reminders = REMINDERS_MAX

    @property
    def rests(self) -> bool:
        """Whether everything that came is verified and backed up: nothing new will make it due for an ack."""
        return self.trim == self.verified == self.visible == self.stored

    @property
    def verified(self) -> int:
        """Rows that the auditor has signed for, as far as known here."""
        return 0 if self.attestation is None else self.attestation.size

    def holds(self, index: int) -> bool:
        """Whether the row is stored or on its way to the store."""
        return index < self.stored or index in self.ahead or index in self.queued

    def store(self, index: int) -> None:
        """The row is stored."""
        self.queued.discard(index)
        if index >= self.stored:
            self.ahead.add(index)
        while self.stored in self.ahead:
            self.ahead.discard(self.stored)
            self.stored += 1

    def lose(self, indices: tuple[int, ...]) -> None:
        """These rows turned out wrong: they are gaps again. At least one index is given."""
        first = min(indices)
        self.ahead.update(range(first, self.stored))
        self.stored = min(first, self.stored)
        self.ahead.difference_update(indices)

    def gaps(self) -> tuple[tuple[Gap, ...], int]:
        """Ranges that have not arrived, at most GAPS_MAX, and the index up to which the list is complete."""
        gaps: list[Gap] = []
        at = self.stored
        for index in sorted(self.ahead | self.queued):
            if index > at:
                if len(gaps) == GAPS_MAX:
                    break
                gaps.append((at, index))
            at = index + 1
        return tuple(gaps), at
