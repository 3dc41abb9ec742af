"""When edges can really transmit: the plan less surprises, stows and crashes; how long nothing could leave at all."""

from __future__ import annotations

from collections.abc import Iterable

from twin.experiments.disturbances import crash_windows, merge, surprise_outages, usable
from twin.experiments.identities import EARTH
from twin.guarantees.availability import Availability, Passage
from twin.network.visibility import Window, subtract
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.scenario.model import HabitatScenario


def availability(
    scenario: HabitatScenario, plan: ContactPlan, edge: str, stows: list[Window], turnaround_us: int
) -> Availability:
    """What an edge can really use: the plan less surprises, stows and its own crashes."""
    crashes = crash_windows(scenario)[edge]
    passages = []
    for direction, pair in (("down", (edge, EARTH)), ("up", (EARTH, edge))):
        leaving, arriving = surprise_outages(scenario, direction, plan.between(*pair))
        at_mars = [*stows, *crashes]
        at_departure = [(o.start_us, o.end_us) for o in leaving] + (at_mars if direction == "down" else [])
        at_arrival = [(o.start_us, o.end_us) for o in arriving] + (at_mars if direction == "up" else [])
        windows = usable(plan, *pair, at_departure)
        for cut in at_arrival:
            windows = [
                (start_us, end_us, contact)
                for begin_us, finish_us, contact in windows
                for start_us, end_us in subtract([(begin_us, finish_us)], [_moved(cut, contact)])
            ]
        passages.append(Passage(windows))
    return Availability(passages[0], passages[1], turnaround_us)


def _moved(cut: tuple[int, int], contact: Contact) -> tuple[int, int]:
    """A cut in arrival time as the departures that it catches."""
    owlt_us = contact.owlt_us(contact.start_us)
    return cut[0] - owlt_us, cut[1] - owlt_us


def longest_silence_s(scenario: HabitatScenario, available: Iterable[Availability], span: Window) -> float:
    """Longest time in which nothing could leave for Earth, whatever the edge, of those that begin before
    generation ends.

    A silence that the end of generation falls into counts in full: what was generated in it waits until it is over.
    """
    windows = merge([(start, end) for passage in available for start, end, _ in passage.down.windows])
    silent_from_us = [scenario.start_us, *(end for _, end in windows)]
    silent_until_us = [*(start for start, _ in windows), span[1]]
    silences = zip(silent_from_us, silent_until_us, strict=True)
    return max(until - since for since, until in silences if since < scenario.end_us) / 1e6
