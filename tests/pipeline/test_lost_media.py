"""An edge whose medium fails, comes back with less than it held, or empty: it forks no chain and accepts no less."""

from __future__ import annotations

from edge_pair import Pair, offers
from pipeline_parts import (
    AUDITOR,
    EARTH,
    EDGE,
    ENTROPY,
    PEER,
    T0,
    Medium,
    S,
    edge_in_clear,
    edge_settings,
    facts,
    frames_of,
    log_of,
    make_ack,
    of,
    run_syncs,
    said,
    signed_by,
    stream_of,
    verifier,
)

from twin.pipeline.facts import Accepted, ChainRestarted, HeadCosigned, HeadSigned, Rejected, WitnessRefused
from twin.pipeline.machine import Append, Received, Started, Sync, SyncFailed, TimerFired, TruncateJournal
from twin.pipeline.nodes.edge import CHECKPOINT, Edge
from twin.pipeline.nodes.edge_journal import REWRITE
from twin.pipeline.nodes.peer_desk import SETTLE
from twin.pipeline.wire.messages import (
    Accept,
    Cosign,
    FrameOffer,
    LastWitnessed,
    encode,
)

FRAMES = frames_of(1, 12)


def test_an_edge_that_was_rolled_back_goes_on_behind_the_checkpoint_that_it_forgot():
    pair = Pair()
    pair.give(FRAMES[:3])
    old = pair.media[EDGE].synced
    pair.give(FRAMES[3:6])
    (forgotten,) = offers(pair.deliver(EDGE, TimerFired(CHECKPOINT)))
    effects = pair.restart(EDGE, old)
    assert [message for message in said(effects, PEER) if isinstance(message, LastWitnessed)]
    edge = pair.edges[EDGE]
    assert edge.notary.counter == forgotten.counter + 1
    assert edge.streams[stream_of()].size == 3
    assert offers(pair.deliver(EDGE, TimerFired(CHECKPOINT))) == [], "nothing below what was signed"
    pair.give(FRAMES[3:8])
    effects = pair.deliver(EDGE, TimerFired(CHECKPOINT))
    (checkpoint,) = offers(effects)
    assert checkpoint.counter == forgotten.counter + 1
    assert checkpoint.heads[0].size == 8
    assert [fact.size for fact in facts(effects, HeadCosigned)] == [8]
    assert [(fact.previous, fact.size) for fact in facts(effects, HeadSigned)] == [(6, 8)]
    assert facts(effects, WitnessRefused) == []


def test_a_swapped_medium_starts_a_new_chain_for_all_to_see_and_its_streams_are_still_followed():
    pair = Pair()
    pair.give(FRAMES[:6])
    pair.deliver(EDGE, TimerFired(CHECKPOINT))
    pair.restart(EDGE, b"")
    effects = pair.deliver(EDGE, Received("device-2", encode(FrameOffer(frames_of(2, 1)[0]))))
    effects += pair.deliver(EDGE, TimerFired(CHECKPOINT))
    (checkpoint,) = offers(effects)
    assert checkpoint.previous == b""
    assert checkpoint.counter == 1
    assert facts(effects, ChainRestarted) == [ChainRestarted(EDGE, 1)]
    pair.give(FRAMES[:7])
    effects = pair.deliver(EDGE, TimerFired(CHECKPOINT))
    assert facts(effects, WitnessRefused) == []
    assert {fact.size for fact in facts(effects, HeadCosigned)} == {7, 1}


def test_a_stream_adopted_on_earths_word_is_followed_by_its_witness_from_there():
    pair = Pair()
    pair.give(FRAMES[:6])
    pair.deliver(EDGE, TimerFired(CHECKPOINT))
    pair.restart(EDGE, b"")
    pair.deliver(EDGE, Received("device-1", encode(make_ack(FRAMES[:8], trim=7))))
    pair.give(FRAMES[8:10])
    pair.deliver(EDGE, TimerFired(CHECKPOINT))
    pair.give(FRAMES[10:11])
    effects = pair.deliver(EDGE, TimerFired(CHECKPOINT))
    assert facts(effects, WitnessRefused) == []
    assert max(fact.size for fact in facts(effects, HeadCosigned)) == 11


def test_a_witness_does_not_follow_a_head_that_denies_what_it_signed_even_on_a_new_chain():
    pair = Pair()
    pair.give(FRAMES[:6])
    pair.deliver(EDGE, TimerFired(CHECKPOINT))
    pair.restart(EDGE, b"")
    pair.edges[EDGE].notary.signed_before.clear()  # an edge that lies
    pair.edges[EDGE].notary._signed_past[PEER].clear()
    stream = frames_of(1, 7)[:3]
    pair.give(stream)
    pair.edges[EDGE].streams[stream_of()].signed = 0
    effects = pair.deliver(EDGE, TimerFired(CHECKPOINT))
    assert facts(effects, HeadCosigned) == []


def test_without_peers_answers_an_edge_goes_on_after_a_while():
    edge = edge_in_clear(edge_settings(), b"")
    edge.handle(Started(ENTROPY), T0)
    assert not edge.notary.settled
    edge.handle(TimerFired(SETTLE), T0 + 2 * S)
    assert edge.notary.settled


def test_an_edge_asks_a_silent_peer_again():
    edge = edge_in_clear(edge_settings(), b"")
    assert said(edge.handle(Started(ENTROPY), T0), PEER) == [LastWitnessed(EDGE)]
    again = edge.handle(TimerFired(SETTLE), T0 + S)
    assert said(again, PEER) == [LastWitnessed(EDGE)]
    assert not edge.notary.settled


def test_what_was_signed_on_a_lost_medium_is_remembered_over_the_next_crash():
    pair = Pair()
    pair.give(FRAMES[:6])
    pair.deliver(EDGE, TimerFired(CHECKPOINT))
    pair.restart(EDGE, b"")
    assert pair.edges[EDGE].notary.signed_before == {stream_of(): 6}
    for frame in frames_of(2, 3):
        pair.deliver(EDGE, Received("device-2", encode(FrameOffer(frame))))
    pair.deliver(EDGE, TimerFired(CHECKPOINT))
    again = edge_in_clear(edge_settings(EDGE), pair.media[EDGE].synced)
    assert again.notary.signed_before[stream_of()] == 6


def begun_anew_with_another_stream(after: int) -> Pair:
    """A pair whose edge lost its medium `after` cosigned frames of a stream, and has signed another since."""
    pair = Pair()
    pair.give(FRAMES[:after])
    pair.deliver(EDGE, TimerFired(CHECKPOINT))
    pair.restart(EDGE, b"")
    pair.deliver(EDGE, Received("device-2", encode(FrameOffer(frames_of(2, 1)[0]))))
    (checkpoint,) = offers(pair.deliver(EDGE, TimerFired(CHECKPOINT)))
    assert [head.stream for head in checkpoint.heads] == [stream_of(2)]
    return pair


def test_a_witness_tells_of_streams_that_were_given_up_with_an_earlier_medium():
    """Else the third medium would sign a shorter head of a stream than the first."""
    pair = begun_anew_with_another_stream(after=6)
    pair.restart(EDGE, b"")
    assert pair.edges[EDGE].notary.signed_before == {stream_of(): 6, stream_of(2): 1}
    pair.give(FRAMES[:4])
    assert facts(pair.deliver(EDGE, TimerFired(CHECKPOINT)), HeadSigned) == []


def test_a_stream_that_was_given_up_and_comes_back_is_followed_after_another_start():
    """What a witness signed of it is in its word of what was given up, and nowhere else."""
    pair = begun_anew_with_another_stream(after=3)
    pair.restart(EDGE, pair.media[EDGE].synced, pair.media[EDGE].start)
    pair.give(FRAMES[:5])
    effects = pair.deliver(EDGE, TimerFired(CHECKPOINT))
    assert facts(effects, WitnessRefused) == []
    assert (stream_of(), 5) in [(fact.stream, fact.size) for fact in facts(effects, HeadCosigned)]


def test_until_all_have_answered_a_witness_of_an_older_checkpoint_is_believed_too():
    third = "edge-3"
    notary = edge_settings().notary
    notary = notary._replace(witnesses={**notary.witnesses, third: verifier(third)})
    edge = edge_in_clear(edge_settings(notary=notary), b"")
    edge.handle(Started(ENTROPY), T0)
    told = [
        Cosign(EDGE, 5, PEER, bytes(32), ((stream_of(2), 1),)),
        Cosign(EDGE, 3, third, bytes(32), ((stream_of(), 6),)),
    ]
    for cosign in told:
        signed = signed_by(cosign.witness, cosign)
        effects = edge.handle(Received(cosign.witness, encode(signed)), T0)
        assert facts(effects, Rejected) == []
    assert edge.notary.signed_before == {stream_of(): 6, stream_of(2): 1}
    assert edge.notary.counter == 6
    late = told[1]._replace(counter=4, sizes=((stream_of(), 9),))
    late = signed_by(third, late)
    effects = edge.handle(Received(third, encode(late)), T0)
    assert [fact.reason for fact in facts(effects, Rejected)] == ["of a head that this edge never signed"]


# ------------------------------------------------------------ a medium that fails


def settled() -> Edge:
    edge = edge_in_clear(edge_settings(), b"")
    edge.handle(Started(ENTROPY), T0)
    edge.notary.settle()
    return edge


def give(edge: Edge, index: int):
    return edge.handle(Received("device-1", encode(FrameOffer(FRAMES[index]))), T0)


def test_a_failed_sync_accepts_nothing_and_all_of_it_is_written_anew():
    edge = settled()
    effects = give(edge, 0)
    (sync,) = of(effects, Sync)
    written = b"".join(append.data for append in of(effects, Append))
    effects = edge.handle(SyncFailed(sync.id, "input/output error"), T0)
    assert facts(effects, Accepted) == []
    assert of(give(edge, 1), Append) == [], "nothing is appended to a file in doubt"
    effects = edge.handle(TimerFired(REWRITE), T0 + S)
    assert of(effects, TruncateJournal) == [TruncateJournal(0)]
    again = b"".join(append.data for append in of(effects, Append))
    assert again.startswith(written)
    assert len(again) > len(written)
    (sync,) = of(effects, Sync)
    medium = Medium()
    medium.carry_out(effects)
    effects = run_syncs(edge, effects, T0, Medium())
    assert facts(effects, Accepted) == [Accepted(stream_of(), 0, 2)]
    assert said(effects, "device-1")[-1] == Accept(stream_of(), 2)
    assert edge_in_clear(edge_settings(), medium.synced).streams[stream_of()].log.root() == log_of(FRAMES[:2]).root()


def test_a_medium_may_fail_for_long_and_often():
    edge, medium = settled(), Medium()
    for index in range(4):
        syncs = of(give(edge, index), Sync)
        if index:
            assert syncs == []
            effects = edge.handle(TimerFired(REWRITE), T0)
            syncs = of(effects, Sync)
        edge.handle(SyncFailed(syncs[0].id, "disk full"), T0)
    effects = edge.handle(TimerFired(REWRITE), T0)
    medium.carry_out(effects)
    done = run_syncs(edge, effects, T0, Medium())
    assert facts(done, Accepted) == [Accepted(stream_of(), 0, 4)]
    assert edge_in_clear(edge_settings(), medium.synced).streams[stream_of()].size == 4


def test_what_waits_for_a_failing_medium_is_bounded(monkeypatch):
    monkeypatch.setattr("twin.pipeline.nodes.edge_intake.UNWRITTEN_BYTES_MAX", 300)
    edge = settled()
    (sync,) = of(give(edge, 0), Sync)
    edge.handle(SyncFailed(sync.id, "disk full"), T0)
    for index in range(1, 12):
        give(edge, index)
    assert edge.streams[stream_of()].size < 6
    assert edge.journal.pending_bytes < 600


def test_a_witness_that_was_rolled_back_behind_what_the_edge_can_prove_follows_from_an_ack():
    """It had signed, so the edge forgot the leaves; Earth's word says what it cannot see any more."""
    pair = Pair()
    pair.give(FRAMES[:2])
    pair.deliver(EDGE, TimerFired(CHECKPOINT))
    old = pair.media[PEER].synced
    pair.give(FRAMES[2:6])
    earth = Cosign(EDGE, 1, AUDITOR, bytes(32), ((stream_of(), 6),))
    pair.deliver(EDGE, TimerFired(CHECKPOINT))
    pair.deliver(EDGE, Received(EARTH, encode(signed_by(AUDITOR, earth))))
    pair.deliver(EDGE, Received("device-1", encode(make_ack(FRAMES[:5], trim=5))))
    pair.deliver(EDGE, TimerFired(CHECKPOINT))
    pair.restart(PEER, old)
    for frame in FRAMES[6:9]:
        pair.give([frame])
        effects = pair.deliver(EDGE, TimerFired(CHECKPOINT))
    assert pair.edges[EDGE].streams[stream_of()].log.base > 2
    assert [fact.size for fact in facts(effects, HeadCosigned)] == [9]
