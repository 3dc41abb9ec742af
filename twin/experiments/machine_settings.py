"""What every machine of a habitat is configured with: keys, plan, periods, from the scenario and the seed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from twin.experiments.clinic_settings import watch_of
from twin.experiments.identities import (
    AUDITOR,
    EARTH,
    EARTH_ENDPOINT,
    DeviceIdentity,
    edge_device,
    edge_endpoint,
    key_pair,
    relay_endpoint,
)
from twin.experiments.operators import MARS, Operators
from twin.network.itineraries import ways
from twin.pipeline.nodes.ack_desk import EdgeOnMars
from twin.pipeline.nodes.alarm_desk import AlarmSettings
from twin.pipeline.nodes.auditor import AuditorSettings
from twin.pipeline.nodes.device import DeviceSettings
from twin.pipeline.nodes.edge import EdgeSettings
from twin.pipeline.nodes.gateway import GatewaySettings
from twin.pipeline.nodes.notary import NotarySettings
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.flow_ends import NodeSettings
from twin.pipeline.transport.mailer import Address
from twin.pipeline.transport.protector import HopKeySettings, HopPeer
from twin.pipeline.transport.sync import SyncSettings
from twin.pipeline.wire.key_book import KnownDevice
from twin.scenario.model import HabitatScenario

RETRANSMISSION_MARGIN_US = 15_000_000  # assumed: more than an ack's wait behind the ack before it
LOCAL_WINDOW = 32  # assumed: half an hour of one-minute frames offered before the first accept
WRITES_UNDER_WAY = 4
BACKOFF_US = 50_000  # AWS SDK guidance: exponential from tens of milliseconds
READ_ROWS_MAX = 500
SURGEON_RETRY_US = 5_000_000  # assumed: a chat service that was down is tried again in seconds


class MachineSettings:
    """Settings by machine; every (re)start of a machine asks anew and gets the same.

    Args:
        span: first and last instant that the plan covers.
    """

    def __init__(
        self,
        scenario: HabitatScenario,
        plan: ContactPlan,
        span: tuple[int, int],
        devices: Sequence[DeviceIdentity],
        operators: Operators,
    ) -> None:
        self.scenario = scenario
        self.plan = plan
        self.span = span
        self.devices = devices
        self.edges = scenario.habitat.edge_names
        self.operators = operators
        self.unknown: dict[str, frozenset[str]] = {}
        """By edge: devices that its configuration does not name."""
        suite = scenario.pipeline.suite
        self.keys = {name: key_pair(scenario.seed, suite, name) for name in (EARTH, AUDITOR, *self.edges)}
        self.edge_devices = {edge: edge_device(scenario.seed, edge) for edge in self.edges}
        self.watches = {d.name: watch_of(scenario, d.kind, d.crew, d.sample_period_us) for d in devices}
        self.known = {d.device: KnownDevice(d.name, d.keys.verifier, d.keys.signer.signature_bytes) for d in devices}
        for edge, number in self.edge_devices.items():
            own = self.keys[edge]
            self.known[number] = KnownDevice(edge, own.verifier, own.signer.signature_bytes)

    @property
    def signers(self) -> dict[str, int]:
        """Node name -> the id under which it signs records: devices, and edges for their alerts."""
        return {**{d.name: d.device for d in self.devices}, **self.edge_devices}

    @property
    def turnaround_us(self) -> int:
        """Processing on Earth and the ack delay, as timers and bounds grant them."""
        return turnaround_us(self.scenario)

    @cached_property
    def lifetime_us(self) -> int:
        """Lifetime of bundles: as given, or twice the longest planned outage and round."""
        given = self.scenario.pipeline.lifetime_us
        if given is not None:
            return given
        windows = ways(self.plan, self.edges[0], EARTH)
        starts = [start_us for start_us, _, _ in windows] + [self.span[1]]
        ends = [self.span[0]] + [end_us for _, end_us, _ in windows]
        longest_us = max(start - end for start, end in zip(starts, ends, strict=True))
        owlt_us = max((c.owlt_us(start_us) for start_us, _, c in windows), default=0)
        return 2 * (longest_us + 2 * owlt_us + self.turnaround_us)

    def device(self, device: DeviceIdentity) -> DeviceSettings:
        """One sensor."""
        p = self.scenario.pipeline
        return DeviceSettings(
            device=device.device,
            apid=device.apid,
            edges=device.edges,
            channels=device.channels,
            sample_period_us=device.sample_period_us,
            samples_per_frame=device.samples_per_frame,
            watch=self.watches[device.name],
            retry_us=p.retry_local_us,
            local_window=LOCAL_WINDOW,
            signer=self.operators.signer_of(device.name),
            gateway=self.keys[EARTH].verifier,
            auditor=self.keys[AUDITOR].verifier,
            index_max=p.frame_index_max,
            packet_count=p.packet_count,
        )

    def edge(self, edge: str) -> EdgeSettings:
        """One edge node."""
        p = self.scenario.pipeline
        unknown = self.unknown.get(edge, frozenset())
        devices = [d for d in self.devices if d.name not in unknown]
        peers = {name: self.keys[name].verifier for name in self.edges if name != edge}
        return EdgeSettings(
            name=edge,
            earth=EARTH,
            plan=self.plan,
            devices={number: known for number, known in self.known.items() if known.name not in unknown},
            carries=frozenset(d.device for d in devices if d.home == edge),
            notary=NotarySettings(
                name=edge,
                signer=self.keys[edge].signer,
                witnesses={**peers, AUDITOR: self.keys[AUDITOR].verifier},
                authors=peers,
                earth_witness=AUDITOR,
                gateway=self.keys[EARTH].verifier,
                auditor=self.keys[AUDITOR].verifier,
            ),
            alarms=AlarmSettings(
                device=self.edge_devices[edge],
                apid=len(self.devices) + self.edges.index(edge),
                signer=self.keys[edge].signer,
                watches={d.device: self.watches[d.name] for d in devices if edge in d.edges},
                escalate_after_us=self.scenario.clinic.escalate_after_us,
            ),
            address=Address(edge_endpoint(self.edges.index(edge) + 1), self.lifetime_us),
            earth_endpoint=EARTH_ENDPOINT,
            sync=SyncSettings(
                bundle_bytes_max=p.bundle_bytes_max,
                turnaround_us=self.turnaround_us,
                margin_us=RETRANSMISSION_MARGIN_US,
                window_bytes=p.window_bytes,
            ),
            bundle_wait_us=p.bundle_wait_us,
            checkpoint_period_us=p.checkpoint_period_us,
            hop_keys=HopKeySettings(
                (HopPeer(EARTH, EARTH_ENDPOINT, dict(self.operators.hop_keys[MARS][edge])),), self.lifetime_us
            ),
        )

    def relay(self, name: str) -> NodeSettings:
        """One relay orbiter: it keeps and forwards what others send."""
        relays = self.scenario.network.relays
        endpoints = {relay.name: relay_endpoint(n) for n, relay in enumerate(relays, start=1)}
        ends = {edge: edge_endpoint(n) for n, edge in enumerate(self.edges, start=1)}
        (relay,) = (relay for relay in relays if relay.name == name)
        return NodeSettings(
            name=name,
            plan=self.plan,
            address=Address(endpoints[name], self.lifetime_us),
            endpoints={**endpoints, **ends, EARTH: EARTH_ENDPOINT},
            flows=(),
            signer=key_pair(self.scenario.seed, self.scenario.pipeline.suite, name).signer,
            turnaround_us=self.turnaround_us,
            margin_us=RETRANSMISSION_MARGIN_US,
            storage_bytes_max=relay.storage_bytes,
        )

    def gateway(self, term: int) -> GatewaySettings:
        """An ingest leader on Earth; `term` is higher than any used before."""
        p = self.scenario.pipeline
        endpoints = {edge: edge_endpoint(n) for n, edge in enumerate(self.edges, start=1)}
        hop_keys = self.operators.hop_keys[EARTH]
        return GatewaySettings(
            name=EARTH,
            auditor=AUDITOR,
            term=term,
            plan=self.plan,
            address=Address(EARTH_ENDPOINT, self.lifetime_us),
            edges=tuple(EdgeOnMars(edge, endpoint) for edge, endpoint in endpoints.items()),
            devices=self.known,
            signer=self.keys[EARTH].signer,
            batch_rows=p.batch_rows_max,
            writes_under_way_max=WRITES_UNDER_WAY,
            ack_delay_us=p.ack_delay_us,
            backoff_us=BACKOFF_US,
            backup_period_us=p.backup_period_us,
            bundle_bytes_max=p.bundle_bytes_max,
            surgeon_retry_us=SURGEON_RETRY_US,
            hop_keys=HopKeySettings(
                tuple(HopPeer(edge, endpoints[edge], dict(hop_keys[edge])) for edge in self.edges), self.lifetime_us
            ),
            gaps_max=p.ack_gaps_max,
        )

    def auditor(self, gateways: tuple[str, ...]) -> AuditorSettings:
        """The auditor; `gateways` are the nodes that may lead."""
        return AuditorSettings(
            name=AUDITOR,
            gateways=gateways,
            devices=self.known,
            authors={name: self.keys[name].verifier for name in self.edges},
            signer=self.keys[AUDITOR].signer,
            read_rows_max=READ_ROWS_MAX,
            retry_us=BACKOFF_US,
            scrub_period_us=self.scenario.pipeline.scrub_period_us,
        )


def turnaround_us(scenario: HabitatScenario) -> int:
    """Processing on Earth and the ack delay of a scenario."""
    p = scenario.pipeline
    return p.far_end_allowance_us + p.ack_delay_us + 2 * scenario.earth.ground_latency_us
