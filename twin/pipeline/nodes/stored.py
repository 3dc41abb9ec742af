"""What Earth's stores hand to a machine that recovers: heads, attestations, closing frames, cosignatures, open
alerts, and rows that stand beyond their heads.

Nothing here is believed for standing in a store: closing frames are verified again in the order in which their keys
come to light, cosignatures by the key that signed them, rows beyond heads by their devices' keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from twin.pipeline.wire.frame import FrameError, peek_record
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId
from twin.pipeline.wire.key_book import KeyBook
from twin.pipeline.wire.messages import Attestation


class StoredStream(NamedTuple):
    """A stream as the stores hold it.

    Rows below `visible` are visible; `edge` brought it last (empty: not known); `attestation` stands beside the head
    and `backed` beside the rows of the backup, the auditor's statements of what was read back there.
    """

    stream: StreamId
    visible: int
    edge: str
    attestation: Attestation | None
    backed: Attestation | None

    @property
    def backed_size(self) -> int:
        """Rows proved in the backup."""
        return 0 if self.backed is None else self.backed.size


class StoredAlert(NamedTuple):
    """An alert that is not over: not told, not acknowledged, or acknowledged and an edge does not know it.

    `frame` is an edge's signed frame of it; `owed` are the device ids of the edges that brought the alert and have not
    taken its receipt.
    """

    alert: AlertKey
    frame: bytes
    told: bool
    acknowledged_us: int | None
    owed: tuple[int, ...]


class Stored(NamedTuple):
    """Everything that a gateway or an auditor needs to go on; `cosigns` are cosignatures, the newest of each author
    by each witness; `beyond` are rows that no head covers: a leader wrote them and got no further.
    """

    streams: tuple[StoredStream, ...] = ()
    closings: tuple[bytes, ...] = ()
    cosigns: tuple[bytes, ...] = ()
    alerts: tuple[StoredAlert, ...] = ()
    beyond: tuple[tuple[RecordId, bytes], ...] = ()


NOTHING_STORED = Stored()


def learn_closings(book: KeyBook, closings: Iterable[bytes]) -> set[StreamId]:
    """Take note of the closing frames that verify; one that is signed by a key which another names comes after it.

    Returns:
        The epochs that they name.
    """
    named: set[StreamId] = set()
    waiting = list(closings)
    before = -1
    while before != len(waiting):
        before = len(waiting)
        waiting = [frame for frame in waiting if not _learn(book, frame, named)]
    return named


def _learn(book: KeyBook, frame: bytes, named: set[StreamId]) -> bool:
    try:
        record = peek_record(frame)
        if book.problem_with(frame, record) is not None:
            return False
        following = book.learn(frame, record)
    except FrameError:
        return False  # rotten at rest: the auditor names the row, and it comes again
    if following is not None:
        named.add(following)
    return True
