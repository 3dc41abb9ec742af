"""Builds a scenario of bundle nodes: scripted contacts and traffic, no sky, no patients, no table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from twin.experiments import disturbances
from twin.experiments.identities import entropy, key_pair
from twin.experiments.journeys import Transmissions
from twin.experiments.mission import Mission, Roles
from twin.experiments.node_babbler import NodeBabbler
from twin.experiments.overload import Load, capacity_bits, refuse_overload
from twin.experiments.percentiles import latency_by_stream
from twin.experiments.tables import TableWriter
from twin.faults.link import Outage, Outages
from twin.faults.resolve import resolve
from twin.faults.stale_plan import shifted
from twin.guarantees.conservation import Conservation
from twin.guarantees.flow_rules import FlowLedger, NotApplicable
from twin.guarantees.verdict import Checker
from twin.hosts.dispatcher import Observer
from twin.hosts.models.space_link import LinkSettings, SpaceLink, Transmitter
from twin.hosts.simulated import SimulatedHost
from twin.network.fewest_hops import fewest_hops
from twin.network.planner import from_script
from twin.network.visibility import subtract
from twin.pipeline.machine import Deliver, Offered, PlanChanged, Transmit
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.pipeline.transport.contact_volume import BULK, EXPEDITED, NORMAL
from twin.pipeline.transport.flow_ends import FlowSettings, NodeSettings
from twin.pipeline.transport.mailer import Address, EndpointId
from twin.randomness import stream
from twin.scenario.contacts import Traffic
from twin.scenario.link_faults import LinkOutage, StalePlan
from twin.scenario.model import BareScenario
from twin.trace import DisturbanceBegan, DisturbanceEnded, Trace
from twin.world.timescales import SOL_US

MARGIN_US = 15_000_000
STRETCHES = 4096
PRIORITIES = {"bulk": BULK, "normal": NORMAL, "expedited": EXPEDITED}
NO_LEDGER = "scenario of bundle nodes: no device, journal, table or auditor"
NO_LIVENESS = "scenario of bundle nodes: bounds are defined for streams of a habitat"


class _Source:
    """Traffic of one flow: payloads at a fixed period, each another stretch of one block from the flow's own random
    stream.
    """

    def __init__(
        self, host: SimulatedHost, flow: int, traffic: Traffic, start_us: int, random: np.random.Generator
    ) -> None:
        self._host = host
        self._flow = flow
        self._traffic = traffic
        self._block = random.bytes(traffic.size_bytes + STRETCHES)
        self._left = traffic.count
        host.call_at(start_us + traffic.start_us, self._offer)

    def _offer(self) -> None:
        self._left -= 1
        at = self._left % STRETCHES
        payload = self._block[at : at + self._traffic.size_bytes]
        self._host.deliver(self._traffic.from_node, Offered(self._flow, payload))
        if self._left:
            self._host.call_in(self._traffic.period_us, self._offer)


class _Records:
    """Rows of `records`: one per delivered payload."""

    def __init__(self, folder: Path, names: dict[int, str]) -> None:
        self._flows = {flow: (name, f"{flow:016x}") for flow, name in names.items()}
        self._table = TableWriter(folder, "records")

    def delivered(self, at_us: int, record: tuple[int, int, int], offered_us: int) -> None:
        """A payload has come."""
        _, flow, index = record
        name, text = self._flows[flow]
        self._table.row(name, text, index, offered_us, offered_us, None, None, 1, at_us, at_us, None, None, None)

    def close(self) -> None:
        """Write what is left."""
        self._table.close()


def physical_outages(scenario: BareScenario, link: str, contacts: list[Contact]) -> list[Outage]:
    """Unannounced outages and cut passes of one directed pair, in its transmitter's time."""
    passes = [(contact.start_us, contact.end_us) for contact in contacts]
    return disturbances.pass_cuts(scenario, (link,), passes) + [
        Outage(scenario.start_us + f.at_us, scenario.start_us + f.at_us + f.for_us, f.kind)
        for f in scenario.faults
        if isinstance(f, LinkOutage) and f.link == link and not f.announced
    ]


def plan_of(scenario: BareScenario) -> ContactPlan:
    """The contact plan that all nodes rehearse: the script less what is announced."""
    scripted = scenario.network.scripted_contacts()
    kept = []
    for contact in scripted:
        cuts = [
            (f.at_us, f.at_us + f.for_us)
            for f in scenario.faults
            if isinstance(f, LinkOutage) and f.announced and f.link == f"{contact.from_node}->{contact.to_node}"
        ]
        for start_us, end_us in subtract([(contact.start_us, contact.end_us)], cuts):
            kept.append(contact._replace(start_us=start_us, end_us=end_us))
    return from_script(kept, scenario.start_us)


def _loads(scenario: BareScenario, plan: ContactPlan) -> list[Load]:
    """Traffic of every link that some flow cannot go round."""
    offered: dict[tuple[str, str], int] = {}
    for traffic in scenario.traffic:
        way = fewest_hops(plan, traffic.from_node, traffic.to_node) or ()
        for pair in pairwise(way):
            others = ContactPlan(c for c in plan.contacts if (c.source, c.destination) != pair)
            if fewest_hops(others, traffic.from_node, traffic.to_node) is None:
                offered[pair] = offered.get(pair, 0) + 8 * traffic.count * traffic.size_bytes
    return [
        Load(f"{a}->{b}", bits, capacity_bits(plan.between(a, b), scenario.start_us, scenario.end_us + int(SOL_US)))
        for (a, b), bits in sorted(offered.items())
    ]


def _endpoints(scenario: BareScenario) -> dict[str, EndpointId]:
    return {name: (number, 0) for number, name in enumerate(scenario.network.nodes, start=1)}


def _nodes(scenario: BareScenario, plan: ContactPlan, flows: tuple[FlowSettings, ...], roles: Roles) -> Iterator[Any]:
    endpoints = _endpoints(scenario)
    p = scenario.pipeline
    last_us = max(c.end_us for c in plan.contacts)
    lifetime_us = p.lifetime_us or 2 * (last_us - scenario.start_us)
    for name in scenario.network.nodes:
        yield (
            name,
            roles.node(
                NodeSettings(
                    name=name,
                    plan=plan,
                    address=Address(endpoints[name], lifetime_us),
                    endpoints=endpoints,
                    flows=flows,
                    signer=key_pair(scenario.seed, p.suite, name).signer,
                    turnaround_us=p.far_end_allowance_us,
                    margin_us=MARGIN_US,
                    storage_bytes_max=scenario.network.storage_bytes.get(name),
                )
            ),
        )


def _flows(scenario: BareScenario) -> tuple[FlowSettings, ...]:
    p = scenario.pipeline
    return tuple(
        FlowSettings(
            flow=number,
            source=t.from_node,
            destination=t.to_node,
            payloads=t.count,
            ack_every=p.ack_every,
            verifier=key_pair(scenario.seed, p.suite, t.to_node).verifier,
            priority=PRIORITIES[t.priority],
            lifetime_us=t.lifetime_us,
        )
        for number, t in enumerate(scenario.traffic, start=1)
    )


def _links(scenario: BareScenario, host: SimulatedHost, plan: ContactPlan) -> dict[tuple[str, str], SpaceLink]:
    """Links by transmitting and receiving node."""
    links = {}
    for source in scenario.network.nodes:
        for destination in plan.neighbours(source):
            name = f"{source}->{destination}"
            settings = LinkSettings(
                disturbances.link_faults(scenario, name),
                Outages(physical_outages(scenario, name, plan.between(source, destination))),
                rates=disturbances.real_rates(scenario, name),
            )
            links[source, destination] = SpaceLink(
                host, source, destination, plan, settings, Transmitter(), Transmitter()
            )
    return links


class _Collectors:
    """Tables of a run, the ledger of its flows and the account of its copies."""

    def __init__(self, scenario: BareScenario, tables: Path, links: Iterable[SpaceLink]) -> None:
        flows = enumerate(scenario.traffic, start=1)
        self._names = {number: f"{t.from_node}-{t.to_node}-{number}" for number, t in flows}
        self._sources = frozenset(t.from_node for t in scenario.traffic)
        self._tables = tables
        self._rows = _Records(tables, self._names)
        self._transmissions = Transmissions(tables, [link.hop for link in links])
        self.ledger = FlowLedger(self._rows.delivered)
        self.conservation = Conservation()

    def checkers(self) -> list[Checker]:
        """One for every guarantee, in the order in which a reader meets them."""
        return [
            NotApplicable("durability", NO_LEDGER),
            NotApplicable("no_equivocation", NO_LEDGER),
            self.ledger.no_loss,
            self.ledger.exactly_once,
            self.ledger.order,
            self.ledger.integrity,
            NotApplicable("append_only", NO_LEDGER),
            NotApplicable("convergence", NO_LIVENESS),
            NotApplicable("freshness", NO_LIVENESS),
            NotApplicable("feedback_closure", NO_LIVENESS),
            NotApplicable("alert_latency", NO_LIVENESS),
            NotApplicable("recovery", NO_LIVENESS),
            NotApplicable("safe_trim", NO_LEDGER),
            NotApplicable("anti_replay", NO_LEDGER),
            NotApplicable("monotonic_reads", NO_LEDGER),
            NotApplicable("clock_honesty", NO_LEDGER),
            NotApplicable("confidentiality", NO_LEDGER),
            NotApplicable("bounded_resources", NO_LEDGER),
            self.conservation,
        ]

    def watch(self, trace: Trace) -> None:
        """Read the trace."""
        self.ledger.watch(trace)
        self._transmissions.watch(trace)

    def before_finish(self, complete: bool) -> None:
        """The run is over; `complete`: nothing is on its way any more."""
        self.ledger.no_loss.complete = complete

    def counts(self) -> dict[str, int]:
        """The `counts` block."""
        bundles = self.conservation.sent_from(self._sources)
        return {"samples": 0, "frames": self.ledger.offered, "bundles": bundles, "rows": 0, "alerts": 0}

    def records(self) -> dict[str, int]:
        """The `records` block."""
        ledger = self.ledger
        lost = len(ledger.open) if ledger.no_loss.complete else 0
        return {
            "accepted": ledger.offered,
            "delivered": ledger.delivered,
            "lost": lost,
            "in_flight": len(ledger.open) - lost,
        }

    def streams(self) -> dict[str, dict[str, Any]]:
        """The `streams` block."""
        return latency_by_stream(self._tables / "records.parquet", {name: name for name in self._names.values()}, {})

    def close(self, _at_us: int) -> None:
        """Write what is left."""
        self._rows.close()
        self._transmissions.close()


def build(scenario: BareScenario, folder: Path, roles: Roles, observer: Observer | None = None) -> Mission:
    """A mission for a bare scenario; its tables go to `folder`, which must exist with its `tables` inside."""
    scenario = resolve(scenario)
    trace = Trace()
    host = SimulatedHost(scenario.start_us, trace, observer)
    plan = plan_of(scenario)
    refuse_overload(scenario, _loads(scenario, plan))
    links = _links(scenario, host, plan)
    host.carriers[Transmit] = lambda node, e: links[node, e.neighbour].transmit(node, e)
    host.carriers[Deliver] = _read_and_forget

    collectors = _Collectors(scenario, folder / "tables", links.values())
    checkers = collectors.checkers()
    for checker in checkers:
        checker.watch(trace)
    collectors.watch(trace)
    _write_calendar(scenario, plan, folder / "tables", host)
    machines = list(_nodes(scenario, plan, _flows(scenario), roles))
    host.call_at(scenario.start_us, _start_all, scenario, host, machines)
    _mislead(scenario, host, plan)
    NodeBabbler(host, scenario, links, {name: number for name, (number, _) in _endpoints(scenario).items()})
    total = sum(t.count for t in scenario.traffic)

    def home() -> bool:
        trace.flush()  # the ledger reads in batches
        return collectors.ledger.delivered == total and all(machine.custody == 0 for _, machine in machines)

    return Mission(
        host=host,
        start_us=scenario.start_us,
        generation_end_us=scenario.end_us,
        plan_end_us=scenario.end_us,
        checkers=checkers,
        conservation=collectors.conservation,
        home=home,
        deadline_us=lambda: scenario.end_us,
        hops=lambda: [link.hop for link in links.values()],
        counts=collectors.counts,
        records=collectors.records,
        streams=collectors.streams,
        before_finish=[collectors.before_finish],
        closers=[collectors.close],
    )


def _start_all(scenario: BareScenario, host: SimulatedHost, machines: list[tuple[str, Any]]) -> None:
    """Start nodes, and the sources of their traffic."""
    for name, machine in machines:
        host.start(name, machine, entropy(scenario.seed, name, 1))
    for number, traffic in enumerate(scenario.traffic, start=1):
        random = stream(scenario.seed, "traffic", str(number))
        _Source(host, number, traffic, scenario.start_us, random)


def _mislead(scenario: BareScenario, host: SimulatedHost, right: ContactPlan) -> None:
    """Let all nodes hold the wrong plan that set in last, until the last one is over."""
    active: list[StalePlan] = []

    def change(keep: Callable[[StalePlan], None], fault: StalePlan) -> None:
        keep(fault)
        plan = shifted(right, active[-1].shift_us) if active else right
        for node in scenario.network.nodes:
            host.deliver(node, PlanChanged(plan))

    for fault in scenario.faults:
        if isinstance(fault, StalePlan):
            start_us, end_us = disturbances.span_of_fault(scenario, fault)
            host.call_at(start_us, change, active.append, fault)
            host.call_at(end_us, change, active.remove, fault)


def _read_and_forget(_node: str, _effect: Deliver) -> None:
    """What the destination's application does with a payload."""


def _write_calendar(scenario: BareScenario, plan: ContactPlan, folder: Path, host: SimulatedHost) -> None:
    contacts = TableWriter(folder, "contacts")
    for c in plan.contacts:
        contacts.row(c.source, c.destination, c.via, c.start_us, c.end_us, c.rate_bps, c.owlt_us(c.start_us))
    contacts.close()
    table = TableWriter(folder, "disturbances")
    for entry in disturbances.scripted(scenario):
        table.row(entry.kind, entry.place, entry.start_us, entry.end_us, entry.detail)
        began, ended = DisturbanceBegan(entry.kind, entry.place), DisturbanceEnded(entry.kind, entry.place)
        host.call_at(entry.start_us, host.trace.emit, entry.start_us, "world", began)
        if entry.end_us is not None:
            host.call_at(entry.end_us, host.trace.emit, entry.end_us, "world", ended)
    table.close()
    for name in ("backlog", "opacity", "vitals", "episodes", "alarms", "checkpoints"):
        TableWriter(folder, name).close()
