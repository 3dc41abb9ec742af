"""Earth's stores behind a latency, a write capacity and DynamoDB's way of saying no, with the faults of both.

A batch takes at most 25 rows. Rows beyond the capacity of the moment come back as unprocessed; a batch of which
nothing could be written is refused as a whole. Rows are put unconditionally by key, the head item conditionally on
the leader's term, alerts conditionally on their key, reads are consistent. One row holds one frame, as signed.

A request that was made is carried out, even if its node has crashed since; only answers do not reach another life.
Faults are switched on and off from outside: `write_rows_per_s`, `leave_rows_out`, `fall_silent`, `read_stale`, `rot`,
`restore_from_backup`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.random import Generator

from twin.hosts.models.earth_medium import Medium, leaf, stored_in
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import (
    AlertMarked,
    AlertPut,
    AttestationWritten,
    CheckpointKept,
    HeadWritten,
    KeepCheckpoint,
    MarkAlertAcknowledged,
    MarkAlertTold,
    MarkReceiptTaken,
    PutAlert,
    ReadRows,
    RowsRead,
    RowsWritten,
    StoreRefused,
    StoreSilent,
    WriteAttestation,
    WriteHead,
    WriteRows,
)
from twin.pipeline.nodes.backup import TABLE
from twin.pipeline.nodes.stored import Stored
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.trace import (
    AlertStored,
    AttestationStored,
    HeadVisible,
    RowRotted,
    RowsRefused,
    RowStored,
    StoreRestored,
)

BATCH_ROWS_MAX = 25
US_PER_S = 1_000_000
SILENCE_US = 1_000_000  # assumed: how long a client waits for an answer before it gives up
NEVER_US = (1 << 63) - 1

Mark = MarkAlertTold | MarkAlertAcknowledged | MarkReceiptTaken


class TableSettings(NamedTuple):
    """Latencies in microseconds, capacity in rows per second (burst: one second's worth)."""

    write_latency_us: int
    read_latency_us: int
    write_rows_per_s: float


class Table:
    """One store by name ("table", "backup") in one SQLite file; ":memory:" keeps it in memory.

    Args:
        backup: the store that alerts and ledger are put to at the same time, and that this one is restored from.
    """

    def __init__(
        self, host: SimulatedHost, store: str, path: str, settings: TableSettings, backup: Table | None = None
    ) -> None:
        self._host = host
        self._store = store
        self._settings = settings
        self._backup = backup
        self.medium = Medium(path)
        self.write_rows_per_s = settings.write_rows_per_s
        self._tokens = float(settings.write_rows_per_s)
        self._refilled_us = host.now_us
        self._left_out: tuple[float, Generator] | None = None
        self._silent: tuple[float, Generator] | None = None
        self._stale: tuple[float, Generator, int] | None = None
        self._restores = 0

    def close(self) -> None:
        """Commit and close the file."""
        self.medium.close()

    def versions(self) -> list[tuple[StreamId, int, int]]:
        """What readers see: of each stream how many rows, and the term of the leader that says so."""
        return self.medium.versions()

    def count_rows(self) -> int:
        """Rows that stand in the store."""
        return self.medium.count_rows()

    # ------------------------------------------------------------ carriers

    def write_rows(self, node: str, effect: WriteRows) -> None:
        """Put a batch."""
        if len(effect.rows) > BATCH_ROWS_MAX:
            raise ValueError(f"batch of {len(effect.rows)} rows to {effect.store}: at most {BATCH_ROWS_MAX} are taken")
        self._later(self._settings.write_latency_us, self._put_rows, node, effect)

    def read_rows(self, node: str, effect: ReadRows) -> None:
        """Read a range of one stream."""
        self._later(self._settings.read_latency_us, self._get_rows, node, effect)

    def write_head(self, node: str, effect: WriteHead) -> None:
        """Move a stream's head if no higher term stands there."""
        self._later(self._settings.write_latency_us, self._put_item, node, effect, self._put_head)

    def write_attestation(self, node: str, effect: WriteAttestation) -> None:
        """Store the auditor's signature beside the rows of this store."""
        self._later(self._settings.write_latency_us, self._put_item, node, effect, self._put_attestation)

    def put_alert(self, node: str, effect: PutAlert) -> None:
        """Put an alert by its key."""
        self._later(self._settings.write_latency_us, self._put_item, node, effect, self._put_alert)

    def mark_alert(self, node: str, effect: Mark) -> None:
        """Note what has become of an alert."""
        self._later(self._settings.write_latency_us, self._put_item, node, effect, self._mark)

    def keep_checkpoint(self, node: str, effect: KeepCheckpoint) -> None:
        """Archive a checkpoint and cosignatures."""
        self._later(self._settings.write_latency_us, self._put_item, node, effect, self._keep)

    def _later(self, latency_us: int, function: Any, node: str, effect: Any, *more: Any) -> None:
        life = (self._host.incarnation(node), self._restores)
        self._host.call_in(latency_us, self._arrived, function, node, effect, life, *more)

    def _arrived(self, function: Any, node: str, effect: Any, life: tuple[int, int], *more: Any) -> None:
        if life[1] != self._restores:
            self._say(node, life[0], StoreSilent(effect.id))  # asked of the store that is lost
        else:
            function(node, effect, life[0], *more)

    def _answer(self, node: str, incarnation: int, event: Any) -> None:
        """Answer a request that was carried out, unless the answer is lost."""
        if self._silent is not None and self._silent[1].random() < self._silent[0]:
            self._host.call_in(SILENCE_US, self._say, node, incarnation, StoreSilent(event.id))
        else:
            self._say(node, incarnation, event)

    def _say(self, node: str, incarnation: int, event: Any) -> None:
        if incarnation == self._host.incarnation(node):
            self._host.deliver(node, event)

    # ------------------------------------------------------------ the store itself

    def _admit(self, wanted: int) -> int:
        """Rows that the capacity lets through now."""
        now_us = self._host.now_us
        rate = self.write_rows_per_s
        burst = max(1.0, rate)  # a slow store still takes a row now and then
        self._tokens = min(burst, self._tokens + (now_us - self._refilled_us) * rate / US_PER_S)
        self._refilled_us = now_us
        admitted = min(wanted, int(self._tokens))
        self._tokens -= admitted
        return admitted

    def _emit(self, fact: tuple[Any, ...]) -> None:
        self._host.trace.emit(self._host.now_us, self._store, fact)

    def _put_rows(self, node: str, effect: WriteRows, incarnation: int) -> None:
        rows = list(effect.rows[: self._admit(len(effect.rows))])
        if self._left_out is not None:
            rate, random = self._left_out
            rows = [row for row in rows if random.random() >= rate]
        if len(rows) < len(effect.rows):
            self._emit(RowsRefused(self._store, len(effect.rows) - len(rows)))
        if not rows:
            self._say(node, incarnation, StoreRefused(effect.id, "throttled"))
            return
        replaced = self.medium.held_before(rows)
        self.medium.put_rows(rows, self._host.now_us)
        for record, frame in rows:
            self._emit(RowStored(self._store, record, leaf(frame), replaced.get(record, b"")))
        stored = {record for record, _ in rows}
        left = tuple(record for record, _ in effect.rows if record not in stored)
        self._answer(node, incarnation, RowsWritten(effect.id, left))

    def _get_rows(self, node: str, effect: ReadRows, incarnation: int) -> None:
        before_us = NEVER_US
        if self._stale is not None and self._stale[1].random() < self._stale[0]:
            before_us = self._host.now_us - self._stale[2]
        frames = self.medium.rows(effect.stream, effect.first, effect.end, before_us)
        self._answer(node, incarnation, RowsRead(effect.id, frames))

    def _put_item(self, node: str, effect: Any, incarnation: int, put: Callable[[Any], Any]) -> None:
        if self._admit(1):
            self._answer(node, incarnation, put(effect))
        else:
            self._emit(RowsRefused(self._store, 1))
            self._say(node, incarnation, StoreRefused(effect.id, "throttled"))

    def _put_head(self, effect: WriteHead) -> HeadWritten:
        ok = self.medium.put_head(effect)
        if ok:
            self._emit(HeadVisible(effect.stream, effect.size, effect.term))
        return HeadWritten(effect.id, ok)

    def _put_attestation(self, effect: WriteAttestation) -> AttestationWritten:
        self.medium.put_attestation(effect)
        if effect.store == TABLE:
            self._emit(AttestationStored(effect.stream, effect.size))
        return AttestationWritten(effect.id)

    # ------------------------------------------------------------ what stands in both stores

    @property
    def _both(self) -> list[Medium]:
        return [self.medium] if self._backup is None else [self.medium, self._backup.medium]

    def _put_alert(self, effect: PutAlert) -> AlertPut:
        now_us = self._host.now_us
        if self._backup is not None:
            self._backup.medium.put_alert(effect.alert, effect.frame, now_us)
        is_new, told, acknowledged_us = self.medium.put_alert(effect.alert, effect.frame, now_us)
        self._emit(AlertStored(effect.alert, not is_new))
        return AlertPut(effect.id, is_new, told, acknowledged_us)

    def _mark(self, effect: Mark) -> AlertMarked:
        for medium in self._both:
            if isinstance(effect, MarkAlertTold):
                medium.mark_told(effect.alert, self._host.now_us)
            elif isinstance(effect, MarkAlertAcknowledged):
                medium.mark_acknowledged(effect.alert, effect.at_us)
            else:
                medium.mark_taken(effect.alert, effect.device)
        return AlertMarked(effect.id)

    def _keep(self, effect: KeepCheckpoint) -> CheckpointKept:
        for medium in self._both:
            medium.keep_checkpoint(effect)
        return CheckpointKept(effect.id)

    def lead(self, term: int) -> Stored:
        """Make `term` the leader's: heads of lower terms are refused from now on. What its gateway starts with.

        The order matters: what a leader before still writes after this was read cannot become visible.
        """
        self.medium.lead(term)
        return self.stored()

    def stored(self) -> Stored:
        """What an auditor that starts now finds here and in the backup."""
        return stored_in(self.medium, None if self._backup is None else self._backup.medium)

    # ------------------------------------------------------------ faults

    def leave_rows_out(self, rate: float, random: Generator | None) -> None:
        """From now on each row of a batch comes back as unprocessed with this probability; 0 ends it."""
        self._left_out = None if random is None or rate == 0 else (rate, random)

    def fall_silent(self, rate: float, random: Generator | None) -> None:
        """From now on the answer to a request that was carried out is lost with this probability; 0 ends it."""
        self._silent = None if random is None or rate == 0 else (rate, random)

    def read_stale(self, rate: float, random: Generator | None, behind_us: int) -> None:
        """From now on a read misses rows of the last `behind_us` [us] with this probability; 0 ends it."""
        self._stale = None if random is None or rate == 0 else (rate, random, behind_us)

    def rot(self, random: Generator, record: RecordId | None = None) -> RecordId | None:
        """Flip a bit in a row at rest: in this one, or in one drawn from all; None if there is no row."""
        rows = self.count_rows()
        if record is None and rows:
            record = self.medium.record_at(int(random.integers(rows)))
        if record is None:
            return None
        (frame,) = self.medium.rows(record.stream, record.index, record.index + 1, NEVER_US)
        if frame is None:
            return None
        bit = int(random.integers(len(frame) * 8))
        rotten = bytearray(frame)
        rotten[bit // 8] ^= 1 << bit % 8
        self.medium.change_row(record, bytes(rotten))
        self._emit(RowRotted(self._store, record, leaf(frame)))
        return record

    def delete(self, before_us: int) -> int:
        """Delete what was stored before an instant [us], as a retention job does; how many rows that were."""
        deleted = self.medium.delete_rows(before_us)
        for record, frame in deleted:
            self._emit(RowRotted(self._store, record, leaf(frame), gone=True))
        return len(deleted)

    def restore_from_backup(self, term: int) -> Stored:
        """Lose the store and set it up anew from what the backup proved; leaders below `term` are fenced off.

        Gateway and auditor must be down, and are to be started with what this returns, under `term` or a higher one.

        Raises:
            ValueError: this store has no backup.
        """
        if self._backup is None:
            raise ValueError(f"store {self._store}: there is no backup to restore it from; give it one when it is made")
        self._restores += 1
        streams = self.medium.become(self._backup.medium, term)
        self._emit(StoreRestored(tuple(streams)))
        return self.stored()
