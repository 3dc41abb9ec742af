"""The sheet that plans and geometry share: a row for each pair over one axis of time, a key, a panel below."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twin.network.contact_table import time_text
from twin.network.visibility import Window
from twin.report import style
from twin.report.time_axis import TimeAxis
from twin.world.timescales import US_PER_DAY

KEY_SIZE: Final = 7.5
SMALL: Final = 6.5
_WIDTH_IN: Final = 11.2  # A4 and Letter, landscape, with a margin
_ROW_IN: Final = 0.34
_ROWS_MAX_IN: Final = 200.0  # at 150 dpi about half of what a PNG may measure
_PANEL_IN: Final = 1.0
_ABOVE_IN: Final = 1.25
_BELOW_IN: Final = 0.65
_BETWEEN_IN: Final = 0.22
_RIGHT_IN: Final = 1.75
_LETTER_IN: Final = 0.078  # of 8.5 point DejaVu Sans, wide letters included
_SEAM_IN: Final = 0.02  # bars nearer than this print as one
_SEAMED_IN: Final = 0.06

_Colour = str | tuple[float, float, float, float]


class RowSheet(NamedTuple):
    """A sheet to draw on: its rows, the panel below them if there is one, and how wide an hour is."""

    figure: Figure
    axis: TimeAxis
    rows: Axes
    below: Axes | None
    hour_in: float


class Bar(NamedTuple):
    """A window in a row, cut to the sheet's span: its colour, and texts of which the first that fits stands in it."""

    start_us: int
    end_us: int
    colour: tuple[float, float, float, float]
    texts: tuple[str, ...]


def row_sheet(title: str, subtitle: str, labels: Sequence[str], axis: TimeAxis, empty: str, below: bool) -> RowSheet:
    """A sheet with titles and labelled rows; call it inside `style.drawing()`.

    Args:
        empty: What to say where there is no row.
        below: Whether a panel under the rows shares their axis of time.
    """
    rows_in = min(_ROW_IN * max(1, len(labels)), _ROWS_MAX_IN)
    below_in = _PANEL_IN + _BETWEEN_IN if below else 0.0
    height_in = _ABOVE_IN + rows_in + below_in + _BELOW_IN
    left_in = max(1.3, text_in(max(labels, key=len, default=""), 8.5) + 0.1)
    width_in = _WIDTH_IN - left_in - _RIGHT_IN
    figure = style.blank(_WIDTH_IN, height_in)

    def panel(bottom_in: float, panel_in: float) -> Axes:
        place = left_in / _WIDTH_IN, bottom_in / height_in, width_in / _WIDTH_IN, panel_in / height_in
        return figure.add_axes(place)

    rows = panel(_BELOW_IN + below_in, rows_in)
    for row in range(0, len(labels), 2):
        rows.axhspan(row - 0.5, row + 0.5, color=style.RULE, alpha=0.25, linewidth=0)
    if not labels:
        rows.text(0.5, 0.5, empty, transform=rows.transAxes, ha="center", va="center")
    style.quiet(rows)
    rows.set_yticks(range(len(labels)), labels)
    rows.tick_params(axis="y", labelcolor=style.INK)
    rows.set_ylim(max(1, len(labels)) - 0.5, -0.5)
    axis.dress(rows)
    axis.dress_mars(rows)
    under = None
    if below:
        rows.tick_params(labelbottom=False)
        rows.set_xlabel("")
        under = panel(_BELOW_IN, _PANEL_IN)
    left = 0.15 / _WIDTH_IN
    figure.text(left, 1 - 0.2 / height_in, title, size=11, weight="bold", va="center")
    figure.text(left, 1 - 0.42 / height_in, subtitle, color=style.MUTED, va="center")
    return RowSheet(figure, axis, rows, under, width_in / axis.hours(axis.end_us))


def draw_row(sheet: RowSheet, row: int, bars: Sequence[Bar], gap: Window, sums: str) -> None:
    """The bars of a row in order of time, a line over its longest gap, and at its end what it adds up to."""
    axes, axis = sheet.rows, sheet.axis
    spans = [(axis.hours(bar.start_us), axis.hours(bar.end_us) - axis.hours(bar.start_us)) for bar in bars]
    colours = [bar.colour for bar in bars]
    axes.broken_barh(spans, (row - 0.3, 0.6), facecolors=colours, edgecolors=colours, linewidth=0.8)
    for bar, (start_h, length_h) in zip(bars, spans, strict=True):
        room_in = length_h * sheet.hour_in - 0.06
        text = next((text for text in bar.texts if text and text_in(text, SMALL) < room_in), "")
        if text:
            # Weights of the three colours for the eye (Rec. ITU-R BT.709).
            light = 0.2126 * bar.colour[0] + 0.7152 * bar.colour[1] + 0.0722 * bar.colour[2] > 0.5
            colour = style.INK if light else "white"
            axes.text(start_h + length_h / 2, row, text, size=SMALL, color=colour, ha="center", va="center")
    for (start_h, length_h), (next_h, next_length_h) in pairwise(spans):
        seam_in = (next_h - start_h - length_h) * sheet.hour_in
        if seam_in < _SEAM_IN and min(length_h, next_length_h) * sheet.hour_in > _SEAMED_IN:
            middle_h = (start_h + length_h + next_h) / 2
            axes.plot([middle_h, middle_h], [row - 0.3, row + 0.3], color="white", linewidth=0.7)
    _draw_gap(sheet, row, gap)
    axes.text(1.01, row, sums, transform=axes.get_yaxis_transform(), size=KEY_SIZE, va="center", color=style.INK)


def draw_key(figure: Figure, entries: Sequence[tuple[_Colour, str]]) -> float:
    """What colours mean, as patches in one line under the titles; returns where the line ends [inch from the left]."""
    width_in, height_in = (float(size) for size in figure.get_size_inches())
    x_in, y_in = 0.15, height_in - 0.67
    for colour, text in entries:
        place = x_in / width_in, (y_in - 0.055) / height_in, 0.16 / width_in, 0.11 / height_in
        patch: dict[str, Any] = {"xticks": [], "yticks": [], "facecolor": colour}
        figure.add_axes(place).set(**patch)
        figure.text((x_in + 0.22) / width_in, y_in / height_in, text, size=KEY_SIZE, va="center")
        x_in += 0.4 + 0.062 * len(text)
    return x_in


def text_in(text: str, size: float) -> float:
    """How wide a text prints at most [inch], in points of size."""
    return _LETTER_IN * size / 8.5 * len(text)


def _draw_gap(sheet: RowSheet, row: int, gap: Window) -> None:
    """The longest gap of a row: a line over its length, and how long it is where that fits."""
    start_h, end_h = sheet.axis.hours(gap[0]), sheet.axis.hours(gap[1])
    if start_h == end_h:
        return
    sheet.rows.plot([start_h, end_h], [row, row], color=style.VERMILION, linewidth=0.9, marker="|", markersize=5)
    text = f"gap {_gap_text(gap[1] - gap[0])}"
    if text_in(text, SMALL) < (end_h - start_h) * sheet.hour_in - 0.1:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        middle = (start_h + end_h) / 2, row
        sheet.rows.text(*middle, text, size=SMALL, color=style.VERMILION, ha="center", va="center", bbox=box)


def _gap_text(duration_us: int) -> str:
    """As h:mm:ss, of more than two days in days: nobody reads 581:36:32."""
    return time_text(duration_us) if duration_us <= 2 * US_PER_DAY else f"{duration_us / US_PER_DAY:.1f} d"
