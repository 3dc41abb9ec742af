"""A journal on a disk with fsync semantics: appended bytes are durable only once a sync that began after them has
answered.

A crash loses the unsynced tail but for a torn part of it, whose length is drawn from the crash's own random stream.
"""

from __future__ import annotations

from collections import deque

from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import Append, DropJournal, Sync, Synced, TruncateJournal
from twin.trace import MadeDurable

US_PER_S = 1_000_000


class Disk:
    """The medium of one node.

    Args:
        fsync_us: time of a flush of nothing.
        write_bytes_per_s: speed at which a flush writes.
    """

    def __init__(self, host: SimulatedHost, node: str, fsync_us: int, write_bytes_per_s: int) -> None:
        self._host = host
        self._node = node
        self._fsync_us = fsync_us
        self._write_bytes_per_s = write_bytes_per_s
        self._durable: deque[bytes] = deque()
        self.start = 0
        self._unsynced: list[Append] = []
        self._flushing: list[Append] = []

    def append(self, effect: Append) -> None:
        """Take bytes into the cache."""
        self._unsynced.append(effect)

    def sync(self, effect: Sync) -> None:
        """Begin to flush what has been appended so far."""
        self._flushing.extend(self._unsynced)
        self._unsynced.clear()
        size = sum(len(a.data) for a in self._flushing)
        delay_us = self._fsync_us + size * US_PER_S // self._write_bytes_per_s
        self._host.call_in(delay_us, self._synced, effect.id, self._host.incarnation(self._node))

    def _synced(self, sync_id: int, incarnation: int) -> None:
        if incarnation != self._host.incarnation(self._node) or not self._host.is_up(self._node):
            return
        records = tuple(record for append in self._flushing for record in append.records)
        self._durable.extend(append.data for append in self._flushing)
        self._flushing.clear()
        self._host.trace.emit(self._host.now_us, self._node, MadeDurable(records))
        self._host.deliver(self._node, Synced(sync_id))

    def truncate(self, effect: TruncateJournal) -> None:
        """Cut the torn tail."""
        kept = b"".join(self._durable)[: effect.length - self.start]
        self._durable = deque([kept])

    def drop(self, effect: DropJournal) -> None:
        """Forget whole chunks before an offset."""
        while self._durable and self.start + len(self._durable[0]) <= effect.before:
            self.start += len(self._durable.popleft())
        if self.start < effect.before and self._durable:
            cut = effect.before - self.start
            self._durable[0] = self._durable[0][cut:]
            self.start = effect.before

    def contents(self) -> bytes:
        """All durable bytes from `start` on."""
        return b"".join(self._durable)

    def crash(self, torn_share: float) -> tuple[int, int]:
        """Lose what is not durable; `torn_share` (0 to 1) of it stays behind as a torn tail.

        Returns:
            Lost bytes, torn bytes.
        """
        appends = [*self._flushing, *self._unsynced]
        tail = b"".join(append.data for append in appends)
        self._flushing.clear()
        self._unsynced.clear()
        torn = tail[: int(len(tail) * torn_share)]
        if torn:
            self._durable.append(torn)
        end = 0
        survivors: list[tuple[int, int, int]] = []
        for append in appends:  # an entry that lies whole within the torn part is on the medium after all
            end += len(append.data)
            if end > len(torn):
                break
            survivors.extend(append.records)
        if survivors:
            self._host.trace.emit(self._host.now_us, self._node, MadeDurable(tuple(survivors)))
        return len(tail) - len(torn), len(torn)
