"""The contact plan: who can transmit to whom, when, how fast and how far away in light time.

Both ends rehearse one plan, so no handshake is needed over minutes of light time. A plan may be stale or wrong: it
decides when to try, never whether data are safe. Times are house microseconds; a contact is given in the transmitter's
time and covers `start_us <= t < end_us`. A transmission lies inside its contact from first to last bit; its arrival may
come after the contact has ended. Propagation never occupies a link.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import NamedTuple

MICROBITS_PER_BYTE = 8_000_000
NEVER_US = 1 << 62


class Contact(NamedTuple):
    """One transmission opportunity; `owlt` holds (instant, one-way light time) knots in microseconds, in time order."""

    source: str
    destination: str
    start_us: int
    end_us: int
    rate_bps: int
    owlt: tuple[tuple[int, int], ...]
    via: str = ""

    def owlt_us(self, at_us: int) -> int:
        """One-way light time for a bit that leaves at `at_us`, linear between knots and constant outside them."""
        knots = self.owlt
        if len(knots) == 1 or at_us <= knots[0][0]:
            return knots[0][1]
        if at_us >= knots[-1][0]:
            return knots[-1][1]
        right = bisect_right(knots, (at_us, -1))
        if knots[right][0] == at_us:
            return knots[right][1]
        (t0, v0), (t1, v1) = knots[right - 1], knots[right]
        return v0 + (v1 - v0) * (at_us - t0) // (t1 - t0)

    def airtime_us(self, size_bytes: int) -> int:
        """Time to radiate `size_bytes`, rounded up to a microsecond."""
        return -(-size_bytes * MICROBITS_PER_BYTE // self.rate_bps)

    def room_bytes(self, at_us: int) -> int:
        """Bytes that still fit when transmission starts at `at_us`."""
        return max(0, (self.end_us - max(at_us, self.start_us)) * self.rate_bps // MICROBITS_PER_BYTE)


class ContactPlan:
    """An immutable set of contacts, indexed by pair.

    Args:
        contacts: in any order; contacts of one pair may touch but not overlap.
        ends: nodes that take bundles for themselves only, and pass none on.

    Raises:
        ValueError: a contact that ends before it starts, has no rate or no light time, or overlaps another.
    """

    def __init__(self, contacts: Iterable[Contact] = (), ends: Iterable[str] = ()) -> None:
        self.ends = frozenset(ends)
        self.contacts = tuple(sorted(contacts, key=lambda c: (c.start_us, c.source, c.destination, c.end_us)))
        self._pairs: dict[tuple[str, str], list[Contact]] = {}
        for contact in self.contacts:
            name = f"contact {contact.source}->{contact.destination}"
            if contact.end_us < contact.start_us:
                raise ValueError(
                    f"{name}: end {contact.end_us} us is before start {contact.start_us} us; swap or drop it"
                )
            if contact.rate_bps <= 0 or not contact.owlt:
                raise ValueError(
                    f"{name}: rate {contact.rate_bps} bit/s and light time must be given; drop the contact"
                )
            before = self._pairs.setdefault((contact.source, contact.destination), [])
            if before and contact.start_us < before[-1].end_us:
                raise ValueError(f"{name}: starts at {contact.start_us} us inside the contact before it; merge them")
            before.append(contact)
        self._ends = {pair: [c.end_us for c in contacts] for pair, contacts in self._pairs.items()}
        self._neighbours: dict[str, list[str]] = {}
        for source, destination in self._pairs:
            self._neighbours.setdefault(source, []).append(destination)
        for names in self._neighbours.values():
            names.sort()

    def between(self, source: str, destination: str) -> list[Contact]:
        """The contacts of one directed pair, in time order."""
        return self._pairs.get((source, destination), [])

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Directed pairs that ever have a contact, sorted."""
        return sorted(self._pairs)

    def neighbours(self, source: str) -> list[str]:
        """Nodes that `source` ever transmits to, sorted."""
        return self._neighbours.get(source, [])

    def current_or_next(self, source: str, destination: str, at_us: int) -> Contact | None:
        """The contact that covers `at_us`, else the next to start, else None."""
        contacts = self.between(source, destination)
        position = bisect_right(self._ends.get((source, destination), ()), at_us)
        return contacts[position] if position < len(contacts) else None

    def opportunity(self, source: str, destination: str, at_us: int, size_bytes: int) -> tuple[int, Contact] | None:
        """Earliest instant, not before `at_us`, at which `size_bytes` can be sent whole, and its contact."""
        position = bisect_left(self._ends.get((source, destination), ()), at_us)
        for contact in self.between(source, destination)[position:]:
            start_us = max(at_us, contact.start_us)
            if start_us + contact.airtime_us(size_bytes) <= contact.end_us:
                return start_us, contact
        return None
