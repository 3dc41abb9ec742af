"""What an orbiter of Mars sees: sites, Earth, the Sun and other orbiters, as windows of time.

- Over a site: elevation from the normal of the ellipsoid, geometric, without light time (at most 0.07 s).
- Earth and the Sun, as points: the line of sight clears the ellipsoid. Light arrives at the orbiter at the
  window's instants and left the body a light time before (converged Newtonian, SPICE's "CN"). Mars's own way
  while light comes from its limb is left out, as in the table: it moves the edges of what is received by
  0.03 s in a low orbit and by 0.8 s at the areostationary radius, of what is sent by as much the other way.
- Another orbiter: the segment between both clears the ellipsoid and the air that the caller names.

Windows are ordered (start, end) [us], clipped to the range, to 1 ms. A pass or a gap of 1 s or less can stay
unseen; so can one that lies within a scan step of an end of the range.
"""

from collections.abc import Callable

import numpy as np

from twin.world.ephemeris import SPEED_OF_LIGHT_KM_S, Body
from twin.world.mars import EQUATORIAL_RADIUS_KM, POLAR_RADIUS_KM, Site, horizon, site_position_km
from twin.world.orbits import Orbit
from twin.world.slow_sky import MarsTurn, SeenFromMars
from twin.world.timescales import FloatArray, IntArray
from twin.world.vectors import dot, norm
from twin.world.windows import Window, crossings_within, elevation_crossings

Mask = Callable[[FloatArray], FloatArray]
"""Least elevation [deg] over azimuths [deg, north through east], shapes (n,) to (n,)."""

_MASK_STEP_MIN_US = 2_000_000
"""A hill that an orbiter crosses in less is overlooked; the tables want passes to 2 s."""
_MASK_STEPS = 25
"""Looks at a horizon mask in one step of a scan: its hills are narrower than the orbiter's arc."""
_SAME_PLACE_KM2 = 1e-12
"""Two orbiters nearer than a millimetre see each other; their direction would be 0 / 0."""
_MASK_AZIMUTHS_DEG = np.arange(0.0, 360.0, 0.1)
_MASK_SLACK_DEG = 1.0
"""assumed: no mask falls deeper between two azimuths 0.1 deg apart."""


def passes(orbit: Orbit, site: Site, start_us: int, end_us: int, min_elevation_deg: float | Mask) -> list[Window]:
    """Windows in which an orbiter stands over a site at or above an elevation, or above a horizon mask.

    Errors: 0.05 s of rise and set (the table's rounding) against reference/relay_passes.csv.

    Raises:
        ValueError: the range ends before it starts, or leaves the orbit's own span.
    """
    look = _Look(orbit, site, start_us, end_us)
    if not callable(min_elevation_deg):
        return elevation_crossings(look.elevation_deg, start_us, end_us, min_elevation_deg, orbit.scan_step_us)
    mask = min_elevation_deg
    floor_deg = float(mask(_MASK_AZIMUTHS_DEG).min()) - _MASK_SLACK_DEG
    over_floor = elevation_crossings(look.elevation_deg, start_us, end_us, floor_deg, orbit.scan_step_us)

    def over_mask_deg(us: IntArray) -> FloatArray:
        azimuth_deg, elevation_deg, _ = look.at(us)
        return elevation_deg - mask(azimuth_deg)

    step_us = max(orbit.scan_step_us // _MASK_STEPS, _MASK_STEP_MIN_US)
    return crossings_within(over_mask_deg, over_floor, 0.0, step_us)


def look_at(orbit: Orbit, site: Site, us: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Azimuth (north through east) [deg], elevation [deg] and range [km] of an orbiter at a site, shapes (n,)."""
    return _Look(orbit, site, int(us.min()), int(us.max())).at(us)


def sees_body(orbit: Orbit, body: Body, start_us: int, end_us: int) -> list[Window]:
    """Windows in which an orbiter sees Earth or the Sun past Mars, at the orbiter's own instants.

    Errors: 0.05 s of the edges (the table's rounding) against reference/relay_earth_visibility.csv.

    Raises:
        ValueError: the range ends before it starts, leaves the orbit's own span or 2010-2050.
    """
    turn, seen = MarsTurn(start_us, end_us), SeenFromMars(body, start_us, end_us)

    def clearance_km(us: IntArray) -> FloatArray:
        orbiter_km = orbit.position_km(us)
        return _clearance_km(orbiter_km, seen.at(us) - orbiter_km, turn.pole(us), 0.0)

    return elevation_crossings(clearance_km, start_us, end_us, 0.0, orbit.scan_step_us)


def crosslinks(
    one: Orbit,
    other: Orbit,
    start_us: int,
    end_us: int,
    atmosphere_km: float = 0.0,
    range_max_km: float | None = None,
) -> list[Window]:
    """Windows in which two orbiters see each other over Mars's air, and within a range if one is given.

    Args:
        atmosphere_km: height over the ellipsoid that the line of sight must clear [km].
        range_max_km: largest distance of the two [km].

    Raises:
        ValueError: a height or a range is negative, the range of time ends before it starts, or leaves the
            span of one of the orbits.
    """
    if atmosphere_km < 0.0:
        raise ValueError(f"crosslink: height of the air {atmosphere_km} km is negative; give 0 or more")
    if range_max_km is not None and range_max_km < 0.0:
        raise ValueError(f"crosslink: range {range_max_km} km is negative; give 0 or more, or none for no limit")
    turn = MarsTurn(start_us, end_us)
    step_us = min(one.scan_step_us, other.scan_step_us)

    def clearance_km(us: IntArray) -> FloatArray:
        from_km = one.position_km(us)
        return _clearance_km(from_km, other.position_km(us) - from_km, turn.pole(us), atmosphere_km)

    in_sight = elevation_crossings(clearance_km, start_us, end_us, 0.0, step_us)
    if range_max_km is None:
        return in_sight

    def closeness_km(us: IntArray) -> FloatArray:
        return -distance_km(one, other, us)

    return crossings_within(closeness_km, in_sight, -range_max_km, step_us)


def distance_km(one: Orbit, other: Orbit, us: IntArray) -> FloatArray:
    """Distance of two orbiters [km], shape (n,)."""
    return norm(other.position_km(us) - one.position_km(us))


def light_time_us(range_km: FloatArray) -> IntArray:
    """One-way light time over a range [us], to the nearest."""
    return np.rint(range_km / SPEED_OF_LIGHT_KM_S * 1e6).astype(np.int64)


class _Look:
    """An orbiter from a site, at many instants of one span."""

    def __init__(self, orbit: Orbit, site: Site, start_us: int, end_us: int) -> None:
        self._orbit = orbit
        self._turn = MarsTurn(start_us, end_us)
        self._site_km = site_position_km(site)
        self._horizon = horizon(site)

    def elevation_deg(self, us: IntArray) -> FloatArray:
        east, north, up = self._local_km(us)
        return np.degrees(np.arctan2(up, np.sqrt(east * east + north * north)))

    def at(self, us: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        east, north, up = self._local_km(us)
        level_squared = east * east + north * north
        azimuth_deg = np.degrees(np.arctan2(east, north)) % 360.0
        elevation_deg = np.degrees(np.arctan2(up, np.sqrt(level_squared)))
        return azimuth_deg, elevation_deg, np.sqrt(level_squared + up * up)

    def _local_km(self, us: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Vector from the site to the orbiter, east, north and up [km]."""
        x, y, z = self._turn.fixed_km(self._orbit.position_km(us), us)
        x, y, z = x - self._site_km[0], y - self._site_km[1], z - self._site_km[2]
        axes = (self._horizon.east, self._horizon.north, self._horizon.up)
        east, north, up = (axis[0] * x + axis[1] * y + axis[2] * z for axis in axes)
        return east, north, up


def _clearance_km(from_km: FloatArray, to_target_km: FloatArray, pole: FloatArray, air_km: float) -> FloatArray:
    """How far the segment from a point to a target passes over Mars, negative through it [km], shape (n,).

    Along the pole everything is stretched until the ellipsoid is a sphere, so that heights are exact on its
    surface and 0.6 % too large at most above the poles: the sign is exact. Where the target lies away from
    Mars, the point itself is nearest.
    """
    equator_km, pole_km = EQUATORIAL_RADIUS_KM + air_km, POLAR_RADIUS_KM + air_km
    stretch = equator_km / pole_km - 1.0
    point = from_km + pole * (stretch * dot(from_km, pole))[:, np.newaxis]
    ray = to_target_km + pole * (stretch * dot(to_target_km, pole))[:, np.newaxis]
    along = np.clip(-dot(point, ray) / np.maximum(dot(ray, ray), _SAME_PLACE_KM2), 0.0, 1.0)
    return norm(point + along[:, np.newaxis] * ray) - equator_km
