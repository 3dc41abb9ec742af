"""When edges can really transmit: the plan less surprises, stows and crashes; how long nothing could leave at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twin.experiments.disturbances import (
    down_windows,
    idle_windows,
    span_of_fault,
    surprise_outages,
    usable,
)
from twin.experiments.identities import EARTH
from twin.faults.stale_plan import shifted
from twin.guarantees.availability import Availability, Passage
from twin.network.visibility import Window, subtract, union
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.scenario.fault_rules import AUDITOR_NODE, GATEWAY
from twin.scenario.link_faults import StalePlan
from twin.scenario.model import HabitatScenario

Passing = tuple[int, int, Contact]


def availability(
    scenario: HabitatScenario, plan: ContactPlan, edges: Sequence[str], stows: list[Window], turnaround_us: int
) -> Availability:
    """What records can really use that any of `edges` carries: for each the plan less surprises, stows, its own
    crashes and those on Earth; and then whichever can transmit.
    """
    down: list[Passing] = []
    up: list[Passing] = []
    for edge in edges:
        down = _or_else(down, _passing(scenario, plan, "down", edge, stows))
        up = _or_else(up, _passing(scenario, plan, "up", edge, stows))
    return Availability(Passage(down), Passage(up), turnaround_us)


def _passing(
    scenario: HabitatScenario, plan: ContactPlan, direction: str, edge: str, stows: list[Window]
) -> list[Passing]:
    pair = (edge, EARTH) if direction == "down" else (EARTH, edge)
    leaving, arriving = surprise_outages(scenario, direction, plan.between(*pair))
    idle = down_windows(scenario)
    at_mars = [*stows, *idle_windows(scenario)[edge]]
    at_departure = [(o.start_us, o.end_us) for o in leaving]
    at_arrival = [(o.start_us, o.end_us) for o in arriving]
    if direction == "down":
        at_departure += at_mars + _misled(scenario, plan, pair)
        at_arrival += idle[GATEWAY]
    else:
        at_departure += idle[GATEWAY] + idle[AUDITOR_NODE]  # an ack needs both
        at_arrival += at_mars
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


def _moved(cut: tuple[int, int], contact: Contact) -> tuple[int, int]:
    """A cut in arrival time as the departures that it catches."""
    owlt_us = contact.owlt_us(contact.start_us)
    return cut[0] - owlt_us, cut[1] - owlt_us


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
