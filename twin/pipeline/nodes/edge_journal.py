"""An edge's journal as its machine uses it: group commit, what waits for the medium, and what may be dropped.

One sync is under way at a time; everything appended meanwhile waits for the next. What is said because of an
entry (`say`) is emitted when the sync that covers the entry has answered, so no effect can outrun the medium.

A sync that failed says nothing about what is on the medium (a second one may "succeed" over pages that were lost).
So everything of the failed commit is cut off and written anew, after a pause, together with what came meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from twin.pipeline.ledger import journal
from twin.pipeline.machine import Append, DropJournal, Effect, SetTimer, Sync, TruncateJournal
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import Ack

REWRITE = "rewrite"
SNAPSHOTS_MAX = 64
SNAPSHOT_AFTER_BYTES = 16_384


class SnapshotAt(NamedTuple):
    """Where a snapshot begins in the journal, and the sizes of the streams that it states."""

    offset: int
    sizes: dict[StreamId, int]


class Commit:
    """What becomes true when the sync that covers it has answered."""

    __slots__ = ("acks", "checkpoint", "entries", "records", "sends")

    def __init__(self) -> None:
        self.entries: list[Append] = []
        self.records: list[RecordId] = []
        self.acks: list[Ack] = []
        self.sends: list[Effect] = []
        self.checkpoint: PendingCheckpoint | None = None


class PendingCheckpoint(NamedTuple):
    """A checkpoint in the journal: heads by stream, the snapshot behind it, and the payload for Earth's witness.

    Without heads it is a snapshot alone, and Earth has nothing to witness.
    """

    heads: dict[StreamId, int]
    snapshot: SnapshotAt
    for_earth: bytes | None


class EdgeJournal:
    """The commit being filled (`next`), the one under way, and offsets: `end` lies behind the last entry.

    Args:
        retry_us: pause after a failed sync.
    """

    def __init__(self, retry_us: int) -> None:
        self._retry_us = retry_us
        self._failed_at: int | None = None
        self.end = 0
        self._start = 0
        self.next = Commit()
        self._torn = False
        self._syncing: Commit | None = None
        self._sync_id = 0
        self._snapshots: list[SnapshotAt] = []
        self._snapshot_end = 0

    def read(self, durable: bytes, start: int) -> list[journal.Entry]:
        """Take over the medium's bytes, which begin at offset `start`; the whole entries in them."""
        self._start = start
        entries, self.end = journal.scan(durable, start)
        self._torn = self.end != start + len(durable)
        return entries

    def cut_torn_tail(self) -> list[Effect]:
        """Before anything is appended, what a crash left behind the last whole entry must go."""
        if not self._torn:
            return []
        self._torn = False
        return [TruncateJournal(self.end)]

    def append(self, kind: int, payload: bytes, out: list[Effect], records: tuple[RecordId, ...] = ()) -> None:
        """Append an entry; it is part of the next commit."""
        entry = Append(journal.encode_entry(kind, payload), records)
        self.end += len(entry.data)
        self.next.entries.append(entry)
        if self._failed_at is None:
            out.append(entry)

    def say(self, effects: Iterable[Effect], out: list[Effect]) -> None:
        """Emit effects once everything appended so far is on the medium: at once if it already is."""
        if self.next.entries:
            self.next.sends.extend(effects)
        elif self._syncing is not None:
            self._syncing.sends.extend(effects)
        else:
            out.extend(effects)

    @property
    def wants_snapshot(self) -> bool:
        """Whether so much was written since the last snapshot that reading it back would take long."""
        return self.end - self._snapshot_end >= SNAPSHOT_AFTER_BYTES

    def snapshot_taken(self) -> None:
        """A snapshot is the newest entry."""
        self._snapshot_end = self.end

    @property
    def checkpoint_pending(self) -> bool:
        """Whether a checkpoint is not yet on the medium."""
        syncing = self._syncing
        return self.next.checkpoint is not None or (syncing is not None and syncing.checkpoint is not None)

    def commit(self, out: list[Effect]) -> None:
        """Ask for a sync, if something waits for one and none is under way."""
        if self._syncing is None and self.next.entries and self._failed_at is None:
            self._syncing, self.next = self.next, Commit()
            out.append(Sync(self._sync_id))

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait for the medium while it fails; 0 while it works."""
        return 0 if self._failed_at is None else sum(len(entry.data) for entry in self.next.entries)

    def sync_failed(self, sync_id: int, now_us: int) -> list[Effect]:
        """The sync under way failed: its commit is filled again, with what came meanwhile behind it."""
        commit = self._syncing
        if commit is None or sync_id != self._sync_id:
            return []
        self._sync_id += 1
        self._syncing = None
        behind, self.next = self.next, commit
        commit.entries += behind.entries
        commit.records += behind.records
        commit.acks += behind.acks
        commit.sends += behind.sends
        commit.checkpoint = commit.checkpoint or behind.checkpoint
        self._failed_at = self.end - sum(len(entry.data) for entry in commit.entries)
        return [SetTimer(REWRITE, now_us + self._retry_us)]

    def rewrite(self) -> list[Effect]:
        """The pause after a failed sync is over: cut what it left and write it all anew; `commit` comes next."""
        if self._failed_at is None:
            return []
        out: list[Effect] = [TruncateJournal(self._failed_at), *self.next.entries]
        self._failed_at = None
        return out

    def synced(self, sync_id: int) -> Commit | None:
        """The commit that is durable now; None if nobody waits for this answer."""
        commit = self._syncing
        if commit is None or sync_id != self._sync_id:
            return None
        self._sync_id += 1
        self._syncing = None
        return commit

    # ------------------------------------------------------------ dropping

    def remember(self, snapshot: SnapshotAt) -> None:
        """A snapshot is durable; when they become many, every second one is forgotten."""
        self._snapshots.append(snapshot)
        if len(self._snapshots) > SNAPSHOTS_MAX:
            del self._snapshots[1::2]

    def drop(self, floors: Mapping[StreamId, int]) -> list[Effect]:
        """Give up what lies before the newest snapshot whose streams all stand at or below their floor."""
        usable = None
        while self._snapshots and all(size <= floors[stream] for stream, size in self._snapshots[0].sizes.items()):
            usable = self._snapshots.pop(0)
        if usable is None or usable.offset <= self._start:
            return []
        self._start = usable.offset
        return [DropJournal(usable.offset)]
