"""A bundle that waits, and the queues towards one neighbour."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twin.pipeline.transport.antenna import Antenna
from twin.pipeline.transport.contact_plan import NEVER_US
from twin.pipeline.transport.contact_volume import LEVELS, ContactVolume
from twin.pipeline.transport.mailer import BundleId
from twin.pipeline.transport.route import NOBODY, Route


class Parcel:
    """A bundle under way to `destination`; `expiry_us` is the last instant at which it is good.

    Attributes:
        bundle: its identity: source node, creation time, sequence.
        came_from: the neighbour that brought it, None where it was made.
        owner: what its maker must know when it has left or is given up.
        shunned: neighbours that shall take it only if there is no other.
        size: what it takes of a contact, never less than what leaves.
        left_us: when it left the node before, where what leaves depends on that (`passing_on`), else None.
    """

    __slots__ = (
        "bundle", "came_from", "data", "destination", "expiry_us", "left_us", "owner", "priority", "route", "shunned",
        "size",
    )  # fmt: skip
    route: Route

    def __init__(
        self,
        data: bytes,
        destination: str,
        priority: int,
        expiry_us: int,
        bundle: BundleId,
        came_from: str | None = None,
        owner: Any = None,
        shunned: frozenset[str] = NOBODY,
    ) -> None:
        self.data = data
        self.size = len(data)
        self.destination = destination
        self.priority = priority
        self.expiry_us = expiry_us
        self.bundle = bundle
        self.came_from = came_from
        self.owner = owner
        self.shunned = shunned
        self.left_us: int | None = None


class Lane:
    """One neighbour: its antenna, and queues by priority in the order of planned departure; `falling` holds the same
    queues, highest priority first.
    """

    __slots__ = ("antenna", "expiry_us", "failures", "falling", "held_us", "queues", "under_way", "wake_us")

    def __init__(self, antenna: Antenna) -> None:
        self.antenna = antenna
        self.queues: tuple[deque[Parcel], ...] = tuple([deque() for _ in range(LEVELS)])
        self.falling = self.queues[::-1]
        self.under_way: Parcel | None = None
        self.wake_us = NEVER_US
        self.expiry_us = NEVER_US
        self.failures = 0
        self.held_us = 0

    def add(self, parcel: Parcel) -> None:
        """Queue behind what departs no later."""
        queue = self.queues[parcel.priority]
        if queue:
            position = len(queue)
            departure_us = parcel.route.spans[0][0]
            while position and queue[position - 1].route.spans[0][0] > departure_us:
                position -= 1
            queue.insert(position, parcel)
        else:
            queue.append(parcel)
        if parcel.expiry_us < self.expiry_us:
            self.expiry_us = parcel.expiry_us

    def take_overbooked(self, volume: ContactVolume, priority: int, release: Callable[[Route], None]) -> list[Parcel]:
        """Take out lower priorities, the newest of the lowest first, and release their routes, until all that is
        promised of a contact fits.
        """
        found: list[Parcel] = []
        for queue in self.queues[:priority]:
            pushed = []
            for parcel in reversed(queue):
                if not volume.overbooked_us:
                    break
                if parcel.route.volumes[0] is volume:
                    release(parcel.route)
                    pushed.append(parcel)
            for parcel in pushed:
                queue.remove(parcel)
            found += reversed(pushed)
        return found

    def take_expired(self, now_us: int) -> list[Parcel]:
        """Take out what is good no more."""
        over = []
        self.expiry_us = NEVER_US
        for queue in self.queues:
            for parcel in [parcel for parcel in queue if now_us > parcel.expiry_us]:
                queue.remove(parcel)
                over.append(parcel)
            self.expiry_us = min([self.expiry_us, *[parcel.expiry_us for parcel in queue]])
        return over

    def take_all(self) -> list[Parcel]:
        """Empty the queues, highest priority first."""
        found = [parcel for queue in self.falling for parcel in queue]
        for queue in self.queues:
            queue.clear()
        self.expiry_us = NEVER_US
        return found
