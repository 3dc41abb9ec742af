"""POSIX seconds, the only clock that ION and HDTN know: whole seconds of UTC since 1970 that skip leap seconds.

Both keep an instant in 32 bits, so their absolute times end in January 2038.
Sources: ION 4.1, ici/include/platform.h, MAX_POSIX_TIME (2147483644 in older releases, 2147483647 in newer ones); HDTN,
module/router/src/router.cpp, where `startTime` and `endTime` are read as `int`.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

from twin.world.timescales import US_PER_S, utc_to_us

POSIX_MAX_S: Final = 2_147_483_644
_DAY_S: Final = 86_400
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_DAY_MAX: Final = date.max.toordinal() - _EPOCH_ORDINAL
_HOUSE_EPOCH_S: Final = 946_684_800  # POSIX time of 2000-01-01


def floor_s(us: int) -> int:
    """The POSIX second in which an instant lies; 23:59:60 counts as the midnight after it."""
    day = min((us // US_PER_S + _HOUSE_EPOCH_S) // _DAY_S, _DAY_MAX)
    if _midnight_us(day) > us:
        day -= 1  # TAI is ahead of UTC, so its day may have begun already
    return day * _DAY_S + min((us - _midnight_us(day)) // US_PER_S, _DAY_S)


def instant_us(second: int) -> int:
    """The house instant [us] at which a POSIX second begins.

    Raises:
        ValueError: Before 1972 or after the year 9999.
    """
    day, second_of_day = divmod(second, _DAY_S)
    return _midnight_us(day) + second_of_day * US_PER_S


@lru_cache(maxsize=4096)
def _midnight_us(day: int) -> int:
    """The house instant [us] at which a day of UTC begins, counted from 1970-01-01."""
    if not 0 <= day <= _DAY_MAX:
        raise ValueError(f"day {day} after 1970-01-01 is outside the calendar; choose one up to the year 9999")
    return utc_to_us(date.fromordinal(_EPOCH_ORDINAL + day).isoformat())


def at_or_after_s(us: int) -> int:
    """The first POSIX second that begins at an instant or after it."""
    second = floor_s(us)
    return second if instant_us(second) >= us else second + 1


def at_or_before_s(us: int) -> int:
    """The last POSIX second that begins at an instant or before it."""
    second = floor_s(us)
    return second if instant_us(second) <= us else second - 1
