"""POSIX seconds against the standard library, and around leap seconds."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twin.network.formats.posix import at_or_after_s, at_or_before_s, floor_s, instant_us
from twin.world.timescales import us_to_utc, utc_to_us


@given(second=st.integers(63_072_000, 7_258_118_400))
@example(second=63_072_000)
@example(second=1_483_228_800)
def test_a_second_is_what_the_standard_library_says(second):
    text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert us_to_utc(instant_us(second)) == text
    assert floor_s(instant_us(second)) == second


@given(us=st.integers(utc_to_us("1972-01-02"), utc_to_us("2060-01-01")))
@example(us=utc_to_us("2016-12-31T23:59:59.999999Z"))
@example(us=utc_to_us("2016-12-31T23:59:60Z"))
@example(us=utc_to_us("2016-12-31T23:59:60.999999Z"))
@example(us=utc_to_us("2017-01-01T00:00:00Z"))
def test_the_seconds_before_and_after_an_instant_enclose_it(us):
    before_us, after_us = instant_us(at_or_before_s(us)), instant_us(at_or_after_s(us))
    assert before_us <= us <= after_us
    # Two seconds around a leap second, which POSIX skips.
    second_us = us - us % 1_000_000
    around = us_to_utc(second_us) + us_to_utc(second_us + 1_000_000)
    assert after_us - before_us == (
        0 if us == second_us and us == before_us else 2_000_000 if ":60." in around else 1_000_000
    )


def test_nothing_before_utc_had_leap_seconds():
    with pytest.raises(ValueError, match="only since 1972"):
        instant_us(0)
    with pytest.raises(ValueError, match="outside the calendar"):
        instant_us(-1)
