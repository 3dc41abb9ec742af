"""A medical sensor: samples become signed frames, which stay here until Earth has them backed up.

| state of a frame       | ends when                                                        |
|------------------------|------------------------------------------------------------------|
| offered to the edge    | the edge accepts (durable there) or asks for it again            |
| accepted               | an ack of Earth says `verified` beyond it                        |
| verified               | an ack says `trim` beyond it: only now the bytes are deleted      |

The device is the only writer of its stream. A frame is signed once; a resend is the same bytes. A frame
closes when its period ends, or at once when a sample crosses a device-side threshold: content decides, never
load.
"""

from __future__ import annotations

from typing import NamedTuple

from twin.pipeline.facts import AckLearned, FrameSealed, Rejected, RootMismatch, Trimmed
from twin.pipeline.ledger.stream import WRONG_ROOT, Stream
from twin.pipeline.machine import (
    ArmSensor,
    CancelTimer,
    Effect,
    Event,
    Received,
    Report,
    SamplesReady,
    Send,
    SetTimer,
    Started,
    TimerFired,
)
from twin.pipeline.wire.frame import SAMPLES, Frame, Samples, encode_samples, seal
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import (
    Accept,
    Ack,
    Expect,
    FrameOffer,
    Hello,
    MessageError,
    decode,
    encode,
)
from twin.pipeline.wire.signing import Signer, Verifier

RETRY = "retry"
RETRY_DOUBLINGS_MAX = 4


class DeviceSettings(NamedTuple):
    """What a device is configured with; times in microseconds.

    `low` and `high` are the comparators per channel (None: none); `local_window` limits frames offered and
    not accepted.
    """

    device: int
    apid: int
    home: str
    channels: tuple[str, ...]
    sample_period_us: int
    samples_per_frame: int
    low: tuple[int | None, ...]
    high: tuple[int | None, ...]
    retry_us: int
    local_window: int
    signer: Signer
    gateway: Verifier
    auditor: Verifier


class Device:
    """The machine of one sensor. It keeps every frame until `trim`, so its home edge may lose an unsynced tail."""

    def __init__(self, settings: DeviceSettings) -> None:
        self.settings = settings
        self._open_epoch(0)

    def _open_epoch(self, epoch: int) -> None:
        self.stream = Stream(StreamId(self.settings.device, epoch))
        self.accepted = 0
        self._offered = 0
        self._asked = -1
        self._asked_until_us = 0
        self._retries = 0
        self._retry_set = False

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        match event:
            case SamplesReady(start_us, rows):
                self._seal(start_us, rows, out)
                self._offer(now_us, out)
            case Received(source, data):
                self._receive(source, data, now_us, out)
            case TimerFired(name) if name == RETRY:
                self._retry_set = False
                self._retries = min(self._retries + 1, RETRY_DOUBLINGS_MAX)
                self._offered = self.accepted
                self._offer(now_us, out)
            case Started(entropy):
                s = self.settings
                self._open_epoch(int.from_bytes(entropy[:8], "big"))
                out.append(ArmSensor(s.sample_period_us, s.samples_per_frame, s.low, s.high))
                out.append(Send(s.home, encode(Hello(self.stream.id))))
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of a device")))
        return out

    def _seal(self, start_us: int, rows: tuple[tuple[int, ...], ...], out: list[Effect]) -> None:
        s = self.settings
        index = self.stream.size
        generated_us = start_us + (len(rows) - 1) * s.sample_period_us
        body = encode_samples(Samples(start_us, s.sample_period_us, s.channels, rows))
        frame = Frame(*self.stream.id, index, SAMPLES, generated_us, body)
        data = seal(frame, apid=s.apid, packet_count=index, signer=s.signer)
        leaf = self.stream.append(data)
        out.append(Report(FrameSealed(RecordId(*self.stream.id, index), leaf, generated_us, len(rows), len(data))))

    def _offer(self, now_us: int, out: list[Effect]) -> None:
        """Offer what the window allows, and watch for an answer while anything is not accepted."""
        size = self.stream.size
        end = min(size, self.accepted + self.settings.local_window)
        frames = self.stream.frames
        out.extend(Send(self.settings.home, encode(FrameOffer(frames[index]))) for index in range(self._offered, end))
        self._offered = max(self._offered, end)
        if self.accepted < size:
            if not self._retry_set:
                self._retry_set = True
                out.append(SetTimer(RETRY, now_us + (self.settings.retry_us << self._retries)))
        elif self._retry_set:
            self._stop_retry(out)

    def _stop_retry(self, out: list[Effect]) -> None:
        self._retry_set = False
        out.append(CancelTimer(RETRY))

    def _receive(self, source: str, data: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            message = decode(data)
        except MessageError as problem:
            out.append(Report(Rejected("datagram", str(problem))))
            return
        if source != self.settings.home or not isinstance(message, Accept | Expect | Ack):
            out.append(Report(Rejected(type(message).__name__, f"not for a device, or not from its edge: {source}")))
        elif message.stream != self.stream.id:
            out.append(Report(Rejected(type(message).__name__, "another stream or epoch")))
        elif isinstance(message, Ack):
            self._acked(message, data, now_us, out)
        elif message.next_index > self.stream.size:
            out.append(Report(Rejected(type(message).__name__, "beyond what was sealed")))
        else:
            self._progress(message, now_us, out)

    def _progress(self, answer: Accept | Expect, now_us: int, out: list[Effect]) -> None:
        self._retries = 0
        if isinstance(answer, Expect):
            self._go_to(answer.next_index, now_us)
        elif answer.next_index > self.accepted:
            self._forward(answer.next_index, out)
        self._offer(now_us, out)

    def _go_to(self, asked: int, now_us: int) -> None:
        """Send from where the edge waits; that may be what it lost with an unsynced tail.

        Only an `Accept` says that frames are durable. Each frame behind a lost one makes the edge ask, so for
        the time of a retry the same question is answered once.
        """
        if asked == self._asked and now_us < self._asked_until_us:
            return
        self._asked = asked
        self._asked_until_us = now_us + self.settings.retry_us
        self._offered = max(asked, self.stream.trim)
        self.accepted = min(self.accepted, self._offered)

    def _forward(self, accepted: int, out: list[Effect]) -> None:
        """The edge, or Earth itself, holds all frames below `accepted`."""
        self.accepted = accepted
        self._offered = max(self._offered, accepted)
        if self._retry_set:
            self._stop_retry(out)

    def _acked(self, ack: Ack, data: bytes, now_us: int, out: list[Effect]) -> None:
        stream = self.stream
        problem = stream.problem_with(ack, self.settings.gateway, self.settings.auditor)
        if problem == WRONG_ROOT:
            out.append(Report(RootMismatch(stream.id, ack.verified)))
        elif problem is not None:
            out.append(Report(Rejected("Ack", problem)))
        else:
            stream.take(ack, data)
            out.append(Report(AckLearned(stream.id, ack.verified, ack.trim)))
            stream.log.trim(stream.trim)
            if stream.drop_frames(stream.trim):
                out.append(Report(Trimmed(stream.id, stream.trim)))
            if ack.verified > self.accepted:
                self._forward(ack.verified, out)
                self._offer(now_us, out)
