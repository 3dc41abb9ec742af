"""The contact plan of a habitat under its sky, and whether it can carry what will be generated."""

from __future__ import annotations

from collections.abc import Sequence

from twin.experiments.disturbances import announced_closures
from twin.experiments.identities import EARTH, DeviceIdentity
from twin.experiments.overload import Load, capacity_bits
from twin.experiments.sensors import typical_rows
from twin.network.planner import DirectToEarthRequest, plan_direct_to_earth
from twin.network.visibility import Window
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.wire.frame import HEADER_BYTES, Samples, encode_samples
from twin.scenario.model import HabitatScenario
from twin.world import ephemeris
from twin.world.horizon_mask import FLAT, HorizonMask
from twin.world.mars import Site
from twin.world.timescales import SOL_US

PLAN_BEYOND_SOLS = 5


def span_of(scenario: HabitatScenario) -> Window:
    """What is planned: the scenario and the sols after it in which it may drain, within the ephemeris."""
    beyond_us = scenario.end_us + PLAN_BEYOND_SOLS * int(SOL_US)
    return scenario.start_us, min(beyond_us, ephemeris.END_US - 1)


def site_of(scenario: HabitatScenario) -> Site:
    """The habitat's place and the horizon around it."""
    site, points = scenario.habitat.site, scenario.habitat.horizon_mask
    return Site(site.name, site.latitude_deg, site.longitude_deg, FLAT if points is None else HorizonMask(points))


def plan_of(scenario: HabitatScenario) -> ContactPlan:
    """Contacts both ways; what is announced to be closed is left out, by direction."""
    down, up = _plan(scenario, "down"), _plan(scenario, "up")
    return ContactPlan(
        [c for c in down.contacts if c.destination == EARTH] + [c for c in up.contacts if c.source == EARTH]
    )


def _plan(scenario: HabitatScenario, direction: str) -> ContactPlan:
    radio = scenario.network.direct_to_earth
    return plan_direct_to_earth(
        DirectToEarthRequest(
            site=site_of(scenario),
            edges=scenario.habitat.edge_names,
            earth=EARTH,
            stations=scenario.network.stations,
            span=span_of(scenario),
            site_min_elevation_deg=radio.min_elevation_deg,
            station_min_elevation_deg=radio.station_min_elevation_deg,
            setup_us=radio.setup_us,
            downlink_rate_bps=radio.downlink_rate_bps,
            uplink_rate_bps=radio.uplink_rate_max_bps,
            closed=announced_closures(scenario, direction),
        )
    )


def load_of(scenario: HabitatScenario, plan: ContactPlan, devices: Sequence[DeviceIdentity]) -> Load:
    """Everything that devices will sign, against the contacts of the one antenna that all edge nodes share."""
    offered = 0
    for device in devices:
        rows = typical_rows(scenario, device)
        body = encode_samples(Samples(0, device.sample_period_us, device.channels, rows))
        frame_bytes = HEADER_BYTES + len(body) + device.keys.signer.signature_bytes
        frames = -(-scenario.duration_us // (device.sample_period_us * device.samples_per_frame))
        offered += 8 * frames * frame_bytes
    contacts = plan.between(scenario.habitat.edge_names[0], EARTH)
    capacity = capacity_bits(contacts, scenario.start_us, scenario.end_us + int(SOL_US))
    return Load("the way down", offered, capacity)
