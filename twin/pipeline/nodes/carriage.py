"""Which streams an edge brings to Earth: its own alerts, what devices ask of it, and what they ask of nobody any more.

A device names its carrier with every frame it offers. Only what it signed speaks for it, and only its newest frame: a
forged frame, or an old one said again, moves nothing.

A device that restarts begins another epoch, and one that is broken says nothing more. Then no one asks anybody to
carry the rest of the stream, and each of its edges may hold frames that the other has not got. So a stream that fell
silent before Earth had all of it is carried by every edge that holds it.
"""

from __future__ import annotations

from collections.abc import Callable

from twin.pipeline.ledger.stream import Stream
from twin.pipeline.wire.identity import StreamId

SILENCE_US = 15 * 60 * 1_000_000
"""Longer than frames and their repetitions are apart."""


class Carriage:
    """Carried streams of one edge.

    Args:
        by_default: whether the edge carries a stream of which its device has said nothing since the edge started.
    """

    def __init__(self, by_default: Callable[[StreamId], bool]) -> None:
        self._by_default = by_default
        self._asked: dict[StreamId, bool] = {}
        self._heard_us: dict[StreamId, int] = {}

    def carries(self, stream: StreamId) -> bool:
        """Whether this edge brings the stream to Earth."""
        return self._asked.get(stream, self._by_default(stream))

    def asked(self, stream: StreamId, carry: bool, now_us: int) -> bool:
        """The device offers its newest frame and says who carries; True if this edge is to begin."""
        self._heard_us[stream] = now_us
        begins = carry and not self.carries(stream)
        self._asked[stream] = carry
        return begins

    def is_silent(self, stream: StreamId, now_us: int) -> bool:
        """Whether the device has long offered nothing new of this stream."""
        return now_us - self._heard_us.setdefault(stream, now_us) >= SILENCE_US

    def orphaned(self, stream: Stream, now_us: int) -> bool:
        """Whether this edge is to begin with a stream that fell silent before Earth had all of it."""
        if self.carries(stream.id) or stream.verified >= stream.durable or not self.is_silent(stream.id, now_us):
            return False
        self._asked[stream.id] = True
        return True
