"""A contact plan as one sheet that a planner prints: a row for each pair, its windows, its longest gap, the light time.

Windows are coloured by rate, in a few classes that the key explains, and the rate and the station stand in those that
are wide enough; what a pair adds up to stands at the end of its row. UTC below, sols and local mean solar time above
where there is a site.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twin.network.contact_table import PairSummary, pair_summaries, volume_text
from twin.network.visibility import Window
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.planning.rate_classes import RateClass, rate_classes, rate_text
from twin.planning.row_sheet import Bar, draw_key, draw_row, row_sheet
from twin.report import style
from twin.report.time_axis import TimeAxis
from twin.world.timescales import US_PER_S, us_to_utc

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
    contacts = [contact for pair in pairs for contact in pair.contacts]
    far = [contact for contact in contacts if contact.owlt_us(contact.start_us) >= _OWLT_LEAST_US]
    axis = TimeAxis(span[0], span[1], True, east_longitude_deg)
    shades = _shades([contact.rate_bps for contact in contacts])
    dates = f"{us_to_utc(span[0])[:16]} to {us_to_utc(span[1])[:16]} UTC at the transmitter"
    labels = [f"{pair.source} → {pair.destination}" for pair in pairs]
    with style.drawing():
        sheet = row_sheet(f"Contact plan: {title}", dates, labels, axis, "no contact is planned", bool(far))
        for row, pair in enumerate(pairs):
            open_share = 100 * pair.open_us / (axis.end_us - axis.start_us)
            sums = f"{volume_text(pair.volume_bits)}, open {open_share:.0f} %"
            draw_row(sheet, row, _bars(pair, shades), pair.longest_gap, sums)
        draw_key(sheet.figure, [(colour, of.text) for of, colour in shades.items()])
        if sheet.below is not None:
            _draw_light_time(sheet.below, axis, far)
            axis.dress(sheet.below)
    return sheet.figure


def _bars(pair: PairSummary, shades: dict[RateClass, _Colour]) -> list[Bar]:
    """The windows of a pair; in each station and rate, else the station, else the rate, else nothing."""
    bars = []
    for contact in pair.contacts:
        colour = next(colour for of, colour in shades.items() if of.low_bps <= contact.rate_bps <= of.high_bps)
        rate = rate_text(contact.rate_bps)
        texts = (f"{contact.via}  {rate}", contact.via, rate) if contact.via else (rate,)
        bars.append(Bar(contact.start_us, contact.end_us, colour, texts))
    return bars


def _draw_light_time(axes: Axes, axis: TimeAxis, contacts: Sequence[Contact]) -> None:
    """Light time between planets, drawn within windows; dotted from one to the next, whosever they are."""
    points: list[tuple[float, float]] = []
    for contact in contacts:
        inner = [at_us for at_us, _ in contact.owlt if contact.start_us < at_us < contact.end_us]
        instants = [contact.start_us, *inner, contact.end_us]
        curve = [(axis.hours(at_us), contact.owlt_us(at_us) / US_PER_S / 60) for at_us in instants]
        axes.plot(*zip(*curve, strict=True), color=style.BLUE, linewidth=1.8, solid_capstyle="butt")
        points += curve
    axes.plot(*zip(*sorted(points), strict=True), color=style.BLUE, linewidth=0.6, linestyle=(0, (1, 2)))
    style.quiet(axes, "both")
    axes.margins(y=0.15)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_ylabel("OWLT [min]")


def _shades(rates_bps: Sequence[int]) -> dict[RateClass, _Colour]:
    """A colour for each class of rates, darker for faster ones, evenly apart; the colour-blind tell them apart too."""
    classes = rate_classes(rates_bps)
    scale = colormaps["viridis_r"]
    steps = max(1, len(classes) - 1)
    # The palest part of the scale would fade on white.
    return {of: scale(1.0 - 0.88 * (len(classes) - 1 - index) / steps) for index, of in enumerate(classes)}
