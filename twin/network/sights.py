"""Who sees whom, before any schedule or rate: the raw geometry of a habitat, its relays and the stations.

Instants are those of the first node named: of the site and the relay on Mars, of the station on Earth. Sights between
a site and a relay are geometric; planets are seen where they appear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from twin.network.visibility import Window, station_windows
from twin.world import mars, relay_geometry
from twin.world.horizon_mask import clear_windows
from twin.world.orbits import Orbit
from twin.world.stations import DSN_STATIONS
from twin.world.timescales import FloatArray, IntArray


class Relay(NamedTuple):
    """An orbiter that relays: its orbit, and the least elevation over the site [deg] at which it is heard."""

    orbit: Orbit
    min_elevation_deg: float


class Sight(NamedTuple):
    """One node sees another from `start_us` to `end_us`; `kind` is e.g. `site-relay`."""

    kind: str
    source: str
    destination: str
    start_us: int
    end_us: int


def sights(
    site: mars.Site,
    relays: Mapping[str, Relay],
    stations: Sequence[str],
    span: Window,
    site_min_deg: float,
    station_min_deg: float,
) -> list[Sight]:
    """Every sight in a span of house time, by kind, then pair, then start."""
    found: list[Sight] = []

    def note(kind: str, source: str, destination: str, windows: list[Window]) -> None:
        found.extend(Sight(kind, source, destination, *window) for window in windows)

    def of_earth(us: IntArray) -> tuple[FloatArray, FloatArray]:
        return mars.earth_azimuth_elevation_deg(site, us)

    note("site-earth", site.name, "earth", clear_windows(of_earth, site.mask, *span, site_min_deg))
    for name in stations:
        note("station-mars", name, "mars", station_windows(DSN_STATIONS[name], span, station_min_deg))
    for name, relay in relays.items():
        note("site-relay", site.name, name, relay_passes(site, relay, span))
        note("relay-earth", name, "earth", relay_geometry.sees_body(relay.orbit, "earth", *span))
    for (one, first), (other, second) in combinations(relays.items(), 2):
        note("relay-relay", one, other, relay_geometry.crosslinks(first.orbit, second.orbit, *span))
    return sorted(found)


def relay_passes(site: mars.Site, relay: Relay, span: Window) -> list[Window]:
    """When a relay stands high enough over a site and clear of its horizon."""
    flat_deg = site.mask.flat_deg
    least_deg = relay.min_elevation_deg
    if flat_deg is not None:
        return relay_geometry.passes(relay.orbit, site, *span, max(flat_deg, least_deg))

    def mask_deg(azimuth_deg: FloatArray) -> FloatArray:
        return site.mask(azimuth_deg).clip(min=least_deg)

    return relay_geometry.passes(relay.orbit, site, *span, mask_deg)
