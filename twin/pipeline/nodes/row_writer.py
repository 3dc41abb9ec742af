"""Writes frames into the table in batches, few at a time; alerts go before everything else.

A row's content never changes, so a batch is put unconditionally and may be put twice. What is unprocessed, refused or
not answered is asked for again under the same keys.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from twin.pipeline.machine import Effect, WriteRows
from twin.pipeline.nodes.backoff import Backoff
from twin.pipeline.nodes.backup import TABLE
from twin.pipeline.wire.frame import ALERT, peek_kind
from twin.pipeline.wire.identity import RecordId

BATCH_ROWS_MAX = 25

Row = tuple[RecordId, bytes]


class RowWriter:
    """Queue of rows and batches under way; `ids` and `backoff` are the machine's."""

    def __init__(self, batch_rows: int, under_way_max: int, ids: Iterator[int], backoff: Backoff) -> None:
        self._batch_rows = min(batch_rows, BATCH_ROWS_MAX)
        self._under_way_max = under_way_max
        self._ids = ids
        self._backoff = backoff
        self._alerts: deque[Row] = deque()
        self._rows: deque[Row] = deque()
        self.under_way: dict[int, tuple[Row, ...]] = {}

    def add(self, record: RecordId, frame: bytes) -> None:
        """Queue a row; `step` comes next."""
        self._queue(frame).append((record, frame))

    def _queue(self, frame: bytes) -> deque[Row]:
        return self._alerts if peek_kind(frame) == ALERT else self._rows

    def step(self, out: list[Effect]) -> None:
        """Put batches under way, alerts first, up to as many as may be, unless the store wants to be left alone."""
        while (self._alerts or self._rows) and not self._backoff.waiting and len(self.under_way) < self._under_way_max:
            batch: list[Row] = []
            for queue in (self._alerts, self._rows):
                while queue and len(batch) < self._batch_rows:
                    batch.append(queue.popleft())
            request = next(self._ids)
            self.under_way[request] = tuple(batch)
            out.append(WriteRows(request, TABLE, tuple(batch)))

    def written(self, request: int, unprocessed: tuple[RecordId, ...]) -> list[Row]:
        """Rows of a batch that stand in the table now; those that were left out are queued again."""
        left = set(unprocessed)
        stored: list[Row] = []
        for record, frame in self.under_way.pop(request, ()):
            (self._queue(frame) if record in left else stored).append((record, frame))
        return stored

    def refused(self, request: int) -> bool:
        """The store did nothing for this batch, or does not answer: it goes first. False if it is not known."""
        batch = self.under_way.pop(request, None)
        if batch is None:
            return False
        for record, frame in reversed(batch):
            self._queue(frame).appendleft((record, frame))
        return True
