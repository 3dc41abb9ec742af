"""POSIX seconds, the only clock that ION and HDTN know: whole seconds of UTC since 1970 that skip leap seconds.

Both keep an instant in 32 bits, so their absolute times end in January 2038.
Sources: ION 4.1, ici/include/platform.h, MAX_POSIX_TIME (2147483644 in older releases, 2147483647 in newer ones); HDTN,
module/router/src/router.cpp, where `startTime` and `endTime` are read as `int`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

from twin.world.timescales import US_PER_S, us_to_utc, utc_to_us

POSIX_MAX_S: Final = 2_147_483_644
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


def floor_s(us: int) -> int:
    """The POSIX second in which an instant lies; 23:59:60 counts as the midnight after it."""
    text = us_to_utc(us - us % US_PER_S)
    day = date.fromisoformat(text[:10]).toordinal() - _EPOCH_ORDINAL
    return day * 86_400 + int(text[11:13]) * 3_600 + int(text[14:16]) * 60 + int(text[17:19])


def instant_us(second: int) -> int:
    """The house instant [us] at which a POSIX second begins.

    Raises:
        ValueError: Before 1972 or after the year 9999.
    """
    try:
        return utc_to_us(datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    except (OverflowError, OSError) as error:
        raise ValueError(f"second {second} is outside the calendar; choose an instant before the year 9999") from error


def at_or_after_s(us: int) -> int:
    """The first POSIX second that begins at an instant or after it."""
    second = floor_s(us)
    return second if instant_us(second) >= us else second + 1


def at_or_before_s(us: int) -> int:
    """The last POSIX second that begins at an instant or before it."""
    second = floor_s(us)
    return second if instant_us(second) <= us else second - 1
