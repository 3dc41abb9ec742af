"""When something stands above an elevation: rises and sets of any function of time.

A coarse scan finds the steps in which the function crosses the threshold, then all crossings are bisected
at once. Where the scan passes a peak that stays below the threshold, or a dip that stays above it, the
summit of the parabola through three neighbours joins the scan, so that a window shorter than a step is
found as well. Times are rounded to 1 ms: sines differ in their last bit between processors, and that must
not reach a contact plan.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from twin.world.timescales import FloatArray, IntArray

Window = tuple[int, int]

_MS_US = 1000
_BLOCK = 32_768
"""Instants asked for at once: their vectors fit a processor's cache, and the function's own arrays stay small."""
_BATCH = 1_000_000
"""Instants of a scan held at once, unless one range has more: some 60 bytes each."""


def elevation_crossings(
    elevation_deg: Callable[[IntArray], FloatArray],
    start_us: int,
    end_us: int,
    threshold_deg: float,
    step_us: int,
) -> list[Window]:
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
    return crossings_within(elevation_deg, [(start_us, end_us)], threshold_deg, step_us)


def crossings_within(
    elevation_deg: Callable[[IntArray], FloatArray],
    ranges: Sequence[Window],
    threshold_deg: float,
    step_us: int,
) -> list[Window]:
    """As ``elevation_crossings``, within each of many ranges, which are in order and do not overlap.

    Raises:
        ValueError: a range ends before it starts, or the step is not positive.
    """
    for start_us, end_us in ranges:
        if end_us < start_us:
            raise ValueError(f"windows: end {end_us} us is before start {start_us} us; swap them")
    if step_us <= 0:
        raise ValueError(f"windows: step {step_us} us must be positive; give the length of one scan step")

    def over_deg(us: IntArray) -> FloatArray:
        return in_blocks(elevation_deg, us) - threshold_deg

    return [window for batch in _batches(ranges, step_us) for window in _windows(over_deg, batch, step_us)]


def _batches(ranges: Sequence[Window], step_us: int) -> Iterator[list[Window]]:
    """The ranges in order, as many at a time as need not too many instants together; none is cut."""
    batch: list[Window] = []
    instants = 0
    for start_us, end_us in ranges:
        batch.append((start_us, end_us))
        instants += (end_us - start_us) // step_us
        if instants >= _BATCH:
            yield batch
            batch, instants = [], 0
    if batch:
        yield batch


def _windows(over_deg: Callable[[IntArray], FloatArray], ranges: Sequence[Window], step_us: int) -> Iterator[Window]:
    """Scan, bisect, and pair rises with sets: within a range they alternate, and none reaches into another."""
    us, above, within = _scan(over_deg, ranges, step_us)
    same_range = within[1:] == within[:-1]
    before = np.flatnonzero((above[1:] != above[:-1]) & same_range)
    crossings_us = _bisect(over_deg, us[before], us[before + 1], above[before])
    first = np.append(True, ~same_range)
    last = np.append(~same_range, True)
    rises_us = np.sort(np.append(crossings_us[~above[before]], us[first & above]))
    sets_us = np.sort(np.append(crossings_us[above[before]], us[last & above]))
    pairs = zip(rises_us.tolist(), sets_us.tolist(), strict=True)
    return ((rise_us, set_us) for rise_us, set_us in pairs if rise_us < set_us)


def instants(start_us: int, end_us: int, step_us: int) -> IntArray:
    """The start of a window, every step from there, and its end [us], shape (n,)."""
    return np.append(np.arange(start_us, end_us, step_us, dtype=np.int64), np.int64(end_us))


def in_blocks(function: Callable[[IntArray], FloatArray], us: IntArray) -> FloatArray:
    """A function of instants, shapes (n,) to (n,), asked for some of many instants at a time."""
    blocks = [function(us[first : first + _BLOCK]) for first in range(0, us.size, _BLOCK)]
    return np.concatenate(blocks) if blocks else np.zeros(0)


def _scan(
    over_deg: Callable[[IntArray], FloatArray], ranges: Sequence[Window], step_us: int
) -> tuple[IntArray, NDArray[np.bool_], IntArray]:
    """Instants of the scan with the summits between them, whether each is above, and the range it is in."""
    grids_us = [instants(start_us, end_us, step_us) for start_us, end_us in ranges]
    grid_us = np.concatenate(grids_us)
    within = np.repeat(np.arange(len(ranges)), [len(grid) for grid in grids_us])
    height_deg = over_deg(grid_us)
    left, middle, right = height_deg[:-2], height_deg[1:-1], height_deg[2:]
    depth = np.where(middle < 0.0, 1.0, -1.0)
    bend_deg = depth * (2.0 * middle - left - right)
    hidden = (depth * (middle - left) >= 0.0) & (depth * (middle - right) >= 0.0) & (bend_deg > 0.0)
    # The last step of a range can be shorter than the others, which a parabola through equal steps does not
    # bear; where the third neighbour begins another range, the second one ends this.
    hidden[:-1] &= within[3:] == within[:-3]
    hidden[-1:] = False
    place = np.flatnonzero(hidden)
    offset = 0.5 * depth[place] * (right - left)[place] / bend_deg[place]
    summits_us = grid_us[place + 1] + np.rint(offset * step_us).astype(np.int64)
    all_us = np.append(grid_us, summits_us)
    all_deg = np.append(height_deg, over_deg(summits_us))
    all_within = np.append(within, within[place])
    # By range first: two ranges can share an instant.
    order = np.lexsort((all_us, all_within))
    return all_us[order], all_deg[order] >= 0.0, all_within[order]


def _bisect(
    over_deg: Callable[[IntArray], FloatArray],
    low_us: IntArray,
    high_us: IntArray,
    above_at_low: NDArray[np.bool_],
) -> IntArray:
    """Instants of the crossings, one inside each bracket, rounded to 1 ms but never out of the bracket."""
    first_us, last_us = low_us, high_us
    while low_us.size and (high_us - low_us).max() > 1:
        middle_us = (low_us + high_us) // 2
        same_side = (over_deg(middle_us) >= 0.0) == above_at_low
        low_us = np.where(same_side, middle_us, low_us)
        high_us = np.where(same_side, high_us, middle_us)
    rounded_us = (high_us + _MS_US // 2) // _MS_US * _MS_US
    return np.clip(rounded_us, first_us, last_us)
