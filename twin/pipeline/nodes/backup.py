"""Copies verified rows to the backup: a separate medium, one job per stream and period, in table-sized
batches.

A job reads [at, end) from the table, writes it to the backup, and asks the auditor to read it back there.
Only the auditor's word makes rows count as backed up, and only then may Mars trim them. A row that has rotted in the
table is not copied: it ends the job, and the auditor is asked to look at it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from twin.pipeline.machine import Effect, ReadRows, WriteRows
from twin.pipeline.nodes.auditor_desk import AuditorDesk
from twin.pipeline.wire.identity import RecordId, StreamId

TABLE, BACKUP = "table", "backup"


class _Job:
    __slots__ = ("at", "end", "rows", "rows_end", "stream")

    def __init__(self, stream: StreamId, at: int, end: int) -> None:
        self.stream = stream
        self.at = at
        self.end = end
        self.rows: tuple[tuple[RecordId, bytes], ...] = ()
        """Read from the table and not yet in the backup; they reach up to `rows_end`."""
        self.rows_end = at


class BackupKeeper:
    """Runs one backup job at a time; requests are numbered from the owner's `ids`.

    Args:
        is_sound: whether a row read from the table is what came from Mars.
    """

    def __init__(
        self, auditor: AuditorDesk, batch_rows: int, ids: Iterator[int], is_sound: Callable[[RecordId, bytes], bool]
    ) -> None:
        self._is_sound = is_sound
        self._auditor = auditor
        self._batch_rows = batch_rows
        self._ids = ids
        self._jobs: deque[_Job] = deque()
        self._pending: int | None = None
        self._waiting = False

    def owns(self, request: int) -> bool:
        """Whether this request is the keeper's."""
        return request == self._pending

    def start(self, stream: StreamId, first: int, end: int) -> None:
        """Queue a job, unless one for this stream is still queued; `step` comes next."""
        if all(job.stream != stream for job in self._jobs):
            self._jobs.append(_Job(stream, first, end))

    def rows_read(self, request: int, frames: tuple[bytes | None, ...], out: list[Effect]) -> bool:
        """The table's answer; a row that vanished or rotted ends the job, and the rows stay on Mars. False if nobody
        asked.
        """
        if not self.owns(request):
            return False
        self._pending = None
        job = self._jobs[0]
        rows = []
        for index, frame in enumerate(frames, start=job.at):
            record = RecordId(*job.stream, index)
            if frame is None or not self._is_sound(record, frame):
                self._auditor.look_again(TABLE, job.stream, (index,), out)
                self._jobs.popleft()
                return True
            rows.append((record, frame))
        job.rows = tuple(rows)
        job.rows_end = job.at + len(frames)
        return True

    def rows_written(self, unprocessed: tuple[RecordId, ...]) -> None:
        """The backup's answer; if rows are left, they are asked for after a back-off (`resume`)."""
        self._pending = None
        job = self._jobs[0]
        left = set(unprocessed)
        job.rows = tuple(row for row in job.rows if row[0] in left)
        if job.rows:
            self._waiting = True
        else:
            job.at = job.rows_end

    def refused(self) -> None:
        """The store did nothing for the keeper's request: the same is asked for after a back-off (`resume`)."""
        self._pending = None
        self._waiting = True

    def resume(self) -> None:
        """The back-off is over."""
        self._waiting = False

    def step(self, out: list[Effect]) -> None:
        """Ask for what comes next; nothing while an answer or a back-off is awaited."""
        while self._jobs and self._pending is None and not self._waiting:
            job = self._jobs[0]
            if job.rows:
                self._pending = next(self._ids)
                out.append(WriteRows(self._pending, BACKUP, job.rows))
            elif job.at < job.end:
                self._pending = next(self._ids)
                end = min(job.end, job.at + self._batch_rows)
                out.append(ReadRows(self._pending, TABLE, job.stream, job.at, end))
            else:
                self._jobs.popleft()
                self._auditor.copied(job.stream, job.end, out)
