"""Mars years and dates of Ls against the Mars24 column of the reference table, and against Ls itself."""

from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.world.seasons import instant_of_ls_us, mars_year
from twin.world.timescales import mars_solar_longitude_deg, utc_to_us


def test_dates_of_ls_agree_with_mars24(accuracy: ModuleType) -> None:
    rows = accuracy.read("mars_seasons")
    assert len(rows) >= 72
    for row in rows:
        at_us = instant_of_ls_us(int(row["mars_year"]), float(row["Ls_deg"]))
        # The table is rounded to a second.
        assert at_us == pytest.approx(utc_to_us(row["utc_mars24"]), abs=600_000), row


def test_mars_year_changes_with_ls_0(accuracy: ModuleType) -> None:
    for row in accuracy.read("mars_seasons"):
        at_us = utc_to_us(row["utc_mars24"])
        year = int(row["mars_year"])
        assert mars_year(at_us + 2_000_000) == year
        assert mars_year(at_us - 2_000_000) == (year - 1 if row["Ls_deg"] == "0" else year)


@pytest.mark.parametrize(("utc", "year"), [("1976-08-20", 12), ("2000-01-01", 24), ("2018-05-31", 34)])
def test_mars_years_of_known_dates(utc: str, year: int) -> None:
    # Viking 2 landed in year 12; year 24 began 1998-07-14; the storm of 2018 came in year 34 (Clancy et al. 2000).
    assert mars_year(utc_to_us(utc)) == year


@given(st.integers(1, 700), st.floats(0.0, 359.999))
def test_ls_of_its_own_date_is_itself(year: int, ls_deg: float) -> None:
    at_us = instant_of_ls_us(year, ls_deg)
    assert at_us % 1_000 == 0
    off_deg = (mars_solar_longitude_deg(at_us) - ls_deg + 180.0) % 360.0 - 180.0
    assert abs(off_deg) < 1e-8  # 1 ms is 7e-9 deg at perihelion


def test_ls_360_is_where_the_next_year_begins() -> None:
    assert instant_of_ls_us(42, 360.0) == instant_of_ls_us(43, 0.0)


@pytest.mark.parametrize("ls_deg", [-0.1, 360.1, float("nan")])
def test_ls_outside_a_turn_is_refused(ls_deg: float) -> None:
    with pytest.raises(ValueError, match=r"a solar longitude lies from 0 to 360 deg; name the Mars year"):
        instant_of_ls_us(42, ls_deg)
