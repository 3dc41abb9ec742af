"""What machines state about themselves: the pipeline's half of a run's vocabulary.

A fact is a plain tuple of integers, text and bytes, so that any host can log it and a run can be hashed. Checkers hold
facts against what the host saw happen (disk, links, table), never against a machine's memory.
"""

from __future__ import annotations

from typing import NamedTuple

from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId


class FrameSealed(NamedTuple):
    """A device signed record `record`; its newest sample was generated at `generated_us`."""

    record: RecordId
    leaf: bytes
    generated_us: int
    samples: int
    size_bytes: int


class EpochClosed(NamedTuple):
    """A device signed the last frame of an epoch; `next_epoch` goes on after it, `reason` is "key" or "index"."""

    record: RecordId
    next_epoch: int
    reason: str


class Accepted(NamedTuple):
    """An edge told a device that records `first <= index < end` are durable here."""

    stream: StreamId
    first: int
    end: int


class BundleSent(NamedTuple):
    """A node handed a bundle of sealed records to its antenna; `round` counts earlier sends of the same records."""

    bundle: tuple[int, int, int]
    destination: str
    records: tuple[tuple[RecordId, bytes], ...]
    round: int


class Adopted(NamedTuple):
    """A node that had lost a stream took it up again at `size`, where an ack of Earth states the frontier; it says so
    at each start from then on.
    """

    stream: StreamId
    size: int


class HeadSigned(NamedTuple):
    """An edge signed the head of a stream; `proof` shows consistency with its head signed before (`previous`)."""

    stream: StreamId
    previous: int
    size: int
    root: bytes
    proof: tuple[bytes, ...]


class HeadCosigned(NamedTuple):
    """A witness found the head consistent with the last that it signed, stored that, and signed."""

    author: str
    stream: StreamId
    size: int
    root: bytes


class WitnessRefused(NamedTuple):
    """A witness could not follow a head from the last that it signed."""

    author: str
    stream: StreamId
    size: int


class ChainRestarted(NamedTuple):
    """A witness followed a checkpoint that begins a new chain: its author lost streams with its medium."""

    author: str
    counter: int


class Attested(NamedTuple):
    """The auditor read rows `0 <= index < size` back and signed their root."""

    stream: StreamId
    size: int
    root: bytes


class AckMade(NamedTuple):
    """Earth stated: verified up to `verified`, backed up to `trim`, with this root, under (term, counter).

    Below `complete_to`, `gaps` are all that is missing.
    """

    stream: StreamId
    verified: int
    trim: int
    root: bytes
    term: int
    counter: int
    gaps: tuple[tuple[int, int], ...] = ()
    complete_to: int = 0


class AckLearned(NamedTuple):
    """A node on Mars holds a valid ack of this term and now knows that Earth verified records below `verified`."""

    stream: StreamId
    verified: int
    trim: int
    term: int = 0


class Trimmed(NamedTuple):
    """A node deleted its frames of the stream below `below`."""

    stream: StreamId
    below: int


class AlarmRaised(NamedTuple):
    """An edge found in the samples of a record that a rule holds; `row` is the sample at which it began to hold."""

    alert: AlertKey
    row: int
    priority: int


class AlertSealed(NamedTuple):
    """An edge signed record `record` of its own stream, which carries this alert to Earth."""

    alert: AlertKey
    record: RecordId


class AlertActedOn(NamedTuple):
    """Earth's gateway found the alert in the alert table, put by itself (`is_new`) or before."""

    alert: AlertKey
    is_new: bool


class ReceiptLearned(NamedTuple):
    """An edge learned that the flight surgeon has acknowledged the alert."""

    alert: AlertKey


class HopKeyUsed(NamedTuple):
    """A node protects bundles to `peer` with key number `number` from now on."""

    peer: str
    number: int


class RootMismatch(NamedTuple):
    """A node's own root at `size` differs from the acked one."""

    stream: StreamId
    size: int


class Rejected(NamedTuple):
    """An input had no effect but this counter."""

    what: str
    reason: str


class PayloadOffered(NamedTuple):
    """A bundle node took a payload of a flow into custody; `checksum` is the CRC32C run over the flow so far.

    `record` is (source node, flow, index).
    """

    record: tuple[int, int, int]
    checksum: int


class PayloadDelivered(NamedTuple):
    """A bundle node handed a payload to its application; `checksum` as at the source."""

    record: tuple[int, int, int]
    checksum: int


class BundleDropped(NamedTuple):
    """A bundle node gave up a bundle (source node, creation time in DTN ms, sequence) that waited there.

    `reason` begins with "lifetime" (over, or too short for any contacts) or is "storage" (the node is full). Whoever
    has custody of the payload sends it again.
    """

    bundle: tuple[int, int, int]
    destination: str
    size_bytes: int
    reason: str
