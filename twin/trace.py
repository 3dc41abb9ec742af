"""What happened in a run: the vocabulary, and the append-only trace that is a run's only raw output.

Machines report facts (`twin.pipeline.facts`); the host reports what it saw happen (below). Both are tuples of integers,
text and bytes. Who must see the world as it is at the instant subscribes by type, and is called in order of
subscription; who only counts or writes reads whole batches of entries a little later, which costs a tenth. The trace
itself keeps nothing but a SHA-256 over the CBOR of every entry, the run's `trace_hash`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cbor2


class Generated(NamedTuple):
    """The world produced samples for a device, `period_us` apart: one row per sample, the first at `start_us` in truth.

    A device whose clock is off stamps them otherwise.
    """

    start_us: int
    period_us: int
    rows: tuple[tuple[int, ...], ...]


class Restarted(NamedTuple):
    """A node came up, for the first time or after a crash."""

    durable_bytes: int


class StartedWithout(NamedTuple):
    """A node that has just come up was configured without these devices, by id: it takes nothing of theirs."""

    devices: tuple[int, ...]


class Crashed(NamedTuple):
    """A node stopped; the part of its journal that was not synced is lost but for `torn_bytes`."""

    lost_bytes: int
    torn_bytes: int


class MadeDurable(NamedTuple):
    """The node's medium now holds these records for good."""

    records: tuple[tuple[int, int, int], ...]


class MediumHolds(NamedTuple):
    """All that a node's medium holds from now on, as (device, epoch, size): what it held beyond is gone."""

    streams: tuple[tuple[int, int, int], ...]


class JournalDropped(NamedTuple):
    """What is gone from the beginning of a node's journal, as (device, epoch, below): it wanted it so."""

    streams: tuple[tuple[int, int, int], ...]


class Radiated(NamedTuple):
    """A bundle's bytes as anyone between the planets can hear them."""

    link: str
    data: bytes


class Injected(NamedTuple):
    """An adversary or a fault put something on a link: `kind` and, for a frame, its leaf hash."""

    kind: str
    link: str
    leaf: bytes


class AlarmSounded(NamedTuple):
    """The habitat's annunciator tells the crew of an alert: `state` as in `Annunciate`."""

    alert: tuple[int, int, int, str]
    priority: int
    state: str


class AlertStored(NamedTuple):
    """An alert was put into the alert table; `repeated` where its key stood there before."""

    alert: tuple[int, int, int, str]
    repeated: bool


class SurgeonTold(NamedTuple):
    """The flight surgeon's channel took the message of an alert; `times` counts from 1."""

    alert: tuple[int, int, int, str]
    times: int


class AcknowledgementNoted(NamedTuple):
    """A gateway has noted for good that the flight surgeon acknowledged an alert: the first that did."""

    alert: tuple[int, int, int, str]


class EpisodeBegan(NamedTuple):
    """Ground truth: an episode sets in for a crew member (0: the habitat's air)."""

    kind: str
    crew: int


class EpisodeEnded(NamedTuple):
    """Ground truth: an episode is over."""

    kind: str
    crew: int


class HopSent(NamedTuple):
    """A copy of `bytes` leaves on a hop, `hop` is its number there; copies made by a fault are copies too."""

    link: str
    hop: int
    bytes: int


class HopDelivered(NamedTuple):
    """The copy of `bytes` that left at `sent_us` arrived whole at a node that was up."""

    link: str
    hop: int
    bytes: int
    sent_us: int


class HopLost(NamedTuple):
    """The copy of `bytes` that left at `sent_us` will never arrive, for this cause."""

    link: str
    hop: int
    bytes: int
    sent_us: int
    cause: str


class RowStored(NamedTuple):
    """A row stands in `store` under this key; `leaf` hashes the bytes held, `replaced` those held before (empty:
    none).
    """

    store: str
    record: tuple[int, int, int]
    leaf: bytes
    replaced: bytes


class RowsRefused(NamedTuple):
    """A write was throttled or came back with unprocessed items."""

    store: str
    rows: int


class RowRotted(NamedTuple):
    """A row at rest was changed, or deleted (`gone`), behind everybody's back; `leaf` hashes the bytes that stood there
    before.
    """

    store: str
    record: tuple[int, int, int]
    leaf: bytes = b""
    gone: bool = False


class StoreRestored(NamedTuple):
    """The table was lost and set up anew from the backup: rows below `size` of each (device, epoch, size) stand."""

    streams: tuple[tuple[int, int, int], ...]


class ReaderSaw(NamedTuple):
    """A reader's session saw `size` rows of a stream under a leader's `term`."""

    session: int
    stream: tuple[int, int]
    term: int
    size: int


class HeadVisible(NamedTuple):
    """Readers now see rows below `size` of the stream."""

    stream: tuple[int, int]
    size: int
    term: int


class AttestationStored(NamedTuple):
    """The auditor's signature stands beside the head."""

    stream: tuple[int, int]
    size: int


class DisturbanceBegan(NamedTuple):
    """A fault or a weather effect sets in."""

    kind: str
    place: str


class DisturbanceEnded(NamedTuple):
    """A fault or a weather effect is over."""

    kind: str
    place: str


class GenerationEnded(NamedTuple):
    """Devices fall silent; the run drains."""


Subscriber = Callable[[int, str, Any], None]
Entry = tuple[int, str, Any]
Reader = Callable[[Sequence[Entry]], None]

_FLUSH_AT = 256


class Trace:
    """Append-only record of a run: dispatches entries to subscribers and hashes them."""

    def __init__(self) -> None:
        self._subscribers: dict[type[Any], list[Subscriber]] = {}
        self._readers: list[Reader] = []
        self._pending: list[Entry] = []
        self._hash = hashlib.sha256()
        self._flushed = 0

    def subscribe(self, kind: type[Any], subscriber: Subscriber) -> None:
        """Call `subscriber(at_us, node, fact)` for every fact of exactly this type."""
        self._subscribers.setdefault(kind, []).append(subscriber)

    def read(self, reader: Reader) -> None:
        """Call `reader(entries)` with every entry once, in order, in batches; the last ones come with `flush`."""
        self._readers.append(reader)

    def emit(self, at_us: int, node: str, fact: tuple[Any, ...]) -> None:
        """Append one fact."""
        for subscriber in self._subscribers.get(type(fact), ()):
            subscriber(at_us, node, fact)
        pending = self._pending
        pending.append((at_us, node, fact))
        if len(pending) >= _FLUSH_AT:
            self._flush()

    def _flush(self) -> None:
        entries, self._pending = self._pending, []
        batch = cbor2.dumps([(type(fact).__name__, at_us, node) + fact for at_us, node, fact in entries])  # noqa: RUF005 - quicker
        # a CBOR sequence (RFC 8742): without the array's head it does not matter where batches were cut
        self._hash.update(memoryview(batch)[1 + (len(entries) > 23) + (len(entries) > 255) :])
        self._flushed += len(entries)
        for reader in self._readers:
            reader(entries)

    @property
    def entries(self) -> int:
        """Facts so far."""
        return self._flushed + len(self._pending)

    def flush(self) -> None:
        """Hand what readers have not seen to them."""
        if self._pending:
            self._flush()

    def digest(self) -> str:
        """SHA-256 (hex) over all entries of a run that is over."""
        self.flush()
        return self._hash.hexdigest()
