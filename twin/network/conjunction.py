"""Solar conjunction: when the Sun stands so near to Mars that a band fails, and when nothing may be sent up.

The Sun's plasma scatters radio waves, long ones more, so each band has its least angle Sun-Earth-Mars (SEP). Missions
go further and forbid commands for days around a superior conjunction, because a command that arrives garbled is worse
than none. In such a moratorium nothing goes up, acknowledgements included: what Mars sent last stays in its stores
until the first ack afterwards. That longest silence sizes storage.

Windows are instants at Earth: reception of the way down, transmission of the way up. Angles are those of
``ephemeris.sep_light_time_deg``, Mars where its light left it; the way up leads to where Mars will be, two light times
later: 2 v/c, 0.01 deg, beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twin.network.visibility import Window
from twin.world import ephemeris
from twin.world.timescales import US_PER_DAY
from twin.world.windows import elevation_crossings

SEP_LIMITS_DEG: Final[Mapping[str, float]] = MappingProxyType({"S": 5.0, "X": 2.0, "Ka": 1.0})
"""Least SEP of each band [deg], below which frames fail: "Mars solar conjunction prediction modeling" (2015), abstract,
in reference/dust_facts.csv. X and Ka also in the abstract of IPN Progress Report 42-153E (2003)."""

MORATORIUM_SEP_DEG: Final = 2.0
"""Command moratorium of NASA in 2015, reference/dust_facts.csv; four of them by date: reference/moratoria.csv. The Mars
Science Laboratory kept 3 deg."""

_SCAN_STEP_US: Final = US_PER_DAY  # SEP moves by less than half a degree a day near the Sun


def windows_below(limit_deg: float, start_us: int, end_us: int) -> list[Window]:
    """When SEP is at or below a limit, instants at Earth [us], crossings to 1 ms, clipped to the range.

    Args:
        limit_deg: least angle Sun-Earth-Mars that works [deg].
        start_us: first instant.
        end_us: last instant.

    Raises:
        ValueError: a limit outside 0 to 180 deg, or a range that ends before it starts.
        OutsideEphemeris: the range leaves 2010-2050.
    """
    if not 0.0 < limit_deg < 180.0:
        raise ValueError(f"conjunction: SEP limit {limit_deg:g} deg is above 0 and below 180 deg; X-band takes 2 deg")
    return elevation_crossings(
        lambda us: -ephemeris.sep_light_time_deg(us), start_us, end_us, -limit_deg, _SCAN_STEP_US
    )


def silence_us(closed_up: Window) -> int:
    """How long Mars can wait for the ack of something it sends, over a window in which nothing goes up [us].

    A bit that arrives at Earth as the window begins is acked, at the earliest, as it ends: window and two light times.
    Contacts come on top: the last before and the first after.
    """
    start_us, end_us = closed_up
    return end_us - start_us + ephemeris.owlt_down_us(start_us) + ephemeris.owlt_up_us(end_us)
