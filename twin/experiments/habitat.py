"""Builds a habitat under a sky: devices, edge nodes, Earth, the links between them, and everything that will go
wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from twin.experiments import disturbances
from twin.experiments.checkers import Habitat, checkers_of
from twin.experiments.clinic_log import ClinicLog
from twin.experiments.identities import (
    AUDITOR,
    EARTH,
    DeviceIdentity,
    devices_of,
    entropy,
)
from twin.experiments.journeys import Journeys, Transmissions
from twin.experiments.machine_settings import RETRANSMISSION_MARGIN_US, MachineSettings
from twin.experiments.mission import Mission, Roles
from twin.experiments.overload import refuse_overload
from twin.experiments.passages import availability, longest_silence_s
from twin.experiments.percentiles import latency_by_stream
from twin.experiments.registry import write_run_registry
from twin.experiments.sensors import hiccups_of, sensor_faults, source_of
from twin.experiments.sky_plan import load_of, plan_of, site_of, span_of
from twin.experiments.tables import TableWriter
from twin.experiments.vitals_log import WatchedDevice
from twin.faults.link import Outages
from twin.faults.resolve import resolve
from twin.guarantees.conservation import Conservation
from twin.guarantees.convergence import Convergence
from twin.guarantees.recovery import Recovery
from twin.guarantees.store_rules import ExactlyOnce, NoLoss
from twin.guarantees.truth import Truth
from twin.guarantees.verdict import Checker
from twin.hosts.dispatcher import Observer
from twin.hosts.models.disk import Disk
from twin.hosts.models.local_network import LocalNetwork
from twin.hosts.models.sensor import Sensor
from twin.hosts.models.space_link import HabitatAntenna, LinkSettings, SpaceLink, Transmitter
from twin.hosts.models.surgeon_channel import ChannelSettings, SurgeonChannel
from twin.hosts.models.table import Table, TableSettings
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import (
    Append,
    ArmSensor,
    DropJournal,
    KeepCheckpoint,
    LinkChanged,
    MarkAlertAcknowledged,
    MarkAlertTold,
    MarkReceiptTaken,
    PutAlert,
    ReadRows,
    Send,
    SetComparators,
    SurgeonHeard,
    Sync,
    TellSurgeon,
    Transmit,
    TruncateJournal,
    WriteAttestation,
    WriteHead,
    WriteRows,
)
from twin.randomness import stream
from twin.scenario.episodes import windows_of
from twin.scenario.faults import EdgeCrash, TableThrottling
from twin.scenario.model import HabitatScenario
from twin.trace import DisturbanceBegan, DisturbanceEnded, EpisodeBegan, EpisodeEnded, Trace
from twin.world import dust
from twin.world.timescales import SOL_US, lmst_h

EARTH_LATENCY_US = 1_000  # assumed: gateway and auditor stand in one data center
EARTH_RATE_BPS = 1_000_000_000
BACKLOG_EVERY_US = 600_000_000
OPACITY_POINTS = 400
TAU_DIGITS = 6  # the last bit of an exponential differs between processors


class HabitatBuilder:
    """One use: `HabitatBuilder(...).mission()`."""

    def __init__(self, scenario: HabitatScenario, folder: Path, roles: Roles, observer: Observer | None) -> None:
        self.scenario = scenario = resolve(scenario)
        self.folder = folder
        self.roles = roles
        self.trace = Trace()
        self.host = SimulatedHost(scenario.start_us, self.trace, observer)
        self.devices = devices_of(scenario)
        self.edges = scenario.habitat.edge_names
        self.span = span_of(scenario)
        self.site = site_of(scenario)
        self.plan = plan_of(scenario)
        self.stows = disturbances.stow_windows(scenario, self.span)
        self.calendar = disturbances.calendar(scenario, self.stows)
        refuse_overload(scenario, [load_of(scenario, self.plan, self.devices)])
        self.settings = MachineSettings(scenario, self.plan, self.span, self.devices)

    # ------------------------------------------------------------ links

    def _links(self) -> tuple[dict[tuple[str, str], SpaceLink], HabitatAntenna]:
        antenna = HabitatAntenna(self.host, self.edges, EARTH)
        earth_transmitter = Transmitter()
        links = {}
        for direction in ("down", "up"):
            for edge in self.edges:
                pair = (edge, EARTH) if direction == "down" else (EARTH, edge)
                faults = disturbances.link_faults(self.scenario, direction, "->".join(pair))
                leaving, arriving = disturbances.surprise_outages(self.scenario, direction, self.plan.between(*pair))
                settings = LinkSettings(
                    faults,
                    Outages(leaving),
                    Outages(arriving),
                    self.scenario.earth.ground_latency_us,
                    disturbances.real_rates(self.scenario, direction),
                )
                mars, earth = antenna.transmitter, earth_transmitter
                ends = (mars, earth) if direction == "down" else (earth, mars)
                links[pair] = SpaceLink(self.host, *pair, self.plan, settings, *ends)
        antenna.links = [link for pair, link in links.items() if pair[1] == EARTH]
        return links, antenna

    # ------------------------------------------------------------ the run

    def mission(self) -> Mission:
        """Wire everything together; nothing has happened yet when it returns."""
        host, scenario = self.host, self.scenario
        tables = self._tables()
        self.disks = {
            edge: Disk(host, edge, scenario.edge.disk.fsync_us, scenario.edge.disk.write_bytes_per_s)
            for edge in self.edges
        }
        self.links, self.antenna = self._links()
        local = scenario.network.local
        mars_network = LocalNetwork(
            host,
            local.latency_us,
            local.rate_bps,
            lambda source, destination: disturbances.link_faults(scenario, "local", f"{source}->{destination}"),
        )
        earth_network = LocalNetwork(host, EARTH_LATENCY_US, EARTH_RATE_BPS)
        sensors = {d.name: self._sensor(d) for d in self.devices}
        channel = scenario.earth.surgeon
        surgeon = SurgeonChannel(host, ChannelSettings(channel.latency_us, channel.response_us), (EARTH,))
        on_earth = {EARTH, AUDITOR}
        host.carriers.update(
            {
                Send: lambda node, e: (earth_network if node in on_earth else mars_network).send(node, e),
                Transmit: lambda node, e: self.links[node, e.neighbour].transmit(node, e),
                ArmSensor: lambda node, e: sensors[node].arm(e),
                SetComparators: lambda node, e: sensors[node].set_comparators(e),
                Append: lambda node, e: self.disks[node].append(e),
                Sync: lambda node, e: self.disks[node].sync(e),
                TruncateJournal: lambda node, e: self.disks[node].truncate(e),
                DropJournal: lambda node, e: self.disks[node].drop(e),
                WriteRows: lambda node, e: tables[e.store].write_rows(node, e),
                ReadRows: lambda node, e: tables[e.store].read_rows(node, e),
                WriteHead: lambda node, e: tables["table"].write_head(node, e),
                WriteAttestation: lambda node, e: tables[e.store].write_attestation(node, e),
                PutAlert: lambda node, e: tables["table"].put_alert(node, e),
                MarkAlertTold: lambda node, e: tables["table"].mark_alert(node, e),
                MarkAlertAcknowledged: lambda node, e: tables["table"].mark_alert(node, e),
                MarkReceiptTaken: lambda node, e: tables["table"].mark_alert(node, e),
                KeepCheckpoint: lambda node, e: tables["table"].keep_checkpoint(node, e),
                TellSurgeon: lambda node, e: surgeon.tell(node, e),
                SurgeonHeard: lambda node, e: surgeon.heard(node, e),
            }
        )
        truth, checkers = self._checkers()
        journeys = Journeys(self.folder / "tables", {d.device: d.name for d in self.devices})
        journeys.watch(self.trace)
        transmissions = Transmissions(self.folder / "tables", [link.hop for link in self.links.values()])
        transmissions.watch(self.trace)
        clinic = self._clinic_log()
        clinic.watch(self.trace)
        backlog = TableWriter(self.folder / "tables", "backlog")
        self._write_calendar()
        write_run_registry(self.folder, self.settings, self.devices)
        self._schedule(tables, truth, backlog)

        by_key = {checker.key: checker for checker in checkers}
        no_loss, once, convergence = by_key["no_loss"], by_key["exactly_once"], by_key["convergence"]
        assert isinstance(no_loss, NoLoss)
        assert isinstance(once, ExactlyOnce)
        assert isinstance(convergence, Convergence)
        conservation = by_key["conservation"]
        assert isinstance(conservation, Conservation)
        recovery = by_key["recovery"]
        assert isinstance(recovery, Recovery)

        def before_finish(complete: bool) -> None:
            no_loss.complete = convergence.complete = recovery.complete = complete
            once.rows_counted = tables["table"].count_rows()

        def close(at_us: int) -> None:
            journeys.close(at_us)
            transmissions.close()
            clinic.close(at_us)
            backlog.close()
            for table in tables.values():
                table.close()

        def records() -> dict[str, int]:
            accepted, missing = no_loss.accepted, no_loss.missing
            lost = missing if no_loss.complete else 0  # destroyed media included
            return {
                "accepted": accepted,
                "delivered": accepted - missing,
                "lost": lost,
                "in_flight": missing - lost,
                "never_accepted": clinic.never_accepted,
            }

        return Mission(
            host=host,
            start_us=scenario.start_us,
            generation_end_us=scenario.end_us,
            plan_end_us=self.span[1],
            checkers=checkers,
            conservation=conservation,
            home=lambda: journeys.outstanding == 0,
            deadline_us=lambda: self._drain_deadline_us(convergence),
            hops=lambda: [
                *(link.hop for link in self.links.values()),
                *mars_network.hops.values(),
                *earth_network.hops.values(),
            ],
            counts=lambda: {
                "samples": journeys.samples,
                "frames": journeys.frames,
                "bundles": journeys.bundles,
                "rows": truth.rows,
                "alerts": clinic.alerts,
            },
            records=records,
            streams=lambda: latency_by_stream(
                self.folder / "tables" / "records.parquet",
                {d.name: f"{d.device:016x}" for d in self.devices},
                {d.name: journeys.ages_s().get(d.device, (None, None)) for d in self.devices},
            ),
            site={
                "name": self.site.name,
                "latitude_deg": self.site.latitude_deg,
                "longitude_deg": self.site.longitude_deg,
            },
            longest_silence_s=longest_silence_s(scenario, self.available.values(), self.span),
            clinic=clinic.clinic,
            ledger=lambda: clinic.ledger(once.rows_counted or 0),
            before_finish=[before_finish],
            closers=[close],
        )

    def _clinic_log(self) -> ClinicLog:
        watched = [WatchedDevice(d.name, d.device, d.crew, d.channels) for d in self.devices]
        return ClinicLog(self.folder / "tables", watched, self.edges, self.scenario.start_us, self.scenario.end_us)

    def _sensor(self, device: DeviceIdentity) -> Sensor:
        scenario = self.scenario
        phase_us = round(lmst_h(scenario.start_us, self.site.longitude_deg) / 24 * SOL_US)
        faults = sensor_faults(scenario)
        source = source_of(scenario, device, phase_us, faults)
        hiccups = hiccups_of(scenario, device, faults)
        return Sensor(self.host, device.name, source, scenario.start_us, scenario.end_us, hiccups=hiccups)

    def _tables(self) -> dict[str, Table]:
        t = self.scenario.earth.table
        settings = TableSettings(t.latency_us, t.read_latency_us, t.write_capacity_rows_per_s)
        backup = Table(self.host, "backup", str(self.folder / "earth-backup.sqlite"), settings)
        table = Table(self.host, "table", str(self.folder / "earth.sqlite"), settings, backup)
        return {"table": table, "backup": backup}

    # ------------------------------------------------------------ what happens by script

    def _schedule(self, tables: dict[str, Table], truth: Truth, backlog: TableWriter) -> None:
        host, scenario = self.host, self.scenario
        host.call_at(scenario.start_us, self._start_all)
        for fault in scenario.faults:
            if isinstance(fault, EdgeCrash):
                host.call_at(scenario.start_us + fault.at_us, self._crash, fault.node, fault.down_us)
            elif isinstance(fault, TableThrottling):
                start_us = scenario.start_us + fault.at_us
                normal = scenario.earth.table.write_capacity_rows_per_s
                host.call_at(start_us, self._set_capacity, tables["table"], fault.write_capacity_rows_per_s)
                host.call_at(start_us + fault.for_us, self._set_capacity, tables["table"], normal)
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
        host.call_at(scenario.start_us, self._sample_backlog, truth, backlog)

    def _note(self, fact: tuple[Any, ...]) -> None:
        self.trace.emit(self.host.now_us, "world", fact)

    def _start_all(self) -> None:
        seed = self.scenario.seed
        self.host.start(AUDITOR, self.roles.auditor.recover(self.settings.auditor()), entropy(seed, AUDITOR, 1))
        self.host.start(EARTH, self.roles.gateway.recover(self.settings.gateway()), entropy(seed, EARTH, 1))
        for edge in self.edges:
            self._start_edge(edge)
        for device in self.devices:
            machine = self.roles.device(self.settings.device(device))
            self.host.start(device.name, machine, entropy(seed, device.name, 1))

    def _start_edge(self, edge: str) -> None:
        disk = self.disks[edge]
        durable = disk.contents()
        machine = self.roles.edge.recover(self.settings.edge(edge), durable, disk.start)
        fresh = entropy(self.scenario.seed, edge, self.host.incarnation(edge) + 1)
        self.host.start(edge, machine, fresh, len(durable))
        if self.antenna.transmitter.stowed:
            self.host.deliver(edge, LinkChanged(EARTH, False))

    def _crash(self, edge: str, down_us: int) -> None:
        if self.host.is_up(edge):
            number = self.host.incarnation(edge)
            torn_share = float(stream(self.scenario.seed, "crash", edge, str(number)).random())
            self.links[edge, EARTH].cut("node_down")
            self.host.stop(edge, *self.disks[edge].crash(torn_share))
            self.host.call_in(down_us, self._start_edge, edge)

    def _set_capacity(self, table: Table, write_rows_per_s: float) -> None:
        table.write_rows_per_s = write_rows_per_s

    def _sample_backlog(self, truth: Truth, backlog: TableWriter) -> None:
        waiting = {edge: [0, 0] for edge in self.edges}
        home = {d.device: d.home for d in self.devices}
        for (device, _), of in truth.streams.items():
            at = of.contiguous["table"]
            count = waiting[home[device]]
            count[0] += of.sealed - at - len(of.ahead["table"])
            count[1] += sum(size for index, size in of.sizes.items() if index >= at)
        for edge, (records, size) in waiting.items():
            backlog.row(self.host.now_us, edge, records, size)
        self.host.call_in(BACKLOG_EVERY_US, self._sample_backlog, truth, backlog)

    def _write_calendar(self) -> None:
        folder = self.folder / "tables"
        contacts = TableWriter(folder, "contacts")
        for c in self.plan.contacts:
            contacts.row(c.source, c.destination, c.via, c.start_us, c.end_us, c.rate_bps, c.owlt_us(c.start_us))
        contacts.close()
        table = TableWriter(folder, "disturbances")
        for entry in self.calendar:
            table.row(entry.kind, entry.place, entry.start_us, entry.end_us, entry.detail)
        table.close()
        opacity = TableWriter(folder, "opacity")
        instants = np.linspace(self.scenario.start_us, self.scenario.end_us, OPACITY_POINTS).astype(np.int64)
        background = self.scenario.weather.dust.background_tau
        taus = dust.opacity(instants, background, disturbances.storms_of(self.scenario))
        for at_us, tau in zip(instants.tolist(), taus.tolist(), strict=True):
            opacity.row(at_us, round(tau, TAU_DIGITS))
        opacity.close()

    # ------------------------------------------------------------ guarantees

    def _checkers(self) -> tuple[Truth, list[Checker]]:
        turnaround_us = self.settings.turnaround_us
        self.available = {
            edge: availability(scenario, self.plan, (edge,), self.stows, turnaround_us) for edge in self.edges
        }
        home = {d.device: d.home for d in self.devices}
        habitat = Habitat(
            devices=self.devices,
            carriers={device: (edge,) for device, edge in home.items()},
            of=lambda device: self.available[home[device]],
            of_edge=self.available,
            signers={d.name: d.device for d in self.devices},
            limits={},
            secrets=[d.name.encode() for d in self.devices] + [channel.encode() for channel in Vitals.CHANNELS],
            turnaround_us=turnaround_us,
            silence_us=round(longest_silence_s(self.scenario, self.available.values(), self.span) * 1e6),
        )
        return checkers_of(self.scenario, habitat, self.trace)

    def _drain_deadline_us(self, convergence: Convergence) -> int | None:
        """Convergence's own deadline, and then time for the last ack to come home."""
        if convergence.deadline_us is None:
            return None
        homes = []
        for available in self.available.values():
            back = available.up.next_us(convergence.deadline_us + self.settings.turnaround_us)
            if back is None:
                return None
            homes.append(back[0] + back[1].owlt_us(back[0]) + RETRANSMISSION_MARGIN_US)
        return max(homes)


def build(scenario: HabitatScenario, folder: Path, roles: Roles, observer: Observer | None = None) -> Mission:
    """A mission for a habitat scenario; its tables go to `folder`, which must exist with its `tables` inside."""
    return HabitatBuilder(scenario, folder, roles, observer).mission()
