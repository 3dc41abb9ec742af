"""An edge micro data center: verifies frames, raises alarms, keeps streams, and synchronizes them with Earth.

A frame's way: verified -> appended to its stream and to the journal -> alarm rules -> synced (group commit) ->
accepted to the device and, if this edge carries the stream, queued for Earth -> flown, again if needed -> acked ->
trimmed when the ack itself is durable. The local alarm waits for nothing; everything else waits for the medium:
nothing is accepted, sent, cosigned or trimmed before the journal entry that it rests on is synced.

Its parts: `edge_ledger` (what it holds: streams, keys, `edge_journal`, `notary`, `witness`, `alarm_desk`),
`edge_recovery`, `edge_intake` (frames), `device_desk` and `peer_desk` (who else is on Mars), `downlink` and
`words_of_earth`.

What a medium lost of a stream the device sends again; where the device has trimmed, the edge takes the stream up at the
frontier of Earth's last ack (`Stream.adopt`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from twin.pipeline.facts import Adopted, Rejected, Trimmed
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
    SetTimer,
    Started,
    Synced,
    SyncFailed,
    TimerFired,
    TransmitFailed,
    Transmitted,
)
from twin.pipeline.nodes.alarm_desk import ESCALATE, AlarmSettings
from twin.pipeline.nodes.carriage import Carriage
from twin.pipeline.nodes.device_desk import DeviceDesk
from twin.pipeline.nodes.downlink import Downlink
from twin.pipeline.nodes.edge_intake import EdgeIntake
from twin.pipeline.nodes.edge_journal import REWRITE
from twin.pipeline.nodes.edge_ledger import EdgeLedger
from twin.pipeline.nodes.edge_recovery import read_back
from twin.pipeline.nodes.notary import NotarySettings
from twin.pipeline.nodes.peer_desk import SETTLE, PeerDesk
from twin.pipeline.nodes.words_of_earth import WordsOfEarth
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address, EndpointId
from twin.pipeline.transport.protector import HopKeySettings, Protector
from twin.pipeline.transport.sealed_mailer import SealedMailer
from twin.pipeline.transport.sync import Synchronizer, SyncSettings
from twin.pipeline.transport.way import Way
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.key_book import KnownDevice
from twin.pipeline.wire.messages import (
    Ack,
    CheckpointOffer,
    Closings,
    Cosign,
    FrameOffer,
    Frames,
    Hello,
    LastWitnessed,
    MessageError,
    decode,
    encode,
)

CHECKPOINT = "checkpoint"


class EdgeSettings(NamedTuple):
    """What an edge node is configured with; times in microseconds. `carries` are the devices whose home it is."""

    name: str
    earth: str
    plan: ContactPlan
    devices: Mapping[int, KnownDevice]
    carries: frozenset[int]
    notary: NotarySettings
    alarms: AlarmSettings
    address: Address
    earth_endpoint: EndpointId
    sync: SyncSettings
    bundle_wait_us: int
    checkpoint_period_us: int
    hop_keys: HopKeySettings


class Edge:
    """The machine of one edge node. `recover` is its only constructor; an empty journal is a new node."""

    def __init__(self, settings: EdgeSettings) -> None:
        s = self.settings = settings
        self.ledger = EdgeLedger(s.devices, s.notary, s.alarms)
        self.streams = self.ledger.streams
        self.journal = self.ledger.journal
        self.notary = self.ledger.notary
        self.alarms = self.ledger.alarms
        self.downlink = Downlink(
            self.streams,
            Way(s.plan, s.name, s.earth),
            Synchronizer(s.plan, s.name, s.earth, s.sync),
            SealedMailer(s.address, Protector.of(s.address.here, s.hop_keys)),
            s.earth_endpoint,
            s.bundle_wait_us,
        )
        self.carriage = Carriage(lambda stream: stream.device in s.carries or self.alarms.writes(stream))
        self.devices = DeviceDesk(self.ledger, s.carries)
        self.intake = EdgeIntake(self.ledger, self.devices)
        self.words = WordsOfEarth(self.ledger, self.devices, self.downlink, self.carriage)
        self.peers = PeerDesk(self.ledger, self.devices, self.words)

    @classmethod
    def recover(cls, settings: EdgeSettings, durable: bytes, start: int = 0) -> Edge:
        """Rebuild the machine from its journal's bytes, which begin at offset `start`."""
        edge = cls(settings)
        read_back(edge.ledger, durable, start)
        for stream in edge.streams.values():
            if edge.carriage.carries(stream.id):
                edge.downlink.resume(stream, urgent=edge.alarms.writes(stream.id))
        return edge

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
                self.downlink.hop_keys.tell(now_us, out)
            case TransmitFailed(transmission, _, _):
                self.downlink.failed(transmission, now_us)
            case BundleArrived(_, data):
                self.words.bundle(data, now_us, out)
                self.downlink.hop_keys.tell(now_us, out)
                self.ledger.compact(out)
            case TimerFired(name):
                self._timer(name, now_us, out)
            case LinkChanged(neighbour, usable):
                if not self.downlink.link(neighbour, usable, now_us):
                    out.append(Report(Rejected("LinkChanged", f"{neighbour} does not lead to Earth")))
            case PlanChanged(plan):
                self.downlink.replan(plan)
            case CrewAcknowledged(alert):
                self.alarms.acknowledge(alert, out)
            case HopKeyInstalled(peer, number, key):
                self.downlink.hop_keys.install(peer, number, key, now_us, out)
            case Started(entropy):
                self._started(entropy, now_us, out)
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of an edge")))
        self.alarms.watch_escalation(out)
        self.journal.commit(out)
        self.downlink.pump(now_us, out)
        return out

    def _started(self, entropy: bytes, now_us: int, out: list[Effect]) -> None:
        out.extend(self.journal.cut_torn_tail())
        out.append(SetTimer(CHECKPOINT, now_us + self.settings.checkpoint_period_us))
        self.downlink.mailer.started(entropy)
        self.downlink.hop_keys.tell(now_us, out)
        self.alarms.open(int.from_bytes(entropy[:8], "big"))
        for stream in tuple(self.streams.values()):
            if stream.vouched_size:  # what the medium holds of it counts from there
                out.append(Report(Adopted(stream.id, stream.vouched_size)))
            if self.alarms.writes(stream.id):  # whether this was said before the crash is not known
                for index, frame in stream.frames.items():
                    self.alarms.say_sealed(RecordId(*stream.id, index), frame, out)
        self.ledger.write_alerts(self.alarms.unwritten(now_us, out), now_us, out)
        self.peers.started(now_us, out)

    # ------------------------------------------------------------ timers

    def _timer(self, name: str, now_us: int, out: list[Effect]) -> None:
        if name == CHECKPOINT:
            out.append(SetTimer(CHECKPOINT, now_us + self.settings.checkpoint_period_us))
            self.ledger.checkpoint(now_us, out)
            for stream in self.streams.values():
                if self.carriage.orphaned(stream, now_us):
                    self.downlink.resume(stream)
        elif name == SETTLE:
            self.peers.settle(now_us, out)
        elif name == ESCALATE:
            self.alarms.escalate(now_us, out)
        elif name == REWRITE:
            out.extend(self.journal.rewrite())
        else:
            self._post_closings(self.downlink.timer(name, now_us))

    def _post_closings(self, silent: Iterable[StreamId]) -> None:
        """Earth may not know which keys sign streams it is silent about: post the frames that say so.

        Only those that no stream here sends. Their device and its medium are gone: on Earth they end their streams,
        behind a gap for what is lost. Or Earth has had them, and both its stores may have lost them since.
        """
        for number in sorted({stream.device for stream in silent}):
            frames = self.ledger.stray_closings(number)
            if frames:
                self.downlink.post((Closings, number), encode(Frames(frames)))

    # ------------------------------------------------------------ from Mars

    def _receive(self, source: str, data: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            message = decode(data)
        except MessageError as problem:
            out.append(Report(Rejected("datagram", str(problem))))
            return
        match message:
            case FrameOffer(frame, carry):
                stream = self.intake.offered(source, frame, now_us, out)
                if stream is not None and self.carriage.asked(stream.id, carry, now_us):
                    self.downlink.resume(stream)
            case Hello(stream_id):
                if self.notary.settled and self.devices.sent(source, stream_id.device, out):
                    self.alarms.named(stream_id)
                    self.devices.expect(stream_id, out)
            case Ack():
                from_peer = source in self.notary.peers and message.stream in self.streams
                if from_peer or self.devices.sent(source, message.stream.device, out):
                    self.words.ack(message, data, now_us, out, from_mars=True)
            case Closings(frames):
                self.peers.closings(frames, out)
            case CheckpointOffer():
                self.peers.witness(message, out)
            case LastWitnessed(author):
                self.peers.last_witnessed(source, author, out)
            case Cosign():
                self.peers.cosigned(message, data, out)
            case _:
                out.append(Report(Rejected(type(message).__name__, "not for an edge")))

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
            self.ledger.compact(out)

    def _accept(self, records: list[RecordId], now_us: int, out: list[Effect]) -> None:
        before: dict[StreamId, int] = {}
        queued = []
        for record in records:
            stream = self.streams[record.stream]
            if self.alarms.writes(record.stream):
                stream.durable = record.index + 1
                self.alarms.say_sealed(record, stream.frames[record.index], out)
                self.downlink.alert(record)
                continue
            before.setdefault(stream.id, stream.durable)
            stream.durable = max(stream.durable, record.index + 1)
            if self.carriage.carries(record.stream):
                queued.append(record)
        for stream_id, first in before.items():
            self.devices.accept(self.streams[stream_id], first, out)
        self.downlink.offer(queued, now_us, out)
