"""What an ack says of the records beyond those it has verified: which are missing, and that its list is whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twin.guarantees.truth import Key
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import AckMade, BundleSent, EpochClosed
from twin.trace import Entry, HopDelivered, HopLost, HopSent, Radiated, RowStored, Trace

Record = tuple[int, int, int]

NODE_DOWN: Final = "node_down"
"""Cause of a loss where nobody took the copy: a second leader may have."""


class WordOfGaps:
    """What an ack does not name among the gaps, below the index up to which it names all, has arrived on Earth.

    A copy counts as arrived when its hop ends there, be it damaged. Of a copy whose content is not known (put in by
    somebody else, or passed on by a relay) any record may have come that was radiated before; a closing frame also
    travels as mail, and is not asked for.

    Args:
        earth: the node that the way down ends at.
    """

    def __init__(self, checker: Checker, earth: str) -> None:
        self._checker = checker
        self._down = f"->{earth}"
        self._links: set[str] = set()  # those that bundles come down by; the auditor is heard over the ground
        self._handed: dict[str, tuple[int, tuple[Record, ...]]] = {}
        self._radiating: dict[str, tuple[int, tuple[Record, ...]]] = {}
        self._copies: dict[tuple[str, int], tuple[Record, ...] | None] = {}
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
                self._handed[node] = (at_us, tuple(record for record, _ in fact.records))
            elif kind is Radiated:
                self._leaves(at_us, node, fact.link)
            elif kind is RowStored:
                self._put(self._arrived, (fact.record,))
            elif kind is EpochClosed:
                self._closing.add(fact.record)
            elif kind is AckMade:
                self._judge(at_us, node, fact)

    def _leaves(self, at_us: int, node: str, link: str) -> None:
        if link.endswith(self._down):
            self._links.add(link)
        handed_us, records = self._handed.get(node, (at_us, ()))
        if handed_us != at_us:
            records = ()  # mail
        self._radiating[node] = (at_us, records)
        self._put(self._on_the_way, records)

    def _hop(self, at_us: int, node: str, fact: HopSent | HopDelivered | HopLost) -> None:
        place = (fact.link, fact.hop)
        if isinstance(fact, HopSent):
            radiated_us, records = self._radiating.get(node, (-1, ()))
            known = radiated_us == at_us and node in self._handed
            self._copies[place] = records if known else None
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
        for index in range(max(fact.verified, trimmed), fact.complete_to):
            named = any(first <= index < end for first, end in fact.gaps)
            if not named and index not in arrived and (*stream, index) not in self._closing:
                what = f"an ack that names all gaps below {fact.complete_to} does not name a record that never came"
                self._checker.violate(at_us, node, (*stream, index), what)
                return
        for known in (arrived, self._on_the_way.get(stream, set())):
            known.difference_update([index for index in known if index < trimmed])
