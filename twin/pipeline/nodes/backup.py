"""Copies verified rows to the backup: a separate medium, one job per stream and period, in table-sized batches.

A job reads [from, to) from the table, writes it to the backup, and asks the auditor to read it back there. Only the auditor's word
makes rows count as backed up, and only then may Mars trim them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from twin.pipeline.machine import Effect, ReadRows, Send, WriteRows
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import BackupCopied, encode


class _Job:
    __slots__ = ("at", "end", "stream")

    def __init__(self, stream: StreamId, at: int, end: int) -> None:
        self.stream = stream
        self.at = at
        self.end = end


class BackupKeeper:
    """Runs one backup job at a time; requests are numbered from the owner's `ids`."""

    def __init__(self, auditor: str, batch_rows: int, ids: Iterator[int]) -> None:
        self._auditor = auditor
        self._batch_rows = batch_rows
        self._ids = ids
        self._jobs: deque[_Job] = deque()
        self._pending: int | None = None
        self._batch: tuple[tuple[RecordId, bytes], ...] = ()
        self._waiting = False

    def owns(self, request: int) -> bool:
        """Whether this request is the keeper's."""
        return request == self._pending

    def start(self, stream: StreamId, first: int, end: int) -> list[Effect]:
        """Queue a job, unless one for this stream is still queued."""
        if any(job.stream == stream for job in self._jobs):
            return []
        self._jobs.append(_Job(stream, first, end))
        return self._step() if self._pending is None and not self._waiting else []

    def rows_read(self, request: int, frames: tuple[bytes | None, ...]) -> list[Effect]:
        """The table's answer; a row that vanished ends the job (the auditor will find it)."""
        if not self.owns(request):
            return []
        self._pending = None
        job = self._jobs[0]
        rows = []
        for index, frame in enumerate(frames, start=job.at):
            if frame is None:
                self._jobs.popleft()
                return self._step()
            rows.append((RecordId(*job.stream, index), frame))
        self._batch = tuple(rows)
        return self._step()

    def rows_written(self, request: int, unprocessed: tuple[RecordId, ...]) -> bool:
        """The backup's answer; True if the owner should back off before `again`."""
        if not self.owns(request):
            return False
        self._pending = None
        left = set(unprocessed)
        if left:
            self._batch = tuple(row for row in self._batch if row[0] in left)
            self._waiting = True
            return True
        self._jobs[0].at = self._batch[-1][0].index + 1
        self._batch = ()
        return False

    def refused(self, request: int) -> bool:
        """The store was throttled; True if the request was the keeper's."""
        if not self.owns(request):
            return False
        self._pending = None
        self._waiting = True
        return True

    def again(self) -> list[Effect]:
        """Go on, after an answer or a back-off."""
        self._waiting = False
        return self._step() if self._pending is None else []

    def _step(self) -> list[Effect]:
        if not self._jobs:
            return []
        job = self._jobs[0]
        out: list[Effect] = []
        if not self._batch and job.at >= job.end:
            self._jobs.popleft()
            out.append(Send(self._auditor, encode(BackupCopied(job.stream, job.end))))
            out.extend(self._step())
            return out
        self._pending = next(self._ids)
        if self._batch:
            out.append(WriteRows(self._pending, "backup", self._batch))
        else:
            end = min(job.end, job.at + self._batch_rows)
            out.append(ReadRows(self._pending, "table", job.stream, job.at, end))
        return out
