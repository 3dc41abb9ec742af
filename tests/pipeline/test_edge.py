"""The edge machine towards its habitat: verify, append, sync, accept, and nothing before the medium has it."""

from __future__ import annotations

import pytest
from pipeline_parts import (
    AUDITOR,
    EARTH,
    EDGE,
    PEER,
    T0,
    Medium,
    S,
    acks_bundle,
    edge_settings,
    facts,
    frames_of,
    known_devices,
    log_of,
    make_ack,
    of,
    payloads,
    run_syncs,
    said,
    settled_edge,
    signed_by,
    signer,
    stream_of,
    timers,
    why_rejected,
)

from twin.pipeline.facts import Accepted, AckLearned, BundleSent, HeadSigned, Rejected, RootMismatch, Trimmed
from twin.pipeline.ledger import journal
from twin.pipeline.machine import (
    Append,
    BundleArrived,
    DropJournal,
    LinkChanged,
    Offered,
    Received,
    Send,
    Started,
    Sync,
    Synced,
    TimerFired,
    Transmit,
    Transmitted,
    TruncateJournal,
)
from twin.pipeline.nodes.edge import CHECKPOINT, Edge
from twin.pipeline.wire.frame import ALERT, Alert, Frame, encode_alert, seal
from twin.pipeline.wire.identity import AlertKey, RecordId
from twin.pipeline.wire.messages import (
    Accept,
    CheckpointOffer,
    Cosign,
    Cosigned,
    Expect,
    FrameOffer,
    Hello,
    MismatchNotice,
    decode,
    encode,
)

FRAMES = frames_of(1, 8)


def new_edge(**changes) -> Edge:
    edge = settled_edge(edge_settings(**changes), b"")
    edge.handle(Started(), T0)
    return edge


def offer(edge: Edge, frame: bytes, source: str = "device-1", now_us: int = T0):
    return edge.handle(Received(source, encode(FrameOffer(frame))), now_us)


def holding(count: int, **changes) -> tuple[Edge, Medium]:
    """An edge with the first frames of device 1 on its medium."""
    edge, medium = new_edge(**changes), Medium()
    for frame in FRAMES[:count]:
        run_syncs(edge, offer(edge, frame), T0, medium)
    return edge, medium


def state(edge: Edge):
    return {s.id: (s.size, s.durable, s.verified, s.trim, s.log.root()) for s in edge.streams.values()}


# ------------------------------------------------------------ verify, append, sync, accept


def test_a_frame_is_appended_first_and_accepted_only_when_its_sync_has_answered():
    edge = new_edge()
    effects = offer(edge, FRAMES[0])
    assert [type(effect) for effect in effects] == [Append, Sync]
    assert of(effects, Append)[0] == Append(
        journal.encode_entry(journal.FRAME, FRAMES[0]), (RecordId(*stream_of(), 0),)
    )
    effects = edge.handle(Synced(of(effects, Sync)[0].id), T0)
    assert said(effects, "device-1") == [Accept(stream_of(), 1)]
    assert facts(effects, Accepted) == [Accepted(stream_of(), 0, 1)]


def test_frames_that_come_during_a_sync_share_the_next_one():
    edge = new_edge()
    (first,) = of(offer(edge, FRAMES[0]), Sync)
    during = [effect for frame in FRAMES[1:4] for effect in offer(edge, frame)]
    assert of(during, Sync) == []
    effects = edge.handle(Synced(first.id), T0)
    assert said(effects, "device-1") == [Accept(stream_of(), 1)]
    (second,) = of(effects, Sync)
    assert facts(edge.handle(Synced(second.id), T0), Accepted) == [Accepted(stream_of(), 1, 4)]


def test_a_sync_that_nobody_waits_for_is_refused():
    edge = new_edge()
    assert why_rejected(edge.handle(Synced(0), T0)) == "an answer nobody waits for"
    offer(edge, FRAMES[0])
    assert why_rejected(edge.handle(Synced(5), T0)) == "an answer nobody waits for"
    assert edge.streams[stream_of()].durable == 0


def test_a_resend_is_accepted_again_once_durable_and_never_appended_twice():
    edge = new_edge()
    (sync,) = of(offer(edge, FRAMES[0]), Sync)
    assert offer(edge, FRAMES[0]) == []
    edge.handle(Synced(sync.id), T0)
    effects = offer(edge, FRAMES[0])
    assert of(effects, Append) == []
    assert said(effects, "device-1") == [Accept(stream_of(), 1)]
    assert facts(effects, Accepted) == [Accepted(stream_of(), 0, 1)], "no accept without its fact"


def test_other_bytes_under_a_taken_index_are_refused():
    edge, _ = holding(2)
    other = FRAMES[1][:-1] + bytes([FRAMES[1][-1] ^ 1])
    before = state(edge)
    assert why_rejected(offer(edge, other)) == "other bytes under an index already taken"
    assert state(edge) == before


def test_a_frame_behind_a_gap_is_not_taken_and_the_missing_one_is_asked_for():
    edge, _ = holding(2)
    effects = offer(edge, FRAMES[4])
    assert said(effects, "device-1") == [Expect(stream_of(), 2)]
    assert of(effects, Append) == []
    assert said(offer(new_edge(), FRAMES[4]), "device-1") == [Expect(stream_of(), 0)]


OWN_ALERT = seal(
    Frame(*stream_of(), 0, ALERT, T0, encode_alert(Alert(AlertKey(*stream_of(), 0, "SpO2"), 0, 3, "low"))),
    apid=1,
    packet_count=0,
    signer=signer("device-1"),
)
FORGED = FRAMES[0][:-1] + bytes([FRAMES[0][-1] ^ 1])


@pytest.mark.parametrize(
    ("frame", "source", "reason"),
    [
        (FORGED, "device-1", "signature"),
        (FRAMES[0], "device-2", "device unknown or not the sender"),
        (FRAMES[0], EARTH, "device unknown or not the sender"),
        (frames_of(3, 1)[0], "device-3", "device unknown or not the sender"),
        (b"", "device-1", "frame of 0 bytes"),
        (bytes(200), "device-1", "not a frame of format version 1"),
        (OWN_ALERT, "device-1", "an alert, which devices do not sign"),
    ],
    ids=["forged signature", "another device", "a stranger", "unknown device", "empty", "zeros", "own alert"],
)
def test_a_frame_that_proves_nothing_leaves_no_trace(frame, source, reason):
    edge = new_edge()
    effects = offer(edge, frame, source)
    assert reason in why_rejected(effects)
    assert len(effects) == 1
    assert edge.streams == {}


def test_hello_is_answered_with_what_is_expected_for_registered_devices_only():
    edge, _ = holding(3)
    assert said(edge.handle(Received("device-1", encode(Hello(stream_of()))), T0), "device-1") == [
        Expect(stream_of(), 3)
    ]
    assert said(edge.handle(Received("device-2", encode(Hello(stream_of(2)))), T0), "device-2") == [
        Expect(stream_of(2), 0)
    ]
    assert "not the sender" in why_rejected(edge.handle(Received("device-2", encode(Hello(stream_of()))), T0))


@pytest.mark.parametrize("data", [b"", b"\xff", encode(Accept(stream_of(), 1)), b"\x82\x01\xc4\x82\x61a\x61b"])
def test_datagrams_that_are_not_for_an_edge_are_counted(data):
    edge, _ = holding(1)
    before = state(edge)
    assert facts(edge.handle(Received("device-1", data), T0), Rejected)
    assert state(edge) == before


def test_an_event_of_another_machine_is_refused():
    assert why_rejected(new_edge().handle(Offered(1, b""), T0)) == "not an event of an edge"
    assert why_rejected(new_edge().handle(LinkChanged("moon", True), T0)) == "moon does not lead to Earth"


# ------------------------------------------------------------ acks


def hear_acks(edge: Edge, *acks, now_us: int = T0, cosigns=()):
    return edge.handle(BundleArrived(EARTH, acks_bundle(*acks, cosigns=cosigns, now_us=now_us)), now_us)


def test_an_ack_is_passed_on_at_once_and_trims_when_it_is_durable():
    edge, _ = holding(5)
    ack = make_ack(FRAMES[:4], trim=3)
    effects = hear_acks(edge, ack)
    assert facts(effects, AckLearned) == [AckLearned(stream_of(), 4, 3, 1)]
    assert said(effects, "device-1") == [ack]
    assert of(effects, Append) == [Append(journal.encode_entry(journal.ACK, encode(ack)))]
    assert facts(effects, Trimmed) == []
    assert len(edge.streams[stream_of()].frames) == 5
    effects = edge.handle(Synced(of(effects, Sync)[0].id), T0)
    assert facts(effects, Trimmed) == [Trimmed(stream_of(), 3)]
    assert list(edge.streams[stream_of()].frames) == [3, 4]


BAD_ACKS = {
    "gateway's signature": make_ack(FRAMES[:3], trim=1, counter=1, signature=bytes(32)),
    "auditor's signature": make_ack(FRAMES[:3], trim=1, counter=1, audit=bytes(32)),
    "not newer than the last": make_ack(FRAMES[:3]),
    "counts outside what this node holds or was told before": make_ack(FRAMES[:6], counter=1),
    "a stream that this edge does not carry": make_ack(frames_of(2, 1), device=2),
}


@pytest.mark.parametrize("reason", BAD_ACKS)
def test_an_ack_that_proves_nothing_changes_nothing(reason):
    edge, _ = holding(4)
    hear_acks(edge, make_ack(FRAMES[:2], trim=1))
    before = state(edge)
    assert why_rejected(hear_acks(edge, BAD_ACKS[reason])) == reason
    assert state(edge) == before


def test_an_ack_with_another_root_is_not_acted_on_and_earth_is_told():
    edge, _ = holding(3)
    before = state(edge)
    other = [*FRAMES[:2], FRAMES[5]]
    effects = hear_acks(edge, make_ack(other, trim=3))
    assert facts(effects, RootMismatch) == [RootMismatch(stream_of(), 3)]
    assert state(edge) == before
    sent = effects + edge.handle(TimerFired("flush"), T0 + S)
    assert MismatchNotice(stream_of(), 3, log_of(FRAMES[:3]).root()) in payloads(sent)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x9f\xff", acks_bundle(now_us=T0, edge=PEER), acks_bundle(cosigns=(b"junk", encode(Hello(stream_of()))))],
    ids=["empty", "no bundle", "for another node", "junk inside"],
)
def test_bundles_that_say_nothing_to_this_edge_are_counted(data):
    edge, _ = holding(2)
    before = state(edge)
    assert facts(edge.handle(BundleArrived(EARTH, data), T0), Rejected)
    assert state(edge) == before


def test_an_ack_that_trims_what_is_not_yet_synced_here_is_no_accident():
    """A frame may reach Earth by another edge before this one's disk answers."""
    edge = new_edge()
    (frame_sync,) = of(offer(edge, FRAMES[0]), Sync)
    hear_acks(edge, make_ack(FRAMES[:1], trim=1))
    effects = edge.handle(Synced(frame_sync.id), T0)
    assert facts(effects, Accepted) == [Accepted(stream_of(), 0, 1)]
    effects = edge.handle(Synced(of(effects, Sync)[0].id), T0)
    assert facts(effects, Trimmed) == [Trimmed(stream_of(), 1)]
    assert of(edge.handle(TimerFired("flush"), T0 + S), Transmit) == []


# ------------------------------------------------------------ checkpoints and compaction


def cosign_all(checkpoint_counter: int, sizes: dict) -> list[bytes]:
    """Signatures of both witnesses under a checkpoint of this edge."""
    made = []
    for witness in (PEER, AUDITOR):
        unsigned = Cosign(EDGE, checkpoint_counter, witness, bytes(32), tuple(sizes.items()))
        made.append(encode(signed_by(witness, unsigned)))
    return made


def chain_of(edge: Edge, medium: Medium, now_us: int) -> list[bytes]:
    """What each checkpoint signed now names as the one before it."""
    said_to_peer = said(run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), now_us), now_us, medium), PEER)
    return [decode(message.checkpoint).previous for message in said_to_peer]


def test_a_witness_that_missed_where_the_chain_began_anew_is_told_again():
    """It goes on naming a stream that is lost here, however often it is shown a checkpoint without it."""
    edge, medium = holding(3)
    assert chain_of(edge, medium, T0 + 600 * S) == [b""]
    (_, from_earth) = cosign_all(0, {stream_of(): 3, stream_of(2): 4})
    assert chain_of(edge, medium, T0 + 1200 * S) == []
    run_syncs(edge, hear_acks(edge, make_ack(FRAMES[:1], trim=0), cosigns=[from_earth]), T0, medium)
    assert chain_of(edge, medium, T0 + 1800 * S) == [b""], "at once, although no stream has moved"
    run_syncs(edge, offer(edge, FRAMES[3]), T0, medium)
    (previous,) = chain_of(edge, medium, T0 + 2400 * S)
    assert previous


def test_a_witness_whose_medium_went_back_is_offered_proofs_from_what_it_says_now():
    edge, medium = holding(5)
    run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0 + 600 * S), T0 + 600 * S, medium)
    for known in (5, 2):
        (cosign, _) = cosign_all(0, {stream_of(): known})
        run_syncs(edge, edge.handle(Received(PEER, cosign), T0), T0, medium)
    run_syncs(edge, offer(edge, FRAMES[5]), T0, medium)
    effects = run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0 + 1200 * S), T0 + 1200 * S, medium)
    (message,) = said(effects, PEER)
    assert [size for size, _ in message.proofs] == [2]


def test_a_number_that_only_earth_remembers_begins_a_new_chain():
    """What Earth signed last is as old as the way it took: a later checkpoint may have left this edge since."""
    from_peer, from_earth = cosign_all(7, {stream_of(): 2})
    edge, medium = holding(3)
    edge.handle(Received(PEER, from_peer), T0)
    assert edge.notary.counter == 8
    assert chain_of(edge, medium, T0 + 600 * S) == [bytes(32)], "the digest that the peer signed"
    edge, medium = holding(3)
    run_syncs(edge, hear_acks(edge, make_ack(FRAMES[:1], trim=0), cosigns=[from_earth]), T0, medium)
    assert edge.notary.counter == 8
    assert chain_of(edge, medium, T0 + 600 * S) == [b""]


def test_a_checkpoint_leaves_only_when_its_journal_entry_is_synced():
    edge, medium = holding(3)
    effects = edge.handle(TimerFired(CHECKPOINT), T0 + 600 * S)
    assert timers(effects)[CHECKPOINT] == T0 + 1200 * S
    assert facts(effects, HeadSigned) == []
    assert of(effects, Send) == []
    effects = run_syncs(edge, effects, T0 + 600 * S, medium)
    (head,) = facts(effects, HeadSigned)
    assert (head.previous, head.size, head.root) == (0, 3, log_of(FRAMES[:3]).root())
    assert [type(message) for message in said(effects, PEER)] == [CheckpointOffer]
    assert any(isinstance(message, CheckpointOffer) for message in payloads(effects))


def test_no_checkpoint_is_made_while_nothing_has_moved_or_one_is_still_on_its_way_to_the_medium():
    edge, medium = holding(2)
    first = edge.handle(TimerFired(CHECKPOINT), T0 + 600 * S)
    offer(edge, FRAMES[2])
    assert of(edge.handle(TimerFired(CHECKPOINT), T0 + 601 * S), Append) == []
    run_syncs(edge, first, T0 + 602 * S, medium)
    assert edge.streams[stream_of()].signed == 2
    edge, medium = holding(2)
    run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0 + 600 * S), T0 + 600 * S, medium)
    assert of(edge.handle(TimerFired(CHECKPOINT), T0 + 1200 * S), Append) == []


def test_the_journal_is_dropped_up_to_a_snapshot_that_all_witnesses_and_earths_backup_have_passed():
    edge, medium = holding(4)
    for number in range(2):
        run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0 + 600 * S), T0 + 600 * S, medium)
        for frame in FRAMES[4 + number : 5 + number]:
            run_syncs(edge, offer(edge, frame), T0 + 600 * S, medium)
    run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0 + 600 * S), T0 + 600 * S, medium)
    effects = hear_acks(edge, make_ack(FRAMES[:6], trim=6), cosigns=cosign_all(2, {stream_of(): 6})[1:])
    assert of(run_syncs(edge, effects, T0, medium), DropJournal) == []
    dropped = run_syncs(edge, edge.handle(Received(PEER, cosign_all(2, {stream_of(): 6})[0]), T0), T0, medium)
    (drop,) = of(dropped, DropJournal)
    assert drop.before == medium.start
    assert edge.streams[stream_of()].log.base == 6
    assert journal.scan(medium.synced, medium.start)[0][0].kind == journal.SNAPSHOT
    assert settled_edge(edge_settings(), medium.synced, medium.start).streams[stream_of()].size == 6


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"witness": "stranger"}, "not a witness of this edge"),
        ({"author": PEER}, "not a witness of this edge"),
        ({"signature": bytes(32)}, "signature"),
        ({"sizes": ((stream_of(), 4),)}, "of a head that this edge never signed"),
        ({"sizes": ((stream_of(2), 1),)}, "of a head that this edge never signed"),
    ],
)
def test_a_cosignature_that_proves_nothing_lets_nothing_be_forgotten(change, reason):
    edge, medium = holding(3)
    run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium)
    cosign = Cosign(EDGE, 0, PEER, bytes(32), ((stream_of(), 3),))._replace(**change)
    if "signature" not in change:
        cosign = signed_by(PEER, cosign)
    effects = edge.handle(Received(PEER, encode(cosign)), T0)
    assert why_rejected(effects) == reason
    assert edge.notary.signed_by_all(edge.streams[stream_of()]) == 0


def radiated(edge: Edge, effects: list) -> list:
    """Payloads of all that leaves for Earth one after the other."""
    found = payloads(effects)
    for transmit in of(effects, Transmit):
        found += radiated(edge, edge.handle(Transmitted(transmit.id, EARTH), T0))
    return found


def test_a_cosignature_that_is_refused_is_no_reason_to_radiate_the_one_before_again():
    edge, medium = holding(3)
    radiated(edge, run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium))
    genuine = signed_by(PEER, Cosign(EDGE, 0, PEER, bytes(32), ((stream_of(), 3),)))
    assert radiated(edge, edge.handle(Received(PEER, encode(genuine)), T0)) == [Cosigned((encode(genuine),))]
    forged = genuine._replace(signature=bytes(32))
    assert radiated(edge, edge.handle(Received(PEER, encode(forged)), T0)) == []


def test_snapshots_remembered_during_a_long_silence_are_bounded():
    edge, medium = new_edge(), Medium()
    frames = frames_of(1, 200)
    for frame in frames:
        run_syncs(edge, offer(edge, frame), T0, medium)
        run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium)
    assert len(edge.journal._snapshots) <= 64
    (drop, *_) = of(
        run_syncs(
            edge,
            hear_acks(edge, make_ack(frames, trim=200), cosigns=cosign_all(199, {stream_of(): 200})),
            T0,
            medium,
        ),
        DropJournal,
    )
    assert settled_edge(edge_settings(), medium.synced, drop.before).streams[stream_of()].size == 200


def test_the_torn_tail_is_cut_before_anything_else_is_asked_of_the_disk():
    _, medium = holding(2)
    edge = settled_edge(edge_settings(), medium.synced + journal.encode_entry(journal.FRAME, FRAMES[2])[:-1])
    effects = edge.handle(Started(), T0)
    assert effects[0] == TruncateJournal(len(medium.synced))
    assert said(effects, "device-1") == [Expect(stream_of(), 2)]


def test_a_restarted_edge_asks_every_device_and_passes_the_last_ack_on():
    edge, medium = holding(3)
    ack = make_ack(FRAMES[:2], trim=1)
    run_syncs(edge, hear_acks(edge, ack), T0, medium)
    again = settled_edge(edge_settings(devices=known_devices(1, 2)), medium.synced)
    assert said(again.handle(Started(), T0), "device-1") == [Expect(stream_of(), 3), ack]


def test_a_stream_outlives_its_device():
    """A device that has left the habitat is not spoken to, and its frames still go to Earth."""
    _, medium = holding(3)
    edge = settled_edge(edge_settings(devices=known_devices(2)), medium.synced)
    effects = edge.handle(Started(), T0)
    assert "device-1" not in {send.destination for send in of(effects, Send)}
    assert [record.index for fact in facts(effects, BundleSent) for record, _ in fact.records] == [0, 1, 2]
    assert facts(hear_acks(edge, make_ack(FRAMES[:3])), AckLearned)
