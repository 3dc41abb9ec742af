"""Which contacts take a bundle to its destination first: contact graph routing over what is left of each contact.

In the terms of CCSDS 734.3-B-1 (Schedule-Aware Bundle Routing): a route is a sequence of contacts; its projected
arrival counts the wait for each contact, what is promised there already, the airtime and the light time of that
instant; a bundle goes by the route with the earliest projected arrival. Dijkstra's search settles nodes in the order of
arrival [Fraire et al. 2021, "Routing in the Space Internet: A contact graph routing tutorial"]. A node may always keep
a bundle, so the earliest arrival at a node is the best one to go on from, also where light times change.

Each node plans for itself: volumes that others have promised are unknown to it until a bundle does not get through.
Ties go to fewer hops, then to the smaller names of the nodes.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from typing import NamedTuple

from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.pipeline.transport.contact_volume import LEVELS, NORMAL, ContactVolume, Span

NEVER_US = 1 << 62
FORGET_EVERY = 1024  # questions; what is over costs memory and nothing else
NOBODY: frozenset[str] = frozenset()
# arrival, hops, names; then the hops themselves, which are never compared: no two labels have equal names
_Label = tuple[int, int, tuple[str, ...], tuple[tuple[ContactVolume, Span], ...]]


class Route(NamedTuple):
    """The way of one bundle: a contact and a span of it for each hop, and when the last bit arrives."""

    volumes: tuple[ContactVolume, ...]
    spans: list[Span]
    arrival_us: int
    priority: int

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """Contacts from here to the destination."""
        return tuple([volume.contact for volume in self.volumes])

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes from here to the destination, both included."""
        first = self.volumes[0].contact.source
        return (first, *[volume.contact.destination for volume in self.volumes])

    @property
    def next_hop(self) -> str:
        """The neighbour that takes the bundle."""
        return self.volumes[0].contact.destination

    @property
    def departure_us(self) -> int:
        """When its first bit should leave here."""
        return self.spans[0][0]


class _Known(NamedTuple):
    """A route found before. Every other one arrives at `rival_us` or later, for bundles of its class of size."""

    route: Route | None
    size_bytes: int
    at_us: int
    rival_us: int


class _Pair:
    """Contacts of one directed pair of nodes, by their end."""

    __slots__ = ("ends", "over", "owlt_us", "volumes")

    def __init__(self, contacts: list[Contact]) -> None:
        self.volumes = [ContactVolume(contact) for contact in contacts]
        self.ends = [contact.end_us for contact in contacts]
        self.over = 0
        self.owlt_us = min(owlt_us for contact in contacts for _, owlt_us in contact.owlt)


class Router:
    """Finds routes from `here` over one contact plan, and keeps account of what it has promised of each contact.

    A route found once serves later bundles as long as none of the others can have become better: time and promises
    only make routes later, so their arrival then is a bound until something is given back.

    Attributes:
        given_back: how often routes may have become better; while it stands, a destination out of reach stays so.
    """

    def __init__(self, plan: ContactPlan, here: str) -> None:
        self.plan = plan
        self.here = here
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._known: dict[tuple[str, int, int, frozenset[str]], _Known] = {}
        self._from_us: dict[str, int] = {}  # nothing over this neighbour before
        self._asked = 0
        self.given_back = 0

    def best(
        self,
        destination: str,
        size_bytes: int,
        now_us: int,
        priority: int = NORMAL,
        expiry_us: int | None = None,
        excluded: frozenset[str] = NOBODY,
        promise: bool = False,
    ) -> Route | None:
        """The route with the earliest projected arrival, or None if no contacts with room lead there in time.

        Args:
            size_bytes: the whole bundle, at least 1; priority: `BULK`, `NORMAL` or `EXPEDITED`.
            expiry_us: the last instant at which it may arrive, None for any.
            excluded: neighbours that shall not take it.
            promise: whether to promise the route's spans to the bundle, as `commit` does.
        """
        self._asked += 1
        if not self._asked % FORGET_EVERY:
            self._forget(now_us)
        key = (destination, priority, size_bytes.bit_length(), excluded)
        known = self._known.get(key)
        if known is not None and now_us >= known[2]:  # else a clock was set back: nothing is known of then
            before, known_bytes, _, rival_us = known
            if before is None:
                if size_bytes >= known_bytes:
                    return None
            else:
                volumes = before[0]
                from_us = self._from_us.get(volumes[0].contact[1], 0)
                at_us = from_us if from_us > now_us and priority < LEVELS else now_us
                spans = []
                for volume in volumes:
                    span = (volume.take if promise else volume.earliest)(at_us, size_bytes, priority)
                    if span is None:
                        at_us = NEVER_US
                        break
                    spans.append(span)
                    owlt_us = volume.owlt_us
                    at_us = span[1] + (volume.contact.owlt_us(span[1]) if owlt_us is None else owlt_us)
                if at_us < rival_us and (expiry_us is None or at_us <= expiry_us):
                    return Route(volumes, spans, at_us, priority)
                if promise:
                    for volume, span in zip(volumes, spans, strict=False):
                        volume.give_back(span, priority)
                if at_us < rival_us:
                    return None
        route = self._search(destination, size_bytes, now_us, priority, excluded)
        self._learn(key, route, size_bytes, now_us)
        if route is None or (expiry_us is not None and route.arrival_us > expiry_us):
            return None
        if promise:
            self.commit(route)
        return route

    def along(self, route: Route, size_bytes: int, now_us: int) -> Route | None:
        """The contacts of a route for another bundle of its priority; None if one of them has no room for it."""
        at_us, spans = now_us, []
        for volume in route.volumes:
            span = volume.earliest(at_us, size_bytes, route.priority)
            if span is None:
                return None
            spans.append(span)
            at_us = span[1] + volume.contact.owlt_us(span[1])
        return Route(route.volumes, spans, at_us, route.priority)

    def best_case_us(self, destination: str, size_bytes: int, now_us: int) -> int | None:
        """The earliest arrival if nothing were promised to anybody; None if no contacts lead there."""
        route = self.best(destination, size_bytes, now_us, LEVELS)
        return None if route is None else route.arrival_us

    def commit(self, route: Route) -> None:
        """Promise the spans of a route, as `best` has just found it, to its bundle."""
        for volume, span in zip(route.volumes, route.spans, strict=True):
            volume.promise(span, route.priority)

    def release(self, route: Route) -> None:
        """Give back what a route was promised."""
        for volume, span in zip(route.volumes, route.spans, strict=True):
            volume.give_back(span, route.priority)
        self._gave_back()

    def release_first(self, route: Route) -> None:
        """Give back the first hop alone: the bundle has left by another span of this antenna."""
        route.volumes[0].give_back(route.spans[0], route.priority)
        self._gave_back()

    def leaves_early(self, route: Route, now_us: int) -> Route:
        """The bundle leaves by an earlier span of its antenna than planned; its route without the promise of that."""
        self.release_first(route)
        return route._replace(spans=[(now_us, now_us), *route.spans[1:]])

    def _gave_back(self) -> None:
        self.given_back += 1
        self._known.clear()

    def hold(self, neighbour: str, until_us: int) -> None:
        """Plan nothing over this neighbour before an instant: it failed. An instant that is past ends that."""
        self._from_us[neighbour] = until_us
        self._gave_back()

    def busy(self, neighbour: str, until_us: int) -> None:
        """The antenna towards a neighbour radiates until an instant, whatever comes now."""
        if until_us > self._from_us.get(neighbour, 0):
            self._from_us[neighbour] = until_us

    # ------------------------------------------------------------ search

    def _learn(
        self, key: tuple[str, int, int, frozenset[str]], route: Route | None, size_bytes: int, now_us: int
    ) -> None:
        """Note a route and when the next best arrives: any other lacks at least one of its contacts."""
        rival_us = NEVER_US
        if route is not None:
            destination, priority, bits, excluded = key
            least_bytes = 1 << (bits - 1)
            for volume in route.volumes:
                other = self._search(destination, least_bytes, now_us, priority, excluded, volume)
                if other is not None and other.arrival_us < rival_us:
                    rival_us = other.arrival_us
        self._known[key] = _Known(route, size_bytes, now_us, rival_us)

    def _search(
        self,
        destination: str,
        size_bytes: int,
        now_us: int,
        priority: int,
        excluded: frozenset[str],
        without: ContactVolume | None = None,
    ) -> Route | None:
        here, plan = self.here, self.plan
        fewest: dict[str, int] = {}
        labels: list[_Label] = [(now_us, 0, (here,), ())]  # in order; few, so that no heap is needed
        while labels:
            at_us, hops, names, way = labels.pop(0)
            node = names[-1]
            if node == destination:
                return Route(tuple([v for v, _ in way]), [s for _, s in way], at_us, priority) if way else None
            if hops >= fewest.get(node, NEVER_US):
                continue  # one with fewer hops, or before it in the order, was there no later
            fewest[node] = hops
            if hops and node in plan.ends:
                continue
            for neighbour in plan.neighbours(node):
                if hops + 1 >= fewest.get(neighbour, NEVER_US):
                    continue
                from_us = at_us
                if not hops:
                    if neighbour in excluded:
                        continue
                    if priority < LEVELS:
                        from_us = max(at_us, self._from_us.get(neighbour, at_us))
                found = self._opportunity(node, neighbour, from_us, size_bytes, priority, without)
                if found is not None:
                    arrival_us, volume, span = found
                    insort(labels, (arrival_us, hops + 1, (*names, neighbour), (*way, (volume, span))))
        return None

    def _opportunity(
        self, source: str, destination: str, at_us: int, size_bytes: int, priority: int, without: ContactVolume | None
    ) -> tuple[int, ContactVolume, Span] | None:
        """The transmission between two nodes that arrives first: not always the first to leave."""
        pair = self._pair(source, destination)
        best: tuple[int, ContactVolume, Span] | None = None
        for position in range(bisect_right(pair.ends, at_us), len(pair.ends)):
            volume = pair.volumes[position]
            if best is not None and volume.contact.start_us + pair.owlt_us >= best[0]:
                break
            span = None if volume is without else volume.earliest(at_us, size_bytes, priority)
            if span is not None:
                arrival_us = volume.arrival_us(span[1])
                if best is None or arrival_us < best[0]:
                    best = (arrival_us, volume, span)
        return best

    def _forget(self, now_us: int) -> None:
        for pair in self._pairs.values():
            over = bisect_right(pair.ends, now_us)
            for volume in pair.volumes[pair.over : over + 1]:
                volume.forget(now_us)
            pair.over = over

    def _pair(self, source: str, destination: str) -> _Pair:
        pair = self._pairs.get((source, destination))
        if pair is None:
            pair = self._pairs[source, destination] = _Pair(self.plan.between(source, destination))
        return pair


def route(plan: ContactPlan, source: str, destination: str) -> tuple[str, ...] | None:
    """Nodes from `source` to `destination`, both included, over as few hops as possible whenever their contacts are,
    ties by name; None if no contacts lead there.
    """
    came_from = {source: source}
    queue = deque([source])
    while queue:
        node = queue.popleft()
        if node == destination:
            path = [node]
            while path[-1] != source:
                path.append(came_from[path[-1]])
            return tuple(reversed(path))
        for neighbour in plan.neighbours(node):
            if neighbour not in came_from:
                came_from[neighbour] = node
                queue.append(neighbour)
    return None
