"""Earth's gateway: verifies what arrives, writes rows by key, moves heads, and acks what the auditor has
signed.

Order per stream: rows stored -> head item (rows below it are visible) -> auditor reads them back and signs ->
ack. Rows go in batches of at most 25, unconditionally: a row's content never changes, so writing it twice is
harmless. The head item is conditional on the leader's term. What is unprocessed or throttled is asked for
again under the same keys, later each time. Backup: `BackupKeeper`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

from twin.pipeline.facts import AckMade, Rejected
from twin.pipeline.machine import (
    BundleArrived,
    Effect,
    Event,
    HeadWritten,
    PlanChanged,
    Received,
    Report,
    RowsRead,
    RowsWritten,
    Send,
    SetTimer,
    Started,
    StoreRefused,
    TimerFired,
    TransmitFailed,
    Transmitted,
    WriteHead,
    WriteRows,
)
from twin.pipeline.nodes.ack_desk import AckDesk, EdgeOnMars
from twin.pipeline.nodes.backoff import RETRY, Backoff
from twin.pipeline.nodes.backup import TABLE, BackupKeeper
from twin.pipeline.nodes.stream_on_earth import REMINDERS_MAX, StreamOnEarth
from twin.pipeline.transport.antenna import Antenna
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address, Mailer
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.frame import FrameError, peek_record, verify_frame
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.key_book import KnownDevice
from twin.pipeline.wire.messages import (
    Ack,
    Attestation,
    BackupProved,
    CheckpointOffer,
    Cosign,
    Frames,
    HeadMoved,
    MessageError,
    MismatchNotice,
    RowsWrong,
    decode,
    encode,
    signed_part,
)
from twin.pipeline.wire.signing import Signer

BACKUP = "backup"
BATCH_ROWS_MAX = 25


class GatewaySettings(NamedTuple):
    """What the gateway is configured with; times in microseconds. `term` is higher than any used before."""

    name: str
    auditor: str
    term: int
    plan: ContactPlan
    address: Address
    edges: tuple[EdgeOnMars, ...]
    devices: Mapping[int, KnownDevice]
    signer: Signer
    batch_rows: int
    writes_under_way_max: int
    ack_delay_us: int
    backoff_us: int
    backup_period_us: int
    bundle_bytes_max: int


class StoredStream(NamedTuple):
    """A stream as the store holds it: rows below `visible` are visible, below `backed` proved in the backup."""

    stream: StreamId
    visible: int
    backed: int
    edge: str


class Gateway:
    """The machine of the ingest leader on Earth."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.streams: dict[StreamId, StreamOnEarth] = {}
        self.fenced = False
        self._ids = count()
        self._mailer = Mailer(settings.address)
        self._backup = BackupKeeper(settings.auditor, settings.batch_rows, self._ids)
        self._edges = {edge.endpoint: edge.name for edge in settings.edges}
        self._desks = {edge.name: self._desk(edge) for edge in settings.edges}
        self._rows: deque[tuple[RecordId, bytes]] = deque()
        self._writes: dict[int, tuple[tuple[RecordId, bytes], ...]] = {}
        self._heads: dict[int, StreamId] = {}
        self._backoff = Backoff(settings.backoff_us)
        self._ack_counter = 0

    def _desk(self, edge: EdgeOnMars) -> AckDesk:
        s = self.settings
        antenna = Antenna(s.plan, s.name, edge.name)
        return AckDesk(edge, antenna, self._mailer, s.ack_delay_us, s.bundle_bytes_max, self._compose_ack)

    @classmethod
    def recover(cls, settings: GatewaySettings, durable: tuple[StoredStream, ...] = ()) -> Gateway:
        """Rebuild the machine from the store's head items; what stands beyond a head comes again as a gap."""
        gateway = cls(settings)
        for state in durable:
            gateway.streams[state.stream] = StreamOnEarth(state.stream, state.edge, state.visible, state.backed)
        return gateway

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        if not self.fenced:
            self._take(event, now_us, out)
        if not self.fenced:  # it may have learned just now that another leads
            self._write_rows(out)
            out.extend(self._backup.step())
            for desk in self._desks.values():
                desk.pump(now_us, out)
        return out

    def _take(self, event: Event, now_us: int, out: list[Effect]) -> None:
        match event:
            case BundleArrived(_, data):
                self._bundle(data, now_us, out)
            case RowsWritten(request, unprocessed):
                self._rows_written(request, unprocessed, now_us, out)
            case HeadWritten(request, ok):
                self._head_written(request, ok, out)
            case Received(source, data):
                self._receive(source, data, now_us, out)
            case RowsRead(request, frames):
                self._backup.rows_read(request, frames)
            case StoreRefused(request, _):
                self._refused(request, now_us, out)
            case Transmitted(transmission, neighbour):
                self._desks[neighbour].transmitted(transmission)
            case TransmitFailed(transmission, neighbour, _):
                self._desks[neighbour].failed(transmission, now_us)
            case TimerFired(name):
                self._timer(name, now_us, out)
            case PlanChanged(plan):
                for desk in self._desks.values():
                    desk.antenna.replan(plan)
            case Started():
                out.append(SetTimer(BACKUP, now_us + self.settings.backup_period_us))
                self._ask_auditor(out)
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of a gateway")))

    # ------------------------------------------------------------ from Mars

    def _bundle(self, data: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            bundle = self._mailer.open(data, now_us)
            message = decode(bundle.payload)
        except (BundleError, MessageError) as problem:
            out.append(Report(Rejected("bundle", str(problem))))
            return
        edge = self._edges.get(bundle.source)
        if edge is None:
            out.append(Report(Rejected("bundle", "source is no edge of this habitat")))
        elif isinstance(message, Frames):
            for frame in message.frames:
                self._frame(edge, frame, now_us, out)
        elif isinstance(message, CheckpointOffer | MismatchNotice):
            out.append(Send(self.settings.auditor, bundle.payload))
        else:
            out.append(Report(Rejected("bundle", f"{type(message).__name__} is not for the gateway")))

    def _frame(self, edge: str, frame: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            record = peek_record(frame)
        except FrameError as problem:
            out.append(Report(Rejected("frame", str(problem))))
            return
        stream = self.streams.get(record.stream)
        device = self.settings.devices.get(record.device)
        repeat = stream is not None and stream.holds(record.index)
        if stream is not None and repeat and edge == stream.edge:
            self._want_ack(stream, now_us, out)  # its sender has not heard of us
        elif device is None or not verify_frame(frame, device.verifier, device.signature_bytes):
            out.append(Report(Rejected("frame", "device unknown or signature wrong")))
        else:
            if stream is None:
                stream = self.streams[record.stream] = StreamOnEarth(record.stream, edge)
            stream.edge = edge
            if repeat:
                self._want_ack(stream, now_us, out)
            else:
                stream.queued.add(record.index)
                self._rows.append((record, frame))

    # ------------------------------------------------------------ store

    def _write_rows(self, out: list[Effect]) -> None:
        s = self.settings
        while self._rows and not self._backoff.waiting and len(self._writes) < s.writes_under_way_max:
            batch = tuple(self._rows.popleft() for _ in range(min(s.batch_rows, BATCH_ROWS_MAX, len(self._rows))))
            request = next(self._ids)
            self._writes[request] = batch
            out.append(WriteRows(request, TABLE, batch))

    def _rows_written(self, request: int, unprocessed: tuple[RecordId, ...], now_us: int, out: list[Effect]) -> None:
        if self._backup.owns(request):
            if not self._backup.rows_written(unprocessed):
                out.extend(self._backoff.refused(now_us))
            return
        left = set(unprocessed)
        touched: dict[StreamId, None] = {}
        for record, frame in self._writes.pop(request, ()):
            if record in left:
                self._rows.append((record, frame))
            else:
                self.streams[record.stream].store(record.index)
                touched[record.stream] = None
        if left:
            out.extend(self._backoff.refused(now_us))
        else:
            self._backoff.served()
        for stream_id in touched:
            stream = self.streams[stream_id]
            if stream.verified < stream.stored <= stream.visible:
                self._point_auditor(stream, out)  # a row was mended below the head
            self._move_head(stream, out)
            if stream.ahead:
                self._want_ack(stream, now_us, out)  # tells of the gap

    def _refused(self, request: int, now_us: int, out: list[Effect]) -> None:
        if request in self._writes:
            self._rows.extendleft(reversed(self._writes.pop(request)))
        elif request in self._heads:
            self.streams[self._heads.pop(request)].head_under_way = None
        elif self._backup.owns(request):
            self._backup.refused()
        out.extend(self._backoff.refused(now_us))

    def _move_head(self, stream: StreamOnEarth, out: list[Effect]) -> None:
        if stream.stored > stream.visible and stream.head_under_way is None and not self._backoff.waiting:
            request = next(self._ids)
            stream.head_under_way = stream.stored
            self._heads[request] = stream.id
            out.append(WriteHead(request, stream.id, stream.stored, self.settings.term))

    def _head_written(self, request: int, ok: bool, out: list[Effect]) -> None:
        stream_id = self._heads.pop(request, None)
        if stream_id is None:
            out.append(Report(Rejected("HeadWritten", "an answer nobody waits for")))
            return
        stream = self.streams[stream_id]
        if not ok:
            self.fenced = True
            out.append(Report(Rejected("WriteHead", "a higher term leads: this gateway stands down")))
            return
        self._backoff.served()
        stream.visible = max(stream.visible, stream.head_under_way or 0)
        stream.head_under_way = None
        self._point_auditor(stream, out)
        self._move_head(stream, out)

    def _timer(self, name: str, now_us: int, out: list[Effect]) -> None:
        if name == RETRY:
            self._backoff.over()
            self._backup.resume()
            for stream in self.streams.values():
                self._move_head(stream, out)
        elif name == BACKUP:
            out.append(SetTimer(BACKUP, now_us + self.settings.backup_period_us))
            self._ask_auditor(out)
            for stream in self.streams.values():
                if stream.verified > stream.trim:
                    self._backup.start(stream.id, stream.trim, stream.verified)
                elif stream.rests and stream.reminders:
                    stream.reminders -= 1  # the last ack may be lost, and no frame comes that would ask for it again
                    self._want_ack(stream, now_us, out)
        else:
            self._desks[name.partition(":")[2]].timer(name)

    # ------------------------------------------------------------ auditor

    def _ask_auditor(self, out: list[Effect]) -> None:
        """What is not attested as far as known here may never have reached the auditor, or its answer not us."""
        for stream in self.streams.values():
            if stream.visible > stream.verified:
                self._point_auditor(stream, out)

    def _point_auditor(self, stream: StreamOnEarth, out: list[Effect]) -> None:
        out.append(Send(self.settings.auditor, encode(HeadMoved(stream.id, stream.visible))))

    def _receive(self, source: str, data: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            message = decode(data)
        except MessageError as problem:
            out.append(Report(Rejected("datagram", str(problem))))
            return
        what = type(message).__name__
        if source != self.settings.auditor:
            out.append(Report(Rejected(what, "not from the auditor")))
        elif isinstance(message, Cosign):
            desk = self._desks.get(message.author)
            if desk is not None:
                desk.cosigned(data, now_us, out)
        elif not isinstance(message, Attestation | RowsWrong | BackupProved):
            out.append(Report(Rejected(what, "not for the gateway")))
        elif message.stream not in self.streams:
            out.append(Report(Rejected(what, "of a stream that nobody sent")))
        else:
            self._word_of_auditor(message, now_us, out)

    def _word_of_auditor(self, message: Attestation | RowsWrong | BackupProved, now_us: int, out: list[Effect]) -> None:
        stream = self.streams[message.stream]
        if isinstance(message, Attestation):
            if not stream.verified < message.size <= stream.visible:
                return  # said before, or from before a restart
            stream.attestation = message
        elif isinstance(message, RowsWrong):
            wrong = tuple(index for index in message.indices if index >= stream.verified)
            if len(wrong) < len(message.indices):
                out.append(Report(Rejected("RowsWrong", "rows already attested: Mars may have trimmed them")))
            if not wrong:
                return
            stream.lose(wrong)
        else:
            if not message.ok or not stream.trim < message.size <= stream.verified:
                return  # the job of the next period copies these rows again
            stream.trim = message.size
        stream.reminders = REMINDERS_MAX
        self._want_ack(stream, now_us, out)

    # ------------------------------------------------------------ to Mars

    def _want_ack(self, stream: StreamOnEarth, now_us: int, out: list[Effect]) -> None:
        self._desks[stream.edge].want(stream.id, now_us, out)

    def _compose_ack(self, stream_id: StreamId, now_us: int, out: list[Effect]) -> bytes | None:
        stream = self.streams[stream_id]
        proved = stream.attestation
        if proved is None:
            return None
        gaps, complete_to = stream.gaps()
        term, counter = self.settings.term, self._ack_counter
        self._ack_counter += 1
        unsigned = Ack(
            stream_id, proved.size, proved.root, proved.frontier, stream.trim, gaps, complete_to, now_us, term, counter,
            proved.signature,
        )  # fmt: skip
        out.append(Report(AckMade(stream_id, proved.size, stream.trim, proved.root, term, counter)))
        return encode(unsigned._replace(signature=self.settings.signer.sign(signed_part(unsigned))))
