"""Checkpoints and witnesses: a witness signs what it can follow, and nothing that it has not stored."""

from __future__ import annotations

from typing import Any

import pytest
from pipeline_parts import (
    EDGE,
    PEER,
    T0,
    Medium,
    edge_settings,
    facts,
    frames_of,
    log_of,
    of,
    run_syncs,
    said,
    settled_edge,
    signed_by,
    signer,
    stream_of,
    why_rejected,
)

from twin.pipeline.facts import HeadCosigned, WitnessRefused
from twin.pipeline.ledger.merkle import MerkleLog
from twin.pipeline.machine import Append, Received, Started, Sync, Synced, TimerFired
from twin.pipeline.nodes.edge import CHECKPOINT, Edge
from twin.pipeline.wire.messages import (
    Checkpoint,
    CheckpointOffer,
    Cosign,
    FrameOffer,
    Head,
    decode,
    encode,
    signed_part,
)

FRAMES = frames_of(1, 9)
OTHERS = frames_of(2, 9)


def checkpoint(
    counter: int, logs: dict[int, MerkleLog], author: str = EDGE, key: str | None = None, **changes: Any
) -> bytes:
    heads = tuple(Head(stream_of(device), log.size, log.root()) for device, log in logs.items())
    previous = bytes(32) if counter else b""
    unsigned = Checkpoint(author, counter, T0, previous, heads)._replace(**changes)
    return encode(signed_by(key or author, unsigned))


def offer(counter: int, logs: dict[int, MerkleLog], *known: int, **changes: Any) -> CheckpointOffer:
    """A checkpoint with a proof from `known` for each stream."""
    proofs = tuple(
        (size, log.consistency_proof(size, log.size) if 0 < size <= log.size else ())
        for size, log in zip(known or (0,) * len(logs), logs.values(), strict=True)
    )
    return CheckpointOffer(checkpoint(counter, logs, **changes), proofs)


def witness() -> Edge:
    edge = settled_edge(edge_settings(PEER), b"")
    edge.handle(Started(), T0)
    return edge


def ask(edge: Edge, message: CheckpointOffer, medium: Medium | None = None):
    return run_syncs(edge, edge.handle(Received(EDGE, encode(message)), T0), T0, medium)


def signed_sizes(effects) -> list[dict]:
    return [dict(message.sizes) for message in said(effects, EDGE) if isinstance(message, Cosign)]


def first_of(n: int, device: int = 1) -> MerkleLog:
    return log_of((FRAMES if device == 1 else OTHERS)[:n])


def test_a_witness_stores_a_head_before_its_signature_leaves():
    edge = witness()
    effects = edge.handle(Received(EDGE, encode(offer(0, {1: first_of(3)}))), T0)
    assert [type(effect) for effect in effects] == [Append, Sync]
    effects = edge.handle(Synced(0), T0)
    assert facts(effects, HeadCosigned) == [HeadCosigned(EDGE, stream_of(), 3, first_of(3).root())]
    (cosign,) = said(effects, EDGE)
    assert signer(PEER).sign(signed_part(cosign)) == cosign.signature


def test_a_repeated_offer_does_not_hurry_the_signature_past_the_medium():
    edge = witness()
    message = encode(offer(0, {1: first_of(3)}))
    edge.handle(Received(EDGE, message), T0)
    assert edge.handle(Received(EDGE, message), T0) == []
    assert len(said(edge.handle(Synced(0), T0), EDGE)) == 2


def test_a_witness_follows_consistent_heads():
    edge = witness()
    assert signed_sizes(ask(edge, offer(0, {1: first_of(3)}))) == [{stream_of(): 3}]
    assert signed_sizes(ask(edge, offer(1, {1: first_of(7)}, 3))) == [{stream_of(): 7}]
    both = {1: first_of(7), 2: first_of(2, device=2)}
    assert signed_sizes(ask(edge, offer(4, both, 7, 0))) == [{stream_of(1): 7, stream_of(2): 2}]


def refused(effects) -> list[tuple[int, int]]:
    return [(fact.stream.device, fact.size) for fact in facts(effects, WitnessRefused)]


@pytest.mark.parametrize(
    ("log", "size"),
    [(log_of(FRAMES[:2]), 2), (log_of([*FRAMES[:4], OTHERS[0]]), 5), (log_of([*OTHERS[:8]]), 8)],
    ids=["shrunken", "same size, other root", "forked"],
)
def test_a_head_that_does_not_follow_is_refused_and_not_remembered(log, size):
    edge = witness()
    ask(edge, offer(0, {1: first_of(5)}))
    effects = ask(edge, offer(1, {1: log}, 5))
    assert refused(effects) == [(1, size)]
    assert signed_sizes(effects) == [{stream_of(): 5}], "the last signature is all that it gets"
    assert signed_sizes(ask(edge, offer(2, {1: first_of(6)}, 5))) == [{stream_of(): 6}]


def test_a_stream_that_is_left_out_has_shrunk_to_nothing():
    """Else an author could drop a stream from one checkpoint and begin it anew in the next."""
    edge = witness()
    ask(edge, offer(0, {1: first_of(5), 2: first_of(5, device=2)}))
    assert refused(ask(edge, offer(1, {1: first_of(6)}, 5))) == [(2, 0)]
    forked = {1: first_of(6), 2: log_of(FRAMES[:3])}
    assert refused(ask(edge, offer(2, forked, 5, 0))) == []
    assert signed_sizes(ask(edge, offer(3, forked, 5, 0))) == [{stream_of(1): 5, stream_of(2): 5}]


def test_two_heads_of_one_stream_are_refused():
    edge = witness()
    log = first_of(3)
    heads = (Head(stream_of(), 3, log.root()), Head(stream_of(), 3, log_of(OTHERS[:3]).root()))
    message = CheckpointOffer(checkpoint(0, {}, heads=heads), ((0, ()), (0, ())))
    assert why_rejected(ask(edge, message)) == "two heads of one stream"


def test_an_author_that_does_not_know_is_told_the_last_signature():
    """Its cosignature was lost, or it restarted: then it claims an older size, or none."""
    edge = witness()
    ask(edge, offer(0, {1: first_of(4)}))
    for known in (0, 2):
        effects = ask(edge, offer(1, {1: first_of(6)}, known))
        assert refused(effects) == []
        assert signed_sizes(effects) == [{stream_of(): 4}]
    assert signed_sizes(ask(edge, offer(1, {1: first_of(6)}, 4))) == [{stream_of(): 6}]


def test_a_witness_without_memory_has_nothing_to_contradict():
    """A new witness begins with whatever head it is shown, though the author believes that it signed before."""
    assert signed_sizes(ask(witness(), offer(7, {1: first_of(6)}, 4))) == [{stream_of(): 6}]


def test_an_old_checkpoint_is_answered_with_the_last_signature():
    edge = witness()
    ask(edge, offer(3, {1: first_of(4)}))
    effects = ask(edge, offer(2, {1: first_of(2)}))
    assert of(effects, Append) == []
    assert signed_sizes(effects) == [{stream_of(): 4}]


def test_a_witness_remembers_after_a_restart():
    edge, medium = witness(), Medium()
    ask(edge, offer(0, {1: first_of(5)}), medium)
    again = settled_edge(edge_settings(PEER), medium.synced)
    again.handle(Started(), T0)
    assert refused(ask(again, offer(1, {1: log_of(OTHERS[:7])}, 5))) == [(1, 7)]
    assert signed_sizes(ask(again, offer(2, {1: first_of(7)}, 5))) == [{stream_of(): 7}]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (CheckpointOffer(b"", ()), "0 bytes are no CBOR"),
        (CheckpointOffer(encode(Cosign(EDGE, 0, PEER, b"", ())), ()), "Cosign is no Checkpoint"),
        (offer(0, {1: first_of(2)}, author="stranger"), "author unknown"),
        (offer(0, {1: first_of(2)}, author=PEER), "author unknown"),
        (offer(0, {1: first_of(2)}, key="stranger"), "signature"),
        (CheckpointOffer(checkpoint(0, {1: first_of(2)}), ()), "one proof per head is needed"),
    ],
    ids=["empty", "no checkpoint", "stranger", "itself", "forged", "no proofs"],
)
def test_an_offer_that_proves_nothing_is_not_signed(message, reason):
    effects = ask(witness(), message)
    assert reason in why_rejected(effects)
    assert of(effects, Append) == []
    assert said(effects, EDGE) == []


def test_checkpoints_of_an_author_form_a_chain():
    edge, medium = settled_edge(edge_settings(), b""), Medium()
    edge.handle(Started(), T0)
    chain, digests = [], []
    for frame in FRAMES[:3]:
        run_syncs(edge, edge.handle(Received("device-1", encode(FrameOffer(frame))), T0), T0, medium)
        (message,) = said(run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0, medium), PEER)
        chain.append(decode(message.checkpoint))
        digests.append(edge.notary.digest)
    assert [c.counter for c in chain] == [0, 1, 2]
    assert [c.previous for c in chain] == [b"", *digests[:2]]
