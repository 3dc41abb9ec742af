"""How a starting edge rebuilds its ledger from its journal: entry by entry, as it was written.

A snapshot at the front stands for the entries that were dropped. Of a later one only what notary and witness
remember is taken: the rest follows from the entries before it.
"""

from __future__ import annotations

from twin.pipeline.ledger import journal
from twin.pipeline.ledger.stream import Stream
from twin.pipeline.nodes.edge_journal import SnapshotAt
from twin.pipeline.nodes.edge_ledger import EdgeLedger
from twin.pipeline.wire.frame import SAMPLES, decode_samples, peek_kind, peek_record
from twin.pipeline.wire.messages import Ack, decode_as


def read_back(ledger: EdgeLedger, durable: bytes, start: int) -> None:
    """Fill an empty ledger from its journal's bytes, which begin at offset `start`."""
    for entry in ledger.journal.read(durable, start):
        _replay(ledger, entry, first=entry.offset == start)
    for stream in ledger.streams.values():
        # checkpoints are read into the notary, and one may stand behind an adoption that knew less
        stream.signed = max(stream.signed, ledger.notary.signed_before.get(stream.id, 0))
        stream.durable = stream.size
        stream.drop_frames(stream.trim)


def _replay(ledger: EdgeLedger, entry: journal.Entry, first: bool) -> None:
    if entry.kind == journal.FRAME:
        _frame(ledger, entry.payload)
    elif entry.kind == journal.ACK:
        _ack(ledger, entry.payload)
    elif entry.kind == journal.ADOPTED:
        ledger.take_up(decode_as(Ack, entry.payload), entry.payload)
    elif entry.kind == journal.CLOSINGS:
        ledger.keys.take((entry.payload,))
    elif entry.kind == journal.SNAPSHOT:
        _snapshot(ledger, entry, first)
    elif entry.kind == journal.CHECKPOINT:
        ledger.notary.replay(entry.payload)
    elif entry.kind == journal.WITNESSED:
        ledger.witness.remember(journal.decode_witnessed(entry.payload))
    else:
        raise journal.JournalError(f"entry of kind {entry.kind} at {entry.offset}: unknown")


def _frame(ledger: EdgeLedger, frame: bytes) -> None:
    record = peek_record(frame)
    ledger.stream(record.stream).append(frame)
    if ledger.alarms.writes(record.stream):
        ledger.alarms.replay_own(frame)
        return
    if record.device not in ledger.devices:
        return  # it has left the habitat, and its stream stays
    if peek_kind(frame) == SAMPLES:
        ledger.alarms.replay(record, decode_samples(ledger.keys.body(frame, record)))
    ledger.learn(frame, record)


def _ack(ledger: EdgeLedger, data: bytes) -> None:
    ack = decode_as(Ack, data)
    ledger.stream(ack.stream).take(ack, data)


def _snapshot(ledger: EdgeLedger, entry: journal.Entry, first: bool) -> None:
    snapshot = journal.decode_snapshot(entry.payload)
    if first:
        _restore(ledger, snapshot)
    ledger.notary.restore(snapshot)
    for witnessed in snapshot.witnessed:
        ledger.witness.remember(witnessed)
    for state in snapshot.streams:
        ledger.stream(state.stream)  # one that it knows of without a record follows from no other entry
    ledger.journal.remember(SnapshotAt(entry.offset, {s.stream: s.size for s in snapshot.streams}))


def _restore(ledger: EdgeLedger, snapshot: journal.Snapshot) -> None:
    ledger.keys.take(snapshot.closings)
    for state in snapshot.streams:
        stream = ledger.streams[state.stream] = Stream(state.stream, state.size, state.frontier)
        stream.signed = state.signed
        if state.vouched:
            stream.vouched, stream.vouched_size = state.vouched, decode_as(Ack, state.vouched).verified
        if state.ack:
            _ack(ledger, state.ack)
    ledger.alarms.restore({state.stream: state.rules for state in snapshot.streams}, snapshot.board)
