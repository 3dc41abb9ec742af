"""A disk under every fault: what it says is durable, and what can be read back."""

from __future__ import annotations

import pytest
from faulty_world import Noter, World
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from twin.faults.disk import ERROR, LIE, FlushFaults, FlushRule
from twin.hosts.models.disk import Disk
from twin.pipeline.ledger import journal
from twin.pipeline.machine import Append, DropJournal, Sync, Synced, SyncFailed, TruncateJournal
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.randomness import stream
from twin.trace import MadeDurable, MediumHolds

STREAM = StreamId(7, 8)
FSYNC_US = 2_000
FAST = 10**9


def entry(index: int) -> Append:
    return Append(journal.encode_entry(journal.FRAME, index.to_bytes(4, "big") * 5), (RecordId(*STREAM, index),))


class Box:
    """A node `n` with a disk in a world of its own."""

    def __init__(self, faults: FlushFaults | None = None, capacity_bytes: int | None = None) -> None:
        self.world = World()
        self.disk = Disk(self.world.host, "n", FSYNC_US, FAST, capacity_bytes, faults)
        (self.node,) = self.world.start("n")
        self.syncs = 0

    def write(self, *indices: int) -> None:
        for index in indices:
            self.disk.append(entry(index))
        self.disk.sync(Sync(self.syncs))
        self.syncs += 1
        self.world.run()

    def crash(self, torn_share: float = 0.0) -> None:
        lost = self.disk.crash(torn_share)
        self.world.host.stop("n", *lost)

    def restart(self) -> None:
        self.node = Noter()
        self.world.host.start("n", self.node)

    def readable(self) -> list[int]:
        entries, _ = journal.scan(self.disk.contents(), self.disk.start)
        return [int.from_bytes(e.payload[:4], "big") for e in entries if e.kind == journal.FRAME]

    def said(self) -> list[tuple[int, int]]:
        """What `MadeDurable` and `MediumHolds` said in order: (1, index) and (0, size)."""
        out = []
        for _, _, fact in (*self.world.of(MadeDurable), *self.world.of(MediumHolds)):
            if isinstance(fact, MadeDurable):
                out += [(1, record[2]) for record in fact.records]
            else:
                out += [(0, size) for _, _, size in fact.streams] or [(0, 0)]
        return out


def always(kind: str) -> FlushFaults:
    return FlushFaults([FlushRule(kind, 1.0, 0, 1 << 62, stream(1, kind))])


def test_a_failed_flush_is_told_and_leaves_nothing() -> None:
    box = Box(always(ERROR))
    box.write(0, 1)
    assert box.node.all(SyncFailed) == [SyncFailed(0, "input/output error")]
    assert box.said() == []
    box.crash()
    assert box.readable() == []


def test_syncing_again_after_a_failure_writes_behind_a_hole_that_cannot_be_read_over() -> None:
    once = FlushFaults([FlushRule(ERROR, 1.0, 0, FSYNC_US + 1, stream(1, "x"))])
    box = Box(once)
    box.write(0)
    box.write(1)
    assert [type(event) for event, _ in box.node.heard[1:]] == [SyncFailed, Synced]
    assert box.said() == [], "record 1 stands behind a hole"
    box.crash()
    assert box.readable() == []


def test_truncating_after_a_failure_and_appending_again_loses_nothing() -> None:
    once = FlushFaults([FlushRule(ERROR, 1.0, FSYNC_US + 1, 2 * FSYNC_US + 1, stream(1, "x"))])
    box = Box(once)
    box.write(0)
    end = len(box.disk.contents())
    box.write(1)
    box.disk.append(entry(2))
    box.disk.truncate(TruncateJournal(end))
    box.write(1, 2)
    assert box.said() == [(1, 0), (1, 1), (1, 2)]
    box.crash()
    assert box.readable() == [0, 1, 2]


def test_a_lie_is_made_good_by_the_next_honest_flush() -> None:
    box = Box(FlushFaults([FlushRule(LIE, 1.0, 0, FSYNC_US + 1, stream(1, "x"))]))
    box.write(0)
    assert box.node.all(Synced) == [Synced(0)]
    assert box.readable() == []
    box.write(1)
    assert box.readable() == [0, 1]
    box.crash()
    assert box.said() == [(1, 0), (1, 1)]


def test_a_crash_finds_a_lie_out_and_the_medium_says_what_is_left() -> None:
    box = Box(FlushFaults([FlushRule(LIE, 1.0, FSYNC_US + 1, 1 << 62, stream(1, "x"))]))
    box.write(0)
    box.write(1, 2)
    box.crash()
    assert box.readable() == [0]
    assert box.said() == [(1, 0), (1, 1), (1, 2), (0, 1)]


@pytest.mark.parametrize("full", [True, False], ids=["told to be full", "over its capacity"])
def test_a_full_disk_says_so_and_takes_again_what_fits_later(full: bool) -> None:
    box = Box(capacity_bytes=None if full else 2 * len(entry(0).data))
    box.write(0)
    box.disk.full = full
    box.write(1, 2) if not full else box.write(1)
    assert box.node.all(SyncFailed) == [SyncFailed(1, "disk full")]
    box.disk.full = False
    box.disk.truncate(TruncateJournal(len(entry(0).data)))
    box.write(1)
    assert box.readable() == [0, 1]
    assert box.said() == [(1, 0), (1, 1)]


def test_what_is_dropped_makes_room() -> None:
    box = Box(capacity_bytes=2 * len(entry(0).data))
    box.write(0, 1)
    box.disk.drop(DropJournal(len(entry(0).data)))
    box.write(2)
    assert box.node.all(SyncFailed) == []
    assert box.readable() == [1, 2]
    assert box.disk.used_bytes_max == 2 * len(entry(0).data)


def test_what_a_lie_left_in_the_cache_can_be_dropped_too() -> None:
    """Else a start would read from the middle of what its node takes for forgotten."""
    box = Box(FlushFaults([FlushRule(LIE, 1.0, FSYNC_US + 1, 3 * FSYNC_US, stream(1, "x"))]))
    size = len(entry(0).data)
    box.write(0)
    box.write(1, 2)
    box.disk.drop(DropJournal(2 * size))
    assert box.disk.start == 2 * size
    box.write(3)
    box.crash()
    assert (box.readable(), box.disk.start) == ([2, 3], 2 * size)


def test_rot_shows_when_the_medium_is_read_and_hides_what_lies_behind() -> None:
    box = Box()
    box.write(0, 1, 2)
    bit = 8 * len(entry(0).data) + 100
    assert box.disk.rot(bit)
    assert box.world.of(MediumHolds) == [], "nobody has read it yet"
    box.crash()
    assert box.readable() == [0]
    assert box.said()[-1] == (0, 1)


def test_rot_of_an_empty_medium_is_none() -> None:
    assert not Box().disk.rot(5)


def test_rot_of_what_stands_for_dropped_records_loses_them_too() -> None:
    box = Box()
    box.write(0, 1, 2)
    box.disk.drop(DropJournal(2 * len(entry(0).data)))
    box.crash()
    box.disk.rot(0)
    assert box.readable() == []
    assert [fact.streams for _, _, fact in box.world.of(MediumHolds)] == [()]


def test_a_swapped_disk_is_empty_and_a_rollback_holds_what_it_held() -> None:
    box = Box()
    box.write(0, 1)
    image = box.disk.image()
    box.write(2, 3)
    box.crash()
    box.disk.roll_back(image)
    assert box.readable() == [0, 1]
    assert box.said()[-1] == (0, 2)
    box.disk.swap()
    assert box.readable() == []
    assert box.disk.start == 0
    assert box.said()[-1] == (0, 0)


def test_flushes_are_answered_in_the_order_in_which_they_were_asked_for() -> None:
    world = World()
    disk = Disk(world.host, "n", FSYNC_US, 1000)
    (node,) = world.start("n")
    disk.append(Append(bytes(500)))
    disk.sync(Sync(1))
    disk.sync(Sync(2))
    world.run()
    assert node.heard[1:] == [(Synced(1), FSYNC_US + 500_000), (Synced(2), 2 * FSYNC_US + 500_000)]


class Chosen(FlushFaults):
    """Flushes answer what a test chooses."""

    def __init__(self) -> None:
        super().__init__()
        self.next: str | None = None

    def outcome(self, at_us: int) -> str | None:  # noqa: ARG002 - a test decides, not the time
        return self.next


class DiskHistory(RuleBasedStateMachine):
    """A careful writer of one stream on a disk to which anything may happen.

    The writer cuts torn tails, appends again what a failed flush was to write, and drops its journal up to snapshots.
    At every start what can be read back must be what facts said: records made durable, less what the medium lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.chosen = Chosen()
        self.box = Box(self.chosen)
        self.image = self.box.disk.image()
        self.size = 0  # records appended
        self.end = 0  # offset behind them
        self.good = (0, 0)  # the two, when a flush last answered well
        self.snapshot_at: int | None = None
        self.told = 0
        self.box.world.trace.subscribe(MadeDurable, self._durable)
        self.box.world.trace.subscribe(MediumHolds, self._holds)

    def _durable(self, _at_us: int, _node: str, fact: MadeDurable) -> None:
        for *_, index in fact.records:
            assert index == self.told, "records become durable one after the other"
            self.told = index + 1

    def _holds(self, _at_us: int, _node: str, fact: MediumHolds) -> None:
        self.told = max((size for *_, size in fact.streams), default=0)

    def _append(self, append: Append) -> None:
        self.box.disk.append(append)
        self.end += len(append.data)

    @rule(records=st.integers(1, 4))
    def append(self, records: int) -> None:
        for _ in range(records):
            self._append(entry(self.size))
            self.size += 1

    @rule(outcome=st.sampled_from([None, None, ERROR, LIE]), full=st.sampled_from([False, False, False, True]))
    def sync(self, outcome: str | None, full: bool) -> None:
        self.chosen.next, self.box.disk.full = outcome, full
        failed = len(self.box.node.all(SyncFailed))
        self.box.write()
        if len(self.box.node.all(SyncFailed)) > failed:
            size, end = self.good
            self.box.disk.truncate(TruncateJournal(end))
            again = range(size, self.size)
            self.end = end
            for index in again:
                self._append(entry(index))
        else:
            self.good = (self.size, self.end)
            assert self.told == self.size

    @precondition(lambda self: self.size)
    @rule(outcome=st.sampled_from([None, LIE]))
    def drop_up_to_a_snapshot(self, outcome: str | None) -> None:
        self.chosen.next, self.box.disk.full = outcome, False
        offset = self.end
        self._append(Append(journal.encode_entry(journal.SNAPSHOT, self.size.to_bytes(4, "big"))))
        self.box.write()
        self.good = (self.size, self.end)
        self.box.disk.drop(DropJournal(offset))
        assert self.box.disk.start == offset

    @rule()
    def keep_an_image(self) -> None:
        self.image = self.box.disk.image()

    @rule(position=st.integers(0, 1 << 40))
    def rot(self, position: int) -> None:
        self.box.disk.rot(position)

    @rule(torn_share=st.floats(0, 1), then=st.sampled_from(["", "swap", "roll back", "rot"]), syncing=st.booleans())
    def crash(self, torn_share: float, then: str, syncing: bool) -> None:
        if syncing:
            self.box.disk.sync(Sync(99))
        self.box.crash(torn_share)
        if then == "swap":
            self.box.disk.swap()
        elif then == "roll back":
            self.box.disk.roll_back(self.image)
        elif then == "rot":
            self.box.disk.rot(int(torn_share * 1000))
        self.box.restart()
        self._recover()

    def _recover(self) -> None:
        disk = self.box.disk
        entries, end = journal.scan(disk.contents(), disk.start)
        size = 0
        for found in entries:
            index = int.from_bytes(found.payload[:4], "big")
            if found.kind == journal.SNAPSHOT:
                size = index
            else:
                assert index == size
                size += 1
        assert size == self.told, "what can be read back is what was said"
        if end != disk.start + len(disk.contents()):
            disk.truncate(TruncateJournal(end))
        self.size, self.end = size, end
        self.good = (size, end)


DiskHistory.TestCase.settings = settings(max_examples=200, stateful_step_count=25, deadline=None)
TestWhatCanBeReadBackIsWhatWasSaid = DiskHistory.TestCase
