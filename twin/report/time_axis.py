"""The shared axis of time: UTC below, sols and local mean solar time above.

A scenario without a date has only hours since its start, and one without a site has no sols.
"""

from __future__ import annotations

import math
from typing import Final

from matplotlib.axes import Axes

from twin.report.style import MUTED, RULE
from twin.world.timescales import SOL_US, lmst_h, us_to_utc, utc_to_us

_HOUR_US: Final = 3_600_000_000
_DAY_US: Final = 24 * _HOUR_US
_STEPS_US: Final = tuple(
    round(hours * _HOUR_US) for hours in (1 / 3600, 1 / 360, 1 / 60, 1 / 12, 1 / 4, 1 / 2, 1, 2, 3, 6, 12)
) + tuple(days * _DAY_US for days in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000))
_SOL_STEPS_H: Final = (
    0.25,
    0.5,
    1,
    2,
    3,
    6,
    12,
    24,
    48,
    120,
    240,
    480,
    1_200,
    2_400,
    4_800,
    12_000,
    24_000,
    48_000,
    120_000,
)
_TICKS_MAX: Final = 9
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def elapsed(span_us: int) -> str:
    """A span of time as h:mm:ss.mmm."""
    seconds, ms = divmod((span_us + 500) // 1_000, 1_000)
    return f"{seconds // 3_600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"


class TimeAxis:
    """Maps instants to hours since the left edge, and writes the clocks of two planets on them.

    Args:
        start_us: Left edge, house time [us].
        end_us: Right edge, after the left one [us].
        dated: Whether the instants are real dates.
        east_longitude_deg: The site's, or None when there is no site.
        ticks_max: How many labels fit.
    """

    def __init__(
        self,
        start_us: int,
        end_us: int,
        dated: bool,
        east_longitude_deg: float | None,
        ticks_max: int = _TICKS_MAX,
    ) -> None:
        self.start_us = start_us
        self.end_us = max(end_us, start_us + 1_000_000)
        self.dated = dated
        self.east_longitude_deg = east_longitude_deg
        self.ticks_max = ticks_max

    @property
    def on_mars(self) -> bool:
        """Whether sols and local time can be told."""
        return self.dated and self.east_longitude_deg is not None

    def hours(self, at_us: int) -> float:
        """Hours since the left edge."""
        return (at_us - self.start_us) / _HOUR_US

    def part(self, start_us: int, end_us: int, ticks_max: int) -> TimeAxis:
        """A stretch of this axis, as far as it reaches, with room for other labels."""
        start_us, end_us = max(start_us, self.start_us), min(end_us, self.end_us)
        return TimeAxis(start_us, end_us, self.dated, self.east_longitude_deg, ticks_max)

    def dress(self, axes: Axes) -> None:
        """Limits, ticks and labels of the lower axis."""
        axes.set_xlim(0.0, self.hours(self.end_us))
        ticks = self._date_ticks() if self.dated else self._hour_ticks()
        lines = 1 + max((label.count("\n") for _, label in ticks), default=0)
        # As many lines in each label, or the shorter ones stand on another baseline.
        labels = [label + "\n " * (lines - 1 - label.count("\n")) for _, label in ticks]
        hours = [self.hours(at_us) for at_us, _ in ticks]
        # The last label has no room beside the edge of the figure; its tick stays.
        room_h = 0.98 * self.hours(self.end_us)
        shown = [text if at_h < room_h else "" for at_h, text in zip(hours, labels, strict=True)]
        axes.set_xticks(hours, shown)
        axes.tick_params(axis="x", pad=7)
        axes.set_xlabel("UTC" if self.dated else "time since start", loc="right")

    def dress_mars(self, axes: Axes) -> None:
        """A second axis above with sols and local mean solar time; nothing without a site and a date."""
        ticks = self._sol_ticks()
        if not ticks:
            return
        above = axes.secondary_xaxis("top")
        above.set_xticks([self.hours(at_us) for at_us, _ in ticks], [label for _, label in ticks])
        above.tick_params(length=3, color=RULE, labelcolor=MUTED)
        above.spines["top"].set_color(RULE)
        above.set_xlabel("sol of the run, local mean solar time", loc="right", color=MUTED)

    def clock(self, at_us: int) -> str:
        """One instant as text: time of day in UTC, or time since the start."""
        if self.dated:
            return us_to_utc(at_us)[11:23]
        return elapsed(at_us - self.start_us)

    def _date_ticks(self) -> list[tuple[int, str]]:
        midnight_us = utc_to_us(us_to_utc(self.start_us)[:10])
        step_us = self._step_us()
        first = -(-(self.start_us - midnight_us) // step_us)
        last = (self.end_us - midnight_us) // step_us
        ticks = []
        for index, k in enumerate(range(first, last + 1)):
            utc = us_to_utc(midnight_us + k * step_us)
            clock = utc[11:16] if step_us >= _HOUR_US / 60 else utc[11:19]
            day = f"{int(utc[8:10])} {_MONTHS[int(utc[5:7]) - 1]}"
            if step_us >= _DAY_US:
                label = f"{day}\n{utc[:4]}" if index == 0 or utc[5:7] == "01" else day
            else:
                label = f"{clock}\n{day} {utc[:4]}" if index == 0 or k * step_us % _DAY_US == 0 else clock
            ticks.append((midnight_us + k * step_us, label))
        return ticks

    def _hour_ticks(self) -> list[tuple[int, str]]:
        step_us = self._step_us()
        unit_us, unit = next(
            (u, n) for u, n in ((_DAY_US, "d"), (_HOUR_US, "h"), (60_000_000, "min"), (1_000_000, "s")) if step_us >= u
        )
        count = (self.end_us - self.start_us) // step_us
        return [(self.start_us + k * step_us, f"{k * step_us / unit_us:g} {unit}") for k in range(count + 1)]

    def _step_us(self) -> int:
        wanted_us = (self.end_us - self.start_us) / self.ticks_max
        return next((step for step in _STEPS_US if step >= wanted_us), _STEPS_US[-1])

    def _sol_ticks(self) -> list[tuple[int, str]]:
        if self.east_longitude_deg is None or not self.dated:
            return []
        start_h = lmst_h(self.start_us, self.east_longitude_deg)
        span_h = (self.end_us - self.start_us) / SOL_US * 24.0
        step_h = next((step for step in _SOL_STEPS_H if span_h / step <= self.ticks_max), _SOL_STEPS_H[-1])
        ticks = []
        for k in range(math.ceil(start_h / step_h), math.floor((start_h + span_h) / step_h) + 1):
            sol, hour = divmod(k * step_h, 24.0)
            at_us = self.start_us + round((k * step_h - start_h) / 24.0 * SOL_US)
            clock = f"{int(hour):02d}:{round(hour % 1 * 60):02d}"
            ticks.append((at_us, f"sol {int(sol)}" if hour == 0 else clock))
        return ticks
