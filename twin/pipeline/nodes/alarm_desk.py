"""An edge's clinic: runs the alarm rules of every device that it carries, tells the crew, writes alerts for Earth.

The local alarm precedes the medium; the alert's frame, in the edge's own stream, goes to Earth once it is synced.
A rule is a function of one device's frames in index order, so home and standby find the same alerts under the same
keys, and an edge that restarts goes on from the rule state in its snapshot.

A device has one epoch at a time. Once another began that no closing frame announced, frames of the one before that come
late, sent again by whomever, move no rule any more: they must not end an alarm that sounds now. Which epoch is its own
the device itself can say (`named`).

Every start opens a new epoch of the own stream: a medium that was rolled back can then never sign an index twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from twin.pipeline.clinic.alarms import ACTIVE, AlarmRules, Change
from twin.pipeline.clinic.board import AlarmBoard, Signal
from twin.pipeline.clinic.watch import Watch
from twin.pipeline.facts import AlarmRaised, AlertSealed, FrameSealed
from twin.pipeline.ledger.merkle import leaf_hash
from twin.pipeline.ledger.stream import Stream
from twin.pipeline.machine import Annunciate, Effect, Report, SetTimer
from twin.pipeline.wire.frame import ALERT, Alert, Frame, Samples, decode_alert, encode_alert, open_frame, seal
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId
from twin.pipeline.wire.signing import Signer

ESCALATE = "escalate"
OVER = b"\x80"
"""State of the rules of an epoch that is over: an empty CBOR array."""


class AlarmSettings(NamedTuple):
    """The edge's own identity as a writer of alerts, and what is watched: device id -> rules."""

    device: int
    apid: int
    signer: Signer
    watches: Mapping[int, Watch]
    escalate_after_us: int | None


class AlarmDesk:
    """Rules by stream, the board of alarms that sound, and the edge's own alert stream; timer `escalate`."""

    def __init__(self, settings: AlarmSettings) -> None:
        self.settings = settings
        self.own = StreamId(settings.device, 0)
        self._board = AlarmBoard(settings.escalate_after_us)
        self._rules: dict[StreamId, AlarmRules | None] = {}  # None: over, its device has begun anew since
        self._recalled: list[Change] = []
        self._written: set[AlertKey] = set()
        self._escalation_set_us: int | None = None

    def open(self, epoch: int) -> None:
        """Begin the own stream of this start."""
        self.own = StreamId(self.settings.device, epoch)

    def writes(self, stream: StreamId) -> bool:
        """Whether this is one of the edge's own streams, of this start or an earlier one."""
        return stream.device == self.settings.device

    # ------------------------------------------------------------ rules

    def _take(self, record: RecordId, samples: Samples) -> tuple[Change, ...]:
        """Let the rules follow a frame.

        A device that began anew continues no epoch: its rules begin at rest, and the alerts of those before end, since
        nothing will ever say that their conditions ceased.
        """
        stream = record.stream
        watch = self.settings.watches.get(stream.device)
        if watch is None or self.is_over(stream):
            return ()
        rules = self._rules.get(stream)
        if rules is not None:
            return rules.frame(record, samples)
        ended: list[Change] = []
        for other, before in self._rules.items():
            if before is not None and other.device == stream.device:
                ended.extend(before.end())
                self._rules[other] = None
        rules = self._rules[stream] = AlarmRules(watch)
        return (*ended, *rules.frame(record, samples))

    def is_over(self, stream: StreamId) -> bool:
        """Whether its device has begun anew since, as far as is known here."""
        return stream in self._rules and self._rules[stream] is None

    def named(self, stream: StreamId) -> None:
        """The device says that this is its epoch: its next frame begins anew, if it was held to be over."""
        if self.is_over(stream):
            del self._rules[stream]

    def replay(self, record: RecordId, samples: Samples) -> None:
        """A frame read back from the medium: the rules follow it."""
        self._recalled.extend(self._take(record, samples))

    def replay_own(self, frame: bytes) -> None:
        """An alert read back from the medium."""
        self._written.add(self.read_own(frame)[1].alert)

    def unwritten(self, now_us: int, out: list[Effect]) -> list[Alert]:
        """After a restart: put what was read back on the board; alerts that a crash kept off the medium.

        The crew is told again: whoever was told before the crash hears it twice, and nobody not at all.
        """
        recalled, self._recalled = self._recalled, []
        written, self._written = self._written, set()
        self._tell(self._board.again(), out)
        for change in recalled:
            self._tell(self._board.take(change, now_us), out)
        return [self._raised(c, out) for c in recalled if c.state == ACTIVE and c.alert not in written]

    def frame(self, record: RecordId, samples: Samples, now_us: int, out: list[Effect]) -> list[Alert]:
        """The next frame of a device: tell the crew at once; what Earth must be told."""
        changes = self._take(record, samples)
        for change in changes:
            self._tell(self._board.take(change, now_us), out)
        return [self._raised(change, out) for change in changes if change.state == ACTIVE]

    def _raised(self, change: Change, out: list[Effect]) -> Alert:
        out.append(Report(AlarmRaised(change.alert, change.row, change.priority)))
        return Alert(change.alert, change.row, change.priority, change.text)

    def follow(self, closed: StreamId, following: StreamId) -> None:
        """An epoch goes on under another id: so do its rules."""
        rules = self._rules.get(closed)
        if rules is not None:
            del self._rules[closed]
            self._rules[following] = rules

    def state(self, stream: StreamId) -> bytes:
        """State of a stream's rules, for a snapshot; empty if it has none."""
        rules = self._rules.get(stream)
        if rules is None:
            return OVER if stream in self._rules else b""
        return rules.snapshot()

    @property
    def board(self) -> bytes:
        """State of what sounds, for a snapshot."""
        return self._board.snapshot()

    def restore(self, states: Mapping[StreamId, bytes], board: bytes) -> None:
        """Go on from a snapshot."""
        for stream, state in states.items():
            watch = self.settings.watches.get(stream.device)
            if state and watch is not None:
                rules = self._rules[stream] = None if state == OVER else AlarmRules(watch)
                if rules is not None:
                    rules.restore(state)
        self._board.restore(board)

    # ------------------------------------------------------------ the crew

    def acknowledge(self, alert: AlertKey, out: list[Effect]) -> None:
        """Someone of the crew pressed the button."""
        self._tell(self._board.acknowledge(alert), out)

    def escalate(self, now_us: int, out: list[Effect]) -> None:
        """The timer fired: raise what nobody has acknowledged in time."""
        self._escalation_set_us = None
        self._tell(self._board.due(now_us), out)

    def watch_escalation(self, out: list[Effect]) -> None:
        """Set the timer anew if the next escalation is due at another instant than before."""
        due_us = self._board.next_due_us
        if due_us is not None and due_us != self._escalation_set_us:
            self._escalation_set_us = due_us
            out.append(SetTimer(ESCALATE, due_us))

    def seen_on_earth(self, alert: AlertKey, out: list[Effect]) -> None:
        """The flight surgeon has acknowledged."""
        self._tell(self._board.seen(alert), out)

    def _tell(self, signals: tuple[Signal, ...], out: list[Effect]) -> None:
        out.extend(Annunciate(signal.alert, signal.priority, signal.state) for signal in signals)

    # ------------------------------------------------------------ the own stream

    def read_own(self, frame: bytes) -> tuple[int, Alert]:
        """When a frame of an own stream was written, by this edge's clock, and what it says."""
        opened = open_frame(frame, self.settings.signer.signature_bytes)
        return opened.generated_us, decode_alert(opened.body)

    def say_sealed(self, record: RecordId, frame: bytes, out: list[Effect]) -> None:
        """An alert of an own stream is on the medium: now its identity is taken for good."""
        generated_us, alert = self.read_own(frame)
        out.append(Report(FrameSealed(record, leaf_hash(frame), generated_us, 0, len(frame))))
        out.append(Report(AlertSealed(alert.alert, record)))

    def seal(self, alert: Alert, stream: Stream, now_us: int) -> bytes:
        """The next frame of the own stream."""
        frame = Frame(*stream.id, stream.size, ALERT, now_us, encode_alert(alert))
        return seal(frame, apid=self.settings.apid, packet_count=stream.size, signer=self.settings.signer)
