"""Builds a habitat under a sky: devices, edge nodes, Earth, the links between them, and everything that will go
wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from twin.experiments import disturbances
from twin.experiments.babbler import Babbler, Earshot
from twin.experiments.calendar_tables import write_calendar
from twin.experiments.checkers import Habitat, checkers_of
from twin.experiments.clinic_settings import rules_of
from twin.experiments.collectors import Collectors
from twin.experiments.earth_site import EarthSite
from twin.experiments.fault_schedule import FaultSchedule, Hands
from twin.experiments.identities import AUDITOR, EARTH, EARTH_ENDPOINT, DeviceIdentity, devices_of, edge_endpoint
from twin.experiments.intruder import Intruder, Reach
from twin.experiments.machine_settings import RETRANSMISSION_MARGIN_US, MachineSettings
from twin.experiments.mission import Mission, Roles
from twin.experiments.operators import Operators
from twin.experiments.overload import refuse_endless_stow, refuse_overload
from twin.experiments.passages import availability, longest_silence_s
from twin.experiments.power_cycles import PowerCycles
from twin.experiments.registry import write_run_registry
from twin.experiments.sensors import hiccups_of, sensor_faults, source_of
from twin.experiments.sky_plan import load_of, plan_of, site_of, span_of, told_by_the_sun
from twin.experiments.space_links import space_links
from twin.experiments.storage import refuse_backlog, storage_needs
from twin.faults.forgery import Victim
from twin.faults.link import LinkFaults
from twin.faults.resolve import resolve
from twin.faults.senseless_signatures import Signers
from twin.faults.weather import coming_storms, stow_windows, told_storms
from twin.guarantees.alert_latency import AlertLatency
from twin.guarantees.availability import Availability
from twin.guarantees.conservation import Conservation
from twin.guarantees.convergence import Convergence
from twin.guarantees.integrity import Integrity
from twin.guarantees.recovery import Recovery
from twin.guarantees.store_rules import ExactlyOnce, NoLoss
from twin.guarantees.truth import Truth
from twin.guarantees.verdict import Checker
from twin.hosts.dispatcher import Observer
from twin.hosts.models.annunciator import Annunciator
from twin.hosts.models.disk import Disk
from twin.hosts.models.hops import HopAccount
from twin.hosts.models.local_network import LocalNetwork
from twin.hosts.models.sensor import Sensor
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import (
    Annunciate,
    Append,
    ArmSensor,
    DropJournal,
    LinkChanged,
    Machine,
    Send,
    SetComparators,
    Sync,
    Transmit,
    TruncateJournal,
)
from twin.scenario.episodes import windows_of
from twin.scenario.errors import ScenarioError
from twin.scenario.model import HabitatScenario
from twin.trace import DisturbanceBegan, DisturbanceEnded, EpisodeBegan, EpisodeEnded, StartedWithout, Trace
from twin.world.timescales import SOL_US, lmst_h, us_to_utc

C = TypeVar("C")

EARTH_LATENCY_US = 1_000  # assumed: gateway and auditor stand in one data center
EARTH_RATE_BPS = 1_000_000_000
BACKLOG_EVERY_US = 600_000_000


class HabitatBuilder:
    """One use: `HabitatBuilder(...).mission()`."""

    def __init__(self, scenario: HabitatScenario, folder: Path, roles: Roles, observer: Observer | None) -> None:
        _refuse_nothing_to_measure(scenario)
        self.scenario = scenario = resolve(scenario)
        self.folder = folder
        self.roles = roles
        self.trace = Trace()
        self.host = SimulatedHost(scenario.start_us, self.trace, observer)
        self.devices = devices_of(scenario)
        self.by_name = {d.name: d for d in self.devices}
        self.edges = scenario.habitat.edge_names
        self.relays = tuple(relay.name for relay in scenario.network.relays)
        self.span = span_of(scenario)
        self.site = site_of(scenario)
        self.plan = plan_of(scenario)
        self.storms = coming_storms(scenario, *self.span)
        dish = scenario.network.direct_to_earth is not None
        self.stows = stow_windows(scenario, *self.span) if dish else []
        self.calendar = disturbances.calendar(scenario, self.stows, self.storms, told_by_the_sun(scenario, self.span))
        refuse_endless_stow(scenario, self.stows, self.span[1])
        load = load_of(scenario, self.plan, self.devices)
        refuse_overload(scenario, [load])
        self.operators = Operators(self.host, scenario, self.devices)
        self.settings = MachineSettings(scenario, self.plan, self.span, self.devices, self.operators)
        self.disks = {edge: self._disk(edge) for edge in self.edges}
        self.earth = EarthSite(self.host, scenario, folder, roles, self.settings)
        self.links, self.antenna = space_links(self.host, scenario, self.plan)
        self.mars_network = LocalNetwork(
            self.host,
            scenario.network.local.latency_us,
            scenario.network.local.rate_bps,
            self._faults_of("local"),
        )
        self.earth_network = LocalNetwork(self.host, EARTH_LATENCY_US, EARTH_RATE_BPS, self._faults_of("ground"))
        self.sensors = {d.name: self._sensor(d) for d in self.devices}
        self.power = PowerCycles(self.host, scenario.seed, self._machine, self.disks)
        self.available = self._availability()
        self.needs = storage_needs(scenario, self.available.__getitem__, self.devices, load.offered_bits, self.span[1])
        refuse_backlog(scenario, self.needs)

    # ------------------------------------------------------------ parts

    def _faults_of(self, link: str) -> Callable[[str, str], LinkFaults]:
        return lambda source, destination: disturbances.link_faults(self.scenario, link, f"{source}->{destination}")

    def _disk(self, edge: str) -> Disk:
        disk = self.scenario.edge.disk
        flushes = disturbances.flush_faults(self.scenario, edge)
        return Disk(self.host, edge, disk.fsync_us, disk.write_bytes_per_s, disk.capacity_bytes, flushes)

    def _sensor(self, device: DeviceIdentity) -> Sensor:
        scenario = self.scenario
        phase_us = round(lmst_h(scenario.start_us, self.site.longitude_deg) / 24 * SOL_US)
        faults = sensor_faults(scenario)
        return Sensor(
            self.host,
            device.name,
            source_of(scenario, device, phase_us, faults),
            scenario.start_us,
            scenario.end_us,
            partial(self.host.local_us, device.name),
            hiccups_of(scenario, device, faults),
        )

    def _carriers(self) -> dict[type[Any], Any]:
        on_earth = {AUDITOR, *self.earth.leaders}
        annunciator = Annunciator(self.host, self.edges, self.scenario.clinic.crew_response_us)
        disks, sensors, links = self.disks, self.sensors, self.links
        ends = {node: node for node in (*self.edges, *self.relays)} | dict.fromkeys(self.earth.leaders, EARTH)
        return {
            Send: lambda node, e: (self.earth_network if node in on_earth else self.mars_network).send(node, e),
            Transmit: lambda node, e: links[ends[node], e.neighbour].transmit(node, e),
            ArmSensor: lambda node, e: sensors[node].arm(e),
            SetComparators: lambda node, e: sensors[node].set_comparators(e),
            Annunciate: annunciator.tell,
            Append: lambda node, e: disks[node].append(e),
            Sync: lambda node, e: disks[node].sync(e),
            TruncateJournal: lambda node, e: disks[node].truncate(e),
            DropJournal: lambda node, e: disks[node].drop(e),
            **self.earth.carriers(),
        }

    def _machine(self, node: str) -> Machine:
        """A node's machine, from its durable medium alone."""
        if node in self.disks:
            disk = self.disks[node]
            return self.roles.edge.recover(self.settings.edge(node), disk.contents(), disk.start)
        if node in self.by_name:
            return self.roles.device(self.settings.device(self.by_name[node]))
        if node in self.relays:
            return self.roles.node(self.settings.relay(node))
        return self.earth.machine(node)

    # ------------------------------------------------------------ the run

    def mission(self) -> Mission:
        """Wire everything together; nothing has happened yet when it returns."""
        host, scenario = self.host, self.scenario
        host.carriers.update(self._carriers())
        truth, checkers = self._checkers()
        tables = self.folder / "tables"
        collectors = Collectors(tables, self.settings, [link.hop for link in self.links.values()], truth)
        collectors.watch(self.trace)
        write_calendar(tables, scenario, self.plan, self.calendar)
        write_run_registry(self.folder, self.settings, self.devices)
        self._schedule(collectors)
        no_loss, once, alerts = _only(checkers, NoLoss), _only(checkers, ExactlyOnce), _only(checkers, AlertLatency)
        convergence, recovery = _only(checkers, Convergence), _only(checkers, Recovery)
        integrity = _only(checkers, Integrity)

        def home() -> bool:
            due_us = integrity.due_us()
            mended = due_us is None or due_us <= host.now_us
            return mended and not (collectors.waiting or alerts.waiting)

        def before_finish(complete: bool) -> None:
            no_loss.complete = convergence.complete = recovery.complete = complete
            once.rows_counted = self.earth.table.count_rows()

        return Mission(
            host=host,
            start_us=scenario.start_us,
            generation_end_us=scenario.end_us,
            plan_end_us=self.span[1],
            checkers=checkers,
            conservation=_only(checkers, Conservation),
            home=home,
            deadline_us=lambda: self._drain_deadline_us(convergence, integrity),
            hops=self._hops,
            counts=collectors.counts,
            records=lambda: _records(no_loss),
            streams=collectors.streams,
            site={
                "name": self.site.name,
                "latitude_deg": self.site.latitude_deg,
                "longitude_deg": self.site.longitude_deg,
            },
            storms=told_storms(self.storms),
            longest_silence_s=self._longest_silence_s(),
            storage=self._storage,
            clinic=collectors.clinic.clinic,
            ledger=lambda: collectors.clinic.ledger(once.rows_counted or 0),
            before_finish=[before_finish],
            closers=[collectors.close, lambda _: self.earth.close()],
        )

    def _storage(self) -> list[dict[str, Any]]:
        """The `storage` block."""
        return [
            {
                "node": need.edge,
                "since_utc": us_to_utc(need.silence.since_us),
                "until_utc": us_to_utc(need.silence.until_us),
                "held_s": need.silence.held_us / 1e6,
                "needed_bytes": need.needed_bytes,
                "capacity_bytes": need.capacity_bytes,
                "used_bytes_max": self.disks[need.edge].used_bytes_max,
            }
            for need in self.needs
        ]

    def _signers(self) -> Signers:
        """The keys that nodes have at the begin."""
        keys, edge_devices = self.settings.keys, self.settings.edge_devices
        of_frames = {d.device: d.keys.signer for d in self.devices}
        of_frames |= {number: keys[edge].signer for edge, number in edge_devices.items()}
        of_words = {name: pair.signer for name, pair in keys.items()}
        return Signers(of_frames, of_words, frozenset(edge_devices.values()), EARTH)

    def _hops(self) -> list[HopAccount]:
        local = (*self.mars_network.hops.values(), *self.earth_network.hops.values())
        return [*(link.hop for link in self.links.values()), *local]

    # ------------------------------------------------------------ what happens by script

    def _schedule(self, collectors: Collectors) -> None:
        host, scenario, power = self.host, self.scenario, self.power
        host.call_at(scenario.start_us, self._start_all)
        power.before_stop.append(self._cut)
        power.after_start += [self._tell_antenna, self.operators.tell, self._note_unknown_devices]
        hands = Hands(
            gateway=EARTH,
            auditor=AUDITOR,
            disks=self.disks,
            stores=self.earth.stores,
            channel=self.earth.surgeon,
            plan=self.plan,
            restore_table=lambda down_us: self.earth.restore(power, down_us),
            stale_leader=lambda begins: self.earth.lead_twice(power, self.links, begins),
            replace_device_key=self.operators.replace_device_key,
            install_hop_key=self.operators.install_hop_key,
            configure=self.settings.unknown.__setitem__,
            safe_mode=self._safe_mode,
        )
        FaultSchedule(host, scenario, power, hands)
        endpoints = {edge: edge_endpoint(n) for n, edge in enumerate(self.edges, start=1)}
        victims = {d.name: Victim(d.name, d.device, d.apid, d.home, d.channels, d.keys.signer) for d in self.devices}
        reach = Reach(self.links, self.mars_network, self.edges, {**endpoints, EARTH: EARTH_ENDPOINT}, victims)
        Intruder(host, scenario, reach)
        edges_of = {d.name: d.edges for d in self.devices}
        earshot = Earshot(
            self.mars_network,
            self.earth_network,
            self.links,
            self.edges,
            edges_of,
            self.operators,
            self._signers(),
        )
        Babbler(host, scenario, earshot)
        for start_us, end_us in self.stows:
            host.call_at(start_us, self.antenna.stow, True)
            host.call_at(end_us, self.antenna.stow, False)
        for entry in self.calendar:
            host.call_at(entry.start_us, self._note, DisturbanceBegan(entry.kind, entry.place))
            if entry.end_us is not None:
                host.call_at(entry.end_us, self._note, DisturbanceEnded(entry.kind, entry.place))
        for episode in windows_of(scenario):
            host.call_at(episode.onset_us, self._note, EpisodeBegan(episode.kind, episode.crew))
            host.call_at(episode.end_us, self._note, EpisodeEnded(episode.kind, episode.crew))
        host.call_at(scenario.start_us, self._sample_backlog, collectors)
        host.call_at(scenario.start_us, self.earth.start_readers)

    def _note(self, fact: tuple[Any, ...]) -> None:
        self.trace.emit(self.host.now_us, "world", fact)

    def _start_all(self) -> None:
        for node in (AUDITOR, EARTH, *self.relays, *self.edges, *self.by_name):
            self.power.start(node)

    def _cut(self, node: str) -> None:
        """A node that goes down leaves what it was radiating incomplete."""
        for (source, _), link in self.links.items():
            if source == node:
                link.cut("node_down")

    def _safe_mode(self, relay: str, begins: bool) -> None:
        """A relay's radios go off, or on again; what it was radiating is cut."""
        for (source, neighbour), link in self.links.items():
            if source == relay:
                if begins:
                    link.cut("relay_safe_mode")
                self.host.deliver(relay, LinkChanged(neighbour, not begins))

    def _tell_antenna(self, node: str) -> None:
        if node in self.disks and self.antenna.transmitter.stowed:
            self.host.deliver(node, LinkChanged(EARTH, False))

    def _note_unknown_devices(self, node: str) -> None:
        unknown = self.settings.unknown.get(node)
        if unknown:
            devices = tuple(d.device for d in self.devices if d.name in unknown)
            self.trace.emit(self.host.now_us, node, StartedWithout(devices))

    def _sample_backlog(self, collectors: Collectors) -> None:
        collectors.sample_backlog(self.host.now_us)
        self.host.call_in(BACKLOG_EVERY_US, self._sample_backlog, collectors)

    # ------------------------------------------------------------ guarantees

    def _availability(self) -> dict[tuple[str, ...], Availability]:
        """What records can really use, by the edges that carry them."""
        carriers = dict.fromkeys([*((edge,) for edge in self.edges), *(d.edges for d in self.devices)])
        available_to = availability(self.scenario, self.plan, self.stows, self.settings.turnaround_us)
        return {edges: available_to(edges) for edges in carriers}

    def _longest_silence_s(self) -> float:
        return longest_silence_s(self.scenario, self.available.values(), self.span)

    def _checkers(self) -> tuple[Truth, list[Checker]]:
        carriers = {d.device: d.edges for d in self.devices}
        carriers |= {number: (edge,) for edge, number in self.settings.edge_devices.items()}
        habitat = Habitat(
            devices=self.devices,
            carriers=carriers,
            of=lambda device: self.available[carriers[device]],
            of_edge={edge: self.available[edge,] for edge in self.edges},
            signers=self.settings.signers,
            rules={d.name: rules_of(d.device, self.settings.watches[d.name]) for d in self.devices},
            secrets=[*(d.name.encode() for d in self.devices), *(c.encode() for d in self.devices for c in d.channels)],
            turnaround_us=self.settings.turnaround_us,
            clock_errors_us=disturbances.clock_errors_us(self.scenario, self.span[1]),
            silence_us=round(self._longest_silence_s() * 1e6),
        )
        return checkers_of(self.scenario, habitat, self.trace)

    def _drain_deadline_us(self, convergence: Convergence, integrity: Integrity) -> int | None:
        """Convergence's own deadline, and then time for the last ack to come home; or until rot must be mended."""
        if convergence.deadline_us is None:
            return None
        homes = []
        for available in self.available.values():
            back = available.up.next_us(convergence.deadline_us + self.settings.turnaround_us)
            if back is None:
                return None
            homes.append(back[0] + back[1].owlt_us(back[0]) + RETRANSMISSION_MARGIN_US)
        return max(*homes, integrity.due_us() or 0)


def _refuse_nothing_to_measure(scenario: HabitatScenario) -> None:
    """A habitat without devices has a contact plan (`twin contacts`), and nothing to run."""
    if not scenario.habitat.device_slots:
        raise ScenarioError(
            "a habitat without devices",
            "a run needs something that measures",
            "the scenario" if scenario.origin is None else scenario.origin.path,
            "add a device, or ask `twin contacts` for the plan alone",
            ("habitat", "devices"),
        )


def _only(checkers: Sequence[Checker], kind: type[C]) -> C:
    """The checker of this kind."""
    (found,) = (checker for checker in checkers if isinstance(checker, kind))
    return found


def _records(no_loss: NoLoss) -> dict[str, int]:
    """The `records` block."""
    accepted, missing = no_loss.accepted, no_loss.missing
    lost = missing if no_loss.complete else 0  # destroyed media included
    return {
        "accepted": accepted,
        "delivered": accepted - missing,
        "lost": lost,
        "in_flight": missing - lost,
        "never_accepted": no_loss.never_accepted,
    }


def build(scenario: HabitatScenario, folder: Path, roles: Roles, observer: Observer | None = None) -> Mission:
    """A mission for a habitat scenario; its tables go to `folder`, which must exist with its `tables` inside."""
    return HabitatBuilder(scenario, folder, roles, observer).mission()
