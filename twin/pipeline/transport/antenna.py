"""One antenna towards one neighbour: what may be radiated now, and when to look again.

Bundles are bound late: the owner asks how much room the current contact has and builds a bundle of that size.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from twin.pipeline.machine import Transmit, made
from twin.pipeline.transport.contact_plan import MICROBITS_PER_BYTE, Contact, ContactPlan

RETRY_US = 10_000_000


class Antenna:
    """State of a transmitter towards `neighbour`: at most one transmission under way.

    Args:
        ids: numbers of transmissions, shared by antennas whose owner tells them apart by number alone.
    """

    __slots__ = ("_contact", "_ids", "_not_before_us", "here", "neighbour", "plan", "under_way", "usable")

    def __init__(self, plan: ContactPlan, here: str, neighbour: str, ids: Iterator[int] | None = None) -> None:
        self.here = here
        self.neighbour = neighbour
        self.replan(plan)
        self.usable = True
        self.under_way: int | None = None
        self._ids = count() if ids is None else ids

    def replan(self, plan: ContactPlan) -> None:
        """Go by another plan from now on; what failed by the old one may go at once."""
        self.plan = plan
        self._contact: Contact | None = None
        self._not_before_us: int | None = None

    def room_bytes(self, now_us: int) -> int:
        """Bytes that may be radiated at once: 0 while busy, unusable or outside a contact."""
        if self.under_way is not None or not self.usable or now_us < (self._not_before_us or now_us):
            return 0
        contact = self._contact
        if contact is None or not contact.start_us <= now_us < contact.end_us:
            contact = self._contact = self.plan.current_or_next(self.here, self.neighbour, now_us)
            if contact is None or contact.start_us > now_us:
                return 0
        return (contact.end_us - now_us) * contact.rate_bps // MICROBITS_PER_BYTE

    def next_start_us(self, now_us: int, size_bytes: int) -> int | None:
        """When `size_bytes` could next be radiated, None if the plan holds no such contact."""
        earliest_us = now_us if self._not_before_us is None else max(now_us, self._not_before_us)
        found = self.plan.opportunity(self.here, self.neighbour, earliest_us, size_bytes)
        return None if found is None else found[0]

    def radiate(self, data: bytes) -> Transmit:
        """The effect that sends `data` now; the antenna is busy until `ended` is called."""
        number = self.under_way = next(self._ids)
        return made(Transmit, (number, self.neighbour, data))

    def ended(self, transmission_id: int) -> bool:
        """The last bit has left; False if this is not the one under way (from before a restart)."""
        if self.under_way != transmission_id:
            return False
        self.under_way = None
        self._not_before_us = None
        return True

    def failed(self, transmission_id: int, now_us: int) -> bool:
        """Nothing has left: try again a little later (the plan may be wrong); False as for `ended`."""
        if not self.ended(transmission_id):
            return False
        self._not_before_us = now_us + RETRY_US
        return True
