"""Which contacts take a bundle to its destination first: contact graph routing over what is left of each contact.

In the terms of CCSDS 734.3-B-1 (Schedule-Aware Bundle Routing): a route is a sequence of contacts; its projected
arrival counts the wait for each contact, what is promised there already, the airtime and the light time of that
instant; a bundle goes by the route with the earliest projected arrival.

Each node plans for itself: volumes that others have promised are unknown to it until a bundle does not get through.
"""

from __future__ import annotations

from typing import NamedTuple

from twin.pipeline.machine import made
from twin.pipeline.transport.contact_graph import ContactGraph
from twin.pipeline.transport.contact_plan import NEVER_US, ContactPlan
from twin.pipeline.transport.contact_volume import LEVELS, NORMAL, ContactVolume, Span
from twin.pipeline.transport.route import NOBODY, Route

__all__ = ["Route", "Router"]

FORGET_EVERY = 1024  # questions


class _Known(NamedTuple):
    """The contacts of a route found at `at_us`, none if there was none, and their first node after this one. Every
    other route arrives at `rival_us` or later, for bundles of its class of size.
    """

    volumes: tuple[ContactVolume, ...]
    neighbour: str
    size_bytes: int
    at_us: int
    rival_us: int


class Router(ContactGraph):
    """Finds routes from `here` over one contact plan, and keeps account of what it has promised of each contact.

    A route found once serves later bundles as long as none of the others can have become better: time and promises
    only make routes later, so their arrival then is a bound until something is given back.

    Attributes:
        given_back: how often routes may have become better; while it stands, a destination out of reach stays so.
    """

    def __init__(self, plan: ContactPlan, here: str) -> None:
        super().__init__(plan, here)
        self._known: dict[tuple[str, int, int, frozenset[str]], _Known] = {}
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
            self.forget(now_us)
        key = (destination, priority, size_bytes.bit_length(), excluded)
        known = self._known.get(key)
        if known is not None and now_us >= known[3]:  # else a clock was set back: nothing is known of then
            volumes, neighbour, known_bytes, _, rival_us = known
            if volumes:
                at_us = self._from_us.get(neighbour, 0)
                if at_us < now_us or priority == LEVELS:
                    at_us = now_us
                spans: list[Span] = []
                for volume in volumes:
                    span = (volume.take if promise else volume.earliest)(at_us, size_bytes, priority)
                    if span is None:
                        at_us = NEVER_US
                        break
                    spans.append(span)
                    owlt_us = volume.owlt_us
                    at_us = span[1] + (volume.contact.owlt_us(span[1]) if owlt_us is None else owlt_us)
                if at_us < rival_us and (expiry_us is None or at_us <= expiry_us):
                    return made(Route, (volumes, spans, at_us, priority))
                if promise:
                    for volume, span in zip(volumes, spans, strict=False):
                        volume.give_back(span, priority)
                if at_us < rival_us:
                    return None
            elif size_bytes >= known_bytes:
                return None
        route = self.search(destination, size_bytes, now_us, priority, excluded)
        self._learn(key, route, size_bytes, now_us)
        if route is None or (expiry_us is not None and route.arrival_us > expiry_us):
            return None
        if promise:
            self.commit(route)
        return route

    def _learn(
        self, key: tuple[str, int, int, frozenset[str]], route: Route | None, size_bytes: int, now_us: int
    ) -> None:
        """Note a route and when the next best arrives: any other lacks at least one of its contacts."""
        if route is None:
            self._known[key] = _Known((), "", size_bytes, now_us, NEVER_US)
            return
        destination, priority, bits, excluded = key
        least_bytes = 1 << (bits - 1)
        others = [self.search(destination, least_bytes, now_us, priority, excluded, v) for v in route.volumes]
        rival_us = min([other.arrival_us for other in others if other is not None], default=NEVER_US)
        self._known[key] = _Known(route.volumes, route.next_hop, size_bytes, now_us, rival_us)

    def along(self, route: Route, size_bytes: int, now_us: int) -> Route | None:
        """The contacts of a route for another bundle of its priority; None if one of them has no room for it."""
        at_us, spans = now_us, []
        for volume in route.volumes:
            span = volume.earliest(at_us, size_bytes, route.priority)
            if span is None:
                return None
            spans.append(span)
            at_us = volume.arrival_us(span[1])
        return Route(route.volumes, spans, at_us, route.priority)

    def best_case_us(self, destination: str, size_bytes: int, now_us: int) -> int | None:
        """The earliest arrival if nothing were promised to anybody; None if no contacts lead there."""
        route = self.best(destination, size_bytes, now_us, LEVELS)
        return None if route is None else route.arrival_us

    # ------------------------------------------------------------ promises

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

    def hold(self, neighbour: str, until_us: int) -> None:
        """Plan nothing over this neighbour before an instant: it failed. An instant that is past ends that."""
        self._from_us[neighbour] = until_us
        self._gave_back()

    def busy(self, neighbour: str, until_us: int) -> None:
        """The antenna towards a neighbour radiates until an instant, whatever comes now."""
        if until_us > self._from_us.get(neighbour, 0):
            self._from_us[neighbour] = until_us

    def _gave_back(self) -> None:
        self.given_back += 1
        self._known.clear()
