"""Mars Years and seasons against the reference tables and themselves; equation of time against the clocks."""

import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.world.mars_calendar import SEASONS_LS_DEG, mars_date_us, mars_year, season
from twin.world.timescales import (
    equation_of_time_deg,
    lmst_h,
    ltst_h,
    mars_solar_longitude_deg,
    us_to_utc,
    utc_to_us,
)


@pytest.mark.parametrize(
    ("column", "within_s"),
    [("utc_mars24", 0.6), ("utc_spice_geometric", 1671.0)],  # the second: 28 min are the series' own error
)
def test_equinoxes_and_solstices_of_mars_years_38_to_48_agree_with_the_table(accuracy, column, within_s):
    rows = [row for row in accuracy.read("mars_seasons") if float(row["Ls_deg"]) in SEASONS_LS_DEG.values()]
    assert len(rows) == 24
    for row in rows:
        at_us = mars_date_us(int(row["mars_year"]), float(row["Ls_deg"]))
        assert abs(at_us - utc_to_us(row[column])) <= within_s * 1e6, row


def test_the_offset_from_spice_is_the_one_that_the_table_gives_for_mars24(accuracy):
    for row in accuracy.read("mars_seasons"):
        at_us = mars_date_us(int(row["mars_year"]), float(row["Ls_deg"]))
        off_h = (at_us - utc_to_us(row["utc_spice_geometric"])) / 3.6e9
        assert off_h == pytest.approx(float(row["mars24_minus_spice_h"]), abs=0.001)


def test_years_are_those_of_the_table(accuracy):
    rows = accuracy.read("mars_time")
    assert mars_year(accuracy.instants(rows, "utc")).tolist() == [int(row["mars_year"]) for row in rows]


def test_the_years_begin_where_clancy_counts_them_from():
    """MY 1: 1955-04-11, before UTC's leap seconds; MY 24: 1998-07-14 (recalled from the same table)."""
    assert us_to_utc(mars_date_us(24, 0.0)).startswith("1998-07-14")
    days = mars_date_us(1, 0.0) / 86_400e6
    assert date(1955, 4, 11) == date(2000, 1, 1) + timedelta(days=math.floor(days))


def test_dates_of_ls_agree_with_mars24(accuracy):
    rows = accuracy.read("mars_seasons")
    assert len(rows) >= 72
    for row in rows:
        at_us = mars_date_us(int(row["mars_year"]), float(row["Ls_deg"]))
        # The table is rounded to a second.
        assert at_us == pytest.approx(utc_to_us(row["utc_mars24"]), abs=600_000), row


def test_the_year_changes_with_ls_0(accuracy):
    for row in accuracy.read("mars_seasons"):
        at_us, year = utc_to_us(row["utc_mars24"]), int(row["mars_year"])
        assert mars_year(at_us + 2_000_000) == year
        assert mars_year(at_us - 2_000_000) == (year - 1 if row["Ls_deg"] == "0" else year)


@pytest.mark.parametrize(("utc", "year"), [("1976-08-20", 12), ("2000-01-01", 24), ("2018-05-31", 34)])
def test_years_of_known_dates(utc, year):
    """Viking 2 landed in year 12; the storm of 2018 came in year 34 (Clancy et al. 2000)."""
    assert mars_year(utc_to_us(utc)) == year


def test_ls_360_is_where_the_next_year_begins():
    assert mars_date_us(42, 360.0) == mars_date_us(43, 0.0)


@given(year=st.integers(1, 91), ls_deg=st.floats(0.0, 359.999))
def test_the_way_from_season_to_instant_leads_back(year, ls_deg):
    at_us = mars_date_us(year, ls_deg)
    # Rounding to 1 ms is 6e-9 deg; at the very start of a year it may fall on either side.
    assert (mars_solar_longitude_deg(at_us) - ls_deg + 180.0) % 360.0 - 180.0 == pytest.approx(0.0, abs=1e-8)
    assert mars_year(at_us + 1000) == year
    assert at_us % 1000 == 0


def test_arrays_of_longitudes_give_the_same_as_single_ones():
    ls_deg = np.arange(0.0, 360.0, 7.5)
    together = mars_date_us(42, ls_deg)
    assert together.dtype == np.int64
    assert together.tolist() == [mars_date_us(42, float(one)) for one in ls_deg]
    assert (np.diff(together) > 0).all()


@pytest.mark.parametrize(
    ("year", "ls_deg", "said"),
    [
        (0, 0.0, "Mars Year 0: the calendar runs from 1 to 91"),
        (92, 0.0, "Mars Year 92: the calendar"),
        (34, 360.1, "Ls 360.1 deg: a solar longitude lies from 0 to 360 deg; name the Mars Year"),
        (34, -0.1, "Ls -0.1 deg: a solar"),
        (34, float("nan"), "Ls nan deg: a solar"),
        (34, np.array([1.0, 400.0]), "Ls 400.0 deg: a solar"),
    ],
)
def test_a_date_that_is_not_in_the_calendar_is_refused(year, ls_deg, said):
    with pytest.raises(ValueError, match=said):
        mars_date_us(year, ls_deg)


def test_equation_of_time_is_what_parts_true_from_mean_solar_time():
    us = utc_to_us("2033-03-10") + np.arange(0, 687, 7, dtype=np.int64) * 86_400_000_000
    apart_h = (ltst_h(us, 77.0) - lmst_h(us, 77.0) + 12.0) % 24.0 - 12.0
    assert equation_of_time_deg(us) / 15.0 == pytest.approx(apart_h, abs=1e-9)
    # GISS page: the equation of time of Mars runs from about -51.1 to +39.9 min (recalled).
    assert 4.0 * equation_of_time_deg(us).min() == pytest.approx(-51.1, abs=0.3)
    assert 4.0 * equation_of_time_deg(us).max() == pytest.approx(39.9, abs=0.3)
    assert type(equation_of_time_deg(int(us[0]))) is float


@pytest.mark.parametrize(
    ("ls_deg", "north", "south"),
    [(0.0, "spring", "autumn"), (89.99, "spring", "autumn"), (90.0, "summer", "winter"), (359.9, "winter", "summer")],
)
def test_seasons_are_named_for_the_hemisphere(ls_deg, north, south):
    assert season(ls_deg, 18.4) == f"northern {north}"
    assert season(ls_deg, 0.0) == f"northern {north}"
    assert season(ls_deg, -4.6) == f"southern {south}"
