"""Earth's gateway: verifies what arrives, writes rows by key, moves heads, and acks what the auditor has
signed.

Order per stream: rows stored -> head item (rows below it are visible) -> auditor reads them back and signs ->
ack. The head item is conditional on the leader's term. What a store refuses or does not answer is asked for again
under the same keys, later each time.

Its parts: `intake` (who signed what), `row_writer` (batches), `head_mover`, `alert_desk` (what must not wait),
`second_medium` (backup and mending), `auditor_desk`, `ack_maker` and an `ack_desk` for each edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import NamedTuple

from twin.pipeline.facts import Rejected
from twin.pipeline.machine import (
    AlertMarked,
    AlertNotTold,
    AlertPut,
    AlertTold,
    BundleArrived,
    Effect,
    Event,
    HeadWritten,
    HopKeyInstalled,
    PlanChanged,
    Received,
    Report,
    RowsRead,
    RowsWritten,
    Send,
    SetTimer,
    Started,
    StoreRefused,
    StoreSilent,
    SurgeonAcknowledged,
    TimerFired,
    TransmitFailed,
    Transmitted,
)
from twin.pipeline.nodes.ack_desk import AckDesk, EdgeOnMars
from twin.pipeline.nodes.ack_maker import AckMaker
from twin.pipeline.nodes.alert_desk import SURGEON, AlertDesk
from twin.pipeline.nodes.auditor_desk import AuditorDesk
from twin.pipeline.nodes.backoff import RETRY, Backoff
from twin.pipeline.nodes.backup import BACKUP, TABLE
from twin.pipeline.nodes.head_mover import HeadMover
from twin.pipeline.nodes.hop_key_desk import HopKeyDesk
from twin.pipeline.nodes.intake import Intake, Refused
from twin.pipeline.nodes.requests import Requests
from twin.pipeline.nodes.row_writer import Row, RowWriter
from twin.pipeline.nodes.second_medium import SecondMedium
from twin.pipeline.nodes.stored import NOTHING_STORED, Stored
from twin.pipeline.nodes.stream_on_earth import GAPS_MAX, REMINDERS_MAX, StreamOnEarth
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address
from twin.pipeline.transport.protector import HopKeySettings, Protector
from twin.pipeline.transport.routing import Router
from twin.pipeline.transport.sealed_mailer import SealedMailer
from twin.pipeline.transport.way import Way
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.frame import ALERT, peek_kind
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId
from twin.pipeline.wire.key_book import KeyBook, KnownDevice
from twin.pipeline.wire.messages import (
    Attestation,
    BackupProved,
    CheckpointOffer,
    Cosign,
    Cosigned,
    Frames,
    KeyNotice,
    MessageError,
    MismatchNotice,
    ReceiptsTaken,
    RowsWrong,
    decode,
)
from twin.pipeline.wire.signing import Signer


class GatewaySettings(NamedTuple):
    """What the gateway is configured with; times in microseconds. `term` is higher than any used before.

    `devices` holds every registered signer, edges too. `surgeon_retry_us` is the first wait for a channel that is down.
    `gaps_max` ranges of missing records are named in an ack.
    """

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
    surgeon_retry_us: int
    hop_keys: HopKeySettings
    gaps_max: int = GAPS_MAX


class Gateway:
    """The machine of the ingest leader on Earth."""

    def __init__(self, settings: GatewaySettings) -> None:
        s = self.settings = settings
        self.streams: dict[StreamId, StreamOnEarth] = {}
        self.fenced = False
        self._beyond: tuple[Row, ...] = ()
        ids = count()
        self._mailer = SealedMailer(s.address, Protector.of(s.address.here, s.hop_keys))
        self._edges = {edge.endpoint: edge.name for edge in s.edges}
        self._acks = AckMaker(s.term, s.signer, self.streams, s.gaps_max)
        self._transmissions = count()
        router = Router(s.plan, s.name)
        self._desks = {edge.name: self._desk(edge, router) for edge in s.edges}
        self._hop_keys = HopKeyDesk(self._mailer.protector, self._post_notice)
        self._signers = {number: known.name for number, known in s.devices.items() if known.name in self._desks}
        self._book = KeyBook(s.devices)
        self._backoff = Backoff(s.backoff_us)
        self._requests = Requests(ids, self._backoff)
        self._rows = RowWriter(s.batch_rows, s.writes_under_way_max, ids, self._backoff)
        self._heads = HeadMover(s.term, ids, self._backoff)
        self._alerts = AlertDesk(
            self._book, self._signers, s.signer, self._requests, s.surgeon_retry_us, self._post_receipt
        )
        self._intake = Intake(self._book, self._alerts, self.streams)
        self._auditor = AuditorDesk(s.auditor, self._book)
        self._second = SecondMedium(s.batch_rows, ids, self._auditor, self.streams, self._intake)

    def _desk(self, edge: EdgeOnMars, router: Router) -> AckDesk:
        s = self.settings
        way = Way(s.plan, s.name, edge.name, self._transmissions, router)
        return AckDesk(edge, way, self._mailer, s.ack_delay_us, s.bundle_bytes_max, self._acks)

    @classmethod
    def recover(cls, settings: GatewaySettings, stored: Stored = NOTHING_STORED) -> Gateway:
        """Rebuild the machine from the stores."""
        gateway = cls(settings)
        gateway._intake.restore(stored.closings)
        for state in stored.streams:
            of_an_edge = gateway._signers.get(state.stream.device)  # its own alerts: no other edge carries them
            gateway.streams[state.stream] = StreamOnEarth.recover(state._replace(edge=of_an_edge or state.edge))
        gateway._alerts.restore(stored.alerts)
        gateway._beyond = stored.beyond
        return gateway

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        if not self.fenced:
            self._take(event, now_us, out)
        if not self.fenced:  # it may have learned just now that another leads
            self._rows.step(out)
            self._second.step(out)
            for desk in self._desks.values():
                desk.pump(now_us, out)
        return out

    def _take(self, event: Event, now_us: int, out: list[Effect]) -> None:
        match event:
            case BundleArrived(_, data):
                self._bundle(data, now_us, out)
                self._hop_keys.tell(now_us, out)
            case HopKeyInstalled(peer, number, key):
                self._hop_keys.install(peer, number, key, now_us, out)
            case Received(source, data):
                self._receive(source, data, now_us, out)
            case Transmitted(transmission, _):
                for desk in self._desks.values():
                    desk.transmitted(transmission)
                self._hop_keys.tell(now_us, out)
            case TransmitFailed(transmission, _, _):
                for desk in self._desks.values():
                    desk.failed(transmission, now_us)
            case TimerFired(name):
                self._timer(name, now_us, out)
            case PlanChanged(plan):
                router = Router(plan, self.settings.name)
                for desk in self._desks.values():
                    desk.way.replan(plan, router)
            case SurgeonAcknowledged(alert):
                self._alerts.acknowledge(alert, now_us, out)
            case Started(entropy):
                self._started(entropy, now_us, out)
            case StoreRefused(request, _) | StoreSilent(request):
                self._refused(request, now_us, out)
            case _:
                self._outcome(event, now_us, out)

    def _started(self, entropy: bytes, now_us: int, out: list[Effect]) -> None:
        self._mailer.started(entropy)
        self._hop_keys.tell(now_us, out)
        out.append(SetTimer(BACKUP, now_us + self.settings.backup_period_us))
        self._alerts.started(now_us, out)
        for stream in self.streams.values():
            if stream.visible > stream.verified:
                self._auditor.head_moved(stream, out)
            if stream.attestation is not None:
                self._want_ack(stream, now_us, out)
        self._take_over_rows(now_us, out)

    def _take_over_rows(self, now_us: int, out: list[Effect]) -> None:
        """Go on with rows beyond heads: Mars may have lost them since they were sent, and would never send them again.

        One that no known key signed waits, for its closing frame may have rotted and be mended, or it comes again.
        """
        rows, left = [], []
        for record, frame in self._beyond:
            stream = self.streams.get(record.stream)
            if stream is not None and stream.holds(record.index):
                continue  # it came again
            found = self._intake.judge("", frame)
            if isinstance(found, Refused) or found.record != record:
                out.append(Report(Rejected("row of the table", "not what its device signed, as far as keys are known")))
                left.append((record, frame))
            else:
                self._stream(record.stream, "").expect(record.index, frame)
                rows.append((record, frame))
        self._beyond = tuple(left)
        self._stand(rows, now_us, out)

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
        elif isinstance(message, CheckpointOffer | MismatchNotice | Cosigned):
            out.append(Send(self.settings.auditor, bundle.payload))
        elif isinstance(message, KeyNotice):
            self._hop_keys.heard(bundle.source, message, out)
        elif isinstance(message, ReceiptsTaken):
            self._receipts_taken(edge, message.alerts, out)
        else:
            out.append(Report(Rejected("bundle", f"{type(message).__name__} is not for the gateway")))

    def _frame(self, edge: str, frame: bytes, now_us: int, out: list[Effect]) -> None:
        found = self._intake.judge(edge, frame)
        if isinstance(found, Refused):
            out.append(Report(Rejected("frame", found.reason)))
            return
        stream = self._stream(found.record.stream, edge)
        stream.edge = edge
        if found.repeated:
            self._want_ack(stream, now_us, out)  # its sender has not heard of us
        else:
            stream.expect(found.record.index, frame)
            self._rows.add(found.record, frame)

    def _stream(self, stream_id: StreamId, edge: str) -> StreamOnEarth:
        """The stream; one that is new here was brought by `edge`."""
        if stream_id not in self.streams:
            self.streams[stream_id] = StreamOnEarth(stream_id, edge)
        return self.streams[stream_id]

    def _receipts_taken(self, edge: str, alerts: tuple[AlertKey, ...], out: list[Effect]) -> None:
        for alert in alerts:
            self._desks[edge].receipt_taken(alert)
            for number, name in self._signers.items():
                if name == edge:
                    self._alerts.receipt_taken(number, alert, out)

    def _post_notice(self, edge: str, notice: bytes, now_us: int, out: list[Effect]) -> None:
        self._desks[edge].notice(notice, now_us, out)

    def _post_receipt(self, edge: str, alert: AlertKey, receipt: bytes, now_us: int, out: list[Effect]) -> None:
        self._desks[edge].receipt(alert, receipt, now_us, out)

    # ------------------------------------------------------------ store

    def _outcome(self, event: Event, now_us: int, out: list[Effect]) -> None:
        match event:
            case RowsWritten(request, unprocessed):
                known = self._rows_written(request, unprocessed, now_us, out)
            case RowsRead(request, frames):
                known = self._second.rows_read(request, frames, out)
            case HeadWritten(request, ok):
                known = self._head_written(request, ok, out)
            case AlertPut():
                record = self._alerts.was_put(event, now_us, out)
                known = record is not None
                if record is not None:
                    self._stored(record.stream, [record.index], now_us, out)
            case AlertTold(request):
                known = self._alerts.was_told(request, out)
            case AlertNotTold():
                known = self._alerts.was_not_told(event, now_us, out)
            case AlertMarked(request):
                known = self._alerts.was_marked(request, now_us, out)
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of a gateway")))
                return
        if not known:
            out.append(Report(Rejected(type(event).__name__, "an answer nobody waits for")))

    def _rows_written(self, request: int, unprocessed: tuple[RecordId, ...], now_us: int, out: list[Effect]) -> bool:
        if unprocessed:
            out.extend(self._backoff.refused(now_us))
        else:
            self._backoff.served()
        if self._second.rows_written(request, unprocessed, out):
            return True
        if request not in self._rows.under_way:
            return False
        self._stand(self._rows.written(request, unprocessed), now_us, out)
        return True

    def _stand(self, rows: Iterable[Row], now_us: int, out: list[Effect]) -> None:
        """These rows stand in the table; those of alerts count only when the alert stands in its own."""
        stored: dict[StreamId, list[int]] = {}
        for record, frame in rows:
            if peek_kind(frame) == ALERT:
                self._alerts.put(record, frame, out)
            else:
                stored.setdefault(record.stream, []).append(record.index)
        for stream, indices in stored.items():
            self._stored(stream, indices, now_us, out)

    def _stored(self, stream_id: StreamId, indices: list[int], now_us: int, out: list[Effect]) -> None:
        """Rows of a stream stand in the table for good."""
        stream = self.streams[stream_id]
        for index in indices:
            stream.store(index)
        again = tuple(index for index in indices if index < stream.visible)
        self._auditor.name_keys([stream], out)
        if again:
            self._auditor.look_again(TABLE, stream_id, again, out)
            if stream.verified < stream.stored <= stream.visible:
                self._auditor.head_moved(stream, out)
        self._heads.move(stream, out)
        if stream.ahead or again:
            self._want_ack(stream, now_us, out)  # tells of the gap, or that it is closed

    def _refused(self, request: int, now_us: int, out: list[Effect]) -> None:
        head = self._heads.answered(request)
        if head is not None:
            self.streams[head].head_under_way = None
        elif not any(part.refused(request) for part in (self._second, self._rows, self._requests)):
            out.append(Report(Rejected("StoreRefused", "of a request nobody waits for")))
            return
        out.extend(self._backoff.refused(now_us))

    def _head_written(self, request: int, ok: bool, out: list[Effect]) -> bool:
        stream_id = self._heads.answered(request)
        if stream_id is None:
            return False
        if not ok:
            self.fenced = True
            out.append(Report(Rejected("WriteHead", "a higher term leads: this gateway stands down")))
            return True
        self._backoff.served()
        stream = self.streams[stream_id]
        stream.head_moved()
        self._auditor.head_moved(stream, out)
        self._heads.move(stream, out)
        return True

    def _timer(self, name: str, now_us: int, out: list[Effect]) -> None:
        if name == RETRY:
            self._backoff.over()
            self._requests.again(out)
            self._second.resume()
            for stream in self.streams.values():
                self._heads.move(stream, out)
        elif name == SURGEON:
            self._alerts.patience_is_over(out)
        elif name == BACKUP:
            self._period(now_us, out)
        else:
            self._desks[name.partition(":")[2]].timer(name)

    def _period(self, now_us: int, out: list[Effect]) -> None:
        """Begin backups, and say again what may be lost: to the auditor, and to edges that no frame will ask for."""
        out.append(SetTimer(BACKUP, now_us + self.settings.backup_period_us))
        for desk in self._desks.values():
            desk.remind(now_us, out)
        self._take_over_rows(now_us, out)
        self._auditor.name_keys(self.streams.values(), out)
        for stream in self.streams.values():
            if stream.visible > stream.verified:
                self._auditor.head_moved(stream, out)
            if stream.verified > stream.trim:
                self._second.copy(stream)  # which a rotten row holds up until Mars has sent it again
            if stream.reminders and (stream.rests or stream.rotten):
                stream.reminders -= 1
                self._want_ack(stream, now_us, out)

    # ------------------------------------------------------------ what the auditor says

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
        elif self._believe(self.streams[message.stream], message):
            stream = self.streams[message.stream]
            stream.reminders = REMINDERS_MAX
            self._heads.move(stream, out)  # a row that was called wrong and is signed now may have held it up
            self._want_ack(stream, now_us, out)

    def _believe(self, stream: StreamOnEarth, message: Attestation | RowsWrong | BackupProved) -> bool:
        """Act on the auditor's word; True if Mars must hear of it. Old words, from before a restart, change nothing."""
        if isinstance(message, Attestation):
            return stream.attested(message)
        if isinstance(message, BackupProved):
            moved = message.ok and stream.backed(message.size)
            self._second.mend(TABLE, stream.id, stream.rot_below_trim())
            return moved
        self._second.mend(message.store, stream.id, [index for index in message.indices if index < stream.trim])
        return message.store == TABLE and stream.doubted(message.indices)

    # ------------------------------------------------------------ to Mars

    def _want_ack(self, stream: StreamOnEarth, now_us: int, out: list[Effect]) -> None:
        known = self._desks.get(stream.edge)
        for desk in self._desks.values() if known is None else (known,):
            desk.want(stream.id, now_us, out)
