"""What stands on one of Earth's stores: rows, heads, the auditor's statements, alerts and the ledger, in one SQLite
file.

Device and epoch are 16 hexadecimal digits each; SQLite has no unsigned 64-bit integers. `frames.kind` is the frame's
kind (1 samples, 2 closing, 3 alert), `leader` the term below which heads are refused, `alerts.acknowledged_us` NULL
until then, `bearers.taken` whether that edge has the receipt, `ledger.checkpoint` empty while only cosignatures are
known, `ledger.cosigns` a CBOR array of them.

Only values and keys are known here; latency, capacity and faults are `table`'s.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence

import cbor2

from twin.pipeline.machine import KeepCheckpoint, WriteAttestation, WriteHead
from twin.pipeline.nodes.stored import Stored, StoredAlert, StoredStream
from twin.pipeline.wire.frame import CLOSING, peek_kind, peek_record
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId
from twin.pipeline.wire.messages import Attestation, Cosign, decode_as
from twin.pipeline.wire.plain_cbor import dumps

COMMIT_EVERY = 500
HASH_BYTES = 32

SCHEMA = """
CREATE TABLE frames (
  device TEXT NOT NULL, epoch TEXT NOT NULL, idx INTEGER NOT NULL, kind INTEGER NOT NULL, frame BLOB NOT NULL,
  stored_us INTEGER NOT NULL,
  PRIMARY KEY (device, epoch, idx)
);
CREATE TABLE heads (
  device TEXT NOT NULL, epoch TEXT NOT NULL, size INTEGER NOT NULL, term INTEGER NOT NULL, edge TEXT NOT NULL,
  PRIMARY KEY (device, epoch)
);
CREATE TABLE leader (term INTEGER NOT NULL);
INSERT INTO leader VALUES (0);
CREATE TABLE attestations (
  device TEXT NOT NULL, epoch TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
  frontier BLOB NOT NULL, signature BLOB NOT NULL,
  PRIMARY KEY (device, epoch)
);
CREATE TABLE alerts (
  device TEXT NOT NULL, epoch TEXT NOT NULL, idx INTEGER NOT NULL, rule TEXT NOT NULL, frame BLOB NOT NULL,
  stored_us INTEGER NOT NULL, acknowledged_us INTEGER,
  PRIMARY KEY (device, epoch, idx, rule)
);
CREATE TABLE told (
  device TEXT NOT NULL, epoch TEXT NOT NULL, idx INTEGER NOT NULL, rule TEXT NOT NULL, told_us INTEGER NOT NULL,
  PRIMARY KEY (device, epoch, idx, rule)
);
CREATE TABLE bearers (
  device TEXT NOT NULL, epoch TEXT NOT NULL, idx INTEGER NOT NULL, rule TEXT NOT NULL, edge TEXT NOT NULL,
  taken INTEGER NOT NULL,
  PRIMARY KEY (device, epoch, idx, rule, edge)
);
CREATE TABLE ledger (
  author TEXT NOT NULL, counter INTEGER NOT NULL, digest BLOB NOT NULL, checkpoint BLOB NOT NULL,
  cosigns BLOB NOT NULL,
  PRIMARY KEY (author, counter, digest)
);
"""
TABLES = ("frames", "heads", "attestations", "alerts", "told", "bearers", "ledger")
ONE_ALERT = "device = ? AND epoch = ? AND idx = ? AND rule = ?"


def hexed(number: int) -> str:
    """A 64-bit number as it stands in a key."""
    return f"{number:016x}"


def key(stream: Sequence[int]) -> tuple[str, str]:
    """Device and epoch of a stream or record, as they stand in a key."""
    return hexed(stream[0]), hexed(stream[1])


def leaf(frame: bytes) -> bytes:
    """RFC 9162 leaf hash of a row."""
    return hashlib.sha256(b"\x00" + frame).digest()


def _alert(alert: AlertKey) -> tuple[str, str, int, str]:
    return hexed(alert.device), hexed(alert.epoch), alert.index, alert.rule


class Medium:
    """One SQLite file; ":memory:" keeps it in memory."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        # the run is reproducible, so a host crash costs the file, not data: no journal, no flush
        self.db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1024;" + SCHEMA
        )
        self.db.execute("BEGIN")
        self._dirty = 0

    def close(self) -> None:
        """Commit and close the file."""
        self.db.execute("COMMIT")
        self.db.close()

    def wrote(self, rows: int) -> None:
        """Commit now and then."""
        self._dirty += rows
        if self._dirty >= COMMIT_EVERY:
            self.db.execute("COMMIT")
            self.db.execute("BEGIN")
            self._dirty = 0

    # ------------------------------------------------------------ rows

    def put_rows(self, rows: Sequence[tuple[RecordId, bytes]], now_us: int) -> None:
        """Put rows unconditionally."""
        self.db.executemany(
            "INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?, ?)",
            [(*key(record), record[2], peek_kind(frame), frame, now_us) for record, frame in rows],
        )
        self.wrote(len(rows))

    def held_before(self, rows: Sequence[tuple[RecordId, bytes]]) -> dict[RecordId, bytes]:
        """Leaf hashes of what already stands under the keys of a batch."""
        held: dict[RecordId, bytes] = {}
        for record, _ in rows:
            found = self.db.execute(
                "SELECT frame FROM frames WHERE device = ? AND epoch = ? AND idx = ?", (*key(record), record[2])
            ).fetchone()
            if found is not None:
                held[record] = leaf(found[0])
        return held

    def rows(self, stream: StreamId, first: int, end: int, before_us: int) -> tuple[bytes | None, ...]:
        """Rows `first <= index < end` that were stored at or before an instant, None where there is none."""
        found = dict(
            self.db.execute(
                "SELECT idx, frame FROM frames WHERE device = ? AND epoch = ? AND idx >= ? AND idx < ? "
                "AND stored_us <= ?",
                (*key(stream), first, end, before_us),
            )
        )
        return tuple(found.get(index) for index in range(first, end))

    def count_rows(self) -> int:
        """Rows that stand here."""
        (rows,) = self.db.execute("SELECT count(*) FROM frames").fetchone()
        return int(rows)

    def record_at(self, place: int) -> RecordId:
        """The key at a place in the order of keys."""
        device, epoch, index = self.db.execute(
            "SELECT device, epoch, idx FROM frames ORDER BY device, epoch, idx LIMIT 1 OFFSET ?", (place,)
        ).fetchone()
        return RecordId(int(device, 16), int(epoch, 16), index)

    def change_row(self, record: RecordId, frame: bytes) -> None:
        """Change the bytes of a row, as a decaying medium does: nothing else notices."""
        self.db.execute(
            "UPDATE frames SET frame = ? WHERE device = ? AND epoch = ? AND idx = ?", (frame, *key(record), record[2])
        )

    def delete_rows(self, before_us: int) -> list[tuple[RecordId, bytes]]:
        """Delete the rows that were stored before an instant [us], heads stay; their keys and frames, in order."""
        found = self.db.execute(
            "SELECT device, epoch, idx, frame FROM frames WHERE stored_us < ? ORDER BY device, epoch, idx", (before_us,)
        ).fetchall()
        self.db.execute("DELETE FROM frames WHERE stored_us < ?", (before_us,))
        return [(RecordId(int(device, 16), int(epoch, 16), index), frame) for device, epoch, index, frame in found]

    def closings(self) -> tuple[bytes, ...]:
        """All closing frames."""
        found = self.db.execute("SELECT frame FROM frames WHERE kind = ? ORDER BY device, epoch, idx", (CLOSING,))
        return tuple(frame for (frame,) in found)

    def beyond_heads(self) -> tuple[tuple[RecordId, bytes], ...]:
        """Rows that no head covers, in the order of keys."""
        found = self.db.execute(
            "SELECT device, epoch, idx, frame FROM frames LEFT JOIN heads USING (device, epoch) "
            "WHERE idx >= coalesce(size, 0) ORDER BY device, epoch, idx"
        )
        return tuple((RecordId(int(device, 16), int(epoch, 16), index), frame) for device, epoch, index, frame in found)

    # ------------------------------------------------------------ heads and statements

    def lead(self, term: int) -> None:
        """From now on refuse heads of lower terms."""
        self.db.execute("UPDATE leader SET term = max(term, ?)", (term,))

    def put_head(self, head: WriteHead) -> bool:
        """Put a head unless a higher term leads; whether it was put."""
        (leader,) = self.db.execute("SELECT term FROM leader").fetchone()
        if head.term < leader:
            return False
        item = (*key(head.stream), head.size, head.term, head.edge)
        self.db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?, ?)", item)
        self.wrote(1)
        return True

    def versions(self) -> list[tuple[StreamId, int, int]]:
        """Size and term of every head, by stream."""
        found = self.db.execute("SELECT device, epoch, size, term FROM heads ORDER BY device, epoch")
        return [(StreamId(int(device, 16), int(epoch, 16)), size, term) for device, epoch, size, term in found]

    def heads(self) -> Iterator[tuple[StreamId, int, str]]:
        """Stream, size and edge of every head, in the order of keys."""
        found = self.db.execute("SELECT device, epoch, size, edge FROM heads ORDER BY device, epoch").fetchall()
        for device, epoch, size, edge in found:
            yield StreamId(int(device, 16), int(epoch, 16)), size, edge

    def put_attestation(self, statement: WriteAttestation) -> None:
        """Put the auditor's statement unless one of a larger size stands there."""
        self.db.execute(
            "INSERT INTO attestations VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (device, epoch) DO UPDATE SET "
            "size = excluded.size, root = excluded.root, frontier = excluded.frontier, signature = excluded.signature "
            "WHERE excluded.size >= attestations.size",
            (
                *key(statement.stream),
                statement.size,
                statement.root,
                b"".join(statement.frontier),
                statement.signature,
            ),
        )
        self.wrote(1)

    def attestations(self) -> dict[StreamId, Attestation]:
        """The auditor's statements, in the order of keys."""
        found = {}
        for device, epoch, size, root, frontier, signature in self.db.execute(
            "SELECT * FROM attestations ORDER BY device, epoch"
        ):
            stream = StreamId(int(device, 16), int(epoch, 16))
            hashes = tuple(frontier[at : at + HASH_BYTES] for at in range(0, len(frontier), HASH_BYTES))
            found[stream] = Attestation(stream, size, root, hashes, signature)
        return found

    # ------------------------------------------------------------ alerts

    def put_alert(self, alert: AlertKey, frame: bytes, now_us: int) -> tuple[bool, bool, int | None]:
        """Put an alert by its key and note who brought it; is it new, was it told, when was it acknowledged."""
        one = _alert(alert)
        put = self.db.execute("INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?, ?, ?, NULL)", (*one, frame, now_us))
        is_new = put.rowcount == 1
        bearer = hexed(peek_record(frame).device)
        self.db.execute("INSERT OR IGNORE INTO bearers VALUES (?, ?, ?, ?, ?, 0)", (*one, bearer))
        told = self.db.execute(f"SELECT 1 FROM told WHERE {ONE_ALERT}", one).fetchone() is not None
        (acknowledged_us,) = self.db.execute(f"SELECT acknowledged_us FROM alerts WHERE {ONE_ALERT}", one).fetchone()
        self.wrote(1)
        return is_new, told, acknowledged_us

    def mark_told(self, alert: AlertKey, now_us: int) -> None:
        """The channel took the alert's message; the first instant stays."""
        self.db.execute("INSERT OR IGNORE INTO told VALUES (?, ?, ?, ?, ?)", (*_alert(alert), now_us))
        self.wrote(1)

    def mark_acknowledged(self, alert: AlertKey, at_us: int) -> None:
        """The surgeon acknowledged the alert; the first instant stays."""
        self.db.execute(
            f"UPDATE alerts SET acknowledged_us = ? WHERE {ONE_ALERT} AND acknowledged_us IS NULL",
            (at_us, *_alert(alert)),
        )
        self.wrote(1)

    def mark_taken(self, alert: AlertKey, device: int) -> None:
        """The edge with this device id has the receipt."""
        self.db.execute(f"UPDATE bearers SET taken = 1 WHERE {ONE_ALERT} AND edge = ?", (*_alert(alert), hexed(device)))
        self.wrote(1)

    def open_alerts(self) -> tuple[StoredAlert, ...]:
        """Alerts that are not told, not acknowledged, or whose acknowledgement an edge does not know."""
        found = []
        for device, epoch, index, rule, frame, acknowledged_us in self.db.execute(
            "SELECT device, epoch, idx, rule, frame, acknowledged_us FROM alerts ORDER BY device, epoch, idx, rule"
        ).fetchall():
            one = (device, epoch, index, rule)
            told = self.db.execute(f"SELECT 1 FROM told WHERE {ONE_ALERT}", one).fetchone() is not None
            owed = tuple(
                int(edge, 16)
                for (edge,) in self.db.execute(
                    f"SELECT edge FROM bearers WHERE {ONE_ALERT} AND taken = 0 ORDER BY edge", one
                )
            )
            if not told or acknowledged_us is None or owed:
                alert = AlertKey(int(device, 16), int(epoch, 16), index, rule)
                found.append(StoredAlert(alert, frame, told, acknowledged_us, owed))
        return tuple(found)

    # ------------------------------------------------------------ ledger

    def keep_checkpoint(self, kept: KeepCheckpoint) -> None:
        """Add a checkpoint and cosignatures to what is known under its author, counter and digest."""
        own = (kept.author, kept.counter, kept.digest)
        held = self.db.execute(
            "SELECT checkpoint, cosigns FROM ledger WHERE author = ? AND counter = ? AND digest = ?", own
        ).fetchone()
        checkpoint, cosigns = (b"", dumps([])) if held is None else held
        merged = list(dict.fromkeys([*cbor2.loads(cosigns), *kept.cosigns]))
        self.db.execute(
            "INSERT OR REPLACE INTO ledger VALUES (?, ?, ?, ?, ?)",
            (*own, checkpoint or kept.checkpoint, dumps(merged)),
        )
        self.wrote(1)

    def newest_cosigns(self) -> tuple[bytes, ...]:
        """The newest cosignature of each author by each witness."""
        newest: dict[tuple[str, str], bytes] = {}
        for (cosigns,) in self.db.execute("SELECT cosigns FROM ledger ORDER BY author, counter, rowid"):
            for raw in cbor2.loads(cosigns):
                cosign = decode_as(Cosign, raw)
                newest[cosign.author, cosign.witness] = raw
        return tuple(newest.values())

    # ------------------------------------------------------------ loss

    def become(self, other: Medium, term: int) -> list[tuple[int, int, int]]:
        """Lose everything and take over what `other` holds and the auditor has proved there; `term` leads.

        Returns:
            (device, epoch, size) of every stream.
        """
        for table in TABLES:
            self.db.execute(f"DELETE FROM {table}")
        streams = []
        for stream, statement in other.attestations().items():
            one = key(stream)
            self._copy(other, "frames", "device = ? AND epoch = ? AND idx < ?", (*one, statement.size))
            self.db.execute("INSERT INTO heads VALUES (?, ?, ?, ?, '')", (*one, statement.size, term))
            streams.append((*stream, statement.size))
        for table in ("attestations", "alerts", "told", "bearers", "ledger"):
            self._copy(other, table, "1", ())
        self.lead(term)
        self.wrote(COMMIT_EVERY)
        return streams

    def _copy(self, other: Medium, table: str, where: str, values: tuple[object, ...]) -> None:
        found = other.db.execute(f"SELECT * FROM {table} WHERE {where}", values)
        blanks = ", ".join("?" * len(found.description))
        self.db.executemany(f"INSERT INTO {table} VALUES ({blanks})", found)


def stored_in(table: Medium, backup: Medium | None) -> Stored:
    """What a gateway or auditor that starts now finds in the stores."""
    proved = table.attestations()
    backed = {} if backup is None else backup.attestations()
    streams = tuple(
        StoredStream(stream, size, edge, proved.get(stream), backed.get(stream)) for stream, size, edge in table.heads()
    )
    return Stored(streams, table.closings(), table.newest_cosigns(), table.open_alerts(), table.beyond_heads())
