"""Thins what the world produced to one row per channel and stretch of time, while it is produced."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from twin.experiments.tables import TableWriter
from twin.pipeline.wire.frame import NO_READING
from twin.trace import Generated, Trace

STRETCH_US: Final = 60_000_000
STRETCHES_MAX: Final = 1_500  # about a sol of minutes


class WatchedDevice(NamedTuple):
    """A device as its readers see it: `name` is its node, `crew` whom it watches (0: the habitat's air)."""

    name: str
    device: int
    crew: int
    channels: tuple[str, ...]


class _Open:
    """The stretch of a device that is being filled."""

    __slots__ = ("number", "of", "rows")

    def __init__(self, of: WatchedDevice) -> None:
        self.of = of
        self.number = 0
        self.rows: list[tuple[int, ...]] = []


class VitalsLog:
    """Rows of `vitals`: smallest, middle and largest reading of each channel per stretch.

    The middle of an even number of readings is the lower one of the two, so that every value was really measured.

    Args:
        folder: where tables go.
        devices: what is watched.
        start_us: where stretches begin.
        end_us: when generation ends; a stretch is a minute, or more where that would give over 1 500 of them.
    """

    def __init__(self, folder: Path, devices: Iterable[WatchedDevice], start_us: int, end_us: int) -> None:
        self._table = TableWriter(folder, "vitals")
        self._open = {device.name: _Open(device) for device in devices}
        self._start_us = start_us
        minutes = -(-(end_us - start_us) // (STRETCH_US * STRETCHES_MAX))
        self.stretch_us = STRETCH_US * max(1, minutes)

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        trace.subscribe(Generated, self._on_generated)

    def _on_generated(self, _at_us: int, node: str, fact: Generated) -> None:
        start_us, period_us, rows = fact
        open_ = self._open[node]
        while rows:
            number = (start_us - self._start_us) // self.stretch_us
            if number != open_.number:
                self._write(open_)
                open_.number = number
            end_us = self._start_us + (number + 1) * self.stretch_us
            count = -(-(end_us - start_us) // period_us)
            open_.rows.extend(rows[:count])
            start_us, rows = start_us + count * period_us, rows[count:]

    def _write(self, open_: _Open) -> None:
        rows, of = open_.rows, open_.of
        if not rows:
            return
        at_us = self._start_us + open_.number * self.stretch_us
        name, crew = of.name, of.crew
        found = []
        for channel, column in zip(of.channels, zip(*rows, strict=True), strict=True):
            values = sorted(column)
            first = 0 if values[0] > NO_READING else bisect_right(values, NO_READING)
            count = len(values) - first
            if count:
                middle = values[first + (count - 1) // 2]
                found.append((name, crew, channel, at_us, values[first], middle, values[-1], count))
            else:
                found.append((name, crew, channel, at_us, None, None, None, 0))
        self._table.rows(found)
        rows.clear()

    def close(self) -> None:
        """Write the stretches that are still open."""
        for open_ in self._open.values():
            self._write(open_)
        self._table.close()
