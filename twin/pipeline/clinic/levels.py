"""The levels of all channels of one device, frame by frame; a frame in which nothing moves costs microseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twin.pipeline.clinic.level import Level, Step
from twin.pipeline.clinic.watch import Watch
from twin.pipeline.wire.body import NO_READING
from twin.pipeline.wire.fields import read_array

Rows = Sequence[Sequence[int]]


class Levels:
    """Levels by column; columns that no rule reads have None.

    Raises:
        ValueError: The watch contradicts itself.
    """

    def __init__(self, watch: Watch) -> None:
        watch.check()
        names = [channel.name for channel in watch.channels]
        self._moving = watch.moving
        self._motion = names.index(watch.motion) if watch.motion else None
        self.by_column: tuple[Level | None, ...] = tuple(
            Level(column, watch) if channel.watched else None for column, channel in enumerate(watch.channels)
        )
        self._watched = [level for level in self.by_column if level is not None]

    def take(self, rows: Rows) -> list[Step]:
        """Take the rows of the next frame; returns what changed, in order of rows and then of columns."""
        columns = tuple(zip(*rows, strict=True))
        steps: list[Step] = []
        for level in self._watched:
            values = columns[level.column]
            low, high = level.calm
            if low <= min(values) and max(values) <= high:
                level.value = values[-1]
            else:
                steps += level.take(values, self._motion_in(columns))
        if len(steps) > 1:
            steps.sort(key=lambda step: (step.row, step.column))
        return steps

    def _motion_in(self, columns: Sequence[Sequence[int]]) -> Callable[[int], bool]:
        if self._motion is None:
            return _still
        moving, shown = self._moving, columns[self._motion]
        return lambda row: shown[row] >= moving and shown[row] != NO_READING

    def state(self) -> list[Any]:
        """Plain values, one list per watched column."""
        return [level.state() for level in self._watched]

    def restore(self, state: Any) -> None:
        """Take up a state of `state()`.

        Raises:
            ValueError: It is none, or of other columns.
        """
        for level, one in zip(self._watched, read_array(state), strict=True):
            level.restore(one)


def _still(row: int) -> bool:
    del row
    return False
