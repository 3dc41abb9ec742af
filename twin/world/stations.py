"""Mars over the tracking stations of the Deep Space Network.

A station turns with the Earth: polar motion, Earth rotation angle, precession and nutation (IAU
2006/2000B), computed by ERFA. UT1 and polar motion come from ``data/earth_orientation.csv`` and are held
after its last row, so that neither a download nor an installed IERS table can change a result. Elevations
are from the WGS84 normal, without refraction. Directions are not cut at a station's land mask, windows are
(``horizon_mask.clear_windows``). Instants are those of the event at the station.

=========  ==========================================================================================
positions  NAIF earthstns_itrf93_201023, which takes them from DSN 810-005, module 301; ITRF93, 2003.0
diameters  the same
bands      DSN 810-005, modules 101 and 104 (recalled)
masks      flat: module 301 draws the land masks, it does not list them; a caller may give its own
=========  ==========================================================================================
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import overload

import erfa
import numpy as np

from twin.world.apparent import Horizon, apparent_direction, rotate
from twin.world.ephemeris import positions_km, require_covered, velocities_km_s
from twin.world.horizon_mask import FLAT, HorizonMask
from twin.world.timescales import US_PER_DAY, FloatArray, IntArray

_JD_2000 = 2_451_544.5
"""Julian date of 2000-01-01T00:00, the origin of our instants (in TAI)."""
_TT_MINUS_TAI_DAYS = 32.184 / 86_400.0
_BLOCK_DAYS = 128
"""Days of precession and nutation that are computed together, once: 1 ms of work."""
_SPIN_RAD_S = 7.292115e-5
"""Rotation rate of the Earth (IERS Conventions 2010, table 1.1)."""
_WGS84 = 1
"""ERFA's number of the ellipsoid."""


@dataclass(frozen=True)
class Station:
    """An antenna on Earth: its complex, dish diameter [m], geocentric ITRF93 position [m], bands and land mask."""

    name: str
    complex: str
    diameter_m: float
    itrf_m: tuple[float, float, float]
    bands: tuple[str, ...] = ("X",)
    mask: HorizonMask = FLAT


_SX, _XKA, _SXKA = ("S", "X"), ("X", "Ka"), ("S", "X", "Ka")

DSN_STATIONS = {
    station.name: station
    for station in (
        Station("DSS-14", "Goldstone", 70.0, (-2353621.420, -4641341.472, 3677052.318), _SX),
        Station("DSS-43", "Canberra", 70.0, (-4460894.917, 2682361.507, -3674748.152), _SX),
        Station("DSS-63", "Madrid", 70.0, (4849092.518, -360180.348, 4115109.251), _SX),
        Station("DSS-24", "Goldstone", 34.0, (-2354906.711, -4646840.095, 3669242.325), _SX),
        Station("DSS-25", "Goldstone", 34.0, (-2355022.014, -4646953.204, 3669040.567), _XKA),
        Station("DSS-26", "Goldstone", 34.0, (-2354890.797, -4647166.328, 3668871.755), _XKA),
        Station("DSS-34", "Canberra", 34.0, (-4461147.093, 2682439.239, -3674393.133), _SXKA),
        Station("DSS-35", "Canberra", 34.0, (-4461273.090, 2682568.925, -3674152.093), _XKA),
        Station("DSS-36", "Canberra", 34.0, (-4461168.415, 2682814.657, -3674083.901), _SXKA),
        Station("DSS-54", "Madrid", 34.0, (4849434.488, -360723.8999, 4114618.835), _SXKA),
        Station("DSS-55", "Madrid", 34.0, (4849525.256, -360606.0932, 4114495.084), _XKA),
        Station("DSS-56", "Madrid", 34.0, (4849421.679, -360549.659, 4114646.987), _SXKA),
        Station("DSS-65", "Madrid", 34.0, (4849339.634, -360427.6637, 4114750.733), _SX),
    )
}
"""Antennas by name, the 70 m ones first."""


@overload
def mars_azimuth_elevation_deg(station: Station, us: int) -> tuple[float, float]: ...
@overload
def mars_azimuth_elevation_deg(station: Station, us: IntArray) -> tuple[FloatArray, FloatArray]: ...
def mars_azimuth_elevation_deg(
    station: Station, us: int | IntArray
) -> tuple[float, float] | tuple[FloatArray, FloatArray]:
    """Apparent azimuth (north through east) and elevation of Mars's centre at a station [deg].

    Errors: 0.001 deg, and 0.3 s of rise and set, against SPICE with another prediction of UT1.
    """
    to_earth = gcrs_to_itrf(us)
    to_gcrs = np.swapaxes(to_earth, -1, -2)
    fixed_km = np.array(station.itrf_m) / 1000.0
    spin_km_s = _SPIN_RAD_S * np.array([-fixed_km[1], fixed_km[0], 0.0])
    observer_km = positions_km("earth", us) + rotate(to_gcrs, fixed_km)
    observer_km_s = velocities_km_s("earth", us) + rotate(to_gcrs, spin_km_s)
    direction = rotate(to_earth, apparent_direction("mars", observer_km, observer_km_s, us))
    return horizon(station).azimuth_elevation_deg(direction, us)


def gcrs_to_itrf(us: int | IntArray) -> FloatArray:
    """Rotation from celestial to terrestrial axes, shape (3, 3) or (n, 3, 3).

    Precession and nutation move by 0.2 arcsec a day at most, so they are computed at 00:00 TAI of each day
    and interpolated linearly (0.005 arcsec).

    Source: IERS Conventions 2010, chapter 5, in the form with the celestial intermediate origin.
    """
    require_covered(us)
    days = np.asarray(us) / US_PER_DAY
    whole_days = np.floor(days)
    pole_x, pole_y, locator = _between_days(whole_days, days - whole_days)
    ut1_minus_tai_s, polar_x, polar_y = _earth_orientation(days)
    rotation_angle = erfa.era00(_JD_2000 + whole_days, days - whole_days + ut1_minus_tai_s / 86_400.0)
    celestial = erfa.c2ixys(pole_x, pole_y, locator)
    # The terrestrial locator s' is 0.0002 arcsec this century: left out.
    terrestrial: FloatArray = erfa.c2tcio(celestial, rotation_angle, erfa.pom00(polar_x, polar_y, 0.0))
    return terrestrial


@cache
def horizon(station: Station) -> Horizon:
    """East, north and up at a station; up is the normal of WGS84."""
    longitude, normal_latitude, _ = erfa.gc2gd(_WGS84, np.array(station.itrf_m))
    return Horizon.from_normal(float(longitude), float(normal_latitude))


def _between_days(whole_days: FloatArray, fraction: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Celestial pole X, Y and locator s [rad], interpolated between the days before and after."""
    if not whole_days.size:
        return whole_days, whole_days, whole_days
    first, last = int(whole_days.min()) // _BLOCK_DAYS, int(whole_days.max() + 1.0) // _BLOCK_DAYS
    nodes = np.concatenate([_celestial_pole(block) for block in range(first, last + 1)], axis=-1)
    day = whole_days.astype(np.int64) - first * _BLOCK_DAYS
    before, after = nodes[:, day], nodes[:, day + 1]
    pole_x, pole_y, locator = before + (after - before) * fraction
    return pole_x, pole_y, locator


@cache
def _celestial_pole(block: int) -> FloatArray:
    """Celestial pole X, Y and locator s [rad] at 00:00 TAI of each day of a block, shape (3, days)."""
    days = np.arange(block * _BLOCK_DAYS, (block + 1) * _BLOCK_DAYS, dtype=np.float64)
    return np.stack(erfa.xys00b(_JD_2000 + days, _TT_MINUS_TAI_DAYS))


def _earth_orientation(days: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """UT1 - TAI [s] and polar motion x, y [rad], linear between rows, held after the last one."""
    table = _orientation_table()
    ut1_minus_tai_s, x_arcsec, y_arcsec = (np.interp(days, table[:, 0], table[:, k]) for k in (1, 2, 3))
    return ut1_minus_tai_s, np.radians(x_arcsec / 3600.0), np.radians(y_arcsec / 3600.0)


@cache
def _orientation_table() -> FloatArray:
    """Rows of day, UT1 - TAI [s], polar x, polar y [arcsec], shape (rows, 4)."""
    with resources.files("twin.world").joinpath("data/earth_orientation.csv").open(encoding="ascii") as file:
        return np.loadtxt((line for line in file if line[0].isdigit()), delimiter=",")
