"""How long light takes between an end at Mars and an end on Earth, each where it is at its own instant.

An end is a place relative to its planet's centre: a site turns with Mars, a relay orbits it, a station turns with the
Earth. Together they shorten or lengthen the way between the centres by up to 33 ms for a site, by 0.09 s for an
areostationary relay. The light time is Newtonian and converged: it starts from that between the centres, and each of
two further looks at the moving end shrinks the error by v/c = 1e-4, from 0.09 s to 1 ns.

Errors: 0.5 us of rounding; at most 3.3 us for each kilometre that a site lies above or below the ellipsoid; 2 us if UT1
is predicted wrongly by a second; the Shapiro delay, as in ``ephemeris``.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from twin.world import ephemeris
from twin.world.apparent import rotate
from twin.world.mars import Site, icrf_to_mars, site_position_km
from twin.world.stations import Station, gcrs_to_itrf
from twin.world.timescales import US_PER_S, FloatArray, IntArray
from twin.world.vectors import norm

Place = Callable[[IntArray], FloatArray]
"""Where an end is from its planet's centre, in ICRF axes [km], at its own instants [us]; shapes (n,) to (n, 3)."""

_LOOKS = 2


def at_site(site: Site) -> Place:
    """A site, on the ellipsoid of Mars."""
    fixed_km = site_position_km(site)
    return lambda us: rotate(np.swapaxes(icrf_to_mars(us), -1, -2), fixed_km)


def at_station(station: Station) -> Place:
    """An antenna on Earth; its GCRS vector is taken as that in the frame of the barycentre (0.1 m)."""
    fixed_km = np.array(station.itrf_m) / 1000.0
    return lambda us: rotate(np.swapaxes(gcrs_to_itrf(us), -1, -2), fixed_km)


class LightPath(NamedTuple):
    """The way of light between two ends; instants and light times are int64 [us], shapes (n,) to (n,).

    Raises, in every method:
        OutsideEphemeris: an instant at either end is outside 2010-2050.
    """

    at_mars: Place
    on_earth: Place

    def owlt_down_us(self, sent_us: IntArray) -> IntArray:
        """One-way light time of what leaves the end at Mars at instants."""
        light_us = ephemeris.owlt_down_sent_us(sent_us)
        from_km = self._mars_km(sent_us)
        for _ in range(_LOOKS):
            light_us = _over_us(self._earth_km(sent_us + light_us) - from_km)
        return light_us

    def received_down_us(self, sent_us: IntArray) -> IntArray:
        """When what leaves the end at Mars reaches the one on Earth."""
        return sent_us + self.owlt_down_us(sent_us)

    def sent_down_us(self, received_us: IntArray) -> IntArray:
        """When what reaches the end on Earth left the one at Mars."""
        light_us = ephemeris.owlt_down_us(received_us)
        to_km = self._earth_km(received_us)
        for _ in range(_LOOKS):
            light_us = _over_us(to_km - self._mars_km(received_us - light_us))
        return received_us - light_us

    def owlt_up_us(self, sent_us: IntArray) -> IntArray:
        """One-way light time of what leaves the end on Earth at instants."""
        light_us = ephemeris.owlt_up_us(sent_us)
        from_km = self._earth_km(sent_us)
        for _ in range(_LOOKS):
            light_us = _over_us(self._mars_km(sent_us + light_us) - from_km)
        return light_us

    def received_up_us(self, sent_us: IntArray) -> IntArray:
        """When what leaves the end on Earth reaches the one at Mars."""
        return sent_us + self.owlt_up_us(sent_us)

    def sent_up_us(self, received_us: IntArray) -> IntArray:
        """When what reaches the end at Mars left the one on Earth."""
        light_us = ephemeris.owlt_up_received_us(received_us)
        to_km = self._mars_km(received_us)
        for _ in range(_LOOKS):
            light_us = _over_us(to_km - self._earth_km(received_us - light_us))
        return received_us - light_us

    def _mars_km(self, us: IntArray) -> FloatArray:
        return ephemeris.positions_km("mars", us) + self.at_mars(us)

    def _earth_km(self, us: IntArray) -> FloatArray:
        return ephemeris.positions_km("earth", us) + self.on_earth(us)


def path_between(site: Site, station: Station) -> LightPath:
    """The way between a site on Mars and an antenna on Earth."""
    return LightPath(at_site(site), at_station(station))


def _over_us(way_km: FloatArray) -> IntArray:
    light_us: IntArray = np.rint(norm(way_km) / ephemeris.SPEED_OF_LIGHT_KM_S * US_PER_S).astype(np.int64)
    return light_us
