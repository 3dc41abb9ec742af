"""Instants as CCSDS navigation messages write them: calendar or day of year, in the message's time system.

Source: CCSDS 502.0-B (Orbit Data Messages) and 301.0-B (Time Code Formats, ASCII codes A and B), recalled.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta

from twin.world.timescales import US_PER_S, tdb_s_past_j2000, tt_days_past_j2000, utc_to_us

_TIME = re.compile(
    r"(?P<year>\d{4})-(?:(?P<month_day>\d{2}-\d{2})|(?P<day_of_year>\d{3}))"
    r"T(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:\.(?P<fraction>\d{1,12}))?Z?",
    re.ASCII,
)
_TT_MINUS_TAI_US = 32_184_000


def ccsds_time_to_us(text: str, time_system: str) -> int:
    """The instant of a text in a time system of ``TIME_SYSTEMS``.

    Raises:
        ValueError: not a date and time of CCSDS, or an impossible one; the text says which and what to do.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a CCSDS date and time; write it as 2033-03-10T08:26:52.4 or 2033-069T08:26:52.4"
        )
    return TIME_SYSTEMS[time_system](f"{_calendar_date(match, text)}T{text.partition('T')[2].rstrip('Z')}")


def _calendar_date(match: re.Match[str], text: str) -> str:
    """The date as year, month and day, from a day of year if need be."""
    if match["month_day"] is not None:
        return f"{match['year']}-{match['month_day']}"
    day = int(match["day_of_year"])
    try:
        found = date(int(match["year"]), 1, 1) + timedelta(days=day - 1)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r}: the year {match['year']} is not in the calendar; correct it") from error
    if day == 0 or found.year != int(match["year"]):
        raise ValueError(f"{text!r}: the year {match['year']} has no day {day}; correct the day of year")
    return found.isoformat()


def _even_us(text: str) -> int:
    """Microseconds since 2000-01-01T00:00:00 of a clock without leap seconds."""
    if text[17:19] == "60":
        raise ValueError(f"{text!r}: only UTC has leap seconds; the second before midnight is 23:59:59")
    date_text, _, time_text = text.partition("T")
    try:
        days = date.fromisoformat(date_text).toordinal() - date(2000, 1, 1).toordinal()
    except ValueError as error:
        raise ValueError(f"{text!r}: {date_text} is not in the calendar; correct the date") from error
    if days < -10_227:
        raise ValueError(f"{text!r}: nothing before 1972 is converted; choose a later date")
    # Any day will do to read the time of day: both ends lie on it.
    of_day_us = utc_to_us(f"2001-01-01T{time_text}") - utc_to_us("2001-01-01")
    return days * 86_400 * US_PER_S + of_day_us


def _tt_us(text: str) -> int:
    return _even_us(text) - _TT_MINUS_TAI_US


def _tdb_us(text: str) -> int:
    """TDB differs from TT by 1.7 ms at most, and by the same amount that much later."""
    tt_us = _tt_us(text)
    tdb_minus_tt_s = tdb_s_past_j2000(tt_us) - tt_days_past_j2000(tt_us) * 86_400.0
    return tt_us - round(tdb_minus_tt_s * US_PER_S)


TIME_SYSTEMS: dict[str, Callable[[str], int]] = {"TAI": _even_us, "TDB": _tdb_us, "TT": _tt_us, "UTC": utc_to_us}
"""Those that this house converts; 502.0-B also knows GPS, UT1 and clocks of spacecraft."""
