"""What turns evenly or moves slowly, over one span: computed in full now and then, straight lines between.

Searching a year for passes asks for the sky at a million instants, at which the series of Mars's rotation
and the positions of the planets would take most of the time. Nodes lie at whole steps since 2000, so that a
value does not depend on the span in which it was asked for.
"""

import numpy as np

from twin.world.ephemeris import END_US, FIRST_US, Body, positions_km, require_covered, seen_from_km
from twin.world.mars import icrf_to_mars, pole_and_meridian_deg
from twin.world.timescales import US_PER_DAY, FloatArray, IntArray

_HOUR_US = US_PER_DAY // 24


class MarsTurn:
    """The rotation of Mars between two instants, from one node a day.

    Errors: 1e-7 deg (TDB and the shortest periodic term bend that much within a day), 0.01 m at the surface.
    """

    def __init__(self, start_us: int, end_us: int) -> None:
        self._nodes_us = _nodes(start_us, end_us, US_PER_DAY)
        ra_deg, dec_deg, meridian_deg = pole_and_meridian_deg(self._nodes_us)
        self._angles = np.radians(ra_deg), np.radians(dec_deg), np.radians(meridian_deg)
        self._poles = np.ascontiguousarray(icrf_to_mars(self._nodes_us)[:, 2].T)

    def fixed_km(self, icrf_km: FloatArray, us: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Components in the body-fixed axes IAU_MARS [km] of ICRF vectors, shape (n, 3)."""
        ra, dec, meridian = (np.interp(us, self._nodes_us, angle) for angle in self._angles)
        x, y, z = icrf_km[:, 0], icrf_km[:, 1], icrf_km[:, 2]
        cos_ra, sin_ra, cos_dec, sin_dec = np.cos(ra), np.sin(ra), np.cos(dec), np.sin(dec)
        # Along the node, a quarter turn ahead of it, and along the pole: rows of ``mars.icrf_to_mars``.
        outward = cos_ra * x + sin_ra * y
        node = cos_ra * y - sin_ra * x
        quarter = cos_dec * z - sin_dec * outward
        pole = cos_dec * outward + sin_dec * z
        cos_w, sin_w = np.cos(meridian), np.sin(meridian)
        return cos_w * node + sin_w * quarter, cos_w * quarter - sin_w * node, pole

    def pole(self, us: IntArray) -> FloatArray:
        """ICRF unit vectors to Mars's north, shape (n, 3)."""
        return _between(us, self._nodes_us, self._poles)


class SeenFromMars:
    """A body as Mars's centre sees it between two instants, with light time, from one node an hour.

    Errors: 10 km of the vector to Earth, 3e-7 of its direction at worst.

    Raises:
        OutsideEphemeris: an instant of the span is outside 2010-2050.
    """

    def __init__(self, body: Body, start_us: int, end_us: int) -> None:
        require_covered(np.array([start_us, end_us]))
        nodes_us = np.clip(_nodes(start_us, end_us, _HOUR_US), FIRST_US, END_US - 1)
        seen_km = seen_from_km(body, positions_km("mars", nodes_us), nodes_us)
        self._nodes_us = nodes_us
        self._rows_km = np.ascontiguousarray(seen_km.T)

    def at(self, us: IntArray) -> FloatArray:
        """ICRF vectors from Mars's centre at the instants to the body where its light left it [km], (n, 3)."""
        return _between(us, self._nodes_us, self._rows_km)


def _nodes(start_us: int, end_us: int, step_us: int) -> IntArray:
    """Whole steps since 2000 that enclose a span."""
    first, last = start_us // step_us, -(-end_us // step_us)
    return np.arange(first, last + 1, dtype=np.int64) * step_us


def _between(us: IntArray, nodes_us: IntArray, rows: FloatArray) -> FloatArray:
    """Vectors at instants, shape (n, 3), from their components at nodes, shape (3, nodes)."""
    return np.stack([np.interp(us, nodes_us, row) for row in rows], axis=-1)
