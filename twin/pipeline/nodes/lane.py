"""What a device has offered of one epoch to one edge: a window, cumulative answers, and patience.

| the edge says | then |
|---|---|
| Accept(n) | frames below n are durable there |
| Expect(n) | it waits for frame n: a frame was lost on the way, or the edge lost what it had |
| Expect(n) below what is still held here | it must adopt the stream where Earth's last ack states the frontier |
| nothing | everything not accepted is offered again, each time after twice the wait |
"""

from __future__ import annotations

from twin.pipeline.ledger.stream import Stream
from twin.pipeline.machine import CancelTimer, Effect, Send, SetTimer
from twin.pipeline.wire.messages import Closings, FrameOffer, encode

DOUBLINGS_MAX = 4


class Lane:
    """One epoch's way to one edge.

    Args:
        retry_us: patience before the first repetition; window: frames offered and not accepted, at most.
    """

    __slots__ = (
        "_asked",
        "_asked_until_us",
        "_offered",
        "_retry_set",
        "_retry_us",
        "_stream",
        "_window",
        "accepted",
        "edge",
        "timer",
        "unanswered",
    )

    def __init__(self, edge: str, stream: Stream, retry_us: int, window: int) -> None:
        self.edge = edge
        self.timer = f"retry:{edge}:{stream.id.epoch:016x}"
        self.accepted = 0
        self.unanswered = 0
        self._stream = stream
        self._retry_us = retry_us
        self._window = window
        self._offered = 0
        self._asked = -1
        self._asked_until_us = 0
        self._retry_set = False

    @property
    def done(self) -> bool:
        """Whether the edge holds everything that was sealed."""
        return self.accepted >= self._stream.size

    def offer(self, carry: bool, now_us: int, out: list[Effect]) -> None:
        """Offer what the window allows, and watch for an answer while anything is not accepted."""
        size = self._stream.size
        end = min(size, self.accepted + self._window)
        if self._offered < end:
            frames = self._stream.frames
            offers = (FrameOffer(frames[index], carry) for index in range(self._offered, end))
            out.extend(Send(self.edge, encode(offer)) for offer in offers)
            self._offered = end
        if self.accepted < size:
            if not self._retry_set:
                self._retry_set = True
                wait_us = self._retry_us << min(self.unanswered, DOUBLINGS_MAX)
                out.append(SetTimer(self.timer, now_us + wait_us))
        else:
            self.stop(out)

    def remind(self, carry: bool, out: list[Effect]) -> None:
        """Offer the newest frame again, for the sake of `carry`."""
        newest = self._stream.frames.get(self._stream.size - 1)
        if newest is not None and self._offered == self._stream.size:
            out.append(Send(self.edge, encode(FrameOffer(newest, carry))))

    def stop(self, out: list[Effect]) -> None:
        """Nothing more to wait for."""
        if self._retry_set:
            self._retry_set = False
            out.append(CancelTimer(self.timer))

    def overdue(self) -> None:
        """The timer fired: everything not accepted goes again (`offer` comes next)."""
        self._retry_set = False
        self.unanswered += 1
        self._offered = max(self.accepted, self._stream.trim)

    def doubt(self) -> None:
        """The edge says that it holds nothing: all that is held here is to be accepted anew (`offer` comes next)."""
        self.accepted = self._offered = self._stream.trim

    def accept(self, next_index: int, out: list[Effect]) -> None:
        """The edge, or Earth itself, holds all frames below `next_index`."""
        if next_index > self.accepted:
            self.accepted = next_index
            self._offered = max(self._offered, next_index)
            self.stop(out)

    def expect(self, asked: int, closings: tuple[bytes, ...], now_us: int, out: list[Effect]) -> None:
        """Send from where the edge waits; that may be what it lost.

        Only an `Accept` says that frames are durable. Each frame behind a lost one makes the edge ask, so for
        the time of a retry the same question is answered once.
        """
        if asked == self._asked and now_us < self._asked_until_us:
            return
        self._asked = asked
        self._asked_until_us = now_us + self._retry_us
        stream = self._stream
        if asked < stream.trim:
            if closings:
                out.append(Send(self.edge, encode(Closings(closings))))
            out.append(Send(self.edge, stream.ack_bytes))
            asked = stream.verified
        self._offered = asked
        self.accepted = min(self.accepted, asked)
