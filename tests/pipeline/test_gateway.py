"""Earth's gateway: rows by key, heads for contiguous prefixes only, acks that say no more than the auditor signed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pipeline_parts import (
    AUDITOR,
    EARTH,
    EDGE,
    PEER,
    T0,
    Author,
    S,
    acks_bundle,
    attestation,
    facts,
    frames_bundle,
    frames_of,
    gateway_in_clear,
    gateway_settings,
    log_of,
    of,
    open_plan,
    payloads,
    said,
    stream_of,
    timers,
    verifier,
    why_rejected,
)

from twin.pipeline.facts import Rejected
from twin.pipeline.machine import (
    BundleArrived,
    HeadWritten,
    PlanChanged,
    ReadRows,
    Received,
    RowsRead,
    RowsWritten,
    SamplesReady,
    Started,
    StoreRefused,
    TimerFired,
    Transmit,
    TransmitFailed,
    Transmitted,
    WriteHead,
    WriteRows,
)
from twin.pipeline.nodes.ack_desk import ACK_BYTES_MAX
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.nodes.stored import Stored, StoredStream
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Mailer
from twin.pipeline.wire.frame import peek_record
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import (
    Accept,
    Ack,
    Acks,
    Attestation,
    BackupCopied,
    BackupProved,
    CheckpointOffer,
    Cosign,
    HeadMoved,
    LookAgain,
    MismatchNotice,
    RowsWrong,
    audit_part,
    decode,
    encode,
    signed_part,
)

FRAMES = frames_of(1, 60)
OTHERS = frames_of(2, 3)


def gateway(**changes) -> Gateway:
    machine = gateway_in_clear(gateway_settings(**changes))
    machine.handle(Started(), T0)
    return machine


def arrive(machine: Gateway, frames: Sequence[bytes], edge: str = EDGE, now_us: int = T0):
    return machine.handle(BundleArrived(edge, frames_bundle(frames, edge, now_us)), now_us)


def stored(machine: Gateway, effects, now_us: int = T0):
    """The store takes every batch of rows and every head; all further effects."""
    more, later = list(effects), []
    while more:
        effect = more.pop(0)
        if isinstance(effect, WriteRows):
            answer = machine.handle(RowsWritten(effect.id, ()), now_us)
        elif isinstance(effect, WriteHead):
            answer = machine.handle(HeadWritten(effect.id, True), now_us)
        else:
            continue
        later += answer
        more += answer
    return later


def attested(machine: Gateway, size: int, now_us: int = T0, device: int = 1, source: str = AUDITOR):
    message = attestation((FRAMES if device == 1 else OTHERS)[:size], device)
    return machine.handle(Received(source, encode(message)), now_us)


def acks_in(effects) -> list[Ack]:
    return [decode(raw) for message in payloads(effects) if isinstance(message, Acks) for raw in message.acks]


def delay_over(machine: Gateway, now_us: int = T0 + 2 * S, edge: str = EDGE):
    return machine.handle(TimerFired(f"ack:{edge}"), now_us)


def told(machine: Gateway, now_us: int = T0 + 2 * S) -> Ack:
    """The ack that leaves when the delay is over; the antenna is free again afterwards."""
    effects = delay_over(machine, now_us)
    (transmit,) = of(effects, Transmit)
    machine.handle(Transmitted(transmit.id, EDGE), now_us)
    (ack,) = acks_in(effects)
    return ack


# ------------------------------------------------------------ rows


def test_rows_go_to_the_table_in_batches_of_at_most_25_and_few_at_a_time():
    machine = gateway(writes_under_way_max=2)
    effects = arrive(machine, FRAMES)
    assert [len(write.rows) for write in of(effects, WriteRows)] == [25, 25]
    (third,) = of(machine.handle(RowsWritten(of(effects, WriteRows)[0].id, ()), T0), WriteRows)
    assert [record.index for record, _ in third.rows] == list(range(50, 60))


def test_no_setting_makes_a_batch_larger_than_the_table_takes():
    effects = arrive(gateway(batch_rows=500), FRAMES)
    assert max(len(write.rows) for write in of(effects, WriteRows)) == 25


def test_unprocessed_rows_are_asked_for_again_under_the_same_keys_after_a_wait():
    machine = gateway()
    (write,) = of(arrive(machine, FRAMES[:5]), WriteRows)
    left = tuple(record for record, _ in write.rows[3:])
    effects = machine.handle(RowsWritten(write.id, left), T0)
    assert of(effects, WriteRows) == []
    assert timers(effects)["retry"] == T0 + 50_000
    (again,) = of(machine.handle(TimerFired("retry"), T0 + 50_000), WriteRows)
    assert again.rows == write.rows[3:]


def test_a_refused_batch_is_asked_for_again_later_each_time():
    machine = gateway()
    (write,) = of(arrive(machine, FRAMES[:5]), WriteRows)
    now, waits = T0, []
    for _ in range(11):
        effects = machine.handle(StoreRefused(write.id, "throttled"), now)
        waits.append(timers(effects)["retry"] - now)
        now += waits[-1]
        (again,) = of(machine.handle(TimerFired("retry"), now), WriteRows)
        assert again.rows == write.rows
        write = again
    assert waits == [50_000 << min(n, 8) for n in range(11)]
    machine.handle(RowsWritten(write.id, ()), now)
    (write,) = of(arrive(machine, FRAMES[5:8], now_us=now), WriteRows)
    assert timers(machine.handle(StoreRefused(write.id, "throttled"), now))["retry"] == now + 50_000


def test_nothing_more_is_asked_of_a_store_that_has_refused():
    machine = gateway()
    (write,) = of(arrive(machine, FRAMES[:5]), WriteRows)
    machine.handle(StoreRefused(write.id, "throttled"), T0)
    assert of(arrive(machine, FRAMES[5:9]), WriteRows) == []
    (again,) = of(machine.handle(TimerFired("retry"), T0 + S), WriteRows)
    assert [record.index for record, _ in again.rows] == list(range(9)), "what was refused goes first"


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (FRAMES[0][:-1] + bytes([FRAMES[0][-1] ^ 1]), "signature"),
        (frames_of(3, 1)[0], "device unknown"),
        (b"", "frame of 0 bytes"),
        (bytes(64), "not a frame of format version 1"),
    ],
    ids=["forged", "unknown device", "empty", "zeros"],
)
def test_a_frame_that_proves_nothing_is_not_stored(frame, reason):
    machine = gateway()
    effects = arrive(machine, [frame])
    assert reason in why_rejected(effects)
    assert of(effects, WriteRows) == []
    assert machine.streams == {}


@pytest.mark.parametrize(
    "data",
    [b"", acks_bundle(), frames_bundle(FRAMES[:1])[:-3]],
    ids=["empty", "for another node", "cut"],
)
def test_a_bundle_that_is_none_for_earth_is_counted(data):
    assert facts(gateway().handle(BundleArrived(EDGE, data), T0), Rejected)


def test_a_bundle_from_no_edge_of_the_habitat_is_refused():
    machine = gateway(edges=gateway_settings().edges[:1])
    assert why_rejected(arrive(machine, FRAMES[:1], PEER)) == "source is no edge of this habitat"


# ------------------------------------------------------------ heads


def test_the_head_moves_only_when_its_rows_are_stored_and_contiguous():
    machine = gateway()
    first = arrive(machine, FRAMES[:2])
    second = arrive(machine, FRAMES[4:6])
    (behind_gap,) = of(second, WriteRows)
    assert of(machine.handle(RowsWritten(behind_gap.id, ()), T0), WriteHead) == []
    (rows,) = of(first, WriteRows)
    (head,) = of(machine.handle(RowsWritten(rows.id, ()), T0), WriteHead)
    assert (head.stream, head.size, head.term) == (stream_of(), 2, 1)
    effects = stored(machine, arrive(machine, FRAMES[2:4]))
    assert of(effects, WriteHead) == [], "one head of a stream is under way at a time"
    (head,) = of(machine.handle(HeadWritten(head.id, True), T0), WriteHead)
    assert head.size == 6


def test_the_auditor_is_told_when_the_head_is_visible_and_not_before():
    machine = gateway()
    (rows,) = of(arrive(machine, FRAMES[:3]), WriteRows)
    effects = machine.handle(RowsWritten(rows.id, ()), T0)
    assert said(effects, AUDITOR) == []
    (head,) = of(effects, WriteHead)
    assert said(machine.handle(HeadWritten(head.id, True), T0), AUDITOR) == [HeadMoved(stream_of(), 3)]


def test_a_refused_head_is_asked_for_again():
    machine = gateway()
    (rows,) = of(arrive(machine, FRAMES[:3]), WriteRows)
    (head,) = of(machine.handle(RowsWritten(rows.id, ()), T0), WriteHead)
    effects = machine.handle(StoreRefused(head.id, "throttled"), T0)
    assert timers(effects) == {"retry": T0 + 50_000}
    (again,) = of(machine.handle(TimerFired("retry"), T0 + 50_000), WriteHead)
    assert (again.size, again.stream) == (3, stream_of())


def test_a_fenced_gateway_stands_down_at_once_and_for_good():
    machine = gateway()
    (rows,) = of(arrive(machine, FRAMES[:3]), WriteRows)
    (head,) = of(machine.handle(RowsWritten(rows.id, ()), T0), WriteHead)
    attested(machine, 3)
    effects = machine.handle(HeadWritten(head.id, False), T0)
    assert len(effects) == 1
    assert "a higher term leads" in why_rejected(effects)
    assert arrive(machine, FRAMES[3:6]) == []
    assert delay_over(machine) == []
    assert machine.handle(TimerFired("backup"), T0 + 3600 * S) == []


# ------------------------------------------------------------ the auditor's word


def test_an_ack_says_what_the_auditor_signed_though_more_is_stored():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:9]))
    attested(machine, 5)
    ack = told(machine)
    log = log_of(FRAMES[:5])
    assert (ack.stream, ack.verified, ack.trim) == (stream_of(), 5, 0)
    assert (ack.root, ack.frontier) == (log.root(), log.frontier())
    assert (ack.term, ack.counter, ack.made_us) == (1, 0, T0 + 2 * S)
    assert verifier(EARTH).verify(signed_part(ack), ack.signature)
    assert verifier(AUDITOR).verify(audit_part(ack.stream, 5, ack.root), ack.audit)


def test_nothing_is_acked_before_the_auditor_has_signed():
    machine = gateway()
    effects = stored(machine, arrive(machine, FRAMES[:9]))
    effects += arrive(machine, FRAMES[:9])
    assert timers(effects) == {f"ack:{EDGE}": T0 + 2 * S}
    assert delay_over(machine) == []


def test_acks_of_several_streams_share_a_bundle():
    machine = gateway()
    stored(machine, arrive(machine, [*FRAMES[:2], *OTHERS]))
    attested(machine, 2)
    attested(machine, 3, device=2)
    acks = acks_in(delay_over(machine))
    assert [(ack.stream, ack.verified, ack.counter) for ack in acks] == [(stream_of(1), 2, 0), (stream_of(2), 3, 1)]


def test_a_repeated_frame_is_acked_again_and_not_stored_again():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:3]))
    attested(machine, 3)
    first = told(machine)
    effects = arrive(machine, FRAMES[:1], now_us=T0 + 10 * S)
    assert of(effects, WriteRows) == []
    again = told(machine, T0 + 12 * S)
    assert again.counter > first.counter
    assert again.verified == 3


def test_acks_go_to_the_edge_that_brought_the_stream_last_and_a_forged_repeat_does_not_redirect_them():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:3]))
    forged = FRAMES[0][:-1] + bytes([FRAMES[0][-1] ^ 1])
    assert facts(arrive(machine, [forged], PEER), Rejected)
    attested(machine, 3)
    assert [transmit.neighbour for transmit in of(delay_over(machine), Transmit)] == [EDGE]
    arrive(machine, FRAMES[:1], PEER)
    assert [transmit.neighbour for transmit in of(delay_over(machine, edge=PEER), Transmit)] == [PEER]


def test_counts_in_acks_never_fall_whatever_order_the_auditors_words_come_in():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:9]))
    attested(machine, 7)
    attested(machine, 4)
    machine.handle(Received(AUDITOR, encode(BackupProved(stream_of(), 6, True))), T0)
    machine.handle(Received(AUDITOR, encode(BackupProved(stream_of(), 3, True))), T0)
    ack = told(machine)
    assert (ack.verified, ack.trim) == (7, 6)


def test_the_backup_cannot_be_proved_beyond_what_is_verified():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:9]))
    attested(machine, 4)
    machine.handle(Received(AUDITOR, encode(BackupProved(stream_of(), 6, True))), T0)
    assert told(machine).trim == 0


def test_an_attestation_of_rows_that_are_not_visible_is_from_another_life():
    machine = gateway()
    arrive(machine, FRAMES[:4])
    assert attested(machine, 4) == []
    assert delay_over(machine) == []


@pytest.mark.parametrize(
    "message",
    [
        Attestation(StreamId(8, 8), 1, bytes(32), (bytes(32),), bytes(32)),
        RowsWrong(StreamId(8, 8), (0,)),
        BackupProved(StreamId(8, 8), 1, True),
        Accept(stream_of(), 1),
    ],
    ids=lambda message: type(message).__name__,
)
def test_words_about_nothing_that_was_sent_are_counted(message):
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:3]))
    effects = machine.handle(Received(AUDITOR, encode(message)), T0)
    assert len(effects) == 1
    assert facts(effects, Rejected)


def test_only_the_auditor_is_listened_to():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:3]))
    assert why_rejected(attested(machine, 3, source="somebody")) == "not from the auditor"
    assert machine.streams[stream_of()].verified == 0


def test_words_without_content_have_no_effect():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:3]))
    assert machine.handle(Received(AUDITOR, encode(RowsWrong(stream_of(), ()))), T0) == []
    assert machine.handle(Received(AUDITOR, b"\xff"), T0) != []


@pytest.mark.parametrize(
    "event", [RowsWritten(99, ()), HeadWritten(99, True), RowsRead(99, ()), HeadWritten(99, False)]
)
def test_answers_that_nobody_waits_for_change_nothing(event):
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:3]))
    machine.handle(event, T0)
    assert not machine.fenced
    assert (machine.streams[stream_of()].stored, machine.streams[stream_of()].visible) == (3, 3)


def test_an_event_of_another_machine_is_refused():
    assert why_rejected(gateway().handle(SamplesReady(0, ()), T0)) == "not an event of a gateway"


# ------------------------------------------------------------ gaps


def gaps_after(machine: Gateway, indices: Sequence[int]) -> Ack:
    stored(machine, arrive(machine, [FRAMES[0]]))
    attested(machine, 1)
    stored(machine, arrive(machine, [FRAMES[index] for index in indices]))
    return told(machine)


def test_an_ack_lists_the_gaps_behind_the_stored_prefix():
    ack = gaps_after(gateway(), [1, 4, 5, 9])
    assert (ack.gaps, ack.gaps_complete_to) == (((2, 4), (6, 9)), 10)


def test_an_ack_without_gaps_says_so():
    ack = gaps_after(gateway(), [1, 2])
    assert (ack.gaps, ack.gaps_complete_to) == ((), 3)


def test_more_gaps_than_fit_are_listed_as_far_as_the_list_is_complete():
    frames = frames_of(1, 90)
    machine = gateway()
    stored(machine, arrive(machine, frames[:1]))
    attested(machine, 1)
    stored(machine, arrive(machine, frames[2::2]))
    ack = told(machine)
    assert len(ack.gaps) == 32
    assert ack.gaps == tuple((index, index + 1) for index in range(1, 65, 2))
    assert ack.gaps_complete_to == 65, "65 is missing too, but the list does not reach it"


def test_rows_that_wait_for_a_throttled_store_are_no_gaps():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:1]))
    attested(machine, 1)
    (write,) = of(arrive(machine, FRAMES[1:4]), WriteRows)
    machine.handle(RowsWritten(write.id, (RecordId(*stream_of(), 1),)), T0)
    assert told(machine).gaps == ()


def test_a_row_that_the_auditor_finds_wrong_is_a_gap_again_and_the_auditor_hears_when_it_is_mended():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:6]))
    attested(machine, 2)
    machine.handle(Received(AUDITOR, encode(RowsWrong(stream_of(), (3,)))), T0)
    ack = told(machine)
    assert (ack.verified, ack.gaps) == (2, ((3, 4),))
    effects = arrive(machine, FRAMES[3:4], now_us=T0 + 5 * S)
    assert [record.index for record, _ in of(effects, WriteRows)[0].rows] == [3]
    effects = stored(machine, effects)
    assert of(effects, WriteHead) == [], "the head has never fallen"
    assert said(effects, AUDITOR) == [LookAgain(stream_of(), (3,), "table"), HeadMoved(stream_of(), 6)]


def test_the_head_goes_on_when_the_auditor_signs_for_a_row_that_it_called_wrong():
    """It learned the key only afterwards; nothing else comes that would move the head."""
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:4]))
    machine.handle(Received(AUDITOR, encode(RowsWrong(stream_of(), (0,)))), T0)
    effects = stored(machine, arrive(machine, FRAMES[4:7]))
    assert of(effects, WriteHead) == [], "the head waits for row 0"
    (write,) = of(attested(machine, 4), WriteHead)
    assert write.size == 7


def test_a_row_that_rotted_after_it_was_attested_is_asked_of_mars_while_mars_must_still_hold_it():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:6]))
    attested(machine, 6)
    machine.handle(Received(AUDITOR, encode(RowsWrong(stream_of(), (2, 3)))), T0)
    ack = told(machine)
    assert (ack.verified, ack.gaps, ack.gaps_complete_to) == (6, ((2, 4),), 6), "verified never falls"
    effects = arrive(machine, FRAMES[2:4], now_us=T0 + 5 * S)
    assert [record.index for record, _ in of(effects, WriteRows)[0].rows] == [2, 3]
    effects = stored(machine, effects)
    assert said(effects, AUDITOR) == [LookAgain(stream_of(), (2, 3), "table")]
    assert told(machine, T0 + 8 * S).gaps == ()


def test_a_rotten_row_is_asked_of_mars_again_with_every_backup_period_though_the_backup_waits_for_it():
    """The ack that named it may be lost, and nothing else will come of a stream at rest."""
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:3]))
    attested(machine, 3)
    machine.handle(Received(AUDITOR, encode(RowsWrong(stream_of(), (1,)))), T0)
    assert told(machine).gaps == ((1, 2),)
    later_us = T0 + 3_600 * S
    machine.handle(TimerFired("backup"), later_us)
    assert told(machine, later_us + 2 * S).gaps == ((1, 2),)


# ------------------------------------------------------------ ack desk


def test_acks_are_collected_for_the_delay():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:3]))
    assert timers(attested(machine, 2)) == {f"ack:{EDGE}": T0 + 2 * S}
    assert timers(attested(machine, 3, T0 + S)) == {}
    assert told(machine).verified == 3


def test_acks_wait_for_a_contact_and_ask_once_to_be_woken():
    start = T0 + 1000 * S
    plan = ContactPlan([c._replace(start_us=start) for c in open_plan().contacts])
    machine = gateway(plan=plan)
    stored(machine, arrive(machine, FRAMES[:3]))
    attested(machine, 2)
    assert timers(delay_over(machine)) == {f"contact:{EDGE}": start}
    assert timers(attested(machine, 3, T0 + 3 * S)) == {}
    (ack,) = acks_in(machine.handle(TimerFired(f"contact:{EDGE}"), start))
    assert (ack.verified, ack.made_us) == (3, start), "composed when it leaves, not when it was due"


def test_acks_that_never_left_are_due_again():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:3]))
    attested(machine, 3)
    (transmit,) = of(delay_over(machine), Transmit)
    effects = machine.handle(TransmitFailed(transmit.id, EDGE, "no contact"), T0 + 2 * S)
    assert of(effects, Transmit) == []
    assert timers(effects) == {f"contact:{EDGE}": T0 + 12 * S}
    (ack,) = acks_in(machine.handle(TimerFired(f"contact:{EDGE}"), T0 + 12 * S))
    assert (ack.verified, ack.counter) == (3, 1)


def test_a_new_plan_opens_the_desk():
    machine = gateway(plan=ContactPlan())
    stored(machine, arrive(machine, FRAMES[:3]))
    attested(machine, 3)
    assert delay_over(machine) == []
    assert acks_in(machine.handle(PlanChanged(open_plan()), T0 + 5 * S))


def cosignature(counter: int, streams: int = 1) -> bytes:
    sizes = tuple((StreamId(n, n), 1) for n in range(streams))
    return encode(Cosign(EDGE, counter, AUDITOR, bytes(32), sizes, signature=bytes(64)))


def test_only_the_newest_cosignature_goes_to_its_edge():
    machine = gateway()
    for counter in range(3):
        machine.handle(Received(AUDITOR, cosignature(counter)), T0)
    (message,) = payloads(delay_over(machine))
    assert message == Acks((), (cosignature(2),))


@pytest.mark.parametrize("bytes_max", [100, 2_000, 64_000])
def test_no_size_of_bundles_keeps_acks_or_cosignatures_on_earth_or_makes_a_loop(bytes_max):
    machine = gateway(bundle_bytes_max=bytes_max)
    stored(machine, arrive(machine, [*FRAMES[:3], *OTHERS]))
    attested(machine, 3)
    attested(machine, 3, device=2)
    machine.handle(Received(AUDITOR, cosignature(0, streams=400)), T0)
    now, seen, effects = T0 + 2 * S, [], delay_over(machine)
    for _ in range(5):
        for message in payloads(effects):
            seen += [decode(raw).stream for raw in message.acks] + list(message.cosigns)
        assert all(at_us > now for at_us in timers(effects).values())
        effects = [
            effect
            for transmit in of(effects, Transmit)
            for effect in machine.handle(Transmitted(transmit.id, EDGE), now)
        ]
    assert seen == [stream_of(1), stream_of(2), cosignature(0, streams=400)]


def test_a_cosignature_too_large_for_the_rest_of_a_contact_waits_for_the_next():
    small = open_plan().between(EARTH, EDGE)[0]
    now = T0 + 2 * S
    short = small._replace(end_us=now + 3_000 * 8 * S // small.rate_bps)
    plan = ContactPlan([short, small._replace(start_us=T0 + 500 * S, end_us=T0 + 900 * S)])
    machine = gateway(plan=plan)
    machine.handle(Received(AUDITOR, cosignature(0, streams=400)), T0)
    assert timers(delay_over(machine)) == {f"contact:{EDGE}": T0 + 500 * S}
    assert payloads(machine.handle(TimerFired(f"contact:{EDGE}"), T0 + 500 * S)) == [
        Acks((), (cosignature(0, streams=400),))
    ]


def test_an_ack_at_its_longest_fits_the_room_that_is_kept_for_it():
    u64 = (1 << 64) - 1
    longest = Ack(
        StreamId(u64, u64), u64, bytes(32), (bytes(32),) * 32, u64, ((u64 >> 32, u64 >> 32),) * 32, u64 >> 32,
        1 << 62, u64, u64, bytes(64), bytes(64),
    )  # fmt: skip
    assert len(encode(longest)) + 3 <= ACK_BYTES_MAX


# ------------------------------------------------------------ backup


def test_a_backup_job_reads_the_table_writes_the_backup_and_asks_the_auditor():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:30]))
    attested(machine, 30)
    effects = machine.handle(TimerFired("backup"), T0 + 3600 * S)
    assert timers(effects)["backup"] == T0 + 7200 * S
    (read,) = of(effects, ReadRows)
    assert (read.store, read.first, read.end) == ("table", 0, 25)
    (write,) = of(machine.handle(RowsRead(read.id, tuple(FRAMES[:25])), T0), WriteRows)
    assert (write.store, [frame for _, frame in write.rows]) == ("backup", FRAMES[:25])
    (read,) = of(machine.handle(RowsWritten(write.id, ()), T0), ReadRows)
    assert (read.first, read.end) == (25, 30)
    (write,) = of(machine.handle(RowsRead(read.id, tuple(FRAMES[25:30])), T0), WriteRows)
    assert said(machine.handle(RowsWritten(write.id, ()), T0), AUDITOR) == [BackupCopied(stream_of(), 30)]
    assert machine.streams[stream_of()].trim == 0, "only the auditor's word counts"
    machine.handle(Received(AUDITOR, encode(BackupProved(stream_of(), 30, True))), T0)
    assert told(machine).trim == 30


def test_a_backup_that_is_not_proved_moves_nothing_and_is_copied_again():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:3]))
    attested(machine, 3)
    for hour in (1, 2):
        (read,) = of(machine.handle(TimerFired("backup"), T0 + hour * 3600 * S), ReadRows)
        (write,) = of(machine.handle(RowsRead(read.id, tuple(FRAMES[:3])), T0), WriteRows)
        machine.handle(RowsWritten(write.id, ()), T0)
        machine.handle(Received(AUDITOR, encode(BackupProved(stream_of(), 3, False))), T0)
        assert machine.streams[stream_of()].trim == 0


def test_a_throttled_backup_writes_the_rest_under_the_same_keys_and_reads_nothing_twice():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:5]))
    attested(machine, 5)
    (read,) = of(machine.handle(TimerFired("backup"), T0 + 3600 * S), ReadRows)
    effects = machine.handle(StoreRefused(read.id, "throttled"), T0)
    assert of(effects, ReadRows) == []
    (read,) = of(machine.handle(TimerFired("retry"), T0), ReadRows)
    (write,) = of(machine.handle(RowsRead(read.id, tuple(FRAMES[:5])), T0), WriteRows)
    machine.handle(RowsWritten(write.id, (write.rows[1][0],)), T0)
    (again,) = of(machine.handle(TimerFired("retry"), T0), WriteRows)
    assert again.rows == write.rows[1:2]
    effects = machine.handle(RowsWritten(again.id, ()), T0)
    assert of(effects, ReadRows) == []
    assert said(effects, AUDITOR) == [BackupCopied(stream_of(), 5)]


def test_a_row_that_vanished_ends_the_job_and_leaves_the_others():
    machine = gateway()
    stored(machine, arrive(machine, [*FRAMES[:3], *OTHERS]))
    attested(machine, 3)
    attested(machine, 3, device=2)
    (read,) = of(machine.handle(TimerFired("backup"), T0 + 3600 * S), ReadRows)
    effects = machine.handle(RowsRead(read.id, (FRAMES[0], None, FRAMES[2])), T0)
    assert of(effects, WriteRows) == []
    (other,) = of(effects, ReadRows)
    assert other.stream == stream_of(2)


# ------------------------------------------------------------ recovery


def stored_stream(visible: int, signed: int, backed: int, edge: str = EDGE) -> StoredStream:
    return StoredStream(stream_of(), visible, edge, attestation(FRAMES[:signed]), attestation(FRAMES[:backed]))


def new_leader(stream: StoredStream, **more):
    machine = gateway_in_clear(gateway_settings(term=4), Stored((stream,), **more))
    return machine, machine.handle(Started(), T0)


def test_a_new_leader_learns_a_stored_key_when_the_key_before_it_arrives():
    """Of three epochs the last two were stored when it came up; the closing frame between them is still under way."""
    device = Author(1, "device-1")
    closings = [device.close() for _ in range(3)]
    machine, _ = new_leader(stored_stream(0, 0, 0), closings=(closings[0], closings[2]))
    newest = device.seal()
    assert why_rejected(machine.handle(BundleArrived(EDGE, frames_bundle([newest])), T0)) == "signature"
    machine.handle(BundleArrived(EDGE, frames_bundle([closings[1]])), T0)
    assert facts(machine.handle(BundleArrived(EDGE, frames_bundle([newest])), T0), Rejected) == []


def test_a_new_leader_acks_what_stands_beside_heads_under_its_own_term_and_asks_for_what_is_not_read():
    machine, effects = new_leader(stored_stream(6, 5, 2))
    assert said(effects, AUDITOR) == [HeadMoved(stream_of(), 6)]
    ack = told(machine)
    assert (ack.verified, ack.trim, ack.term, ack.counter) == (5, 2, 4, 0)
    assert of(arrive(machine, FRAMES[:6]), WriteRows) == []
    (write,) = of(arrive(machine, FRAMES[6:8]), WriteRows)
    (head,) = of(machine.handle(RowsWritten(write.id, ()), T0), WriteHead)
    assert (head.size, head.term, head.edge) == (8, 4, EDGE)


def beyond(*frames: bytes):
    return tuple((peek_record(frame), frame) for frame in frames)


def test_a_new_leader_goes_on_with_rows_that_stand_beyond_their_head():
    """The edge that sent them may have lost its medium: nobody would answer a gap."""
    machine, effects = new_leader(stored_stream(4, 4, 4), beyond=beyond(FRAMES[4], FRAMES[5], FRAMES[7]))
    assert of(effects, WriteRows) == []
    (head,) = of(effects, WriteHead)
    assert (head.stream, head.size, head.term, head.edge) == (stream_of(), 6, 4, EDGE)
    assert said(machine.handle(HeadWritten(head.id, True), T0), AUDITOR) == [HeadMoved(stream_of(), 6)]
    assert told(machine).gaps == ((6, 7),)
    (write,) = of(arrive(machine, FRAMES[4:8]), WriteRows)
    assert write.rows == ((RecordId(*stream_of(), 6), FRAMES[6]),)


def test_a_new_leader_goes_on_with_rows_of_a_stream_that_has_no_head_yet():
    machine = gateway_in_clear(gateway_settings(term=4), Stored(beyond=beyond(*OTHERS)))
    (head,) = of(machine.handle(Started(), T0), WriteHead)
    assert (head.stream, head.size) == (stream_of(2), len(OTHERS))


def test_a_row_beyond_its_head_that_no_known_key_signed_waits_for_its_key():
    device = Author(1, "device-1")
    closing, newest = device.close(), device.seal()
    machine, effects = new_leader(stored_stream(0, 0, 0), beyond=beyond(newest))
    assert of(effects, WriteHead) == []
    assert [fact.what for fact in facts(effects, Rejected)] == ["row of the table"]
    machine.handle(BundleArrived(EDGE, frames_bundle([closing])), T0)
    (head,) = of(machine.handle(TimerFired("backup"), T0 + 3600 * S), WriteHead)
    assert (head.stream, head.size) == (peek_record(newest).stream, 1)


def test_a_row_beyond_its_head_that_has_rotted_is_left_alone_and_taken_from_mars():
    rotten = FRAMES[4][:-1] + bytes([FRAMES[4][-1] ^ 1])
    swapped = ((RecordId(*stream_of(), 5), FRAMES[6]),)
    machine, effects = new_leader(stored_stream(4, 4, 4), beyond=beyond(rotten) + swapped)
    assert of(effects, WriteHead) == []
    assert len(facts(effects, Rejected)) == 2
    (write,) = of(arrive(machine, FRAMES[4:6]), WriteRows)
    assert write.rows == beyond(*FRAMES[4:6])
    assert facts(machine.handle(TimerFired("backup"), T0 + 3600 * S), Rejected) == []


def test_a_late_word_of_a_wrong_row_leaves_no_gap_once_the_auditor_has_signed_past_it():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:6]))
    machine.handle(Received(AUDITOR, encode(RowsWrong(stream_of(), (0,)))), T0)
    attested(machine, 6)
    ack = told(machine)
    assert (ack.verified, ack.gaps) == (6, ()), "Mars may have trimmed what would be asked for"


def test_acks_of_a_stream_whose_last_edge_is_not_known_go_to_all_edges():
    machine, _ = new_leader(stored_stream(6, 6, 6, edge=""))
    effects = delay_over(machine) + delay_over(machine, edge=PEER)
    assert [transmit.neighbour for transmit in of(effects, Transmit)] == [EDGE, PEER]


def test_what_the_auditor_may_not_have_heard_is_said_again_every_backup_period():
    machine = gateway()
    stored(machine, arrive(machine, FRAMES[:4]))
    assert said(machine.handle(TimerFired("backup"), T0 + 3600 * S), AUDITOR) == [HeadMoved(stream_of(), 4)]
    attested(machine, 4)
    assert said(machine.handle(TimerFired("backup"), T0 + 7200 * S), AUDITOR) == []


def test_checkpoints_and_notices_are_passed_to_the_auditor_as_they_came():
    machine = gateway()
    for message in (CheckpointOffer(b"whatever", ()), MismatchNotice(stream_of(), 3, bytes(32))):
        mailer = Mailer(gateway_settings().address._replace(here=(1, 1)))
        data = mailer.bundle((9, 1), encode(message), T0)
        assert said(machine.handle(BundleArrived(EDGE, data), T0), AUDITOR) == [message]
