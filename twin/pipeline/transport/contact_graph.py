"""What is left of the contacts of a plan, and the search for the earliest arrival over them.

Dijkstra's search settles nodes in the order of arrival [Fraire et al. 2021, "Routing in the Space Internet: A contact
graph routing tutorial"]. A node may always keep a bundle, so the earliest arrival at a node is the best one to go on
from, also where light times change. Ties go to fewer hops, then to the smaller names of the nodes.
"""

from __future__ import annotations

from bisect import bisect_right, insort

from twin.pipeline.transport.contact_plan import NEVER_US, Contact, ContactPlan
from twin.pipeline.transport.contact_volume import LEVELS, ContactVolume, Span
from twin.pipeline.transport.route import Route

# arrival, hops, names; then the hops themselves, which are never compared: no two labels have equal names
_Label = tuple[int, int, tuple[str, ...], tuple[tuple[ContactVolume, Span], ...]]


class _Pair:
    """Contacts of one directed pair of nodes, by their end."""

    __slots__ = ("ends", "over", "owlt_us", "volumes")

    def __init__(self, contacts: list[Contact]) -> None:
        self.volumes = [ContactVolume(contact) for contact in contacts]
        self.ends = [contact.end_us for contact in contacts]
        self.over = 0
        self.owlt_us = min(owlt_us for contact in contacts for _, owlt_us in contact.owlt)


class ContactGraph:
    """The contacts of a plan, seen from `here`, less what is promised of them."""

    def __init__(self, plan: ContactPlan, here: str) -> None:
        self.plan = plan
        self.here = here
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._from_us: dict[str, int] = {}  # nothing over this neighbour before

    def search(
        self,
        destination: str,
        size_bytes: int,
        now_us: int,
        priority: int,
        excluded: frozenset[str],
        without: ContactVolume | None = None,
    ) -> Route | None:
        """The route with the earliest projected arrival, None if there is none; `without` using one of the contacts."""
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

    def forget(self, now_us: int) -> None:
        """Keep no account of what is over: it costs memory and nothing else."""
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
