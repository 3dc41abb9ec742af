"""An edge micro data center: verifies frames, raises alarms, keeps streams, and synchronizes them with Earth.

A frame's way: verified -> appended to its stream and to the journal -> alarm rules -> synced (group commit) ->
accepted to the device and, if this edge carries the stream, queued for Earth -> flown, again if needed -> acked ->
trimmed when the ack itself is durable. The local alarm waits for nothing; everything else waits for the medium:
nothing is accepted, sent, cosigned or trimmed before the journal entry that it rests on is synced.

Its parts: `edge_journal` (what waits for the medium), `downlink` (Earth side), `notary` (checkpoints and witnesses),
`alarm_desk` (rules, the crew, the own alert stream), `words_of_earth` (acks, cosignatures, receipts).

A starting edge asks its peers what they know of it, and takes no frame before they have answered or `SETTLE_US` is
over: its medium may have been swapped or rolled back. What it lost of a stream the device sends again; where the
device has trimmed, the edge takes the stream up at the frontier of Earth's last ack (`Stream.adopt`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from twin.pipeline.facts import Accepted, Adopted, AlertSealed, FrameSealed, Rejected, Trimmed
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.merkle import leaf_hash
from twin.pipeline.ledger.proof import root_of_frontier
from twin.pipeline.ledger.stream import Stream, problem_with_signatures
from twin.pipeline.machine import (
    BundleArrived,
    CrewAcknowledged,
    Effect,
    Event,
    HopKeyInstalled,
    LinkChanged,
    PlanChanged,
    Received,
    Report,
    Send,
    SetTimer,
    Started,
    Synced,
    SyncFailed,
    TimerFired,
    TransmitFailed,
    Transmitted,
)
from twin.pipeline.nodes.alarm_desk import AlarmDesk, AlarmSettings
from twin.pipeline.nodes.carriage import Carriage
from twin.pipeline.nodes.downlink import Downlink
from twin.pipeline.nodes.edge_journal import REWRITE, EdgeJournal, PendingCheckpoint, SnapshotAt
from twin.pipeline.nodes.notary import Notary, NotarySettings
from twin.pipeline.nodes.words_of_earth import WordsOfEarth
from twin.pipeline.transport.antenna import Antenna
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address, EndpointId, Mailer
from twin.pipeline.transport.protector import HopKeySettings, Protector
from twin.pipeline.transport.sync import Synchronizer, SyncSettings
from twin.pipeline.wire.frame import SAMPLES, Alert, FrameError, decode_samples, peek_kind, peek_record
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.key_book import KeyBook, KnownDevice
from twin.pipeline.wire.messages import (
    Accept,
    Ack,
    CheckpointOffer,
    Closings,
    Cosign,
    Cosigned,
    Expect,
    FrameOffer,
    Frames,
    Hello,
    LastWitnessed,
    MessageError,
    decode,
    encode,
)
from twin.pipeline.wire.signing import Verifier

CHECKPOINT, SETTLE, ESCALATE = "checkpoint", "settle", "escalate"
SETTLE_US = 2_000_000
ASK_AGAIN_US = 250_000
JOURNAL_RETRY_US = 1_000_000
UNWRITTEN_BYTES_MAX = 4_000_000
"""What may wait in memory for a medium that fails; beyond it frames stay on their devices."""


class EdgeSettings(NamedTuple):
    """What an edge node is configured with; times in microseconds. `carries` are the devices whose home it is."""

    name: str
    earth: str
    plan: ContactPlan
    devices: Mapping[int, KnownDevice]
    carries: frozenset[int]
    gateway: Verifier
    auditor: Verifier
    notary: NotarySettings
    alarms: AlarmSettings
    address: Address
    earth_endpoint: EndpointId
    sync: SyncSettings
    bundle_wait_us: int
    checkpoint_period_us: int
    hop_keys: HopKeySettings | None = None


class Edge:
    """The machine of one edge node. `recover` is its only constructor; an empty journal is a new node."""

    def __init__(self, settings: EdgeSettings) -> None:
        s = settings
        self.settings = settings
        self.streams: dict[StreamId, Stream] = {}
        self.keys = KeyBook(s.devices, strict=True)
        self.journal = EdgeJournal(JOURNAL_RETRY_US)
        self.notary = Notary(s.notary)
        self.alarms = AlarmDesk(s.alarms)
        self.downlink = Downlink(
            self.streams,
            Antenna(s.plan, s.name, s.earth),
            Synchronizer(s.plan, s.name, s.earth, s.sync),
            Mailer(s.address, Protector.of(s.address.here, s.hop_keys)),
            s.earth_endpoint,
            s.bundle_wait_us,
        )
        self.words = WordsOfEarth(self)
        self.carriage = Carriage(lambda stream: stream.device in s.carries or self.alarms.writes(stream))
        self._escalation_set_us: int | None = None
        self._settle_until_us = 0

    # ------------------------------------------------------------ recovery

    @classmethod
    def recover(cls, settings: EdgeSettings, durable: bytes, start: int = 0) -> Edge:
        """Rebuild the machine from its journal's bytes, which begin at offset `start`."""
        edge = cls(settings)
        for entry in edge.journal.read(durable, start):
            edge._replay(entry, first=entry.offset == start)
        for stream in edge.streams.values():
            # checkpoints are read into the notary, and one may stand behind an adoption that knew less
            stream.signed = max(stream.signed, edge.notary.signed_before.get(stream.id, 0))
            stream.durable = stream.size
            stream.drop_frames(stream.trim)
            if edge.carriage.carries(stream.id):
                edge.downlink.resume(stream, urgent=edge.alarms.writes(stream.id))
        return edge

    def _replay(self, entry: journal.Entry, first: bool) -> None:
        if entry.kind == journal.FRAME:
            self._replay_frame(entry.payload)
        elif entry.kind == journal.ACK:
            self._replay_ack(entry.payload)
        elif entry.kind == journal.ADOPTED:
            ack = decode(entry.payload)
            if isinstance(ack, Ack):
                self._take_up(ack, entry.payload)
        elif entry.kind == journal.CLOSINGS:
            self.keys.take((entry.payload,))
        elif entry.kind == journal.SNAPSHOT:
            snapshot = journal.decode_snapshot(entry.payload)
            if first:
                self._restore(snapshot)
            self.notary.restore(snapshot)
            for state in snapshot.streams:
                self._stream(state.stream)  # one that it knows of without a record follows from no other entry
            self.journal.remember(SnapshotAt(entry.offset, {s.stream: s.size for s in snapshot.streams}))
        elif entry.kind == journal.CHECKPOINT:
            self.notary.replay_checkpoint(entry.payload)
        elif entry.kind == journal.WITNESSED:
            self.notary.replay_witnessed(entry.payload)

    def _restore(self, snapshot: journal.Snapshot) -> None:
        self.keys.take(snapshot.closings)
        for state in snapshot.streams:
            stream = self.streams[state.stream] = Stream(state.stream, state.size, state.frontier)
            stream.signed = state.signed
            if state.vouched:
                vouched = decode(state.vouched)
                assert isinstance(vouched, Ack)
                stream.vouched, stream.vouched_size = state.vouched, vouched.verified
            if state.ack:
                self._replay_ack(state.ack)
        self.alarms.restore({state.stream: state.rules for state in snapshot.streams}, snapshot.board)

    def _replay_frame(self, frame: bytes) -> None:
        record = peek_record(frame)
        self._stream(record.stream).append(frame)
        if self.alarms.writes(record.stream):
            self.alarms.replay_own(frame)
            return
        if record.device not in self.settings.devices:
            return  # it has left the habitat, and its stream stays
        if peek_kind(frame) == SAMPLES:
            self.alarms.replay(record, decode_samples(self.keys.body(frame, record)))
        self._learn(frame, record)

    def _replay_ack(self, data: bytes) -> None:
        ack = decode(data)
        if isinstance(ack, Ack):
            self._stream(ack.stream).take(ack, data)

    # ------------------------------------------------------------ events

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        match event:
            case Received(source, data):
                self._receive(source, data, now_us, out)
            case Synced(sync_id):
                self._synced(sync_id, now_us, out)
            case SyncFailed(sync_id, _):
                out.extend(self.journal.sync_failed(sync_id, now_us))
            case Transmitted(transmission, _):
                self.downlink.transmitted(transmission, now_us)
                self.words.tell_of_keys(out)
            case TransmitFailed(transmission, _, _):
                self.downlink.failed(transmission, now_us)
            case BundleArrived(_, data):
                self.words.bundle(data, now_us, out)
                self.words.tell_of_keys(out)
                self.compact(out)
            case TimerFired(name):
                self._timer(name, now_us, out)
            case LinkChanged(neighbour, usable) if neighbour == self.settings.earth:
                self.downlink.link(usable, now_us)
            case PlanChanged(plan):
                self.downlink.replan(plan)
            case CrewAcknowledged(alert):
                self.alarms.acknowledge(alert, out)
            case HopKeyInstalled(peer, number, key):
                self.words.install_key(peer, number, key, out)
                self.words.tell_of_keys(out)
            case Started(entropy):
                self._started(entropy, now_us, out)
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of an edge")))
        self._watch_escalation(out)
        self.journal.commit(out)
        self.downlink.pump(now_us, out)
        return out

    def _timer(self, name: str, now_us: int, out: list[Effect]) -> None:
        if name == CHECKPOINT:
            out.append(SetTimer(CHECKPOINT, now_us + self.settings.checkpoint_period_us))
            self._checkpoint(now_us, out)
            for stream in self.streams.values():
                if self.carriage.orphaned(stream, now_us):
                    self.downlink.resume(stream)
        elif name == SETTLE:
            self._settle(now_us, out)
        elif name == ESCALATE:
            self._escalation_set_us = None
            self.alarms.escalate(now_us, out)
        elif name == REWRITE:
            out.extend(self.journal.rewrite())
        else:
            self._post_closings(self.downlink.timer(name, now_us))

    def _post_closings(self, silent: Iterable[StreamId]) -> None:
        """Earth may not know which keys sign streams it is silent about: post the frames that say so.

        Only those that are not part of a stream here: their device and its medium are gone, and nobody else sends
        them. On Earth they end their streams, behind a gap for what is lost.
        """
        for number in sorted({stream.device for stream in silent}):
            frames = []
            for frame in self.keys.closings:
                record = peek_record(frame)
                stream = self.streams.get(record.stream)
                if record.device == number and (stream is None or stream.size <= record.index):
                    frames.append(frame)
            if frames:
                self.downlink.post((Closings, number), encode(Frames(tuple(frames))))

    def _settle(self, now_us: int, out: list[Effect]) -> None:
        """Ask the silent peers again, a datagram may be lost; at last go on without them."""
        if self.notary.settled:
            return
        if now_us < self._settle_until_us:
            out.append(SetTimer(SETTLE, min(now_us + ASK_AGAIN_US, self._settle_until_us)))
            out.extend(self.notary.ask())
        else:
            self.notary.settle()
            self._announce(out)

    def _watch_escalation(self, out: list[Effect]) -> None:
        due_us = self.alarms.next_escalation_us
        if due_us is not None and due_us != self._escalation_set_us:
            self._escalation_set_us = due_us
            out.append(SetTimer(ESCALATE, due_us))

    def _started(self, entropy: bytes, now_us: int, out: list[Effect]) -> None:
        out.extend(self.journal.cut_torn_tail())
        out.append(SetTimer(CHECKPOINT, now_us + self.settings.checkpoint_period_us))
        self.downlink.mailer.started(entropy)
        self.words.tell_of_keys(out)
        self.alarms.open(int.from_bytes(entropy[:8], "big"))
        for stream in tuple(self.streams.values()):
            if self.alarms.writes(stream.id):  # whether this was said before the crash is not known
                for index, frame in stream.frames.items():
                    self._say_sealed(RecordId(*stream.id, index), frame, out)
        self._write_alerts(self.alarms.unwritten(now_us, out), now_us, out)
        self._settle_until_us = now_us + SETTLE_US
        if not self.notary.settled:
            self._settle(now_us, out)
        else:
            self._announce(out)

    def _announce(self, out: list[Effect]) -> None:
        """Tell devices where this edge goes on."""
        for stream in self.streams.values():
            self.tell_device(stream.id, encode(Expect(stream.id, stream.size)), out)
            if stream.ack_bytes:
                self.tell_device(stream.id, stream.ack_bytes, out)
        known = {stream.device for stream in self.streams}
        for number in sorted(self.settings.carries - known):
            self.tell_device(StreamId(number, 0), encode(Hello(StreamId(number, 0))), out)

    # ------------------------------------------------------------ habitat side

    def tell_device(self, stream: StreamId, message: bytes, out: list[Effect]) -> None:
        """Send a message to the stream's device, if it is one of this habitat."""
        device = self.settings.devices.get(stream.device)
        if device is not None and not self.alarms.writes(stream):
            out.append(Send(device.name, message))

    def _receive(self, source: str, data: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            message = decode(data)
        except MessageError as problem:
            out.append(Report(Rejected("datagram", str(problem))))
            return
        match message:
            case FrameOffer(frame, carry):
                self._offered(source, frame, carry, now_us, out)
            case Hello(stream_id):
                if self.notary.settled and self._from_device(source, stream_id.device, out):
                    self._expect(stream_id, out)
            case Ack():
                from_peer = source in self.notary.peers and message.stream in self.streams
                if from_peer or self._from_device(source, message.stream.device, out):
                    self.words.ack(message, data, now_us, out, from_mars=True)
            case Closings(frames):
                self._closings(frames, out)
            case CheckpointOffer():
                entry, effects = self.notary.witness(message)
                if entry is not None:
                    self.journal.append(journal.WITNESSED, entry, out)
                self.journal.say(effects, out)
            case LastWitnessed(author):
                self._answer_peer(source, author, out)
            case Cosign():
                before = self.notary.settled
                self.cosigned(message, data, out)
                self._peer_answered(before, out)
                self.compact(out)
            case _:
                out.append(Report(Rejected(type(message).__name__, "not for an edge")))

    def _from_device(self, source: str, number: int, out: list[Effect]) -> bool:
        device = self.settings.devices.get(number)
        if device is not None and device.name == source:
            return True
        out.append(Report(Rejected("datagram", "device unknown or not the sender")))
        return False

    def _answer_peer(self, source: str, author: str, out: list[Effect]) -> None:
        """A peer starts and asks what was signed here of its chain; or it answers that it signed nothing."""
        if author == self.settings.name:
            before = self.notary.settled
            self.notary.answered(source)
            self._peer_answered(before, out)
        elif author == source:
            if self.keys.closings:
                out.append(Send(source, encode(Closings(self.keys.closings))))
            self.journal.say([self.notary.asked(author)], out)

    def _peer_answered(self, before: bool, out: list[Effect]) -> None:
        if self.notary.settled and not before:
            self._announce(out)

    def _expect(self, stream_id: StreamId, out: list[Effect]) -> None:
        stream = self.streams.get(stream_id)
        self.tell_device(stream_id, encode(Expect(stream_id, 0 if stream is None else stream.size)), out)

    def _closings(self, frames: tuple[bytes, ...], out: list[Effect]) -> None:
        try:
            for closed in self.keys.take(frames):
                frame = next(f for f in self.keys.closings if peek_record(f).stream == closed)
                self.journal.append(journal.CLOSINGS, frame, out)
        except FrameError as problem:
            out.append(Report(Rejected("Closings", str(problem))))

    def _offered(self, source: str, frame: bytes, carry: bool, now_us: int, out: list[Effect]) -> None:
        try:
            record = peek_record(frame)
        except FrameError as problem:
            out.append(Report(Rejected("frame", str(problem))))
            return
        if not self._from_device(source, record.device, out) or not self.notary.settled:
            return
        stream = self.streams.get(record.stream)
        if stream is not None and record.index < stream.size:
            self._frame_again(stream, record, frame, out)
        elif self.journal.pending_bytes <= UNWRITTEN_BYTES_MAX:  # else the medium fails, and the device keeps the rest
            self._take_frame(record, frame, now_us, out)
        stream = self.streams.get(record.stream)
        newest = stream is not None and record.index == stream.size - 1 and stream.frames.get(record.index) == frame
        if stream is not None and newest and self.carriage.asked(stream.id, carry, now_us):
            self.downlink.resume(stream)

    def _take_frame(self, record: RecordId, frame: bytes, now_us: int, out: list[Effect]) -> None:
        """A frame beyond what is held: append it if it is the next and its device signed it."""
        problem = self.keys.problem_with(frame, record)
        if problem is not None:
            out.append(Report(Rejected("frame", problem)))
            return
        stream = self.streams.get(record.stream)
        if record.index > (0 if stream is None else stream.size):
            self._expect(record.stream, out)
            return
        try:
            samples = decode_samples(self.keys.body(frame, record)) if peek_kind(frame) == SAMPLES else None
            closes = self._learn(frame, record)
        except FrameError as problem_of_body:
            out.append(Report(Rejected("frame", str(problem_of_body))))
            return
        self._append(record, frame, out)
        if closes:  # a device that crashes now tells nobody any more which key it has taken
            self.journal.say([Send(peer, encode(Closings((frame,)))) for peer in self.notary.peers], out)
        if samples is not None:
            self._write_alerts(self.alarms.frame(record, samples, now_us, out), now_us, out)

    def _write_alerts(self, alerts: Iterable[Alert], now_us: int, out: list[Effect]) -> None:
        for alert in alerts:
            own = self._stream(self.alarms.own)
            self._append(RecordId(*own.id, own.size), self.alarms.seal(alert, own, now_us), out)

    def _append(self, record: RecordId, frame: bytes, out: list[Effect]) -> None:
        self._stream(record.stream).append(frame)
        self.journal.append(journal.FRAME, frame, out, (record,))
        self.journal.next.records.append(record)

    def _stream(self, stream_id: StreamId) -> Stream:
        stream = self.streams.get(stream_id)
        if stream is None:
            stream = self.streams[stream_id] = Stream(stream_id)
            stream.signed = self.notary.signed_before.get(stream_id, 0)
        return stream

    def _learn(self, frame: bytes, record: RecordId) -> bool:
        """Take note of a frame's key; True if it closes an epoch of which that was not known."""
        closed = self.keys.is_closed(record.stream)
        following = self.keys.learn(frame, record)
        if following is not None:
            self.alarms.follow(record.stream, following)
        return following is not None and not closed

    def _frame_again(self, stream: Stream, record: RecordId, frame: bytes, out: list[Effect]) -> None:
        """A resend: the accept was lost, or is still to come; other bytes under the same index are refused."""
        held = stream.frames.get(record.index)
        if held is not None and held != frame:
            out.append(Report(Rejected("frame", "other bytes under an index already taken")))
        elif record.index < stream.durable:
            self._tell_accepted(stream, record.index, out)

    # ------------------------------------------------------------ what a sync made true

    def _synced(self, sync_id: int, now_us: int, out: list[Effect]) -> None:
        commit = self.journal.synced(sync_id)
        if commit is None:
            out.append(Report(Rejected("Synced", "an answer nobody waits for")))
            return
        self._accept(commit.records, now_us, out)
        acks = [ack for ack in commit.acks if self.streams[ack.stream].drop_frames(ack.trim)]
        out.extend(Report(Trimmed(ack.stream, ack.trim)) for ack in acks)
        if commit.checkpoint is not None:
            self.notary.published(commit.checkpoint.heads, self.streams)
            self.journal.remember(commit.checkpoint.snapshot)
            if commit.checkpoint.for_earth is not None:
                self.downlink.post(CHECKPOINT, commit.checkpoint.for_earth)
        out.extend(commit.sends)
        if commit.acks or commit.checkpoint is not None:
            self.compact(out)

    def _accept(self, records: list[RecordId], now_us: int, out: list[Effect]) -> None:
        before: dict[StreamId, int] = {}
        queued = []
        for record in records:
            stream = self.streams[record.stream]
            if self.alarms.writes(record.stream):
                stream.durable = record.index + 1
                self._say_sealed(record, stream.frames[record.index], out)
                self.downlink.alert(record)
                continue
            before.setdefault(stream.id, stream.durable)
            stream.durable = max(stream.durable, record.index + 1)
            if self.carriage.carries(record.stream):
                queued.append(record)
        for stream_id, first in before.items():
            self._tell_accepted(self.streams[stream_id], first, out)
        self.downlink.offer(queued, now_us, out)

    def _say_sealed(self, record: RecordId, frame: bytes, out: list[Effect]) -> None:
        """An alert of the own stream is on the medium: now its identity is taken for good."""
        generated_us, alert = self.alarms.read_own(frame)
        out.append(Report(FrameSealed(record, leaf_hash(frame), generated_us, 0, len(frame))))
        out.append(Report(AlertSealed(alert.alert, record)))

    def _tell_accepted(self, stream: Stream, first: int, out: list[Effect]) -> None:
        first = max(first, stream.vouched_size)
        if first < stream.durable:
            out.append(Report(Accepted(stream.id, first, stream.durable)))
        self.tell_device(stream.id, encode(Accept(stream.id, stream.durable)), out)

    def _checkpoint(self, now_us: int, out: list[Effect]) -> None:
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
            self._stream(stream_id)  # lost with a medium: what was signed of it must outlive the next crash, too
        heads = {s.id: s.signed for s in self.streams.values()}
        heads |= {} if made is None else made.heads
        snapshot = self.notary.snapshot(
            self.streams.values(), heads, self.alarms.state, self.alarms.board, self.keys.closings
        )
        at = SnapshotAt(self.journal.end, {state.stream: state.size for state in snapshot.streams})
        self.journal.append(journal.SNAPSHOT, journal.encode_snapshot(snapshot), out)
        self.journal.snapshot_taken()
        published = heads if made is None else made.heads
        self.journal.next.checkpoint = PendingCheckpoint(published, at, None if made is None else made.for_earth)
        if made is not None:
            self.journal.say(made.effects, out)

    def compact(self, out: list[Effect]) -> None:
        """Drop leaves and journal that nobody can ask for: trimmed here, and signed past by every witness."""
        floors = {}
        for stream in self.streams.values():
            floor = floors[stream.id] = min(stream.trimmed, self.notary.signed_by_all(stream))
            stream.log.trim(floor)
        out.extend(self.journal.drop(floors))

    # ------------------------------------------------------------ ledger

    def cosigned(self, cosign: Cosign, data: bytes, out: list[Effect]) -> None:
        """A witness has signed a checkpoint of this edge; Earth archives what witnesses on Mars signed."""
        out.extend(self.notary.cosigned(cosign, data, self.streams))
        if cosign.witness in self.notary.peers and self.notary.cosigns:
            self.downlink.post(Cosigned, encode(Cosigned(self.notary.cosigns)))

    def adopt(self, ack: Ack, data: bytes, out: list[Effect]) -> bool:
        """Take a stream up at an ack's frontier, because this edge holds less of it than Earth has verified."""
        s = self.settings
        if problem_with_signatures(ack, s.gateway, s.auditor) is not None:
            return False
        try:
            if root_of_frontier(ack.frontier, ack.verified) != ack.root:
                return False
        except ValueError:
            return False  # a frontier that does not fit its size: refused like a wrong root
        self._take_up(ack, data)
        self.journal.append(journal.ADOPTED, data, out)
        self.downlink.adopted(ack)
        out.append(Report(Adopted(ack.stream, ack.verified)))
        self._expect(ack.stream, out)
        return True

    def _take_up(self, ack: Ack, data: bytes) -> None:
        stream = Stream.adopt(ack, data)
        stream.signed = self.notary.signed_before.get(ack.stream, 0)
        self.streams[ack.stream] = stream
        following = self.keys.following(ack.stream, ack.verified)
        if following is not None:
            self.alarms.follow(ack.stream, following)
