"""A contact plan as one sheet that a planner prints: a row for each pair, its windows, its longest gap, the light time.

Windows are coloured by rate, and the rate and the station stand in those that are wide enough; what a pair adds up to
stands at the end of its row. UTC below, sols and local mean solar time above where there is a site.
"""

from __future__ import annotations

from typing import Final

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from twin.network.contact_table import PairSummary, pair_summaries, time_text, volume_text
from twin.network.visibility import Window
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.report import style
from twin.report.time_axis import TimeAxis
from twin.units import BIT_RATE, format_quantity
from twin.world.timescales import US_PER_S, us_to_utc

_WIDTH_IN: Final = 11.2  # A4 and Letter, landscape, with a margin
_ROW_IN: Final = 0.34
_OWLT_IN: Final = 1.0
_ABOVE_IN: Final = 0.95
_BELOW_IN: Final = 0.65
_BETWEEN_IN: Final = 0.22
_RIGHT_IN: Final = 1.75
_LETTER_IN: Final = 0.078  # of 8.5 point DejaVu Sans, wide letters included
_SMALL: Final = 6.5
_KEY: Final = 7.5
_OWLT_LEAST_US: Final = US_PER_S  # hops within one planet's neighbourhood would flatten the curve
_Colour = tuple[float, float, float, float]


def draw_contacts(plan: ContactPlan, span: Window, title: str, east_longitude_deg: float | None = None) -> Figure:
    """Draw the windows of a span; without any pair in the plan, the sheet says so.

    Args:
        plan: What to draw.
        span: Start and end, house time [us].
        title: What the plan is of, such as the scenario's name.
        east_longitude_deg: The site's; with it, sols are drawn.
    """
    pairs = pair_summaries(plan, span)
    far = [pair for pair in pairs if any(c.owlt_us(c.start_us) >= _OWLT_LEAST_US for c in pair.contacts)]
    axis = TimeAxis(span[0], span[1], True, east_longitude_deg)
    rows_in = _ROW_IN * max(1, len(pairs))
    owlt_in = _OWLT_IN + _BETWEEN_IN if far else 0.0
    height_in = _ABOVE_IN + rows_in + owlt_in + _BELOW_IN
    left_in = max(1.3, _LETTER_IN * max((len(_label(pair)) for pair in pairs), default=0) + 0.1)
    width_in = _WIDTH_IN - left_in - _RIGHT_IN
    with style.drawing():
        figure = style.blank(_WIDTH_IN, height_in)

        def panel(bottom_in: float, panel_in: float) -> Axes:
            place = left_in / _WIDTH_IN, bottom_in / height_in, width_in / _WIDTH_IN, panel_in / height_in
            return figure.add_axes(place)

        rows = panel(_BELOW_IN + owlt_in, rows_in)
        _draw_rows(figure, rows, axis, pairs, width_in)
        axis.dress(rows)
        axis.dress_mars(rows)
        if far:
            rows.tick_params(labelbottom=False)
            rows.set_xlabel("")
            light_time = panel(_BELOW_IN, _OWLT_IN)
            _draw_light_time(light_time, axis, far)
            axis.dress(light_time)
        left = 0.15 / _WIDTH_IN
        figure.text(left, 1 - 0.2 / height_in, f"Contact plan: {title}", size=11, weight="bold", va="center")
        dates = f"{us_to_utc(span[0])[:16]} to {us_to_utc(span[1])[:16]} UTC at the transmitter"
        figure.text(left, 1 - 0.42 / height_in, dates, color=style.MUTED, va="center")
    return figure


def _label(pair: PairSummary) -> str:
    return f"{pair.source} → {pair.destination}"


def _draw_rows(figure: Figure, axes: Axes, axis: TimeAxis, pairs: tuple[PairSummary, ...], width_in: float) -> None:
    rates = sorted({contact.rate_bps for pair in pairs for contact in pair.contacts})
    shade_of = _shades(rates)
    hour_in = width_in / axis.hours(axis.end_us)
    for row, pair in enumerate(pairs):
        if row % 2 == 0:
            axes.axhspan(row - 0.5, row + 0.5, color=style.RULE, alpha=0.25, linewidth=0)
        spans = [(axis.hours(c.start_us), axis.hours(c.end_us) - axis.hours(c.start_us)) for c in pair.contacts]
        shades = [shade_of[c.rate_bps] for c in pair.contacts]
        axes.broken_barh(spans, (row - 0.3, 0.6), facecolors=shades, edgecolors=shades, linewidth=0.8)
        for contact, (start_h, length_h), shade in zip(pair.contacts, spans, shades, strict=True):
            text = _within(contact, length_h * hour_in)
            # Weights of the three colours for the eye (Rec. ITU-R BT.709).
            light = 0.2126 * shade[0] + 0.7152 * shade[1] + 0.0722 * shade[2] > 0.5
            colour = style.INK if light else "white"
            axes.text(start_h + length_h / 2, row, text, size=_SMALL, color=colour, ha="center", va="center")
        _draw_gap(axes, axis, row, pair.longest_gap, hour_in)
        open_share = 100 * pair.open_us / (axis.end_us - axis.start_us)
        sums = f"{volume_text(pair.volume_bits)}, open {open_share:.0f} %"
        axes.text(1.01, row, sums, transform=axes.get_yaxis_transform(), size=_KEY, va="center", color=style.INK)
    if not pairs:
        axes.text(0.5, 0.5, "no contact is planned", transform=axes.transAxes, ha="center", va="center")
    style.quiet(axes)
    axes.set_yticks(range(len(pairs)), [_label(pair) for pair in pairs])
    axes.tick_params(axis="y", labelcolor=style.INK)
    axes.set_ylim(max(1, len(pairs)) - 0.5, -0.5)
    _draw_key(figure, shade_of)


def _within(contact: Contact, room_in: float) -> str:
    """What fits into a bar: station and rate, else the station, else the rate, else nothing."""
    rate = format_quantity(contact.rate_bps, BIT_RATE)
    both = f"{contact.via}  {rate}" if contact.via else rate
    letter_in = _LETTER_IN * _SMALL / 8.5
    return next((text for text in (both, contact.via, rate) if text and letter_in * len(text) < room_in - 0.06), "")


def _draw_gap(axes: Axes, axis: TimeAxis, row: int, gap: Window, hour_in: float) -> None:
    """The longest gap of a row: a line over its length, and how long it is where that fits."""
    start_h, end_h = axis.hours(gap[0]), axis.hours(gap[1])
    if start_h == end_h:
        return
    axes.plot([start_h, end_h], [row, row], color=style.VERMILION, linewidth=0.9, marker="|", markersize=5)
    text = f"gap {time_text(gap[1] - gap[0])}"
    if _LETTER_IN * _SMALL / 8.5 * len(text) < (end_h - start_h) * hour_in - 0.1:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        middle = (start_h + end_h) / 2, row
        axes.text(*middle, text, size=_SMALL, color=style.VERMILION, ha="center", va="center", bbox=box)


def _draw_light_time(axes: Axes, axis: TimeAxis, pairs: list[PairSummary]) -> None:
    """Light time of the pairs between planets, drawn within windows; dotted from one to the next."""
    for pair in pairs:
        points: list[tuple[float, float]] = []
        for contact in pair.contacts:
            inner = [at_us for at_us, _ in contact.owlt if contact.start_us < at_us < contact.end_us]
            instants = [contact.start_us, *inner, contact.end_us]
            curve = [(axis.hours(at_us), contact.owlt_us(at_us) / US_PER_S / 60) for at_us in instants]
            axes.plot(*zip(*curve, strict=True), color=style.BLUE, linewidth=1.8, solid_capstyle="butt")
            points += curve
        axes.plot(*zip(*points, strict=True), color=style.BLUE, linewidth=0.6, linestyle=(0, (1, 2)))
    style.quiet(axes, "both")
    axes.margins(y=0.15)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_ylabel("OWLT [min]")


def _shades(rates: list[int]) -> dict[int, _Colour]:
    """A colour for each rate, darker for faster ones, by the rate's logarithm; told apart by the colour-blind too."""
    if not rates:
        return {}
    norm = LogNorm(rates[0], max(rates[-1], 2 * rates[0]))
    return {rate: colormaps["cividis_r"](float(norm(rate))) for rate in rates}


def _draw_key(figure: Figure, shade_of: dict[int, _Colour]) -> None:
    """The rates that occur, as patches in the upper right corner; of many, the ends and three between."""
    rates = list(shade_of)
    shown = rates if len(rates) <= 5 else [rates[round(k * (len(rates) - 1) / 4)] for k in range(5)]
    height_in = figure.get_figheight()
    x_in, y_in = _WIDTH_IN - 0.15, height_in - 0.2
    for rate in reversed(shown):
        text = format_quantity(rate, BIT_RATE)
        x_in -= _LETTER_IN * _KEY / 8.5 * len(text)
        figure.text(x_in / _WIDTH_IN, y_in / height_in, text, size=_KEY, va="center")
        place = (x_in - 0.24) / _WIDTH_IN, (y_in - 0.055) / height_in, 0.16 / _WIDTH_IN, 0.11 / height_in
        figure.add_axes(place).set(xticks=[], yticks=[], facecolor=shade_of[rate])
        x_in -= 0.42
