"""Earth's store: SQLite behind a latency, a write capacity and DynamoDB's way of saying no.

A batch takes at most 25 rows. Rows beyond the capacity of the moment come back as unprocessed; a batch of which
nothing could be written is refused as a whole. Rows are put unconditionally by key, the head item conditionally on
the leader's term, reads are consistent. One row holds one frame, the bytes as signed.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import (
    AttestationWritten,
    HeadWritten,
    ReadRows,
    RowsRead,
    RowsWritten,
    StoreRefused,
    WriteAttestation,
    WriteHead,
    WriteRows,
)
from twin.pipeline.wire.identity import RecordId
from twin.trace import AttestationStored, HeadVisible, RowsRefused, RowStored

BATCH_ROWS_MAX = 25
COMMIT_EVERY = 500
US_PER_S = 1_000_000

_SCHEMA = """
CREATE TABLE frames (
  device TEXT NOT NULL, epoch TEXT NOT NULL, idx INTEGER NOT NULL, frame BLOB NOT NULL, stored_us INTEGER NOT NULL,
  PRIMARY KEY (device, epoch, idx)
);
CREATE TABLE heads (
  device TEXT NOT NULL, epoch TEXT NOT NULL, size INTEGER NOT NULL, term INTEGER NOT NULL,
  PRIMARY KEY (device, epoch)
);
CREATE TABLE attestations (
  device TEXT NOT NULL, epoch TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
  frontier BLOB NOT NULL, signature BLOB NOT NULL,
  PRIMARY KEY (device, epoch)
);
"""


class TableSettings(NamedTuple):
    """Latencies in microseconds, capacity in rows per second (burst: one second's worth)."""

    write_latency_us: int
    read_latency_us: int
    write_rows_per_s: float


def _key(stream: Any) -> tuple[str, str]:
    return f"{stream[0]:016x}", f"{stream[1]:016x}"


def _leaf(frame: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + frame).digest()


class Table:
    """One store by name ("table", "backup") in one SQLite file; ":memory:" keeps it in memory."""

    def __init__(self, host: SimulatedHost, store: str, path: str, settings: TableSettings) -> None:
        self._host = host
        self._store = store
        self._settings = settings
        self.write_rows_per_s = settings.write_rows_per_s
        self._tokens = float(settings.write_rows_per_s)
        self._refilled_us = host.now_us
        self._db = sqlite3.connect(path, isolation_level=None)
        # the run is reproducible, so a host crash costs the file, not data: no journal, no flush
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1024;" + _SCHEMA
        )
        self._db.execute("BEGIN")
        self._dirty = 0

    def close(self) -> None:
        """Commit and close the file."""
        self._db.execute("COMMIT")
        self._db.close()

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
        self._later(self._settings.write_latency_us, self._put_head, node, effect)

    def write_attestation(self, node: str, effect: WriteAttestation) -> None:
        """Store the auditor's signature beside the head."""
        self._later(self._settings.write_latency_us, self._put_attestation, node, effect)

    def _later(self, latency_us: int, function: Any, node: str, effect: Any) -> None:
        self._host.call_in(latency_us, function, node, effect, self._host.incarnation(node))

    def _answer(self, node: str, incarnation: int, event: Any) -> None:
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

    def _put_rows(self, node: str, effect: WriteRows, incarnation: int) -> None:
        admitted = self._admit(len(effect.rows))
        now_us = self._host.now_us
        if admitted < len(effect.rows):
            self._host.trace.emit(now_us, self._store, RowsRefused(self._store, len(effect.rows) - admitted))
        if admitted == 0:
            self._answer(node, incarnation, StoreRefused(effect.id, "throttled"))
            return
        rows = effect.rows[:admitted]
        replaced = self._held_before(rows)
        self._db.executemany(
            "INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?)",
            [(*_key(record), record[2], frame, now_us) for record, frame in rows],
        )
        self._wrote(len(rows))
        for record, frame in rows:
            fact = RowStored(self._store, record, _leaf(frame), replaced.get(record, b""))
            self._host.trace.emit(now_us, self._store, fact)
        self._answer(node, incarnation, RowsWritten(effect.id, tuple(record for record, _ in effect.rows[admitted:])))

    def _held_before(self, rows: Sequence[tuple[RecordId, bytes]]) -> dict[RecordId, bytes]:
        """Leaf hashes of what already stands under the keys of a batch."""
        held: dict[RecordId, bytes] = {}
        for record, _ in rows:
            found = self._db.execute(
                "SELECT frame FROM frames WHERE device = ? AND epoch = ? AND idx = ?", (*_key(record), record[2])
            ).fetchone()
            if found is not None:
                held[record] = _leaf(found[0])
        return held

    def _get_rows(self, node: str, effect: ReadRows, incarnation: int) -> None:
        found = dict(
            self._db.execute(
                "SELECT idx, frame FROM frames WHERE device = ? AND epoch = ? AND idx >= ? AND idx < ?",
                (*_key(effect.stream), effect.first, effect.end),
            )
        )
        frames = tuple(found.get(index) for index in range(effect.first, effect.end))
        self._answer(node, incarnation, RowsRead(effect.id, frames))

    def _put_head(self, node: str, effect: WriteHead, incarnation: int) -> None:
        if not self._admit(1):
            self._host.trace.emit(self._host.now_us, self._store, RowsRefused(self._store, 1))
            self._answer(node, incarnation, StoreRefused(effect.id, "throttled"))
            return
        key = _key(effect.stream)
        held = self._db.execute("SELECT term FROM heads WHERE device = ? AND epoch = ?", key).fetchone()
        ok = held is None or held[0] <= effect.term
        if ok:
            self._db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)", (*key, effect.size, effect.term))
            self._wrote(1)
            fact = HeadVisible(effect.stream, effect.size, effect.term)
            self._host.trace.emit(self._host.now_us, self._store, fact)
        self._answer(node, incarnation, HeadWritten(effect.id, ok))

    def _put_attestation(self, node: str, effect: WriteAttestation, incarnation: int) -> None:
        if not self._admit(1):
            self._host.trace.emit(self._host.now_us, self._store, RowsRefused(self._store, 1))
            self._answer(node, incarnation, StoreRefused(effect.id, "throttled"))
            return
        self._db.execute(
            "INSERT OR REPLACE INTO attestations VALUES (?, ?, ?, ?, ?, ?)",
            (*_key(effect.stream), effect.size, effect.root, b"".join(effect.frontier), effect.signature),
        )
        self._wrote(1)
        self._host.trace.emit(self._host.now_us, self._store, AttestationStored(effect.stream, effect.size))
        self._answer(node, incarnation, AttestationWritten(effect.id))

    def _wrote(self, rows: int) -> None:
        self._dirty += rows
        if self._dirty >= COMMIT_EVERY:
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")
            self._dirty = 0

    def count_rows(self) -> int:
        """Rows that stand in the store."""
        (rows,) = self._db.execute("SELECT count(*) FROM frames").fetchone()
        return int(rows)
