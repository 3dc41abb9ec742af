"""Time scales against ERFA (leap seconds, TDB), the Mars24 columns of the reference tables and themselves."""

import erfa
import numpy as np
import pytest

from twin.world.timescales import (
    SOL_US,
    US_PER_DAY,
    US_PER_S,
    lmst_h,
    ltst_h,
    mars_sol_date,
    mars_solar_longitude_deg,
    mtc_h,
    tdb_s_past_j2000,
    tt_jd,
    us_to_utc,
    utc_to_us,
)


def test_origin_is_2000_in_tai():
    assert utc_to_us("1999-12-31T23:59:28Z") == 0
    assert us_to_utc(0) == "1999-12-31T23:59:28.000Z"


@pytest.mark.parametrize("row", erfa.leap_seconds.get(), ids=lambda row: f"{row['year']}-{row['month']:02d}")
def test_leap_seconds_agree_with_erfa(row):
    if row["year"] < 1972:
        with pytest.raises(ValueError, match="since 1972-01-01"):
            utc_to_us(f"{row['year']}-{row['month']:02d}-01")
        return
    midnight_us = utc_to_us(f"{row['year']}-{row['month']:02d}-01")
    utc_days = erfa.cal2jd(row["year"], row["month"], 1)[1] - erfa.cal2jd(2000, 1, 1)[1]
    assert midnight_us == utc_days * US_PER_DAY + int(row["tai_utc"]) * US_PER_S
    assert us_to_utc(midnight_us) == f"{row['year']}-{row['month']:02d}-01T00:00:00.000Z"


def test_no_leap_second_is_missing_since_the_last_one_in_the_table():
    assert erfa.leap_seconds.get()[-1]["tai_utc"] == 37, "the IERS announced a leap second: add it to the table"


def test_leap_second_is_a_second_of_its_own():
    before, inside, after = (
        utc_to_us(text) for text in ("2016-12-31T23:59:59Z", "2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00Z")
    )
    assert (inside - before, after - inside) == (1_500_000, 500_000)
    assert us_to_utc(inside) == "2016-12-31T23:59:60.500Z"
    assert us_to_utc(after - 1) == "2017-01-01T00:00:00.000Z"
    assert us_to_utc(after - US_PER_S - 1000) == "2016-12-31T23:59:59.999Z"
    assert utc_to_us("2017-01-01T08:59:60.5+09:00") == inside


def test_every_spelling_of_an_instant_is_that_instant():
    spellings = (
        "2033-03-10T08:26:52.400Z",
        "2033-03-10 08:26:52.4",
        "2033-03-10T08:26:52,4z",
        "2033-03-10T10:26:52.400000+02:00",
        "2033-03-09T23:56:52.4-0830",
        " 2033-03-10T08:26:52.400000000Z\n",
    )
    assert {utc_to_us(text) for text in spellings} == {1_047_371_249_400_000}
    assert utc_to_us("2033-03-10") == utc_to_us("2033-03-10T00:00")


def test_utc_survives_the_way_there_and_back():
    generator = np.random.default_rng(1)
    for ms in generator.integers(utc_to_us("1972-01-01") // 1000, utc_to_us("2100-01-01") // 1000, 2000):
        assert utc_to_us(us_to_utc(int(ms) * 1000)) == int(ms) * 1000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not an ISO 8601 date and time; write it as 2033-03-10T08:26:52Z"),
        ("tomorrow", "not an ISO 8601"),
        ("2033-3-10", "not an ISO 8601"),
        ("2033-03-10T08", "not an ISO 8601"),
        ("2033-03-10Z", "not an ISO 8601"),
        ("2033-03-10T08:26:52.Z", "not an ISO 8601"),
        ("-2033-03-10", "not an ISO 8601"),
        ("\u0662\u0660\u0663\u0663-03-10", "not an ISO 8601"),
        ("1e9", "not an ISO 8601"),
        ("2033-02-29", "2033-02-29 is not in the calendar"),
        ("0000-01-01", "0000-01-01 is not in the calendar"),
        ("2033-13-01T00:00:00Z", "2033-13-01 is not in the calendar"),
        ("2033-03-10T24:00:00Z", "a time runs from 00:00:00 to 23:59:59"),
        ("2033-03-10T08:60:00Z", "a time runs from 00:00:00 to 23:59:59"),
        ("2033-03-10T08:26:61Z", "a time runs from 00:00:00 to 23:59:59"),
        ("2033-03-10T23:59:60Z", "UTC had no leap second there"),
        ("2016-12-31T22:59:60Z", "UTC had no leap second there"),
        ("2033-03-10T08:26:52+24:00", "a zone is at most 23:59 from UTC"),
        ("1969-07-20T20:17:40Z", "since 1972-01-01"),
    ],
)
def test_impossible_instant_is_refused_with_the_reason(text, said):
    with pytest.raises(ValueError, match=said):
        utc_to_us(text)


def test_instants_that_utc_cannot_name_are_refused():
    with pytest.raises(ValueError, match="since 1972-01-01"):
        us_to_utc(-(10**15))
    with pytest.raises(ValueError, match="after the year 9999"):
        us_to_utc(10**18)


def test_tdb_agrees_with_the_full_series_within_10_us():
    tt_days = np.linspace(-28 * 365.25, 100 * 365.25, 5000) + 32.184 / 86_400
    us = np.rint((tt_days - 32.184 / 86_400) * US_PER_DAY).astype(np.int64)
    full_s = (tt_days - 0.5) * 86_400 + erfa.dtdb(2_451_544.5, tt_days, 0.0, 0.0, 0.0, 0.0)
    assert np.abs(tdb_s_past_j2000(us) - full_s).max() < 10e-6


def test_julian_date_agrees_with_the_reference_table(accuracy):
    rows = accuracy.read("mars_time")
    off_days = tt_jd(accuracy.instants(rows, "utc")) - accuracy.column(rows, "jd_tt")
    assert np.abs(off_days).max() < 1e-8


def test_mars_clocks_agree_with_mars24(accuracy):
    reached = {"deg": 1e-5, "sol": 6e-7, "s": 0.003}
    rows = accuracy.mars_clocks()
    assert len(rows) == 8
    for row in rows:
        # The table of seasons is rounded to the second.
        to = 0.6 if row.quantity.startswith("year and Ls") else reached[row.unit]
        assert row.error < min(to, row.needed), row


def test_mars24_worked_example():
    """The GISS page, 2000-01-06T00:00:00 UTC: Ls 277.18758, MTC 23:59:39, LTST(0) 23:38:54."""
    us = utc_to_us("2000-01-06T00:00:00Z")
    assert mars_solar_longitude_deg(us) == pytest.approx(277.18758, abs=1e-4)
    assert mtc_h(us) == pytest.approx(23.99425, abs=2e-5)
    assert ltst_h(us, 0.0) == pytest.approx(23 + 38 / 60 + 54 / 3600, abs=0.6 / 3600)


def test_a_sol_advances_the_sol_date_by_one_and_leaves_the_clock():
    us = utc_to_us("2033-03-10T08:26:52Z")
    assert mars_sol_date(us + SOL_US) - mars_sol_date(us) == pytest.approx(1.0, abs=1e-8)
    assert lmst_h(us + SOL_US, 77.4508) == pytest.approx(lmst_h(us, 77.4508), abs=1e-6)


@pytest.mark.parametrize("clock", [tt_jd, tdb_s_past_j2000, mars_solar_longitude_deg, mars_sol_date, mtc_h])
def test_arrays_give_the_same_as_single_instants(clock):
    us = np.arange(5, dtype=np.int64) * 987_654_321_987 + utc_to_us("2033-03-10")
    together = clock(us)
    assert together.shape == us.shape
    assert [clock(int(one)) for one in us] == pytest.approx(together.tolist(), rel=1e-14)
    assert type(clock(int(us[0]))) is float
