"""A node's clock: what it shows, and when it will show what a timer waits for."""

from hypothesis import given
from hypothesis import strategies as st

from twin.faults.clock import NodeClock

INSTANTS = st.integers(0, 10**15)
DRIFTS = st.integers(-10_000_000, 10_000_000)


def test_an_untouched_clock_shows_true_time() -> None:
    assert NodeClock().local_us(123) == 123
    assert NodeClock().true_us(123) == 123


def test_a_step_stays() -> None:
    clock = NodeClock()
    clock.step(1000, -300)
    assert [clock.local_us(at_us) for at_us in (1000, 5000)] == [700, 4700]


def test_a_drift_of_50_ppm_gains_50_microseconds_a_second_and_keeps_them() -> None:
    clock = NodeClock()
    clock.drift(0, 50_000)
    assert clock.local_us(1_000_000) == 1_000_050
    clock.drift(2_000_000, 0)
    assert clock.local_us(9_000_000) == 9_000_100


@given(INSTANTS, DRIFTS, st.integers(-(10**9), 10**9), st.integers(0, 10**12))
def test_the_first_instant_of_a_reading_is_the_first(since: int, drift: int, step: int, ahead: int) -> None:
    clock = NodeClock()
    clock.drift(since, drift)
    clock.step(since, step)
    wanted = clock.local_us(since) + ahead
    found = clock.true_us(wanted)
    assert clock.local_us(found) >= wanted
    assert found == since or clock.local_us(found - 1) < wanted


@given(INSTANTS, DRIFTS, DRIFTS, st.integers(0, 10**12))
def test_a_change_of_drift_makes_no_jump(since: int, first: int, second: int, later: int) -> None:
    clock = NodeClock()
    clock.drift(since, first)
    before = clock.local_us(since + later)
    clock.drift(since + later, second)
    assert clock.local_us(since + later) == before
