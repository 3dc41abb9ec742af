"""Local midnights: local mean solar time is zero there, and the instant asked for lies in the first sol."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.world.sols import local_midnights_us
from twin.world.timescales import SOL_US, lmst_h, utc_to_us


def test_midnights_agree_with_the_table_of_mars_time(accuracy):
    """LMST at an instant of the table is the time since the midnight before, within the 0.1 s required."""
    for row in accuracy.read("mars_time"):
        at_us = utc_to_us(row["utc"])
        for name, east_deg in (("jezero", 77.4508), ("arcadia", 192.0), ("gale", 137.4417)):
            (column,) = (key for key in row if key.startswith(f"LMST_{name}"))
            since_us = at_us - local_midnights_us(at_us, 1, east_deg)[0]
            off_h = (since_us / SOL_US * 24.0 - float(row[column]) + 12.0) % 24.0 - 12.0
            assert abs(off_h) < 0.1 / 3699.0


@given(
    at_us=st.integers(utc_to_us("2010-01-02"), utc_to_us("2050-12-30")),
    sols=st.integers(1, 30),
    east_deg=st.floats(-180.0, 360.0),
)
def test_the_first_sol_holds_the_instant_and_every_midnight_is_one(at_us, sols, east_deg):
    midnights_us = np.array(local_midnights_us(at_us, sols, east_deg))
    assert midnights_us[0] - 1_000 <= at_us <= midnights_us[1] + 1_000
    assert (midnights_us % 1_000 == 0).all()
    assert (np.abs(np.diff(midnights_us) - SOL_US) <= 1_000).all()
    off_h = (lmst_h(midnights_us, east_deg) + 12.0) % 24.0 - 12.0
    assert np.abs(off_h).max() * SOL_US / 24.0 < 600.0  # half a millisecond, and what a float leaves


def test_no_sol_is_no_span():
    with pytest.raises(ValueError, match=r"^0 sols: .*; take 1 or more$"):
        local_midnights_us(0, 0, 0.0)
