"""Which station serves which spacecraft when: by tracks, where a scenario says what its antennas need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from twin.network import closures
from twin.network.aperture_settings import closed_by_maintenance, rules_of, written_tracks
from twin.network.apertures import plan_tracks
from twin.network.grants import Grant, grants_of
from twin.network.relay_planner import Served, path_to
from twin.network.sights import Relay
from twin.network.tracks import Sight
from twin.network.visibility import (
    Window,
    down_windows,
    intersect,
    sight_at_other_end,
    station_windows,
    subtract,
    union,
    up_windows,
)
from twin.randomness import stream
from twin.scenario.apertures import Apertures
from twin.scenario.model import HabitatScenario
from twin.scenario.radio import DeepSpaceRadio
from twin.world.light_path import path_between
from twin.world.mars import Site
from twin.world.stations import DSN_STATIONS

HABITAT = "habitat"
"""What schedules call the habitat's own antenna."""

Closed = Mapping[str, Mapping[str, Sequence[Window]]]
"""By direction ("down", "up") and station: when it is known not to serve radios of one band, in Earth's time."""


def granted(
    scenario: HabitatScenario,
    apertures: Apertures,
    site: Site,
    relays: Mapping[str, Relay],
    in_sight: Mapping[str, Sequence[Window]],
    span: Window,
    closed: Mapping[str, Closed],
) -> tuple[list[Sight], list[Grant]]:
    """When stations and spacecraft can hear each other, and what of it is granted.

    Args:
        in_sight: when each relay sees Earth, in Mars's time; closed: closures by band.
    """
    seen = _sights(scenario, site, relays, in_sight, span)
    sights = [_clear(sight, scenario, apertures, span, closed) for sight in seen]
    rules = rules_of(apertures)
    maintenance = closed_by_maintenance(apertures, scenario.start_us, span)
    tracks = written_tracks(apertures, scenario.start_us) or plan_tracks(sights, rules, maintenance)
    return sights, grants_of(tracks, sights, rules)


def service(grants: Sequence[Grant], spacecraft: Sequence[str]) -> dict[str, Served]:
    """Which station serves each spacecraft when, by its name."""
    served: dict[str, Served] = {name: Served({}, {}) for name in spacecraft}
    for grant in grants:
        by_station = getattr(served[grant.spacecraft], grant.direction)
        by_station.setdefault(grant.station, []).append((grant.start_us, grant.end_us))
    return served


def _sights(
    scenario: HabitatScenario,
    site: Site,
    relays: Mapping[str, Relay],
    in_sight: Mapping[str, Sequence[Window]],
    span: Window,
) -> Iterator[Sight]:
    """When stations and spacecraft can hear each other, in Earth's time."""
    network = scenario.network
    radio = network.direct_to_earth
    for name in network.stations:
        station = DSN_STATIONS[name]
        if radio is not None:
            limits = radio.min_elevation_deg, radio.station_min_elevation_deg
            sent = down_windows(site, station, span, *limits)
            down = sight_at_other_end(sent, path_between(site, station).received_down_us)
            reached = up_windows(site, station, span, *limits)
            yield Sight(HABITAT, name, tuple(down) if radio.band in station.bands else (), tuple(reached))

    @cache
    def of_mars(name: str, min_deg: float) -> list[Window]:
        return station_windows(DSN_STATIONS[name], span, min_deg)

    for relay in network.relays:
        for name in network.stations:
            path = path_to(relays[relay.name].orbit, span, name)
            heard = sight_at_other_end(in_sight[relay.name], path.received_down_us)
            reached = sight_at_other_end(in_sight[relay.name], path.sent_up_us)
            up = of_mars(name, relay.to_earth.station_min_elevation_deg)
            down = intersect(heard, up) if relay.to_earth.band in DSN_STATIONS[name].bands else []
            yield Sight(relay.name, name, tuple(down), tuple(intersect(reached, up)))


def _clear(
    sight: Sight, scenario: HabitatScenario, apertures: Apertures, span: Window, closed: Mapping[str, Closed]
) -> Sight:
    """A sight less what the Sun, announcements and the weather of its bands take; the way up is at X-band."""
    band = _radio(scenario, sight.spacecraft).band
    known = closed[band]
    fades = {way: _rain(scenario, apertures, sight.station, of, span) for way, of in (("down", band), ("up", "X"))}
    down = subtract(sight.down, [*known["down"].get(sight.station, ()), *fades["down"]])
    up = subtract(sight.up, [*known["up"].get(sight.station, ()), *fades["up"]])
    return sight._replace(down=tuple(down), up=tuple(up))


def _rain(scenario: HabitatScenario, apertures: Apertures, station: str, band: str, span: Window) -> list[Window]:
    for weather in apertures.weather:
        if weather.band == band:
            random = stream(scenario.seed, "weather", station, band)
            return closures.weather_outages(random, weather.availability, weather.mean_outage_us, span)
    return []


def _radio(scenario: HabitatScenario, spacecraft: str) -> DeepSpaceRadio:
    radios = {relay.name: relay.to_earth for relay in scenario.network.relays}
    direct = scenario.network.direct_to_earth
    if direct is not None:
        radios[HABITAT] = direct
    return radios[spacecraft]


def closures_of(
    announced: Mapping[str, Sequence[Window]], everywhere: Sequence[Window], stations: Sequence[str]
) -> dict[str, list[Window]]:
    """Closures by station: its own, and those of all."""
    return {station: union([*announced.get(station, ()), *everywhere]) for station in stations}
