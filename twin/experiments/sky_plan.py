"""The contact plan of a habitat under its sky, and whether it can carry what will be generated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from twin.experiments.disturbances import announced_closures, safe_modes
from twin.experiments.earth_service import HABITAT, Closed, closures_of, granted, service
from twin.experiments.identities import EARTH, DeviceIdentity
from twin.experiments.link_rates import dust_over, relay_links, up_rate_bps
from twin.experiments.overload import Load, capacity_bits
from twin.experiments.own_sky import own_sky
from twin.experiments.relay_orbits import relays_of
from twin.experiments.sensors import frame_bytes_of
from twin.network import conjunction, relay_planner
from twin.network.deep_space import down_rates
from twin.network.grants import Tally, tally
from twin.network.itineraries import departure_us
from twin.network.planner import DirectToEarthRequest, direct_contacts, plan_direct_to_earth, station_coverage
from twin.network.relay_planner import Served
from twin.network.visibility import Window, at_other_end, subtract
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.scenario.model import HabitatScenario
from twin.world import ephemeris
from twin.world.horizon_mask import FLAT, HorizonMask
from twin.world.light_path import path_between
from twin.world.mars import Site
from twin.world.relay_geometry import sees_body
from twin.world.stations import DSN_STATIONS
from twin.world.timescales import SOL_US, US_PER_DAY

PLAN_BEYOND_SOLS = 5
CONJUNCTION_MARGIN_US = 30 * US_PER_DAY


def span_of(scenario: HabitatScenario) -> Window:
    """What is planned: the scenario and the sols after it in which it may drain, within the ephemeris.

    A conjunction that begins in these is planned to its end, and the sols to drain come after it.
    """
    end_us = scenario.end_us + PLAN_BEYOND_SOLS * int(SOL_US)
    last_us = ephemeris.END_US - 1
    ahead_us = min(end_us + CONJUNCTION_MARGIN_US, last_us)
    for start_us, over_us in closed_by_the_sun(scenario, "X", "up", (scenario.start_us, ahead_us)):
        if start_us < end_us < over_us + PLAN_BEYOND_SOLS * int(SOL_US):
            end_us = over_us + PLAN_BEYOND_SOLS * int(SOL_US)
    return scenario.start_us, min(end_us, last_us)


def site_of(scenario: HabitatScenario) -> Site:
    """The habitat's place and the horizon around it."""
    site, points = scenario.habitat.site, scenario.habitat.horizon_mask
    return Site(site.name, site.latitude_deg, site.longitude_deg, FLAT if points is None else HorizonMask(points))


def closed_by_the_sun(scenario: HabitatScenario, band: str, direction: str, span: Window) -> list[Window]:
    """When the Sun stands too near to Mars for a direction ("down", "up") of a radio, in Earth's time.

    `band` is that of its way down; the way up is at X-band.
    """
    if direction == "down":
        return conjunction.windows_below(_sep_min_deg(scenario, band), *span)
    moratorium_deg = scenario.network.conjunction.moratorium_deg
    return conjunction.windows_below(max(_sep_min_deg(scenario, "X"), moratorium_deg), *span)


def _sep_min_deg(scenario: HabitatScenario, band: str) -> float:
    given_deg = scenario.network.conjunction.sep_min_deg
    return conjunction.SEP_LIMITS_DEG[band] if given_deg is None else given_deg


def _closures(scenario: HabitatScenario, band: str, span: Window) -> Closed:
    """What is known to be closed to a radio of a band, by direction and station."""
    return {
        direction: closures_of(
            announced_closures(scenario, direction),
            closed_by_the_sun(scenario, band, direction, span),
            scenario.network.stations,
        )
        for direction in ("down", "up")
    }


def told_by_the_sun(scenario: HabitatScenario, span: Window) -> list[tuple[str, str, Window]]:
    """Conjunctions and command moratoria in a span: kind, what it means, and when, in Earth's time."""
    radios_deg = {_sep_min_deg(scenario, radio.band) for _, radio in scenario.network.radios}
    found = [
        ("conjunction", f"SEP below {limit_deg:g} deg", window)
        for limit_deg in sorted(radios_deg, reverse=True)
        for window in conjunction.windows_below(limit_deg, *span)
    ]
    limit_deg = scenario.network.conjunction.moratorium_deg
    for window in conjunction.windows_below(limit_deg, *span):
        days = conjunction.silence_us(window) / US_PER_DAY
        found.append(("command_moratorium", f"SEP below {limit_deg:g} deg: no ack for {days:.1f} days", window))
    return found


def plan_of(scenario: HabitatScenario, span: Window | None = None) -> ContactPlan:
    """Contacts both ways in a span, by default `span_of`; what is announced to be closed is left out, by direction."""
    with own_sky(scenario):
        contacts = _less_safe_modes(scenario, _contacts(scenario, span or span_of(scenario)))
        return ContactPlan(contacts, ends=(EARTH, *scenario.habitat.edge_names))


def _contacts(scenario: HabitatScenario, span: Window) -> list[Contact]:
    """Whatever relays in safe mode may be."""
    site = site_of(scenario)
    relays = relays_of(scenario, span)
    network = scenario.network
    bands: set[str] = {radio.band for _, radio in network.radios}
    closed = {band: _closures(scenario, band, span) for band in sorted(bands)}
    in_sight = {name: sees_body(relay.orbit, "earth", *span) for name, relay in relays.items()}
    served_by_track = None
    if network.apertures is not None:
        _, grants = granted(scenario, network.apertures, site, relays, in_sight, span, closed)
        served_by_track = service(grants, (HABITAT, *relays))
    contacts = _direct(scenario, site, span, closed, None if served_by_track is None else served_by_track[HABITAT])
    for relay in network.relays:
        radio = relay.to_earth
        served = (
            Served(
                *(
                    station_coverage(stations, span, radio.station_min_elevation_deg, closed[radio.band][way])
                    for way, stations in (("down", network.stations_hearing(radio.band)), ("up", network.stations))
                )
            )
            if served_by_track is None
            else served_by_track[relay.name]
        )
        links = relay_links(scenario, relay, relays[relay.name])
        contacts += relay_planner.passes_over(site, scenario.habitat.edge_names, relay.name, links, span)
        contacts += relay_planner.to_earth(relay.name, links, EARTH, served, in_sight[relay.name], span)
    if network.crosslinks is not None:
        limits_km = network.crosslinks.atmosphere_km, network.crosslinks.range_max_km
        for pair in combinations(relays, 2):
            contacts += relay_planner.between(*pair, relays, span, network.crosslinks.rate_bps, limits_km)
    return contacts


def antenna_use(scenario: HabitatScenario) -> list[Tally]:
    """What becomes of the time in which stations see spacecraft while data are generated; empty without apertures."""
    if scenario.network.apertures is None:
        return []
    span = scenario.start_us, scenario.end_us
    with own_sky(scenario):
        relays = relays_of(scenario, span)
        in_sight = {name: sees_body(relay.orbit, "earth", *span) for name, relay in relays.items()}
        bands: set[str] = {radio.band for _, radio in scenario.network.radios}
        closed = {band: _closures(scenario, band, span) for band in bands}
        return tally(*granted(scenario, scenario.network.apertures, site_of(scenario), relays, in_sight, span, closed))


def _less_safe_modes(scenario: HabitatScenario, contacts: list[Contact]) -> Iterator[Contact]:
    """Contacts without the times in which a relay is announced to be in safe mode, at its own end."""
    announced = safe_modes(scenario, announced=True)
    if not announced:
        yield from contacts
        return
    for contact in contacts:
        window = contact.start_us, contact.end_us
        cuts = []
        for start_us, end_us, relay in announced:
            if relay == contact.source:
                cuts.append((start_us, end_us))
            elif relay == contact.destination:
                cuts.append((departure_us(contact, start_us, *window), departure_us(contact, end_us, *window)))
        for start_us, end_us in subtract([window], cuts):
            yield contact._replace(start_us=start_us, end_us=end_us)


def _direct(
    scenario: HabitatScenario, site: Site, span: Window, closed: Mapping[str, Closed], granted: Served | None
) -> list[Contact]:
    radio = scenario.network.direct_to_earth
    if radio is None:
        return []
    request = DirectToEarthRequest(
        site=site,
        edges=scenario.habitat.edge_names,
        earth=EARTH,
        listening=scenario.network.stations_hearing(radio.band),
        sending=scenario.network.stations,
        span=span,
        site_min_elevation_deg=radio.min_elevation_deg,
        station_min_elevation_deg=radio.station_min_elevation_deg,
        setup_us=radio.setup_us,
        down_rates=down_rates(radio, scenario.pipeline.bundle_bytes_max, dust_over(scenario, site, span)),
        uplink_rate_bps=up_rate_bps(radio),
        closed=closed[radio.band],
    )
    if granted is not None:
        down = {
            name: at_other_end(heard, path_between(site, DSN_STATIONS[name]).sent_down_us)
            for name, heard in granted.down.items()
        }
        return list(direct_contacts(request, down, granted.up))
    return list(plan_direct_to_earth(request).contacts)


def load_of(scenario: HabitatScenario, plan: ContactPlan, devices: Sequence[DeviceIdentity]) -> Load:
    """Everything that devices will sign, against the contacts of the one antenna that all edge nodes share, or of what
    relays take over from them.
    """
    offered = 0
    for device in devices:
        frames = -(-scenario.duration_us // (device.sample_period_us * device.samples_per_frame))
        offered += 8 * frames * frame_bytes_of(scenario, device)
    span = (scenario.start_us, scenario.end_us + int(SOL_US))
    edge = scenario.habitat.edge_names[0]
    off_mars = sum(capacity_bits(plan.between(edge, neighbour), *span) for neighbour in plan.neighbours(edge))
    on_earth = sum(
        capacity_bits(plan.between(node, EARTH), *span)
        for node in (edge, *(relay.name for relay in scenario.network.relays))
    )
    return Load("the way down", offered, min(off_mars, on_earth))
