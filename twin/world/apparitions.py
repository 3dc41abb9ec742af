"""The turning points of Mars in Earth's sky: conjunction and opposition with the Sun, closest and farthest.

=====================  =============================================================================
superior conjunction   SEP is least, as seen from Earth's centre (``ephemeris.sep_light_time_deg``)
opposition             apparent ecliptic longitudes of Mars and Sun at Earth's centre differ by 180 deg, as in almanacs
closest, farthest      the distance between the centres, both at the same instant, is least or greatest
=====================  =============================================================================
"""

from __future__ import annotations

from typing import Final

import numpy as np

from twin.world.apparent import apparent_direction
from twin.world.ephemeris import (
    END_US,
    FIRST_US,
    distance_km,
    positions_km,
    sep_light_time_deg,
    velocities_km_s,
)
from twin.world.timescales import US_PER_DAY, FloatArray, IntArray
from twin.world.windows import elevation_crossings

CONJUNCTION: Final = "superior conjunction"
OPPOSITION: Final = "opposition"
CLOSEST: Final = "closest to Earth"
FARTHEST: Final = "farthest from Earth"

_STEP_US: Final = US_PER_DAY
_HALF_HOUR_US: Final = 1_800_000_000
"""Half the base of a slope: long beside the positions' 4 m, short beside the days in which a slope bends."""
_NEAR_SUN_DEG: Final = 30.0
"""Wider than SEP at any conjunction, below 1.85 deg by the inclination of the orbit (recalled); far from opposition."""
_OBLIQUITY_RAD: Final = np.radians(84_381.406 / 3600.0)
"""Of the ecliptic at J2000 (IAU 2006)."""


def turning_points(start_us: int, end_us: int) -> list[tuple[int, str]]:
    """Instants at Earth [us], to 1 ms, and names of the turning points within a range, in order.

    Raises:
        ValueError: the range ends before it starts.
        OutsideEphemeris: the range leaves 2010-2050.
    """
    receding = elevation_crossings(_range_growth_km, start_us, end_us, 0.0, _STEP_US)
    parting = elevation_crossings(_sep_growth_deg, start_us, end_us, 0.0, _STEP_US)
    east = elevation_crossings(_east_of_sun, start_us, end_us, 0.0, _STEP_US)
    found = [(rise_us, CLOSEST) for rise_us, _ in receding]
    found += [(set_us, FARTHEST) for _, set_us in receding]
    found += [(rise_us, CONJUNCTION) for rise_us, _ in parting if sep_light_time_deg(rise_us) < _NEAR_SUN_DEG]
    # Mars falls back from west to east of the Sun at opposition only; at conjunction the Sun overtakes it.
    found += [(rise_us, OPPOSITION) for rise_us, _ in east]
    return sorted(point for point in found if start_us < point[0] < end_us)


def _range_growth_km(us: IntArray) -> FloatArray:
    before_us, after_us = _around(us)
    growth_km: FloatArray = distance_km(after_us) - distance_km(before_us)
    return growth_km


def _sep_growth_deg(us: IntArray) -> FloatArray:
    before_us, after_us = _around(us)
    growth_deg: FloatArray = sep_light_time_deg(after_us) - sep_light_time_deg(before_us)
    return growth_deg


def _around(us: IntArray) -> tuple[IntArray, IntArray]:
    """Half an hour before and after, kept within the years that are known."""
    return np.maximum(us - _HALF_HOUR_US, FIRST_US), np.minimum(us + _HALF_HOUR_US, END_US - 1)


def _east_of_sun(us: IntArray) -> FloatArray:
    """Positive where Mars is less than 180 deg of ecliptic longitude east of the Sun, negative where it is west."""
    earth = positions_km("earth", us), velocities_km_s("earth", us)
    mars, sun = apparent_direction("mars", *earth, us), apparent_direction("sun", *earth, us)
    cosine, sine = np.cos(_OBLIQUITY_RAD), np.sin(_OBLIQUITY_RAD)
    mars_y, sun_y = (cosine * body[:, 1] + sine * body[:, 2] for body in (mars, sun))
    east: FloatArray = sun[:, 0] * mars_y - sun_y * mars[:, 0]
    return east
