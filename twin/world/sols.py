"""Sols of a place: the instants of its local midnights, by local mean solar time."""

from __future__ import annotations

import math

from twin.world.timescales import US_PER_DAY, mars_sol_date

_SOL_DAYS = 1.0274912517
"""Of 86400 s (Mars24 algorithm, C-2)."""
_MS_US = 1_000


def local_midnights_us(at_us: int, sols: int, east_longitude_deg: float) -> list[int]:
    """The midnights [us] that bound the sol in which an instant lies and those after it: ``sols`` + 1, to 1 ms.

    Raises:
        ValueError: less than one sol.
    """
    if sols < 1:
        raise ValueError(f"{sols} sols: there is no span in them; take 1 or more")
    first = math.floor(mars_sol_date(at_us) + east_longitude_deg / 360.0)
    return [_midnight_us(first + sol - east_longitude_deg / 360.0) for sol in range(sols + 1)]


def _midnight_us(wanted_sol_date: float) -> int:
    """The instant of a Mars Sol Date: one step from zero, because sols run evenly in our time."""
    us = (wanted_sol_date - mars_sol_date(0)) * _SOL_DAYS * US_PER_DAY
    return round(us / _MS_US) * _MS_US
