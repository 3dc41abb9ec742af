"""An edge without streams of its own that witnesses a peer for long: its journal stays short, it forgets nothing."""

from pipeline_parts import (
    EDGE,
    PEER,
    T0,
    Medium,
    edge_settings,
    frames_of,
    log_of,
    run_syncs,
    settled_edge,
    signed_by,
    stream_of,
)

from twin.pipeline.ledger.merkle import MerkleLog
from twin.pipeline.machine import Received, Started, TimerFired
from twin.pipeline.nodes.edge import CHECKPOINT
from twin.pipeline.nodes.edge_journal import SNAPSHOT_AFTER_BYTES
from twin.pipeline.wire.messages import Checkpoint, CheckpointOffer, Head, encode

FRAMES = frames_of(1, 300)


def offer_of(log: MerkleLog, before: int, counter: int) -> bytes:
    unsigned = Checkpoint(EDGE, counter, T0, b"", (Head(stream_of(), log.size, log.root()),))
    checkpoint = encode(signed_by(EDGE, unsigned))
    proof = log.consistency_proof(before, log.size) if before else ()
    return encode(CheckpointOffer(checkpoint, ((before, proof),)))


def test_a_witness_without_streams_keeps_a_short_journal_and_its_memory() -> None:
    medium = Medium()
    edge = settled_edge(edge_settings(PEER), b"")
    run_syncs(edge, edge.handle(Started(), T0), medium=medium)
    longest = 0
    for counter in range(len(FRAMES)):
        offer = offer_of(log_of(FRAMES[: counter + 1]), counter, counter)
        run_syncs(edge, edge.handle(Received(EDGE, offer), T0), medium=medium)
        run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), medium=medium)
        longest = max(longest, len(medium.synced))
    assert medium.start > SNAPSHOT_AFTER_BYTES
    assert longest < 2.5 * SNAPSHOT_AFTER_BYTES
    again = settled_edge(edge_settings(PEER), medium.synced, medium.start)
    assert edge.ledger.witness.witnessed
    assert again.ledger.witness.witnessed == edge.ledger.witness.witnessed
