"""Mars as Earth sees it: frames that come again until they are acked, and edges that believe acks."""

from __future__ import annotations

from random import Random

from pipeline_parts import AUDITOR, DAY, EARTH, EDGE, EDGE_DEVICES, ENDPOINTS, PEER, T0, Author, log_of, verifier
from stand_ins import Saw

from twin.pipeline.facts import Accepted, AckLearned, AlarmRaised, FrameSealed, Trimmed
from twin.pipeline.ledger.merkle import leaf_hash
from twin.pipeline.transport.mailer import read_clear
from twin.pipeline.wire.frame import peek_record
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId
from twin.pipeline.wire.messages import (
    Ack,
    Acks,
    Message,
    Receipt,
    ReceiptsTaken,
    audit_part,
    decode,
    signed_part,
)
from twin.trace import MadeDurable

YEARS_US = 2_000 * DAY


class Mars:
    """Signed frames by stream; deletes below `trim` of the newest ack, sends what is not verified or is a gap.

    Args:
        saw: takes (node, fact).
    """

    def __init__(self, saw: Saw) -> None:
        self._saw = saw
        self.devices = [Author(1, "device-1"), Author(2, "device-2")]
        self.edges = {edge: Author(number, edge) for edge, number in EDGE_DEVICES.items()}
        self.signed: dict[StreamId, list[bytes]] = {}
        self.held: dict[StreamId, dict[int, bytes]] = {}
        self.acks: dict[StreamId, Ack] = {}
        self.verified_by_term: dict[tuple[StreamId, int], int] = {}
        self.alerts: dict[AlertKey, set[str]] = {}
        self.receipts: dict[str, set[AlertKey]] = {EDGE: set(), PEER: set()}

    def keep(self, node: str, frame: bytes) -> None:
        """A frame is signed, and on an edge's medium."""
        record = peek_record(frame)
        self.signed.setdefault(record.stream, []).append(frame)
        self.held.setdefault(record.stream, {})[record.index] = frame
        edge = node if node in self.edges else EDGE
        self._saw(node, FrameSealed(record, leaf_hash(frame), 0, 3, len(frame)))
        self._saw(edge, MadeDurable((tuple(record),)))
        self._saw(edge, Accepted(record.stream, record.index, record.index + 1))

    def measure(self, random: Random) -> None:
        """A device signs a frame, now and then its epoch's last one; edges may find an alert in it."""
        device = random.choice(self.devices)
        record = RecordId(*device.stream, device.index)
        rotates = random.random() < 0.1
        self.keep(device.name, device.close() if rotates else device.seal())
        if not rotates and random.random() < 0.4:
            for edge in random.choice([[EDGE], [PEER], [EDGE, PEER]]):
                self.alert(edge, AlertKey(*record, "spo2 low"))

    def alert(self, edge: str, key: AlertKey) -> None:
        self._saw(edge, AlarmRaised(key, 0, 3))
        self.keep(edge, self.edges[edge].alert(key))
        self.alerts.setdefault(key, set()).add(edge)

    def wanted(self, stream: StreamId) -> list[bytes]:
        """What Mars would send of a stream now."""
        ack = self.acks.get(stream)
        verified = 0 if ack is None else ack.verified
        gaps = () if ack is None else ack.gaps
        return [
            frame
            for index, frame in self.held[stream].items()
            if index >= verified or any(first <= index < end for first, end in gaps)
        ]

    def edge_for(self, stream: StreamId, random: Random) -> str:
        for edge, author in self.edges.items():
            if author.device == stream.device:
                return edge
        return EDGE if random.random() < 0.9 else PEER

    def hear(self, edge: str, data: bytes) -> Message | None:
        """Take a bundle of acks; the edge's answer to receipts, if there are any."""
        flow, payload, *_ = read_clear(data, ENDPOINTS[edge], T0)
        assert flow.destination == ENDPOINTS[edge]
        message = decode(payload)
        assert isinstance(message, Acks)
        for raw in message.acks:
            ack = decode(raw)
            assert isinstance(ack, Ack)
            self.believe(ack)
        taken = []
        for raw in message.receipts:
            receipt = decode(raw)
            assert isinstance(receipt, Receipt)
            assert verifier(EARTH).verify(signed_part(receipt), receipt.signature)
            assert edge in self.alerts[receipt.alert], "a receipt goes to those who brought the alert"
            self.receipts[edge].add(receipt.alert)
            taken.append(receipt.alert)
        return ReceiptsTaken(tuple(taken)) if taken else None

    def believe(self, ack: Ack) -> None:
        assert verifier(EARTH).verify(signed_part(ack), ack.signature)
        assert verifier(AUDITOR).verify(audit_part(ack.stream, ack.verified, ack.root), ack.audit)
        assert ack.root == log_of(self.signed[ack.stream][: ack.verified]).root()
        before = self.acks.get(ack.stream)
        if before is not None and (ack.term, ack.counter) <= (before.term, before.counter):
            return  # older, or of a leader that was superseded
        least = self.verified_by_term.get((ack.stream, ack.term), 0)
        assert ack.verified >= least
        self.verified_by_term[ack.stream, ack.term] = ack.verified
        assert before is None or ack.trim >= before.trim
        self.acks[ack.stream] = ack
        self._saw(EDGE, AckLearned(ack.stream, ack.verified, ack.trim, ack.term))
        gone = [index for index in self.held[ack.stream] if index < ack.trim]
        for index in gone:
            del self.held[ack.stream][index]
        if gone:
            self._saw(EDGE, Trimmed(ack.stream, ack.trim))
