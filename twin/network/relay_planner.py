"""From the orbits of relays to contacts: between the ground and each relay, and between each relay and Earth.

On Mars a contact lasts as long as a pass over the site, less the time to hail. To Earth it lasts while the relay sees
Earth and a station sees Mars, each at its own instant; a station's beam holds all of Mars, so it receives from several
spacecraft at once. The light time of a contact is that between the relay itself and the station, with knots so close
that interpolation errs by 0.12 ms at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from twin.network.deep_space import DownRates
from twin.network.light_knots import light_knots
from twin.network.modes import Segment, split_contact
from twin.network.sights import Relay, relay_passes
from twin.network.visibility import Window, after_setup, at_other_end, intersect
from twin.pipeline.transport.contact_plan import Contact
from twin.world import relay_geometry
from twin.world.light_path import LightPath, at_station
from twin.world.mars import Site
from twin.world.orbits import Orbit
from twin.world.stations import DSN_STATIONS
from twin.world.timescales import FloatArray, IntArray

PASS_KNOT_US = 60_000_000
DEEP_SPACE_KNOT_US = 300_000_000
"""The lowest relay of the catalogue bends from its chord by 35 km meanwhile; closer knots would take their memory."""


class Served(NamedTuple):
    """When each station receives from a spacecraft and transmits to it, in Earth's time."""

    down: dict[str, list[Window]]
    up: dict[str, list[Window]]


class RelayLinks(NamedTuple):
    """What a relay can carry: segments of rates over a pass, and rates to and from Earth.

    `pass_rates` gets the passes and the range [km] at instants, and answers with segments for each pass.
    """

    relay: Relay
    pass_rates: Callable[[list[Window], Callable[[IntArray], FloatArray]], list[list[Segment]]]
    pass_setup_us: int
    earth_setup_us: int
    down_rates: DownRates
    up_rate_bps: int


def passes_over(site: Site, edges: Sequence[str], name: str, links: RelayLinks, span: Window) -> list[Contact]:
    """Contacts between each edge node and a relay, both ways."""
    orbit = links.relay.orbit

    def range_km(us: IntArray) -> FloatArray:
        return relay_geometry.look_at(orbit, site, us)[2]

    usable = after_setup(relay_passes(site, links.relay, span), links.pass_setup_us)

    def light_us(us: IntArray) -> IntArray:
        return relay_geometry.light_time_us(range_km(us))

    rated = [segment for segments in links.pass_rates(usable, range_km) for segment in segments]
    knots = light_knots([segment[:2] for segment in rated], PASS_KNOT_US, light_us)
    pairs = [pair for edge in edges for pair in ((edge, name), (name, edge))]
    return [Contact(*pair, *segment, owlt) for segment, owlt in zip(rated, knots, strict=True) for pair in pairs]


def to_earth(
    name: str, links: RelayLinks, earth: str, served: Served, in_sight: Sequence[Window], span: Window
) -> Iterator[Contact]:
    """Contacts between a relay and Earth, while stations serve it.

    Args:
        in_sight: when the relay sees Earth [us], within `span`, over which its orbit is known.
    """
    for station, windows in sorted(served.down.items()):
        path = path_to(links.relay.orbit, span, station)
        listened = at_other_end(windows, path.sent_down_us)
        sending = after_setup(intersect(in_sight, listened), links.earth_setup_us)
        owlts = light_knots(sending, DEEP_SPACE_KNOT_US, path.owlt_down_us)
        for window, owlt, segments in zip(sending, owlts, links.down_rates(station, sending), strict=True):
            yield from split_contact(Contact(name, earth, *window, 0, owlt, station), segments)
    for station, windows in sorted(served.up.items()):
        path = path_to(links.relay.orbit, span, station)
        heard = at_other_end(in_sight, path.sent_up_us)
        sending = after_setup(intersect(heard, windows), links.earth_setup_us)
        for window, owlt in zip(sending, light_knots(sending, DEEP_SPACE_KNOT_US, path.owlt_up_us), strict=True):
            yield Contact(earth, name, *window, links.up_rate_bps, owlt, station)


def between(
    one: str, other: str, relays: Mapping[str, Relay], span: Window, rate_bps: int, limits_km: tuple[float, float]
) -> list[Contact]:
    """Contacts between two relays that see each other, both ways; limits are the height that the line of sight clears
    and the largest distance [km].
    """
    first, second = relays[one].orbit, relays[other].orbit

    def light_us(us: IntArray) -> IntArray:
        return relay_geometry.light_time_us(relay_geometry.distance_km(first, second, us))

    windows = relay_geometry.crosslinks(first, second, *span, *limits_km)
    knots = light_knots(windows, PASS_KNOT_US, light_us)
    pairs = (one, other), (other, one)
    return [Contact(*pair, *w, rate_bps, owlt) for w, owlt in zip(windows, knots, strict=True) for pair in pairs]


def path_to(orbit: Orbit, span: Window, station: str) -> LightPath:
    """The way of light between a relay and a station.

    Outside of `span` the orbit may be unknown, and nothing is planned: there the relay is taken to stand still.
    """
    return LightPath(lambda us: orbit.position_km(us.clip(*span)), at_station(DSN_STATIONS[station]))
