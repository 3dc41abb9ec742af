"""Reads Earth's store, SQLite, and changes nothing in it.

| table | one row is |
|---|---|
| `frames` | a frame as signed, under (device, epoch, idx); `stored_us` is when it came, outside of every signature |
| `heads` | how many rows of a stream are visible |
| `attestations` | what the auditor signed of a stream |
| `alerts` | an alert: its key and the edge's frame of it |
| `ledger` | an edge's checkpoint under its SHA-256, empty while only cosignatures have come; these as a CBOR array |

Device and epoch are 16 hexadecimal digits. SQLite takes a value of any type in any column, so types are checked first.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from twin.run_registry import RUN_AGAIN
from twin.scenario.errors import ScenarioError
from twin.verify.frames import CLOSING, MalformedError, StreamKey, load_plain

STORE: Final = "earth.sqlite"
BACKUP: Final = "earth-backup.sqlite"

_HEX: Final = re.compile(r"[0-9a-f]{16}")
_KIND_AT: Final = 8  # octet of a frame, counted from 1, that holds its kind
_TABLES: Final = ("frames", "heads", "attestations")
_STREAM: Final = {"device": "text", "epoch": "text"}
_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "frames": {**_STREAM, "idx": "integer", "kind": "integer", "frame": "blob", "stored_us": "integer"},
    "heads": {**_STREAM, "size": "integer"},
    "attestations": {**_STREAM, "size": "integer", "root": "blob", "frontier": "blob", "signature": "blob"},
    "alerts": {**_STREAM, "idx": "integer", "rule": "text", "frame": "blob"},
    "ledger": {"author": "text", "counter": "integer", "digest": "blob", "checkpoint": "blob", "cosigns": "blob"},
}
"""Columns that are read, with SQLite's names of their types."""
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FORMAT)


class BrokenStoreError(ScenarioError):
    """A store that is damaged as a file, so that its rows cannot be read for what they are."""


class StoredRow(NamedTuple):
    """One row of `frames`, but for its stream."""

    index: int  # type: ignore[assignment]  # a field, not tuple.index
    kind: int
    frame: bytes
    stored_us: int


class StoredAttestation(NamedTuple):
    """What the auditor signed: the first `size` rows hash to `root`."""

    size: int
    root: bytes
    frontier: bytes
    signature: bytes


class StoredAlert(NamedTuple):
    """One row of `alerts`."""

    stream: StreamKey
    index: int  # type: ignore[assignment]  # a field, not tuple.index
    rule: str
    frame: bytes

    @property
    def key(self) -> tuple[int, int, int, str]:
        """Which alert: device, epoch, index, rule."""
        return (*self.stream, self.index, self.rule)


class StoredCheckpoint(NamedTuple):
    """One row of `ledger`; a cosignature is an encoded statement."""

    author: str
    counter: int
    digest: bytes
    checkpoint: bytes
    cosigns: tuple[bytes, ...]


class EarthStore:
    """The tables of one run; see `open_store`."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database = database
        self.path = path
        database.text_factory = lambda data: data.decode("utf-8", "replace")  # damaged text is named like any other
        self._tables = {name for (name,) in self._all("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not self._tables:
            raise broken_store(path, "holds no table")
        missing = [name for name in _TABLES if name not in self._tables]
        if missing:
            raise ScenarioError(f"store {path}", f"has no table {missing[0]}", str(path.parent), RUN_AGAIN)
        found = next(self._all("PRAGMA integrity_check(1)"))[0]
        problem = self._mistyped() if found == "ok" else f"is damaged ({found})"
        if problem:
            raise broken_store(path, problem)

    def _mistyped(self) -> str:
        for table, columns in _COLUMNS.items():
            if table not in self._tables:
                continue
            kinds = ", ".join(f"typeof({column})" for column in columns)
            others = " OR ".join(f"typeof({column}) <> '{kind}'" for column, kind in columns.items())
            for found in self._all(f"SELECT {kinds} FROM {table} WHERE {others} LIMIT 1"):
                (column, kind), other = next(
                    (pair, seen) for pair, seen in zip(columns.items(), found, strict=True) if pair[1] != seen
                )
                return f"holds {other} in {table}.{column}, where {kind} belongs"
        return ""

    def _all(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        try:
            rows = self._database.execute(query, values)
        except UnicodeDecodeError as error:  # module sqlite3 cannot even tell what SQLite says of a damaged schema
            raise broken_store(self.path, "is damaged (its schema is no text)") from error
        yield from rows

    @property
    def has_alerts(self) -> bool:
        """Whether this store has an alert table."""
        return "alerts" in self._tables

    @property
    def has_ledger(self) -> bool:
        """Whether checkpoints are archived here."""
        return "ledger" in self._tables

    def streams(self, device: int | None = None) -> list[StreamKey]:
        """Every stream that any of the tables speaks of, in order; of one device, or of all."""
        names = " UNION ".join(f"SELECT device, epoch FROM {table}" for table in _TABLES)
        return sorted(
            StreamKey(int(d, 16), int(e, 16))
            for d, e in self._all(names)
            if _is_hex(d) and _is_hex(e) and device in (None, int(d, 16))
        )

    def misnamed(self) -> list[tuple[str, str, str]]:
        """Rows whose device or epoch is no number of 16 hexadecimal digits: (table, device, epoch)."""
        return [
            (table, str(d), str(e))
            for table in (*_TABLES, *(["alerts"] if self.has_alerts else []))
            for d, e in self._all(f"SELECT DISTINCT device, epoch FROM {table} ORDER BY 1, 2")
            if not (_is_hex(d) and _is_hex(e))
        ]

    def rows(self, stream: StreamKey) -> Iterator[StoredRow]:
        """The rows of one stream in the order of their indices."""
        query = "SELECT idx, kind, frame, stored_us FROM frames WHERE device = ? AND epoch = ? ORDER BY idx"
        yield from map(StoredRow._make, self._all(query, *_named(stream)))

    def row(self, stream: StreamKey, index: int) -> StoredRow | None:
        """One row, None if none stands there."""
        query = "SELECT idx, kind, frame, stored_us FROM frames WHERE device = ? AND epoch = ? AND idx = ?"
        found = next(self._all(query, *_named(stream), index), None)
        return None if found is None else StoredRow._make(found)

    def closings(self, device: int) -> dict[int, list[bytes]]:
        """Frames of the kind closing that stand in a device's streams, by epoch."""
        query = f"SELECT epoch, frame FROM frames WHERE device = ? AND substr(frame, {_KIND_AT}, 1) = ? ORDER BY 1, idx"
        found: dict[int, list[bytes]] = {}
        for epoch, frame in self._all(query, f"{device:016x}", bytes([CLOSING])):
            if _is_hex(epoch):
                found.setdefault(int(epoch, 16), []).append(bytes(frame))
        return found

    def head(self, stream: StreamKey) -> int | None:
        """How many rows of a stream are visible, None without a head item."""
        found = next(self._all("SELECT size FROM heads WHERE device = ? AND epoch = ?", *_named(stream)), None)
        return None if found is None else int(found[0])

    def attestation(self, stream: StreamKey) -> StoredAttestation | None:
        """What the auditor signed of a stream."""
        query = "SELECT size, root, frontier, signature FROM attestations WHERE device = ? AND epoch = ?"
        found = next(self._all(query, *_named(stream)), None)
        return None if found is None else StoredAttestation(int(found[0]), *map(bytes, found[1:]))

    def alerts(self) -> list[StoredAlert]:
        """The alert table in the order of its keys."""
        if not self.has_alerts:
            return []
        query = "SELECT device, epoch, idx, rule, frame FROM alerts ORDER BY 1, 2, 3, 4"
        return [
            StoredAlert(StreamKey(int(d, 16), int(e, 16)), index, rule, bytes(frame))
            for d, e, index, rule, frame in self._all(query)
            if _is_hex(d) and _is_hex(e)
        ]

    def checkpoints(self) -> list[StoredCheckpoint]:
        """The archive of checkpoints, by author and counter."""
        if not self.has_ledger:
            return []
        query = "SELECT author, counter, digest, checkpoint, cosigns FROM ledger ORDER BY 1, 2, 3"
        return [
            StoredCheckpoint(author, counter, bytes(digest), bytes(checkpoint), cosignatures(bytes(cosigns)))
            for author, counter, digest, checkpoint, cosigns in self._all(query)
        ]


def cosignatures(data: bytes) -> tuple[bytes, ...]:
    """The statements in an encoded array; what cannot be read stands as one that nobody signed."""
    try:
        found = load_plain(data)
    except MalformedError:
        return (data,)
    return tuple(found) if type(found) is list and all(type(part) is bytes for part in found) else (data,)


def _is_hex(text: object) -> bool:
    return isinstance(text, str) and _HEX.fullmatch(text) is not None


def _named(stream: StreamKey) -> tuple[str, str]:
    return f"{stream.device:016x}", f"{stream.epoch:016x}"


@contextmanager
def open_store(run_dir: Path) -> Iterator[EarthStore]:
    """Open a run's store for reading.

    Raises:
        BrokenStoreError: the file is damaged.
        ScenarioError: no such folder, no store in it, a store of another version, or one that cannot be opened.
    """
    if not run_dir.is_dir():
        raise ScenarioError(f"run {run_dir}", "is no folder", str(run_dir), "give a run's folder")
    path = run_dir / STORE
    if not path.is_file():
        has_backup = (run_dir / BACKUP).is_file()
        remedy = _beside(run_dir) if has_backup else "give the folder that a run of a habitat's scenario left"
        raise ScenarioError(f"run {run_dir}", f"holds no {STORE}", str(run_dir), remedy)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            yield EarthStore(database, path)
    except sqlite3.Error as error:
        primary = error.sqlite_errorcode & 0xFF  # the rest says which kind of it
        if primary in _DAMAGED:
            raise broken_store(path, f"is damaged ({error})") from error
        other_version = primary == sqlite3.SQLITE_ERROR
        remedy = RUN_AGAIN if other_version else "check its permissions, and that nobody else has it open"
        raise ScenarioError(f"store {path}", f"cannot be read ({error})", str(run_dir), remedy) from error


def broken_store(path: Path, rule: str) -> BrokenStoreError:
    """What is said of a damaged store; the remedy names what else the run's folder holds."""
    return BrokenStoreError(f"store {path}", rule, str(path), _beside(path.parent))


def _beside(run_dir: Path) -> str:
    if (run_dir / BACKUP).is_file():
        return f"{BACKUP} beside it holds the rows that Earth's backup had proved; or run the scenario again"
    return "nothing beside it holds its rows; put back a copy, or run the scenario again"
