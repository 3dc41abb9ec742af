"""An edge rebuilt from what a crash left of its journal, cut at every byte, also after its front was dropped."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_parts import (
    AUDITOR,
    EDGE,
    PEER,
    T0,
    Medium,
    S,
    acks_bundle,
    edge_in_clear,
    edge_settings,
    facts,
    frames_of,
    log_of,
    make_ack,
    of,
    run_syncs,
    said,
    settled_edge,
    signed_by,
    stream_of,
)

from twin.pipeline.facts import AckLearned, HeadSigned
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.merkle import verify_consistency
from twin.pipeline.machine import BundleArrived, DropJournal, Received, Started, TimerFired, TruncateJournal
from twin.pipeline.nodes.edge import CHECKPOINT, Edge
from twin.pipeline.wire.frame import peek_record
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import (
    Checkpoint,
    CheckpointOffer,
    Cosign,
    Expect,
    FrameOffer,
    Head,
    MessageError,
    decode,
    encode,
)

FRAMES = frames_of(1, 12)
OTHERS = frames_of(2, 12)


def offer(edge: Edge, frame: bytes):
    source = f"device-{peek_record(frame).device}"
    return edge.handle(Received(source, encode(FrameOffer(frame))), T0)


def cosigned(edge: Edge, medium: Medium, witness: str) -> None:
    """A witness signs all that this edge has signed."""
    sizes = tuple((s.id, s.signed) for s in edge.streams.values())
    unsigned = Cosign(EDGE, edge.notary.counter - 1, witness, edge.notary.digest, sizes)
    cosign = encode(signed_by(witness, unsigned))
    run_syncs(edge, edge.handle(Received(witness, cosign), T0), T0, medium)


def life(compact: bool) -> tuple[Medium, int]:
    """A journal with every kind of entry, and where it ended when its front was last dropped."""
    edge, medium = settled_edge(edge_settings(), b""), Medium()
    peer, peer_medium = settled_edge(edge_settings(PEER), b""), Medium()
    edge.handle(Started(), T0)
    safe_end = 0
    for n in range(8):
        before = medium.start
        run_syncs(edge, offer(edge, FRAMES[n]), T0, medium)
        run_syncs(edge, offer(edge, OTHERS[n]), T0, medium)
        run_syncs(peer, offer(peer, OTHERS[n]), T0, peer_medium)
        if n % 3 == 2:
            run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium)
            of_peer = run_syncs(peer, peer.handle(TimerFired(CHECKPOINT), T0), T0, peer_medium)
            for message in said(of_peer, EDGE):
                run_syncs(edge, edge.handle(Received(PEER, encode(message)), T0), T0, medium)
            acks = (make_ack(FRAMES[:n], trim=n - 1, counter=n), make_ack(OTHERS[:n], trim=n - 1, counter=n, device=2))
            run_syncs(edge, edge.handle(BundleArrived("earth", acks_bundle(*acks)), T0), T0, medium)
            if compact:
                for witness in (PEER, AUDITOR):
                    cosigned(edge, medium, witness)
        if medium.start != before:
            safe_end = medium.start + len(medium.synced)
    return medium, safe_end


PLAIN, _ = life(compact=False)
COMPACTED, COMPACTED_END = life(compact=True)


def test_the_lives_of_these_tests_hold_every_kind_of_entry_and_a_dropped_front():
    kinds = {entry.kind for entry in journal.scan(PLAIN.synced)[0]}
    assert kinds == {journal.FRAME, journal.ACK, journal.CHECKPOINT, journal.SNAPSHOT, journal.WITNESSED}
    assert COMPACTED.start > 0
    assert journal.scan(COMPACTED.synced, COMPACTED.start)[0][0].kind == journal.SNAPSHOT


def continues(edge: Edge) -> None:
    """The edge takes the frames that it misses, signs a head that follows, and takes an ack."""
    medium = Medium()
    signed = {s.id: (s.signed, s.log.root(s.signed)) for s in edge.streams.values() if s.signed}
    for frames in (FRAMES, OTHERS):
        stream = edge.streams.get(peek_record(frames[0]).stream)
        for frame in frames[0 if stream is None else stream.size :]:
            run_syncs(edge, offer(edge, frame), T0, medium)
    assert {s.id: s.log.root() for s in edge.streams.values()} == {
        stream_of(1): log_of(FRAMES).root(),
        stream_of(2): log_of(OTHERS).root(),
    }
    effects = run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium)
    for head in facts(effects, HeadSigned):
        size, root = signed.get(head.stream, (0, b""))
        assert head.previous == size
        assert not size or verify_consistency(size, head.size, root, head.root, head.proof)
    ack = make_ack(FRAMES, trim=len(FRAMES), counter=99)
    effects = run_syncs(edge, edge.handle(BundleArrived("earth", acks_bundle(ack)), T0), T0, medium)
    assert facts(effects, AckLearned)


@settings(max_examples=60, deadline=None)
@given(length=st.integers(0, len(PLAIN.synced)))
def test_an_edge_recovers_from_its_journal_cut_at_any_byte(length):
    data = PLAIN.synced[:length]
    entries, whole = journal.scan(data)
    edge = settled_edge(edge_settings(), data)
    for frames in (FRAMES, OTHERS):
        stream = edge.streams.get(peek_record(frames[0]).stream)
        written = [e for e in entries if e.kind == journal.FRAME and e.payload in frames]
        assert (0 if stream is None else stream.size) == len(written)
        if stream is not None:
            assert stream.log.root() == log_of(frames[: len(written)]).root()
            assert all(held == frames[index] for index, held in stream.frames.items())
    effects = edge.handle(Started(), T0)
    assert of(effects, TruncateJournal) == ([] if whole == length else [TruncateJournal(whole)])
    continues(edge)


def test_every_single_cut_recovers_without_an_error():
    for length in range(len(PLAIN.synced) + 1):
        edge = settled_edge(edge_settings(), PLAIN.synced[:length])
        assert edge.journal.end <= length


def test_an_edge_recovers_from_a_journal_whose_front_was_dropped():
    """Cut anywhere behind what had been synced when the front was dropped."""
    for length in range(COMPACTED_END - COMPACTED.start, len(COMPACTED.synced) + 1, 7):
        edge = settled_edge(edge_settings(), COMPACTED.synced[:length], COMPACTED.start)
        for frames in (FRAMES, OTHERS):
            stream = edge.streams[peek_record(frames[0]).stream]
            assert stream.log.root() == log_of(frames[: stream.size]).root()
            assert stream.log.base <= stream.trim
        edge.handle(Started(), T0)
        continues(edge)


def test_a_medium_damaged_beyond_what_a_crash_can_do_is_read_without_an_error():
    """An edge may have to ask for what nobody holds any more; it does not stop for that."""
    for length in range(0, len(COMPACTED.synced) + 1, 5):
        edge = settled_edge(edge_settings(), COMPACTED.synced[:length], COMPACTED.start)
        effects = edge.handle(Started(), T0)
        for message in said(effects, "device-1"):
            assert not isinstance(message, Expect) or message.next_index == edge.streams[stream_of()].size
        edge.handle(BundleArrived("earth", acks_bundle(make_ack(FRAMES[:2], counter=50))), T0)
        edge.handle(TimerFired(CHECKPOINT), T0)


def test_a_flipped_bit_ends_the_journal_where_it_is():
    rng = random.Random(7)
    for _ in range(40):
        position = rng.randrange(len(PLAIN.synced))
        data = bytearray(PLAIN.synced)
        data[position] ^= 1 << rng.randrange(8)
        entries, end = journal.scan(bytes(data))
        assert end <= position
        assert entries == [e for e in journal.scan(PLAIN.synced)[0] if e.offset < end]


@pytest.mark.parametrize(
    ("kind", "error", "why"),
    [
        (journal.ACK, MessageError, "Expect is no Ack"),
        (journal.ADOPTED, MessageError, "Expect is no Ack"),
        (journal.CHECKPOINT, MessageError, "Expect is no Checkpoint"),
        (8, journal.JournalError, "entry of kind 8 at 0: unknown"),
    ],
)
def test_a_whole_entry_that_says_something_else_than_its_kind_is_not_passed_over(kind, error, why):
    data = journal.encode_entry(kind, encode(Expect(stream_of(), 3)))
    with pytest.raises(error, match=why):
        settled_edge(edge_settings(), data)


def test_an_edge_restarted_after_compaction_proves_consistency_to_its_witness():
    """It has forgotten what the witness signed, asks by an empty claim, and goes on from the answer."""
    edge, medium = settled_edge(edge_settings(), b""), Medium()
    peer, peer_medium = settled_edge(edge_settings(PEER), b""), Medium()

    def checkpoint(edge: Edge) -> list:
        effects = run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium)
        answers = []
        for offered in said(effects, PEER):
            answered = run_syncs(peer, peer.handle(Received(EDGE, encode(offered)), T0), T0, peer_medium)
            answers += said(answered, EDGE)
        for answer in answers:
            run_syncs(edge, edge.handle(Received(PEER, encode(answer)), T0), T0, medium)
        return answers

    for n in range(6):
        run_syncs(edge, offer(edge, FRAMES[n]), T0, medium)
        checkpoint(edge)
        cosigned(edge, medium, AUDITOR)
        ack = make_ack(FRAMES[: n + 1], trim=n + 1, counter=n)
        run_syncs(edge, edge.handle(BundleArrived("earth", acks_bundle(ack)), T0), T0, medium)
    assert medium.start > 0

    again = settled_edge(edge_settings(), medium.synced, medium.start)
    run_syncs(again, again.handle(Started(), T0), T0, medium)
    run_syncs(again, offer(again, FRAMES[6]), T0, medium)
    (last,) = checkpoint(again)
    assert dict(last.sizes)[stream_of()] == 6
    run_syncs(again, offer(again, FRAMES[7]), T0, medium)
    (next_one,) = checkpoint(again)
    assert dict(next_one.sizes)[stream_of()] == 8


def test_an_old_cosignature_after_a_restart_does_not_make_the_edge_promise_a_proof_it_no_longer_has():
    """Its leaves below the snapshot are gone; the next offer proves from an ack, or, with none, asks the witness."""
    edge = settled_edge(edge_settings(), COMPACTED.synced, COMPACTED.start)
    edge.handle(Started(), T0)
    assert edge.streams[stream_of()].log.base > 1
    unsigned = Cosign(EDGE, 0, PEER, bytes(32), ((stream_of(), 1), (stream_of(2), 1)))
    edge.handle(Received(PEER, encode(signed_by(PEER, unsigned))), T0)
    medium = Medium()
    for frame in FRAMES[edge.streams[stream_of()].size :]:
        run_syncs(edge, offer(edge, frame), T0, medium)
    (sent,) = said(run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0 + 600 * S), T0, medium), PEER)
    assert isinstance(sent, CheckpointOffer)
    heads = decode(sent.checkpoint).heads
    proofs = {head.stream: size for head, (size, _) in zip(heads, sent.proofs, strict=True)}
    acks = {ack.stream: ack.verified for ack in map(decode, sent.acks)}
    assert proofs == {head.stream: acks.get(head.stream, 0) for head in heads}
    assert min(acks.values()) >= edge.streams[stream_of()].log.base
    assert heads[0].size == len(FRAMES)


def test_without_any_witness_nothing_is_forgotten_that_only_an_unsynced_checkpoint_has_signed():
    notary = edge_settings().notary._replace(witnesses={}, authors={})
    edge, medium = settled_edge(edge_settings(notary=notary), b""), Medium()
    for n in range(6):
        run_syncs(edge, offer(edge, FRAMES[n]), T0, medium)
        if n in (1, 3):
            run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium)
    ack = make_ack(FRAMES[:6], trim=6)
    run_syncs(edge, edge.handle(BundleArrived("earth", acks_bundle(ack)), T0), T0, medium)
    edge.handle(TimerFired(CHECKPOINT), T0)  # its sync never answers
    edge.handle(BundleArrived("earth", acks_bundle()), T0)
    again = settled_edge(edge_settings(notary=notary), medium.synced, medium.start)
    again.handle(Started(), T0)
    continues_with = run_syncs(again, again.handle(TimerFired(CHECKPOINT), T0), T0, medium)
    assert facts(continues_with, HeadSigned)[0].size == 6


def test_a_snapshot_without_a_checkpoint_keeps_what_was_signed():
    """An edge that only witnesses writes snapshots too; recovered from one, its next head must follow its last."""
    edge, medium = settled_edge(edge_settings(), b""), Medium()
    for frame in FRAMES[:4]:
        run_syncs(edge, offer(edge, frame), T0, medium)
    run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium)
    cosigned(edge, medium, PEER)
    cosigned(edge, medium, AUDITOR)
    ack = make_ack(FRAMES[:4], trim=4)
    run_syncs(edge, edge.handle(BundleArrived("earth", acks_bundle(ack)), T0), T0, medium)
    counter = 0
    while medium.start < 10_000:
        heads = tuple(Head(StreamId(9, n), 1, bytes(32)) for n in range(40))
        unsigned = Checkpoint(PEER, counter, T0, b"", heads)
        signed = encode(signed_by(PEER, unsigned))
        message = CheckpointOffer(signed, tuple((0 if counter == 0 else 1, ()) for _ in heads))
        run_syncs(edge, edge.handle(Received(PEER, encode(message)), T0), T0, medium)
        run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium)
        counter += 1
        assert counter < 50
    again = settled_edge(edge_settings(), medium.synced, medium.start)
    assert again.streams[stream_of()].signed == 4
    continues(again)


def test_a_stream_known_only_by_what_was_signed_on_a_lost_medium_is_read_back_with_its_acks():
    """A witness told of it, and a new gateway says that it holds nothing of it."""
    edge, medium = edge_in_clear(edge_settings(), b""), Medium()
    edge.handle(Started(), T0)
    told = Cosign(EDGE, 7, PEER, bytes(32), ((stream_of(), 6),))
    told = signed_by(PEER, told)
    run_syncs(edge, edge.handle(Received(PEER, encode(told)), T0), T0, medium)
    for frame in OTHERS[:3]:
        run_syncs(edge, offer(edge, frame), T0, medium)
    run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium)
    run_syncs(edge, edge.handle(BundleArrived("earth", acks_bundle(make_ack([]))), T0), T0, medium)
    assert edge.streams[stream_of()].ack_bytes
    again = settled_edge(edge_settings(), medium.synced)
    assert again.streams[stream_of()].ack_bytes == edge.streams[stream_of()].ack_bytes
    assert again.notary.signed_before == {stream_of(): 6, stream_of(2): 3}
    cosigned(again, medium, PEER)
    cosigned(again, medium, AUDITOR)
    acks = acks_bundle(make_ack(OTHERS[:3], trim=3, device=2))
    dropped = of(run_syncs(again, again.handle(BundleArrived("earth", acks), T0), T0, medium), DropJournal)
    assert dropped, "nobody can ask for what lies before the snapshot"
