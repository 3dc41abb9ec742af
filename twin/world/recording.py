"""A recording as a source of samples: what was recorded last stands, for less than one period.

A recorded row answers for the samples from its instant on, until the next row, but for less than one period: the longer
of the device's sample period and the shortest step of the recording. A sample that finds no such row has no readings.
So a recording of the device's own period is replayed row by row, a faster one is thinned, a slower one is held until
its next row is due, and in a gap there is no reading. Nothing is interpolated.
"""

from __future__ import annotations

import numpy as np

from twin.channels import NO_READING
from twin.world.walks import Ints, Sampled


class Recording(Sampled):
    """Recorded rows, sampled.

    Args:
        channels: Names of the columns.
        times_us: Instants of the rows after the start [us], rising, shape (rows,).
        counts: Counts, `NO_READING` where nothing was recorded, shape (rows, channels).
        period_us: From one sample to the next [us], above 0.
    """

    def __init__(self, channels: tuple[str, ...], times_us: Ints, counts: Ints, period_us: int) -> None:
        super().__init__("recording", channels, period_us)
        self._times_us = times_us
        self._counts = counts
        step_us = int(np.diff(times_us).min()) if len(times_us) > 1 else 0
        self.hold_us = max(period_us, step_us)
        """A row stands for less than this [us]."""

    def gaps(self, end_us: int) -> Ints:
        """Where samples find no row: n stands for the time before row n, the number of rows for that after the last.

        Before the first row and after the last one, up to one period is no gap.

        Args:
            end_us: No sample is taken from here on [us].
        """
        begins_us = np.concatenate(([0], self._times_us + self.hold_us))
        ends_us = np.minimum(np.concatenate((self._times_us, [end_us])), end_us)
        first_sample_us = -(-begins_us // self.period_us) * self.period_us
        is_gap = first_sample_us < ends_us
        is_gap[[0, -1]] &= (ends_us - begins_us)[[0, -1]] > self.hold_us
        found: Ints = np.flatnonzero(is_gap)
        return found

    def _compute(self, at_us: Ints) -> Ints:
        row = np.searchsorted(self._times_us, at_us, side="right") - 1
        stands = (row >= 0) & (at_us - self._times_us[np.maximum(row, 0)] < self.hold_us)
        rows: Ints = np.where(stands[:, None], self._counts[np.maximum(row, 0)], NO_READING)
        return rows
