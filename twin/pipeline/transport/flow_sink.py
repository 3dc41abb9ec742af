"""The destination's end of a node's flows: payloads handed on in order, and acks.

An ack states how many payloads were delivered in order and the CRC32C run over all of them, so that both ends agree on
content, not only on a count. It goes back for each full group, for the flow's last payload, and whenever the end of a
group comes again: the source has not heard of us then.
"""

from __future__ import annotations

from twin.pipeline.facts import PayloadDelivered, Rejected
from twin.pipeline.machine import Deliver, Effect, Report, made
from twin.pipeline.transport.contact_volume import EXPEDITED
from twin.pipeline.transport.flow_ends import Incoming, NodeSettings, closes_group
from twin.pipeline.transport.flow_source import INDEX_BYTES
from twin.pipeline.transport.lane import Parcel
from twin.pipeline.transport.mailer import Mailer
from twin.pipeline.transport.outbox import Outbox
from twin.pipeline.wire.crc import extend_crc32c
from twin.pipeline.wire.messages import FlowAck, encode_signed

ACK_SERVICE = 0


class FlowSink:
    """What a node takes of the flows that end here."""

    def __init__(self, settings: NodeSettings, mailer: Mailer, outbox: Outbox) -> None:
        s = settings
        self._signer = s.signer
        self._mailer = mailer
        self._outbox = outbox
        self._incoming = {f.flow: Incoming(f, s.endpoints[f.source][0]) for f in s.flows if f.destination == s.name}

    def take(self, flow: int, payload: bytes, now_us: int, out: list[Effect]) -> bool:
        """Deliver what is in order now that a bundle's payload has come; False if no such flow ends here."""
        incoming = self._incoming.get(flow)
        if incoming is None:
            return False
        s = incoming.settings
        index = int.from_bytes(payload[:INDEX_BYTES], "big")
        if len(payload) < INDEX_BYTES:
            out.append(Report(Rejected("payload", f"{len(payload)} bytes are too short to hold an index")))
        elif index < incoming.size:
            if closes_group(s, index):
                self._send_ack(incoming, now_us, out)
        elif index >= s.payloads:
            out.append(Report(Rejected("payload", f"index {index} of a flow of {s.payloads}")))
        else:
            incoming.ahead[index] = payload[INDEX_BYTES:]
            self._deliver(incoming, now_us, out)
        return True

    def _deliver(self, incoming: Incoming, now_us: int, out: list[Effect]) -> None:
        """Hand on what no gap is before."""
        s, ahead = incoming.settings, incoming.ahead
        while (at := incoming.size) in ahead:
            payload = ahead.pop(at)
            incoming.size = at + 1
            checksum = incoming.checksum = extend_crc32c(incoming.checksum, payload)
            fact = made(PayloadDelivered, ((incoming.source, s.flow, at), checksum))
            out.append(made(Report, (fact,)))
            out.append(made(Deliver, (s.flow, at, payload)))
            if closes_group(s, at):
                self._send_ack(incoming, now_us, out)

    def _send_ack(self, incoming: Incoming, now_us: int, out: list[Effect]) -> None:
        s = incoming.settings
        unsigned = FlowAck(s.flow, incoming.size, incoming.checksum, incoming.acks)
        incoming.acks += 1
        payload = encode_signed(unsigned, self._signer)
        mailer = self._mailer
        data = mailer.bundle((incoming.source, ACK_SERVICE), payload, now_us)
        self._outbox.put(Parcel(data, s.source, EXPEDITED, mailer.last_expiry_us, mailer.last_id), now_us, out)
