"""The contract between a machine and its host: events in, effects out, nothing else.

A machine is `handle(event, now_us) -> effects`. It has no clock, no randomness and no I/O: time is an argument, entropy
is an event's field, and every outcome comes back as an event. Rules that every machine here keeps:

1. An effect with an outcome carries an id; the outcome is an event with that id. Work that depends on the outcome
   (accept, send, ack, trim) is emitted only on that event, never in the list that asked for it.
2. At equal instants the host delivers inputs before timers. A timer is named; setting it again replaces it.
3. Effects are carried out in the order of the list. Reading a machine's attributes changes nothing.
4. `recover(settings, durable)` rebuilds a machine from durable media alone; `Started` is its first event.
5. A `Report` states a fact for logs, metrics and checkers; no machine ever reads one.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId
from twin.pipeline.wire.signing import Signer

made = tuple.__new__
"""`made(Transmitted, (7, "relay"))` is `Transmitted(7, "relay")` in half the time, fields unchecked: for what is made
several times for every bundle.
"""

# ---------------------------------------------------------------- events


class Started(NamedTuple):
    """The host has (re)started the machine; `entropy` holds 32 fresh random bytes for what must never repeat.

    Bytes 0 to 7 name an epoch, 8 to 15 begin the initialization vectors, 16 to 19 begin the bundle sequence.
    """

    entropy: bytes = b""


class TimerFired(NamedTuple):
    """The timer `name` that the machine had set is due."""

    name: str


class Received(NamedTuple):
    """A datagram arrived over the local network of this planet (unreliable, unordered)."""

    source: str
    data: bytes


class BundleArrived(NamedTuple):
    """A whole bundle arrived from neighbour `source` over a scheduled contact."""

    source: str
    data: bytes


class Transmitted(NamedTuple):
    """The last bit of transmission `id` to `neighbour` left the antenna; this says nothing of its arrival."""

    id: int
    neighbour: str


class TransmitFailed(NamedTuple):
    """Transmission `id` never left: own antenna unusable or the contact is over."""

    id: int
    neighbour: str
    reason: str


class LinkChanged(NamedTuple):
    """This node's own antenna towards `neighbour` became usable or unusable (stowed, unpowered)."""

    neighbour: str
    usable: bool


class PlanChanged(NamedTuple):
    """A new contact plan was loaded; it replaces the one before and may itself be wrong."""

    plan: ContactPlan


class SamplesReady(NamedTuple):
    """The sensor's FIFO delivered consecutive samples: one row per sample, one integer per channel.

    `start_us` is the device clock at the first row.
    """

    start_us: int
    rows: tuple[tuple[int, ...], ...]


class KeyReplaced(NamedTuple):
    """A device's operator hands it another signing key; it closes its epoch with the old one."""

    signer: Signer


class HopKeyInstalled(NamedTuple):
    """An operator installed the symmetric key number `number` for bundles to and from `peer` on this node."""

    peer: str
    number: int
    key: bytes


class CrewAcknowledged(NamedTuple):
    """Someone of the crew pressed the button of this alert."""

    alert: AlertKey


class SurgeonAcknowledged(NamedTuple):
    """The flight surgeon on Earth acknowledged this alert."""

    alert: AlertKey


class Offered(NamedTuple):
    """An application hands over the next payload of a flow (bundle nodes)."""

    flow: int
    payload: bytes


class Synced(NamedTuple):
    """Everything appended to the journal before `Sync(id)` is on the medium."""

    id: int


class SyncFailed(NamedTuple):
    """`Sync(id)` did not succeed: nothing appended since the last `Synced` may be counted on."""

    id: int
    reason: str


class RowsWritten(NamedTuple):
    """Outcome of `WriteRows(id)`: `unprocessed` rows were not stored and must be asked for again."""

    id: int
    unprocessed: tuple[RecordId, ...]


class StoreRefused(NamedTuple):
    """The store did nothing for request `id` (throttled); ask again later."""

    id: int
    reason: str


class StoreSilent(NamedTuple):
    """No answer to store request `id` came in time; it may have been carried out or not: ask again, same keys."""

    id: int


class RowsRead(NamedTuple):
    """Outcome of `ReadRows(id)`: frames by index, `None` where no row stands."""

    id: int
    frames: tuple[bytes | None, ...]


class HeadWritten(NamedTuple):
    """Outcome of `WriteHead(id)`: `ok` is false when a higher term had fenced this writer off."""

    id: int
    ok: bool


class AttestationWritten(NamedTuple):
    """Outcome of `WriteAttestation(id)`."""

    id: int


class CheckpointKept(NamedTuple):
    """Outcome of `KeepCheckpoint(id)`."""

    id: int


class AlertPut(NamedTuple):
    """Outcome of `PutAlert(id)`: whether the key is new to the alert table, whether the channel took its message, and
    when the flight surgeon acknowledged it (None: not yet).
    """

    id: int
    is_new: bool
    told: bool
    acknowledged_us: int | None = None


class AlertTold(NamedTuple):
    """The channel of the flight surgeon took the message of `TellSurgeon(id)`."""

    id: int


class AlertNotTold(NamedTuple):
    """The channel did not take the message of `TellSurgeon(id)`; it asks for `retry_after_us` of patience."""

    id: int
    retry_after_us: int


class AlertMarked(NamedTuple):
    """Outcome of `MarkAlertTold(id)`, `MarkAlertAcknowledged(id)` or `MarkReceiptTaken(id)`."""

    id: int


# ---------------------------------------------------------------- effects


class SetTimer(NamedTuple):
    """Deliver `TimerFired(name)` at `at_us`; replaces a timer of the same name."""

    name: str
    at_us: int


class CancelTimer(NamedTuple):
    """Forget the timer `name`, if it is set."""

    name: str


class Send(NamedTuple):
    """Send a datagram over the local network of this planet; it may be lost."""

    destination: str
    data: bytes


class Transmit(NamedTuple):
    """Radiate one bundle to `neighbour`; answered by `Transmitted` or `TransmitFailed`."""

    id: int
    neighbour: str
    data: bytes


class ArmSensor(NamedTuple):
    """Program the sensor's FIFO and its comparators.

    The FIFO delivers after `watermark` samples, or at once when channel `k` has been below `low[k]` or above
    `high[k]` for `hold` samples in a row (`None`: no comparator). A sample without a reading lies below every `low`.
    Sampling period in microseconds.
    """

    period_us: int
    watermark: int
    low: tuple[int | None, ...]
    high: tuple[int | None, ...]
    hold: int = 1


class SetComparators(NamedTuple):
    """Reprogram the sensor's comparators: deliver once `hold` samples in a row leave [low, high] in one channel."""

    low: tuple[int | None, ...]
    high: tuple[int | None, ...]
    hold: int


class Annunciate(NamedTuple):
    """Tell the crew, at once and with no Earth (IEC 60601-1-8).

    `priority` is 1 low, 2 medium, 3 high; `state` is "active", "latched" (the condition is over, nobody has
    acknowledged), "escalated", "acknowledged", "cleared" or "seen on Earth". An edge that starts announces again what
    its board holds; the host answers "active" with `CrewAcknowledged` where the crew has acknowledged it before.
    """

    alert: AlertKey
    priority: int
    state: str


class Deliver(NamedTuple):
    """Hand a payload that arrived in order to the application (bundle nodes)."""

    flow: int
    index: int  # type: ignore[assignment]  # a field, not tuple.index
    payload: bytes


class Append(NamedTuple):
    """Append bytes to the node's journal; durable only after a `Sync` emitted later has answered.

    `records` names the frames in `data`, so that a host can say what a sync made durable.
    """

    data: bytes
    records: tuple[RecordId, ...] = ()


class Sync(NamedTuple):
    """Flush the journal; answered by `Synced(id)`."""

    id: int


class TruncateJournal(NamedTuple):
    """Cut the journal at byte `length`: what follows is a torn tail."""

    length: int


class DropJournal(NamedTuple):
    """Bytes of the journal before offset `before` are no longer needed."""

    before: int


class WriteRows(NamedTuple):
    """Put rows into `store` ("table" or "backup") by key, unconditionally; at most 25 of them."""

    id: int
    store: str
    rows: tuple[tuple[RecordId, bytes], ...]


class ReadRows(NamedTuple):
    """Consistent read of the rows `first <= index < end` of one stream."""

    id: int
    store: str
    stream: StreamId
    first: int
    end: int


class WriteHead(NamedTuple):
    """Put the stream's head item if no higher `term` leads: rows below `size` become visible.

    `edge` brought the stream's last frame.
    """

    id: int
    stream: StreamId
    size: int
    term: int
    edge: str = ""


class WriteAttestation(NamedTuple):
    """Store the auditor's statement beside the rows of `store` ("table" or "backup"): those below `size` were read back
    there and hash to `root`. A statement of a larger size that stands there stays.
    """

    id: int
    store: str
    stream: StreamId
    size: int
    root: bytes
    frontier: tuple[bytes, ...]
    signature: bytes


class PutAlert(NamedTuple):
    """Put an alert into the alert table unless its key stands there; `frame` is the edge's signed frame of it.

    The table also notes, for each edge, that it brought the alert.
    """

    id: int
    alert: AlertKey
    frame: bytes


class TellSurgeon(NamedTuple):
    """Send a message on the flight surgeon's channel; answered by `AlertTold` or `AlertNotTold`."""

    id: int
    alert: AlertKey
    text: str


class MarkAlertTold(NamedTuple):
    """Note in the alert table that the channel took the message."""

    id: int
    alert: AlertKey


class MarkAlertAcknowledged(NamedTuple):
    """Note in the alert table that the flight surgeon acknowledged the alert; the first instant stays."""

    id: int
    alert: AlertKey
    at_us: int


class MarkReceiptTaken(NamedTuple):
    """Note in the alert table that the edge with this device id has the receipt of the acknowledgement."""

    id: int
    alert: AlertKey
    device: int


class SurgeonHeard(NamedTuple):
    """Tell the flight surgeon's channel that the acknowledgement is noted and need not come again."""

    alert: AlertKey


class KeepCheckpoint(NamedTuple):
    """Archive a checkpoint (empty: not at hand) and cosignatures of it in Earth's ledger; the same again changes
    nothing. Answered by `CheckpointKept`.

    `digest` is the checkpoint's SHA-256: an edge that lost its medium may count from a number that it has used before.
    """

    id: int
    author: str
    counter: int
    digest: bytes
    checkpoint: bytes
    cosigns: tuple[bytes, ...]


class Report(NamedTuple):
    """A fact (see `twin.pipeline.facts`) for logs, metrics and checkers."""

    fact: tuple[object, ...]


Event = (
    Started
    | TimerFired
    | Received
    | BundleArrived
    | Transmitted
    | TransmitFailed
    | LinkChanged
    | PlanChanged
    | SamplesReady
    | KeyReplaced
    | HopKeyInstalled
    | CrewAcknowledged
    | SurgeonAcknowledged
    | Offered
    | Synced
    | SyncFailed
    | RowsWritten
    | StoreRefused
    | StoreSilent
    | RowsRead
    | HeadWritten
    | AttestationWritten
    | CheckpointKept
    | AlertPut
    | AlertTold
    | AlertNotTold
    | AlertMarked
)
Effect = (
    SetTimer
    | CancelTimer
    | Send
    | Transmit
    | ArmSensor
    | SetComparators
    | Annunciate
    | Deliver
    | Append
    | Sync
    | TruncateJournal
    | DropJournal
    | WriteRows
    | ReadRows
    | WriteHead
    | WriteAttestation
    | PutAlert
    | TellSurgeon
    | MarkAlertTold
    | MarkAlertAcknowledged
    | MarkReceiptTaken
    | SurgeonHeard
    | KeepCheckpoint
    | Report
)


class Machine(Protocol):
    """What a host can run."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event at the house instant `now_us` and say what shall be done."""
        ...
