"""An edge micro data center: verifies frames, keeps their streams, and synchronizes them with Earth.

A frame's way: verified -> appended to its stream and to the journal -> synced (group commit) -> accepted to the device and queued
for Earth -> flown, again if needed -> acked -> trimmed when the ack itself is durable. Nothing is accepted, sent, cosigned
or trimmed before the journal entry that it rests on is synced. The ledger half (checkpoints, witnesses) is in `notary`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from twin.pipeline.facts import Accepted, AckLearned, BundleSent, Rejected, RootMismatch, Trimmed
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.stream import WRONG_ROOT, Stream
from twin.pipeline.machine import (
    Append,
    BundleArrived,
    DropJournal,
    Effect,
    Event,
    LinkChanged,
    PlanChanged,
    Received,
    Report,
    Send,
    SetTimer,
    Started,
    Sync,
    Synced,
    TimerFired,
    TransmitFailed,
    Transmitted,
    TruncateJournal,
)
from twin.pipeline.nodes.notary import Notary, NotarySettings
from twin.pipeline.transport.antenna import Antenna
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address, EndpointId, Mailer
from twin.pipeline.transport.sync import Load, Synchronizer, SyncSettings
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.frame import FrameError, peek_record, verify_frame
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import (
    Accept,
    Ack,
    Acks,
    CheckpointOffer,
    Cosign,
    Expect,
    FrameOffer,
    Frames,
    Hello,
    MessageError,
    MismatchNotice,
    decode,
    encode,
)
from twin.pipeline.wire.signing import Verifier

FLUSH, EXPIRY, CONTACT, CHECKPOINT = "flush", "expiry", "contact", "checkpoint"
FRAME_OVERHEAD_BYTES = 3  # CBOR byte string header of a frame inside a bundle
BUNDLE_OVERHEAD_BYTES = 160  # primary block, payload header, CRCs


class KnownDevice(NamedTuple):
    """A device registered with the habitat: its name on the local network and the key of its frames."""

    name: str
    verifier: Verifier
    signature_bytes: int


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


class _Snapshot(NamedTuple):
    offset: int
    sizes: dict[StreamId, int]


class _Commit:
    """What to do once the sync that covers it has answered."""

    __slots__ = ("acks", "checkpoint_post", "records", "sends", "snapshot")

    def __init__(self) -> None:
        self.records: list[RecordId] = []
        self.acks: list[Ack] = []
        self.sends: list[Effect] = []
        self.snapshot: _Snapshot | None = None
        self.checkpoint_post: bytes | None = None

    def __bool__(self) -> bool:
        return bool(self.records or self.acks or self.sends)


class Edge:
    """The machine of one edge node. `recover` is its only constructor; an empty journal is a new node."""

    def __init__(self, settings: EdgeSettings) -> None:
        self.settings = settings
        self.streams: dict[StreamId, Stream] = {}
        self.antenna = Antenna(settings.plan, settings.name, settings.earth)
        self.sync = Synchronizer(settings.plan, settings.name, settings.earth, settings.sync)
        self.notary = Notary(settings.notary)
        self._end = 0
        self._torn = False
        self._snapshots: list[_Snapshot] = []
        self._next = _Commit()
        self._syncing: _Commit | None = None
        self._sync_id = 0
        self._outgoing: Load | None = None
        self._mailer = Mailer(settings.address)
        self._checkpoint_post: bytes | None = None
        self._notices: dict[StreamId, bytes] = {}
        self._flush_due = True
        self._expiry_set_us: int | None = None

    @classmethod
    def recover(cls, settings: EdgeSettings, durable: bytes, start: int = 0) -> Edge:
        """Rebuild the machine from its journal's bytes, which begin at offset `start`."""
        edge = cls(settings)
        entries, edge._end = journal.scan(durable, start)
        edge._torn = edge._end != start + len(durable)
        for entry in entries:
            edge._replay(entry, first=entry.offset == start)
        for stream in edge.streams.values():
            stream.durable = stream.size
            stream.drop_frames(stream.trim)
            edge.sync.verified[stream.id] = stream.verified
            for index in range(stream.verified, stream.size):
                edge.sync.offer(RecordId(*stream.id, index), len(stream.frames[index]) + FRAME_OVERHEAD_BYTES)
        return edge

    def _replay(self, entry: journal.Entry, first: bool) -> None:
        if entry.kind == journal.FRAME:
            stream_id = peek_record(entry.payload).stream
            self.streams.setdefault(stream_id, Stream(stream_id)).append(entry.payload)
        elif entry.kind == journal.ACK:
            ack = decode(entry.payload)
            if isinstance(ack, Ack):
                self.streams[ack.stream].take(ack, entry.payload)
        elif entry.kind == journal.SNAPSHOT:
            snapshot = journal.decode_snapshot(entry.payload)
            if first:
                for state in snapshot.streams:
                    stream = Stream(state.stream, state.size, state.frontier)
                    stream.signed = state.signed
                    ack = decode(state.ack) if state.ack else None
                    if isinstance(ack, Ack):
                        stream.take(ack, state.ack)
                    self.streams[state.stream] = stream
            self.notary.restore(snapshot)
            self._snapshots.append(_Snapshot(entry.offset, {s.stream: s.size for s in snapshot.streams}))
        elif entry.kind == journal.CHECKPOINT:
            self.notary.replay_checkpoint(entry.payload, self.streams)
        elif entry.kind == journal.WITNESSED:
            self.notary.replay_witnessed(entry.payload)

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        match event:
            case Received(source, data):
                self._receive(source, data, now_us, out)
            case Synced(sync_id):
                self._synced(sync_id, now_us, out)
            case Transmitted(transmission, _):
                self._transmitted(transmission, now_us)
            case TransmitFailed(transmission, _, _):
                self._transmit_failed(transmission, now_us)
            case BundleArrived(_, data):
                self._bundle(data, now_us, out)
            case TimerFired(name):
                self._timer(name, now_us, out)
            case LinkChanged(_, usable):
                self.antenna.usable = usable
                (self.sync.resume if usable else self.sync.suspend)(now_us)
            case PlanChanged(plan):
                self.antenna.plan = plan
                self.sync.replan(plan)
            case Started():
                self._started(now_us, out)
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of an edge")))
        self._commit(out)
        self._pump(now_us, out)
        return out

    # ------------------------------------------------------------ habitat side

    def _started(self, now_us: int, out: list[Effect]) -> None:
        if self._torn:
            out.append(TruncateJournal(self._end))
        out.append(SetTimer(CHECKPOINT, now_us + self.settings.checkpoint_period_us))
        for stream in self.streams.values():
            device = self.settings.devices[stream.id.device]
            out.append(Send(device.name, encode(Expect(stream.id, stream.size))))
            if stream.ack_bytes:
                out.append(Send(device.name, stream.ack_bytes))

    def _receive(self, source: str, data: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            message = decode(data)
        except MessageError as problem:
            out.append(Report(Rejected("datagram", str(problem))))
            return
        match message:
            case FrameOffer(frame):
                self._frame(source, frame, out)
            case Hello(stream_id):
                stream = self.streams.get(stream_id)
                out.append(Send(source, encode(Expect(stream_id, 0 if stream is None else stream.size))))
            case CheckpointOffer():
                entry, effects = self.notary.witness(message)
                if entry is None:
                    out.extend(effects)
                else:
                    self._write(journal.WITNESSED, entry, out)
                    self._next.sends.extend(effects)
            case Cosign():
                out.extend(self.notary.cosigned(message))
                self._compact(out)
            case _:
                out.append(Report(Rejected(type(message).__name__, "not for an edge")))

    def _frame(self, source: str, frame: bytes, out: list[Effect]) -> None:
        try:
            record = peek_record(frame)
        except FrameError as problem:
            out.append(Report(Rejected("frame", str(problem))))
            return
        device = self.settings.devices.get(record.device)
        if device is None or device.name != source:
            out.append(Report(Rejected("frame", "device unknown or not the sender")))
            return
        stream = self.streams.get(record.stream)
        size = 0 if stream is None else stream.size
        if record.index < size:
            self._frame_again(stream, record, frame, device, out)
        elif record.index > size:
            out.append(Send(device.name, encode(Expect(record.stream, size))))
        elif not verify_frame(frame, device.verifier, device.signature_bytes):
            out.append(Report(Rejected("frame", "signature")))
        else:
            if stream is None:
                stream = self.streams[record.stream] = Stream(record.stream)
            stream.append(frame)
            self._write(journal.FRAME, frame, out, (record,))
            self._next.records.append(record)

    def _frame_again(
        self, stream: Stream | None, record: RecordId, frame: bytes, device: KnownDevice, out: list[Effect]
    ) -> None:
        """A resend: the accept was lost, or is still to come; other bytes under the same index are refused."""
        if stream is None:
            return
        held = stream.frames.get(record.index)
        if held is not None and held != frame:
            out.append(Report(Rejected("frame", "other bytes under an index already taken")))
        elif record.index < stream.durable:
            out.append(Send(device.name, encode(Accept(record.stream, stream.durable))))

    # ------------------------------------------------------------ journal

    def _write(self, kind: int, payload: bytes, out: list[Effect], records: tuple[RecordId, ...] = ()) -> None:
        entry = journal.encode_entry(kind, payload)
        self._end += len(entry)
        out.append(Append(entry, records))

    def _commit(self, out: list[Effect]) -> None:
        """Group commit: one sync under way, everything appended meanwhile waits for the next."""
        if self._syncing is None and self._next:
            self._syncing, self._next = self._next, _Commit()
            out.append(Sync(self._sync_id))

    def _synced(self, sync_id: int, now_us: int, out: list[Effect]) -> None:
        commit = self._syncing
        if commit is None or sync_id != self._sync_id:
            out.append(Report(Rejected("Synced", "an answer nobody waits for")))
            return
        self._sync_id += 1
        self._syncing = None
        batch_opens = bool(commit.records) and not self.sync.waiting
        before: dict[StreamId, int] = {}
        for record in commit.records:
            stream = self.streams[record.stream]
            before.setdefault(record.stream, stream.durable)
            stream.durable = record.index + 1
            self.sync.offer(record, len(stream.frames[record.index]) + FRAME_OVERHEAD_BYTES)
        for stream_id, first in before.items():
            end = self.streams[stream_id].durable
            out.append(Report(Accepted(stream_id, first, end)))
            out.append(Send(self.settings.devices[stream_id.device].name, encode(Accept(stream_id, end))))
        for ack in commit.acks:
            stream = self.streams[ack.stream]
            if stream.drop_frames(ack.trim):
                out.append(Report(Trimmed(stream.id, ack.trim)))
        if commit.snapshot is not None:
            self._snapshots.append(commit.snapshot)
            self._checkpoint_post = commit.checkpoint_post
        out.extend(commit.sends)
        if commit.acks or commit.snapshot is not None:
            self._compact(out)
        if batch_opens:
            self._flush_due = False
            out.append(SetTimer(FLUSH, now_us + self.settings.bundle_wait_us))

    def _compact(self, out: list[Effect]) -> None:
        """Drop leaves and journal that nobody can ask for: trimmed here, and signed past by every witness."""
        floor = {}
        for stream in self.streams.values():
            floor[stream.id] = min(stream.trimmed, self.notary.signed_by_all(stream))
            if floor[stream.id] > stream.log.base:
                stream.log.trim(floor[stream.id])
        usable = 0
        for position, snapshot in enumerate(self._snapshots):
            if any(size > floor[stream_id] for stream_id, size in snapshot.sizes.items()):
                break
            usable = position
        if usable:
            del self._snapshots[:usable]
            out.append(DropJournal(self._snapshots[0].offset))

    # ------------------------------------------------------------ Earth side

    def _timer(self, name: str, now_us: int, out: list[Effect]) -> None:
        if name == FLUSH:
            self._flush_due = True
        elif name == EXPIRY:
            self._expiry_set_us = None
            self.sync.expire(now_us)
        elif name == CHECKPOINT:
            out.append(SetTimer(CHECKPOINT, now_us + self.settings.checkpoint_period_us))
            self._checkpoint(now_us, out)

    def _checkpoint(self, now_us: int, out: list[Effect]) -> None:
        made = self.notary.checkpoint(self.streams, now_us)
        if made is None:
            return
        self._write(journal.CHECKPOINT, made.entry, out)
        snapshot = self.notary.snapshot(self.streams.values())
        self._next.snapshot = _Snapshot(self._end, {state.stream: state.size for state in snapshot.streams})
        self._next.checkpoint_post = made.for_earth
        self._next.sends.extend(made.effects)
        self._write(journal.SNAPSHOT, journal.encode_snapshot(snapshot), out)

    def _pump(self, now_us: int, out: list[Effect]) -> None:
        """Fill the antenna if it is free, a contact is open and something may go; else ask to be woken."""
        antenna = self.antenna
        if antenna.under_way is None and antenna.usable:
            room = antenna.room_bytes(now_us) - BUNDLE_OVERHEAD_BYTES
            need = self._fill(room, now_us, out)
            start_us = antenna.next_start_us(now_us, need + BUNDLE_OVERHEAD_BYTES) if need > max(room, 0) else None
            if start_us is not None:
                out.append(SetTimer(CONTACT, start_us))
        expiry_us = self.sync.next_expiry_us()
        if expiry_us is not None and (self._expiry_set_us is None or expiry_us < self._expiry_set_us):
            self._expiry_set_us = max(expiry_us, now_us)
            out.append(SetTimer(EXPIRY, self._expiry_set_us))

    def _fill(self, room: int, now_us: int, out: list[Effect]) -> int:
        """Radiate what goes first, if it fits into `room` bytes; the size in bytes of what does not fit, else 0."""
        if self._notices:
            notice = next(iter(self._notices.values()))
            if len(notice) > room:
                return len(notice)
            del self._notices[next(iter(self._notices))]
            self._radiate(notice, now_us, out)
        elif self._checkpoint_post is not None:
            post = self._checkpoint_post
            if len(post) > room:
                return len(post)
            self._checkpoint_post = None
            self._radiate(post, now_us, out)
        elif self._flush_due and self.sync.waiting:
            load = self.sync.next_load(room, now_us)
            if load is None:
                return self.sync.next_bytes
            self._fly(load, now_us, out)
        return 0

    def _fly(self, load: Load, now_us: int, out: list[Effect]) -> None:
        frames = []
        records = []
        for record in load.records:
            stream = self.streams[record.stream]
            frames.append(stream.frames[record.index])
            records.append((record, stream.log.leaf(record.index)))
        data = self._mailer.bundle(self.settings.earth_endpoint, encode(Frames(tuple(frames))), now_us)
        out.append(Report(BundleSent(self._mailer.last_id, self.settings.earth, tuple(records), load.round)))
        out.append(self.antenna.radiate(data))
        self._outgoing = load

    def _radiate(self, payload: bytes, now_us: int, out: list[Effect]) -> None:
        out.append(self.antenna.radiate(self._mailer.bundle(self.settings.earth_endpoint, payload, now_us)))

    def _transmitted(self, transmission: int, now_us: int) -> None:
        if self.antenna.ended(transmission) and self._outgoing is not None:
            self.sync.sent(self._outgoing, now_us)
            self._outgoing = None

    def _transmit_failed(self, transmission: int, now_us: int) -> None:
        if self.antenna.failed(transmission, now_us) and self._outgoing is not None:
            self.sync.unsent(self._outgoing)
            self._outgoing = None

    def _bundle(self, data: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            message = decode(self._mailer.open(data, now_us).payload)
        except (BundleError, MessageError) as problem:
            out.append(Report(Rejected("bundle", str(problem))))
            return
        if not isinstance(message, Acks):
            out.append(Report(Rejected("bundle", f"{type(message).__name__} is not for an edge")))
            return
        for raw in message.acks:
            self._ack(raw, out)
        for raw in message.cosigns:
            self._cosign(raw, out)
        self._compact(out)

    def _cosign(self, raw: bytes, out: list[Effect]) -> None:
        try:
            cosign = decode(raw)
        except MessageError as problem:
            out.append(Report(Rejected("Cosign", str(problem))))
            return
        if isinstance(cosign, Cosign):
            out.extend(self.notary.cosigned(cosign))
        else:
            out.append(Report(Rejected(type(cosign).__name__, "not a cosignature")))

    def _ack(self, raw: bytes, out: list[Effect]) -> None:
        try:
            ack = decode(raw)
        except MessageError as trouble:
            out.append(Report(Rejected("Ack", str(trouble))))
            return
        stream = self.streams.get(ack.stream) if isinstance(ack, Ack) else None
        if stream is None or not isinstance(ack, Ack):
            out.append(Report(Rejected("Ack", "a stream that this edge does not carry")))
            return
        problem = stream.problem_with(ack, self.settings.gateway, self.settings.auditor)
        if problem == WRONG_ROOT:
            out.append(Report(RootMismatch(stream.id, ack.verified)))
            own_root = stream.log.root(ack.verified)
            self._notices[stream.id] = encode(MismatchNotice(stream.id, ack.verified, own_root))
            return
        if problem is not None:
            out.append(Report(Rejected("Ack", problem)))
            return
        stream.take(ack, raw)
        self.sync.acked(ack)
        out.append(Report(AckLearned(stream.id, ack.verified, ack.trim)))
        out.append(Send(self.settings.devices[stream.id.device].name, raw))
        self._write(journal.ACK, raw, out)
        self._next.acks.append(ack)
