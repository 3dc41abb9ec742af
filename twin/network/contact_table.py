"""A contact plan as a table that a planner prints: each window with its gap before it, then what each pair adds up to.

Everything is told of a span, to which windows are cut. A gap of a pair runs from the end of one window to the start of
the next; the span's own ends bound the first and the last.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from twin.network.visibility import Window
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.units import BIT_RATE, format_quantity
from twin.world.timescales import US_PER_S, mars_sol_date, us_to_utc

_HEADINGS: Final = ("from", "to", "via", "start UTC", "end UTC", "sol", "lasts", "gap before", "rate", "volume", "OWLT")
_PAIR_HEADINGS: Final = ("from", "to", "contacts", "open", "share", "volume", "longest gap", "from UTC")
_LEFT: Final = frozenset({"from", "to", "via", "start UTC", "end UTC", "from UTC"})
_VOLUMES: Final = ((10**12, "Tbit"), (10**9, "Gbit"), (10**6, "Mbit"), (10**3, "kbit"))


class PairSummary(NamedTuple):
    """What one directed pair has within a span; the longest gap is empty if there is none."""

    source: str
    destination: str
    contacts: tuple[Contact, ...]
    open_us: int
    volume_bits: int
    longest_gap: Window


def within(plan: ContactPlan, span: Window) -> tuple[Contact, ...]:
    """Contacts cut to a span, in the plan's order; those that lie outside or last no time are not told."""
    cut = (
        contact._replace(start_us=max(contact.start_us, span[0]), end_us=min(contact.end_us, span[1]))
        for contact in plan.contacts
    )
    return tuple(contact for contact in cut if contact.start_us < contact.end_us)


def pair_summaries(plan: ContactPlan, span: Window) -> tuple[PairSummary, ...]:
    """One summary for each pair that has a contact in the plan, by name; a pair without one in the span has one gap."""
    by_pair: dict[tuple[str, str], list[Contact]] = {(c.source, c.destination): [] for c in plan.contacts}
    for contact in within(plan, span):
        by_pair[contact.source, contact.destination].append(contact)
    out = []
    for (source, destination), contacts in sorted(by_pair.items()):
        gaps = gaps_of(contacts, span)
        out.append(
            PairSummary(
                source,
                destination,
                tuple(contacts),
                sum(c.end_us - c.start_us for c in contacts),
                sum(volume_bits(c) for c in contacts),
                max(gaps, key=lambda gap: (gap[1] - gap[0], -gap[0]), default=(span[0], span[0])),
            )
        )
    return tuple(out)


def gaps_of(contacts: Sequence[Contact], span: Window) -> list[Window]:
    """When a pair has no contact within a span, from its contacts in order of time."""
    edges = [span[0], *(instant for c in contacts for instant in (c.start_us, c.end_us)), span[1]]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


def volume_bits(contact: Contact) -> int:
    """Bits that fit into a contact, down to a whole one."""
    return (contact.end_us - contact.start_us) * contact.rate_bps // US_PER_S


def contact_table(plan: ContactPlan, span: Window, east_longitude_deg: float | None = None) -> str:
    """The windows of a span as aligned text, and under them a line for each pair.

    Args:
        plan: What to tell.
        span: Start and end, house time [us].
        east_longitude_deg: The site's; with it, the sol of the span and local mean solar time of each start is told.
    """
    last_end_us: dict[tuple[str, str], int] = {}
    rows = []
    for contact in within(plan, span):
        pair = contact.source, contact.destination
        gap_us = contact.start_us - last_end_us.get(pair, span[0])
        last_end_us[pair] = contact.end_us
        rows.append(
            (
                contact.source,
                contact.destination,
                contact.via,
                us_to_utc(contact.start_us),
                us_to_utc(contact.end_us),
                "" if east_longitude_deg is None else sol_text(contact.start_us, span[0], east_longitude_deg),
                time_text(contact.end_us - contact.start_us),
                time_text(gap_us),
                format_quantity(contact.rate_bps, BIT_RATE),
                volume_text(volume_bits(contact)),
                f"{contact.owlt_us(contact.start_us) / US_PER_S:.3f} s",
            )
        )
    pairs = [
        (
            pair.source,
            pair.destination,
            str(len(pair.contacts)),
            time_text(pair.open_us),
            f"{100 * pair.open_us / (span[1] - span[0]):.1f} %",
            volume_text(pair.volume_bits),
            time_text(pair.longest_gap[1] - pair.longest_gap[0]),
            us_to_utc(pair.longest_gap[0]) if pair.longest_gap[0] < pair.longest_gap[1] else "",
        )
        for pair in pair_summaries(plan, span)
    ]
    title = f"contacts from {us_to_utc(span[0])} to {us_to_utc(span[1])}, in the transmitter's time"
    return "\n".join([title, "", *aligned(_HEADINGS, rows), "", *aligned(_PAIR_HEADINGS, pairs)]) + "\n"


def sol_text(at_us: int, start_us: int, east_longitude_deg: float) -> str:
    """Sol, counted from the local midnight before `start_us`, and local mean solar time, as `2 13:05`."""
    first = math.floor(mars_sol_date(start_us) + east_longitude_deg / 360.0)
    minutes = math.floor((mars_sol_date(at_us) + east_longitude_deg / 360.0 - first) * 1_440.0)
    sol, minute = divmod(minutes, 1_440)
    return f"{sol} {minute // 60:02d}:{minute % 60:02d}"


def time_text(duration_us: int) -> str:
    """A duration as h:mm:ss, down to a whole second."""
    seconds = duration_us // US_PER_S
    return f"{seconds // 3_600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def volume_text(bits: int) -> str:
    """A volume with three digits or more, as `12.3 Gbit`."""
    factor, unit = next(((factor, unit) for factor, unit in _VOLUMES if bits >= factor), (1, "bit"))
    return f"{bits / factor:.{2 if bits < 10 * factor else 1}f} {unit}" if factor > 1 else f"{bits} bit"


def aligned(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns of text, numbers to the right; a column that is empty throughout is left out."""
    rows = list(rows)
    kept = [i for i, _ in enumerate(headings) if not rows or any(row[i] for row in rows)]
    lines = [headings, *rows]
    widths = {i: max(len(line[i]) for line in lines) for i in kept}
    return [
        "  ".join(line[i].ljust(widths[i]) if headings[i] in _LEFT else line[i].rjust(widths[i]) for i in kept).rstrip()
        for line in lines
    ]
