"""What antennas on Earth do with the time in which they see spacecraft, as text."""

from __future__ import annotations

from collections.abc import Sequence

from twin.network.contact_table import aligned, time_text
from twin.network.grants import Tally

_HEADINGS = ("antenna", "spacecraft", "way", "sees it", "serves it", "another does", "nobody does")


def antenna_table(tallies: Sequence[Tally]) -> str:
    """One line for each antenna, spacecraft and direction; the first time is the sum of the other three."""
    rows = [
        (
            entry.station,
            entry.spacecraft,
            entry.direction,
            *map(time_text, (entry.visible_us, entry.granted_us, entry.idle_us, entry.refused_us)),
        )
        for entry in tallies
    ]
    return "\n".join(["what antennas do with the time in which they see a spacecraft", "", *aligned(_HEADINGS, rows)])
