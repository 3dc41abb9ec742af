"""Earth's acks to one edge on Mars: collected for a short delay, composed when the antenna is free, never repeated on a timer.

A lost ack costs nothing but time: acks are cumulative, and a repeated frame makes its stream due again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twin.pipeline.machine import Effect, SetTimer
from twin.pipeline.transport.antenna import Antenna
from twin.pipeline.transport.mailer import EndpointId, Mailer
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Acks, encode

ACK_BYTES_LEAST = 700
ENVELOPE_BYTES = 200  # bundle blocks around an `Acks` payload


class EdgeOnMars(NamedTuple):
    """An edge node as Earth knows it: name in the contact plan and endpoint of its bundles."""

    name: str
    endpoint: EndpointId


class AckDesk:
    """What one edge is still to be told. Its timers are `ack:<edge>` and `contact:<edge>`.

    Args:
        compose: makes the encoded ack of a stream, or None while nothing of it is verified.
    """

    def __init__(
        self,
        edge: EdgeOnMars,
        antenna: Antenna,
        mailer: Mailer,
        delay_us: int,
        bytes_max: int,
        compose: Callable[[StreamId, int, list[Effect]], bytes | None],
    ) -> None:
        self.edge = edge
        self.antenna = antenna
        self._mailer = mailer
        self._delay_us = delay_us
        self._bytes_max = bytes_max
        self._compose = compose
        self._due: dict[StreamId, None] = {}
        self._cosign: bytes | None = None
        self._told: tuple[tuple[StreamId, ...], bytes | None] = ((), None)
        self._collecting = False
        self._delay_set = False

    def want(self, stream: StreamId, now_us: int, out: list[Effect]) -> None:
        """The edge must hear of this stream's state."""
        self._due[stream] = None
        self._collect(now_us, out)

    def cosigned(self, cosign: bytes, now_us: int, out: list[Effect]) -> None:
        """Earth's witness has signed a checkpoint of this edge; only the newest needs to go."""
        self._cosign = cosign
        self._collect(now_us, out)

    def _collect(self, now_us: int, out: list[Effect]) -> None:
        if not self._delay_set and not self._collecting:
            self._collecting = self._delay_set = True
            out.append(SetTimer(f"ack:{self.edge.name}", now_us + self._delay_us))

    def timer(self, name: str) -> None:
        """One of this desk's timers fired; `pump` comes next."""
        if name == f"ack:{self.edge.name}":
            self._delay_set = False

    def transmitted(self, transmission: int) -> None:
        """The last acks have left."""
        self.antenna.ended(transmission)

    def failed(self, transmission: int, now_us: int) -> None:
        """The last acks never left: their streams are due again."""
        if self.antenna.failed(transmission, now_us):
            streams, cosign = self._told
            self._due.update(dict.fromkeys(streams))
            self._cosign = self._cosign or cosign
            self._collecting = True

    def pump(self, now_us: int, out: list[Effect]) -> None:
        """Radiate what is due if the delay is over and the antenna is free; else ask to be woken."""
        if not self._collecting or self._delay_set or self.antenna.under_way is not None:
            return
        room = min(self.antenna.room_bytes(now_us), self._bytes_max) - ENVELOPE_BYTES
        if room < ACK_BYTES_LEAST:
            start_us = self.antenna.next_start_us(now_us, ACK_BYTES_LEAST + ENVELOPE_BYTES)
            if start_us is not None:
                out.append(SetTimer(f"contact:{self.edge.name}", start_us))
            return
        cosigns = () if self._cosign is None or len(self._cosign) > room else (self._cosign,)
        room -= sum(len(cosign) for cosign in cosigns)
        acks: list[bytes] = []
        told: list[StreamId] = []
        while self._due and room >= ACK_BYTES_LEAST:
            stream = next(iter(self._due))
            del self._due[stream]
            ack = self._compose(stream, now_us, out)
            if ack is not None:
                acks.append(ack)
                told.append(stream)
                room -= len(ack) + 3
        if cosigns:
            self._cosign = None
        self._told = (tuple(told), cosigns[0] if cosigns else None)
        self._collecting = bool(self._due) or self._cosign is not None
        if acks or cosigns:
            payload = encode(Acks(tuple(acks), cosigns))
            out.append(self.antenna.radiate(self._mailer.bundle(self.edge.endpoint, payload, now_us)))
