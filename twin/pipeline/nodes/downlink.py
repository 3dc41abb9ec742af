"""An edge's side towards Earth: what goes into the next bundle, when it may go, and what follows a failure.

Alerts go before everything, then mail (notices and checkpoints, newest of a kind), then records; what does not fit
the rest of a contact does not hold up what does. Nothing is radiated outside contacts or while the own antenna is
unusable. A transmission that failed puts its content back first in the queue.
"""

from __future__ import annotations

from collections.abc import Mapping

from twin.pipeline.facts import BundleSent
from twin.pipeline.ledger.merkle import leaf_hash
from twin.pipeline.ledger.stream import Stream
from twin.pipeline.machine import Effect, Report, SetTimer
from twin.pipeline.nodes.hop_key_desk import HopKeyDesk
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import EndpointId
from twin.pipeline.transport.sealed_mailer import SealedMailer
from twin.pipeline.transport.sync import Load, Synchronizer
from twin.pipeline.transport.way import Way
from twin.pipeline.wire.bpsec import SEALING_BYTES_MAX
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import Ack, Frames, KeyNotice, encode

FLUSH, EXPIRY, CONTACT = "flush", "expiry", "contact"
FRAME_OVERHEAD_BYTES = 3  # CBOR byte string header of a frame inside a bundle
BUNDLE_OVERHEAD_BYTES = 160  # primary block, payload header, CRCs


class Downlink:
    """Queue, synchronization module and way to Earth; timers `flush`, `expiry`, `contact`.

    Args:
        streams: the edge's ledgers, read for frames and leaves.
        bundle_wait_us: how long the first record of a batch waits for others.
    """

    def __init__(
        self,
        streams: Mapping[StreamId, Stream],
        way: Way,
        sync: Synchronizer,
        mailer: SealedMailer,
        earth: EndpointId,
        bundle_wait_us: int,
    ) -> None:
        self.way = way
        self.sync = sync
        self.mailer = mailer
        self.hop_keys = HopKeyDesk(mailer.protector, self._post_notice)
        self._streams = streams
        self._earth = earth
        self._bundle_wait_us = bundle_wait_us
        self._overhead_bytes = BUNDLE_OVERHEAD_BYTES + SEALING_BYTES_MAX
        self._mail: dict[object, bytes] = {}
        self._mailing: tuple[object, bytes] | None = None
        self._flying: Load | None = None
        self._flush_due = True
        self._expiry_set_us: int | None = None
        self._contact_set_us: int | None = None

    # ------------------------------------------------------------ what is to go

    def post(self, kind: object, payload: bytes) -> None:
        """Send this payload; an unsent one of the same kind is replaced."""
        self._mail[kind] = payload

    def _post_notice(self, _peer: str, notice: bytes, _now_us: int, _out: list[Effect]) -> None:
        self.post(KeyNotice, notice)

    def offer(self, records: list[RecordId], now_us: int, out: list[Effect]) -> None:
        """Queue records that are durable; the first of a batch starts the wait for others."""
        if records and not self.sync.waiting:
            self._flush_due = False
            out.append(SetTimer(FLUSH, now_us + self._bundle_wait_us))
        for record in records:
            self._queue(record)

    def alert(self, record: RecordId) -> None:
        """Queue an alert that is durable: it waits for nothing."""
        self._queue(record, urgent=True)

    def _queue(self, record: RecordId, urgent: bool = False, repeat: bool = False) -> None:
        frame = self._streams[record.stream].frames.get(record.index)
        if frame is not None:  # else Earth has it already, from another edge
            self.sync.offer(record, len(frame) + FRAME_OVERHEAD_BYTES, urgent, repeat)

    def resume(self, stream: Stream, urgent: bool = False, lost: bool = False) -> None:
        """Queue what Earth is not known to have verified: after a restart, when this edge is to carry the stream, or
        when Earth has `lost` what it had.
        """
        self.sync.verified[stream.id] = stream.verified
        for index in stream.frames:
            if stream.verified <= index < stream.durable:
                self._queue(RecordId(*stream.id, index), urgent, lost)

    def acked(self, ack: Ack) -> None:
        """Take a valid ack; what it misses below `verified` has rotted on Earth and goes again."""
        self.sync.acked(ack)
        frames = self._streams[ack.stream].frames
        for first, end in ack.gaps:
            for index in range(max(first, ack.trim), min(end, ack.verified)):
                if index in frames:
                    size = len(frames[index]) + FRAME_OVERHEAD_BYTES
                    self.sync.demand(RecordId(*ack.stream, index), size, ack.made_us)

    def adopted(self, ack: Ack) -> None:
        """The stream goes on at this ack's frontier: Earth has what was queued or under way of it, unless it asks."""
        if self._flying is not None:
            records = tuple([record for record in self._flying.records if record.stream != ack.stream])
            self._flying = self._flying._replace(records=records)
        self.sync.abandon(ack.stream)
        self.acked(ack)

    # ------------------------------------------------------------ what the host says

    def timer(self, name: str, now_us: int) -> set[StreamId]:
        """One of this side's timers fired; `pump` comes next. Streams that Earth should have answered for by now."""
        if name == FLUSH:
            self._flush_due = True
        elif name == CONTACT:
            self._contact_set_us = None
        elif name == EXPIRY:
            self._expiry_set_us = None
            return self.sync.expire(now_us)
        return set()

    def link(self, neighbour: str, usable: bool, now_us: int) -> bool:
        """The own antenna towards a neighbour became usable or unusable; False if it does not lead to Earth.

        With none usable, no ack can be heard either.
        """
        if not self.way.link(neighbour, usable):
            return False
        (self.sync.resume if self.way.usable else self.sync.suspend)(now_us)
        return True

    def replan(self, plan: ContactPlan) -> None:
        """Go by another plan from now on."""
        self.way.replan(plan)
        self.sync.replan(plan)

    def transmitted(self, transmission: int, now_us: int) -> None:
        """The last bit has left: the flight's timer starts."""
        if self.way.ended(transmission):
            if self._flying is not None:
                self.sync.sent(self._flying, now_us, self.way.arrival_us(now_us))
            self._flying = self._mailing = None

    def failed(self, transmission: int, now_us: int) -> None:
        """Nothing has left: the same goes first next time, unless newer mail of the kind has come."""
        if self.way.failed(transmission, now_us):
            if self._flying is not None:
                self.sync.unsent(self._flying)
            if self._mailing is not None:
                self._mail.setdefault(*self._mailing)
            self._flying = self._mailing = None

    # ------------------------------------------------------------ what goes now

    def pump(self, now_us: int, out: list[Effect]) -> None:
        """Fill the antenna if it is free, a contact is open and something may go; else ask to be woken."""
        way = self.way
        if way.under_way is None and (self._mail or self.sync.queued) and way.usable:
            room = max(0, way.room_bytes(now_us) - self._overhead_bytes)
            too_large = self._fill(room, now_us, out)
            if too_large:
                start_us = way.next_start_us(now_us, too_large + self._overhead_bytes)
                if start_us is not None and start_us != self._contact_set_us:
                    self._contact_set_us = start_us
                    out.append(SetTimer(CONTACT, start_us))
        expiry_us = self.sync.next_expiry_us()
        if expiry_us is not None and (self._expiry_set_us is None or expiry_us < self._expiry_set_us):
            self._expiry_set_us = max(expiry_us, now_us)
            out.append(SetTimer(EXPIRY, self._expiry_set_us))

    def _fill(self, room: int, now_us: int, out: list[Effect]) -> int:
        """Radiate what goes first of what fits into `room` bytes; else the smallest size that did not fit, or 0."""
        too_large = []
        if self.sync.urgent:
            load = self.sync.next_load(room, now_us)
            if load is not None:
                self._fly(load, now_us, out)
                return 0
            if self.sync.urgent:
                too_large.append(self.sync.next_bytes)
        for kind, payload in self._mail.items():
            if len(payload) <= room:
                del self._mail[kind]
                self._mailing = (kind, payload)
                out.append(self.way.radiate(self.mailer.bundle(self._earth, payload, now_us), now_us))
                return 0
            too_large.append(len(payload))
        if self._flush_due and self.sync.waiting and not self.sync.urgent:
            load = self.sync.next_load(room, now_us)
            if load is not None:
                self._fly(load, now_us, out)
                return 0
            if self.sync.next_bytes > room:  # else the window is closed, and an ack or an expiry opens it
                too_large.append(self.sync.next_bytes)
        return min(too_large, default=0)

    def _fly(self, load: Load, now_us: int, out: list[Effect]) -> None:
        frames = []
        records = []
        for record in load.records:
            frame = self._streams[record.stream].frames[record.index]
            frames.append(frame)
            records.append((record, leaf_hash(frame)))
        data = self.mailer.bundle(self._earth, encode(Frames(tuple(frames))), now_us)
        transmit = self.way.radiate(data, now_us)
        out.append(Report(BundleSent(self.mailer.last_id, transmit.neighbour, tuple(records), load.round)))
        out.append(transmit)
        self._flying = load
