"""Earth at the other end of an edge's antenna: opens bundles, keeps rows, acks and hands receipts on."""

from __future__ import annotations

from typing import Any

from pipeline_parts import EARTH, ENDPOINTS, LIFETIME, signed_by
from stand_ins import Earth, Saw

from twin.pipeline.machine import BundleArrived, Effect
from twin.pipeline.transport.mailer import Address
from twin.pipeline.transport.protector import HopKeySettings, HopPeer, Protector
from twin.pipeline.transport.sealed_mailer import SealedMailer
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.frame import ALERT, decode_alert, open_frame, peek_kind
from twin.pipeline.wire.identity import AlertKey
from twin.pipeline.wire.messages import Acks, Frames, KeyNotice, Receipt, ReceiptsTaken, decode, encode

SIGNATURE_BYTES = 32


class EarthForEdge(Earth):
    """Earth and one edge, which share hop keys.

    Attributes:
        owed: alerts that the surgeon has acknowledged and of which the edge has not taken the receipt.
    """

    def __init__(self, edge: str, hop_keys: dict[int, bytes], saw: Saw) -> None:
        super().__init__(saw)
        here, self._there = ENDPOINTS[EARTH], ENDPOINTS[edge]
        self._edge = edge
        settings = HopKeySettings((HopPeer(edge, self._there, dict(hop_keys)),), LIFETIME)
        self._mailer = SealedMailer(Address(here, LIFETIME), Protector.of(here, settings))
        self._mailer.started(bytes(range(32)))
        self.owed: dict[AlertKey, Receipt] = {}
        self._seen: set[AlertKey] = set()

    @property
    def _protector(self) -> Any:
        return self._mailer.protector

    def install(self, number: int, key: bytes) -> None:
        """An operator installs a hop key here."""
        self._protector.ring(self._edge).install(number, key)

    def handle(self, event: Any, now_us: int) -> list[Effect]:
        """Take one event."""
        if isinstance(event, BundleArrived):
            try:
                mail = self._mailer.open(event.data, now_us)
            except BundleError:
                return []
            self._message(mail.source, decode(mail.payload), now_us)
        return []

    def _message(self, source: tuple[int, int], message: Any, now_us: int) -> None:
        match message:
            case Frames(frames):
                for frame in frames:
                    self.store(frame)
                    if peek_kind(frame) == ALERT:
                        self._alert(decode_alert(open_frame(frame, SIGNATURE_BYTES).body).alert, now_us)
            case ReceiptsTaken(alerts):
                for alert in alerts:
                    self.owed.pop(alert, None)
            case KeyNotice():
                self._protector.heard(source, message)

    def _alert(self, alert: AlertKey, now_us: int) -> None:
        if alert not in self._seen:
            self._seen.add(alert)
            self.owed[alert] = signed_by(EARTH, Receipt(alert, now_us))

    def bundles(self, now_us: int, trim_share: float, back: int) -> list[bytes]:
        """Acks of all streams with the receipts that are owed, and key notices that are due."""
        acks = tuple(encode(self.ack(stream, now_us, trim_share, back)) for stream in sorted(self.table))
        payloads = [encode(Acks(acks, (), tuple(encode(receipt) for receipt in self.owed.values())))]
        payloads += [encode(notice) for _, notice in self._protector.take_notices()]
        return [self._mailer.bundle(self._there, payload, now_us) for payload in payloads]
