"""An edge micro data center: verifies frames, keeps their streams, and synchronizes them with Earth.

A frame's way: verified -> appended to its stream and to the journal -> synced (group commit) -> accepted to
the device and queued for Earth -> flown, again if needed -> acked -> trimmed when the ack itself is durable.
Nothing is accepted, sent, cosigned or trimmed before the journal entry that it rests on is synced. Its parts:
`edge_journal` (what waits for the medium), `downlink` (Earth side), `notary` (checkpoints and witnesses).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from twin.pipeline.facts import Accepted, AckLearned, Rejected, RootMismatch, Trimmed
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.stream import WRONG_ROOT, Stream
from twin.pipeline.machine import (
    BundleArrived,
    Effect,
    Event,
    LinkChanged,
    PlanChanged,
    Received,
    Report,
    Send,
    SetTimer,
    Started,
    Synced,
    TimerFired,
    TransmitFailed,
    Transmitted,
)
from twin.pipeline.nodes.downlink import Downlink
from twin.pipeline.nodes.edge_journal import EdgeJournal, PendingCheckpoint, SnapshotAt
from twin.pipeline.nodes.notary import Notary, NotarySettings
from twin.pipeline.transport.antenna import Antenna
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address, EndpointId, Mailer
from twin.pipeline.transport.sync import Synchronizer, SyncSettings
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.frame import FrameError, peek_record, verify_frame
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.key_book import KnownDevice
from twin.pipeline.wire.messages import (
    Accept,
    Ack,
    Acks,
    CheckpointOffer,
    Cosign,
    Expect,
    FrameOffer,
    Hello,
    MessageError,
    MismatchNotice,
    decode,
    encode,
)
from twin.pipeline.wire.signing import Verifier

CHECKPOINT = "checkpoint"


class EdgeSettings(NamedTuple):
    """What an edge node is configured with; times in microseconds."""

    name: str
    earth: str
    plan: ContactPlan
    devices: Mapping[int, KnownDevice]
    gateway: Verifier
    auditor: Verifier
    notary: NotarySettings
    address: Address
    earth_endpoint: EndpointId
    sync: SyncSettings
    bundle_wait_us: int
    checkpoint_period_us: int


class Edge:
    """The machine of one edge node. `recover` is its only constructor; an empty journal is a new node."""

    def __init__(self, settings: EdgeSettings) -> None:
        s = settings
        self.settings = settings
        self.streams: dict[StreamId, Stream] = {}
        self.journal = EdgeJournal()
        self.notary = Notary(s.notary)
        self.downlink = Downlink(
            self.streams,
            Antenna(s.plan, s.name, s.earth),
            Synchronizer(s.plan, s.name, s.earth, s.sync),
            Mailer(s.address),
            s.earth_endpoint,
            s.bundle_wait_us,
        )

    # ------------------------------------------------------------ recovery

    @classmethod
    def recover(cls, settings: EdgeSettings, durable: bytes, start: int = 0) -> Edge:
        """Rebuild the machine from its journal's bytes, which begin at offset `start`."""
        edge = cls(settings)
        for entry in edge.journal.read(durable, start):
            edge._replay(entry, first=entry.offset == start)
        for stream in edge.streams.values():
            stream.durable = stream.size
            stream.drop_frames(stream.trim)
            edge.downlink.resume(stream)
        return edge

    def _replay(self, entry: journal.Entry, first: bool) -> None:
        if entry.kind == journal.FRAME:
            stream_id = peek_record(entry.payload).stream
            self.streams.setdefault(stream_id, Stream(stream_id)).append(entry.payload)
        elif entry.kind == journal.ACK:
            self._replay_ack(entry.payload)
        elif entry.kind == journal.SNAPSHOT:
            snapshot = journal.decode_snapshot(entry.payload)
            if first:
                for state in snapshot.streams:
                    stream = self.streams[state.stream] = Stream(state.stream, state.size, state.frontier)
                    stream.signed = state.signed
                    if state.ack:
                        self._replay_ack(state.ack)
            self.notary.restore(snapshot)
            self.journal.remember(SnapshotAt(entry.offset, {s.stream: s.size for s in snapshot.streams}))
        elif entry.kind == journal.CHECKPOINT:
            self.notary.replay_checkpoint(entry.payload, self.streams)
        elif entry.kind == journal.WITNESSED:
            self.notary.replay_witnessed(entry.payload)

    def _replay_ack(self, data: bytes) -> None:
        ack = decode(data)
        if isinstance(ack, Ack):
            self.streams[ack.stream].take(ack, data)

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        match event:
            case Received(source, data):
                self._receive(source, data, out)
            case Synced(sync_id):
                self._synced(sync_id, now_us, out)
            case Transmitted(transmission, _):
                self.downlink.transmitted(transmission, now_us)
            case TransmitFailed(transmission, _, _):
                self.downlink.failed(transmission, now_us)
            case BundleArrived(_, data):
                self._bundle(data, now_us, out)
            case TimerFired(name) if name == CHECKPOINT:
                out.append(SetTimer(CHECKPOINT, now_us + self.settings.checkpoint_period_us))
                self._checkpoint(now_us, out)
            case TimerFired(name):
                self.downlink.timer(name, now_us)
            case LinkChanged(neighbour, usable) if neighbour == self.settings.earth:
                self.downlink.link(usable, now_us)
            case PlanChanged(plan):
                self.downlink.replan(plan)
            case Started():
                self._started(now_us, out)
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of an edge")))
        self.journal.commit(out)
        self.downlink.pump(now_us, out)
        return out

    # ------------------------------------------------------------ habitat side

    def _tell_device(self, stream: StreamId, message: bytes, out: list[Effect]) -> None:
        device = self.settings.devices.get(stream.device)
        if device is not None:  # else it has left the habitat, and its stream stays
            out.append(Send(device.name, message))

    def _started(self, now_us: int, out: list[Effect]) -> None:
        out.extend(self.journal.cut_torn_tail())
        out.append(SetTimer(CHECKPOINT, now_us + self.settings.checkpoint_period_us))
        for stream in self.streams.values():
            self._tell_device(stream.id, encode(Expect(stream.id, stream.size)), out)
            if stream.ack_bytes:
                self._tell_device(stream.id, stream.ack_bytes, out)

    def _receive(self, source: str, data: bytes, out: list[Effect]) -> None:
        try:
            message = decode(data)
        except MessageError as problem:
            out.append(Report(Rejected("datagram", str(problem))))
            return
        match message:
            case FrameOffer(frame):
                self._frame(source, frame, out)
            case Hello(stream_id):
                if self._device(source, stream_id.device, out) is not None:
                    stream = self.streams.get(stream_id)
                    out.append(Send(source, encode(Expect(stream_id, 0 if stream is None else stream.size))))
            case CheckpointOffer():
                entry, effects = self.notary.witness(message)
                if entry is not None:
                    self.journal.append(journal.WITNESSED, entry, out)
                self.journal.say(effects, out)
            case Cosign():
                out.extend(self.notary.cosigned(message, self.streams))
                self._compact(out)
            case _:
                out.append(Report(Rejected(type(message).__name__, "not for an edge")))

    def _device(self, source: str, number: int, out: list[Effect]) -> KnownDevice | None:
        device = self.settings.devices.get(number)
        if device is None or device.name != source:
            out.append(Report(Rejected("frame", "device unknown or not the sender")))
            return None
        return device

    def _frame(self, source: str, frame: bytes, out: list[Effect]) -> None:
        try:
            record = peek_record(frame)
        except FrameError as problem:
            out.append(Report(Rejected("frame", str(problem))))
            return
        device = self._device(source, record.device, out)
        if device is None:
            return
        stream = self.streams.get(record.stream)
        if stream is not None and record.index < stream.size:
            self._frame_again(stream, record, frame, out)
        elif record.index > (0 if stream is None else stream.size):
            out.append(Send(source, encode(Expect(record.stream, 0 if stream is None else stream.size))))
        elif not verify_frame(frame, device.verifier, device.signature_bytes):
            out.append(Report(Rejected("frame", "signature")))
        else:
            if stream is None:
                stream = self.streams[record.stream] = Stream(record.stream)
            stream.append(frame)
            self.journal.append(journal.FRAME, frame, out, (record,))
            self.journal.next.records.append(record)

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
        self._accept(commit.records, out)
        self.downlink.offer(commit.records, now_us, out)
        acks = [ack for ack in commit.acks if self.streams[ack.stream].drop_frames(ack.trim)]
        out.extend(Report(Trimmed(ack.stream, ack.trim)) for ack in acks)
        if commit.checkpoint is not None:
            self.notary.published(commit.checkpoint.heads, self.streams)
            self.journal.remember(commit.checkpoint.snapshot)
            if commit.checkpoint.for_earth is not None:
                self.downlink.post(CHECKPOINT, commit.checkpoint.for_earth)
        out.extend(commit.sends)
        if commit.acks or commit.checkpoint is not None:
            self._compact(out)

    def _accept(self, records: list[RecordId], out: list[Effect]) -> None:
        before: dict[StreamId, int] = {}
        for record in records:
            stream = self.streams[record.stream]
            before.setdefault(stream.id, stream.durable)
            stream.durable = record.index + 1
        for stream_id, first in before.items():
            self._tell_accepted(self.streams[stream_id], first, out)

    def _tell_accepted(self, stream: Stream, first: int, out: list[Effect]) -> None:
        out.append(Report(Accepted(stream.id, first, stream.durable)))
        self._tell_device(stream.id, encode(Accept(stream.id, stream.durable)), out)

    def _checkpoint(self, now_us: int, out: list[Effect]) -> None:
        """Checkpoint and snapshot go to the journal together, one at a time; else this one waits a period.

        An edge whose own streams rest still writes down what it witnesses, so its journal needs a snapshot now and
        then.
        """
        if self.journal.checkpoint_pending:
            return
        made = self.notary.checkpoint(self.streams, now_us)
        if made is not None:
            self.journal.append(journal.CHECKPOINT, made.entry, out)
        elif not self.journal.wants_snapshot:
            return
        heads = {s.id: s.signed for s in self.streams.values()} if made is None else made.heads
        snapshot = self.notary.snapshot(self.streams.values(), heads)
        at = SnapshotAt(self.journal.end, {state.stream: state.size for state in snapshot.streams})
        self.journal.append(journal.SNAPSHOT, journal.encode_snapshot(snapshot), out)
        self.journal.snapshot_taken()
        self.journal.next.checkpoint = PendingCheckpoint(heads, at, None if made is None else made.for_earth)
        if made is not None:
            self.journal.say(made.effects, out)

    def _compact(self, out: list[Effect]) -> None:
        """Drop leaves and journal that nobody can ask for: trimmed here, and signed past by every witness."""
        floors = {}
        for stream in self.streams.values():
            floor = floors[stream.id] = min(stream.trimmed, self.notary.signed_by_all(stream))
            stream.log.trim(floor)
        out.extend(self.journal.drop(floors))

    # ------------------------------------------------------------ from Earth

    def _bundle(self, data: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            message = decode(self.downlink.mailer.open(data, now_us).payload)
        except (BundleError, MessageError) as problem:
            out.append(Report(Rejected("bundle", str(problem))))
            return
        if not isinstance(message, Acks):
            out.append(Report(Rejected("bundle", f"{type(message).__name__} is not for an edge")))
            return
        for raw in (*message.acks, *message.cosigns):
            self._word_of_earth(raw, out)
        self._compact(out)

    def _word_of_earth(self, raw: bytes, out: list[Effect]) -> None:
        try:
            message = decode(raw)
        except MessageError as problem:
            out.append(Report(Rejected("Acks", str(problem))))
            return
        if isinstance(message, Ack):
            self._ack(message, raw, out)
        elif isinstance(message, Cosign):
            out.extend(self.notary.cosigned(message, self.streams))
        else:
            out.append(Report(Rejected(type(message).__name__, "neither ack nor cosignature")))

    def _ack(self, ack: Ack, raw: bytes, out: list[Effect]) -> None:
        stream = self.streams.get(ack.stream)
        if stream is None:
            out.append(Report(Rejected("Ack", "a stream that this edge does not carry")))
            return
        problem = stream.problem_with(ack, self.settings.gateway, self.settings.auditor)
        if problem == WRONG_ROOT:
            out.append(Report(RootMismatch(stream.id, ack.verified)))
            own_root = stream.log.root(ack.verified)
            self.downlink.post(stream.id, encode(MismatchNotice(stream.id, ack.verified, own_root)))
        elif problem is not None:
            out.append(Report(Rejected("Ack", problem)))
        else:
            stream.take(ack, raw)
            self.downlink.acked(ack)
            out.append(Report(AckLearned(stream.id, ack.verified, ack.trim)))
            self._tell_device(stream.id, raw, out)
            self.journal.append(journal.ACK, raw, out)
            self.journal.next.acks.append(ack)
