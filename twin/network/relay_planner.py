"""From the orbits of relays to contacts: between the ground and each relay, and between each relay and Earth.

On Mars a contact lasts as long as a pass over the site, less the time to hail. To Earth it lasts while the relay sees
Earth and a station sees Mars, each at its own instant; a station's beam holds all of Mars, so it receives from several
spacecraft at once. The light time of a contact is that from the relay
itself, with knots so close that interpolation errs by less than a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from twin.network.deep_space import DownRates
from twin.network.modes import Segment, split_contact
from twin.network.sights import Relay, relay_passes
from twin.network.visibility import Window, intersect
from twin.pipeline.transport.contact_plan import Contact
from twin.world import ephemeris, relay_geometry
from twin.world.mars import Site
from twin.world.orbits import Orbit
from twin.world.timescales import FloatArray, IntArray

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

    usable = [
        (start_us + links.pass_setup_us, end_us)
        for start_us, end_us in relay_passes(site, links.relay, span)
        if start_us + links.pass_setup_us < end_us
    ]
    contacts: list[Contact] = []
    for segments in links.pass_rates(usable, range_km):
        for segment in segments:
            knots = _knots(segment.start_us, segment.end_us, PASS_KNOT_US)
            light_us = relay_geometry.light_time_us(range_km(knots))
            owlt = tuple(zip(knots.tolist(), light_us.tolist(), strict=True))
            pairs = [pair for edge in edges for pair in ((edge, name), (name, edge))]
            contacts += [Contact(*p, segment.start_us, segment.end_us, segment.rate_bps, owlt) for p in pairs]
    return contacts


def to_earth(name: str, links: RelayLinks, earth: str, served: Served, span: Window) -> list[Contact]:
    """Contacts between a relay and Earth, while stations serve it."""
    orbit = links.relay.orbit
    in_sight = relay_geometry.sees_body(orbit, "earth", *span)
    contacts: list[Contact] = []
    for station, windows in sorted(served.down.items()):
        sent = [(sent_down_us(start_us), sent_down_us(end_us)) for start_us, end_us in windows]
        usable = [
            (begin_us + links.earth_setup_us, end_us)
            for begin_us, end_us in intersect(in_sight, sent)
            if begin_us + links.earth_setup_us < end_us
        ]
        for window, segments in zip(usable, links.down_rates(station, usable), strict=True):
            owlt = _light_times(orbit, *window, _down_us)
            contacts += split_contact(Contact(name, earth, *window, 0, owlt, station), segments)
    heard = [(sent_up_us(start_us), sent_up_us(end_us)) for start_us, end_us in in_sight]
    for station, windows in sorted(served.up.items()):
        for begin_us, end_us in intersect(heard, windows):
            start_us = begin_us + links.earth_setup_us
            if start_us >= end_us:
                continue
            owlt = _light_times(orbit, start_us, end_us, _up_us)
            contacts.append(Contact(earth, name, start_us, end_us, links.up_rate_bps, owlt, station))
    return contacts


def between(one: str, first: Relay, other: str, second: Relay, rate_bps: int, span: Window) -> list[Contact]:
    """Contacts between two relays that see each other, both ways."""
    contacts: list[Contact] = []
    for start_us, end_us in relay_geometry.crosslinks(first.orbit, second.orbit, *span):
        knots = _knots(start_us, end_us, PASS_KNOT_US)
        range_km = relay_geometry.distance_km(first.orbit, second.orbit, knots)
        owlt = tuple(zip(knots.tolist(), relay_geometry.light_time_us(range_km).tolist(), strict=True))
        contacts += [Contact(*pair, start_us, end_us, rate_bps, owlt) for pair in ((one, other), (other, one))]
    return contacts


def sent_down_us(received_us: int) -> int:
    """When what Earth receives at an instant left Mars."""
    return received_us - ephemeris.owlt_down_us(received_us)


def sent_up_us(received_us: int) -> int:
    """When what Mars receives at an instant left Earth."""
    return received_us - ephemeris.owlt_up_received_us(received_us)


def _light_times(
    orbit: Orbit, start_us: int, end_us: int, light_us: Callable[[Orbit, IntArray], IntArray]
) -> tuple[tuple[int, int], ...]:
    knots = _knots(start_us, end_us, DEEP_SPACE_KNOT_US)
    return tuple(zip(knots.tolist(), light_us(orbit, knots).tolist(), strict=True))


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


def _nearer_us(relay_km: FloatArray, to_earth_km: FloatArray) -> IntArray:
    """How much nearer a relay is to Earth than Mars's centre, in light time; the bend of the distance is 0.01 ms."""
    along = (relay_km * to_earth_km).sum(axis=-1) / np.sqrt((to_earth_km * to_earth_km).sum(axis=-1))
    nearer_us: IntArray = np.rint(along / ephemeris.SPEED_OF_LIGHT_KM_S * 1e6).astype(np.int64)
    return nearer_us


def _knots(start_us: int, end_us: int, step_us: int) -> IntArray:
    return np.append(np.arange(start_us, end_us, step_us, dtype=np.int64), np.int64(end_us))
