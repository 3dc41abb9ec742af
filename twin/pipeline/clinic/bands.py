"""Windows for the comparators of a device's sensor: leave one, and the frame closes at once.

The device follows the same levels as the rules on the edges (`level`), from the same rows, and programs the sensor with
the windows of those levels. So the row that makes a rule hold is the last of its frame, whatever the frame's period,
and the alarm comes `hold` - 1 sample periods after the crossing, plus the way to the edge.

`hold` is as programmed into the sensor. It is shorter than the watch's own while a channel is on its way to another
level, because a sensor that is reprogrammed may count anew. A channel whose lead is off gets a window that fires when
readings return.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twin.pipeline.clinic.levels import Levels, Rows
from twin.pipeline.clinic.watch import Watch


class Windows(NamedTuple):
    """Fields of `ArmSensor` and `SetComparators`: bounds per column, inclusive; None: let everything pass."""

    low: tuple[int | None, ...]
    high: tuple[int | None, ...]
    hold: int


class Comparators:
    """What to program into the sensor of one device, from the rows that it delivered.

    Raises:
        ValueError: The watch contradicts itself.
    """

    def __init__(self, watch: Watch) -> None:
        self._levels = Levels(watch)
        self._hold = watch.hold
        self._programmed = self._windows()

    def initial(self) -> Windows:
        """The windows that are programmed now: at first those around rest."""
        return self._programmed

    def after(self, rows: Rows) -> Windows | None:
        """Take the rows of a frame that was just closed, all frames in order.

        Returns:
            Windows to program; None where the sensor can go on with those it has. After rows that fired, the same
            windows may be returned: they are to be armed again.
        """
        self._levels.take(rows)
        windows = self._windows()
        if windows == self._programmed and not self._outside(rows[-1]):
            return None
        self._programmed = windows
        return windows

    def _windows(self) -> Windows:
        levels = self._levels.by_column
        windows = [(None, None) if level is None else level.window for level in levels]
        under_way = max([level.pending for level in levels if level is not None], default=0)
        low, high = (tuple(window[side] for window in windows) for side in (0, 1))
        return Windows(low, high, max(1, self._hold - under_way))

    def _outside(self, row: Sequence[int]) -> bool:
        windows = self._programmed
        return any(
            (low is not None and value < low) or (high is not None and value > high)
            for value, low, high in zip(row, windows.low, windows.high, strict=True)
        )
