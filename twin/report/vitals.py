"""Vital signs as small multiples: per crew member one figure, per quantity one panel, the same scale for everybody.

A line is the middle reading of each stretch, the band around it reaches from the smallest to the largest. Shaded:
episodes of ground truth. Marks: alarms, where they began. With an episode or an alarm, a close-up stands beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from twin.report import series, style
from twin.report.time_axis import TimeAxis

Limits = dict[str, tuple[float, float]]

_WIDTH_IN: Final = 10.4
_PANEL_IN: Final = 0.62
_STRIP_IN: Final = 0.2
_STRETCHES_MAX: Final = 480
_BEFORE_US: Final = 1_200_000_000
_AFTER_US: Final = 2_400_000_000
_EPISODES_NAMED_MAX: Final = 6


class Quantity(NamedTuple):
    """What a panel shows: its channels' counts times `scale` are in `unit`; the axis spans at least `span`."""

    label: str
    unit: str
    channels: tuple[str, ...]
    scale: float
    span: float
    idle: int | None = None  # drawn only where some reading differs from this


QUANTITIES: Final = (
    Quantity("heart rate", "/min", ("heart_rate_bpm",), 1.0, 40.0),
    Quantity("SpO\N{SUBSCRIPT TWO}", "%", ("spo2_pct",), 1.0, 8.0),
    Quantity("respiration", "/min", ("respiration_rpm",), 1.0, 12.0),
    Quantity("blood pressure", "mmHg", ("systolic_mmhg", "diastolic_mmhg"), 1.0, 60.0),
    Quantity("temperature", "°C", ("temperature_ddegc",), 0.1, 2.0),
    Quantity("skin temperature", "°C", ("skin_temperature_ddegc",), 0.1, 2.0),
    Quantity("oxygen given", "L/min", ("oxygen_flow_dlpm",), 0.1, 4.0, idle=0),
    Quantity("consciousness", "ACVPU", ("consciousness_acvpu",), 1.0, 4.0, idle=0),
    Quantity("cabin pressure", "hPa", ("cabin_pressure_hpa",), 1.0, 60.0),
    Quantity("ppO\N{SUBSCRIPT TWO}", "kPa", ("ppo2_dapa",), 0.01, 4.0),
    Quantity("ppCO\N{SUBSCRIPT TWO}", "Pa", ("ppco2_pa",), 1.0, 400.0),
)
_LEVELS: Final = ("A", "C", "V", "P", "U")

MARKS: Final = {
    3: ("^", style.VERMILION, "high"),
    2: ("D", style.ORANGE, "medium"),
    1: ("o", style.SKY, "low"),
}
"""Shape, colour and word of an alarm's priority (IEC 60601-1-8)."""


def drawn_channels() -> frozenset[str]:
    """Channels that have a panel."""
    return frozenset(channel for quantity in QUANTITIES for channel in quantity.channels)


def limits(vitals: pd.DataFrame) -> Limits:
    """One scale per quantity, wide enough for every crew member, so that panels can be compared."""
    found = {}
    for quantity in QUANTITIES:
        rows = vitals[vitals["channel"].isin(quantity.channels) & vitals["min"].notna()]
        if rows.empty:
            continue
        low, high = float(rows["min"].min()) * quantity.scale, float(rows["max"].max()) * quantity.scale
        spare = max(quantity.span - (high - low), 0.08 * (high - low)) / 2
        found[quantity.label] = (low - spare, high + spare)
    return found


def crew_figure(
    axis: TimeAxis, name: str, vitals: pd.DataFrame, alarms: pd.DataFrame, episodes: pd.DataFrame, scales: Limits
) -> str | None:
    """Draw one crew member, or the air.

    Args:
        axis: The whole run.
        name: Who it is, for readers who do not see the figure.
        vitals, alarms, episodes: Rows of the tables of these names that concern this one.
        scales: What `limits` found over all.

    Returns:
        An inline SVG, or None when no channel with a panel has a reading.
    """
    shown = [quantity for quantity in QUANTITIES if quantity.label in scales and _has_news(quantity, vitals)]
    if not shown:
        return None
    close = _close_up(axis, alarms, episodes)
    columns = [axis] if close is None else [axis.part(axis.start_us, axis.end_us, 6), close]
    eventful = len(alarms) + len(episodes) > 0
    strip_in, above_in, below_in = (_STRIP_IN, 0.42, 0.44) if eventful else (0.02, 0.05, 0.44)
    height_in = strip_in + len(shown) * (_PANEL_IN + 0.1) + above_in + below_in
    figure = style.blank(_WIDTH_IN, height_in)
    grid = figure.add_gridspec(
        1 + len(shown),
        len(columns),
        width_ratios=(1.0,) if close is None else (1.75, 1.0),
        height_ratios=(strip_in, *[_PANEL_IN] * len(shown)),
        hspace=0.1 / (_PANEL_IN - 0.05),
        wspace=0.05,
        left=1.42 / _WIDTH_IN,
        right=0.985,
        top=1 - above_in / height_in,
        bottom=below_in / height_in,
    )
    for column, part in enumerate(columns):
        strip = figure.add_subplot(grid[0, column])
        title = "the whole run" if column == 0 else "close-up"
        _draw_strip(strip, part, alarms, episodes, title if eventful else "")
        for row, quantity in enumerate(shown, start=1):
            axes = figure.add_subplot(grid[row, column], sharex=strip)
            _draw_quantity(axes, part, quantity, vitals, scales[quantity.label])
            _shade(axes, part, episodes)
            for at_us in _within(part, alarms["began_us"]):
                axes.axvline(part.hours(at_us), color=style.MUTED, linewidth=0.5, alpha=0.6)
            if column:
                axes.tick_params(labelleft=False)
            else:
                axes.set_ylabel(f"{quantity.label}\n{quantity.unit}", rotation=0, ha="right", va="center")
                axes.yaxis.set_label_coords(-0.045 if close is None else -0.075, 0.5)
            if row < len(shown):
                axes.tick_params(labelbottom=False)
            else:
                part.dress(axes)
                texts = [label.get_text().partition("\n")[0] for label in axes.get_xticklabels()]
                axes.set_xticks(axes.get_xticks(), texts)  # dates stand in the figure above
        strip.tick_params(labelbottom=False)
        strip.set_xlim(0.0, part.hours(part.end_us))
    return style.svg(figure, f"Vital signs of {name} over time, with episodes and alarms")


def marks(axes: Axes, at_h: Sequence[float], height: float, priority: int, true: bool) -> None:
    """Draw alarms of one priority: filled where they belong to an episode, hollow where not; crosses are technical."""
    shape, colour, _ = MARKS.get(priority, MARKS[1])
    axes.plot(
        at_h,
        [height] * len(at_h),
        shape,
        color=colour,
        markerfacecolor=colour if true else "white",
        markersize=6 if priority == 3 else 4.5,
        markeredgewidth=1.2,
        linestyle="none",
        clip_on=False,
        zorder=3 + priority,
    )


def technical_marks(axes: Axes, at_h: Sequence[float], height: float) -> None:
    """Draw technical alarms."""
    axes.plot(at_h, [height] * len(at_h), "x", color=style.MUTED, markersize=4.5, linestyle="none", clip_on=False)


def draw_alarms(axes: Axes, axis: TimeAxis, alarms: pd.DataFrame, height: float) -> None:
    """All alarms of a table on one line."""
    technical = alarms["technical"] == 1
    technical_marks(axes, [axis.hours(at) for at in _within(axis, alarms[technical]["began_us"])], height)
    for priority in sorted(MARKS):
        for true in (False, True):
            chosen = alarms[~technical & (alarms["priority"] == priority) & (alarms["episode"].notna() == true)]
            at_h = [axis.hours(at_us) for at_us in _within(axis, chosen["began_us"])]
            if at_h:
                marks(axes, at_h, height, priority, true)


def _has_news(quantity: Quantity, vitals: pd.DataFrame) -> bool:
    rows = vitals[vitals["channel"].isin(quantity.channels) & vitals["min"].notna()]
    if quantity.idle is None:
        return len(rows) > 0
    return bool(((rows["min"] != quantity.idle) | (rows["max"] != quantity.idle)).any())


def _close_up(axis: TimeAxis, alarms: pd.DataFrame, episodes: pd.DataFrame) -> TimeAxis | None:
    """Around the first own episode, else the air's first, else the first alarm about a person; None without any."""
    if len(episodes):
        first = episodes.sort_values("crew", ascending=False, kind="stable").iloc[0]  # the air's (0) after the own
        start_us = int(first["start_us"])
        end_us = start_us if pd.isna(first["end_us"]) else int(first["end_us"])
    else:
        about_people = alarms[alarms["technical"] == 0]
        if about_people.empty:
            return None
        start_us = end_us = int(about_people["began_us"].iloc[0])
    part = axis.part(start_us - _BEFORE_US, end_us + _AFTER_US, 4)
    return part if part.end_us - part.start_us < 0.7 * (axis.end_us - axis.start_us) else None


def _within(axis: TimeAxis, at_us: pd.Series) -> Iterator[int]:
    return (int(at) for at in at_us if axis.start_us <= at <= axis.end_us)


def _shade(axes: Axes, axis: TimeAxis, episodes: pd.DataFrame) -> None:
    for start_us, end_us in zip(episodes["start_us"], episodes["end_us"], strict=True):
        begin = max(int(start_us), axis.start_us)
        end = axis.end_us if pd.isna(end_us) else min(int(end_us), axis.end_us)
        if begin < end:
            axes.axvspan(axis.hours(begin), axis.hours(end), color=style.ORANGE, alpha=0.22, linewidth=0)


def _draw_strip(axes: Axes, axis: TimeAxis, alarms: pd.DataFrame, episodes: pd.DataFrame, title: str) -> None:
    """The line of alarms above the panels, with the names of the episodes."""
    style.quiet(axes)
    axes.grid(False)
    axes.spines["bottom"].set_visible(False)
    axes.set_ylim(0.0, 1.0)
    axes.set_yticks([0.4], ["alarms" if title == "the whole run" and len(alarms) else ""])
    _shade(axes, axis, episodes)
    draw_alarms(axes, axis, alarms, 0.4)
    free_h = -1.0
    span_h = axis.hours(axis.end_us)
    width_in = 5.4 if title == "the whole run" else 3.1
    named = [
        (max(int(start_us), axis.start_us), str(kind).replace("_", " "))
        for kind, start_us, end_us in zip(episodes["kind"], episodes["start_us"], episodes["end_us"], strict=True)
        if start_us < axis.end_us and (pd.isna(end_us) or end_us > axis.start_us)
    ]
    for start_us, text in named[:_EPISODES_NAMED_MAX]:
        at_h = axis.hours(start_us)
        if at_h < free_h:
            continue  # its shade is there, its name would cover another
        late = at_h > 0.8 * span_h
        axes.text(at_h, 1.12, text, ha="right" if late else "left", fontsize=8, color=style.INK, va="bottom")
        free_h = at_h + span_h * 0.075 * (len(text) + 1) / width_in
    axes.set_title(title, loc="left", color=style.MUTED, pad=16)


def _draw_quantity(
    axes: Axes, axis: TimeAxis, quantity: Quantity, vitals: pd.DataFrame, scale: tuple[float, float]
) -> None:
    style.quiet(axes, grid="both")
    for channel in quantity.channels:
        rows = vitals[vitals["channel"] == channel]
        for rank, (_, of_stream) in enumerate(rows.groupby("stream", sort=True, observed=True)):
            at_us = series.integers(of_stream["at_us"])
            inside = np.flatnonzero((at_us >= axis.start_us - 60_000_000) & (at_us <= axis.end_us))
            if len(inside) == 0:
                continue
            colour = style.STREAMS[(0, 2, 6)[rank % 3]]
            columns = [
                of_stream[name].to_numpy(dtype=np.float64, na_value=np.nan)[inside] for name in ("min", "median", "max")
            ]
            x, low, middle, high = _coarser(at_us[inside], *columns)
            hours = (x - axis.start_us) / 3.6e9
            step = quantity.idle is not None
            axes.fill_between(
                hours, low * quantity.scale, high * quantity.scale, color=colour, alpha=0.28, linewidth=0,
                step="post" if step else None,
            )  # fmt: skip
            axes.plot(
                hours, middle * quantity.scale, color=colour, linewidth=0.9,
                drawstyle="steps-post" if step else "default",
            )  # fmt: skip
    axes.set_ylim(*scale)
    if quantity.unit == "ACVPU":
        axes.set_ylim(4.5, -0.5)
        axes.set_yticks(range(5), _LEVELS)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))


def _coarser(
    at_us: series.Ints, low: series.Floats, middle: series.Floats, high: series.Floats
) -> tuple[series.Ints, series.Floats, series.Floats, series.Floats]:
    """Unite stretches until no more are left than a figure can show; one without a reading stays a gap.

    The middle of several middles is their median: a line to look at, not a number to quote.
    """
    group = -(-len(at_us) // _STRETCHES_MAX)
    if group > 1:
        spare = -len(at_us) % group
        at_us = np.append(at_us, np.repeat(at_us[-1], spare)).reshape(-1, group)[:, 0]
        parts = [np.append(part, np.full(spare, np.nan)).reshape(-1, group) for part in (low, middle, high)]
        empty = np.isnan(parts[0]).all(axis=1)
        filled = [np.where(empty[:, None], 0.0, part) for part in parts]
        low = np.where(empty, np.nan, np.nanmin(filled[0], axis=1))
        middle = np.where(empty, np.nan, np.nanmedian(filled[1], axis=1))
        high = np.where(empty, np.nan, np.nanmax(filled[2], axis=1))
    # A break in the samples themselves is a gap too: without a point between, a line would lead across.
    steps_us = np.diff(at_us)
    if len(steps_us) == 0:
        return at_us, low, middle, high
    breaks = np.flatnonzero(steps_us > 2 * np.median(steps_us)) + 1
    holes = np.full(len(breaks), np.nan)
    return (
        np.insert(at_us, breaks, at_us[breaks - 1] + 1),
        np.insert(low, breaks, holes),
        np.insert(middle, breaks, holes),
        np.insert(high, breaks, holes),
    )
