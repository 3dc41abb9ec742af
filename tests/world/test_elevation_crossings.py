"""Rises and sets against functions whose crossings are known in closed form."""

import numpy as np
import pytest

from twin.world.windows import crossings_within, elevation_crossings

PERIOD_US = 86_400_000_000
STEP_US = 300_000_000


def wave(us):
    """Elevation -90 to 90 deg, 0 and rising at 0."""
    return 90.0 * np.sin(2.0 * np.pi * us / PERIOD_US)


def test_crossings_of_a_sine_are_found_to_the_millisecond():
    windows = elevation_crossings(wave, -1000, 3 * PERIOD_US - 2000, 45.0, STEP_US)
    twelfth_us = PERIOD_US // 12
    assert windows == [(k * PERIOD_US + twelfth_us, k * PERIOD_US + 5 * twelfth_us) for k in range(3)]


def test_windows_open_at_the_edges_are_clipped_to_the_range():
    quarter_us = PERIOD_US // 4
    windows = elevation_crossings(wave, quarter_us + 7, PERIOD_US + quarter_us + 9, 0.0, STEP_US)
    assert windows == [(quarter_us + 7, PERIOD_US // 2), (PERIOD_US, PERIOD_US + quarter_us + 9)]


def test_always_above_is_one_window_and_never_above_is_none():
    assert elevation_crossings(wave, 0, PERIOD_US, -91.0, STEP_US) == [(0, PERIOD_US)]
    assert elevation_crossings(wave, 0, PERIOD_US, 91.0, STEP_US) == []
    assert elevation_crossings(wave, 5, 5, -91.0, STEP_US) == []


@pytest.mark.parametrize("width_s", [200, 20, 2])
def test_window_shorter_than_a_step_is_found(width_s):
    """The summit of the wave stands over the threshold for less than a step of the scan."""
    half_us = width_s * 500_000
    threshold_deg = float(wave(PERIOD_US // 4 - half_us))
    ((rise_us, set_us),) = elevation_crossings(wave, 11_000_000, PERIOD_US, threshold_deg, STEP_US)
    assert rise_us == pytest.approx(PERIOD_US // 4 - half_us, abs=1000)
    assert set_us == pytest.approx(PERIOD_US // 4 + half_us, abs=1000)


def test_gap_shorter_than_a_step_is_found():
    half_us = 10_000_000
    threshold_deg = float(wave(3 * PERIOD_US // 4 - half_us))
    windows = elevation_crossings(wave, 11_000_000, PERIOD_US, threshold_deg, STEP_US)
    assert len(windows) == 2
    assert windows[1][0] - windows[0][1] == pytest.approx(2 * half_us, abs=2000)


def test_step_longer_than_the_range_still_sees_both_ends():
    assert elevation_crossings(wave, 0, PERIOD_US // 4, 45.0, PERIOD_US) == [(PERIOD_US // 12, PERIOD_US // 4)]


def test_range_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match="windows: end 0 us is before start 1 us; swap them"):
        elevation_crossings(wave, 1, 0, 0.0, STEP_US)


def test_step_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="windows: step 0 us must be positive"):
        elevation_crossings(wave, 0, 1, 0.0, 0)


def test_windows_within_many_ranges_are_those_of_each():
    ranges = [(0, PERIOD_US // 4), (PERIOD_US // 4, PERIOD_US // 2), (PERIOD_US, PERIOD_US), (PERIOD_US, 2 * PERIOD_US)]
    apart = [window for one in ranges for window in elevation_crossings(wave, *one, 45.0, STEP_US)]
    assert crossings_within(wave, ranges, 45.0, STEP_US) == apart
    assert len(apart) == 3
    assert crossings_within(wave, [], 45.0, STEP_US) == []


def test_no_parabola_reaches_over_the_end_of_a_range():
    """Heights 0 | 1 | 0 in three ranges of one instant each are no summit."""
    ranges = [(at_us, at_us) for at_us in (0, PERIOD_US // 4, PERIOD_US // 2)]
    asked = []

    def noted(us):
        asked.extend(us.tolist())
        return wave(us)

    assert crossings_within(noted, ranges, 91.0, STEP_US) == []
    assert asked == [0, PERIOD_US // 4, PERIOD_US // 2]


def test_long_scans_ask_in_blocks():
    sizes = []

    def noted(us):
        sizes.append(us.size)
        return wave(us)

    elevation_crossings(noted, 0, PERIOD_US, 45.0, 1_000_000)
    assert max(sizes) == 32_768
    assert sizes[:3] == [32_768, 32_768, 20_865]


def test_many_ranges_are_scanned_in_batches():
    """Three hundred ranges of a tenth of a period, each with 8,640 instants: 2.6 million together."""
    tenth_us = PERIOD_US // 10
    ranges = [(k * tenth_us, (k + 1) * tenth_us) for k in range(300)]
    joined = crossings_within(wave, ranges, 45.0, 1_000_000)
    # Each wave is above from 1/12 to 5/12 of its period, in five of its tenths.
    assert len(joined) == 30 * 5
    assert sum(set_us - rise_us for rise_us, set_us in joined) == 30 * PERIOD_US // 3
