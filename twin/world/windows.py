"""When something stands above an elevation: rises and sets of any function of time.

A coarse scan finds the steps in which the function crosses the threshold, then all crossings are bisected
at once. Where the scan passes a peak that stays below the threshold, or a dip that stays above it, the
summit of the parabola through three neighbours joins the scan, so that a window shorter than a step is
found as well. Times are rounded to 1 ms: sines differ in their last bit between processors, and that must
not reach a contact plan.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from twin.world.timescales import FloatArray, IntArray

_MS_US = 1000


def elevation_crossings(
    elevation_deg: Callable[[IntArray], FloatArray],
    start_us: int,
    end_us: int,
    threshold_deg: float,
    step_us: int,
) -> list[tuple[int, int]]:
    """Windows (rise, set) [us] in which an elevation is at or above a threshold, clipped to the range.

    Args:
        elevation_deg: elevations [deg] at instants, shapes (n,) to (n,).
        start_us: first instant; a window open there begins there.
        end_us: last instant; a window still open there ends there.
        threshold_deg: the lowest elevation of a window [deg].
        step_us: step of the scan [us], short beside the time between a rise and the next one.

    Raises:
        ValueError: the range ends before it starts, or the step is not positive.
    """
    if end_us < start_us:
        raise ValueError(f"windows: end {end_us} us is before start {start_us} us; swap them")
    if step_us <= 0:
        raise ValueError(f"windows: step {step_us} us must be positive; give the length of one scan step")
    grid_us, height_deg = _scan(elevation_deg, start_us, end_us, threshold_deg, step_us)
    above = height_deg >= 0.0
    before = np.flatnonzero(above[1:] != above[:-1])
    crossings_us = _bisect(elevation_deg, threshold_deg, grid_us[before], grid_us[before + 1], above[before])
    edges_us: list[int] = crossings_us.tolist()
    if above[0]:
        edges_us.insert(0, start_us)
    if above[-1]:
        edges_us.append(end_us)
    pairs = zip(edges_us[::2], edges_us[1::2], strict=True)
    return [(rise_us, set_us) for rise_us, set_us in pairs if rise_us < set_us]


def _scan(
    elevation_deg: Callable[[IntArray], FloatArray],
    start_us: int,
    end_us: int,
    threshold_deg: float,
    step_us: int,
) -> tuple[IntArray, FloatArray]:
    """Instants of the scan and heights above the threshold [deg], with the summits between them."""
    grid_us = np.append(np.arange(start_us, end_us, step_us, dtype=np.int64), np.int64(end_us))
    height_deg = elevation_deg(grid_us) - threshold_deg
    # The last step can be shorter than the others, which a parabola through equal steps does not bear.
    left, middle, right = height_deg[:-3], height_deg[1:-2], height_deg[2:-1]
    depth = np.where(middle < 0.0, 1.0, -1.0)
    bend_deg = depth * (2.0 * middle - left - right)
    hidden = (depth * (middle - left) >= 0.0) & (depth * (middle - right) >= 0.0) & (bend_deg > 0.0)
    place = np.flatnonzero(hidden)
    offset = 0.5 * depth[place] * (right - left)[place] / bend_deg[place]
    summits_us = grid_us[place + 1] + np.rint(offset * step_us).astype(np.int64)
    all_us = np.append(grid_us, summits_us)
    all_deg = np.append(height_deg, elevation_deg(summits_us) - threshold_deg)
    order = np.argsort(all_us, kind="stable")
    return all_us[order], all_deg[order]


def _bisect(
    elevation_deg: Callable[[IntArray], FloatArray],
    threshold_deg: float,
    low_us: IntArray,
    high_us: IntArray,
    above_at_low: NDArray[np.bool_],
) -> IntArray:
    """Instants of the crossings, one inside each bracket, rounded to 1 ms but never out of the bracket."""
    first_us, last_us = low_us, high_us
    while low_us.size and (high_us - low_us).max() > 1:
        middle_us = (low_us + high_us) // 2
        same_side = (elevation_deg(middle_us) >= threshold_deg) == above_at_low
        low_us = np.where(same_side, middle_us, low_us)
        high_us = np.where(same_side, high_us, middle_us)
    rounded_us = (high_us + _MS_US // 2) // _MS_US * _MS_US
    return np.clip(rounded_us, first_us, last_us)
