"""When edges can really transmit: the plan less surprises, stows and crashes; how long nothing could leave at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import pairwise
from operator import itemgetter

from twin.experiments.disturbances import (
    down_windows,
    idle_windows,
    span_of_fault,
    surprise_outages,
    usable,
)
from twin.experiments.identities import EARTH
from twin.experiments.space_links import direction_of
from twin.faults.stale_plan import shifted
from twin.guarantees.availability import Availability, Belief, Passage
from twin.network.itineraries import Passing, Usable, as_planned, by_neighbour, departure_us, ways
from twin.network.misled import misled
from twin.network.visibility import Window, subtract, union
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.scenario.fault_rules import AUDITOR_NODE, GATEWAY
from twin.scenario.link_faults import StalePlan
from twin.scenario.model import HabitatScenario

_Wrong = tuple[Window, ContactPlan]
"""While a node goes by a wrong plan, and which one."""


def availability(
    scenario: HabitatScenario, plan: ContactPlan, stows: list[Window], turnaround_us: int
) -> Callable[[tuple[str, ...]], Availability]:
    """What records can really use, by the edges that may carry them: for each the plan less surprises, stows, its own
    crashes and those on Earth; and then whichever can transmit. Each is computed when it is first asked for.
    """
    passing = partial(_passing, scenario, plan, stows)
    wrong_on_mars, wrong_on_earth = _wrong_plans(scenario, plan, "habitat"), _wrong_plans(scenario, plan, "gateway")

    @cache
    def counted_on(source: str, destination: str) -> list[Passing]:
        wrong = wrong_on_earth if source == EARTH else wrong_on_mars
        return _counted_on(plan, wrong, source, destination, passing)

    @cache
    def available_to(edges: tuple[str, ...]) -> Availability:
        down: list[Passing] = []
        up: list[Passing] = []
        for edge in edges:
            down = _or_else(down, counted_on(edge, EARTH))
            up = _or_else(up, counted_on(EARTH, edge))
        beliefs = [_belief(span, believed, edges[0]) for span, believed in wrong_on_mars]
        deaf = stows if all(plan.neighbours(edge) == [EARTH] for edge in edges) else []
        return Availability(Passage(down), Passage(up), turnaround_us, beliefs, deaf)

    return available_to


def _counted_on(
    plan: ContactPlan, wrong: Sequence[_Wrong], source: str, destination: str, passing: Usable
) -> list[Passing]:
    """What a node can use towards another: the best way, or the one that a wrong plan names while it follows that."""
    found = ways(plan, source, destination, passing)
    if not wrong:
        return found
    right = [(a, b, c) for start, end, c in found for a, b in subtract([(start, end)], [span for span, _ in wrong])]
    real = by_neighbour(plan, (source,), destination, passing)
    open_us = {name: [window[:2] for window in as_planned(plan)(source, name)] for name in real}
    for span, believed in wrong:
        options = by_neighbour(believed, (source,), destination, as_planned(believed))
        right += misled(destination, options, real, open_us, span)
    return right


def _belief(span: Window, believed: ContactPlan, edge: str) -> Belief:
    """What an edge expects; edges expect alike."""
    down = by_neighbour(believed, (edge,), EARTH, as_planned(believed))
    return Belief(span, [Passage(windows) for windows in down.values()], Passage(ways(believed, EARTH, edge)))


def _wrong_plans(scenario: HabitatScenario, plan: ContactPlan, node: str) -> list[_Wrong]:
    """When the habitat or the gateway goes by a wrong plan, and by which: of several the one that came last counts."""
    faults = [
        (span_of_fault(scenario, fault), fault)
        for fault in scenario.faults
        if isinstance(fault, StalePlan) and fault.node == node
    ]
    found = []
    for start_us, end_us in pairwise(sorted({us for span, _ in faults for us in span})):
        active = [(span[0], fault) for span, fault in faults if span[0] <= start_us < span[1]]
        if active:
            latest = sorted(active, key=itemgetter(0))[-1][1]
            found.append(((start_us, end_us), shifted(plan, latest.shift_us)))
    return found


def _passing(
    scenario: HabitatScenario, plan: ContactPlan, stows: list[Window], source: str, destination: str
) -> list[Passing]:
    """Windows of one hop that are really usable."""
    pair = (source, destination)
    edges = scenario.habitat.edge_names
    leaving, arriving = surprise_outages(scenario, direction_of(pair), plan.between(*pair))
    down, idle = down_windows(scenario), idle_windows(scenario)
    at_departure = [(o.start_us, o.end_us) for o in leaving]
    at_arrival = [(o.start_us, o.end_us) for o in arriving]
    for node, cuts in ((source, at_departure), (destination, at_arrival)):
        if node in edges:
            cuts += [*(stows if EARTH in pair else ()), *idle[node]]
    if destination == EARTH:
        at_arrival += down[GATEWAY]
    if source == EARTH:
        at_departure += down[GATEWAY] + down[AUDITOR_NODE]  # an ack needs both
    windows = usable(plan, *pair, at_departure)
    for cut in at_arrival:
        windows = [
            (start_us, end_us, contact)
            for begin_us, finish_us, contact in windows
            for start_us, end_us in subtract([(begin_us, finish_us)], [_moved(cut, contact)])
        ]
    return windows


def _or_else(first: list[Passing], second: list[Passing]) -> list[Passing]:
    """Windows of the first, and of the second where the first has none."""
    taken = [(start_us, end_us) for start_us, end_us, _ in first]
    more = [(a, b, contact) for start, end, contact in second for a, b in subtract([(start, end)], taken)]
    return sorted(first + more, key=lambda window: window[:2])


def _moved(cut: Window, contact: Contact) -> Window:
    """A cut in arrival time as the departures that it catches."""
    first_us, until_us = (departure_us(contact, at_us, contact.start_us, contact.end_us) for at_us in cut)
    return first_us, until_us


def longest_silence_s(scenario: HabitatScenario, available: Iterable[Availability], span: Window) -> float:
    """Longest time in which nothing could leave for Earth, whatever the edge, of those that begin before
    generation ends.

    A silence that the end of generation falls into counts in full: what was generated in it waits until it is over.
    """
    windows = union([(start, end) for passage in available for start, end, _ in passage.down.windows])
    silent_from_us = [scenario.start_us, *(end for _, end in windows)]
    silent_until_us = [*(start for start, _ in windows), span[1]]
    silences = zip(silent_from_us, silent_until_us, strict=True)
    return max(until - since for since, until in silences if since < scenario.end_us) / 1e6
