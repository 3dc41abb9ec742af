"""From a scenario's faults and storms to times: what is closed by plan, what is cut by surprise, who is down when."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twin.faults.link import LinkFaults, Outage, Rule
from twin.network.visibility import Window, subtract
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.randomness import stream
from twin.scenario.catalogue import STATIONS
from twin.scenario.faults import BundleDuplication, BundleLoss, BundleReorder, EdgeCrash, LinkOutage, TableThrottling
from twin.scenario.model import BareScenario, HabitatScenario
from twin.world import dust

FOREVER_US = 1 << 62
LINK_FAULTS = (BundleLoss, BundleDuplication, BundleReorder)


class Disturbance(NamedTuple):
    """One entry of a run's calendar of trouble; `end_us` None lasts to the end of the run."""

    kind: str
    place: str
    start_us: int
    end_us: int | None
    detail: str


def link_faults(scenario: HabitatScenario | BareScenario, link: str) -> LinkFaults:
    """The random faults of one link, each with its own random stream, numbered among those of its kind and link."""
    rules = []
    numbers: dict[str, int] = {}
    for fault in scenario.faults:
        if isinstance(fault, LINK_FAULTS) and fault.link == link:
            number = numbers[fault.kind] = numbers.get(fault.kind, 0) + 1
            until_us = FOREVER_US if fault.until_us is None else scenario.start_us + fault.until_us
            delay_us = fault.delay_us if isinstance(fault, BundleReorder) else 0
            random = stream(scenario.seed, "fault", fault.kind, link, str(number))
            rules.append(Rule(fault.kind, fault.rate, scenario.start_us + fault.from_us, until_us, delay_us, random))
    return LinkFaults(rules)


def stations_out(scenario: HabitatScenario, fault: LinkOutage) -> tuple[str, ...]:
    """Stations that an outage concerns; all of them where it names a link."""
    if fault.station is not None:
        return (fault.station,)
    if fault.complex is not None:
        return tuple(name for name in scenario.network.stations if STATIONS[name].complex == fault.complex)
    return scenario.network.stations


def announced_closures(scenario: HabitatScenario, direction: str) -> dict[str, tuple[Window, ...]]:
    """What the plan of one direction ("down", "up") knows to be closed, by station."""
    closed: dict[str, list[Window]] = {}
    for fault in scenario.faults:
        if isinstance(fault, LinkOutage) and fault.announced and fault.link in (None, "both", direction):
            window = (scenario.start_us + fault.at_us, scenario.start_us + fault.at_us + fault.for_us)
            for station in stations_out(scenario, fault):
                closed.setdefault(station, []).append(window)
    return {station: tuple(sorted(windows)) for station, windows in closed.items()}


def surprise_outages(
    scenario: HabitatScenario, direction: str, contacts: list[Contact]
) -> tuple[list[Outage], list[Outage]]:
    """Outages that the plan does not know, as (leaving, arriving) times of a link's contacts.

    An outage at Earth concerns arrivals of the way down and departures of the way up.
    """
    leaving: list[Outage] = []
    arriving: list[Outage] = []
    for fault in scenario.faults:
        if not isinstance(fault, LinkOutage) or fault.announced or fault.link not in (None, "both", direction):
            continue
        start_us = scenario.start_us + fault.at_us
        end_us = start_us + fault.for_us
        stations = stations_out(scenario, fault)
        for contact in contacts:
            if contact.via not in stations:
                continue
            shift_us = contact.owlt_us(contact.start_us) if direction == "down" else 0
            begin_us = max(start_us, contact.start_us + shift_us)
            until_us = min(end_us, contact.end_us + (contact.owlt_us(contact.end_us) if direction == "down" else 0))
            if begin_us < until_us:
                (arriving if direction == "down" else leaving).append(Outage(begin_us, until_us, "link_outage"))
    return leaving, arriving


def stow_windows(scenario: HabitatScenario, span: Window) -> list[Window]:
    """When a storm stows the habitat's antenna."""
    settings = scenario.weather.dust
    storms = storms_of(scenario)
    found: list[Window] = []
    for storm in settings.storms:
        for effect in storm.effects:
            if effect.kind == "antenna_stow":
                found += dust.windows_above(effect.above_tau, *span, settings.background_tau, storms)
    return merge(found)


def storms_of(scenario: HabitatScenario) -> list[dust.Storm]:
    """The scripted storms in house time."""
    return [
        dust.Storm(scenario.start_us + s.onset_us, s.peak_tau, s.growth_us, s.decay_us)
        for s in scenario.weather.dust.storms
    ]


def merge(windows: list[Window]) -> list[Window]:
    """Union of windows, ordered and disjoint."""
    out: list[Window] = []
    for start_us, end_us in sorted(windows):
        if out and start_us <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end_us))
        else:
            out.append((start_us, end_us))
    return out


def crash_windows(scenario: HabitatScenario) -> dict[str, list[Window]]:
    """When each edge node is down."""
    down: dict[str, list[Window]] = {name: [] for name in scenario.habitat.edge_names}
    for fault in scenario.faults:
        if isinstance(fault, EdgeCrash):
            start_us = scenario.start_us + fault.at_us
            down[fault.node].append((start_us, start_us + fault.down_us))
    return {name: merge(windows) for name, windows in down.items()}


def usable(
    plan: ContactPlan, source: str, destination: str, cuts: list[Window], shift: Callable[[Contact], int] | None = None
) -> list[tuple[int, int, Contact]]:
    """Windows of one direction that are really usable, in the transmitter's time; `shift` moves cuts from arrival to
    departure.
    """
    out = []
    for contact in plan.between(source, destination):
        moved_us = 0 if shift is None else shift(contact)
        own_cuts = [(start_us - moved_us, end_us - moved_us) for start_us, end_us in cuts]
        for start_us, end_us in subtract([(contact.start_us, contact.end_us)], own_cuts):
            out.append((start_us, end_us, contact))
    return out


def calendar(scenario: HabitatScenario, stows: list[Window]) -> list[Disturbance]:
    """Everything that goes wrong by script, for the report and for the trace."""
    start_us = scenario.start_us
    found = [Disturbance("antenna_stow", "habitat antenna", a, b, "opacity above the threshold") for a, b in stows]
    for fault in scenario.faults:
        if isinstance(fault, EdgeCrash):
            at_us = start_us + fault.at_us
            found.append(Disturbance(fault.kind, fault.node, at_us, at_us + fault.down_us, "unsynced tail lost"))
        elif isinstance(fault, LinkOutage):
            at_us = start_us + fault.at_us
            place = fault.link or fault.station or fault.complex or ""
            detail = "in the contact plan" if fault.announced else "not in the contact plan"
            found.append(Disturbance(fault.kind, place, at_us, at_us + fault.for_us, detail))
        elif isinstance(fault, TableThrottling):
            at_us = start_us + fault.at_us
            detail = f"{fault.write_capacity_rows_per_s:g} rows/s"
            found.append(Disturbance(fault.kind, "table", at_us, at_us + fault.for_us, detail))
        else:
            end_us = None if fault.until_us is None else start_us + fault.until_us
            found.append(
                Disturbance(fault.kind, fault.link, start_us + fault.from_us, end_us, f"{fault.rate * 100:g} %")
            )
    return sorted(found, key=lambda d: (d.start_us, d.kind, d.place))
