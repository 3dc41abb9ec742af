"""The shared time axis, against the clocks of `twin.world.timescales`."""

import pytest

from twin.report.time_axis import TimeAxis, elapsed
from twin.world.timescales import SOL_US, lmst_h, us_to_utc, utc_to_us

START_US = utc_to_us("2033-03-10T00:00:00Z")
JEZERO_DEG = 77.45
HOUR_US = 3_600_000_000


def axis(span_us: int, dated: bool = True, east_longitude_deg: float | None = JEZERO_DEG) -> TimeAxis:
    return TimeAxis(START_US, START_US + span_us, dated, east_longitude_deg)


@pytest.mark.parametrize("span_us", [1_000_000, 90_000_000, HOUR_US, SOL_US, 30 * SOL_US, 700 * SOL_US, 9_000 * SOL_US])
def test_ticks_lie_inside_and_are_few(span_us: int) -> None:
    for ticks in (
        axis(span_us)._date_ticks(),
        axis(span_us)._sol_ticks(),
        axis(span_us, False)._hour_ticks(),
    ):
        assert len(ticks) <= 11
        assert all(START_US <= at_us <= START_US + span_us for at_us, _ in ticks)


def test_utc_ticks_say_the_time_at_which_they_stand() -> None:
    ticks = axis(SOL_US)._date_ticks()
    assert len(ticks) >= 6
    assert all(us_to_utc(at_us)[11:16] == label[:5] for at_us, label in ticks)
    assert ticks[0][1] == "00:00\n10 Mar 2033"
    assert ticks[-1][1] == "00:00\n11 Mar 2033"


def test_mars_ticks_say_the_local_time_at_which_they_stand() -> None:
    ticks = axis(SOL_US)._sol_ticks()
    assert len(ticks) >= 6
    for at_us, label in ticks:
        hour = 0.0 if label.startswith("sol") else float(label[:2])
        off_h = (lmst_h(at_us, JEZERO_DEG) - hour + 12.0) % 24.0 - 12.0
        assert abs(off_h) < 1e-5, label


def test_sols_are_counted_from_the_sol_of_the_start() -> None:
    labels = [label for _, label in axis(5 * SOL_US)._sol_ticks() if label.startswith("sol")]
    assert labels == ["sol 1", "sol 2", "sol 3", "sol 4", "sol 5"]


@pytest.mark.parametrize(("dated", "east_longitude_deg"), [(False, JEZERO_DEG), (True, None)])
def test_without_a_site_or_a_date_there_are_no_sols(dated: bool, east_longitude_deg: float | None) -> None:
    bare = axis(SOL_US, dated, east_longitude_deg)
    assert not bare.on_mars
    assert bare._sol_ticks() == []


def test_undated_axis_counts_from_the_start() -> None:
    labels = [label for _, label in axis(24 * HOUR_US, dated=False)._hour_ticks()]
    assert labels[:3] == ["0 h", "3 h", "6 h"]
    assert axis(HOUR_US, dated=False).clock(START_US + 61_000_000) == "0:01:01.000"


def test_clock_of_a_dated_axis_is_utc() -> None:
    assert axis(HOUR_US).clock(START_US + 61_234_000) == "00:01:01.234"


def test_elapsed_time_counts_hours_without_end() -> None:
    assert elapsed(0) == "0:00:00.000"
    assert elapsed(100 * HOUR_US + 59_999_600) == "100:01:00.000"
