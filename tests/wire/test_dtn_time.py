"""DTN time against pyd3tn, which reads it as POSIX time; ERFA's leap seconds explain the difference."""

from datetime import UTC, datetime, timedelta

import erfa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyd3tn.bundle7 import CreationTimestamp

from twin.pipeline.wire.dtn_time import DTN_EPOCH_US, dtn_ms_from_us

HOUSE_EPOCH = datetime(2000, 1, 1)  # TAI


def house_us(utc: datetime) -> int:
    """House time of a UTC instant, by ERFA's table of TAI - UTC."""
    tai_minus_utc_s = round(float(erfa.dat(utc.year, utc.month, utc.day, 0.0)))
    tai = utc.replace(tzinfo=None) + timedelta(seconds=tai_minus_utc_s)
    return (tai - HOUSE_EPOCH) // timedelta(microseconds=1)


def test_dtn_time_starts_at_the_utc_epoch() -> None:
    assert house_us(datetime(2000, 1, 1, tzinfo=UTC)) == DTN_EPOCH_US
    assert dtn_ms_from_us(DTN_EPOCH_US + 1_000) == 1


@pytest.mark.parametrize(
    ("utc", "leap_seconds"),
    [
        (datetime(2005, 6, 1, tzinfo=UTC), 0),
        (datetime(2006, 6, 1, tzinfo=UTC), 1),
        (datetime(2016, 6, 1, tzinfo=UTC), 4),
        (datetime(2018, 6, 1, 12, 34, 56, 789000, tzinfo=UTC), 5),
        (datetime(2026, 1, 1, tzinfo=UTC), 5),
    ],
)
def test_pyd3tn_differs_by_the_leap_seconds_since_2000(utc: datetime, leap_seconds: int) -> None:
    theirs_ms = CreationTimestamp(utc, 0)[0]
    assert dtn_ms_from_us(house_us(utc)) - theirs_ms == leap_seconds * 1000


def test_a_leap_second_repeats_no_dtn_time() -> None:
    """2016-12-31T23:59:60: the POSIX reading gives two instants one value, the elapsed reading does not."""
    before, after = datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2017, 1, 1, tzinfo=UTC)
    assert house_us(after) - house_us(before) == 2_000_000
    assert dtn_ms_from_us(house_us(after)) - dtn_ms_from_us(house_us(before)) == 2000
    assert CreationTimestamp(after, 0)[0] - CreationTimestamp(before, 0)[0] == 1000


def test_the_instants_of_the_module_docstring() -> None:
    """No leap second is announced after 2017; ERFA keeps TAI - UTC = 37 s."""
    posix_ms = CreationTimestamp(datetime(2033, 3, 10, tzinfo=UTC), 0)[0]
    assert posix_ms == 1_047_340_800_000
    house = (datetime(2033, 3, 10) + timedelta(seconds=37) - HOUSE_EPOCH) // timedelta(microseconds=1)
    assert dtn_ms_from_us(house) == 1_047_340_805_000


@given(st.integers(DTN_EPOCH_US + 1000, 2**62))
def test_conversion_rounds_down_to_the_millisecond(us: int) -> None:
    back_us = dtn_ms_from_us(us) * 1000 + DTN_EPOCH_US
    assert 0 <= us - back_us < 1000
    assert dtn_ms_from_us(back_us) == dtn_ms_from_us(us)


@pytest.mark.parametrize("us", [0, -1, DTN_EPOCH_US, DTN_EPOCH_US + 999])
def test_time_before_the_first_millisecond_has_no_dtn_time(us: int) -> None:
    with pytest.raises(ValueError, match="or send creation time 0 with a Bundle Age block"):
        dtn_ms_from_us(us)
