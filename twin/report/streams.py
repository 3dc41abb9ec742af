"""How late and how old: the distribution of latency per stream, and the age of information over time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from twin.report import series, style
from twin.report.time_axis import TimeAxis
from twin.report.timeline import directions

_UNITS_S: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
_LANDMARKS_S: Final = (
    (0.001, "1 ms"), (0.01, "10 ms"), (0.1, "0.1 s"), (1, "1 s"), (10, "10 s"), (60, "1 min"),
    (600, "10 min"), (3_600, "1 h"), (21_600, "6 h"), (86_400, "1 d"), (864_000, "10 d"),
    (8_640_000, "100 d"),
)  # fmt: skip


def latency_and_age(axis: TimeAxis, records: pd.DataFrame, there: str) -> str | None:
    """Draw both figures side by side.

    Args:
        axis: The time over which age is drawn.
        records: Columns stream, generated_us, visible_us of the records table.
        there: What a record is at the end of its way, such as "visible on Earth".

    Returns:
        An inline SVG, or None when no record became visible.
    """
    seen = records[records["visible_us"].notna()]
    if seen.empty:
        return None
    figure = style.blank(10.4, 2.9)
    grid = figure.add_gridspec(1, 2, width_ratios=(3, 6.6), left=0.06, right=0.985, top=0.86, bottom=0.2, wspace=0.17)
    distribution, over_time = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    latencies, ages = {}, {}
    for name, rows in seen.groupby("stream", sort=True, observed=True):
        visible_us, generated_us = series.integers(rows["visible_us"]), series.integers(rows["generated_us"])
        latencies[str(name)] = (visible_us - generated_us) / 1e6
        ages[str(name)] = series.age_of_information(visible_us, generated_us, axis.end_us)
    _draw_distribution(distribution, latencies, there)
    _draw_ages(over_time, axis, ages, there)
    return style.svg(figure, "Distribution of latency and age of information over time, per stream")


def age_in_view_s(contacts: pd.DataFrame, records: pd.DataFrame, share: float = 0.95) -> float | None:
    """Age of information that is not exceeded for a share of the time in which Earth could be told [s].

    That time is the planned contacts down, seen from Earth (a light time later), once a minute or coarser, from the
    first visible record on; of the streams, the oldest counts.

    Returns:
        The age, or None without a contact down or a visible record.
    """
    down, _ = directions(contacts)
    windows = contacts[down & contacts["owlt_us"].notna()]
    seen = records[records["visible_us"].notna()]
    if windows.empty or seen.empty:
        return None
    light_us = series.integers(windows["owlt_us"])
    starts_us = series.integers(windows["start_us"]) + light_us
    ends_us = np.minimum(series.integers(windows["end_us"]) + light_us, int(seen["visible_us"].max()))
    spans = series.union(starts_us[starts_us < ends_us], ends_us[starts_us < ends_us])
    step_us = max(60_000_000, sum(end - start for start, end in spans) // 100_000)
    if not spans:
        return None
    at_us = np.concatenate([np.arange(start, end, step_us, dtype=np.int64) for start, end in spans])
    worst = 0.0
    for _, rows in seen.groupby("stream", sort=True, observed=True):
        ages_s = series.ages_at(at_us, series.integers(rows["visible_us"]), series.integers(rows["generated_us"]))
        if len(ages_s):
            worst = max(worst, float(np.percentile(ages_s, 100 * share, method="inverted_cdf")))
    return worst or None


def stream_colours(names: list[str]) -> dict[str, str]:
    """A colour for each stream while they can be told apart, and none beyond that."""
    return dict(zip(names, style.STREAMS, strict=False)) if len(names) <= len(style.STREAMS) else {}


def _looks(names: list[str]) -> dict[str, dict[str, Any]]:
    colours = stream_colours(names)
    if not colours:
        return {name: {"color": style.BLUE, "linewidth": 0.8, "alpha": 0.5} for name in names}
    # Streams often fall on one another: later ones are thinner, so that the ones below still show.
    return {
        name: {"color": colour, "linewidth": 3.2 - 2.2 * rank / len(colours)}
        for rank, (name, colour) in enumerate(colours.items())
    }


def _draw_distribution(axes: Axes, latencies: dict[str, series.Floats], there: str) -> None:
    style.quiet(axes, grid="both")
    looks = _looks(list(latencies))
    for name, values in latencies.items():
        axes.plot(*series.cumulative(values), drawstyle="steps-post", **looks[name])
    least = min(float(values.min()) for values in latencies.values())
    most = max(float(values.max()) for values in latencies.values())
    if least > 0.0 and most > 20.0 * least:
        axes.set_xscale("log")
        marks = [mark for mark in _LANDMARKS_S if least / 1.3 <= mark[0] <= most * 1.3]
        axes.set_xticks([at for at, _ in marks], [text for _, text in marks])
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        _label_in_units(axes, "x", most)
    axes.set_ylim(0.0, 1.02)
    axes.set_yticks([0, 0.5, 0.95, 1.0], ["0", "50 %", "95 %", ""])
    axes.set_title(f"share of records {there} within ...", loc="left", color=style.MUTED)


def _draw_ages(axes: Axes, axis: TimeAxis, ages: dict[str, tuple[series.Ints, series.Floats]], there: str) -> None:
    style.quiet(axes, grid="both")
    looks = _looks(list(ages))
    most = max(float(age_s.max(initial=0.0)) for _, age_s in ages.values())
    for name, (at_us, age_s) in ages.items():
        x, y = series.thin((at_us - axis.start_us) / 3.6e9, age_s)
        axes.plot(x, y, **looks[name])
    axes.set_ylim(bottom=0.0)
    _label_in_units(axes, "y", most)
    axis.dress(axes)
    axes.set_title(f"age of the newest record {there}", loc="left", color=style.MUTED)


def _label_in_units(axes: Axes, which: str, most_s: float) -> None:
    """Ticks at round numbers of the unit that fits, not at round numbers of seconds."""
    unit_s, unit = next(((u, n) for u, n in _UNITS_S if most_s >= 2 * u), (1.0, "s"))
    span = most_s / unit_s
    scale = 10.0 ** np.floor(np.log10(max(span, 1e-9) / 4))
    step = next(k * scale for k in (1, 2, 2.5, 5, 10) if span / (k * scale) <= 5)
    ticks = np.arange(0.0, span * 1.05 + step / 2, step)
    labels = [f"{tick:g} {unit}" for tick in ticks]
    if which == "x":
        axes.set_xticks(ticks * unit_s, labels)
    else:
        axes.set_yticks(ticks * unit_s, labels)
