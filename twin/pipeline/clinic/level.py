"""The level of one channel: which band between two edges has held.

| sample | |
|---|---|
| inside the window of the level | believed; whatever was on its way out starts anew |
| outside, plausible | believed; the level moves past every edge that the last `hold` samples all lie beyond |
| no reading, or not plausible | continues a run outside, never completes it; `hold` in a row: the channel is *off* |
| artefact | as if the window had never been left |

Edges below rest are crossed downwards at once and upwards only `hysteresis` counts above, and the other way round
above rest. So the window is wider than the band on the side of rest alone, noise at an edge does not fire for ever,
and no alarm comes late for it. A frame that lies wholly in one band ends hysteresis too.

Every row from the first one outside to the one that moves the level lies outside the window, for hardware that knows
no artefacts as well. That is why comparators that fire after `hold` such rows, and sooner for a run that is under way
(`pending`), close the frame at exactly the row that moves a level; `tests/clinic/test_device_and_rules.py` tries it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twin.pipeline.clinic.artefacts import jumped
from twin.pipeline.clinic.watch import Watch
from twin.pipeline.wire.fields import read_array, read_flag, read_int, read_uint

NOWHERE = (1, 0)
"""A window that no value lies in."""


class Step(NamedTuple):
    """A channel's level changed with sample `row`; the run that changed it began `began` (it may be in a frame before).

    Args:
        cell: Number of the band; it stays while there is no reading.
        known: Whether the value counts: read at least once, and not stale.
        off: No reading for `hold` samples.
        stale: A value is due for longer than the channel's staleness.
        value: The last value believed, in counts; None before the first.
    """

    row: int
    column: int
    began: int
    cell: int
    known: bool
    off: bool
    stale: bool
    value: int | None


class Level:
    """The level of one column, from frame to frame."""

    __slots__ = (
        "_absent", "_age", "_artefact", "_channel", "_edges", "_falls", "_high", "_hold", "_low", "_rejected", "_rises",
        "_run", "_settle", "_too_high", "calm", "cell", "column", "known", "off", "stale", "value",
    )  # fmt: skip

    def __init__(self, column: int, watch: Watch) -> None:
        channel = self._channel = watch.channels[column]
        self.column = column
        self._hold, self._artefact, self._settle = watch.hold, watch.artefact, watch.settle
        self._edges = watch.edges(channel)
        rest, back = channel.nominal, channel.hysteresis
        self._falls = [edge if edge <= rest else max(edge - back, rest + 1) for edge in self._edges]
        self._rises = [min(edge + back, rest) if edge <= rest else edge for edge in self._edges]
        self.cell = bisect_right(self._edges, rest)
        self.known = self.off = self.stale = self._too_high = False
        self.value: int | None = None
        self._run: list[int] = []  # samples outside the window; a missing one repeats the one before
        self._absent = self._age = self._rejected = 0
        self._look()

    def _look(self) -> None:
        """Find the window that the channel is in, and the band in which a whole frame needs no other look."""
        low, high = self._channel.plausible
        cell, count = self.cell, len(self._edges)
        self._low = self._falls[cell - 1] if cell else low
        self._high = self._rises[cell] - 1 if cell < count else high
        self.calm = NOWHERE
        if self.known and not (self.off or self._run or self._age):
            self.calm = (self._edges[cell - 1] if cell else low, self._edges[cell] - 1 if cell < count else high)

    @property
    def cells(self) -> int:
        """The number of the highest band."""
        return len(self._edges)

    @property
    def window(self) -> tuple[int | None, int | None]:
        """What the device's comparator must let pass; None: it need not look."""
        if not self.off:
            return self._low, self._high
        low, high = self._channel.plausible
        return (high + 1, None) if self._too_high else (None, low - 1)

    @property
    def pending(self) -> int:
        """Samples in a row, up to the last, that are on the way to another level."""
        if self.off:
            return len(self._run)
        run = self._run
        count = 0
        if run:
            below = run[-1] < self._low
            while count < len(run) and (run[-1 - count] < self._low) == below:
                count += 1
        return max(count, self._absent)

    def take(self, values: Sequence[int], moving: Callable[[int], bool]) -> list[Step]:
        """Take the column of a frame.

        Args:
            values: Counts, one per row.
            moving: Whether the accelerometer shows motion at a row.
        """
        steps: list[Step] = []
        least, most = self._channel.plausible
        hold, staleness, slope = self._hold, self._channel.staleness, self._channel.slope
        run = self._run
        for row, value in enumerate(values):
            if self._low <= value <= self._high and not self.off:
                self.value = value
                self._absent = self._age = self._rejected = 0
                run.clear()
                if not self.known:
                    self.known, self.stale = True, False
                    steps.append(self._step(row, row))
                continue
            if least <= value <= most:
                if self._rejected < self._artefact and jumped(value, self.value, self._age + 1, slope) and moving(row):
                    self._rejected += 1
                    self._absent = 0
                    run.clear()
                else:
                    self.value = value
                    self._absent = self._age = self._rejected = 0
                    run.append(value)
                    if len(run) >= hold:
                        self._move(row, steps)
                    continue
            else:
                self._too_high = value > most
                if self.off:
                    run.clear()
                else:
                    self._absent += 1
                    if run:
                        run.append(run[-1])
                        del run[: -4 * hold]
                    if self._absent >= hold:
                        self.off = True
                        run.clear()
                        steps.append(self._step(row, row - hold + 1))
            self._age = min(self._age + 1, staleness + 1)
            if self._age > staleness and not self.stale:
                self.known, self.stale = False, True
                steps.append(self._step(row, row))
        self._end(values, steps)
        self._look()
        return steps

    def _move(self, row: int, steps: list[Step]) -> None:
        """Move past every edge that the last `hold` samples all lie beyond."""
        run, cell = self._run, self.cell
        last = run[-self._hold :]
        below = max(bisect_right(self._falls, value) for value in last)
        above = min(bisect_right(self._rises, value) for value in last)
        self.cell = below if below < cell else max(above, cell)
        if self.cell != cell or self.off:
            began = row
            for value in reversed(run[:-1]):
                if not self._beyond(value, cell):
                    break
                began -= 1
            self.known, self.off, self.stale = True, False, False
            steps.append(self._step(row, began))
        self._look()
        inside = [k for k, value in enumerate(run) if self._low <= value <= self._high]
        del run[: inside[-1] + 1 if inside else -4 * self._hold]

    def _beyond(self, value: int, before: int) -> bool:
        """Whether a value already lay beyond the edges that were passed on the way from band `before`."""
        if self.cell < before:
            return bisect_right(self._falls, value) <= self.cell
        return self.cell == before or bisect_right(self._rises, value) >= self.cell

    def _end(self, values: Sequence[int], steps: list[Step]) -> None:
        """Let a whole frame in one band end hysteresis."""
        if self.off or self._run or self._age or not self.known or len(values) < self._settle:
            return
        cell = bisect_right(self._edges, min(values))
        if cell != self.cell and cell == bisect_right(self._edges, max(values)):
            self.cell = cell
            steps.append(self._step(len(values) - 1, 0))

    def _step(self, row: int, began: int) -> Step:
        return Step(row, self.column, began, self.cell, self.known, self.off, self.stale, self.value)

    def state(self) -> list[Any]:
        """Everything that a later sample's effect depends on, in plain values."""
        return [
            self.cell, self.known, self.off, self.stale, self.value, list(self._run), self._absent, self._age,
            self._rejected, self._too_high,
        ]  # fmt: skip

    def restore(self, state: Any) -> None:
        """Take up a state of `state()`.

        Raises:
            ValueError: It is none of this channel.
        """
        cell, known, off, stale, value, run, absent, age, rejected, too_high = read_array(state, 10)
        self.cell = read_uint(cell)
        if self.cell > self.cells:
            raise ValueError(f"band {self.cell} of {self._channel.name}: the highest is {self.cells}")
        self.known, self.off, self.stale, self._too_high = map(read_flag, (known, off, stale, too_high))
        self.value = None if value is None else read_int(value)
        self._run = [read_int(one) for one in read_array(run)]
        self._absent, self._age, self._rejected = map(read_uint, (absent, age, rejected))
        self._look()
