"""Sunlight on Mars: above the atmosphere by the Sun's real distance, on level ground through dust.

    above    S / r^2, r the distance of the instant [au]
    global   above cos z f(z, tau, albedo) / (1 - albedo)     (``net_flux``)
    beam     above cos z exp(-tau / cos z)                    (Beer's law)
    diffuse  global - beam

Source: Appelbaum & Flood 1990, Solar Energy 45, 353, and NASA TM-103623. Their own curve above the atmosphere (590 W/m2
at the mean distance, perihelion at Ls 248) runs up to 1.7 % beside the real one and is not used.

The Sun stands as in ``mars.sun_azimuth_elevation_deg``: z is counted from the normal of the ellipsoid, the horizon is
level, and a site's mask shades nothing here. Below the horizon it is dark: no twilight.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from twin.world.dust import Air, opacity
from twin.world.ephemeris import positions_km
from twin.world.mars import Site, sun_azimuth_elevation_deg
from twin.world.net_flux import ZENITH_MAX_DEG, net_flux
from twin.world.timescales import US_PER_S, FloatArray, IntArray
from twin.world.vectors import norm

SOLAR_CONSTANT_W_M2: Final = 1361.0
"""At 1 au, over all wavelengths; measured: 1360.8 +- 0.5 (Kopp & Lean 2011, Geophys. Res. Lett. 38, L01706)."""
AU_KM: Final = 149_597_870.7
"""IAU 2012 resolution B2."""

_STEP_US: Final = 60 * US_PER_S
"""Of the integral over time: a tenth of it changes a sol's light by 1e-6."""


class Sunlight(NamedTuple):
    """On a level plane [W/m2], shape (n,): above the atmosphere; at the surface in all, straight and scattered."""

    above_w_m2: FloatArray
    global_w_m2: FloatArray
    beam_w_m2: FloatArray
    diffuse_w_m2: FloatArray


class Insolation(NamedTuple):
    """The same over a span of time [Wh/m2], hours of 3600 s."""

    above_wh_m2: float
    global_wh_m2: float
    beam_wh_m2: float
    diffuse_wh_m2: float


@overload
def above_atmosphere_w_m2(us: int) -> float: ...
@overload
def above_atmosphere_w_m2(us: IntArray) -> FloatArray: ...
def above_atmosphere_w_m2(us: int | IntArray) -> float | FloatArray:
    """Irradiance of a plane that faces the Sun above the atmosphere of Mars [W/m2].

    Errors: 1e-6 against DE440; the Sun itself, which varies by 0.1 % over its cycle, is taken as constant.

    Raises:
        OutsideEphemeris: An instant is outside 2010-2050.
    """
    apart_au = norm(positions_km("mars", us) - positions_km("sun", us)) / AU_KM
    irradiance = SOLAR_CONSTANT_W_M2 / (apart_au * apart_au)
    return irradiance if isinstance(us, np.ndarray) else float(irradiance)


def sunlight(site: Site, us: IntArray, air: Air, albedo: float) -> Sunlight:
    """Irradiance of level ground at a site.

    Errors: daily sums are up to 2.7 % below those published for Viking Lander 1, whose authors took another curve above
    the atmosphere and an obliquity of 24.936 deg; with theirs 0.6 % are left (tests/world/test_sunlight.py). Beyond
    85 deg of zenith, where the table of the net flux ends, f is held (assumed: light fades with cos z to none at the
    horizon). Those minutes bring 0.2 to 0.4 % of a sol's light at 22 N, 1 % at 39 N in winter, and all of it where the
    Sun stays that low.

    Args:
        us: Instants, shape (n,).
        air: The dust over the site; its opacity is within 0.1 to 6 where the Sun is up.
        albedo: Of the ground, 0.1 to 0.4.

    Raises:
        ValueError: The opacity or the albedo is outside the table of the net flux.
        OutsideEphemeris: An instant is outside 2010-2050.
    """
    _, elevation_deg = sun_azimuth_elevation_deg(site, us)
    up = elevation_deg > 0.0
    cos_zenith = np.sin(np.radians(elevation_deg[up]))
    tau = opacity(us[up], *air)
    level_w_m2 = above_atmosphere_w_m2(us[up]) * cos_zenith
    flux = net_flux(np.minimum(90.0 - elevation_deg[up], ZENITH_MAX_DEG), tau, albedo)
    all_w_m2 = level_w_m2 * flux / (1.0 - albedo)
    beam_w_m2 = level_w_m2 * np.exp(-tau / cos_zenith)
    by_day = (level_w_m2, all_w_m2, beam_w_m2, all_w_m2 - beam_w_m2)
    return Sunlight(*(_dark_at_night(values, up) for values in by_day))


def insolation(site: Site, start_us: int, end_us: int, air: Air, albedo: float) -> Insolation:
    """Energy that level ground receives between two instants; ``sols.local_midnights_us`` bounds the sols of a place.

    Args:
        air: The dust over the site; its opacity is within 0.1 to 6 where the Sun is up.
        albedo: Of the ground, 0.1 to 0.4.

    Raises:
        ValueError: The end is not after the start, or as ``sunlight``.
        OutsideEphemeris: The span leaves 2010-2050.
    """
    if end_us <= start_us:
        raise ValueError(f"insolation: end {end_us} us is not after start {start_us} us; swap them")
    us = np.append(np.arange(start_us, end_us, _STEP_US, dtype=np.int64), end_us)
    hours = np.diff(us) / (3600 * US_PER_S)
    # An exact sum, so that no processor's order of additions shows.
    return Insolation(
        *(math.fsum((hours * (values[:-1] + values[1:]) / 2.0).tolist()) for values in sunlight(site, us, air, albedo))
    )


def _dark_at_night(by_day: FloatArray, up: npt.NDArray[np.bool_]) -> FloatArray:
    values = np.zeros(up.shape)
    values[up] = by_day
    return values
