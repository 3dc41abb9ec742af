"""What happened in a run: the vocabulary, and the append-only trace that is a run's only raw output.

Machines report facts (`twin.pipeline.facts`); the host reports what it saw happen (below). Both are tuples of integers,
text and bytes. Checkers and tables subscribe by type and are called in order of subscription, at the instant; the trace itself
keeps nothing but a SHA-256 over the canonical CBOR of every entry, the run's `trace_hash`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import cbor2


class Generated(NamedTuple):
    """The world produced samples for a device."""

    samples: int


class Restarted(NamedTuple):
    """A node came up, for the first time or after a crash."""

    durable_bytes: int


class Crashed(NamedTuple):
    """A node stopped; the part of its journal that was not synced is lost but for `torn_bytes`."""

    lost_bytes: int
    torn_bytes: int


class MadeDurable(NamedTuple):
    """The node's medium now holds these records for good."""

    records: tuple[tuple[int, int, int], ...]


class HopSent(NamedTuple):
    """A copy left on a hop; `copies` above 1 were made by a fault."""

    link: str
    hop: int
    bytes: int


class HopDelivered(NamedTuple):
    """The copy arrived whole at a node that was up."""

    link: str
    hop: int


class HopLost(NamedTuple):
    """The copy will never arrive, for this cause."""

    link: str
    hop: int
    cause: str


class RowStored(NamedTuple):
    """A row stands in `store` under this key; `leaf` hashes the bytes held, `replaced` those held before (empty: none)."""

    store: str
    record: tuple[int, int, int]
    leaf: bytes
    replaced: bytes


class RowsRefused(NamedTuple):
    """A write was throttled or came back with unprocessed items."""

    store: str
    rows: int


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

_FLUSH_AT = 256


class Trace:
    """Append-only record of a run: dispatches entries to subscribers and hashes them."""

    def __init__(self) -> None:
        self._subscribers: dict[type[Any], list[Subscriber]] = {}
        self._pending: list[tuple[Any, ...]] = []
        self._hash = hashlib.sha256()
        self.entries = 0

    def subscribe(self, kind: type[Any], subscriber: Subscriber) -> None:
        """Call `subscriber(at_us, node, fact)` for every fact of exactly this type."""
        self._subscribers.setdefault(kind, []).append(subscriber)

    def emit(self, at_us: int, node: str, fact: tuple[Any, ...]) -> None:
        """Append one fact."""
        kind = type(fact)
        self._pending.append((kind.__name__, at_us, node, *fact))
        if len(self._pending) >= _FLUSH_AT:
            self._flush()
        for subscriber in self._subscribers.get(kind, ()):
            subscriber(at_us, node, fact)

    def _flush(self) -> None:
        self.entries += len(self._pending)
        self._hash.update(cbor2.dumps(self._pending))
        self._pending.clear()

    def digest(self) -> str:
        """SHA-256 (hex) over all entries so far."""
        self._flush()
        return self._hash.hexdigest()
