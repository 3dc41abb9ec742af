"""How an edge takes frames from its devices: each once, in order, and only what its device signed.

An appended frame is told to the alarm rules at once, and what they find goes to the edge's own stream behind it.
"""

from __future__ import annotations

from twin.pipeline.facts import Rejected
from twin.pipeline.ledger.stream import Stream
from twin.pipeline.machine import Effect, Report, Send
from twin.pipeline.nodes.device_desk import DeviceDesk
from twin.pipeline.nodes.edge_ledger import EdgeLedger
from twin.pipeline.wire.frame import ALERT, SAMPLES, FrameError, decode_samples, peek_kind, peek_record
from twin.pipeline.wire.identity import RecordId
from twin.pipeline.wire.messages import Closings, encode

UNWRITTEN_BYTES_MAX = 4_000_000
"""What may wait in memory for a medium that fails; beyond it frames stay on their devices."""


class EdgeIntake:
    """Frames on their way into one edge's ledger."""

    def __init__(self, ledger: EdgeLedger, devices: DeviceDesk) -> None:
        self._ledger = ledger
        self._devices = devices

    def offered(self, source: str, frame: bytes, now_us: int, out: list[Effect]) -> Stream | None:
        """Take a frame that a device offers; its stream, if the frame is the newest of it now."""
        ledger = self._ledger
        try:
            record = peek_record(frame)
        except FrameError as problem:
            out.append(Report(Rejected("frame", str(problem))))
            return None
        if not self._devices.sent(source, record.device, out) or not ledger.notary.settled:
            return None
        stream = ledger.streams.get(record.stream)
        if stream is not None and record.index < stream.size:
            self._again(stream, record, frame, out)
        elif ledger.journal.pending_bytes <= UNWRITTEN_BYTES_MAX:  # else the device keeps it
            self._take(record, frame, now_us, out)
        stream = ledger.streams.get(record.stream)
        newest = stream is not None and record.index == stream.size - 1 and stream.frames.get(record.index) == frame
        return stream if newest else None

    def _again(self, stream: Stream, record: RecordId, frame: bytes, out: list[Effect]) -> None:
        """A resend: the accept was lost, or is still to come; other bytes under the same index are refused."""
        held = stream.frames.get(record.index)
        if held is not None and held != frame:
            out.append(Report(Rejected("frame", "other bytes under an index already taken")))
        elif record.index < stream.durable:
            self._devices.accept(stream, record.index, out)

    def _take(self, record: RecordId, frame: bytes, now_us: int, out: list[Effect]) -> None:
        """A frame beyond what is held: append it if it is the next and its device signed it."""
        ledger = self._ledger
        problem = ledger.keys.problem_with(frame, record)
        if problem is None and peek_kind(frame) == ALERT:
            problem = "an alert, which devices do not sign"  # Earth would never take it, nor what follows it
        if problem is not None:
            out.append(Report(Rejected("frame", problem)))
            return
        stream = ledger.streams.get(record.stream)
        if record.index > (0 if stream is None else stream.size):
            self._devices.expect(record.stream, out)
            return
        try:
            samples = decode_samples(ledger.keys.body(frame, record)) if peek_kind(frame) == SAMPLES else None
            closes = ledger.learn(frame, record)
        except FrameError as problem_of_body:
            out.append(Report(Rejected("frame", str(problem_of_body))))
            return
        ledger.append(record, frame, out)
        if closes:  # a device that crashes now tells nobody any more which key it has taken
            ledger.journal.say([Send(peer, encode(Closings((frame,)))) for peer in ledger.notary.peers], out)
        if samples is not None and ledger.alarms.is_over(record.stream):
            self._devices.ask(record.device, out)  # it comes late, or this edge is in error: the device knows
        elif samples is not None:
            ledger.write_alerts(ledger.alarms.frame(record, samples, now_us, out), now_us, out)
