"""Earth's acks to one edge on Mars: collected for a short delay, composed when the antenna is free.

A lost ack costs nothing but time: acks are cumulative, a repeated frame makes its stream due again, and the
gateway asks again for a stream at rest with every backup period.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twin.pipeline.machine import Effect, SetTimer
from twin.pipeline.transport.antenna import Antenna
from twin.pipeline.transport.mailer import EndpointId, Mailer
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Acks, encode

ACK_BYTES_MAX = 1_700  # 32 frontier hashes, 32 gaps, two signatures of 64 bytes, and every number at its longest
ENVELOPE_BYTES = 200  # bundle blocks around an `Acks` payload


class EdgeOnMars(NamedTuple):
    """An edge node as Earth knows it: name in the contact plan and endpoint of its bundles."""

    name: str
    endpoint: EndpointId


class AckDesk:
    """What one edge is still to be told. Its timers are `ack:<edge>` and `contact:<edge>`.

    Args:
        bytes_max: size that a bundle should not exceed; a single ack or cosignature goes even if it does.
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

    def _collect(self, now_us: int, out: list[Effect]) -> None:
        if not self._collecting:
            self._collecting = self._delay_set = True
            out.append(SetTimer(self._delay_name, now_us + self._delay_us))

    def timer(self, name: str) -> None:
        """One of this desk's timers fired; `pump` comes next."""
        if name == self._delay_name:
            self._delay_set = False
        elif name == self._contact_name:
            self._contact_set_us = None

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
        room = self.antenna.room_bytes(now_us) - ENVELOPE_BYTES
        least = self._least()
        if room < least:
            self._wake(least, now_us, out)
            return
        limit = max(least, min(room, self._bytes_max - ENVELOPE_BYTES))
        acks: list[bytes] = []
        told: list[StreamId] = []
        while self._due and limit >= ACK_BYTES_MAX:
            stream = next(iter(self._due))
            del self._due[stream]
            ack = self._compose(stream, now_us, out)
            if ack is not None:
                acks.append(ack)
                told.append(stream)
                limit -= len(ack)
        cosign = self._cosign
        if cosign is not None and len(cosign) > (limit if acks else room):
            cosign = None
        if acks or cosign is not None:
            payload = encode(Acks(tuple(acks), () if cosign is None else (cosign,)))
            out.append(self.antenna.radiate(self._mailer.bundle(self.edge.endpoint, payload, now_us)))
            self._told = (tuple(told), cosign)
            if cosign is not None:
                self._cosign = None
        elif self._cosign is not None:
            self._wake(len(self._cosign), now_us, out)
        self._collecting = bool(self._due) or self._cosign is not None

    def _least(self) -> int:
        """Room in bytes without which nothing of what is due can go."""
        return ACK_BYTES_MAX if self._due else len(self._cosign or b"")

    def _wake(self, size_bytes: int, now_us: int, out: list[Effect]) -> None:
        start_us = self.antenna.next_start_us(now_us, size_bytes + ENVELOPE_BYTES)
        if start_us is not None and start_us != self._contact_set_us:
            self._contact_set_us = start_us
            out.append(SetTimer(self._contact_name, start_us))
