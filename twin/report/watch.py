"""The clinic at a glance: one lane per crew member with episodes and alarms, above Earth's hours."""

from __future__ import annotations

from typing import Final

import pandas as pd

from twin.report import series, style
from twin.report.time_axis import TimeAxis
from twin.report.timeline import directions
from twin.report.vitals import draw_alarms

_WIDTH_IN: Final = 10.4
_LANE_IN: Final = 0.3
_LANES_MAX: Final = 20


def watch(
    axis: TimeAxis,
    crew: list[int],
    alarms: pd.DataFrame,
    episodes: pd.DataFrame,
    contacts: pd.DataFrame,
    disturbances: pd.DataFrame,
) -> str:
    """Draw the lanes.

    Args:
        axis: The time of the run.
        crew: Whose lanes, 0 for the habitat's air.
        alarms, episodes, contacts, disturbances: Tables of the run.

    Returns:
        An inline SVG.
    """
    lanes = crew[:_LANES_MAX]
    rows = len(lanes) + 1
    above_in = 0.5 if axis.on_mars else 0.1
    height_in = _LANE_IN * rows + above_in + 0.6
    figure = style.blank(_WIDTH_IN, height_in)
    axes = figure.add_axes((1.42 / _WIDTH_IN, 0.6 / height_in, 0.985 - 1.42 / _WIDTH_IN, _LANE_IN * rows / height_in))
    style.quiet(axes)
    for row, member in enumerate(lanes):
        true = episodes[episodes["crew"] == member]
        ends_us = [axis.end_us if pd.isna(end) else int(end) for end in true["end_us"]]
        spans = [
            (axis.hours(int(start)), axis.hours(end) - axis.hours(int(start)))
            for start, end in zip(true["start_us"], ends_us, strict=True)
        ]
        axes.broken_barh(spans, (row - 0.36, 0.72), facecolor=style.ORANGE, alpha=0.3, linewidth=0)
        draw_alarms(axes, axis, alarms[alarms["crew"] == member], row)
    down, _ = directions(contacts)
    for rows_of, colour, offset, height in (
        (contacts[down], style.BLUE, -0.2, 0.4),
        (disturbances[disturbances["kind"] == "antenna_stow"], style.PURPLE, -0.32, 0.64),
    ):
        start_us = series.integers(rows_of["start_us"])
        end_us = series.integers(rows_of["end_us"].fillna(axis.end_us))
        spans = [(axis.hours(a), axis.hours(b) - axis.hours(a)) for a, b in series.union(start_us, end_us)]
        axes.broken_barh(spans, (len(lanes) + offset, height), facecolor=colour, linewidth=0)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks(range(rows), [*(who(member) for member in lanes), "Earth in reach"])
    axes.tick_params(axis="y", labelcolor=style.INK)
    axis.dress(axes)
    axis.dress_mars(axes)
    return style.svg(figure, "Episodes and alarms of each crew member over time, and contacts with Earth")


def who(crew: int) -> str:
    """What a crew number stands for."""
    return f"crew {crew}" if crew else "habitat air"
