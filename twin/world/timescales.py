"""Time scales: one integer inside, every other clock computed from it.

An instant is an ``int``: microseconds of TAI since 2000-01-01T00:00:00 TAI (names end in ``_us``). UTC
differs from TAI by whole leap seconds, TT by a constant, TDB by a periodic 1.7 ms besides, and the clocks
of Mars follow from TT by the Mars24 series.

Sources:
  Leap seconds: IERS Bulletin C (the last step is that of 2017-01-01; none has been announced since).
  TDB - TT: Fairhead & Bretagnon 1990, its largest terms as in USNO Circular 179, eq. 2.6.
  Mars: Allison & McEwen 2000, Planet. Space Sci. 48, 215, with the constants now on the NASA GISS page
    "Mars24 Sunclock: Algorithm and Worked Examples", whose equation numbers are quoted below.

Functions of an instant take an ``int`` or an int64 array and give a float or a float array of the same shape.
"""

import re
from bisect import bisect_right
from datetime import date
from typing import overload

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

US_PER_S = 1_000_000
US_PER_DAY = 86_400 * US_PER_S
SOL_US = 88_775_244_000
"""One mean solar day of Mars: 88775.244 s (Allison & McEwen 2000)."""

_J2000_TAI_US = 43_200 * US_PER_S - 32_184_000
"""J2000.0 is 2000-01-01T12:00 TT."""
_EPOCH_ORDINAL = date(2000, 1, 1).toordinal()

_LEAP_SECONDS = (
    ("1972-01-01", 10), ("1972-07-01", 11), ("1973-01-01", 12), ("1974-01-01", 13), ("1975-01-01", 14),
    ("1976-01-01", 15), ("1977-01-01", 16), ("1978-01-01", 17), ("1979-01-01", 18), ("1980-01-01", 19),
    ("1981-07-01", 20), ("1982-07-01", 21), ("1983-07-01", 22), ("1985-07-01", 23), ("1988-01-01", 24),
    ("1990-01-01", 25), ("1991-01-01", 26), ("1992-07-01", 27), ("1993-07-01", 28), ("1994-07-01", 29),
    ("1996-01-01", 30), ("1997-07-01", 31), ("1999-01-01", 32), ("2006-01-01", 33), ("2009-01-01", 34),
    ("2012-07-01", 35), ("2015-07-01", 36), ("2017-01-01", 37),
)  # fmt: skip
"""UTC date from which TAI - UTC [s] holds. After the last one it stays: nobody knows the future ones."""

_LEAP_DAYS = [date.fromisoformat(day).toordinal() - _EPOCH_ORDINAL for day, _ in _LEAP_SECONDS]
_LEAP_TOTALS_S = [total_s for _, total_s in _LEAP_SECONDS]
_LEAP_STARTS_US = [(day * 86_400 + s) * US_PER_S for day, s in zip(_LEAP_DAYS, _LEAP_TOTALS_S, strict=True)]

_ISO_8601 = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,12}))?)?"
    r"(?P<zone>Z|z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)


def utc_to_us(text: str) -> int:
    """The instant that an ISO 8601 text names; a text without a zone is UTC, a date alone its midnight.

    A leap second (``23:59:60``) is accepted where UTC had one. Fractions are rounded to the microsecond.

    Raises:
        ValueError: not a date and time, an impossible one, or before 1972, when UTC got its leap seconds.
    """
    match = _ISO_8601.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not an ISO 8601 date and time; write it as 2033-03-10T08:26:52Z")
    try:
        day = date.fromisoformat(match["date"]).toordinal() - _EPOCH_ORDINAL
    except ValueError as error:
        raise ValueError(f"{text!r}: {match['date']} is not in the calendar; correct the date") from error
    hour, minute, second = int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0)
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"{text!r}: a time runs from 00:00:00 to 23:59:59; correct the time of day")
    fraction = match["fraction"] or "0"
    fraction_us: int = (2 * int(fraction) * US_PER_S + 10 ** len(fraction)) // (2 * 10 ** len(fraction))
    day, minute_of_day = divmod(day * 1440 + hour * 60 + minute - _zone_minutes(match["zone"], text), 1440)
    if day < _LEAP_DAYS[0]:
        raise ValueError(f"{text!r}: UTC has had leap seconds only since 1972-01-01; choose a later date")
    if second == 60 and (minute_of_day != 1439 or day + 1 not in _LEAP_DAYS):
        raise ValueError(f"{text!r}: UTC had no leap second there; the second before midnight is 23:59:59")
    leap_s: int = _LEAP_TOTALS_S[bisect_right(_LEAP_DAYS, day) - 1]
    return (day * 86_400 + minute_of_day * 60 + second + leap_s) * US_PER_S + fraction_us


def us_to_utc(us: int) -> str:
    """The UTC of an instant to the nearest millisecond, as ``2033-03-10T08:26:52.400Z``.

    Raises:
        ValueError: before 1972 or after the year 9999.
    """
    tai_ms = (int(us) + 500) // 1000
    index = bisect_right(_LEAP_STARTS_US, tai_ms * 1000) - 1
    # A total comes into force at 00:00:00; the second before it is 23:59:60.
    next_index = index + 1
    leaping = next_index < len(_LEAP_DAYS) and tai_ms * 1000 >= _LEAP_STARTS_US[next_index] - US_PER_S
    if index < 0:
        raise ValueError(f"instant {us} us: UTC has had leap seconds only since 1972-01-01; take a later one")
    second_ms = tai_ms - 1000 * (_LEAP_TOTALS_S[index] + leaping)
    day, ms_of_day = divmod(second_ms, 86_400_000)
    try:
        day_text = date.fromordinal(_EPOCH_ORDINAL + day).isoformat()
    except (ValueError, OverflowError) as error:
        raise ValueError(f"instant {us} us is after the year 9999; choose an earlier one") from error
    second_of_day, ms = divmod(ms_of_day, 1000)
    minute_of_day, second = divmod(second_of_day, 60)
    return f"{day_text}T{minute_of_day // 60:02d}:{minute_of_day % 60:02d}:{second + leaping:02d}.{ms:03d}Z"


@overload
def tt_jd(us: int) -> float: ...
@overload
def tt_jd(us: IntArray) -> FloatArray: ...
def tt_jd(us: int | IntArray) -> float | FloatArray:
    """Julian date of Terrestrial Time [d]; as one float it resolves 40 us."""
    return 2_451_545.0 + tt_days_past_j2000(us)


@overload
def tt_days_past_j2000(us: int) -> float: ...
@overload
def tt_days_past_j2000(us: IntArray) -> FloatArray: ...
def tt_days_past_j2000(us: int | IntArray) -> float | FloatArray:
    """Days of Terrestrial Time since 2000-01-01T12:00 TT [d]."""
    return (us - _J2000_TAI_US) / US_PER_DAY


@overload
def tdb_s_past_j2000(us: int) -> float: ...
@overload
def tdb_s_past_j2000(us: IntArray) -> FloatArray: ...
def tdb_s_past_j2000(us: int | IntArray) -> float | FloatArray:
    """Barycentric Dynamical Time since J2000 [s], within 10 us of the full series between 1972 and 2100.

    Source: USNO Circular 179, eq. 2.6; compared with ``erfa.dtdb`` in the tests.
    """
    centuries = tt_days_past_j2000(us) / 36_525.0
    tdb_minus_tt_s = (
        0.001657 * np.sin(628.3076 * centuries + 6.2401)
        + 0.000022 * np.sin(575.3385 * centuries + 4.2970)
        + 0.000014 * np.sin(1256.6152 * centuries + 6.1969)
        + 0.000005 * np.sin(606.9777 * centuries + 4.0212)
        + 0.000005 * np.sin(52.9691 * centuries + 0.4444)
        + 0.000002 * np.sin(21.3299 * centuries + 5.5431)
        + 0.000010 * centuries * np.sin(628.3076 * centuries + 4.2490)
    )
    return _like(us, (us - _J2000_TAI_US) / US_PER_S + tdb_minus_tt_s)


# Perturbations by the planets: amplitude [deg], period [Julian years], phase [deg] (Allison & McEwen 2000,
# table 5).
_PERTURBERS = (
    (0.0071, 2.2353, 49.409),
    (0.0057, 2.7543, 168.173),
    (0.0039, 1.1177, 191.837),
    (0.0037, 15.7866, 21.736),
    (0.0021, 2.1354, 15.704),
    (0.0020, 2.4694, 95.528),
    (0.0018, 32.8493, 49.095),
)


@overload
def mars_solar_longitude_deg(us: int) -> float: ...
@overload
def mars_solar_longitude_deg(us: IntArray) -> FloatArray: ...
def mars_solar_longitude_deg(us: int | IntArray) -> float | FloatArray:
    """Areocentric solar longitude Ls [deg], 0 to 360; 0 is the northern spring equinox.

    Errors: 0.011 deg against the geometry of DE440. Source: Mars24 algorithm, B-1 to B-5.
    """
    fictitious_mean_sun_deg, equation_of_center_deg = mean_sun_and_center_deg(us)
    return _like(us, (fictitious_mean_sun_deg + equation_of_center_deg) % 360.0)


@overload
def mars_sol_date(us: int) -> float: ...
@overload
def mars_sol_date(us: IntArray) -> FloatArray: ...
def mars_sol_date(us: int | IntArray) -> float | FloatArray:
    """Mars Sol Date [sol], counted from 1873-12-29 near noon; its fraction is the mean solar time at Airy-0.

    Source: Mars24 algorithm, C-2.
    """
    # JD 2451549.5 is 4.5 d past J2000.
    return (tt_days_past_j2000(us) - 4.5) / 1.0274912517 + 44_796.0 - 0.0009626


@overload
def mtc_h(us: int) -> float: ...
@overload
def mtc_h(us: IntArray) -> FloatArray: ...
def mtc_h(us: int | IntArray) -> float | FloatArray:
    """Coordinated Mars Time, the mean solar time at longitude 0 [h of 1/24 sol], 0 to 24."""
    return 24.0 * (mars_sol_date(us) % 1.0)


@overload
def lmst_h(us: int, east_longitude_deg: float) -> float: ...
@overload
def lmst_h(us: IntArray, east_longitude_deg: float) -> FloatArray: ...
def lmst_h(us: int | IntArray, east_longitude_deg: float) -> float | FloatArray:
    """Local Mean Solar Time at an east longitude [h of 1/24 sol], 0 to 24."""
    return (mtc_h(us) + east_longitude_deg / 15.0) % 24.0


@overload
def ltst_h(us: int, east_longitude_deg: float) -> float: ...
@overload
def ltst_h(us: IntArray, east_longitude_deg: float) -> FloatArray: ...
def ltst_h(us: int | IntArray, east_longitude_deg: float) -> float | FloatArray:
    """Local True Solar Time at an east longitude [h of 1/24 sol], 0 to 24: what a sundial there shows.

    Source: Mars24 algorithm, C-4; 2 s against the geometry of DE440.
    """
    return _like(us, (lmst_h(us, east_longitude_deg) + np.asarray(equation_of_time_deg(us)) / 15.0) % 24.0)


@overload
def equation_of_time_deg(us: int) -> float: ...
@overload
def equation_of_time_deg(us: IntArray) -> FloatArray: ...
def equation_of_time_deg(us: int | IntArray) -> float | FloatArray:
    """How far the true Sun is ahead of the mean one [deg]: LTST minus LMST, 15 deg to the hour of 1/24 sol.

    Source: Mars24 algorithm, C-1.
    """
    fictitious_mean_sun_deg, equation_of_center_deg = mean_sun_and_center_deg(us)
    twice_ls = np.radians(2.0 * (fictitious_mean_sun_deg + equation_of_center_deg))
    obliquity_deg = 2.861 * np.sin(twice_ls) - 0.071 * np.sin(2 * twice_ls) + 0.002 * np.sin(3 * twice_ls)
    return _like(us, obliquity_deg - equation_of_center_deg)


def mean_sun_and_center_deg(us: int | IntArray) -> tuple[FloatArray, FloatArray]:
    """Right ascension of the fictitious mean Sun, not reduced to a circle, and the equation of center, both [deg].

    Their sum grows without a break by 360 deg a year and is Ls modulo 360. Source: Mars24 algorithm, B-1 to B-4.
    """
    days = np.asarray(tt_days_past_j2000(us))
    mean_anomaly = np.radians(19.3871 + 0.52402073 * days)
    fictitious_mean_sun_deg = 270.3871 + 0.524038496 * days
    equation_of_center_deg = (
        (10.691 + 3.0e-7 * days) * np.sin(mean_anomaly)
        + 0.623 * np.sin(2 * mean_anomaly)
        + 0.050 * np.sin(3 * mean_anomaly)
        + 0.005 * np.sin(4 * mean_anomaly)
        + 0.0005 * np.sin(5 * mean_anomaly)
    )
    for amplitude_deg, period_years, phase_deg in _PERTURBERS:
        argument_deg = 360.0 / 365.25 * days / period_years + phase_deg
        equation_of_center_deg = equation_of_center_deg + amplitude_deg * np.cos(np.radians(argument_deg))
    return fictitious_mean_sun_deg, equation_of_center_deg


def _zone_minutes(zone: str | None, text: str) -> int:
    """Minutes that a zone is ahead of UTC."""
    if zone is None or zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(f"{text!r}: a zone is at most 23:59 from UTC; correct {zone}")
    return (-1 if zone[0] == "-" else 1) * (hours * 60 + minutes)


def _like(us: int | IntArray, value: FloatArray) -> float | FloatArray:
    """A plain float for a scalar instant, the array for an array."""
    return value if isinstance(us, np.ndarray) else float(value)
