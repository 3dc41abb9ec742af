"""Earth's acks to one edge on Mars: collected for a short delay, composed when the antenna is free.

A lost ack costs nothing but time: acks are cumulative, a repeated frame makes its stream due again, and the
gateway asks again for a stream at rest with every backup period. Cosignatures and receipts of alerts use the room that
acks leave. A receipt goes again with whatever leaves after the edge's answer could have come, until it has.
"""

from __future__ import annotations

from typing import NamedTuple

from twin.pipeline.machine import Effect, SetTimer
from twin.pipeline.nodes.ack_maker import AckMaker
from twin.pipeline.transport.mailer import EndpointId
from twin.pipeline.transport.sealed_mailer import SealedMailer
from twin.pipeline.transport.way import Way
from twin.pipeline.wire.bpsec import SEALING_BYTES_MAX
from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.pipeline.wire.messages import Acks, encode

ACK_BYTES_MAX = 1_700  # 32 frontier hashes, 32 gaps, two signatures of 64 bytes, and every number at its longest
ENVELOPE_BYTES = 200  # bundle blocks around an `Acks` payload
ANSWER_US = 120_000_000  # assumed: what an edge's answer waits besides its light time; patience, not a rule
STRING_BYTES = 3  # CBOR head of a byte string inside the payload


class EdgeOnMars(NamedTuple):
    """An edge node as Earth knows it: name in the contact plan and endpoint of its bundles."""

    name: str
    endpoint: EndpointId


class _Told(NamedTuple):
    """What the transmission under way says."""

    streams: tuple[StreamId, ...] = ()
    cosign: bytes | None = None
    receipts: tuple[AlertKey, ...] = ()


class AckDesk:
    """What one edge is still to be told. Its timers are `ack:<edge>` and `contact:<edge>`.

    Args:
        bytes_max: size that a bundle should not exceed; a single ack, cosignature or receipt goes even if it does.
    """

    def __init__(
        self,
        edge: EdgeOnMars,
        way: Way,
        mailer: SealedMailer,
        delay_us: int,
        bytes_max: int,
        acks: AckMaker,
    ) -> None:
        self.edge = edge
        self.way = way
        self._mailer = mailer
        self._delay_us = delay_us
        self._bytes_max = bytes_max
        self._acks = acks
        self._due: dict[StreamId, None] = {}
        self._cosign: bytes | None = None
        self._receipts: dict[AlertKey, bytes] = {}
        self._silent_until_us: dict[AlertKey, int] = {}
        self._told = _Told()
        self._notice: bytes | None = None
        self._overhead_bytes = ENVELOPE_BYTES + SEALING_BYTES_MAX
        self._delay_name = f"ack:{edge.name}"
        self._contact_name = f"contact:{edge.name}"
        self._collecting = False
        self._delay_set = False
        self._contact_set_us: int | None = None

    def want(self, stream: StreamId, now_us: int, out: list[Effect]) -> None:
        """The edge must hear of this stream's state."""
        self._due[stream] = None
        self._collect(now_us, out)

    def cosigned(self, cosign: bytes, now_us: int, out: list[Effect]) -> None:
        """Earth's witness has signed a checkpoint of this edge; only the newest needs to go."""
        self._cosign = cosign
        self._collect(now_us, out)

    def receipt(self, alert: AlertKey, receipt: bytes, now_us: int, out: list[Effect]) -> None:
        """The edge must hear that this alert was acknowledged."""
        self._receipts[alert] = receipt
        self._collect(now_us, out)

    def notice(self, notice: bytes, now_us: int, out: list[Effect]) -> None:
        """The edge must hear which hop key is held here; a bundle of its own, and not repeated if it is lost."""
        self._notice = notice
        self._collect(now_us, out)

    def receipt_taken(self, alert: AlertKey) -> None:
        """The edge has heard."""
        self._receipts.pop(alert, None)
        self._silent_until_us.pop(alert, None)

    def remind(self, now_us: int, out: list[Effect]) -> None:
        """Send the receipts that are not answered, although nothing else may leave."""
        if self._receipts_due(now_us):
            self._collect(now_us, out)

    def _collect(self, now_us: int, out: list[Effect]) -> None:
        if not self._collecting:
            self._collecting = self._delay_set = True
            out.append(SetTimer(self._delay_name, now_us + self._delay_us))

    def timer(self, name: str) -> None:
        """One of this desk's timers fired; `pump` comes next."""
        if name == self._delay_name:
            self._delay_set = False
        else:
            self._contact_set_us = None

    def transmitted(self, transmission: int) -> None:
        """The last acks have left."""
        self.way.ended(transmission)

    def failed(self, transmission: int, now_us: int) -> None:
        """The last acks never left: what they said is due again."""
        if self.way.failed(transmission, now_us):
            self._due.update(dict.fromkeys(self._told.streams))
            self._cosign = self._cosign or self._told.cosign
            for alert in self._told.receipts:
                self._silent_until_us.pop(alert, None)
            self._collecting = True

    def pump(self, now_us: int, out: list[Effect]) -> None:
        """Radiate what is due if the delay is over and the antenna is free; else ask to be woken."""
        if not self._collecting or self._delay_set or self.way.under_way is not None:
            return
        if not self._anything_due(now_us):
            self._collecting = False
            return
        room = self.way.room_bytes(now_us) - self._overhead_bytes
        least = self._least(now_us)
        if room < least:
            self._wake(least, now_us, out)
            return
        if self._notice is not None:
            out.append(self.way.radiate(self._mailer.bundle(self.edge.endpoint, self._notice, now_us), now_us))
            self._notice = None
            self._told = _Told()
            return
        limit = max(least, min(room, self._bytes_max - self._overhead_bytes))
        acks, streams, limit = self._take_acks(limit, now_us, out)
        cosign = self._cosign
        if cosign is not None and len(cosign) > (limit if acks else room):
            cosign = None
        limit -= len(cosign or b"")
        first = room if not acks and cosign is None else 0
        receipts = self._take_receipts(first, limit, now_us)
        if acks or cosign is not None or receipts:
            encoded = tuple(self._receipts[alert] for alert in receipts)
            payload = encode(Acks(acks, () if cosign is None else (cosign,), encoded))
            out.append(self.way.radiate(self._mailer.bundle(self.edge.endpoint, payload, now_us), now_us))
            self._told = _Told(streams, cosign, receipts)
            if cosign is not None:
                self._cosign = None
        elif self._cosign is not None:
            self._wake(len(self._cosign), now_us, out)
        self._collecting = self._anything_due(now_us)

    def _take_acks(
        self, limit: int, now_us: int, out: list[Effect]
    ) -> tuple[tuple[bytes, ...], tuple[StreamId, ...], int]:
        """Acks that fit, their streams, and the bytes that are left."""
        acks: list[bytes] = []
        streams: list[StreamId] = []
        while self._due and limit >= ACK_BYTES_MAX:
            stream = next(iter(self._due))
            del self._due[stream]
            ack = self._acks.make(stream, now_us, out)
            if ack is not None:
                acks.append(ack)
                streams.append(stream)
                limit -= len(ack)
        return tuple(acks), tuple(streams), limit

    def _take_receipts(self, first: int, limit: int, now_us: int) -> tuple[AlertKey, ...]:
        """Receipts that fit into `limit` bytes, the first one into `first`; they fall silent until answers can come."""
        taken: list[AlertKey] = []
        for alert in self._receipts_due(now_us):
            size = len(self._receipts[alert]) + STRING_BYTES
            if size > max(limit, 0 if taken else first):
                break
            limit -= size
            taken.append(alert)
        if taken:
            until_us = now_us + 2 * self.way.reach_us(now_us) + self._delay_us + ANSWER_US
            self._silent_until_us.update(dict.fromkeys(taken, until_us))
        return tuple(taken)

    def _anything_due(self, now_us: int) -> bool:
        return bool(self._due) or bool(self._notice or self._cosign) or bool(self._receipts_due(now_us))

    def _receipts_due(self, now_us: int) -> list[AlertKey]:
        return [alert for alert in self._receipts if now_us >= self._silent_until_us.get(alert, now_us)]

    def _least(self, now_us: int) -> int:
        """Room in bytes without which nothing of what is due can go."""
        if self._notice is not None:
            return len(self._notice)
        if self._due:
            return ACK_BYTES_MAX
        due = self._receipts_due(now_us)
        sizes = [len(self._cosign)] if self._cosign is not None else []
        sizes += [len(self._receipts[due[0]]) + STRING_BYTES] if due else []
        return min(sizes, default=0)

    def _wake(self, size_bytes: int, now_us: int, out: list[Effect]) -> None:
        start_us = self.way.next_start_us(now_us, size_bytes + self._overhead_bytes)
        if start_us is not None and start_us != self._contact_set_us:
            self._contact_set_us = start_us
            out.append(SetTimer(self._contact_name, start_us))
