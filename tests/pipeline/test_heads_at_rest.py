"""Heads that every witness has followed are not written out again, and nobody loses sight of them."""

from __future__ import annotations

from typing import Any

import pytest
from auditor_parts import auditor
from edge_pair import PairAndEarth, offers
from pipeline_parts import (
    AUDITOR,
    EARTH,
    EDGE,
    PEER,
    T0,
    attestation,
    edge_in_clear,
    edge_settings,
    facts,
    frames_of,
    log_of,
    of,
    run_syncs,
    said,
    signed_by,
    stream_of,
)

from twin.pipeline.facts import ChainRestarted, HeadCosigned, HeadSigned, Rejected, WitnessRefused
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.at_rest import digest_at_rest
from twin.pipeline.machine import Append, KeepCheckpoint, Received, Send, Started, TimerFired
from twin.pipeline.nodes import notary
from twin.pipeline.nodes.edge import CHECKPOINT
from twin.pipeline.nodes.stored import Stored, StoredStream
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import (
    Checkpoint,
    CheckpointOffer,
    Cosign,
    FrameOffer,
    Head,
    encode,
)

ONE, TWO = stream_of(1), stream_of(2)
FRAMES, OTHERS = frames_of(1, 9), frames_of(2, 9)
TABLE = {ONE: FRAMES, TWO: OTHERS}


class Ledger(PairAndEarth):
    """Checkpoints of one edge, and their way to Earth's auditor, who has read every row."""

    def give_to(self, device: int, *frames: bytes) -> None:
        for frame in frames:
            self.deliver(EDGE, Received(f"device-{device}", encode(FrameOffer(frame))))

    def checkpoint(self) -> Checkpoint:
        (made,) = offers(self.deliver(EDGE, TimerFired(CHECKPOINT)))
        return made

    def reaches_earth(self, checkpoint: Checkpoint) -> list[Any]:
        """What the auditor does, and what the edge does when it hears the answer."""
        effects = self.tell_auditor(CheckpointOffer(encode(checkpoint), ()))
        for word in cosigns(effects, EARTH):
            effects += self.deliver(EDGE, Received(EARTH, encode(word)))
        return effects


def cosigns(effects: list[Any], to: str = EDGE) -> list[Cosign]:
    return [message for message in said(effects, to) if isinstance(message, Cosign)]


def head(stream: StreamId, size: int) -> Head:
    return Head(stream, size, log_of(TABLE[stream][:size]).root())


def sent(effects: list[Any], to: str) -> list[bytes]:
    return [send.data for send in of(effects, Send) if send.destination == to]


def written(checkpoint: Checkpoint) -> list[StreamId]:
    return [head.stream for head in checkpoint.heads]


@pytest.fixture
def ledger() -> Ledger:
    """One checkpoint over three frames of one stream and two of another, followed by the peer and by Earth."""
    made = Ledger(TABLE)
    made.give_to(1, *FRAMES[:3])
    made.give_to(2, *OTHERS[:2])
    made.reaches_earth(made.checkpoint())
    return made


def test_a_head_that_all_have_followed_is_stated_by_digest_until_it_moves(ledger):
    ledger.give_to(1, FRAMES[3])
    second = ledger.checkpoint()
    assert written(second) == [ONE]
    assert second.resting == digest_at_rest([head(TWO, 2)])
    ledger.give_to(2, OTHERS[2])
    third = ledger.checkpoint()
    assert written(third) == [ONE, TWO], "Earth has not followed the first as it is now"
    assert third.resting == b""
    effects = ledger.reaches_earth(third)
    assert [(fact.stream, fact.size) for fact in facts(effects, HeadCosigned)] == [(ONE, 4), (TWO, 3)]
    ledger.give_to(2, OTHERS[3])
    effects = ledger.deliver(EDGE, TimerFired(CHECKPOINT))
    assert [written(made) for made in offers(effects)] == [[TWO]]
    assert [(fact.stream, fact.size) for fact in facts(effects, HeadCosigned)] == [(TWO, 4)]


def test_what_rests_may_be_what_earth_has_never_seen_written_out_together(ledger):
    """Of those that wait for a contact only the newest is sent: the third reaches Earth, and the second never does."""
    ledger.give_to(1, FRAMES[3])
    ledger.checkpoint()
    ledger.give_to(1, FRAMES[4])
    effects = ledger.reaches_earth(ledger.checkpoint())
    assert [(fact.stream, fact.size) for fact in facts(effects, HeadCosigned)] == [(ONE, 5)]
    (word,) = cosigns(effects, EARTH)
    assert dict(word.sizes) == {ONE: 5, TWO: 2}, "an auditor that starts anew has nothing else to remember by"


def test_an_auditor_that_starts_anew_follows_what_rests(ledger):
    ledger.give_to(1, FRAMES[3])
    (word,) = cosigns(ledger.reaches_earth(ledger.checkpoint()), EARTH)
    ledger.start_auditor(word)
    ledger.give_to(1, FRAMES[4])
    third = ledger.checkpoint()
    assert written(third) == [ONE]
    effects = ledger.reaches_earth(third)
    assert [(fact.stream, fact.size) for fact in facts(effects, HeadCosigned)] == [(ONE, 5)]


def test_an_edge_that_starts_anew_writes_all_out_until_all_have_followed_again(ledger):
    ledger.give_to(1, FRAMES[3])
    ledger.checkpoint()
    ledger.restart(EDGE, ledger.media[EDGE].synced, ledger.media[EDGE].start)
    ledger.give_to(1, FRAMES[4])
    third = ledger.checkpoint()
    assert written(third) == [ONE, TWO]
    assert third.previous
    ledger.reaches_earth(third)
    ledger.give_to(1, FRAMES[5])
    assert written(ledger.checkpoint()) == [ONE]


def test_a_crash_between_a_checkpoint_and_its_snapshot_is_no_reason_to_begin_anew(ledger):
    medium = ledger.media[EDGE]
    ledger.give_to(1, FRAMES[3])
    assert written(ledger.checkpoint()) == [ONE]
    entries = journal.scan(medium.synced, medium.start)[0]
    newest = max(entry.offset for entry in entries if entry.kind == journal.CHECKPOINT)
    end = next(entry.offset for entry in entries if entry.offset > newest)
    ledger.restart(EDGE, medium.synced[: end - medium.start], medium.start)
    ledger.give_to(1, FRAMES[4])
    made = ledger.checkpoint()
    assert made.previous
    assert written(made) == [ONE, TWO]


def test_a_chain_that_begins_anew_writes_out_all_that_is_left(ledger):
    ledger.give_to(1, FRAMES[3])
    ledger.checkpoint()
    ledger.restart(EDGE, b"")
    ledger.give_to(2, *OTHERS[:3])
    effects = ledger.deliver(EDGE, TimerFired(CHECKPOINT))
    (made,) = offers(effects)
    assert (written(made), made.previous, made.resting) == ([TWO], b"", b"")
    assert facts(effects, ChainRestarted) == [ChainRestarted(EDGE, made.counter)]
    assert dict(cosigns(effects)[0].given_up) == {ONE: 4}


def test_a_short_word_that_waited_for_its_medium_is_no_answer_to_an_edge_that_has_forgotten():
    """It names what the checkpoint wrote out; what rests is in the answer, which comes behind it."""
    ledger = Ledger(TABLE)
    medium, peer = ledger.media[EDGE], ledger.edges[PEER]
    ledger.give_to(1, *FRAMES[:3])
    ledger.give_to(2, OTHERS[0])
    old, start = medium.synced, medium.start
    ledger.give_to(2, OTHERS[1])
    ledger.reaches_earth(ledger.checkpoint())
    ledger.give_to(1, FRAMES[3])
    edge = ledger.edges[EDGE]
    second = run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium)
    assert [written(made) for made in offers(second)] == [[ONE]]
    waiting = [e for data in sent(second, PEER) for e in peer.handle(Received(EDGE, data), T0)]
    assert cosigns(waiting) == []
    medium.synced, medium.start = old, start
    edge = ledger.edges[EDGE] = edge_in_clear(edge_settings(EDGE), old, start)
    started = run_syncs(edge, edge.handle(Started(bytes(32)), T0), T0, medium)
    waiting += [e for data in sent(started, PEER) for e in peer.handle(Received(EDGE, data), T0)]
    words = run_syncs(peer, waiting, T0, ledger.media[PEER])
    assert [dict(word.sizes) for word in cosigns(words)] == [{ONE: 4}, {ONE: 4, TWO: 2}]
    for data in sent(words, EDGE):
        assert facts(ledger.deliver(EDGE, Received(PEER, data)), Rejected) == []
    assert edge.notary.signed_before == {ONE: 4, TWO: 2}
    ledger.give_to(1, *FRAMES[3:6])
    effects = ledger.deliver(EDGE, TimerFired(CHECKPOINT))
    assert [(fact.stream, fact.size) for fact in facts(effects, HeadSigned)] == [(ONE, 6)]
    assert [(fact.stream, fact.size) for fact in facts(effects, HeadCosigned)] == [(ONE, 6)]


@pytest.mark.parametrize("remembered", [False, True], ids=["nothing", "an old medium"])
def test_a_witness_that_forgot_is_told_all_again(ledger, remembered):
    old = ledger.media[PEER].synced if remembered else b""
    ledger.give_to(1, FRAMES[3])
    ledger.give_to(2, OTHERS[2])
    ledger.reaches_earth(ledger.checkpoint())
    ledger.restart(PEER, old)
    ledger.give_to(1, FRAMES[4])
    effects = ledger.deliver(EDGE, TimerFired(CHECKPOINT))
    (made,) = offers(effects)
    assert written(made) == [ONE]
    assert [fact.reason for fact in facts(effects, Rejected)] == [
        "the heads at rest are not those that were followed here"
    ]
    assert facts(effects, HeadCosigned) == []
    ledger.give_to(1, FRAMES[5])
    effects = ledger.deliver(EDGE, TimerFired(CHECKPOINT))
    assert [written(made) for made in offers(effects)] == [[ONE, TWO]]
    assert facts(effects, WitnessRefused) == []
    assert [(fact.stream, fact.size) for fact in facts(effects, HeadCosigned)] == [(ONE, 6), (TWO, 3)]


def signed(counter: int, resting: bytes, previous: bytes = bytes(32)) -> CheckpointOffer:
    """What an edge that lies may say: its first stream has moved, and of its second only this digest."""
    log = log_of(FRAMES[:4])
    heads = (Head(ONE, 4, log.root()),)
    proof = (3, tuple(log.consistency_proof(3, 4)))
    return CheckpointOffer(encode(signed_by(EDGE, Checkpoint(EDGE, counter, T0, previous, heads, resting))), (proof,))


LIES = {
    "shrunken": (digest_at_rest([head(TWO, 1)]), bytes(32), Rejected),
    "grown": (digest_at_rest([head(TWO, 3)]), bytes(32), Rejected),
    "a stream that nobody has seen": (
        digest_at_rest([head(TWO, 2), Head(stream_of(3), 1, bytes(32))]),
        bytes(32),
        Rejected,
    ),
    "of another root": (digest_at_rest([Head(TWO, 2, log_of(FRAMES[:2]).root())]), bytes(32), Rejected),
    "left out": (b"", bytes(32), WitnessRefused),
    "at rest in a new chain": (digest_at_rest([head(TWO, 2)]), b"", Rejected),
}


@pytest.mark.parametrize(("resting", "previous", "what"), LIES.values(), ids=LIES)
def test_other_heads_than_those_that_were_followed_do_not_rest(ledger, resting, previous, what):
    offer = signed(1, resting, previous)
    effects = ledger.deliver(PEER, Received(EDGE, encode(offer)))
    assert len(facts(effects, what)) == 1
    assert of(effects, Append) == []
    assert [dict(word.sizes) for word in cosigns(effects)] == [{ONE: 3, TWO: 2}], "the last word is all that it gets"
    effects = ledger.tell_auditor(offer)
    assert len(facts(effects, what)) == 1
    assert [dict(word.sizes) for word in cosigns(effects, EARTH)] == [{ONE: 3, TWO: 2}]
    assert [kept.cosigns for kept in of(effects, KeepCheckpoint)] == [()], "archived, as signed, and not cosigned"


def test_an_author_that_showed_mars_and_earth_two_roots_gets_no_checkpoint_that_both_cosign():
    ledger = Ledger(TABLE)
    one = log_of(FRAMES[:4])

    def first(root: bytes) -> CheckpointOffer:
        heads = (head(ONE, 3), Head(TWO, 2, root))
        return CheckpointOffer(encode(signed_by(EDGE, Checkpoint(EDGE, 0, T0, b"", heads))), ((0, ()), (0, ())))

    for_mars, for_earth = head(TWO, 2)._replace(root=bytes(32)), head(TWO, 2)
    assert cosigns(ledger.deliver(PEER, Received(EDGE, encode(first(for_mars.root)))))
    assert cosigns(ledger.tell_auditor(first(for_earth.root)), EARTH)
    for counter, shown in enumerate((for_mars, for_earth), 1):
        unsigned = Checkpoint(EDGE, counter, T0, bytes(32), (head(ONE, 4),), digest_at_rest([shown]))
        proof = (2 + counter, tuple(one.consistency_proof(2 + counter, 4)))
        offer = CheckpointOffer(encode(signed_by(EDGE, unsigned)), (proof,))
        on_mars = facts(ledger.deliver(PEER, Received(EDGE, encode(offer))), HeadCosigned)
        on_earth = facts(ledger.tell_auditor(offer), HeadCosigned)
        assert [bool(on_mars), bool(on_earth)] == [shown is for_mars, shown is for_earth]


def test_what_earth_cosigns_is_stored_with_it_for_heads_will_rest_on_it(ledger):
    """Else a store that refuses the checkpoint, takes the cosignature and loses the auditor leaves them nowhere."""
    ledger.give_to(1, FRAMES[3])
    checkpoint = ledger.checkpoint()
    kept = of(ledger.reaches_earth(checkpoint), KeepCheckpoint)
    assert [one.checkpoint for one in kept if one.cosigns] == [encode(checkpoint)]


def test_an_auditor_that_has_forgotten_a_root_asks_for_all_heads(ledger):
    """It started over rows that it had signed for, and another edge has brought more of them than this one."""
    ledger.give_to(1, FRAMES[3])
    (word,) = cosigns(ledger.reaches_earth(ledger.checkpoint()), EARTH)
    streams = tuple(StoredStream(s, 9, PEER, attestation(TABLE[s], s.device), None) for s in TABLE)
    ledger.auditor = auditor(Stored(streams, cosigns=(encode(word),)))
    ledger.give_to(1, FRAMES[4])
    effects = ledger.reaches_earth(ledger.checkpoint())
    assert [fact.reason for fact in facts(effects, Rejected)] == [
        "the heads at rest are not those that were cosigned here"
    ]
    (reminder,) = cosigns(effects, EARTH)
    assert (reminder.counter, reminder.digest, reminder.sizes) == (word.counter, b"", word.sizes)
    ledger.give_to(1, FRAMES[5])
    assert written(ledger.checkpoint()) == [ONE, TWO]


def test_what_is_remembered_of_own_checkpoints_is_bounded(monkeypatch):
    monkeypatch.setattr(notary, "MADE_MAX", 3)
    ledger = Ledger(TABLE)
    for frame in FRAMES[:6]:
        ledger.give_to(1, frame)
        ledger.checkpoint()
    assert list(ledger.edges[EDGE].notary._made.values()) == [3, 4, 5]


def test_the_same_heads_rest(ledger):
    """What the lies above differ from."""
    offer = signed(1, digest_at_rest([head(TWO, 2)]))
    for effects in (ledger.deliver(PEER, Received(EDGE, encode(offer))), ledger.tell_auditor(offer)):
        assert [(fact.stream, fact.size) for fact in facts(effects, HeadCosigned)] == [(ONE, 4)]
        assert facts(effects, Rejected) == []


def test_a_peers_word_is_as_short_as_the_checkpoint_and_whole_for_who_may_not_know(ledger):
    offer = signed(1, digest_at_rest([head(TWO, 2)]))
    assert [dict(word.sizes) for word in cosigns(ledger.deliver(PEER, Received(EDGE, encode(offer))))] == [{ONE: 4}]
    again = cosigns(ledger.deliver(PEER, Received(EDGE, encode(offer))))
    assert [dict(word.sizes) for word in again] == [{ONE: 4, TWO: 2}]


def of_earth(counter: int, digest: bytes, *sizes: tuple[StreamId, int]) -> Received:
    """A word of Earth about another life of this edge."""
    return Received(EARTH, encode(signed_by(AUDITOR, Cosign(EDGE, counter, AUDITOR, digest, sizes))))


def test_after_a_chain_that_begins_anew_nothing_rests_until_all_have_followed_it(ledger):
    """Earth may never see the checkpoint with which it began, and would wait for a stream that this one has lost."""
    digest = ledger.edges[EDGE].notary.digest
    ledger.deliver(EDGE, of_earth(0, digest, (ONE, 3), (TWO, 2), (stream_of(3), 1)))
    ledger.give_to(1, FRAMES[3])
    first = ledger.checkpoint()
    assert (written(first), first.previous) == ([ONE, TWO], b"")
    ledger.give_to(1, FRAMES[4])
    second = ledger.checkpoint()
    assert written(second) == [ONE, TWO]
    assert second.previous
    ledger.reaches_earth(second)
    ledger.give_to(1, FRAMES[5])
    assert written(ledger.checkpoint()) == [ONE]


def test_a_word_of_another_checkpoint_under_the_same_number_lets_nothing_rest(ledger):
    ledger.deliver(EDGE, of_earth(0, bytes(32), (ONE, 3), (TWO, 2)))
    ledger.give_to(1, FRAMES[3])
    assert written(ledger.checkpoint()) == [ONE, TWO]


def test_nothing_rests_before_earth_has_followed_it():
    """The peer's word alone is not enough."""
    ledger = Ledger(TABLE)
    ledger.give_to(1, *FRAMES[:3])
    ledger.give_to(2, *OTHERS[:2])
    first = ledger.checkpoint()
    ledger.give_to(1, FRAMES[3])
    assert written(ledger.checkpoint()) == [ONE, TWO]
    ledger.reaches_earth(first)
    ledger.give_to(1, FRAMES[4])
    assert written(ledger.checkpoint()) == [ONE]
