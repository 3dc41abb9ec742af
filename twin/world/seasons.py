"""Seasons of Mars as dates: which Mars year an instant lies in, and when Ls has a value.

Mars years are counted as by Clancy et al. 2000 (J. Geophys. Res. 105, 9553): year 1 began with Ls 0 on 1955-04-11.
Ls is that of the Mars24 algorithm (`timescales.mars_solar_longitude_deg`).
"""

from __future__ import annotations

import math

from twin.world.timescales import US_PER_DAY, mars_solar_longitude_deg, tt_days_past_j2000

_YEAR_AT_J2000 = 24
# Fictitious mean Sun and mean anomaly [deg, deg/d] (Allison & McEwen 2000; Mars24 algorithm, B-1 and B-2).
_MEAN_SUN_DEG, _MEAN_SUN_DEG_PER_DAY = 270.3871, 0.524038496
_ANOMALY_DEG, _ANOMALY_DEG_PER_DAY = 19.3871, 0.52402073
_MS_US = 1_000
_CLOSE_DEG = 1e-9  # 0.2 ms


def mars_year(us: int) -> int:
    """The Mars year of an instant."""
    mean_sun_deg = _MEAN_SUN_DEG + _MEAN_SUN_DEG_PER_DAY * tt_days_past_j2000(us)
    # Mean Sun and true Sun are at most 11 deg apart, so the whole turns between them are known.
    return _YEAR_AT_J2000 + round((mean_sun_deg - mars_solar_longitude_deg(us)) / 360.0)


def instant_of_ls_us(mars_year: int, ls_deg: float) -> int:
    """When Ls has a value in a Mars year [us], rounded to 1 ms.

    Args:
        mars_year: The Mars year.
        ls_deg: Ls, 0 to 360 deg; 360 is Ls 0 of the next year.

    Raises:
        ValueError: Ls is outside its range.
    """
    if not 0.0 <= ls_deg <= 360.0:
        raise ValueError(f"Ls {ls_deg} deg: a solar longitude lies from 0 to 360 deg; name the Mars year instead")
    turns_deg = 360.0 * (mars_year - _YEAR_AT_J2000) + ls_deg
    days = (turns_deg - _MEAN_SUN_DEG) / _MEAN_SUN_DEG_PER_DAY
    j2000_us = -tt_days_past_j2000(0) * US_PER_DAY
    while True:
        us = round(j2000_us + days * US_PER_DAY)
        ahead_deg = (ls_deg - mars_solar_longitude_deg(us) + 180.0) % 360.0 - 180.0
        if abs(ahead_deg) < _CLOSE_DEG:
            return round(us / _MS_US) * _MS_US
        anomaly = math.radians(_ANOMALY_DEG + _ANOMALY_DEG_PER_DAY * days)
        # Newton's step; the slope to a percent is enough, because every step takes away 99 % of what is left.
        slope = 1.0 + 0.1866 * math.cos(anomaly) + 0.0217 * math.cos(2.0 * anomaly)
        days += ahead_deg / (_MEAN_SUN_DEG_PER_DAY * slope)
