"""What an edge does with what Earth says: acks, cosignatures, receipts, key notices.

An ack acts once its journal entry is durable (trim), except on what needs no medium: timers, the device's knowledge.
An ack beyond what this edge holds tells it that its medium has lost something: it takes the stream up there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.pipeline.facts import AckLearned, ReceiptLearned, Rejected, RootMismatch
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.stream import WRONG_ROOT
from twin.pipeline.machine import Effect, Report, Send
from twin.pipeline.transport.mailer import EndpointId
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.pipeline.wire.messages import (
    Ack,
    Acks,
    Cosign,
    KeyNotice,
    MessageError,
    MismatchNotice,
    Receipt,
    ReceiptsTaken,
    decode,
    encode,
    signed_part,
)

if TYPE_CHECKING:
    from twin.pipeline.nodes.edge import Edge


class WordsOfEarth:
    """Reads Earth's bundles for one edge."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def bundle(self, data: bytes, now_us: int, out: list[Effect]) -> None:
        """A bundle came from Earth."""
        edge = self._edge
        try:
            mail = edge.downlink.mailer.open(data, now_us)
            message = decode(mail.payload)
        except (BundleError, MessageError) as problem:
            out.append(Report(Rejected("bundle", str(problem))))
            return
        if isinstance(message, KeyNotice):
            self._key_notice(mail.source, message, out)
            return
        if not isinstance(message, Acks):
            out.append(Report(Rejected("bundle", f"{type(message).__name__} is not for an edge")))
            return
        for raw in (*message.acks, *message.cosigns):
            self._word(raw, now_us, out)
        taken = [alert for raw in message.receipts if (alert := self._receipt(raw, out)) is not None]
        if taken:
            edge.downlink.post((ReceiptsTaken, *taken), encode(ReceiptsTaken(tuple(taken))))

    def _word(self, raw: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            message = decode(raw)
        except MessageError as problem:
            out.append(Report(Rejected("Acks", str(problem))))
            return
        if isinstance(message, Ack):
            self.ack(message, raw, now_us, out)
        elif isinstance(message, Cosign):
            self._edge.cosigned(message, raw, out)
        else:
            out.append(Report(Rejected(type(message).__name__, "neither ack nor cosignature")))

    # ------------------------------------------------------------ acks

    def ack(self, ack: Ack, raw: bytes, now_us: int, out: list[Effect], from_mars: bool = False) -> None:
        """An ack from Earth, or one that a device or a peer hands on.

        What this edge lacks of a stream its device sends again, as far as it has not trimmed; nobody has more of
        this edge's own alerts than Earth.
        """
        edge = self._edge
        signer = edge.settings.devices.get(ack.stream.device)
        if signer is not None and signer.name in edge.settings.notary.authors:
            out.append(Report(Rejected("Ack", "another edge's alerts")))
            return
        stream = edge.streams.get(ack.stream)
        size = 0 if stream is None else stream.size
        if size < (ack.verified if edge.alarms.writes(ack.stream) else ack.trim):
            if not edge.adopt(ack, raw, out):
                out.append(Report(Rejected("Ack", "beyond what this edge holds, and not to be trusted")))
            return
        if stream is None:
            out.append(Report(Rejected("Ack", "a stream that this edge does not carry")))
            return
        problem = stream.problem_with(ack, edge.settings.gateway, edge.settings.auditor)
        if problem == WRONG_ROOT:
            out.append(Report(RootMismatch(stream.id, ack.verified)))
            own_root = stream.log.root(ack.verified)
            edge.downlink.post(stream.id, encode(MismatchNotice(stream.id, ack.verified, own_root)))
        elif problem is not None:
            out.append(Report(Rejected("Ack", problem)))
        else:
            self._take(ack, raw, out)
            if not from_mars:
                self._hand_on(ack.stream, raw, now_us, out)

    def _take(self, ack: Ack, raw: bytes, out: list[Effect]) -> None:
        edge = self._edge
        stream = edge.streams[ack.stream]
        fell = ack.verified < stream.verified
        stream.take(ack, raw)
        edge.downlink.acked(ack)
        if fell:  # a new leader has lost rows, and the carrier may have lost them too: whoever holds them sends them
            edge.downlink.resume(stream, urgent=edge.alarms.writes(stream.id))
        out.append(Report(AckLearned(stream.id, ack.verified, ack.trim, ack.term)))
        edge.journal.append(journal.ACK, raw, out)
        edge.journal.next.acks.append(ack)

    def _hand_on(self, stream: StreamId, raw: bytes, now_us: int, out: list[Effect]) -> None:
        """Tell the device, which tells its other edge; where it is silent, peers that hold the stream must know."""
        edge = self._edge
        edge.tell_device(stream, raw, out)
        if not edge.alarms.writes(stream) and edge.carriage.is_silent(stream, now_us):
            out.extend(Send(peer, raw) for peer in edge.notary.peers)

    # ------------------------------------------------------------ receipts

    def _receipt(self, raw: bytes, out: list[Effect]) -> AlertKey | None:
        edge = self._edge
        try:
            receipt = decode(raw)
        except MessageError as problem:
            out.append(Report(Rejected("Acks", str(problem))))
            return None
        if not isinstance(receipt, Receipt):
            out.append(Report(Rejected(type(receipt).__name__, "not a receipt")))
            return None
        if not edge.settings.gateway.verify(signed_part(receipt), receipt.signature):
            out.append(Report(Rejected("Receipt", "gateway's signature")))
            return None
        out.append(Report(ReceiptLearned(receipt.alert)))
        edge.alarms.seen_on_earth(receipt.alert, out)
        return receipt.alert

    # ------------------------------------------------------------ keys of the hop

    def install_key(self, peer: str, number: int, key: bytes, out: list[Effect]) -> None:
        """An operator installed a key on this side."""
        protector = self._edge.downlink.mailer.protector
        try:
            if protector is None:
                raise ValueError("bundles of this node are not protected")
            protector.ring(peer).install(number, key)
        except ValueError as problem:
            out.append(Report(Rejected("HopKeyInstalled", str(problem))))

    def _key_notice(self, source: EndpointId, notice: KeyNotice, out: list[Effect]) -> None:
        protector = self._edge.downlink.mailer.protector
        problem = "bundles are not protected here" if protector is None else protector.heard(source, notice)
        if problem is not None:
            out.append(Report(Rejected("KeyNotice", problem)))

    def tell_of_keys(self, out: list[Effect]) -> None:
        """Post what Earth must know of the keys held here, and say which is in use."""
        protector = self._edge.downlink.mailer.protector
        if protector is not None:
            for _, notice in protector.take_notices():
                self._edge.downlink.post(KeyNotice, encode(notice))
            out.extend(Report(fact) for fact in protector.take_news())
