"""Earth's gateway: verifies what arrives, writes rows by key, moves heads, and acks what the auditor has signed.

Order per stream: rows stored -> head item (rows below it are visible) -> auditor reads them back and signs -> ack. Rows go in batches of at
most 25, unconditionally: a row's content never changes, so writing it twice is harmless. The head item is conditional on the leader's term. What is
unprocessed or throttled is asked for again under the same keys, later each time. Backup: `BackupKeeper`.
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
from twin.pipeline.nodes.backup import BackupKeeper
from twin.pipeline.nodes.edge import KnownDevice
from twin.pipeline.transport.antenna import Antenna
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address, Mailer
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.frame import FrameError, peek_record, verify_frame
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import (
    Ack,
    Attestation,
    BackupProved,
    CheckpointOffer,
    Cosign,
    Frames,
    Gap,
    HeadMoved,
    MessageError,
    MismatchNotice,
    RowsWrong,
    decode,
    encode,
    signed_part,
)
from twin.pipeline.wire.signing import Signer

RETRY, BACKUP = "retry", "backup"
TABLE = "table"
BATCH_ROWS_MAX = 25
BACKOFF_DOUBLINGS_MAX = 8
GAPS_MAX = 32


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


class _Stream:
    """Progress of one stream on Earth: stored >= visible >= verified >= trim; `ahead` are stored rows beyond a gap."""

    __slots__ = ("ahead", "attestation", "edge", "head_under_way", "id", "queued", "stored", "trim", "visible")

    def __init__(self, stream: StreamId, edge: str, visible: int = 0, trim: int = 0) -> None:
        self.id = stream
        self.edge = edge
        self.stored = visible
        self.visible = visible
        self.trim = trim
        self.ahead: set[int] = set()
        self.queued: set[int] = set()
        self.head_under_way: int | None = None
        self.attestation: Attestation | None = None

    def holds(self, index: int) -> bool:
        """Whether the row is stored or on its way to the store."""
        return index < self.stored or index in self.ahead or index in self.queued

    def store(self, index: int) -> None:
        """The row is stored."""
        self.queued.discard(index)
        self.ahead.add(index)
        while self.stored in self.ahead:
            self.ahead.discard(self.stored)
            self.stored += 1

    def lose(self, indices: tuple[int, ...]) -> None:
        """These rows turned out wrong: they are gaps again."""
        first = min(indices)
        self.ahead.update(range(first, self.stored))
        self.stored = min(first, self.stored)
        self.ahead.difference_update(indices)

    def gaps(self) -> tuple[tuple[Gap, ...], int]:
        """Missing ranges from `stored` on, at most GAPS_MAX, and the index up to which the list is complete."""
        gaps: list[Gap] = []
        at = self.stored
        for index in sorted(self.ahead):
            if index > at:
                if len(gaps) == GAPS_MAX:
                    break
                gaps.append((at, index))
            at = index + 1
        return tuple(gaps), at


class Gateway:
    """The machine of the ingest leader on Earth."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.streams: dict[StreamId, _Stream] = {}
        self.fenced = False
        self._ids = count()
        self._mailer = Mailer(settings.address)
        self._backup = BackupKeeper(settings.auditor, settings.batch_rows, self._ids)
        self._edges = {edge.endpoint: edge.name for edge in settings.edges}
        self._desks = {edge.name: self._desk(edge) for edge in settings.edges}
        self._rows: deque[tuple[RecordId, bytes]] = deque()
        self._writes: dict[int, tuple[tuple[RecordId, bytes], ...]] = {}
        self._heads: dict[int, StreamId] = {}
        self._refusals = 0
        self._backing_off = False
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
            gateway.streams[state.stream] = _Stream(state.stream, state.edge, state.visible, state.backed)
        return gateway

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        if self.fenced:
            return out
        match event:
            case BundleArrived(_, data):
                self._bundle(data, now_us, out)
            case RowsWritten(request, unprocessed):
                self._rows_written(request, unprocessed, now_us, out)
            case HeadWritten(request, ok):
                self._head_written(request, ok, out)
            case Received(_, data):
                self._receive(data, now_us, out)
            case RowsRead(request, frames):
                out.extend(self._backup.rows_read(request, frames))
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
                    desk.antenna.plan = plan
            case Started():
                out.append(SetTimer(BACKUP, now_us + self.settings.backup_period_us))
                self._ask_auditor(out)
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of a gateway")))
        self._write_rows(out)
        for desk in self._desks.values():
            desk.pump(now_us, out)
        return out

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
        if stream is not None and stream.holds(record.index):
            stream.edge = edge
            self._want_ack(stream, now_us, out)  # a repeat: its sender has not heard of us
        elif device is None or not verify_frame(frame, device.verifier, device.signature_bytes):
            out.append(Report(Rejected("frame", "device unknown or signature wrong")))
        else:
            if stream is None:
                stream = self.streams[record.stream] = _Stream(record.stream, edge)
            stream.edge = edge
            stream.queued.add(record.index)
            self._rows.append((record, frame))

    # ------------------------------------------------------------ store

    def _write_rows(self, out: list[Effect]) -> None:
        s = self.settings
        while self._rows and not self._backing_off and len(self._writes) < s.writes_under_way_max:
            batch = tuple(self._rows.popleft() for _ in range(min(s.batch_rows, BATCH_ROWS_MAX, len(self._rows))))
            request = next(self._ids)
            self._writes[request] = batch
            out.append(WriteRows(request, TABLE, batch))

    def _rows_written(self, request: int, unprocessed: tuple[RecordId, ...], now_us: int, out: list[Effect]) -> None:
        if self._backup.owns(request):
            if self._backup.rows_written(request, unprocessed):
                self._back_off(now_us, out)
            else:
                out.extend(self._backup.again())
            return
        left = set(unprocessed)
        touched: dict[StreamId, None] = {}
        for record, frame in self._writes.pop(request):
            if record in left:
                self._rows.append((record, frame))
            else:
                self.streams[record.stream].store(record.index)
                touched[record.stream] = None
        for stream_id in touched:
            stream = self.streams[stream_id]
            self._move_head(stream, out)
            if stream.ahead:
                self._want_ack(stream, now_us, out)  # tells of the gap
        if left:
            self._back_off(now_us, out)
        else:
            self._refusals = 0

    def _refused(self, request: int, now_us: int, out: list[Effect]) -> None:
        if request in self._writes:
            self._rows.extendleft(reversed(self._writes.pop(request)))
        elif request in self._heads:
            self.streams[self._heads.pop(request)].head_under_way = None
        else:
            self._backup.refused(request)
        self._back_off(now_us, out)

    def _back_off(self, now_us: int, out: list[Effect]) -> None:
        """Wait before the store is asked again, twice as long each time that it refuses."""
        if not self._backing_off:
            self._backing_off = True
            out.append(SetTimer(RETRY, now_us + (self.settings.backoff_us << self._refusals)))
            self._refusals = min(self._refusals + 1, BACKOFF_DOUBLINGS_MAX)

    def _move_head(self, stream: _Stream, out: list[Effect]) -> None:
        if stream.stored > stream.visible and stream.head_under_way is None:
            request = next(self._ids)
            stream.head_under_way = stream.stored
            self._heads[request] = stream.id
            out.append(WriteHead(request, stream.id, stream.stored, self.settings.term))

    def _head_written(self, request: int, ok: bool, out: list[Effect]) -> None:
        stream = self.streams[self._heads.pop(request)]
        if not ok or stream.head_under_way is None:
            self.fenced = True
            out.append(Report(Rejected("WriteHead", "a higher term leads: this gateway stands down")))
            return
        stream.visible = stream.head_under_way
        stream.head_under_way = None
        out.append(Send(self.settings.auditor, encode(HeadMoved(stream.id, stream.visible))))
        self._move_head(stream, out)

    def _timer(self, name: str, now_us: int, out: list[Effect]) -> None:
        if name == RETRY:
            self._backing_off = False
            for stream in self.streams.values():
                self._move_head(stream, out)
            out.extend(self._backup.again())
        elif name == BACKUP:
            out.append(SetTimer(BACKUP, now_us + self.settings.backup_period_us))
            self._ask_auditor(out)
            for stream in self.streams.values():
                if stream.attestation is not None and stream.attestation.size > stream.trim:
                    out.extend(self._backup.start(stream.id, stream.trim, stream.attestation.size))
        else:
            self._desks[name.partition(":")[2]].timer(name)

    # ------------------------------------------------------------ auditor

    def _ask_auditor(self, out: list[Effect]) -> None:
        """What the auditor has not attested yet may never have reached it."""
        for stream in self.streams.values():
            if stream.visible > (0 if stream.attestation is None else stream.attestation.size):
                out.append(Send(self.settings.auditor, encode(HeadMoved(stream.id, stream.visible))))

    def _receive(self, data: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            message = decode(data)
        except MessageError as problem:
            out.append(Report(Rejected("datagram", str(problem))))
            return
        if isinstance(message, Cosign):
            desk = self._desks.get(message.author)
            if desk is not None:
                desk.cosigned(data, now_us, out)
            return
        if not isinstance(message, Attestation | RowsWrong | BackupProved):
            out.append(Report(Rejected(type(message).__name__, "not for the gateway")))
            return
        stream = self.streams[message.stream]
        if isinstance(message, Attestation):
            if stream.attestation is None or message.size > stream.attestation.size:
                stream.attestation = message
                self._want_ack(stream, now_us, out)
        elif isinstance(message, RowsWrong):
            stream.lose(message.indices)
            self._want_ack(stream, now_us, out)
        elif message.ok and message.size > stream.trim:
            stream.trim = message.size
            self._want_ack(stream, now_us, out)

    # ------------------------------------------------------------ to Mars

    def _want_ack(self, stream: _Stream, now_us: int, out: list[Effect]) -> None:
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
