"""Raw visibility as one sheet: a row for each pair that sees each other, coloured by kind, with its longest gap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from twin.network.contact_table import time_text
from twin.network.sights import Sight
from twin.network.visibility import Window, subtract
from twin.planning.row_sheet import Bar, draw_key, draw_row, row_sheet
from twin.report import style
from twin.report.time_axis import TimeAxis
from twin.world.timescales import us_to_utc

_COLOURS: Final = {
    "site-earth": style.ORANGE,
    "station-mars": style.BLUE,
    "site-relay": style.GREEN,
    "relay-earth": style.PURPLE,
    "relay-relay": style.SKY,
}


def draw_sights(sights: Sequence[Sight], span: Window, title: str, east_longitude_deg: float | None) -> Figure:
    """Draw the sights of a span, which are ordered by kind, pair and start; without any, the sheet says so."""
    rows = [(pair, list(seen)) for pair, seen in groupby(sights, key=lambda sight: sight[:3])]
    axis = TimeAxis(span[0], span[1], True, east_longitude_deg)
    kinds = [kind for kind in _COLOURS if any(sight.kind == kind for sight in sights)]
    labels = [f"{source} ↔ {destination}" for (_, source, destination), _ in rows]
    dates = f"{us_to_utc(span[0])[:16]} to {us_to_utc(span[1])[:16]} UTC at the first named"
    with style.drawing():
        sheet = row_sheet(f"Who sees whom: {title}", dates, labels, axis, "nobody sees anybody", below=False)
        for row, ((kind, *_), seen) in enumerate(rows):
            windows = [(sight.start_us, sight.end_us) for sight in seen]
            colour = to_rgba(_COLOURS[kind])
            bars = [Bar(*window, colour, (time_text(window[1] - window[0]),)) for window in windows]
            gaps = subtract([span], windows)
            longest = max(gaps, key=lambda gap: (gap[1] - gap[0], -gap[0]), default=(span[0], span[0]))
            share = 100 * sum(end_us - start_us for start_us, end_us in windows) / (span[1] - span[0])
            draw_row(sheet, row, bars, longest, f"{len(windows)} time{'s' if len(windows) > 1 else ''}, {share:.0f} %")
        draw_key(sheet.figure, [(_COLOURS[kind], kind) for kind in kinds])
    return sheet.figure
