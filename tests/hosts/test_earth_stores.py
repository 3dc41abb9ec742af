"""Earth's stores and the surgeon's channel, with everything that they can do wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from twin.hosts.models.surgeon_channel import AGAIN_US, ChannelSettings, SurgeonChannel
from twin.hosts.models.table import SILENCE_US, Table, TableSettings
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.ledger.merkle import MerkleLog, leaf_hash
from twin.pipeline.machine import (
    AlertMarked,
    AlertNotTold,
    AlertPut,
    AlertTold,
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
    Started,
    StoreRefused,
    StoreSilent,
    SurgeonAcknowledged,
    SurgeonHeard,
    TellSurgeon,
    WriteAttestation,
    WriteHead,
    WriteRows,
)
from twin.pipeline.wire.frame import (
    ALERT,
    CLOSING,
    SAMPLES,
    Alert,
    Frame,
    Samples,
    encode_alert,
    encode_closing,
    encode_samples,
    seal,
)
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId
from twin.pipeline.wire.messages import Cosign, encode
from twin.pipeline.wire.signing import signer
from twin.trace import AlertStored, RowRotted, RowStored, StoreRestored, SurgeonTold, Trace

S = 1_000_000
STREAM = StreamId(0xFFFF_0000_0000_0001, 7)
KEY = AlertKey(1, 2, 3, "spo2 low")
EDGES = (101, 102)
SETTINGS = TableSettings(write_latency_us=10_000, read_latency_us=10_000, write_rows_per_s=1_000)


def frame(index: int, body: bytes = b"", kind: int = SAMPLES, device: int = STREAM.device) -> bytes:
    body = body or encode_samples(Samples(index, S, ("x",), ((index,),)))
    made = Frame(device, STREAM.epoch, index, kind, index, body)
    return seal(made, apid=1, packet_count=index, signer=signer("hmac-sha256", bytes(32)))


ROWS = tuple((RecordId(*STREAM, n), frame(n)) for n in range(10))


class Recorder:
    """A machine that only remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def handle(self, event: Any, _now_us: int) -> list[Any]:
        if not isinstance(event, Started):
            self.events.append(event)
        return []


class Site:
    def __init__(self) -> None:
        self.facts: list[Any] = []
        self.trace = Trace()
        for kind in (AlertStored, RowRotted, RowStored, StoreRestored, SurgeonTold):
            self.trace.subscribe(kind, lambda _at, _node, fact: self.facts.append(fact))
        self.host = SimulatedHost(0, self.trace)
        self.backup = Table(self.host, "backup", ":memory:", SETTINGS)
        self.table = Table(self.host, "table", ":memory:", SETTINGS, self.backup)
        self.start()

    def start(self) -> None:
        self.node = Recorder()
        self.host.start("earth", self.node)

    def crash(self) -> None:
        self.host.stop("earth", 0, 0)

    def run(self, seconds: float = 5) -> list[Any]:
        """Let time pass; what the node was told."""
        self.node.events.clear()
        self.host.env.run(until=self.host.now_us + int(seconds * S))
        return list(self.node.events)

    def write(self, rows: Any = ROWS, store: str = "table") -> list[Any]:
        (self.table if store == "table" else self.backup).write_rows("earth", WriteRows(1, store, tuple(rows)))
        return self.run()

    def read(self, first: int = 0, end: int = 10) -> tuple[bytes | None, ...]:
        self.table.read_rows("earth", ReadRows(2, "table", STREAM, first, end))
        (answer,) = self.run()
        assert isinstance(answer, RowsRead)
        return answer.frames

    def head(self, size: int, term: int) -> bool:
        self.table.write_head("earth", WriteHead(3, STREAM, size, term, "edge-1"))
        (answer,) = self.run()
        assert isinstance(answer, HeadWritten)
        return answer.ok

    def attest(self, size: int, store: str) -> None:
        log = MerkleLog()
        log.extend(leaf_hash(row) for _, row in ROWS[:size])
        statement = WriteAttestation(4, store, STREAM, size, log.root(), tuple(log.frontier()), b"signed")
        (self.table if store == "table" else self.backup).write_attestation("earth", statement)
        self.run()

    def put(self, edge: int = EDGES[0]) -> AlertPut:
        body = encode_alert(Alert(KEY, 0, 3, "low"))
        self.table.put_alert("earth", PutAlert(5, KEY, frame(0, body, ALERT, edge)))
        (answer,) = self.run()
        assert isinstance(answer, AlertPut)
        return answer

    def of(self, kind: type[Any]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


@pytest.fixture(name="site")
def a_site() -> Iterator[Site]:
    site = Site()
    yield site
    site.table.close()
    site.backup.close()


def chance(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


# ------------------------------------------------------------ rows


def test_rows_left_out_come_back_as_unprocessed_and_are_not_stored(site):
    site.table.leave_rows_out(0.5, chance())
    (answer,) = site.write()
    left = {record.index for record in answer.unprocessed}
    assert 0 < len(left) < 10
    assert {n for n, row in enumerate(site.read()) if row is None} == left
    site.table.leave_rows_out(0, None)
    assert site.write() == [RowsWritten(1, ())]


def test_a_batch_of_which_everything_is_left_out_is_refused(site):
    site.table.leave_rows_out(1.0, chance())
    assert [type(answer) for answer in site.write()] == [StoreRefused]


def test_silence_comes_after_the_fact_and_late(site):
    site.table.fall_silent(1.0, chance())
    site.table.write_rows("earth", WriteRows(1, "table", ROWS))
    assert site.run(SILENCE_US / S) == []
    assert site.run() == [StoreSilent(1)]
    site.table.fall_silent(0, None)
    assert site.read() == tuple(row for _, row in ROWS)


def test_a_stale_read_misses_what_was_written_a_moment_ago(site):
    site.write(ROWS[:5])
    site.run(100)
    site.table.read_stale(1.0, chance(), 60 * S)
    site.write(ROWS[5:])
    assert [row is None for row in site.read()] == [False] * 5 + [True] * 5
    site.run(60)
    assert None not in site.read()


def test_a_request_of_a_node_that_crashed_is_carried_out_and_answers_nobody(site):
    site.table.write_rows("earth", WriteRows(1, "table", ROWS))
    site.crash()
    site.start()
    assert site.run() == []
    assert None not in site.read()


def test_rot_flips_one_bit_and_says_so(site):
    assert site.table.rot(chance()) is None, "nothing to rot"
    site.write()
    record = site.table.rot(chance())
    changed = [(n, row) for n, row in enumerate(site.read()) if row != ROWS[n][1]]
    ((index, rotten),) = changed
    assert record == RecordId(*STREAM, index)
    bits = sum((a ^ b).bit_count() for a, b in zip(rotten, ROWS[index][1], strict=True))
    assert bits == 1
    assert [(fact.store, fact.record) for fact in site.of(RowRotted)] == [("table", record)]


def test_rot_can_be_aimed(site):
    site.write()
    assert site.table.rot(chance(), RecordId(*STREAM, 4)) == RecordId(*STREAM, 4)
    assert site.table.rot(chance(), RecordId(*STREAM, 44)) is None


# ------------------------------------------------------------ leaders


def test_a_leader_is_fenced_off_everywhere_before_its_successor_reads_the_store(site):
    """Also from streams that the successor has never heard of."""
    site.table.lead(1)
    assert site.head(3, term=1)
    site.table.write_head("earth", WriteHead(9, STREAM._replace(epoch=8), 1, 1, "edge-1"))
    found = site.table.lead(2)
    assert [(stream.stream, stream.visible) for stream in found.streams] == [(STREAM, 3)]
    assert site.run() == [HeadWritten(9, False)], "it was on its way when the successor read"
    assert not site.head(4, term=1)
    assert site.head(4, term=2)


def test_a_term_never_falls(site):
    site.table.lead(5)
    site.table.lead(3)
    assert not site.head(1, term=4)


def test_a_statement_of_fewer_rows_never_replaces_one_of_more(site):
    site.head(10, 0)
    site.attest(8, "table")
    site.attest(5, "table")
    (stream,) = site.table.stored().streams
    assert stream.attestation.size == 8
    assert stream.backed is None


# ------------------------------------------------------------ alerts and ledger


def test_an_alert_is_stored_once_and_every_bearer_is_noted(site):
    assert site.put() == AlertPut(5, True, False, None)
    assert site.put(EDGES[1]) == AlertPut(5, False, False, None)
    assert [fact.repeated for fact in site.of(AlertStored)] == [False, True]
    (alert,) = site.table.stored().alerts
    assert (alert.alert, alert.told, alert.acknowledged_us, alert.owed) == (KEY, False, None, EDGES)


def test_an_alert_is_open_until_it_is_told_acknowledged_and_known_to_all_who_brought_it(site):
    site.put()
    site.put(EDGES[1])
    marks: list[Any] = [
        MarkAlertTold(6, KEY),
        MarkAlertAcknowledged(7, KEY, 99),
        MarkAlertAcknowledged(8, KEY, 111),
        MarkReceiptTaken(9, KEY, EDGES[0]),
    ]
    for mark in marks:
        site.table.mark_alert("earth", mark)
        assert site.run() == [AlertMarked(mark.id)]
    (alert,) = site.table.stored().alerts
    assert (alert.told, alert.acknowledged_us, alert.owed) == (True, 99, EDGES[1:])
    site.table.mark_alert("earth", MarkReceiptTaken(10, KEY, EDGES[1]))
    site.run()
    assert site.table.stored().alerts == ()
    assert site.put() == AlertPut(5, False, True, 99)


def test_a_checkpoint_and_its_cosignatures_meet_in_one_row_in_any_order(site):
    cosigns = [encode(Cosign("edge-1", 4, witness, bytes(32), (), (), b"", b"s")) for witness in ("edge-2", "auditor")]
    for kept in (
        KeepCheckpoint(1, "edge-1", 4, bytes(32), b"", (cosigns[0],)),
        KeepCheckpoint(2, "edge-1", 4, bytes(32), b"checkpoint", ()),
        KeepCheckpoint(3, "edge-1", 4, bytes(32), b"checkpoint", tuple(cosigns)),
    ):
        site.table.keep_checkpoint("earth", kept)
        assert site.run() == [CheckpointKept(kept.id)]
    ((author, counter, raw),) = site.table.medium.db.execute("SELECT author, counter, checkpoint FROM ledger")
    assert (author, counter, raw) == ("edge-1", 4, b"checkpoint")
    assert set(site.table.stored().cosigns) == set(cosigns)


def test_closing_frames_are_handed_to_who_starts(site):
    closing = frame(3, encode_closing(3, 8, "hmac-sha256", bytes(32)), CLOSING)
    site.write([*ROWS[:3], (RecordId(*STREAM, 3), closing)])
    assert site.table.stored().closings == (closing,)


def test_rows_that_no_head_covers_are_handed_to_who_starts(site):
    site.write([*ROWS[:4], *ROWS[6:8]])
    assert site.table.stored().beyond == ROWS[:4] + ROWS[6:8]
    site.head(3, term=1)
    assert site.table.stored().beyond == (ROWS[3], *ROWS[6:8])


# ------------------------------------------------------------ restore


def test_a_restore_brings_back_what_the_backup_proved_and_all_alerts(site):
    site.table.lead(1)
    site.write()
    site.write(ROWS[:8], "backup")
    site.head(10, 1)
    site.attest(10, "table")
    site.attest(6, "backup")
    site.put()
    found = site.table.restore_from_backup(2)
    (stream,) = found.streams
    assert (stream.visible, stream.attestation.size, stream.backed.size) == (6, 6, 6)
    assert site.read() == tuple(row for _, row in ROWS[:6]) + (None,) * 4
    assert [alert.alert for alert in found.alerts] == [KEY]
    assert site.of(StoreRestored) == [StoreRestored(((*STREAM, 6),))]
    assert not site.head(7, term=1)
    assert site.head(7, term=2)


def test_a_request_that_was_on_its_way_to_the_lost_store_never_reaches_the_new_one(site):
    site.attest(0, "backup")
    site.table.write_rows("earth", WriteRows(1, "table", ROWS))
    site.table.restore_from_backup(2)
    assert site.run() == [StoreSilent(1)]
    assert site.table.count_rows() == 0


def test_a_store_without_a_backup_cannot_be_restored(site):
    with pytest.raises(ValueError, match="there is no backup"):
        site.backup.restore_from_backup(2)


# ------------------------------------------------------------ the surgeon's channel


def channel(site: Site, *gateways: str) -> SurgeonChannel:
    return SurgeonChannel(site.host, ChannelSettings(500_000, 60 * S), gateways or ("earth",))


def test_a_message_is_taken_and_the_surgeon_answers_until_the_gateway_has_noted_it(site):
    surgeon = channel(site)
    surgeon.tell("earth", TellSurgeon(1, KEY, "low"))
    assert site.run() == [AlertTold(1)]
    assert site.run(60) == [SurgeonAcknowledged(KEY)]
    assert site.run(AGAIN_US / S) == [SurgeonAcknowledged(KEY)]
    surgeon.heard("earth", SurgeonHeard(KEY))
    assert site.run(600) == []


def test_a_message_that_comes_again_is_counted_and_answered_once(site):
    surgeon = channel(site)
    for number in (1, 2):
        surgeon.tell("earth", TellSurgeon(number, KEY, "low"))
    site.run()
    assert surgeon.repeats == 1
    assert [fact.times for fact in site.of(SurgeonTold)] == [1, 2]
    assert site.run(60) == [SurgeonAcknowledged(KEY)]


def test_a_channel_that_is_down_names_no_time_and_a_busy_one_does(site):
    surgeon = channel(site)
    surgeon.go_down(10 * S)
    surgeon.be_busy(30 * S, 7 * S)
    answers = []
    for number in range(3):
        surgeon.tell("earth", TellSurgeon(number, KEY, "low"))
        answers += site.run(15)
    assert answers == [AlertNotTold(0, 0), AlertNotTold(1, 7 * S), AlertTold(2)]
    assert len(site.of(SurgeonTold)) == 1


def test_a_gateway_hears_the_surgeon_although_another_has_noted_the_answer(site):
    surgeon = channel(site, "earth", "earth-2")
    surgeon.tell("earth", TellSurgeon(1, KEY, "low"))
    site.run()
    surgeon.heard("earth-2", SurgeonHeard(KEY))
    assert SurgeonAcknowledged(KEY) in site.run(61)


def test_answers_of_the_channel_reach_no_later_life(site):
    surgeon = channel(site)
    surgeon.tell("earth", TellSurgeon(1, KEY, "low"))
    site.crash()
    site.start()
    assert site.run() == []
