"""What an edge holds and its journal can rebuild (`edge_recovery`): streams, signers' keys, checkpoints, alarm rules.

What is appended here becomes true when the journal's sync has answered; until then nobody is told of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from twin.pipeline.facts import Adopted
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.proof import root_of_frontier
from twin.pipeline.ledger.stream import Stream, problem_with_signatures
from twin.pipeline.machine import Effect, Report
from twin.pipeline.nodes.alarm_desk import AlarmDesk, AlarmSettings
from twin.pipeline.nodes.edge_journal import EdgeJournal, PendingCheckpoint, SnapshotAt
from twin.pipeline.nodes.notary import Notary, NotarySettings
from twin.pipeline.nodes.witness import Witness
from twin.pipeline.wire.frame import Alert, peek_record
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.key_book import KeyBook, KnownDevice
from twin.pipeline.wire.messages import Ack

JOURNAL_RETRY_US = 1_000_000


class EdgeLedger:
    """Streams by id, and what goes to the same journal: `keys`, `notary`, `witness`, `alarms`.

    Args:
        devices: registered signers by device id.
    """

    def __init__(self, devices: Mapping[int, KnownDevice], notary: NotarySettings, alarms: AlarmSettings) -> None:
        self.devices = devices
        self.streams: dict[StreamId, Stream] = {}
        self.keys = KeyBook(devices, strict=True)
        self.journal = EdgeJournal(JOURNAL_RETRY_US)
        self.notary = Notary(notary)
        self.witness = Witness(notary)
        self.alarms = AlarmDesk(alarms)

    # ------------------------------------------------------------ streams

    def stream(self, stream_id: StreamId) -> Stream:
        """The stream of this id, begun if it was not known."""
        stream = self.streams.get(stream_id)
        if stream is None:
            stream = self.streams[stream_id] = Stream(stream_id)
            stream.signed = self.notary.signed_before.get(stream_id, 0)
        return stream

    def append(self, record: RecordId, frame: bytes, out: list[Effect]) -> None:
        """Append the next frame of a stream."""
        self.stream(record.stream).append(frame)
        self.journal.append(journal.FRAME, frame, out, (record,))
        self.journal.next.records.append(record)

    def write_alerts(self, alerts: Iterable[Alert], now_us: int, out: list[Effect]) -> None:
        """Append alerts to the edge's own stream."""
        for alert in alerts:
            own = self.stream(self.alarms.own)
            self.append(RecordId(*own.id, own.size), self.alarms.seal(alert, own, now_us), out)

    def adopt(self, ack: Ack, data: bytes, out: list[Effect]) -> bool:
        """Take a stream up at an ack's frontier, because this edge holds less of it than Earth has verified.

        Returns:
            False if the ack, whose encoding is `data`, is not to be trusted; nothing has changed then.
        """
        if problem_with_signatures(ack, self.notary.settings.gateway, self.notary.settings.auditor) is not None:
            return False
        try:
            if root_of_frontier(ack.frontier, ack.verified) != ack.root:
                return False
        except ValueError:
            return False  # a frontier that does not fit its size: refused like a wrong root
        self.take_up(ack, data)
        self.journal.append(journal.ADOPTED, data, out)
        out.append(Report(Adopted(ack.stream, ack.verified)))
        return True

    def take_up(self, ack: Ack, data: bytes) -> None:
        """Put the stream that begins at the frontier of a trusted ack in the place of what was known of it."""
        known = self.streams.get(ack.stream)
        stream = Stream.adopt(ack, data, {} if known is None else known.frames)
        stream.signed = self.notary.signed_before.get(ack.stream, 0)
        self.streams[ack.stream] = stream
        following = self.keys.following(ack.stream, ack.verified)
        if following is not None:
            self.alarms.follow(ack.stream, following)

    # ------------------------------------------------------------ keys

    def learn(self, frame: bytes, record: RecordId) -> bool:
        """Take note of a frame's key; True if it closes an epoch of which that was not known.

        Raises:
            FrameError: a closing frame that names no usable key; nothing was noted then.
        """
        closed = self.keys.is_closed(record.stream)
        following = self.keys.learn(frame, record)
        if following is not None:
            self.alarms.follow(record.stream, following)
        return following is not None and not closed

    def take_closings(self, frames: tuple[bytes, ...], out: list[Effect]) -> None:
        """Learn closing frames that a device or a peer holds.

        Raises:
            FrameError: one that is no frame, or names no usable key; those before it are learned, and written down.
        """
        for frame in frames:
            if self.keys.take((frame,)):
                self.journal.append(journal.CLOSINGS, frame, out)

    def stray_closings(self, device: int) -> tuple[bytes, ...]:
        """Closing frames of a device that no stream here sends: it is not here, or Earth has had them."""
        stray = []
        for frame in self.keys.closings:
            record = peek_record(frame)
            stream = self.streams.get(record.stream)
            if record.device == device and (stream is None or record.index not in stream.frames):
                stray.append(frame)
        return tuple(stray)

    # ------------------------------------------------------------ checkpoints

    def checkpoint(self, now_us: int, out: list[Effect]) -> None:
        """Checkpoint and snapshot go to the journal together, one at a time; else this one waits a period.

        An edge whose own streams rest still writes down what it witnesses, so its journal needs a snapshot now and
        then.
        """
        if self.journal.checkpoint_pending or not self.notary.settled:
            return
        made = self.notary.checkpoint(self.streams, now_us)
        if made is not None:
            self.journal.append(journal.CHECKPOINT, made.entry, out)
        elif not self.journal.wants_snapshot:
            return
        for stream_id in self.notary.signed_before:
            self.stream(stream_id)  # lost with a medium: what was signed of it must outlive the next crash, too
        heads = {s.id: s.signed for s in self.streams.values()}
        heads |= {} if made is None else made.heads
        at = SnapshotAt(self.journal.end, {stream.id: stream.size for stream in self.streams.values()})
        self.journal.append(journal.SNAPSHOT, journal.encode_snapshot(self._snapshot(heads)), out)
        self.journal.snapshot_taken()
        published = heads if made is None else made.heads
        self.journal.next.checkpoint = PendingCheckpoint(published, at, None if made is None else made.for_earth)
        if made is not None:
            self.journal.say(made.effects, out)

    def _snapshot(self, heads: Mapping[StreamId, int]) -> journal.Snapshot:
        """What lets everything before it in the journal be dropped; `heads` are those of the newest checkpoint."""
        states = tuple(
            journal.StreamState(
                s.id, s.size, tuple(s.log.frontier()), heads[s.id], s.ack_bytes, self.alarms.state(s.id), s.vouched
            )
            for s in self.streams.values()
        )
        witnessed = tuple(self.witness.witnessed.values())
        return journal.Snapshot(
            self.notary.counter, self.notary.digest, states, witnessed, self.alarms.board, self.keys.closings
        )

    def compact(self, out: list[Effect]) -> None:
        """Drop leaves and journal that nobody can ask for: trimmed here, and signed past by every witness."""
        floors = {}
        for stream in self.streams.values():
            floor = floors[stream.id] = min(stream.trimmed, self.notary.signed_by_all(stream))
            stream.log.trim(floor)
        out.extend(self.journal.drop(floors))
