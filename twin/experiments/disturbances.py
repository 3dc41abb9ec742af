"""From a scenario's faults and storms to times: what is closed by plan, what is cut by surprise, who is down when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

from twin.faults.disk import FlushFaults, FlushRule
from twin.faults.link import Burst, LinkFaults, LinkRule, Outage, RealRates, Rule, TimedBurst
from twin.faults.resolve import numbered
from twin.faults.weather import SCRIPTED, ComingStorm
from twin.network.visibility import Window, subtract, union
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.randomness import stream
from twin.scenario.catalogue import STATIONS
from twin.scenario.earth_faults import TableRestore
from twin.scenario.fault_rules import EARTH_NODES, over_us, upgraded_nodes
from twin.scenario.faults import Fault
from twin.scenario.link_faults import BundleReorder, BurstLoss, ChanceOnLink, LinkOutage, PassCut, RateChange
from twin.scenario.model import BareScenario, HabitatScenario
from twin.scenario.node_faults import (
    ANY_NODE,
    ClockDrift,
    ClockStep,
    CrashAtEffect,
    DeviceCrash,
    DiskFull,
    DiskSwap,
    EarthCrash,
    EdgeCrash,
    FsyncError,
    FsyncLie,
    RollingUpgrade,
    SlowCpu,
    SnapshotRollback,
)
from twin.scenario.operator_faults import WrongConfig
from twin.scenario.relay_faults import RelaySafeMode

FOREVER_US = 1 << 62


class Disturbance(NamedTuple):
    """One entry of a run's calendar of trouble; `end_us` None lasts to the end of the run."""

    kind: str
    place: str
    start_us: int
    end_us: int | None
    detail: str


def span_of_fault(scenario: HabitatScenario | BareScenario, fault: Fault) -> Window:
    """First instant of a fault, and the first after it, in house time; `FOREVER_US` where it lasts to the end."""
    edges = scenario.habitat.edge_names if isinstance(scenario, HabitatScenario) else ()
    end_us = over_us(fault, edges)
    until_us = FOREVER_US if end_us is None else scenario.start_us + end_us
    return scenario.start_us + fault.onset_us, until_us


def link_faults(scenario: HabitatScenario | BareScenario, link: str, pair: str | None = None) -> LinkFaults:
    """The random faults of one directed pair (`edge-1->earth`) that uses `link`; None: the link is a pair itself.

    Each fault draws from a random stream of its own for each pair, numbered among those of its kind and link.
    """
    rules: list[LinkRule] = []
    for fault, number in numbered(scenario.faults):
        if not isinstance(fault, ChanceOnLink) or fault.link != link:
            continue
        span = span_of_fault(scenario, fault)
        random = stream(scenario.seed, "fault", fault.kind, pair or link, str(number))
        if not isinstance(fault, BurstLoss):
            delay_us = fault.delay_us if isinstance(fault, BundleReorder) else 0
            rules.append(Rule(fault.kind, fault.rate, *span, delay_us, random))
        elif fault.enter is not None and fault.leave is not None:
            rules.append(Burst(fault.enter, fault.leave, fault.loss, span, random))
        else:
            assert fault.mean_good_us is not None
            assert fault.mean_bad_us is not None
            rules.append(TimedBurst(fault.mean_good_us, fault.mean_bad_us, fault.loss, span, random))
    return LinkFaults(rules)


def real_rates(scenario: HabitatScenario | BareScenario, link: str) -> RealRates:
    """Where a link's rate is not the planned one."""
    changes = [f for f in scenario.faults if isinstance(f, RateChange) and f.link == link]
    return RealRates([(*span_of_fault(scenario, fault), fault.factor) for fault in changes])


def flush_faults(scenario: HabitatScenario, node: str) -> FlushFaults:
    """What the flushes of an edge's disk may answer instead of the truth."""
    return FlushFaults(
        [
            FlushRule(
                fault.kind,
                fault.chance,
                *span_of_fault(scenario, fault),
                stream(scenario.seed, "fault", fault.kind, node, str(number), "flushes"),
            )
            for fault, number in numbered(scenario.faults)
            if isinstance(fault, FsyncError | FsyncLie) and fault.node == node
        ]
    )


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
    for start_us, end_us, relay in safe_modes(scenario, announced=False):
        for end, outages in ((0, leaving), (1, arriving)):
            if contacts and contacts[0][end] == relay:
                outages.append(Outage(start_us, end_us, "relay_safe_mode"))
    on_earth = [_seen_on_earth(contact, direction) for contact in contacts]
    (arriving if direction == "down" else leaving).extend(pass_cuts(scenario, (direction, "both"), on_earth))
    return leaving, arriving


def safe_modes(scenario: HabitatScenario, announced: bool) -> list[tuple[int, int, str]]:
    """Start, end and relay of every safe mode that the plan knows, or does not."""
    found = [f for f in scenario.faults if isinstance(f, RelaySafeMode) and f.announced is announced]
    return [(*span_of_fault(scenario, fault), fault.relay) for fault in found]


def _seen_on_earth(contact: Contact, direction: str) -> Window:
    """A contact in the time of its station."""
    if direction == "up":
        return contact.start_us, contact.end_us
    return contact.start_us + contact.owlt_us(contact.start_us), contact.end_us + contact.owlt_us(contact.end_us)


def pass_cuts(scenario: HabitatScenario | BareScenario, links: Sequence[str], passes: Sequence[Window]) -> list[Outage]:
    """Ends of passes that do not take place: of the one under way, else the second half of the next one."""
    cuts = []
    for fault in scenario.faults:
        if isinstance(fault, PassCut) and fault.link in links:
            at_us = scenario.start_us + fault.at_us
            met = min((p for p in passes if p[1] > at_us), default=None)
            if met is not None:
                begin_us = at_us if met[0] <= at_us else (met[0] + met[1]) // 2
                cuts.append(Outage(begin_us, met[1], fault.kind))
    return cuts


def down_windows(scenario: HabitatScenario) -> dict[str, list[Window]]:
    """When each node may be down, by the name that scenarios use: edges, devices, gateway, auditor.

    Crashes by chance (`crash_at_effect`) count as down all the time in which they may come.
    """
    edges = scenario.habitat.edge_names
    down: dict[str, list[Window]] = {n: [] for n in (*edges, *EARTH_NODES, *scenario.habitat.device_names)}
    for fault in scenario.faults:
        span = span_of_fault(scenario, fault)
        match fault:
            case EdgeCrash() | EarthCrash() | DiskSwap() | SnapshotRollback():
                down[fault.node].append(span)
            case DeviceCrash():
                down[fault.device].append(span)
            case CrashAtEffect():
                for node in down if fault.node == ANY_NODE else (fault.node,):
                    down[node].append(span)
            case RollingUpgrade():
                for place, node in enumerate(upgraded_nodes(fault, edges)):
                    start_us = span[0] + place * fault.every_us
                    down[node].append((start_us, start_us + fault.down_us))
            case WrongConfig():
                down[fault.node] += [(span[0], span[0] + fault.down_us), (span[1] - fault.down_us, span[1])]
            case TableRestore():
                for node in EARTH_NODES:
                    down[node].append(span)
            case _:
                pass  # stops nobody
    return {name: union(windows) for name, windows in down.items()}


def idle_windows(scenario: HabitatScenario) -> dict[str, list[Window]]:
    """When each edge node does not take everything in: it is down, its disk refuses, or it does not know a device."""
    down = down_windows(scenario)
    idle = {edge: list(down[edge]) for edge in scenario.habitat.edge_names}
    for fault in scenario.faults:
        if isinstance(fault, DiskFull | WrongConfig) or (isinstance(fault, FsyncError) and fault.rate is None):
            idle[fault.node].append(span_of_fault(scenario, fault))
    return {edge: union(windows) for edge, windows in idle.items()}


def clock_errors_us(scenario: HabitatScenario, until_us: int) -> dict[str, int]:
    """How far each node's clock is off at most before an instant [us], by the name that scenarios use."""
    found: dict[str, int] = {}
    for fault in scenario.faults:
        if isinstance(fault, ClockStep):
            found[fault.node] = found.get(fault.node, 0) + abs(fault.by_us)
        elif isinstance(fault, ClockDrift):
            start_us, end_us = span_of_fault(scenario, fault)
            gained_us = ceil(abs(fault.rate_ppm) * (min(end_us, until_us) - start_us) / 1_000_000)
            found[fault.node] = found.get(fault.node, 0) + gained_us
    return found


def slow_by_us(scenario: HabitatScenario, node: str, at_us: int) -> int:
    """How much later a node may deal with what reaches it at an instant [us], held up by what came before."""
    slow = [
        (span_of_fault(scenario, f), f.delay_us) for f in scenario.faults if isinstance(f, SlowCpu) and f.node == node
    ]
    return max((late_us for (start_us, end_us), late_us in slow if start_us <= at_us < end_us + late_us), default=0)


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


def calendar(
    scenario: HabitatScenario,
    stows: Sequence[Window],
    storms: Sequence[ComingStorm] = (),
    by_the_sun: Sequence[tuple[str, str, Window]] = (),
) -> list[Disturbance]:
    """Everything that goes wrong, for the report and for the trace: faults, stows, storms that no script tells, and
    what the Sun closes (kind, meaning, window).
    """
    found = [Disturbance("antenna_stow", "habitat antenna", a, b, "opacity above the threshold") for a, b in stows]
    found += [
        Disturbance("storm", storm.name, max(storm.start_us, scenario.start_us), storm.end_us, _peak(storm))
        for storm in storms
        if storm.origin != SCRIPTED
    ]
    found += [Disturbance(kind, "Sun", *window, detail) for kind, detail, window in by_the_sun]
    return sorted(found + scripted(scenario), key=lambda d: (d.start_us, d.kind, d.place))


def _peak(storm: ComingStorm) -> str:
    return f"opacity up to {storm.cloud.peak_tau}"


def scripted(scenario: HabitatScenario | BareScenario) -> list[Disturbance]:
    """The faults of a resolved scenario as entries of the calendar, in its order."""
    found = []
    for fault in scenario.faults:
        start_us, end_us = span_of_fault(scenario, fault)
        until_us = None if end_us == FOREVER_US else end_us
        found.append(Disturbance(fault.kind, fault.place, start_us, until_us, fault.detail))
    return found
