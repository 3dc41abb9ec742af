"""The Mars Synchronization Module: what to send to Earth next, and what to send again when.

It never sends blind. A flight is one bundle of records; its timer is the plan's answer time (`timing`) plus a margin,
does not run while no return contact is planned or the own antenna is unusable, and expires into the queue of what
goes first next time. An ack closes flights; a gap that an ack names is sent again at once, provided the flight should
have arrived before Earth wrote that ack. Acks are cumulative, so a lost one costs nothing but time. What an ack shows
behind a gap goes again with its timer: Earth may lose it until it is verified, and that would cost a round trip more.

When nothing that was sent is answered, Earth does not hear: each further repetition waits a round trip longer, then
three. The first sign that Earth hears ends that for all; an ack that only repeats what it misses is none.

Urgent records (alerts) go before all others, in bundles of their own and outside the window.

The window (bytes in flight) defaults to rate x round trip, that is to no limit within one contact; it does not apply
while no return contact is planned, because then nothing can open it again.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.routing import Router
from twin.pipeline.transport.timing import answer_us
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import Ack, Gap

ACK_BYTES = 1_500
DOUBLINGS_MAX = 2  # of the wait for an answer: after a long silence Earth is reached again within four round trips


class SyncSettings(NamedTuple):
    """Knobs of the module; sizes in bytes, times in microseconds.

    `turnaround_us` is the far end's processing allowance plus its ack delay; `window_bytes` None means rate x round
    trip.
    """

    bundle_bytes_max: int
    turnaround_us: int
    margin_us: int
    window_bytes: int | None = None


class Load(NamedTuple):
    """Records for the next bundle; `round` is how often the most repeated of them was sent before."""

    records: tuple[RecordId, ...]
    size_bytes: int
    round: int
    urgent: bool = False


class _Flight:
    __slots__ = ("arrival_us", "doublings", "expiry_us", "load", "sent_us", "streams")

    def __init__(self, load: Load, sent_us: int, arrival_us: int, doublings: int) -> None:
        self.load = load
        self.streams = {record.stream for record in load.records}
        self.sent_us = sent_us
        self.arrival_us = arrival_us
        self.doublings = doublings
        self.expiry_us: int | None = None


class Synchronizer:
    """Sender's half of synchronization between `here` and `there`, for any number of streams."""

    def __init__(self, plan: ContactPlan, here: str, there: str, settings: SyncSettings) -> None:
        self.here = here
        self.there = there
        self.settings = settings
        self._back = Router(plan, there)
        self.verified: dict[StreamId, int] = {}
        self._gaps_told: dict[StreamId, tuple[tuple[Gap, ...], int]] = {}  # by the last ack, and below which index
        self._urgent: deque[RecordId] = deque()
        self._again: deque[RecordId] = deque()
        self._fresh: deque[RecordId] = deque()
        self._rounds: dict[RecordId, int] = {}
        self._sizes: dict[RecordId, int] = {}  # of everything queued or in flight
        self._alerts: set[RecordId] = set()
        self._demanded: set[RecordId] = set()
        self._mending: dict[RecordId, int] = {}  # demanded and sent: when it should have arrived
        self._flights: list[_Flight] = []
        self._bytes_in_flight = 0
        self._suspended_us: int | None = None
        self._unheard = False  # a flight has expired, and no ack has shown since that Earth hears

    @property
    def waiting(self) -> bool:
        """Whether anything is queued."""
        return bool(self._fresh or self._again or self._urgent)

    @property
    def urgent(self) -> bool:
        """Whether something is queued that waits for nothing else."""
        return bool(self._urgent)

    @property
    def queued(self) -> int:
        """Number of records queued, first transmissions and repeats."""
        return len(self._fresh) + len(self._again) + len(self._urgent)

    @property
    def next_bytes(self) -> int:
        """Size of the record that goes next, 0 with nothing queued."""
        for queue in (self._urgent, self._again, self._fresh):
            if queue:
                return self._sizes[queue[0]]
        return 0

    def offer(self, record: RecordId, size_bytes: int, urgent: bool = False, repeat: bool = False) -> None:
        """Queue a record that is durable here, unless it is queued or in flight.

        Args:
            repeat: Earth had it and has lost it. What came after it may fill the window, and is not verified before it:
                so it goes before what was never sent.
        """
        if record in self._sizes:
            return
        self._sizes[record] = size_bytes
        if urgent:
            self._alerts.add(record)
            self._urgent.append(record)
        else:
            (self._again if repeat else self._fresh).append(record)

    def demand(self, record: RecordId, size_bytes: int, made_us: int) -> None:
        """Queue a record that Earth had verified and has lost since: its row rotted. Earth said so at `made_us`."""
        if record not in self._sizes and made_us > self._mending.get(record, made_us - 1):
            self._sizes[record] = size_bytes
            self._demanded.add(record)
            self._again.append(record)

    def next_load(self, room_bytes: int, now_us: int) -> Load | None:
        """The next records to send, alerts and then repeats first, within `room_bytes` and the bundle's limit.

        The window holds for all but alerts.
        """
        if self._urgent:
            return self._load((self._urgent,), room_bytes, min(room_bytes, self.settings.bundle_bytes_max))
        window = self._window_bytes(now_us)
        if window is None or not self._bytes_in_flight:
            room = room_bytes  # with nothing in flight one record may go, however small the window
        else:
            room = min(room_bytes, max(0, window - self._bytes_in_flight))
        limit = min(room, self.settings.bundle_bytes_max, room if window is None else window)
        return self._load((self._again, self._fresh), room, limit)

    def _load(self, queues: tuple[deque[RecordId], ...], room: int, limit: int) -> Load | None:
        records: list[RecordId] = []
        size = 0
        rounds = 0
        for queue in queues:
            while queue:
                record = queue[0]
                if self._verified(record):
                    queue.popleft()
                    self._forget(record)
                    continue
                frame_bytes = self._sizes[record]
                alone = not records and frame_bytes <= room  # a frame larger than a bundle should be goes alone
                if size + frame_bytes > limit and not alone:
                    break
                queue.popleft()
                records.append(record)
                size += frame_bytes
                rounds = max(rounds, self._rounds.get(record, 0))
            if queue:
                break
        return Load(tuple(records), size, rounds, queues[0] is self._urgent) if records else None

    def _verified(self, record: RecordId) -> bool:
        """Whether Earth holds the record, as far as known here, and has not asked for it again."""
        return record.index < self.verified.get(record.stream, 0) and record not in self._demanded

    def sent(self, load: Load, now_us: int, arrival_us: int) -> None:
        """The last bit of this load's bundle has just left, and should arrive at `arrival_us`."""
        flight = _Flight(load, now_us, arrival_us, min(load.round, DOUBLINGS_MAX) if self._unheard else 0)
        self._set_expiry(flight)
        if not load.urgent:
            self._bytes_in_flight += load.size_bytes
        for record in load.records:
            if record in self._demanded:  # if this is lost, Earth asks again in an ack made after its arrival
                self._demanded.discard(record)
                self._mending[record] = arrival_us
        # an ack may have come while the bundle was being radiated
        self._shrink(flight, tuple([r for r in load.records if r.index >= self.verified.get(r.stream, 0)]))
        if flight.load.records:
            self._flights.append(flight)

    def unsent(self, load: Load) -> None:
        """The bundle of this load never left: its records go first next time."""
        (self._urgent if load.urgent else self._again).extendleft(reversed(load.records))

    def acked(self, ack: Ack) -> None:
        """Take a valid ack: close flights, and queue at once what Earth misses of flights that should have arrived."""
        stream = ack.stream
        heard = ack.verified > self.verified.get(stream, 0)
        self.verified[stream] = ack.verified
        gaps_told = (ack.gaps, ack.gaps_complete_to)
        news = gaps_told != self._gaps_told.get(stream)
        self._gaps_told[stream] = gaps_told
        self._demanded -= {record for record in self._demanded if record.stream == stream and record.index < ack.trim}
        self._mending = {record: at_us for record, at_us in self._mending.items() if at_us >= ack.made_us}
        kept: list[_Flight] = []
        for flight in self._flights:
            records = flight.load.records
            if stream in flight.streams:
                missing = [record for record in records if self._missing(record, ack)]
                if missing and flight.arrival_us < ack.made_us:
                    heard = heard or news  # a gap shows by what came behind it
                    self._requeue(missing)
                    lost = set(missing)
                    records = tuple([record for record in records if record not in lost])
                open_records = tuple([r for r in records if r.index >= self.verified.get(r.stream, 0)])
                if len(open_records) != len(flight.load.records):
                    self._shrink(flight, open_records)
                if not open_records:
                    continue
            kept.append(flight)
        self._flights = kept
        if heard and self._unheard:
            self._is_heard()

    def _is_heard(self) -> None:
        """Earth hears again: no flight waits longer than for its answer."""
        self._unheard = False
        for flight in self._flights:
            if flight.expiry_us is not None:
                flight.expiry_us -= self._patience_us(flight)
            flight.doublings = 0

    def abandon(self, stream: StreamId) -> None:
        """Forget all records of a stream: they are not held here any more."""
        for queue in (self._urgent, self._again, self._fresh):
            kept = [record for record in queue if record.stream != stream]
            queue.clear()
            queue.extend(kept)
        for flight in self._flights:
            if stream in flight.streams:
                self._shrink(flight, tuple([record for record in flight.load.records if record.stream != stream]))
        self._flights = [flight for flight in self._flights if flight.load.records]
        for record in [record for record in self._sizes if record.stream == stream]:
            self._forget(record)

    def expire(self, now_us: int) -> set[StreamId]:
        """Queue again what is due by now; the streams that Earth has not answered for."""
        kept: list[_Flight] = []
        silent: set[StreamId] = set()
        for flight in self._flights:
            if flight.expiry_us is not None and flight.expiry_us <= now_us and self._suspended_us is None:
                if not flight.load.urgent:
                    self._bytes_in_flight -= flight.load.size_bytes
                again = [r for r in flight.load.records if r.index >= self.verified.get(r.stream, 0)]
                self._requeue(again)
                self._unheard = self._unheard or bool(again)
                silent.update(record.stream for record in again)
                for record in flight.load.records:
                    if record.index < self.verified.get(record.stream, 0):
                        self._forget(record)
            else:
                kept.append(flight)
        self._flights = kept
        return silent

    def next_expiry_us(self) -> int | None:
        """When `expire` should be called next, None while no timer runs."""
        if self._suspended_us is not None:
            return None
        return min((f.expiry_us for f in self._flights if f.expiry_us is not None), default=None)

    def suspend(self, now_us: int) -> None:
        """The own antenna cannot hear: no timer runs (RFC 5326 section 6.5)."""
        if self._suspended_us is None:
            self._suspended_us = now_us

    def resume(self, now_us: int) -> None:
        """The own antenna hears again: every timer gets back the time that it did not run."""
        if self._suspended_us is None:
            return
        pause_us = now_us - self._suspended_us
        self._suspended_us = None
        for flight in self._flights:
            if flight.expiry_us is not None:
                flight.expiry_us += pause_us

    def replan(self, plan: ContactPlan) -> None:
        """Compute every timer anew from another plan."""
        self._back = Router(plan, self.there)
        for flight in self._flights:
            self._set_expiry(flight)

    def _missing(self, record: RecordId, ack: Ack) -> bool:
        return (
            record.stream == ack.stream
            and ack.verified <= record.index < ack.gaps_complete_to
            and any(first <= record.index < end for first, end in ack.gaps)
        )

    def _requeue(self, records: list[RecordId]) -> None:
        for record in records:
            self._rounds[record] = self._rounds.get(record, 0) + 1
            (self._urgent if record in self._alerts else self._again).append(record)

    def _shrink(self, flight: _Flight, records: tuple[RecordId, ...]) -> None:
        before = flight.load
        verified = self.verified
        for record in before.records:
            if record.index < verified.get(record.stream, 0):
                self._forget(record)
        size = sum(self._sizes[record] for record in records)
        if not before.urgent:
            self._bytes_in_flight -= before.size_bytes - size
        flight.load = before._replace(records=records, size_bytes=size)
        flight.streams = {record.stream for record in records}

    def _forget(self, record: RecordId) -> None:
        self._rounds.pop(record, None)
        self._sizes.pop(record, None)
        self._alerts.discard(record)
        self._demanded.discard(record)

    def _answer_us(self, arrival_us: int) -> int | None:
        """When the answer to what arrives at an instant should be home; None while no way back is planned."""
        return answer_us(self._back, self.here, arrival_us, self.settings.turnaround_us, ACK_BYTES)

    def _set_expiry(self, flight: _Flight) -> None:
        due_us = self._answer_us(flight.arrival_us)
        patience_us = self.settings.margin_us + self._patience_us(flight)
        flight.expiry_us = None if due_us is None else due_us + patience_us

    def _patience_us(self, flight: _Flight) -> int:
        """What a flight waits beyond its answer time because what was sent before it was not answered."""
        round_trip_us = 2 * (flight.arrival_us - flight.sent_us) + self.settings.turnaround_us + self.settings.margin_us
        return ((1 << flight.doublings) - 1) * round_trip_us

    def _window_bytes(self, now_us: int) -> int | None:
        """Bytes that may be in flight, None for no limit."""
        if self.settings.window_bytes is None:
            return None
        if self._answer_us(now_us) is None:
            return None
        return self.settings.window_bytes
