"""When edges can really transmit: the plan less surprises, stows and crashes; how long nothing could leave at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

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
from twin.guarantees.availability import Availability, Passage
from twin.network.itineraries import Passing, departure_us, ways
from twin.network.visibility import Window, subtract, union
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.scenario.fault_rules import AUDITOR_NODE, GATEWAY
from twin.scenario.link_faults import StalePlan
from twin.scenario.model import HabitatScenario


def availability(
    scenario: HabitatScenario, plan: ContactPlan, edges: Sequence[str], stows: list[Window], turnaround_us: int
) -> Availability:
    """What records can really use that any of `edges` carries: for each the plan less surprises, stows, its own
    crashes and those on Earth; and then whichever can transmit.
    """
    down: list[Passing] = []
    up: list[Passing] = []
    for edge in edges:
        passing = partial(_passing, scenario, plan, stows)
        down = _or_else(down, ways(plan, edge, EARTH, passing))
        up = _or_else(up, ways(plan, EARTH, edge, passing))
    return Availability(Passage(down), Passage(up), turnaround_us)


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
    if source in edges:
        at_departure += _misled(scenario, plan, pair)
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


def _misled(scenario: HabitatScenario, plan: ContactPlan, pair: tuple[str, str]) -> list[Window]:
    """When a stale plan lets Mars transmit at no time, or at a wrong one."""
    misled: list[Window] = []
    for fault in scenario.faults:
        if isinstance(fault, StalePlan):
            believed = [(c.start_us, c.end_us) for c in shifted(plan, fault.shift_us).between(*pair)]
            misled += subtract([span_of_fault(scenario, fault)], believed)
    return misled


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
