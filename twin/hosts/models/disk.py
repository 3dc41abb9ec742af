"""A journal on a disk with fsync semantics: appended bytes are durable only once a sync that began after them has
answered.

A crash loses the unsynced tail but for a torn part of it, whose length is drawn from the crash's own random stream.
What a disk may do besides:

| fault | what the machine sees | what is on the medium |
|---|---|---|
| fsync error, disk full | `SyncFailed` | a hole where the flush would have written, until `TruncateJournal` |
| fsync lie | `Synced` | nothing until the next honest flush; a crash before that loses it |
| bit rot | nothing, until it reads | a flipped bit, and nothing readable behind it |
| swap, rollback | another medium at its next start | nothing; what was there before |

As on Linux, a failed flush leaves its pages marked clean: syncing again writes what came later behind a hole. Whenever
records are lost that were said to be durable, `MediumHolds` states all that is left; rot shows when the medium is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from twin.faults.disk import ERROR, LIE, FlushFaults
from twin.hosts.models.medium import HOLE, UNREAD, Image, Medium, Piece, Sizes, cut
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import Append, DropJournal, Sync, Synced, SyncFailed, TruncateJournal
from twin.pipeline.wire.identity import RecordId
from twin.trace import JournalDropped, MadeDurable, MediumHolds

US_PER_S = 1_000_000
DISK_FULL, IO_ERROR = "disk full", "input/output error"


class Disk:
    """The medium of one node, and the caches before it.

    Args:
        fsync_us: time of a flush of nothing.
        write_bytes_per_s: speed at which a flush writes.
        capacity_bytes: what the journal may hold; None: any amount.
        faults: what flushes may answer instead of the truth.
    """

    def __init__(
        self,
        host: SimulatedHost,
        node: str,
        fsync_us: int,
        write_bytes_per_s: int,
        capacity_bytes: int | None = None,
        faults: FlushFaults | None = None,
    ) -> None:
        self._host = host
        self._node = node
        self._fsync_us = fsync_us
        self._write_bytes_per_s = write_bytes_per_s
        self._capacity_bytes = capacity_bytes
        self._faults = faults
        self.full = False
        self._medium = Medium()
        self._cache: list[Piece] = []  # flushed, as the machine was told, and yet not on the medium
        self._flushing: deque[list[Piece]] = deque()
        self._unsynced: list[Piece] = []
        self._free_us = 0
        self._told: Sizes = {}
        self.used_bytes_max = 0
        """Most bytes that the journal has held so far, as the machine was told."""

    @property
    def start(self) -> int:
        """Offset of the first byte that was not dropped."""
        return self._medium.start

    # ------------------------------------------------------------ carriers

    def append(self, effect: Append) -> None:
        """Take bytes into the cache."""
        self._unsynced.append(Piece(effect.data, effect.records))

    def sync(self, effect: Sync) -> None:
        """Begin to flush what has been appended so far, after the flushes already asked for."""
        batch, self._unsynced = self._unsynced, []
        self._flushing.append(batch)
        size = sum(len(piece.data) for piece in batch)
        now_us = self._host.env._now
        self._free_us = max(now_us, self._free_us) + self._fsync_us + size * US_PER_S // self._write_bytes_per_s
        self._host.call_at(self._free_us, self._flushed, effect.id, self._host.incarnation(self._node))

    def truncate(self, effect: TruncateJournal) -> None:
        """Cut what follows byte `length`, wherever it stands."""
        medium = self._medium
        length = effect.length - medium.start
        left = length - medium.size_bytes
        if left < 0:
            for record in medium.truncate(length):  # by the machine's own will: nothing to own up to
                if record.index < self._told.get(record.stream, 0):
                    self._told[record.stream] = record.index
        for pieces in (self._cache, *self._flushing, self._unsynced):
            size = sum(len(piece.data) for piece in pieces)
            pieces[:] = cut(pieces, left)
            left -= size

    def drop(self, effect: DropJournal) -> None:
        """Forget what lies before an offset, flushed in truth or not."""
        medium = self._medium
        while self._cache and medium.start + medium.size_bytes < effect.before:
            medium.add([self._cache.pop(0)])
        gone = medium.drop(effect.before)
        if gone:
            streams = tuple(sorted((*stream, below) for stream, below in gone.items()))
            self._host.trace.emit(self._host.now_us, self._node, JournalDropped(streams))

    def contents(self) -> bytes:
        """All bytes that a start of the node reads, from `start` on."""
        return self._medium.contents()

    # ------------------------------------------------------------ flushing

    def _flushed(self, sync_id: int, incarnation: int) -> None:
        host, node = self._host, self._node
        if incarnation != host.incarnation(node) or not host.is_up(node):
            return
        batch = self._flushing.popleft()
        outcome = None if self._faults is None else self._faults.outcome(host.env._now)
        problem = IO_ERROR if outcome == ERROR else self._no_room(batch)
        if problem is not None:
            self._cache.extend(Piece(bytes(len(piece.data)), (), HOLE) for piece in batch)
            host.deliver(node, SyncFailed(sync_id, problem))
            return
        self._cache.extend(batch)
        self.used_bytes_max = max(self.used_bytes_max, self._held_bytes)
        if outcome != LIE:
            self._medium.add(self._cache)
            self._cache.clear()
        self._tell(record for piece in batch for record in piece.records)
        host.deliver(node, Synced(sync_id))

    def _no_room(self, batch: list[Piece]) -> str | None:
        size = sum(len(piece.data) for piece in batch)
        if not size:
            return None
        if self.full:
            return DISK_FULL
        if self._capacity_bytes is None:
            return None
        return DISK_FULL if self._held_bytes + size > self._capacity_bytes else None

    @property
    def _held_bytes(self) -> int:
        return self._medium.size_bytes + sum(len(piece.data) for piece in self._cache)

    def _tell(self, records: Iterable[RecordId]) -> None:
        """State what is durable now: nothing that stands behind a hole or a tear can be read back."""
        sound = self._medium.is_sound and all(piece.flaw not in UNREAD for piece in self._cache)
        durable = tuple(records) if sound else ()
        for record in durable:
            self._told[record.stream] = record.index + 1
        self._host.trace.emit(self._host.now_us, self._node, MadeDurable(durable))

    def _own_up(self) -> None:
        """If something else can be read back than was told, state what it is."""
        held = self._medium.holds()
        if held != self._told:
            self._told = held
            left = tuple(sorted((*stream, size) for stream, size in held.items()))
            self._host.trace.emit(self._host.now_us, self._node, MediumHolds(left))

    # ------------------------------------------------------------ faults

    def crash(self, torn_share: float) -> tuple[int, int]:
        """Lose what is not durable; `torn_share` (0 to 1) of it stays behind as a torn tail.

        Returns:
            Lost bytes, torn bytes.
        """
        waiting = [piece for batch in self._flushing for piece in batch] + self._unsynced
        tail = [*self._cache, *waiting]
        size = sum(len(piece.data) for piece in tail)
        torn_bytes = int(size * torn_share)
        kept = cut(tail, torn_bytes)
        survivors = [record for piece in kept[len(self._cache) :] for record in piece.records]
        self._cache.clear()
        self._flushing.clear()
        self._unsynced = []
        self._free_us = 0
        self._medium.add(kept)
        readable = self._medium.holds()
        survivors = [record for record in survivors if record.index < readable.get(record.stream, 0)]
        if survivors:  # an entry that lies whole within the torn part is on the medium after all
            for record in survivors:
                self._told[record.stream] = record.index + 1
            self._host.trace.emit(self._host.now_us, self._node, MadeDurable(tuple(survivors)))
        self._own_up()
        return size - torn_bytes, torn_bytes

    def rot(self, position: int) -> bool:
        """Flip a bit of the medium, `position` taken modulo its size; False if it holds nothing."""
        bits = 8 * self._medium.size_bytes
        if not bits:
            return False
        self._medium.flip_bit(position % bits)
        if not self._host.is_up(self._node):
            self._own_up()
        return True

    def image(self) -> Image:
        """The medium as it is now, for `roll_back`."""
        return self._medium.image()

    def roll_back(self, image: Image) -> None:
        """The node, which is down, returns with this medium."""
        self._medium.restore(image)
        self._own_up()

    def swap(self) -> None:
        """The node, which is down, returns with a new, empty medium."""
        self._medium = Medium()
        self._own_up()
