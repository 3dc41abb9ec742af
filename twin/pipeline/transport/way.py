"""The way of a node's bundles to one destination, direct or over relays: who takes the next one, and when.

At most one bundle is under way at a time. Bundles are bound late: the owner asks how much room there is now, builds a
bundle of that size and radiates it; the route is chosen for what the owner said last that it wants to send.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from twin.pipeline.machine import Transmit
from twin.pipeline.transport.antenna import RETRY_US, Antenna
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.route import Route
from twin.pipeline.transport.routing import Router

DOUBLINGS_MAX = 6  # of the pause after a failure
PAUSE_MAX_US = RETRY_US << DOUBLINGS_MAX
"""How long a neighbour that failed is left alone at most: 640 s."""
PROBE_BYTES = 1_000
"""Size of the bundle that the route is asked for before the owner has said what it wants to send."""


class Way:
    """State of a transmitter towards `destination`; alike `Antenna` for its owner.

    Args:
        ids: numbers of transmissions, one row for all ways of a node: over one relay several may be under way.
        router: what is promised of contacts, one account for all ways of a node as well.

    Attributes:
        usable: whether any neighbour can be transmitted to.
    """

    def __init__(
        self,
        plan: ContactPlan,
        here: str,
        destination: str,
        ids: Iterator[int] | None = None,
        router: Router | None = None,
    ) -> None:
        self.here = here
        self.destination = destination
        self._ids = count() if ids is None else ids
        self._antennas: dict[str, Antenna] = {}
        self._busy: Antenna | None = None
        self._chosen: Route | None = None
        self._wanted_bytes = PROBE_BYTES
        self._failures: dict[str, int] = {}
        self.replan(plan, router)

    def replan(self, plan: ContactPlan, router: Router | None = None) -> None:
        """Go by another plan from now on; `router` is that of all ways of the node."""
        self.plan = plan
        self._failures.clear()
        if self._busy is None:
            self._chosen = None
        for neighbour in _leading_to(plan, self.here, self.destination):
            if neighbour not in self._antennas:
                self._antennas[neighbour] = Antenna(plan, self.here, neighbour, self._ids)
        for antenna in self._antennas.values():
            antenna.replan(plan)
        self._router = router or Router(plan, self.here)
        direct = self._antennas.get(self.destination)
        self._only = direct if direct is not None and len(self._antennas) == 1 else None

    @property
    def usable(self) -> bool:
        """Whether anybody on the way can be transmitted to."""
        return any(antenna.usable for antenna in self._antennas.values()) or not self._antennas

    def link(self, neighbour: str, usable: bool) -> bool:
        """A neighbour became usable or unusable; whether this concerns the way."""
        antenna = self._antennas.get(neighbour)
        if antenna is None:
            return False
        antenna.usable = usable
        return True

    @property
    def under_way(self) -> int | None:
        """The transmission under way."""
        return None if self._busy is None else self._busy.under_way

    def room_bytes(self, now_us: int) -> int:
        """Bytes that may be radiated at once: 0 while busy, or while nobody on the best route hears."""
        if self._only is not None:
            return self._only.room_bytes(now_us)
        if self._busy is not None:
            return 0
        route = self._chosen = self._best(self._wanted_bytes, now_us)
        if route is None or route.departure_us > now_us:
            return 0
        room_bytes = self._antennas[route.next_hop].room_bytes(now_us)
        while room_bytes > self._wanted_bytes and self._router.along(route, room_bytes, now_us) is None:
            room_bytes = max(self._wanted_bytes, room_bytes // 2)  # a contact behind has no room for so much
        return room_bytes

    def next_start_us(self, now_us: int, size_bytes: int) -> int | None:
        """When `size_bytes` should next be radiated, None if the plan holds no such route."""
        if self._only is not None:
            return self._only.next_start_us(now_us, size_bytes)
        self._wanted_bytes = size_bytes
        route = self._best(size_bytes, now_us)
        return None if route is None else route.departure_us

    def radiate(self, data: bytes, now_us: int) -> Transmit:
        """The effect that sends `data` now, for which `room_bytes` has just had room; the way is busy until `ended`.

        Where so large a bundle had better wait for another neighbour, it goes the way that is open all the same.
        """
        antenna = self._only
        if antenna is None:
            route = self._best(len(data), now_us)
            if route is None or route.departure_us > now_us:
                assert self._chosen is not None
                route = self._router.along(self._chosen, len(data), now_us) or self._chosen
            self._chosen = route
            antenna = self._antennas[route.next_hop]
            self._router.commit(route)
            self._wanted_bytes = PROBE_BYTES
        self._busy = antenna
        return antenna.radiate(data)

    def reach_us(self, now_us: int) -> int:
        """How long what leaves now, or in the next contact, is on its way; 0 if the plan holds no route."""
        if self._only is not None:
            contact = self.plan.current_or_next(self.here, self.destination, now_us)
            return 0 if contact is None else contact.owlt_us(now_us)
        route = self._best(PROBE_BYTES, now_us)
        return 0 if route is None else route.arrival_us - route.departure_us

    def arrival_us(self, sent_us: int) -> int:
        """When what ended transmission at `sent_us` should arrive at the destination."""
        route = self._chosen
        if self._only is not None or route is None or len(route.contacts) == 1:
            contact = self.plan.current_or_next(self.here, self.destination, max(sent_us - 1, 0))
            return sent_us if contact is None else sent_us + contact.owlt_us(sent_us)
        return max(sent_us + route.contacts[0].owlt_us(sent_us), route.arrival_us)

    def ended(self, transmission_id: int) -> bool:
        """The last bit has left; False if this is not the one under way (from before a restart)."""
        if self._busy is None or not self._busy.ended(transmission_id):
            return False
        self._failures.pop(self._busy.neighbour, None)
        self._busy = None
        return True

    def failed(self, transmission_id: int, now_us: int) -> bool:
        """Nothing has left: try again a little later (the plan may be wrong); False as for `ended`."""
        if self._busy is None or not self._busy.failed(transmission_id, now_us):
            return False
        if self._only is None:
            if self._chosen is not None:  # else there was one way only when it was sent
                self._router.release(self._chosen)
            self._router.hold(self._busy.neighbour, now_us + self._pause_us(self._busy.neighbour))
        self._busy = None
        return True

    def _pause_us(self, neighbour: str) -> int:
        """How long a neighbour that failed is left alone: each further failure in a row doubles it."""
        failures = self._failures[neighbour] = self._failures.get(neighbour, 0) + 1
        return RETRY_US << min(failures - 1, DOUBLINGS_MAX)

    def _best(self, size_bytes: int, now_us: int) -> Route | None:
        deaf = frozenset(name for name, antenna in self._antennas.items() if not antenna.usable)
        return self._router.best(self.destination, size_bytes, now_us, excluded=deaf)


def _leading_to(plan: ContactPlan, here: str, destination: str) -> list[str]:
    """Neighbours over which contacts lead to a destination without coming back, sorted."""
    return [neighbour for neighbour in plan.neighbours(here) if _leads(plan, neighbour, destination, here)]


def _leads(plan: ContactPlan, start: str, destination: str, without: str) -> bool:
    seen, open_nodes = {without, start}, [start]
    while open_nodes:
        node = open_nodes.pop()
        if node == destination:
            return True
        onward = () if node in plan.ends else plan.neighbours(node)
        fresh = [neighbour for neighbour in onward if neighbour not in seen]
        seen.update(fresh)
        open_nodes += fresh
    return False
