"""Mends rows that have rotted: of the table from the backup, of the backup from the table.

Only what carries its device's signature under the very key is copied. One row at a time: rot is rare, and a row that
is rotten in both stores must not hold up others. The auditor then looks at the row again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from twin.pipeline.facts import Rejected
from twin.pipeline.machine import Effect, ReadRows, Report, WriteRows
from twin.pipeline.nodes.backup import BACKUP, TABLE
from twin.pipeline.wire.identity import RecordId, StreamId

Place = tuple[str, RecordId]


class Mender:
    """Rows to mend, by store and key; requests are numbered from the owner's `ids`."""

    def __init__(self, is_signed: Callable[[RecordId, bytes], bool], ids: Iterator[int]) -> None:
        self._is_signed = is_signed
        self._ids = ids
        self._places: dict[Place, None] = {}
        self._frame: bytes | None = None
        self._pending: int | None = None
        self._waiting = False

    def owns(self, request: int) -> bool:
        """Whether this request is the mender's."""
        return request == self._pending

    def start(self, store: str, stream: StreamId, indices: Iterable[int]) -> None:
        """Mend these rows of `store`; `step` comes next."""
        for index in indices:
            self._places[store, RecordId(*stream, index)] = None

    def rows_read(self, frames: tuple[bytes | None, ...], out: list[Effect]) -> None:
        """The other store's answer; a row that is no better there is left to the next scrub, and said."""
        self._pending = None
        store, record = self._at()
        (frame,) = frames
        if frame is not None and self._is_signed(record, frame):
            self._frame = frame
        else:
            out.append(Report(Rejected(f"row of the {_other(store)}", "missing or rotten there too")))
            del self._places[store, record]

    def rows_written(self, unprocessed: tuple[RecordId, ...]) -> Place | None:
        """The store's answer: what is mended, or None if it must be asked again after a back-off (`resume`)."""
        self._pending = None
        if unprocessed:
            self._waiting = True
            return None
        place = self._at()
        self._frame = None
        del self._places[place]
        return place

    def refused(self) -> None:
        """The store did nothing, or does not answer: the same is asked for after a back-off (`resume`)."""
        self._pending = None
        self._waiting = True

    def resume(self) -> None:
        """The back-off is over."""
        self._waiting = False

    def _at(self) -> Place:
        return next(iter(self._places))

    def step(self) -> list[Effect]:
        """What to ask for next; nothing while an answer or a back-off is awaited."""
        if not self._places or self._pending is not None or self._waiting:
            return []
        store, record = self._at()
        self._pending = next(self._ids)
        if self._frame is not None:
            return [WriteRows(self._pending, store, ((record, self._frame),))]
        return [ReadRows(self._pending, _other(store), record.stream, record.index, record.index + 1)]


def _other(store: str) -> str:
    return BACKUP if store == TABLE else TABLE
