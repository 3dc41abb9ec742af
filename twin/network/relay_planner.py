"""From the orbits of relays to contacts: between the ground and each relay, and between each relay and Earth.

On Mars a contact lasts as long as a pass over the site, less the time to hail. To Earth it lasts while the relay sees
Earth and a station sees Mars, each at its own instant; a station's beam holds all of Mars, so it receives from several
spacecraft at once. The light time of a contact is that from the relay itself, with knots so close that interpolation
errs by less than a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from twin.network.deep_space import DownRates
from twin.network.light_knots import light_knots
from twin.network.modes import Segment, split_contact
from twin.network.sights import Relay, relay_passes
from twin.network.visibility import Window, intersect
from twin.pipeline.transport.contact_plan import Contact
from twin.world import ephemeris, relay_geometry
from twin.world.mars import Site
from twin.world.orbits import Orbit
from twin.world.timescales import FloatArray, IntArray
from twin.world.vectors import dot, norm

PASS_KNOT_US = 60_000_000
DEEP_SPACE_KNOT_US = 600_000_000
"""A low relay moves 2,000 km along the line of sight meanwhile, and bends from its chord by less than 150 km."""


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

    usable = _set_up(relay_passes(site, links.relay, span), links.pass_setup_us)

    def light_us(us: IntArray) -> IntArray:
        return relay_geometry.light_time_us(range_km(us))

    rated = [segment for segments in links.pass_rates(usable, range_km) for segment in segments]
    knots = light_knots([segment[:2] for segment in rated], PASS_KNOT_US, light_us)
    pairs = [pair for edge in edges for pair in ((edge, name), (name, edge))]
    return [Contact(*pair, *segment, owlt) for segment, owlt in zip(rated, knots, strict=True) for pair in pairs]


def to_earth(name: str, links: RelayLinks, earth: str, served: Served, in_sight: Sequence[Window]) -> Iterator[Contact]:
    """Contacts between a relay and Earth, while stations serve it; `in_sight` is when the relay sees Earth [us]."""
    orbit = links.relay.orbit
    down_us, up_us = partial(_down_us, orbit), partial(_up_us, orbit)
    known = [(in_sight[0][0], in_sight[-1][1])] if in_sight else []  # where its orbit may be asked for
    heard = at_both_ends(in_sight, partial(_sent_up_us, orbit))
    for station, windows in sorted(served.down.items()):
        from_centre = intersect(known, at_both_ends(windows, sent_down_us))
        listened = at_both_ends(from_centre, partial(_from_relay_us, orbit))
        sending = _set_up(intersect(in_sight, listened), links.earth_setup_us)
        owlts = light_knots(sending, DEEP_SPACE_KNOT_US, down_us)
        for window, owlt, segments in zip(sending, owlts, links.down_rates(station, sending), strict=True):
            yield from split_contact(Contact(name, earth, *window, 0, owlt, station), segments)
    for station, windows in sorted(served.up.items()):
        sending = _set_up(intersect(heard, windows), links.earth_setup_us)
        for window, owlt in zip(sending, light_knots(sending, DEEP_SPACE_KNOT_US, up_us), strict=True):
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


def sent_down_us(received_us: IntArray) -> IntArray:
    """When what Earth receives at instants left Mars."""
    return received_us - ephemeris.owlt_down_us(received_us)


def sent_up_us(received_us: IntArray) -> IntArray:
    """When what Mars receives at instants left Earth."""
    return received_us - ephemeris.owlt_up_received_us(received_us)


def received_us(sent_us: IntArray) -> IntArray:
    """When what Mars sends at instants reaches Earth."""
    return sent_us + ephemeris.owlt_down_sent_us(sent_us)


def at_both_ends(windows: Sequence[Window], instants_us: Callable[[IntArray], IntArray]) -> list[Window]:
    """Windows with other instants in the place of their ends, e.g. those at which what they receive was sent."""
    ends_us = instants_us(np.array(windows, dtype=np.int64).ravel()).reshape(-1, 2)
    return [(start_us, end_us) for start_us, end_us in ends_us.tolist()]


def _set_up(windows: Iterable[Window], setup_us: int) -> list[Window]:
    """What is left of windows after the time to set up."""
    return [(start_us + setup_us, end_us) for start_us, end_us in windows if start_us + setup_us < end_us]


def _down_us(orbit: Orbit, sent_us: IntArray) -> IntArray:
    """Light time from a relay, at `sent_us`, to Earth's centre."""
    centre_us = ephemeris.owlt_down_sent_us(sent_us)
    mars_km, earth_km = ephemeris.positions_km("mars", sent_us), ephemeris.positions_km("earth", sent_us + centre_us)
    return centre_us - _nearer_us(orbit.position_km(sent_us), earth_km - mars_km)


def _up_us(orbit: Orbit, sent_us: IntArray) -> IntArray:
    """Light time from Earth's centre, at `sent_us`, to a relay."""
    centre_us = ephemeris.owlt_up_us(sent_us)
    arrival_us = sent_us + centre_us
    mars_km, earth_km = ephemeris.positions_km("mars", arrival_us), ephemeris.positions_km("earth", sent_us)
    return centre_us - _nearer_us(orbit.position_km(arrival_us), earth_km - mars_km)


def _from_relay_us(orbit: Orbit, sent_us: IntArray) -> IntArray:
    """When a relay sends what reaches Earth together with what Mars's centre sent; it moves by less than 0.3 km
    between the two.
    """
    mars_km = ephemeris.positions_km("mars", sent_us)
    earth_km = ephemeris.positions_km("earth", sent_us + ephemeris.owlt_down_sent_us(sent_us))
    return sent_us + _nearer_us(orbit.position_km(sent_us), earth_km - mars_km)


def _sent_up_us(orbit: Orbit, received_us: IntArray) -> IntArray:
    """When what a relay receives at instants left Earth."""
    left_us = sent_up_us(received_us)
    mars_km, earth_km = ephemeris.positions_km("mars", received_us), ephemeris.positions_km("earth", left_us)
    return left_us + _nearer_us(orbit.position_km(received_us), earth_km - mars_km)


def _nearer_us(relay_km: FloatArray, to_earth_km: FloatArray) -> IntArray:
    """How much nearer a relay is to Earth than Mars's centre, in light time; the bend of the distance is 0.01 ms."""
    along = dot(relay_km, to_earth_km) / norm(to_earth_km)
    nearer_us: IntArray = np.rint(along / ephemeris.SPEED_OF_LIGHT_KM_S * 1e6).astype(np.int64)
    return nearer_us
