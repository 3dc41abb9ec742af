"""What an ack says of the records beyond those it has verified: which are missing, and that its list is whole."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final

import cbor2

from twin.guarantees.truth import Key
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import AckMade, BundleSent, EpochClosed
from twin.trace import Entry, HopDelivered, HopLost, HopSent, Radiated, RowStored, Trace

Record = tuple[int, int, int]
Records = tuple[Record, ...]
BundleId = tuple[int, int, int]

BUNDLES_MIN: Final = 100  # those few are not worth looking through
NODE_DOWN: Final = "node_down"
"""Cause of a loss where nobody took the copy: a second leader may have."""


class WordOfGaps:
    """What an ack does not name among the gaps, below the index up to which it names all, has arrived on Earth.

    A copy counts as arrived when its hop ends there, be it damaged. What a relay passes on is known by the bundle's
    identity (RFC 9171 4.3.1), which stands in clear. Of a copy whose content is not known, because somebody else put it
    in, any record may have come that was radiated before; a closing frame also travels as mail, and is not asked for.

    Args:
        earth: the node that the way down ends at.
    """

    def __init__(self, checker: Checker, earth: str) -> None:
        self._checker = checker
        self._down = f"->{earth}"
        self._links: set[str] = set()  # those that bundles come down by; the auditor is heard over the ground
        self._handed: dict[str, tuple[int, BundleId, Records]] = {}
        self._passed: dict[BundleId, Records] = {}  # what went to relays
        self._passed_max = BUNDLES_MIN  # with which it is looked through
        self._radiating: dict[str, tuple[int, Records | None]] = {}
        self._copies: dict[tuple[str, int], Records | None] = {}
        self._on_the_way: dict[Key, set[int]] = {}
        self._arrived: dict[Key, set[int]] = {}
        self._closing: set[Record] = set()
        self._trimmed: dict[Key, int] = {}  # what is backed up is not looked at again

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        trace.read(self._read)

    def _read(self, entries: Sequence[Entry]) -> None:
        for at_us, node, fact in entries:
            kind = type(fact)
            if kind is HopSent or kind is HopDelivered or kind is HopLost:
                if fact[0] in self._links:
                    self._hop(at_us, node, fact)
            elif kind is BundleSent:
                self._handed[node] = (at_us, fact.bundle, tuple(record for record, _ in fact.records))
            elif kind is Radiated:
                self._leaves(at_us, node, fact)
            elif kind is RowStored:
                self._put(self._arrived, (fact.record,))
            elif kind is EpochClosed:
                self._closing.add(fact.record)
            elif kind is AckMade:
                self._judge(at_us, node, fact)

    def _leaves(self, at_us: int, node: str, fact: Radiated) -> None:
        home = fact.link.endswith(self._down)
        if home:
            self._links.add(fact.link)
        if node not in self._handed:  # a relay, or an edge that has had nothing but mail
            self._radiating[node] = (at_us, self._passed_on(fact.data) if home else None)
            return
        handed_us, bundle, records = self._handed[node]
        if handed_us != at_us:
            records = ()  # mail
        elif not home:
            self._passed[bundle] = records
        self._radiating[node] = (at_us, records)
        self._put(self._on_the_way, records)

    def _passed_on(self, data: bytes) -> Records | None:
        """The records of a bundle that a node has not made itself: none but those that were handed to relays."""
        bundle = _identity(data)
        return None if bundle is None else self._passed.get(bundle, ())

    def _hop(self, at_us: int, node: str, fact: HopSent | HopDelivered | HopLost) -> None:
        place = (fact.link, fact.hop)
        if isinstance(fact, HopSent):
            radiated_us, records = self._radiating.get(node, (-1, None))
            self._copies[place] = records if radiated_us == at_us else None
            return
        copied = self._copies.pop(place, None)
        if isinstance(fact, HopLost) and fact.cause != NODE_DOWN:
            return
        if copied is not None:
            self._put(self._arrived, copied)
            return
        for stream, indices in self._on_the_way.items():
            self._arrived.setdefault(stream, set()).update(indices)

    @staticmethod
    def _put(into: dict[Key, set[int]], records: Sequence[Record]) -> None:
        for device, epoch, index in records:
            into.setdefault((device, epoch), set()).add(index)

    def _judge(self, at_us: int, node: str, fact: AckMade) -> None:
        stream = (fact.stream.device, fact.stream.epoch)
        arrived = self._arrived.setdefault(stream, set())
        self._checker.checked += 1
        trimmed = self._trimmed[stream] = max(fact.trim, self._trimmed.get(stream, 0))
        self._forget_passed()
        for index in range(max(fact.verified, trimmed), fact.complete_to):
            named = any(first <= index < end for first, end in fact.gaps)
            if not named and index not in arrived and (*stream, index) not in self._closing:
                what = f"an ack that names all gaps below {fact.complete_to} does not name a record that never came"
                self._checker.violate(at_us, node, (*stream, index), what)
                return
        for known in (arrived, self._on_the_way.get(stream, set())):
            known.difference_update([index for index in known if index < trimmed])

    def _forget_passed(self) -> None:
        """What is backed up whole may come again, and brings nothing new."""
        if len(self._passed) >= self._passed_max:
            self._passed = {bundle: of for bundle, of in self._passed.items() if any(map(self._is_open, of))}
            self._passed_max = 2 * len(self._passed) + BUNDLES_MIN

    def _is_open(self, record: Record) -> bool:
        return record[2] >= self._trimmed.get(record[:2], 0)


def _identity(data: bytes) -> BundleId | None:
    """Source node, creation time and sequence number in the primary block of a bundle; None if it has none."""
    try:
        primary: Any = cbor2.CBORDecoder(BytesIO(data[1:])).decode()
        (_, (node, _)), (created_ms, sequence) = primary[4], primary[6]
    except (cbor2.CBORDecodeError, ValueError, TypeError, IndexError):
        return None
    return node, created_ms, sequence
