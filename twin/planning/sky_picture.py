"""The sky of the coming sols as one sheet that a planner prints: a row for each sol, from midnight to midnight.

A row is dark at night and light by day; the white box is Earth over the site, and in it run the stations that see Mars,
one lane each, pale where Earth is below. Red is Earth over the site without any station, hatched a time in which the
Sun closes the link. What a row adds up to stands beside it; below, distance and SEP of a whole synodic period.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from twin.network.conjunction import SEP_LIMITS_DEG
from twin.network.contact_table import time_text
from twin.network.visibility import Window, intersect, subtract
from twin.planning.row_sheet import draw_key
from twin.planning.sky_curves import draw_curves
from twin.planning.sky_table import owlt_text, place_text, span_text
from twin.planning.sols_ahead import BAND, STATIONS, SkyAhead, SolSky, length_us
from twin.report import style
from twin.world.stations import DSN_STATIONS
from twin.world.timescales import us_to_utc

_WIDTH_IN: Final = 11.2  # A4 and Letter, landscape, with a margin
_HEIGHT_IN: Final = 7.9
_LEFT_IN: Final = 1.25
_CHART_IN: Final = 6.85
_CHART_BOTTOM_IN: Final = 3.1
_CHART_HEIGHT_IN: Final = 3.7
_ROW_MAX_IN: Final = 0.42
_LABEL_IN: Final = 0.14
_LANES_LEAST_IN: Final = 0.06  # lower rows show that a station sees Mars, not which
_KEY: Final = 7.5
_NIGHT: Final = "#dfe4ea"
_DAY: Final = "#fdf1c7"
_BOX: Final = 0.86
_LANE: Final = 0.2
_LANES: Final = dict(zip(STATIONS, (style.BLUE, style.GREEN, style.PURPLE), strict=True))
_PALE: Final = 0.3
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_COLUMNS: Final = ("Ls", "Mkm", "OWLT", "SEP", "Earth", f"{BAND} link")

Box = tuple[float, float, float, float]
"""Left and right [h of 1/24 sol], top and bottom [sol]."""


def draw_sky(sky: SkyAhead) -> Figure:
    """Draw some sols of a site."""
    rows = len(sky.sols)
    chart_in = min(_CHART_HEIGHT_IN, _ROW_MAX_IN * rows)
    cut_in = _CHART_HEIGHT_IN - chart_in  # a few sols need no whole page
    height_in = _HEIGHT_IN - cut_in
    with style.drawing():
        figure = style.blank(_WIDTH_IN, height_in)

        def panel(left_in: float, bottom_in: float, width_in: float, panel_in: float) -> Axes:
            place = left_in / _WIDTH_IN, bottom_in / height_in, width_in / _WIDTH_IN, panel_in / height_in
            return figure.add_axes(place)

        chart = panel(_LEFT_IN, _CHART_BOTTOM_IN, _CHART_IN, chart_in)
        lanes = chart_in / rows >= _LANES_LEAST_IN
        _draw_sols(chart, sky, lanes)
        _draw_marks(chart, sky, chart_in / rows)
        _dress(chart, sky, max(1, -int(-rows * _LABEL_IN // chart_in)))
        curves_in = _WIDTH_IN - _LEFT_IN - 1.35
        draw_curves(panel(_LEFT_IN, 1.72, curves_in, 0.8), panel(_LEFT_IN, 0.62, curves_in, 0.95), sky.span)
        left, top = 0.15 / _WIDTH_IN, 1 - 0.2 / height_in
        figure.text(left, top, f"Sky over {place_text(sky.site)}", size=11, weight="bold", va="center")
        figure.text(left, 1 - 0.42 / height_in, _subtitle(sky), color=style.MUTED, va="center")
        _draw_key(figure, lanes, any(sol.closed[BAND] for sol in sky.sols))
    return figure


def _subtitle(sky: SkyAhead) -> str:
    first, last = sky.sols[0], sky.sols[-1]
    years = f"Mars Year {first.mars_year}" + (f" to {last.mars_year}" if last.mars_year > first.mars_year else "")
    several = len({sol.season for sol in sky.sols}) > 1
    seasons = f"{first.season} to {last.season}" if several else first.season
    return f"{span_text(sky)}; {years}, Ls {first.ls_deg:.1f} to {last.ls_deg:.1f}°, {seasons}"


def _draw_sols(axes: Axes, sky: SkyAhead, lanes: bool) -> None:
    axes.set_facecolor(_NIGHT)
    _fill(axes, "daylight", _boxes(sky.sols, [sol.daylight for sol in sky.sols], 0.0, 1.0), _DAY)
    up = [sol.earth_up for sol in sky.sols]
    if lanes:
        _fill(axes, "Earth up", _boxes(sky.sols, up, 0.0, _BOX), "white", style.MUTED)
        for lane, (name, colour) in enumerate(_LANES.items()):
            offset = (lane - 1) * (_LANE + 0.05)
            seen = [intersect(sky.seen[name], [(sol.start_us, sol.end_us)]) for sol in sky.sols]
            unused = [subtract(windows, over) for windows, over in zip(seen, up, strict=True)]
            _fill(axes, f"{name}, Earth down", _boxes(sky.sols, unused, offset, _LANE), colour, alpha=_PALE)
            _fill(axes, name, _boxes(sky.sols, [sol.links[name] for sol in sky.sols], offset, _LANE), colour)
    else:
        _fill(axes, "link", _boxes(sky.sols, [sol.covered for sol in sky.sols], 0.0, 1.0), style.BLUE, alpha=0.8)
    # With an edge, because minutes are too narrow for print.
    gaps = _boxes(sky.sols, [sol.gaps for sol in sky.sols], 0.0, _BOX if lanes else 1.0)
    _fill(axes, "no station", gaps, style.VERMILION, style.VERMILION)


def _draw_marks(axes: Axes, sky: SkyAhead, row_in: float) -> None:
    """What the Sun closes as hatching, and every instant at which SEP passes a limit or Mars a turning point."""
    closed = [sol.closed[BAND] for sol in sky.sols]
    hatched = _fill(axes, "closed by the Sun", _boxes(sky.sols, closed, 0.0, 1.0), "none")
    hatched.set(hatch="////", edgecolor=style.VERMILION, linewidth=0.0, alpha=0.55)
    marks = [(event.at_us, event.name) for event in sky.events]
    for limit_deg, (start_us, end_us) in sky.near_sun:
        marks += [(start_us, f"SEP falls below {limit_deg:g}°"), (end_us, f"SEP rises above {limit_deg:g}°")]
    beside = -1.0
    for at_us, text in sorted(mark for mark in marks if sky.span[0] <= mark[0] < sky.span[1]):
        sol = next(sol for sol in sky.sols if at_us < sol.end_us)
        # Below the one before, so that no label lies on another.
        beside = max(float(sol.number), beside + _LABEL_IN / row_in)
        _draw_mark(axes, (_hour(at_us, sol), sol.number), beside, text)


def _draw_mark(axes: Axes, place: tuple[float, int], beside: float, text: str) -> None:
    """A diamond at an hour of a sol, and a word beside it on the row given, to the side that has room."""
    hour, row = place
    axes.plot(hour, row, marker="D", markersize=4, color=style.INK, markeredgecolor="white", markeredgewidth=0.6)
    side, shift = ("left", 0.4) if hour < 16 else ("right", -0.4)
    axes.annotate(
        text,
        (hour, row),
        (hour + shift, beside),
        size=6.5,
        ha=side,
        va="center",
        bbox={"facecolor": "white", "edgecolor": style.INK, "linewidth": 0.4, "pad": 1.2},
        arrowprops={"arrowstyle": "-", "color": style.INK, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
    )


def _dress(axes: Axes, sky: SkyAhead, step: int) -> None:
    """Hours across, sols down, and beside every labelled sol its numbers."""
    axes.set_xlim(0, 24)
    axes.set_ylim(len(sky.sols) - 0.5, -0.5)
    axes.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
    axes.set_xlabel("local mean solar time", loc="right")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    for hour in range(3, 24, 3):
        axes.axvline(hour, color=style.MUTED, linewidth=0.3, alpha=0.5)
    told = sky.sols[::step]
    axes.set_yticks([sol.number for sol in told], [_label(sol, len(sky.sols)) for sol in told])
    axes.tick_params(axis="y", labelcolor=style.INK, labelsize=_KEY)
    above = 1 + 0.1 / (axes.get_position().height * axes.figure.get_figheight())  # type: ignore[union-attr]
    for column, heading in enumerate(_COLUMNS):
        place = 1.07 + 0.072 * column
        axes.text(place, above, heading, transform=axes.transAxes, size=_KEY, color=style.MUTED, ha="right")
        for sol in told:
            text = _numbers(sol)[column]
            axes.text(place, sol.number, text, transform=axes.get_yaxis_transform(), size=_KEY, ha="right", va="center")


def _numbers(sol: SolSky) -> tuple[str, ...]:
    hours = (time_text(length_us(windows))[:-3] for windows in (sol.earth_up, sol.working))
    return (
        f"{sol.ls_deg:.1f}°",
        f"{sol.distance_km / 1e6:.1f}",
        owlt_text(sol.owlt_down_us),
        f"{sol.sep_deg:.1f}°",
        *hours,
    )


def _draw_key(figure: Figure, lanes: bool, closed: bool) -> None:
    """What the shades mean, in one line above the chart."""
    height_in = figure.get_figheight()
    stations = [(colour, f"{DSN_STATIONS[name].complex} {name}") for name, colour in _LANES.items()]
    entries = [
        (_NIGHT, "night"),
        (_DAY, "daylight"),
        *([("white", "Earth up"), *stations] if lanes else [(style.BLUE, "Earth up and a station sees Mars")]),
        (style.VERMILION, "Earth up, no station"),
    ]
    x_in = draw_key(figure, entries)
    if closed:
        # One limit for the way down and for the moratorium, as in NEAR_SUN.
        text = f"hatched: {BAND} and commands closed, SEP < {SEP_LIMITS_DEG[BAND]:g}°"
        figure.text(x_in / _WIDTH_IN, 1 - 0.67 / height_in, text, size=_KEY, va="center", color=style.VERMILION)


def _fill(
    axes: Axes, label: str, boxes: Iterable[Box], colour: str, edge: str = "none", alpha: float = 1.0
) -> PolyCollection:
    corners = [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for x0, x1, y0, y1 in boxes]
    patches = PolyCollection(corners, label=label, facecolors=colour, edgecolors=edge, linewidths=0.4, alpha=alpha)
    axes.add_collection(patches)
    return patches


def _boxes(sols: list[SolSky], windows: list[list[Window]], offset: float, height: float) -> list[Box]:
    return [
        (_hour(start_us, sol), _hour(end_us, sol), sol.number + offset - height / 2, sol.number + offset + height / 2)
        for sol, of_sol in zip(sols, windows, strict=True)
        for start_us, end_us in of_sol
    ]


def _hour(at_us: int, sol: SolSky) -> float:
    return 24.0 * (at_us - sol.start_us) / (sol.end_us - sol.start_us)


def _label(sol: SolSky, sols: int) -> str:
    """A sol and the UTC of its midnight, with the year instead of the hour where there are many."""
    utc = us_to_utc(sol.start_us)
    date = f"{int(utc[8:10])} {_MONTHS[int(utc[5:7]) - 1]}"
    return f"sol {sol.number}   {date} {utc[11:16] if sols < 100 else utc[:4]}"
