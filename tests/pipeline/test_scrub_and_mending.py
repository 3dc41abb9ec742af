"""Rows that rot on Earth are found, named and mended; keys that are late, and the ledger's archive."""

from __future__ import annotations

from typing import Any

import pytest
from auditor_parts import auditor, hear, served
from pipeline_parts import (
    AUDITOR,
    EARTH,
    EDGE,
    PEER,
    T0,
    Author,
    S,
    attestation,
    facts,
    frames_bundle,
    frames_of,
    gateway_in_clear,
    gateway_settings,
    log_of,
    of,
    said,
    signed_by,
    stream_of,
    timers,
    verifier,
    why_rejected,
)

from twin.pipeline.facts import Rejected
from twin.pipeline.ledger.merkle import leaf_hash
from twin.pipeline.machine import (
    BundleArrived,
    CheckpointKept,
    KeepCheckpoint,
    ReadRows,
    Received,
    RowsRead,
    RowsWritten,
    Send,
    Started,
    TimerFired,
    WriteRows,
)
from twin.pipeline.nodes.auditor import KEYS, SCRUB, Auditor
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.nodes.scrub import RangeRoots
from twin.pipeline.nodes.stored import Stored, StoredStream, learn_closings
from twin.pipeline.wire.frame import CLOSING, peek_record
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.key_book import KeyBook
from twin.pipeline.wire.messages import (
    Attestation,
    BackupCopied,
    Checkpoint,
    CheckpointOffer,
    Cosign,
    Cosigned,
    Head,
    HeadMoved,
    LookAgain,
    RowsWrong,
    audit_part,
    decode,
    encode,
)

FRAMES = frames_of(1, 30)
Rows = dict[StreamId, list[bytes | None]]


def flipped(frame: bytes) -> bytes:
    return frame[:-1] + bytes([frame[-1] ^ 1])


def rows_of(frames: list[bytes]) -> Rows:
    found: Rows = {}
    for frame in frames:
        found.setdefault(peek_record(frame).stream, []).append(frame)
    return found


class Stores:
    """Both stores, answering an auditor; `reads` is what it asked for."""

    def __init__(self, machine: Auditor, frames: list[bytes]) -> None:
        self.machine = machine
        self.table, self.backup = rows_of(frames), rows_of(frames)
        self.reads: list[ReadRows] = []

    def serve(self, effects: list[Any]) -> list[Any]:
        done = served(self.machine, effects, self.table, self.backup)
        self.reads += of(done, ReadRows)
        return done

    def hear(self, message: Any) -> list[Any]:
        return self.serve(hear(self.machine, message))

    def scrub(self) -> list[Any]:
        self.reads.clear()
        return self.serve(self.machine.handle(TimerFired(SCRUB), T0))


def audited(size: int = 30, backed: int = 30, stored: Stored | None = None) -> Stores:
    stores = Stores(auditor(stored), FRAMES)
    stores.hear(HeadMoved(stream_of(), size))
    stores.hear(BackupCopied(stream_of(), backed))
    return stores


def wrong(effects: list[Any]) -> list[RowsWrong]:
    return [message for message in said(effects, EARTH) if isinstance(message, RowsWrong)]


# ------------------------------------------------------------ scrub


def test_a_scrub_comes_every_period_and_reads_both_stores_in_small_pieces():
    stores = audited()
    effects = stores.scrub()
    assert timers(effects)[SCRUB] == T0 + 6 * 3600 * S
    assert [(read.store, read.first, read.end) for read in stores.reads] == [
        (store, first, min(first + 8, 30)) for store in ("table", "backup") for first in range(0, 30, 8)
    ]
    assert wrong(effects) == []


def test_one_read_of_a_scrub_is_under_way_at_a_time_and_new_rows_are_read_beside_it():
    stores = audited(size=20, backed=0)
    (first,) = of(stores.machine.handle(TimerFired(SCRUB), T0), ReadRows)
    (new,) = of(hear(stores.machine, HeadMoved(stream_of(), 25)), ReadRows)
    assert ((first.first, first.end), (new.first, new.end)) == ((0, 8), (20, 25))


@pytest.mark.parametrize("store", ["table", "backup"])
@pytest.mark.parametrize("index", [0, 7, 13, 29])
@pytest.mark.parametrize("rot", [flipped, lambda _: None, lambda _: FRAMES[1], lambda _: b""])
def test_a_row_that_rots_is_named_with_its_store(store, index, rot):
    stores = audited()
    {"table": stores.table, "backup": stores.backup}[store][stream_of()][index] = rot(FRAMES[index])
    assert wrong(stores.scrub()) == [RowsWrong(stream_of(), (index,), store)]


@pytest.mark.parametrize("index", [0, 15, 16, 20])
@pytest.mark.parametrize("rot", [flipped, lambda _: None, lambda _: FRAMES[1], lambda _: b""])
def test_a_row_that_rots_in_a_backup_that_lags_behind_is_named_wherever_it_stands(index, rot):
    """The backup's last range is cut short where the table's is whole: signatures decide there."""
    stores = audited(backed=21)
    assert wrong(stores.scrub()) == []
    stores.backup[stream_of()][index] = rot(FRAMES[index])
    assert wrong(stores.scrub()) == [RowsWrong(stream_of(), (index,), "backup")]


def test_rows_in_which_no_leaf_is_remembered_are_judged_by_their_signatures_after_a_restart():
    stream = StoredStream(stream_of(), 30, EDGE, attestation(FRAMES), attestation(FRAMES))
    stores = Stores(auditor(Stored((stream,))), FRAMES)
    stores.table[stream_of()][5] = flipped(FRAMES[5])
    stores.backup[stream_of()][27] = flipped(FRAMES[27])
    assert wrong(stores.scrub()) == [
        RowsWrong(stream_of(), (5,), "table"),
        RowsWrong(stream_of(), (27,), "backup"),
    ]


def test_a_good_range_is_not_verified_twice():
    roots = RangeRoots(8, first=8)
    asked: list[int] = []

    def is_signed(index: int, _: bytes) -> bool:
        asked.append(index)
        return True

    assert roots.examine(0, FRAMES[:8], is_signed) == []
    assert roots.examine(0, FRAMES[:8], is_signed) == []
    assert asked == list(range(8))


def test_a_range_that_is_signed_and_not_what_was_read_before_is_wrong_as_a_whole():
    """Two frames that a device signed under one index: signatures cannot tell which was attested."""
    roots = RangeRoots(2)
    for frame in FRAMES[:2]:
        roots.append(leaf_hash(frame))
    assert roots.examine(0, [FRAMES[0], FRAMES[5]], lambda *_: True) == [0, 1]


def test_a_mended_row_is_looked_at_again():
    stores = audited()
    stores.table[stream_of()][4] = flipped(FRAMES[4])
    assert wrong(stores.scrub())
    assert wrong(stores.hear(LookAgain(stream_of(), (4,), "table"))) == [RowsWrong(stream_of(), (4,), "table")]
    stores.table[stream_of()][4] = FRAMES[4]
    assert wrong(stores.hear(LookAgain(stream_of(), (4,), "table"))) == []


def test_rows_that_a_stale_store_does_not_show_yet_are_read_again_before_they_are_called_missing():
    machine = auditor()
    (read,) = of(hear(machine, HeadMoved(stream_of(), 3)), ReadRows)
    effects = machine.handle(RowsRead(read.id, (FRAMES[0], None, None)), T0)
    assert said(effects, EARTH) == []
    (again,) = of(machine.handle(TimerFired("retry"), T0 + S), ReadRows)
    assert (again.first, again.end) == (1, 3)


# ------------------------------------------------------------ mending


def gateway(backed: int, verified: int = 30) -> Gateway:
    stream = StoredStream(stream_of(), verified, EDGE, attestation(FRAMES[:verified]), attestation(FRAMES[:backed]))
    machine = gateway_in_clear(gateway_settings(), Stored((stream,)))
    machine.handle(Started(bytes(32)), T0)
    return machine


def tell(machine: Gateway, message: Any) -> list[Any]:
    return machine.handle(Received(AUDITOR, encode(message)), T0)


@pytest.mark.parametrize(("store", "other"), [("table", "backup"), ("backup", "table")])
def test_a_row_below_trim_is_mended_from_the_other_store_and_looked_at_again(store, other):
    machine = gateway(backed=20)
    (read,) = of(tell(machine, RowsWrong(stream_of(), (4,), store)), ReadRows)
    assert (read.store, read.first, read.end) == (other, 4, 5)
    (write,) = of(machine.handle(RowsRead(read.id, (FRAMES[4],)), T0), WriteRows)
    assert (write.store, write.rows) == (store, ((RecordId(*stream_of(), 4), FRAMES[4]),))
    effects = machine.handle(RowsWritten(write.id, ()), T0)
    assert said(effects, AUDITOR) == [LookAgain(stream_of(), (4,), store)]
    assert machine.streams[stream_of()].gaps()[0] == (), "Mars may have deleted it: it is not asked"


@pytest.mark.parametrize("held", [None, flipped(FRAMES[4]), FRAMES[5]], ids=["missing", "rotten", "another"])
def test_nothing_is_mended_with_a_row_that_is_no_better(held):
    machine = gateway(backed=20)
    (read,) = of(tell(machine, RowsWrong(stream_of(), (4, 9))), ReadRows)
    effects = machine.handle(RowsRead(read.id, (held,)), T0)
    assert of(effects, WriteRows) == []
    assert [fact.what for fact in facts(effects, Rejected)] == ["row of the backup"]
    assert [read.first for read in of(effects, ReadRows)] == [9], "it does not hold up others"


def test_rot_is_never_copied_to_the_backup():
    machine = gateway(backed=20)
    (read,) = of(machine.handle(TimerFired("backup"), T0), ReadRows)
    assert (read.store, read.first) == ("table", 20)
    effects = machine.handle(RowsRead(read.id, (FRAMES[20], flipped(FRAMES[21]), *FRAMES[22:30])), T0)
    assert of(effects, WriteRows) == []
    assert said(effects, AUDITOR) == [LookAgain(stream_of(), (21,), "table")]


# ------------------------------------------------------------ keys


def rotated() -> tuple[Author, list[bytes], list[bytes]]:
    """A device that changes its key: frames of the old epoch, the closing one last, and of the new one."""
    device = Author(1, "device-1")
    old = [device.seal(), device.seal(), device.close()]
    return device, old, [device.seal(), device.seal()]


def test_frames_under_a_key_that_is_not_known_yet_are_taken_when_they_come_after_the_closing_frame():
    machine = gateway_in_clear(gateway_settings())
    _, old, new = rotated()
    assert why_rejected(machine.handle(BundleArrived(EDGE, frames_bundle(new[:1])), T0)) == "signature"
    for frames in (old, new):
        effects = machine.handle(BundleArrived(EDGE, frames_bundle(frames)), T0)
        assert facts(effects, Rejected) == []


def test_a_closing_frame_that_names_no_usable_key_is_not_stored():
    machine = gateway_in_clear(gateway_settings())
    broken = Author(1, "device-1").seal(b"\x80", CLOSING)
    effects = machine.handle(BundleArrived(EDGE, frames_bundle([broken])), T0)
    assert "closing" in why_rejected(effects)
    assert of(effects, WriteRows) == []


def test_closing_frames_are_learned_in_any_order_and_a_rotten_one_is_not():
    device = Author(1, "device-1")
    closings = [device.close() for _ in range(3)]
    last = device.seal()
    book = KeyBook(gateway_settings().devices)
    learn_closings(book, reversed(closings))
    assert book.problem_with(last, peek_record(last)) is None
    book = KeyBook(gateway_settings().devices)
    learn_closings(book, [flipped(closings[0]), *closings[1:]])
    assert book.problem_with(last, peek_record(last)) is not None


def test_rows_under_a_key_that_is_late_are_not_called_wrong_and_read_when_it_comes():
    device, old, new = rotated()
    stores = Stores(auditor(), [*old, *new])
    assert wrong(stores.hear(HeadMoved(device.stream, 2))) == []
    stores.reads.clear()
    stores.hear(HeadMoved(device.stream, 2))
    assert stores.reads == [], "not looked at until the key is known"
    effects = stores.hear(HeadMoved(StreamId(1, 1000), 3))
    sizes = {m.stream: m.size for m in said(effects, EARTH) if isinstance(m, Attestation)}
    assert sizes == {StreamId(1, 1000): 3, device.stream: 2}


def test_a_row_that_no_key_explains_for_long_is_asked_for_again():
    """It may be rot after all."""
    device, _, new = rotated()
    machine = auditor()
    stores = Stores(machine, new)
    assert KEYS in timers(stores.hear(HeadMoved(device.stream, 2)))
    effects = stores.serve(machine.handle(TimerFired(KEYS), T0))
    assert wrong(effects) == [RowsWrong(device.stream, (0,))]
    assert KEYS in timers(effects)


# ------------------------------------------------------------ ledger


def checkpoint(frames: list[bytes]) -> bytes:
    head = Head(stream_of(), len(frames), log_of(frames).root())
    unsigned = Checkpoint(EDGE, 3, T0, bytes(32), (head,))
    return encode(signed_by(EDGE, unsigned))


def test_a_checkpoint_is_archived_when_it_comes_and_cosigned_when_the_ledger_holds_the_cosignature():
    stores = audited(size=20)
    raw = checkpoint(FRAMES[:10])
    effects = hear(stores.machine, CheckpointOffer(raw, ()))
    (arrived, own) = of(effects, KeepCheckpoint)
    assert (arrived.author, arrived.counter, arrived.checkpoint, arrived.cosigns) == (EDGE, 3, raw, ())
    assert of(effects, Send) == []
    effects = stores.machine.handle(CheckpointKept(own.id), T0)
    assert [encode(m) for m in said(effects, EARTH)] == list(own.cosigns)


def test_cosignatures_of_mars_are_archived_when_a_witness_signed_them():
    stores = audited(size=0)
    unsigned = Cosign(EDGE, 3, PEER, bytes(32), ((stream_of(), 10),))
    good = encode(signed_by(PEER, unsigned))
    forged = encode(unsigned._replace(signature=bytes(32)))
    effects = hear(stores.machine, Cosigned((forged, good)))
    assert [kept.cosigns for kept in of(effects, KeepCheckpoint)] == [(good,)]
    assert why_rejected(effects) == "signature"


def test_a_witness_remembers_over_a_restart_what_it_has_cosigned():
    unsigned = Cosign(EDGE, 3, AUDITOR, bytes(32), ((stream_of(), 10),))
    cosign = encode(signed_by(AUDITOR, unsigned))
    stores = audited(stored=Stored(cosigns=(cosign,)))
    effects = stores.hear(CheckpointOffer(checkpoint(FRAMES[:5]), ()))
    assert [m for m in said(effects, EARTH) if isinstance(m, Cosign)] == [], "counter 3 was signed before"


def test_every_gateway_that_there_may_be_hears_the_auditor():
    effects = Stores(auditor(gateways=(EARTH, "earth-2")), FRAMES).hear(HeadMoved(stream_of(), 3))
    heard = {send.destination: decode(send.data) for send in of(effects, Send)}
    assert heard.keys() == {EARTH, "earth-2"}
    assert all(isinstance(message, Attestation) for message in heard.values())
    assert verifier(AUDITOR).verify(audit_part(stream_of(), 3, log_of(FRAMES[:3]).root()), heard["earth-2"].signature)
