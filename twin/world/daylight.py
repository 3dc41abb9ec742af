"""Sunrise and sunset at a site on Mars, over its horizon."""

from __future__ import annotations

from twin.world.horizon_mask import clear_windows
from twin.world.mars import Site, sun_azimuth_elevation_deg


def daylight(site: Site, start_us: int, end_us: int) -> list[tuple[int, int]]:
    """Windows (sunrise, sunset) [us] in which the centre of the Sun stands over the site's horizon mask.

    Windows open at the ends of the range are clipped to it; a polar day is one window, a polar night none. The Sun is
    apparent and without refraction: the thin air of Mars lifts it by less than 0.01 deg (recalled). Its upper limb
    rises about 40 s before its centre (radius 0.18 deg, 0.24 deg a minute).

    Raises:
        ValueError: the range ends before it starts.
        OutsideEphemeris: it leaves 2010-2050.
    """
    return clear_windows(lambda us: sun_azimuth_elevation_deg(site, us), site.mask, start_us, end_us)
