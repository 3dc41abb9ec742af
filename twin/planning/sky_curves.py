"""Distance, light time and SEP around a span of sols: two curves over a synodic period, with the limits of SEP."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes

from twin.network.conjunction import MORATORIUM_SEP_DEG, SEP_LIMITS_DEG
from twin.network.visibility import Window
from twin.report import style
from twin.report.time_axis import TimeAxis
from twin.world import ephemeris
from twin.world.timescales import US_PER_DAY

_AROUND_US: Final = 390 * US_PER_DAY
"""Half a synodic period of Mars, 780 d (recalled)."""
_POINTS: Final = 1_000
_SMALL: Final = 6.5
_MKM_PER_LIGHT_MINUTE: Final = ephemeris.SPEED_OF_LIGHT_KM_S * 60.0 / 1e6


def draw_curves(distance: Axes, sep: Axes, span: Window) -> None:
    """Draw distance with its light time into one panel, and SEP into another below it; the span is shaded."""
    middle_us = (span[0] + span[1]) // 2
    start_us = max(ephemeris.FIRST_US, min(span[0], middle_us - _AROUND_US))
    end_us = min(ephemeris.END_US - 1, max(span[1], middle_us + _AROUND_US))
    axis = TimeAxis(start_us, end_us, True, None, ticks_max=13)
    instants_us = np.linspace(start_us, end_us, _POINTS).astype(np.int64)
    hours = (instants_us - start_us) / 3.6e9
    for axes in (distance, sep):
        axes.axvspan(axis.hours(span[0]), axis.hours(span[1]), color=style.ORANGE, alpha=0.4, linewidth=0.8)
        style.quiet(axes, "both")
        axis.dress(axes)
    distance.tick_params(labelbottom=False)
    distance.set_xlabel("")
    _draw_distance(distance, hours.tolist(), (ephemeris.distance_km(instants_us) / 1e6).tolist())
    _draw_sep(sep, hours.tolist(), ephemeris.sep_light_time_deg(instants_us).tolist())


def _draw_distance(axes: Axes, hours: list[float], mkm: list[float]) -> None:
    axes.plot(hours, mkm, color=style.BLUE, linewidth=1.6)
    axes.set_ylabel("distance [Mkm]")
    axes.set_ylim(0, 420)
    axes.set_yticks(range(0, 401, 100))
    # The same scale with other labels.
    minutes = axes.secondary_yaxis("right")
    minutes.set_yticks([minute * _MKM_PER_LIGHT_MINUTE for minute in range(0, 21, 5)], ["0", "5", "10", "15", "20"])
    minutes.tick_params(length=0)
    minutes.spines["right"].set_visible(False)
    minutes.set_ylabel("OWLT [min]")


def _draw_sep(axes: Axes, hours: list[float], sep_deg: list[float]) -> None:
    axes.plot(hours, sep_deg, color=style.BLUE, linewidth=1.6)
    axes.set_yscale("log")
    axes.set_ylim(min(0.8, 0.8 * min(sep_deg)), 200)
    axes.set_yticks([1, 10, 100], ["1°", "10°", "100°"])
    axes.minorticks_off()
    axes.set_ylabel("SEP")
    for band, limit_deg in SEP_LIMITS_DEG.items():
        also = ", moratorium" if limit_deg == MORATORIUM_SEP_DEG else ""
        axes.axhline(limit_deg, color=style.VERMILION, linewidth=0.7, linestyle=(0, (4, 2)))
        text = f"{limit_deg:g}° {band}-band{also}"
        place = axes.get_yaxis_transform()
        axes.text(1.005, limit_deg, text, transform=place, size=_SMALL, color=style.VERMILION, va="center")
