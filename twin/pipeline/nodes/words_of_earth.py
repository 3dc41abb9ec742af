"""What an edge does with what Earth says: acks, cosignatures, receipts, key notices.

An ack acts once its journal entry is durable (trim), except on what needs no medium: timers, the device's knowledge.
An ack beyond what this edge holds tells it that its medium has lost something: it takes the stream up there.
"""

from __future__ import annotations

from twin.pipeline.facts import AckLearned, ReceiptLearned, Rejected, RootMismatch
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.stream import WRONG_ROOT, Stream
from twin.pipeline.machine import Effect, Report, Send
from twin.pipeline.nodes.carriage import Carriage
from twin.pipeline.nodes.device_desk import DeviceDesk
from twin.pipeline.nodes.downlink import Downlink
from twin.pipeline.nodes.edge_ledger import EdgeLedger
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.pipeline.wire.messages import (
    Ack,
    Acks,
    Cosign,
    Cosigned,
    KeyNotice,
    MessageError,
    MismatchNotice,
    Receipt,
    ReceiptsTaken,
    decode,
    decode_as,
    encode,
    signed_part,
)


class WordsOfEarth:
    """Reads Earth's bundles for one edge."""

    def __init__(self, ledger: EdgeLedger, devices: DeviceDesk, downlink: Downlink, carriage: Carriage) -> None:
        self._ledger = ledger
        self._notary = ledger.notary
        self._devices = devices
        self._downlink = downlink
        self._carriage = carriage

    def bundle(self, data: bytes, now_us: int, out: list[Effect]) -> None:
        """A bundle came from Earth."""
        try:
            mail = self._downlink.mailer.open(data, now_us)
            message = decode(mail.payload)
        except (BundleError, MessageError) as problem:
            out.append(Report(Rejected("bundle", str(problem))))
            return
        if isinstance(message, KeyNotice):
            self._downlink.hop_keys.heard(mail.source, message, out)
            return
        if not isinstance(message, Acks):
            out.append(Report(Rejected("bundle", f"{type(message).__name__} is not for an edge")))
            return
        for raw in (*message.acks, *message.cosigns):
            self._word(raw, now_us, out)
        taken = [alert for raw in message.receipts if (alert := self._receipt(raw, out)) is not None]
        if taken:
            self._downlink.post((ReceiptsTaken, *taken), encode(ReceiptsTaken(tuple(taken))))

    def _word(self, raw: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            message = decode(raw)
        except MessageError as problem:
            out.append(Report(Rejected("Acks", str(problem))))
            return
        if isinstance(message, Ack):
            self.ack(message, raw, now_us, out)
        elif isinstance(message, Cosign):
            self.cosigned(message, raw, out)
        else:
            out.append(Report(Rejected(type(message).__name__, "neither ack nor cosignature")))

    def cosigned(self, cosign: Cosign, data: bytes, out: list[Effect]) -> None:
        """A witness has signed a checkpoint of this edge; Earth archives what witnesses on Mars signed."""
        refused = self._notary.cosigned(cosign, data, self._ledger.streams)
        out.extend(refused)
        if not refused and cosign.witness in self._notary.peers:
            self._downlink.post(Cosigned, encode(Cosigned(self._notary.cosigns)))

    # ------------------------------------------------------------ acks

    def ack(self, ack: Ack, raw: bytes, now_us: int, out: list[Effect], from_mars: bool = False) -> None:
        """An ack from Earth, or one that a device or a peer hands on.

        What this edge lacks of a stream its device sends again, as far as it has not trimmed; nobody has more of
        this edge's own alerts than Earth. A stream that is not known here is taken up if this edge carries it, or if
        its device says so: a gateway that has just started tells every edge of every stream.
        """
        ledger = self._ledger
        signer = ledger.devices.get(ack.stream.device)
        if signer is not None and signer.name in self._notary.settings.authors:
            out.append(Report(Rejected("Ack", "another edge's alerts")))
            return
        stream = ledger.streams.get(ack.stream)
        size = 0 if stream is None else stream.size
        lacks = size < (ack.verified if ledger.alarms.writes(ack.stream) else ack.trim)
        if stream is None or lacks:
            if lacks and (stream is not None or from_mars or self._carriage.carries(ack.stream)):
                self._adopt(ack, raw, out)
            else:
                out.append(Report(Rejected("Ack", "a stream that this edge does not carry")))
            return
        problem = stream.problem_with(ack, self._notary.settings.gateway, self._notary.settings.auditor)
        if problem == WRONG_ROOT:
            out.append(Report(RootMismatch(stream.id, ack.verified)))
            own_root = stream.log.root(ack.verified)
            self._downlink.post(stream.id, encode(MismatchNotice(stream.id, ack.verified, own_root)))
        elif problem is not None:
            out.append(Report(Rejected("Ack", problem)))
        else:
            self._take(stream, ack, raw, out)
            if not from_mars:
                self._hand_on(ack.stream, raw, now_us, out)

    def _adopt(self, ack: Ack, raw: bytes, out: list[Effect]) -> None:
        if self._ledger.adopt(ack, raw, out):
            self._downlink.adopted(ack)
            self._devices.expect(ack.stream, out)
        else:
            out.append(Report(Rejected("Ack", "beyond what this edge holds, and not to be trusted")))

    def _take(self, stream: Stream, ack: Ack, raw: bytes, out: list[Effect]) -> None:
        fell = ack.verified < stream.verified
        stream.take(ack, raw)
        self._downlink.acked(ack)
        if fell:  # a new leader has lost rows, and the carrier may have lost them too: whoever holds them sends them
            self._downlink.resume(stream, urgent=self._ledger.alarms.writes(stream.id), lost=True)
        out.append(Report(AckLearned(stream.id, ack.verified, ack.trim, ack.term)))
        self._ledger.journal.append(journal.ACK, raw, out)
        self._ledger.journal.next.acks.append(ack)

    def _hand_on(self, stream: StreamId, raw: bytes, now_us: int, out: list[Effect]) -> None:
        """Tell the device, which tells its other edge; where it is silent, peers that hold the stream must know."""
        self._devices.tell(stream, raw, out)
        if not self._ledger.alarms.writes(stream) and self._carriage.is_silent(stream, now_us):
            out.extend(Send(peer, raw) for peer in self._notary.peers)

    # ------------------------------------------------------------ receipts

    def _receipt(self, raw: bytes, out: list[Effect]) -> AlertKey | None:
        try:
            receipt = decode_as(Receipt, raw)
        except MessageError as problem:
            out.append(Report(Rejected("Acks", str(problem))))
            return None
        if not self._notary.settings.gateway.verify(signed_part(receipt), receipt.signature):
            out.append(Report(Rejected("Receipt", "gateway's signature")))
            return None
        out.append(Report(ReceiptLearned(receipt.alert)))
        self._ledger.alarms.seen_on_earth(receipt.alert, out)
        return receipt.alert
