"""Dust opacity against its defining formulas and against brute force on a fine grid."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.world.dust import Curve, Storm, opacity, windows_above

HOUR_US = 3_600_000_000
STORM = Storm(onset_us=6 * HOUR_US, peak_tau=4.0, growth_us=2 * HOUR_US, decay_us=30 * HOUR_US)


def test_quiet_air_is_the_background() -> None:
    assert opacity(0, 0.5, []) == 0.5
    assert opacity(STORM.onset_us - 1, 0.5, [STORM]) == 0.5


def test_storm_is_halfway_up_in_the_middle_of_its_growth() -> None:
    assert opacity(7 * HOUR_US, 0.5, [STORM]) == pytest.approx(2.25, abs=1e-12)


def test_storm_reaches_its_peak_and_loses_a_factor_e_in_one_decay_time() -> None:
    at_us = np.array([8 * HOUR_US, 38 * HOUR_US], dtype=np.int64)
    assert opacity(at_us, 0.5, [STORM]) == pytest.approx([4.0, 0.5 + 3.5 / math.e], abs=1e-12)


def test_storm_without_growth_is_a_step() -> None:
    step = Storm(0, 3.0, 0, HOUR_US)
    assert opacity(np.array([-1, 0], dtype=np.int64), 0.5, [step]) == pytest.approx([0.5, 3.0])


def test_highest_of_overlapping_storms_wins() -> None:
    weaker = Storm(6 * HOUR_US, 2.0, 2 * HOUR_US, 300 * HOUR_US)
    at_us = np.arange(0, 400 * HOUR_US, HOUR_US, dtype=np.int64)
    alone = [opacity(at_us, 0.5, [storm]) for storm in (STORM, weaker)]
    assert np.array_equal(opacity(at_us, 0.5, [STORM, weaker]), np.maximum(*alone))


def test_storm_below_the_background_is_not_seen() -> None:
    assert opacity(8 * HOUR_US, 5.0, [STORM]) == 5.0
    assert windows_above(5.0, 0, 100 * HOUR_US, 5.0, [STORM]) == []


def test_opacity_crosses_the_threshold_at_the_ends_of_a_window() -> None:
    [(up_us, down_us)] = windows_above(3.5, 0, 100 * HOUR_US, 0.5, [STORM])
    assert up_us % 1000 == down_us % 1000 == 0
    assert opacity(np.array([up_us, down_us], dtype=np.int64), 0.5, [STORM]) == pytest.approx(3.5, abs=1e-6)
    assert up_us == 27_771_429_000  # 6 h + 2 h * 3.0 / 3.5
    assert down_us == 8 * HOUR_US + round(30 * 3.6e6 * math.log(3.5 / 3.0)) * 1000


def test_windows_agree_with_a_fine_grid() -> None:
    rng = np.random.default_rng(5)
    at_us = np.arange(0, 200 * HOUR_US, 60_000_000, dtype=np.int64)
    for _ in range(50):
        storms = [
            Storm(int(o), float(p), int(g), int(d))
            for o, p, g, d in zip(
                rng.integers(-50 * HOUR_US, 200 * HOUR_US, 3),
                rng.uniform(0.2, 9, 3),
                rng.integers(0, 30 * HOUR_US, 3),
                rng.integers(HOUR_US, 60 * HOUR_US, 3),
                strict=True,
            )
        ]
        windows = windows_above(3.0, 0, 200 * HOUR_US, 0.5, storms)
        inside = np.zeros(at_us.shape, dtype=bool)
        for start_us, end_us in windows:
            inside |= (start_us <= at_us) & (at_us < end_us)
        tau = opacity(at_us, 0.5, storms)
        far_from_an_edge = np.abs(tau - 3.0) > 1e-6
        assert np.array_equal(inside[far_from_an_edge], (tau > 3.0)[far_from_an_edge])
        assert all(a[1] < b[0] for a, b in pairwise(windows))


def test_windows_are_clipped_to_the_asked_interval() -> None:
    assert windows_above(3.5, 8 * HOUR_US, 9 * HOUR_US, 0.5, [STORM]) == [(8 * HOUR_US, 9 * HOUR_US)]


def test_dusty_background_is_above_all_the_time() -> None:
    assert windows_above(0.4, 10, 20, 0.5, []) == [(10, 20)]


def test_threshold_at_the_background_is_passed_at_onset_and_never_left() -> None:
    assert windows_above(0.5, 0, 99 * HOUR_US, 0.5, [STORM]) == [(STORM.onset_us, 99 * HOUR_US)]


@pytest.mark.parametrize(
    ("storm", "message"),
    [
        ((0, -1.0, 0, 1), "storm peak_tau -1.0: an optical depth is finite"),
        ((0, math.inf, 0, 1), "storm peak_tau inf"),
        ((0, 1.0, -1, 1), "storm growth -1 us: a growth is 0 or more"),
        ((0, 1.0, 0, 0), "storm decay 0 us: a decay is above 0"),
    ],
)
def test_impossible_storm_is_refused(storm: tuple[int, float, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Storm(*storm)


def test_windows_refuse_an_end_before_the_start() -> None:
    with pytest.raises(ValueError, match="end 1 us is not after start 2 us"):
        windows_above(1.0, 2, 1, 0.5, [])


CURVE = Curve((0, 4 * HOUR_US, 6 * HOUR_US, 10 * HOUR_US), (0.7, 4.7, 2.7, 3.7))


def test_a_curve_runs_straight_between_its_points_and_is_no_cloud_outside_them() -> None:
    at_us = np.array([-1, 0, HOUR_US, 5 * HOUR_US, 10 * HOUR_US, 10 * HOUR_US + 1], dtype=np.int64)
    assert opacity(at_us, 0.5, [CURVE]) == pytest.approx([0.5, 0.7, 1.7, 3.7, 3.7, 0.5])


def test_windows_of_a_curve_open_and_close_where_it_crosses() -> None:
    assert windows_above(3.2, 0, 99 * HOUR_US, 0.5, [CURVE]) == [
        (5 * HOUR_US // 2, 11 * HOUR_US // 2),
        (8 * HOUR_US, 10 * HOUR_US),
    ]
    assert windows_above(4.7, 0, 99 * HOUR_US, 0.5, [CURVE]) == []


@given(
    st.lists(st.tuples(st.integers(1, 2 * HOUR_US // 1_000), st.floats(0.0, 9.0)), min_size=2, max_size=12),
    st.floats(0.5, 9.0),
)
def test_windows_of_any_curve_agree_with_its_opacity(steps: list[tuple[int, float]], threshold: float) -> None:
    ends_us = np.cumsum([step_ms * 1_000 for step_ms, _ in steps])
    curve = Curve(tuple(ends_us.tolist()), tuple(tau for _, tau in steps))
    windows = windows_above(threshold, 0, 30 * HOUR_US, 0.5, [curve, STORM])
    assert all(a % 1_000 == b % 1_000 == 0 for a, b in windows)
    assert all(a[1] < b[0] for a, b in pairwise(windows))
    at_us = np.linspace(0, 30 * HOUR_US, 3_001).astype(np.int64)
    tau = opacity(at_us, 0.5, [curve, STORM])
    inside = np.zeros(at_us.shape, dtype=bool)
    near = np.zeros(at_us.shape, dtype=bool)
    for start_us, end_us in windows:
        inside |= (start_us <= at_us) & (at_us < end_us)
    # A crossing is rounded to 1 ms, and a spike within one may vanish.
    for edge_us in (*(edge for window in windows for edge in window), *curve.at_us):
        near |= np.abs(at_us - edge_us) <= 1_000
    assert np.array_equal(inside[~near], (tau > threshold)[~near])


@pytest.mark.parametrize(
    ("at_us", "tau", "message"),
    [
        ((0,), (1.0,), "1 instants and 1 opacities: a curve has two points or more"),
        ((0, 1), (1.0,), "2 instants and 1 opacities"),
        ((5, 5), (1.0, 2.0), "5 us comes after 5 us; put the points in order"),
        ((0, 1), (1.0, -2.0), "opacity curve tau -2.0: an optical depth is finite"),
    ],
)
def test_impossible_curve_is_refused(at_us: tuple[int, ...], tau: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Curve(at_us, tau)


def test_a_storm_is_over_when_a_tenth_of_its_excess_is_left() -> None:
    assert opacity(STORM.over_us, 0.5, [STORM]) == pytest.approx(0.5 + 0.1 * 3.5, abs=1e-6)
