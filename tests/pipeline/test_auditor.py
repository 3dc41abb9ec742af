"""Earth's auditor: it signs what it has read back and verified, cosigns what matches, and says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from auditor_parts import auditor, hear, served
from pipeline_parts import (
    AUDITOR,
    EARTH,
    EDGE,
    PEER,
    T0,
    S,
    attestation,
    facts,
    frames_of,
    log_of,
    of,
    said,
    signed_by,
    stream_of,
    timers,
    verifier,
    why_rejected,
)

from twin.pipeline.facts import Attested, HeadCosigned, Rejected, RootMismatch, WitnessRefused
from twin.pipeline.machine import (
    AttestationWritten,
    CheckpointKept,
    KeepCheckpoint,
    ReadRows,
    Received,
    RowsRead,
    SetTimer,
    StoreRefused,
    Synced,
    TimerFired,
    WriteAttestation,
)
from twin.pipeline.nodes.auditor import Auditor
from twin.pipeline.nodes.stored import Stored, StoredStream
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import (
    Accept,
    Attestation,
    BackupCopied,
    BackupProved,
    Checkpoint,
    CheckpointOffer,
    Cosign,
    Head,
    HeadMoved,
    MismatchNotice,
    RowsWrong,
    audit_part,
    encode,
    signed_part,
)

FRAMES = frames_of(1, 30)
OTHERS = frames_of(2, 30)
TABLE = {stream_of(1): FRAMES, stream_of(2): OTHERS}


def heard(machine: Auditor, message, table=TABLE, backup=TABLE):
    """What follows a message when the stores answer."""
    return served(machine, hear(machine, message), table, backup)


def audited(machine: Auditor, size: int, device: int = 1, **stores):
    return heard(machine, HeadMoved(stream_of(device), size), **stores)


def sizes_attested(effects) -> list[int]:
    return [message.size for message in said(effects, EARTH) if isinstance(message, Attestation)]


# ------------------------------------------------------------ reading back


def test_rows_are_read_back_in_bounded_pieces_before_anything_is_signed():
    effects = audited(auditor(), 25)
    assert [(read.first, read.end) for read in of(effects, ReadRows)] == [(0, 10), (10, 20), (20, 25)]
    log = log_of(FRAMES[:25])
    assert facts(effects, Attested) == [Attested(stream_of(), 25, log.root())]
    (message,) = said(effects, EARTH)
    assert (message.size, message.root, message.frontier) == (25, log.root(), log.frontier())
    assert verifier(AUDITOR).verify(audit_part(stream_of(), 25, log.root()), message.signature)


def test_the_gateway_hears_of_an_attestation_only_when_it_is_stored():
    machine = auditor()
    effects = hear(machine, HeadMoved(stream_of(), 3))
    effects = machine.handle(RowsRead(of(effects, ReadRows)[0].id, tuple(FRAMES[:3])), T0)
    assert said(effects, EARTH) == []
    (name,) = of(effects, WriteAttestation)
    assert (name.store, name.size) == ("backup", 0), "a restored table must know that it has lost a stream"
    effects = machine.handle(AttestationWritten(name.id), T0)
    assert said(effects, EARTH) == []
    (write,) = of(effects, WriteAttestation)
    assert (write.store, write.size) == ("table", 3)
    assert [message.size for message in said(machine.handle(AttestationWritten(write.id), T0), EARTH)] == [3]


def test_each_row_is_read_once():
    machine = auditor()
    audited(machine, 4)
    assert [(read.first, read.end) for read in of(audited(machine, 9), ReadRows)] == [(4, 9)]


def test_a_root_is_of_everything_below_the_head_not_of_what_was_read_last():
    machine = auditor()
    audited(machine, 4)
    (message,) = said(audited(machine, 9), EARTH)
    assert message.root == log_of(FRAMES[:9]).root()


FORGED = FRAMES[2][:-1] + bytes([FRAMES[2][-1] ^ 1])


@pytest.mark.parametrize(
    "row",
    [None, FORGED, FRAMES[3], OTHERS[2], b"", bytes(100)],
    ids=["missing", "forged", "misplaced", "another stream's", "empty", "no frame"],
)
def test_a_row_that_is_not_what_its_device_signed_is_named_and_nothing_beyond_it_is_signed(row):
    machine = auditor()
    bad = {stream_of(): [*FRAMES[:2], row, *FRAMES[3:]]}
    effects = audited(machine, 6, table=bad)
    assert RowsWrong(stream_of(), (2,)) in said(effects, EARTH)
    assert sizes_attested(effects) == [2], "what stands before it is good"
    effects = audited(machine, 6)
    assert sizes_attested(effects)[-1] == 6, "once it is mended"


def test_rows_of_a_device_that_nobody_registered_are_wrong():
    machine = auditor(devices={})
    assert said(audited(machine, 2), EARTH) == [RowsWrong(stream_of(), (0,))]


def test_an_attestation_that_was_lost_is_said_again_when_the_gateway_asks():
    machine = auditor()
    audited(machine, 5)
    effects = hear(machine, HeadMoved(stream_of(), 5))
    assert sizes_attested(effects) == [5]
    assert of(effects, ReadRows) == []


def test_an_older_attestation_never_overwrites_a_newer_one():
    """One write of a stream is under way; what is refused is stored before anything newer is asked."""
    machine = auditor()
    effects = hear(machine, HeadMoved(stream_of(), 3))
    (write,) = of(machine.handle(RowsRead(of(effects, ReadRows)[0].id, tuple(FRAMES[:3])), T0), WriteAttestation)
    machine.handle(StoreRefused(write.id, "throttled"), T0)
    hear(machine, HeadMoved(stream_of(), 6))
    effects = machine.handle(TimerFired("retry"), T0 + 50_000)
    assert of(effects, WriteAttestation) == [write]
    effects = machine.handle(RowsRead(of(effects, ReadRows)[0].id, tuple(FRAMES[3:6])), T0)
    assert of(effects, WriteAttestation) == []
    (newer,) = of(machine.handle(AttestationWritten(write.id), T0), WriteAttestation)
    assert newer.size == 6


def test_refused_reads_and_writes_are_asked_for_again_later_each_time():
    machine = auditor()
    (read,) = of(hear(machine, HeadMoved(stream_of(), 3)), ReadRows)
    now, waits = T0, []
    for _ in range(3):
        waits.append(timers(machine.handle(StoreRefused(read.id, "throttled"), now))["retry"] - now)
        (again,) = of(machine.handle(TimerFired("retry"), now), ReadRows)
        assert (again.first, again.end) == (read.first, read.end)
        read = again
    assert waits == [50_000, 100_000, 200_000]
    (write,) = of(machine.handle(RowsRead(read.id, tuple(FRAMES[:3])), now), WriteAttestation)
    effects = machine.handle(StoreRefused(write.id, "throttled"), now)
    assert [type(effect) for effect in effects] == [SetTimer]
    assert of(machine.handle(TimerFired("retry"), now), WriteAttestation) == [write]


# ------------------------------------------------------------ doubts


def test_a_mismatch_notice_makes_the_auditor_read_again_and_name_what_has_rotted():
    machine = auditor()
    audited(machine, 15)
    rotten = {stream_of(): [*FRAMES[:4], FORGED, *FRAMES[5:12], None, *FRAMES[13:]]}
    notice = MismatchNotice(stream_of(), 15, bytes(32))
    effects = heard(machine, notice, table=rotten)
    assert [(read.first, read.end) for read in of(effects, ReadRows)] == [(0, 8), (8, 15)]
    assert said(effects, EARTH) == [RowsWrong(stream_of(), (4,)), RowsWrong(stream_of(), (12,))]
    assert said(heard(machine, notice), EARTH) == []


def test_a_notice_that_comes_during_a_read_does_not_confuse_its_answer():
    """New rows held against the leaves of old ones would all be called wrong."""
    machine = auditor()
    audited(machine, 5)
    (read,) = of(hear(machine, HeadMoved(stream_of(), 9)), ReadRows)
    (again,) = of(hear(machine, MismatchNotice(stream_of(), 5, bytes(32))), ReadRows)
    effects = served(machine, machine.handle(RowsRead(read.id, tuple(FRAMES[5:9])), T0), TABLE, TABLE)
    effects += served(machine, machine.handle(RowsRead(again.id, tuple(FRAMES[:5])), T0), TABLE, TABLE)
    assert not [message for message in said(effects, EARTH) if isinstance(message, RowsWrong)]
    assert sizes_attested(effects) == [9]


def test_a_notice_about_a_stream_that_nobody_knows_leaves_no_trace():
    machine = auditor()
    assert hear(machine, MismatchNotice(StreamId(7, 7), 5, bytes(32))) == []
    assert machine.streams == {}


def test_a_second_notice_during_a_check_does_not_start_it_over():
    machine = auditor()
    audited(machine, 15)
    (read,) = of(hear(machine, MismatchNotice(stream_of(), 15, bytes(32))), ReadRows)
    assert hear(machine, MismatchNotice(stream_of(), 15, bytes(32))) == []
    (read,) = of(machine.handle(RowsRead(read.id, tuple(FRAMES[:8])), T0), ReadRows)
    assert (read.first, read.end) == (8, 15)


# ------------------------------------------------------------ backup


def proofs(effects) -> list[tuple[int, bool]]:
    return [(message.size, message.ok) for message in said(effects, EARTH) if isinstance(message, BackupProved)]


def backed(machine: Auditor, size: int, **stores):
    return heard(machine, BackupCopied(stream_of(), size), **stores)


def test_the_backup_counts_when_its_rows_hash_to_the_root_of_the_table():
    machine = auditor()
    audited(machine, 20)
    effects = backed(machine, 12)
    assert {read.store for read in of(effects, ReadRows)} == {"backup"}
    assert proofs(effects) == [(12, True)]
    assert [(read.first, read.end) for read in of(backed(machine, 20), ReadRows)] == [(12, 20)]


@pytest.mark.parametrize("row", [None, FORGED, b""], ids=["missing", "changed", "empty"])
def test_a_backup_that_differs_does_not_count_until_it_is_copied_again(row):
    machine = auditor()
    audited(machine, 20)
    backed(machine, 5)
    bad = {stream_of(): [*FRAMES[:8], row, *FRAMES[9:]]}
    effects = backed(machine, 12, backup=bad)
    assert proofs(effects) == [(12, False)]
    assert facts(effects, RootMismatch)
    assert proofs(backed(machine, 20)) == [(20, True)]


def test_a_proof_that_was_lost_is_said_again_when_the_gateway_asks():
    machine = auditor()
    audited(machine, 8)
    backed(machine, 8)
    effects = hear(machine, BackupCopied(stream_of(), 8))
    assert proofs(effects) == [(8, True)]
    assert of(effects, ReadRows) == []


def test_a_backup_of_what_was_never_attested_is_not_proved():
    machine = auditor()
    audited(machine, 4)
    effects = hear(machine, BackupCopied(stream_of(), 9))
    assert proofs(effects) == [(9, False)]
    assert of(effects, ReadRows) == []


# ------------------------------------------------------------ witness on Earth


def checkpoint(
    counter: int,
    frames: dict[int, Sequence[bytes]],
    author: str = EDGE,
    key: str | None = None,
    chained: bool | None = None,
):
    """A checkpoint as it reaches Earth; all but the first name the one before, unless `chained` says otherwise."""
    heads = tuple(Head(stream_of(d), len(rows), log_of(rows).root()) for d, rows in frames.items())
    previous = bytes(32) if (counter > 0 if chained is None else chained) else b""
    unsigned = Checkpoint(author, counter, T0, previous, heads)
    signed = signed_by(key or author, unsigned)
    return CheckpointOffer(encode(signed), ())


def cosigned(effects) -> list[tuple[str, int, dict]]:
    return [(m.author, m.counter, dict(m.sizes)) for m in said(effects, EARTH) if isinstance(m, Cosign)]


def test_a_checkpoint_is_cosigned_when_the_rows_below_every_head_have_been_read():
    machine = auditor()
    audited(machine, 5)
    offer = checkpoint(0, {1: FRAMES[:7], 2: OTHERS[:2]})
    assert cosigned(heard(machine, offer)) == []
    assert cosigned(audited(machine, 9)) == []
    effects = audited(machine, 2, device=2)
    assert cosigned(effects) == [(EDGE, 0, {stream_of(1): 7, stream_of(2): 2})]
    assert [fact.size for fact in facts(effects, HeadCosigned)] == [7, 2]
    (cosign,) = [m for m in said(effects, EARTH) if isinstance(m, Cosign)]
    assert verifier(AUDITOR).verify(signed_part(cosign), cosign.signature)


def test_a_head_whose_root_is_not_that_of_the_table_is_not_cosigned():
    machine = auditor()
    audited(machine, 9)
    effects = heard(machine, checkpoint(0, {1: [*FRAMES[:4], OTHERS[0]]}))
    assert cosigned(effects) == []
    assert facts(effects, RootMismatch) == [RootMismatch(stream_of(), 5)]
    assert cosigned(heard(machine, checkpoint(1, {1: FRAMES[:6]})))


@pytest.mark.parametrize("after", [{1: FRAMES[:4]}, {2: OTHERS[:2]}], ids=["shrunken", "left out"])
def test_a_stream_that_has_shrunk_since_the_last_checkpoint_is_refused(after):
    machine = auditor()
    audited(machine, 9)
    audited(machine, 9, device=2)
    heard(machine, checkpoint(0, {1: FRAMES[:6]}))
    effects = heard(machine, checkpoint(1, after))
    assert cosigned(effects) == [(EDGE, 0, {stream_of(): 6})], "the last cosignature is all that it gets"
    assert [fact.stream for fact in facts(effects, WitnessRefused)] == [stream_of()]


def test_a_chain_that_begins_anew_may_leave_a_stream_out_but_not_shrink_it():
    machine = auditor()
    audited(machine, 9)
    audited(machine, 9, device=2)
    heard(machine, checkpoint(0, {1: FRAMES[:6], 2: OTHERS[:2]}))
    effects = heard(machine, checkpoint(1, {1: FRAMES[:4]}, chained=False))
    assert cosigned(effects) == [(EDGE, 0, {stream_of(): 6, stream_of(2): 2})]
    assert [fact.stream for fact in facts(effects, WitnessRefused)] == [stream_of()]
    effects = heard(machine, checkpoint(2, {2: OTHERS[:2]}, chained=False))
    assert cosigned(effects) == [(EDGE, 2, {stream_of(2): 2})]


def test_an_edge_that_counts_from_a_number_long_used_is_shown_how_far_it_had_come():
    machine = auditor()
    audited(machine, 9)
    heard(machine, checkpoint(5, {1: FRAMES[:6]}))
    assert cosigned(heard(machine, checkpoint(0, {1: FRAMES[:2]}))) == [(EDGE, 5, {stream_of(): 6})]
    assert cosigned(heard(machine, checkpoint(5, {1: FRAMES[:6]}))) == [], "a copy asks for nothing"


def test_an_edge_that_lags_behind_another_is_cosigned_for_what_it_has():
    machine = auditor()
    audited(machine, 9)
    assert cosigned(heard(machine, checkpoint(0, {1: FRAMES[:8]})))
    assert cosigned(heard(machine, checkpoint(0, {1: FRAMES[:3]}, author=PEER))) == [(PEER, 0, {stream_of(): 3})]


def test_only_the_newest_checkpoint_of_an_edge_is_held():
    machine = auditor()
    heard(machine, checkpoint(4, {1: FRAMES[:4]}))
    heard(machine, checkpoint(2, {1: FRAMES[:2]}))
    heard(machine, checkpoint(5, {1: FRAMES[:5]}))
    assert cosigned(audited(machine, 9)) == [(EDGE, 5, {stream_of(): 5})]
    assert cosigned(heard(machine, checkpoint(5, {1: FRAMES[:5]}))) == []


def two_cosignatures_on_their_way_to_the_ledger() -> tuple[Auditor, list[int]]:
    """An auditor that has signed checkpoints 0 (4 rows) and 1 (6 rows), and the requests that store these words."""
    machine = auditor()
    audited(machine, 9)
    effects = [
        *hear(machine, checkpoint(0, {1: FRAMES[:4]})),
        *hear(machine, checkpoint(1, {1: FRAMES[:6]})),
    ]
    return machine, [request.id for request in of(effects, KeepCheckpoint) if request.cosigns]


def test_a_cosignature_that_is_stored_after_a_newer_one_is_not_said_any_more():
    machine, (older, newer) = two_cosignatures_on_their_way_to_the_ledger()
    assert cosigned(machine.handle(CheckpointKept(newer), T0)) == [(EDGE, 1, {stream_of(): 6})]
    effects = machine.handle(CheckpointKept(older), T0)
    assert cosigned(effects) == []
    assert facts(effects, HeadCosigned) == []


def test_a_cosignature_does_not_wait_for_a_newer_one_and_is_what_an_edge_that_counts_anew_is_shown():
    machine, (older, _) = two_cosignatures_on_their_way_to_the_ledger()
    assert cosigned(machine.handle(CheckpointKept(older), T0)) == [(EDGE, 0, {stream_of(): 4})]
    assert cosigned(heard(machine, checkpoint(0, {1: FRAMES[:2]}))) == [(EDGE, 0, {stream_of(): 4})]


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (CheckpointOffer(b"\xff", ()), "no CBOR"),
        (CheckpointOffer(encode(HeadMoved(stream_of(), 1)), ()), "HeadMoved is no Checkpoint"),
        (checkpoint(0, {1: FRAMES[:2]}, author="stranger"), "author unknown"),
        (checkpoint(0, {1: FRAMES[:2]}, key="stranger"), "signature"),
    ],
    ids=["junk", "no checkpoint", "stranger", "forged"],
)
def test_a_checkpoint_that_proves_nothing_is_not_held(offer, reason):
    machine = auditor()
    assert reason in why_rejected(hear(machine, offer))
    assert cosigned(audited(machine, 9)) == []


def test_leaves_below_backup_and_cosignatures_are_forgotten_and_the_next_root_is_right():
    machine = auditor()
    audited(machine, 20)
    backed(machine, 15)
    assert machine.streams[stream_of()].log.base == 0
    heard(machine, checkpoint(0, {1: FRAMES[:12]}))
    assert machine.streams[stream_of()].log.base == 12
    effects = audited(machine, 30)
    assert facts(effects, Attested) == [Attested(stream_of(), 30, log_of(FRAMES).root())]
    assert proofs(backed(machine, 30)) == [(30, True)]
    assert cosigned(heard(machine, checkpoint(1, {1: FRAMES[:25]})))


# ------------------------------------------------------------ recovery and strangers


def recovered(size: int = 20, in_backup: int = 8, **more) -> Auditor:
    stream = StoredStream(stream_of(), size, EDGE, attestation(FRAMES[:size]), attestation(FRAMES[:in_backup]))
    return auditor(Stored((stream,), **more))


def test_a_recovered_auditor_repeats_its_word_and_reads_on_from_there():
    machine = recovered()
    assert sizes_attested(audited(machine, 20)) == [20]
    effects = audited(machine, 25)
    assert [(read.first, read.end) for read in of(effects, ReadRows)] == [(20, 25)]
    assert facts(effects, Attested) == [Attested(stream_of(), 25, log_of(FRAMES[:25]).root())]


def test_a_recovered_auditor_proves_the_backup_from_where_it_can():
    machine = recovered()
    assert proofs(backed(machine, 14)) == [(14, False)], "roots below the attestation are forgotten"
    assert proofs(backed(machine, 20)) == [(20, True)]


def test_a_recovered_auditor_cosigns_newer_heads_only():
    machine = recovered()
    assert cosigned(heard(machine, checkpoint(0, {1: FRAMES[:11]}))) == []
    assert cosigned(heard(machine, checkpoint(1, {1: FRAMES[:20]})))


def test_only_gateways_are_listened_to():
    machine = auditor()
    assert why_rejected(hear(machine, HeadMoved(stream_of(), 3), source=EDGE)) == "not from a gateway"
    assert machine.streams == {}


@pytest.mark.parametrize("event", [RowsRead(9, (None,)), AttestationWritten(9), Synced(1)])
def test_answers_that_nobody_waits_for_are_counted(event):
    assert facts(auditor().handle(event, T0), Rejected)


def test_messages_for_others_are_counted():
    machine = auditor()
    assert why_rejected(hear(machine, Accept(stream_of(), 1))) == "not for an auditor"
    assert facts(machine.handle(Received(EARTH, b""), T0), Rejected)
    assert "nobody waits" in why_rejected(machine.handle(StoreRefused(99, "throttled"), T0 + S))
