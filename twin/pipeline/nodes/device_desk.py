"""What an edge says to its devices: where it goes on, and what it holds for good."""

from __future__ import annotations

from twin.pipeline.facts import Accepted, Rejected
from twin.pipeline.ledger.stream import Stream
from twin.pipeline.machine import Effect, Report, Send
from twin.pipeline.nodes.edge_ledger import EdgeLedger
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Accept, Expect, Hello, encode


class DeviceDesk:
    """The devices of one edge.

    Args:
        carries: ids of the devices whose home the edge is.
    """

    def __init__(self, ledger: EdgeLedger, carries: frozenset[int]) -> None:
        self._ledger = ledger
        self._carries = carries

    def sent(self, source: str, number: int, out: list[Effect]) -> bool:
        """Whether a datagram that speaks for this device comes from it."""
        device = self._ledger.devices.get(number)
        if device is not None and device.name == source:
            return True
        out.append(Report(Rejected("datagram", "device unknown or not the sender")))
        return False

    def tell(self, stream: StreamId, message: bytes, out: list[Effect]) -> None:
        """Send a message to the stream's device, if it is one of this habitat."""
        device = self._ledger.devices.get(stream.device)
        if device is not None and not self._ledger.alarms.writes(stream):
            out.append(Send(device.name, message))

    def expect(self, stream_id: StreamId, out: list[Effect]) -> None:
        """Ask for the next frame of a stream."""
        stream = self._ledger.streams.get(stream_id)
        self.tell(stream_id, encode(Expect(stream_id, 0 if stream is None else stream.size)), out)

    def accept(self, stream: Stream, first: int, out: list[Effect]) -> None:
        """Say what is durable of a stream; frames from `first` on are so since now."""
        first = max(first, stream.vouched_size)
        if first < stream.durable:
            out.append(Report(Accepted(stream.id, first, stream.durable)))
        self.tell(stream.id, encode(Accept(stream.id, stream.durable)), out)

    def announce(self, out: list[Effect]) -> None:
        """Tell all devices where this edge goes on."""
        streams = self._ledger.streams
        for stream in streams.values():
            self.expect(stream.id, out)
            if stream.ack_bytes:
                self.tell(stream.id, stream.ack_bytes, out)
        known = {stream.device for stream in streams}
        for number in sorted(self._carries - known):
            self.ask(number, out)

    def ask(self, number: int, out: list[Effect]) -> None:
        """Ask a device for its epoch, and for what this edge has not accepted."""
        nobody = StreamId(number, 0)
        self.tell(nobody, encode(Hello(nobody)), out)
