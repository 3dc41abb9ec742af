"""The Martian calendar: years counted from 1955, seasons by solar longitude Ls, and the instant of either.

Mars Year 1 began at the northern spring equinox of 1955-04-11 (Clancy et al. 2000, J. Geophys. Res. 105, 9553). Ls is
that of the Mars24 series (``timescales.mars_solar_longitude_deg``), up to 0.011 deg from the geometry of DE440: half an
hour. So are the equinoxes and solstices here.
"""

from __future__ import annotations

from typing import Final, overload

import numpy as np

from twin.world.timescales import US_PER_DAY, FloatArray, IntArray, mean_sun_and_center_deg, tt_days_past_j2000

SEASONS_LS_DEG: Final = {
    "northern spring equinox": 0.0,
    "northern summer solstice": 90.0,
    "northern autumn equinox": 180.0,
    "northern winter solstice": 270.0,
}
FIRST_YEAR: Final = 1
LAST_YEAR: Final = 91
"""The series was fitted to 1874-2127 (Allison & McEwen 2000); 2127 falls in Mars Year 92."""

_QUARTERS: Final = ("spring", "summer", "autumn", "winter")
_YEAR_AT_J2000: Final = 24
_RATE_DEG_PER_DAY: Final = 0.524038496
"""Of the mean Sun (Mars24 algorithm, B-2)."""
_ANOMALY_DEG: Final = (19.3871, 0.52402073)
"""Mean anomaly at J2000 and per day (Mars24 algorithm, B-1)."""
_NEWTON_STEPS: Final = 8
"""The slope is known to 2 %, so that each takes away 98 % of what is left, 11 deg at first; two to spare."""
_MS_US: Final = 1000


@overload
def mars_year(us: int) -> int: ...
@overload
def mars_year(us: IntArray) -> IntArray: ...
def mars_year(us: int | IntArray) -> int | IntArray:
    """The Mars Year in which an instant lies; it changes where Ls is 0."""
    year = np.floor(_turned_deg(us) / 360.0).astype(np.int64) + _YEAR_AT_J2000
    return year if isinstance(us, np.ndarray) else int(year)


def season(ls_deg: float, latitude_deg: float) -> str:
    """The season at a latitude, as `northern spring`; the equator counts as north."""
    quarter = int(ls_deg % 360.0 // 90.0)
    hemisphere, shift = ("northern", 0) if latitude_deg >= 0.0 else ("southern", 2)
    return f"{hemisphere} {_QUARTERS[(quarter + shift) % 4]}"


@overload
def mars_date_us(year: int, ls_deg: float) -> int: ...
@overload
def mars_date_us(year: int, ls_deg: FloatArray) -> IntArray: ...
def mars_date_us(year: int, ls_deg: float | FloatArray) -> int | IntArray:
    """The instant [us] at which a Mars Year reaches a solar longitude: the inverse of year and Ls, to 1 ms.

    Args:
        year: the Mars Year, 1 to 91.
        ls_deg: solar longitudes, 0 to 360 [deg], one or shape (n,); 360 is where the next year begins.

    Raises:
        ValueError: a year or a longitude out of its range.
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"Mars Year {year}: the calendar runs from {FIRST_YEAR} to {LAST_YEAR}; choose a year in it")
    wanted_deg = np.asarray(ls_deg, dtype=np.float64)
    outside = wanted_deg[~((wanted_deg >= 0.0) & (wanted_deg <= 360.0))]
    if outside.size:
        raise ValueError(
            f"Ls {outside.flat[0]} deg: a solar longitude lies from 0 to 360 deg; name the Mars Year instead"
        )
    goal_deg = wanted_deg + 360.0 * (year - _YEAR_AT_J2000)
    start_deg = sum(float(part) for part in mean_sun_and_center_deg(0))
    at_us = np.rint((goal_deg - start_deg) / _RATE_DEG_PER_DAY * US_PER_DAY).astype(np.int64)
    for _ in range(_NEWTON_STEPS):
        anomaly = np.radians(_ANOMALY_DEG[0] + _ANOMALY_DEG[1] * np.asarray(tt_days_past_j2000(at_us)))
        # From the two largest terms of the equation of center.
        slope_deg_per_day = _RATE_DEG_PER_DAY * (1.0 + 0.1866 * np.cos(anomaly) + 0.0217 * np.cos(2.0 * anomaly))
        left_days = (goal_deg - _turned_deg(at_us)) / slope_deg_per_day
        at_us = at_us + np.rint(left_days * US_PER_DAY).astype(np.int64)
    found_us: IntArray = (at_us + _MS_US // 2) // _MS_US * _MS_US
    return found_us if isinstance(ls_deg, np.ndarray) else int(found_us)


def _turned_deg(us: int | IntArray) -> FloatArray:
    """Solar longitude that goes on growing from year to year [deg], 0 to 360 in Mars Year 24."""
    fictitious_mean_sun_deg, equation_of_center_deg = mean_sun_and_center_deg(us)
    return fictitious_mean_sun_deg + equation_of_center_deg
