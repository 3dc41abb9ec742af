"""Table and backup as each other's remedy: what is verified is copied, what rots in one is mended from the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from twin.pipeline.ledger.proof import leaf_hash
from twin.pipeline.machine import Effect
from twin.pipeline.nodes.auditor_desk import AuditorDesk
from twin.pipeline.nodes.backup import BackupKeeper
from twin.pipeline.nodes.intake import Intake
from twin.pipeline.nodes.mender import Mender
from twin.pipeline.nodes.stream_on_earth import StreamOnEarth
from twin.pipeline.wire.identity import RecordId, StreamId


class SecondMedium:
    """Backups and mending; requests are numbered from the owner's `ids`.

    Args:
        streams: hold the leaves of rows that came in this life.
        intake: tells whether a row of which no leaf is known is what its device signed.
    """

    def __init__(
        self,
        batch_rows: int,
        ids: Iterator[int],
        auditor: AuditorDesk,
        streams: Mapping[StreamId, StreamOnEarth],
        intake: Intake,
    ) -> None:
        self._auditor = auditor
        self._streams = streams
        self._intake = intake
        self._backup = BackupKeeper(auditor, batch_rows, ids, self._is_sound)
        self._mender = Mender(intake.is_signed, ids)

    def _is_sound(self, record: RecordId, frame: bytes) -> bool:
        """Whether a row read from the table is what came from Mars."""
        leaf = self._streams[record.stream].leaves.get(record.index)
        return leaf_hash(frame) == leaf if leaf is not None else self._intake.is_signed(record, frame)

    def copy(self, stream: StreamOnEarth) -> None:
        """Copy what is verified and not backed up; `step` comes next."""
        self._backup.start(stream.id, stream.trim, stream.verified)

    def mend(self, store: str, stream: StreamId, indices: Iterable[int]) -> None:
        """Mend these rows of `store`; `step` comes next."""
        self._mender.start(store, stream, indices)

    def rows_written(self, request: int, unprocessed: tuple[RecordId, ...], out: list[Effect]) -> bool:
        """A store's answer; False if it is to no request of this part."""
        if self._backup.owns(request):
            self._backup.rows_written(unprocessed)
        elif self._mender.owns(request):
            mended = self._mender.rows_written(unprocessed)
            if mended is not None:
                store, record = mended
                self._auditor.look_again(store, record.stream, (record.index,), out)
        else:
            return False
        return True

    def rows_read(self, request: int, frames: tuple[bytes | None, ...], out: list[Effect]) -> bool:
        """A store's answer; False if it is to no request of this part."""
        if self._mender.owns(request):
            self._mender.rows_read(frames, out)
            return True
        return self._backup.rows_read(request, frames, out)

    def refused(self, request: int) -> bool:
        """A store did nothing, or does not answer; False if it is no request of this part."""
        for part in (self._backup, self._mender):
            if part.owns(request):
                part.refused()
                return True
        return False

    def resume(self) -> None:
        """The back-off is over."""
        self._mender.resume()
        self._backup.resume()

    def step(self, out: list[Effect]) -> None:
        """Ask for what comes next."""
        out.extend(self._mender.step())
        self._backup.step(out)
