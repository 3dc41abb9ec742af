"""Raw visibility as text: who sees whom from when to when."""

from __future__ import annotations

from collections.abc import Sequence

from twin.network.contact_table import aligned, sol_text, time_text
from twin.network.sights import Sight
from twin.network.visibility import Window
from twin.world.timescales import us_to_utc

_HEADINGS = ("kind", "from", "to", "start", "end", "sol", "length")


def sight_table(sights: Sequence[Sight], span: Window, east_longitude_deg: float | None) -> str:
    """The sights of a span as aligned text; with the site's longitude, the sol and local time of each start."""
    rows = [
        (
            sight.kind,
            sight.source,
            sight.destination,
            us_to_utc(sight.start_us),
            us_to_utc(sight.end_us),
            "" if east_longitude_deg is None else sol_text(sight.start_us, span[0], east_longitude_deg),
            time_text(sight.end_us - sight.start_us),
        )
        for sight in sights
    ]
    title = f"who sees whom from {us_to_utc(span[0])} to {us_to_utc(span[1])}, at the instants of the first named"
    return "\n".join([title, "", *aligned(_HEADINGS, rows)]) + "\n"
