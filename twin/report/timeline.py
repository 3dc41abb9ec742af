"""The run on one axis of time: who could talk to whom, what weather and faults did, what was waiting."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from twin.report import series, style
from twin.report.time_axis import TimeAxis
from twin.report.wording import number

_LANES_MAX: Final = 14
_WIDTH_IN: Final = 10.4
_LETTER_IN: Final = 0.078  # of 8.5 point DejaVu Sans, wide letters included
_LABEL_MAX: Final = 36
_PIXELS: Final = 2_500  # gaps narrower than this share of the axis cannot be seen, so they are not drawn
_EARTH: Final = ("earth", "gateway", "dss-")
_LEGEND_COLUMNS: Final = 4
_LEGEND_SHARE: Final = 0.24  # of the panel's height, for each row of its legend
WEATHER: Final = ("storm", "antenna_stow", "conjunction", "command_moratorium")


class Lane(NamedTuple):
    """A row of bars: its label, (intervals [us], colour, offset, height) for each kind of bar, and a remark."""

    label: str
    bars: list[tuple[list[tuple[int, int]], str, float, float]]
    remark: str = ""


class Panel(NamedTuple):
    """One part of the figure: its height [inch] and what draws it."""

    height_in: float
    draw: Callable[[Axes], None]


def is_on_earth(node: str) -> bool:
    """Whether a node of a habitat scenario stands on Earth, by the names that such scenarios give."""
    return node.lower().startswith(_EARTH)


def directions(contacts: pd.DataFrame) -> tuple[pd.Series[bool], pd.Series[bool]]:
    """Which contacts lead from Mars to Earth, and which from Earth to Mars."""
    from_earth = contacts["from_node"].map(is_on_earth).astype(bool)
    to_earth = contacts["to_node"].map(is_on_earth).astype(bool)
    return to_earth & ~from_earth, from_earth & ~to_earth


def timeline(
    axis: TimeAxis,
    contacts: pd.DataFrame,
    disturbances: pd.DataFrame,
    opacity: pd.DataFrame,
    backlog: pd.DataFrame,
    silent_from_us: int | None,
) -> str | None:
    """Draw contacts, disturbances, opacity and backlog above each other.

    Args:
        axis: The time that all panels share.
        contacts, disturbances, opacity, backlog: Tables of the run; an empty one takes no room.
        silent_from_us: When generation ended and the drain began, if it did.

    Returns:
        An inline SVG, or None when all tables are empty.
    """
    lanes, troubles = contact_lanes(axis, contacts), _disturbance_lanes(axis, disturbances)
    panels = []
    if lanes:
        panels.append(Panel(0.3 * len(lanes) + 0.1, lambda axes: _draw_lanes(axes, axis, lanes, "contacts")))
    if troubles:
        panels.append(Panel(0.3 * len(troubles) + 0.1, lambda axes: _draw_lanes(axes, axis, troubles, "disturbances")))
    if len(opacity):
        panels.append(Panel(0.85, lambda axes: _draw_opacity(axes, axis, opacity)))
    if len(backlog):
        panels.append(Panel(1.2, lambda axes: draw_records(axes, axis, backlog, "records", "backlog\nrecords")))
        panels.append(Panel(1.2, lambda axes: draw_records(axes, axis, backlog, "kept", "kept until\nacked\nrecords")))
    if not panels:
        return None
    longest = max((len(lane.label) for lane in (*lanes, *troubles)), default=0)
    figure = _stacked(axis, panels, max(1.4, _LETTER_IN * longest + 0.1), silent_from_us)
    return style.svg(figure, "Timeline of contacts, disturbances, dust opacity and backlog")


def _stacked(axis: TimeAxis, panels: list[Panel], left_in: float, silent_from_us: int | None) -> Figure:
    """Panels above each other on one axis of time, with `left_in` inch of room for their labels."""
    heights = [panel.height_in for panel in panels]
    above_in = 0.5 if axis.on_mars else 0.1
    height_in = sum(heights) + 0.16 * (len(panels) - 1) + above_in + 0.6
    figure = style.blank(_WIDTH_IN, height_in)
    grid = figure.add_gridspec(
        len(panels),
        1,
        height_ratios=heights,
        hspace=0.16 * len(panels) / sum(heights),
        left=left_in / _WIDTH_IN,
        right=0.985,
        top=1 - above_in / height_in,
        bottom=0.6 / height_in,
    )
    first: Axes | None = None
    for row, panel in enumerate(panels):
        axes = figure.add_subplot(grid[row, 0], sharex=first)
        panel.draw(axes)
        if silent_from_us is not None and silent_from_us < axis.end_us:
            axes.axvline(axis.hours(silent_from_us), color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        axis.dress(axes)
        if row < len(panels) - 1:
            axes.tick_params(labelbottom=False)
            axes.set_xlabel("")
        if first is None:
            first = axes
            axis.dress_mars(axes)
    return figure


def contact_lanes(axis: TimeAxis, contacts: pd.DataFrame) -> list[Lane]:
    """One lane per station or pair of nodes; down above, up below, several edges' windows united."""
    if contacts.empty:
        return []
    via = contacts["via"].fillna("").astype(str)
    sources, targets = contacts["from_node"].astype(str), contacts["to_node"].astype(str)
    place = via.where(via != "", [f"{a} → {b}" for a, b in zip(sources, targets, strict=True)])
    down, up = directions(contacts)
    lanes = []
    for label in sorted(place.unique()):
        bars = []
        for chosen, colour, offset in (
            (down, style.BLUE, -0.32),
            (up, style.ORANGE, 0.04),
            (~(down | up), style.BLUE, -0.14),
        ):
            rows = contacts[chosen & (place == label)]
            if len(rows):
                bars.append((_intervals(axis, rows), colour, offset, 0.28))
        lanes.append(Lane(_cut(label), bars))
    return _capped(lanes)


def _disturbance_lanes(axis: TimeAxis, disturbances: pd.DataFrame) -> list[Lane]:
    lanes = []
    for (kind, place), rows in disturbances.groupby(["kind", "place"], sort=False, dropna=False):
        label = str(kind).replace("_", " ")
        if isinstance(place, str) and not set(place.split()) & set(label.split()):
            label = f"{label}, {place}" if place else label
        colour = style.PURPLE if kind in WEATHER else style.VERMILION
        details = rows["detail"].dropna().astype(str).unique()
        remark = details[0] if len(details) == 1 else ""
        lanes.append(Lane(_cut(label), [(_intervals(axis, rows), colour, -0.2, 0.4)], remark))
    return _capped(lanes)


def _cut(label: str) -> str:
    return label if len(label) <= _LABEL_MAX else label[: _LABEL_MAX - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _intervals(axis: TimeAxis, rows: pd.DataFrame) -> list[tuple[int, int]]:
    start_us = series.integers(rows["start_us"])
    end_us = series.integers(rows["end_us"].fillna(axis.end_us))
    return series.union(start_us, end_us, (axis.end_us - axis.start_us) // _PIXELS)


def _capped(lanes: list[Lane]) -> list[Lane]:
    if len(lanes) <= _LANES_MAX:
        return lanes
    left_out = len(lanes) - _LANES_MAX + 1
    return [*lanes[: _LANES_MAX - 1], Lane(f"{left_out} more, not drawn", [])]


def _draw_lanes(axes: Axes, axis: TimeAxis, lanes: list[Lane], what: str) -> None:
    style.quiet(axes)
    seen_h = (axis.end_us - axis.start_us) / 3.6e9 / 800  # a crash of a second still shows on a sol
    for row, lane in enumerate(lanes):
        for intervals, colour, offset, height in lane.bars:
            spans = [(axis.hours(a), max(axis.hours(b) - axis.hours(a), seen_h)) for a, b in intervals]
            axes.broken_barh(spans, (row + offset, height), facecolor=colour, linewidth=0, gid=what)
            if lane.remark and spans:
                _draw_remark(axes, axis, row, spans, lane.remark)
    axes.set_ylim(len(lanes) - 0.5, -0.5)
    axes.set_yticks(range(len(lanes)), [lane.label for lane in lanes])
    axes.tick_params(axis="y", labelcolor=style.INK)


def _draw_remark(axes: Axes, axis: TimeAxis, row: int, spans: list[tuple[float, float]], remark: str) -> None:
    """Beside the last bar where there is room, within it where it is long, else nowhere."""
    start_h, length_h = spans[-1]
    span_h = axis.hours(axis.end_us)
    needed_h = span_h * 0.0075 * len(remark)
    if start_h + length_h + needed_h < 0.99 * span_h:
        where, colour = start_h + length_h + 0.005 * span_h, style.MUTED
    elif length_h > 2 * needed_h:
        where, colour = start_h + 0.005 * span_h, "white"
    else:
        return
    axes.text(where, row, remark, va="center_baseline", color=colour, fontsize=7)


def _draw_opacity(axes: Axes, axis: TimeAxis, opacity: pd.DataFrame) -> None:
    style.quiet(axes, grid="both")
    hours = (series.integers(opacity["at_us"]) - axis.start_us) / 3.6e9
    x, y = series.thin(hours, opacity["tau"].to_numpy(dtype=np.float64))
    axes.fill_between(x, y, color=style.PURPLE, alpha=0.25, linewidth=0)
    axes.plot(x, y, color=style.PURPLE, linewidth=1.2)
    axes.set_ylim(bottom=0.0)
    axes.locator_params(axis="y", nbins=3)
    _name(axes, "dust opacity\nτ")


def draw_records(axes: Axes, axis: TimeAxis, backlog: pd.DataFrame, column: str, name: str) -> None:
    """Draw a count of records at each place; names stand above every line."""
    style.quiet(axes, grid="both")
    places = backlog.groupby("place", sort=True)
    peaks = places[column].max().sort_values(ascending=False)
    drawn = list(zip(peaks.index[: len(style.STREAMS)], style.STREAMS, strict=False))
    for rank, (place, colour) in enumerate(drawn):
        rows = places.get_group(place)
        hours = (series.integers(rows["at_us"]) - axis.start_us) / 3.6e9
        x, y = series.thin(hours, rows[column].to_numpy(dtype=np.float64))
        # Edges often wait alike: later lines are thinner, so that the ones below still show.
        width = 3.0 - 2.0 * rank / len(drawn) if len(drawn) > 1 else 1.2
        axes.step(x, y, where="post", color=colour, linewidth=width, label=str(place))
    axes.set_ylim(bottom=0.0)
    if len(peaks) > 1:
        axes.legend(loc="upper left", frameon=False, fontsize=7.5, ncols=_LEGEND_COLUMNS)
        lines_share = 1 - _LEGEND_SHARE * math.ceil(len(drawn) / _LEGEND_COLUMNS)
        axes.set_ylim(top=max(1.0, float(peaks.iloc[0])) / lines_share)
    axes.locator_params(axis="y", nbins=4, integer=True)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    _name(axes, name)


def _name(axes: Axes, text: str) -> None:
    """What a panel shows, left of its numbers and in line with the other panels."""
    axes.set_ylabel(text, rotation=0, ha="right", va="center")
    axes.yaxis.set_label_coords(-0.055, 0.5)
