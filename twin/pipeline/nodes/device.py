"""A medical sensor: samples become signed frames, which stay here until Earth has them backed up.

| state of a frame       | ends when                                                        |
|------------------------|------------------------------------------------------------------|
| offered to its edges   | each edge accepts (durable there) or asks for it again            |
| accepted               | an ack of Earth says `verified` beyond it                        |
| verified               | an ack says `trim` beyond it: only now the bytes are deleted      |

The device is the only writer of its stream. A frame is signed once; a resend is the same bytes. A frame
closes when its period ends, or at once when a sample leaves its window (`clinic.bands`): content decides, never load.

Every frame goes to the home edge and to a standby (`lane`), so that alarms and records outlive either. One of
them carries the stream to Earth: the home edge, and the standby while home does not answer.

An epoch ends with a closing frame when its key is replaced or its indices run out; the next one goes on under the
key and id that stand there. Lanes of a later epoch wait until the one before has been taken whole.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from twin.pipeline.clinic.bands import Comparators
from twin.pipeline.clinic.watch import Watch
from twin.pipeline.facts import AckLearned, EpochClosed, FrameSealed, Rejected, RootMismatch, Trimmed
from twin.pipeline.ledger.stream import WRONG_ROOT, Stream
from twin.pipeline.machine import (
    ArmSensor,
    Effect,
    Event,
    KeyReplaced,
    Received,
    Report,
    SamplesReady,
    Send,
    SetComparators,
    Started,
    TimerFired,
)
from twin.pipeline.nodes.lane import Lane
from twin.pipeline.wire.frame import (
    CLOSING,
    INDEX_MAX,
    SAMPLES,
    Frame,
    Samples,
    encode_closing,
    encode_samples,
    seal,
)
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import Accept, Ack, Closings, Expect, Hello, MessageError, decode, encode
from twin.pipeline.wire.signing import Signer, Verifier

UNANSWERED_MAX = 2
"""Repetitions that home may leave unanswered before the standby carries the stream."""


class DeviceSettings(NamedTuple):
    """What a device is configured with; times in microseconds.

    `edges` holds the home edge and then its standby, if there is one. `watch` programs the comparators.
    `local_window` limits frames offered and not accepted. `index_max` ends an epoch; `packet_count` is where the
    14-bit count of packets begins.
    """

    device: int
    apid: int
    edges: tuple[str, ...]
    channels: tuple[str, ...]
    sample_period_us: int
    samples_per_frame: int
    watch: Watch
    retry_us: int
    local_window: int
    signer: Signer
    gateway: Verifier
    auditor: Verifier
    index_max: int = INDEX_MAX
    packet_count: int = 0


class _Epoch:
    """One epoch: its stream, and a lane per edge."""

    __slots__ = ("lanes", "stream")

    def __init__(self, stream: Stream, lanes: dict[str, Lane]) -> None:
        self.stream = stream
        self.lanes = lanes


class Device:
    """The machine of one sensor. It keeps every frame until `trim`, so its edges may lose what they hold."""

    def __init__(self, settings: DeviceSettings) -> None:
        self.settings = settings
        self.signer = settings.signer
        self.carrier = settings.edges[0]
        self.closings: list[bytes] = []
        self.epochs: list[_Epoch] = []
        self._packets = settings.packet_count
        self._seed = b""
        self._comparators = Comparators(settings.watch)
        self._block: SamplesReady | None = None  # the sensor's bus may deliver one twice
        self._open(0)

    @property
    def stream(self) -> Stream:
        """The stream of the open epoch."""
        return self.epochs[-1].stream

    def _open(self, epoch: int) -> None:
        s = self.settings
        stream = Stream(StreamId(s.device, epoch))
        self.epochs.append(_Epoch(stream, {e: Lane(e, stream, s.retry_us, s.local_window) for e in s.edges}))

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        match event:
            case SamplesReady() if event == self._block:
                out.append(Report(Rejected("SamplesReady", "the block that was delivered last")))
            case SamplesReady(start_us, rows):
                self._block = event
                self._take(start_us, rows, out)
                self._offer(now_us, out)
            case Received(source, data):
                self._receive(source, data, now_us, out)
            case TimerFired(name):
                self._overdue(name, now_us, out)
            case KeyReplaced(signer):
                self._close(signer, "key", now_us, out)
                self._offer(now_us, out)
            case Started(entropy):
                self._started(entropy, out)
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of a device")))
        return out

    def _started(self, entropy: bytes, out: list[Effect]) -> None:
        s = self.settings
        self._seed = entropy[8:]
        self.epochs.clear()
        self._open(int.from_bytes(entropy[:8], "big"))
        self._comparators = Comparators(s.watch)
        self._block = None
        out.append(ArmSensor(s.sample_period_us, s.samples_per_frame, *self._comparators.initial()))
        out.extend(Send(edge, encode(Hello(self.stream.id))) for edge in s.edges)

    # ------------------------------------------------------------ sealing

    def _take(self, start_us: int, rows: tuple[tuple[int, ...], ...], out: list[Effect]) -> None:
        s = self.settings
        windows = self._comparators.after(rows)
        if windows is not None:
            out.append(SetComparators(*windows))
        if self.stream.size >= s.index_max:
            self._close(self.signer, "index", start_us, out)
        generated_us = start_us + (len(rows) - 1) * s.sample_period_us
        body = encode_samples(Samples(start_us, s.sample_period_us, s.channels, rows))
        self._seal(SAMPLES, generated_us, body, len(rows), out)

    def _seal(self, kind: int, generated_us: int, body: bytes, samples: int, out: list[Effect]) -> None:
        record = RecordId(*self.stream.id, self.stream.size)
        frame = Frame(*record, kind, generated_us, body)
        data = seal(frame, apid=self.settings.apid, packet_count=self._packets, signer=self.signer)
        self._packets += 1
        leaf = self.stream.append(data)
        out.append(Report(FrameSealed(record, leaf, generated_us, samples, len(data))))
        if kind == CLOSING:
            self.closings.append(data)

    def _close(self, following: Signer, reason: str, at_us: int, out: list[Effect]) -> None:
        """Seal the epoch's last frame with its own key, and open the epoch that the frame names."""
        final = self.stream.size
        # 64 random bits of the host's entropy, one hash further with every epoch of this start
        self._seed = hashlib.sha256(self._seed).digest()
        epoch = int.from_bytes(self._seed[:8], "big")
        self._seal(CLOSING, at_us, encode_closing(final, epoch, following.suite, following.public), 0, out)
        out.append(Report(EpochClosed(RecordId(*self.stream.id, final), epoch, reason)))
        self.signer = following
        self._open(epoch)

    # ------------------------------------------------------------ offering

    def _offer(self, now_us: int, out: list[Effect]) -> None:
        """Each edge is offered the oldest epoch that it has not taken whole."""
        for edge in self.settings.edges:
            carry = edge == self.carrier
            for epoch in self.epochs:
                lane = epoch.lanes[edge]
                lane.offer(carry, now_us, out)
                if not lane.done:
                    break

    def _overdue(self, name: str, now_us: int, out: list[Effect]) -> None:
        lane = next((lane for epoch in self.epochs for lane in epoch.lanes.values() if lane.timer == name), None)
        if lane is None:
            return  # its epoch is over
        lane.overdue()
        if self.closings:  # an edge that missed one refuses the epochs behind it, and does not know why
            out.append(Send(lane.edge, encode(Closings(tuple(self.closings)))))
        if lane.edge == self.carrier and lane.unanswered >= UNANSWERED_MAX and len(self.settings.edges) > 1:
            self._let_carry(next(edge for edge in self.settings.edges if edge != lane.edge), out)
        self._offer(now_us, out)

    def _let_carry(self, edge: str, out: list[Effect]) -> None:
        self.carrier = edge
        for epoch in self.epochs:
            for name, lane in epoch.lanes.items():
                lane.remind(name == edge, out)

    # ------------------------------------------------------------ what edges say

    def _receive(self, source: str, data: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            message = decode(data)
        except MessageError as problem:
            out.append(Report(Rejected("datagram", str(problem))))
            return
        what = type(message).__name__
        if source not in self.settings.edges or not isinstance(message, Accept | Expect | Ack | Hello):
            out.append(Report(Rejected(what, f"not for a device, or not from its edges: {source}")))
            return
        if message == Hello(StreamId(self.settings.device, 0)):
            out.append(Send(source, encode(Hello(self.stream.id))))
            for held in self.epochs:
                held.lanes[source].doubt()
            self._offer(now_us, out)
            return
        epoch = next((e for e in self.epochs if e.stream.id == message.stream), None)
        if epoch is None:
            out.append(Report(Rejected(what, "another stream or epoch")))
        elif isinstance(message, Hello):
            out.append(Report(Rejected(what, "not from a device")))
        elif isinstance(message, Ack):
            self._acked(epoch, source, message, data, out)
        elif message.next_index > epoch.stream.size:
            out.append(Report(Rejected(what, "beyond what was sealed")))
        else:
            self._progress(epoch.lanes[source], message, now_us, out)
        self._offer(now_us, out)

    def _progress(self, lane: Lane, answer: Accept | Expect, now_us: int, out: list[Effect]) -> None:
        lane.unanswered = 0
        if isinstance(answer, Expect):
            lane.expect(answer.next_index, tuple(self.closings), now_us, out)
        else:
            lane.accept(answer.next_index, out)
        if lane.edge == self.settings.edges[0] and self.carrier != lane.edge:
            self._let_carry(lane.edge, out)  # home is back

    def _acked(self, epoch: _Epoch, source: str, ack: Ack, data: bytes, out: list[Effect]) -> None:
        stream = epoch.stream
        problem = stream.problem_with(ack, self.settings.gateway, self.settings.auditor)
        if problem == WRONG_ROOT:
            out.append(Report(RootMismatch(stream.id, ack.verified)))
            return
        if problem is not None:
            out.append(Report(Rejected("Ack", problem)))
            return
        stream.take(ack, data)
        out.append(Report(AckLearned(stream.id, ack.verified, ack.trim, ack.term)))
        for edge, lane in epoch.lanes.items():
            lane.accept(ack.trim, out)
            if edge != source:
                out.append(Send(edge, data))  # it carries the stream too, and Earth may not know
        stream.log.trim(stream.trim)
        if stream.drop_frames(stream.trim):
            out.append(Report(Trimmed(stream.id, stream.trim)))
        if epoch is not self.epochs[-1] and stream.trim == stream.size:
            for lane in epoch.lanes.values():
                lane.stop(out)
            self.epochs.remove(epoch)
