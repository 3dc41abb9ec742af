"""A plan for nodes that count whole seconds, rounded so that it never promises what the plan does not hold.

A window starts at the next whole second and ends at the one before; a rate is rounded down; a light time is rounded up
and steps by whole seconds, so that no bit is promised earlier than it arrives. A step begins in the second in which the
light time passes a whole one. A contact that holds no whole second, or whose rate rounds to nothing, vanishes; all that
was moved or dropped is listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from twin.network.formats.posix import at_or_after_s, at_or_before_s, floor_s, instant_us
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.world.timescales import US_PER_S, us_to_utc


class Piece(NamedTuple):
    """A span of POSIX seconds, `start_s <= t < end_s`, of one light time in whole seconds."""

    start_s: int
    end_s: int
    owlt_s: int


class WholeContact(NamedTuple):
    """A contact in POSIX seconds; its pieces touch, and neighbours differ in their light time."""

    source: str
    destination: str
    rate_bps: int
    pieces: tuple[Piece, ...]

    def contact(self) -> Contact:
        """The same for the twin: its light time is a staircase, one knot before and one at each step."""
        knots = [(instant_us(self.pieces[0].start_s), self.pieces[0].owlt_s * US_PER_S)]
        for before, after in pairwise(self.pieces):
            step_us = instant_us(after.start_s)
            knots += [(step_us - 1, before.owlt_s * US_PER_S), (step_us, after.owlt_s * US_PER_S)]
        start_us, end_us = instant_us(self.pieces[0].start_s), instant_us(self.pieces[-1].end_s)
        return Contact(self.source, self.destination, start_us, end_us, self.rate_bps, tuple(knots))


class Change(NamedTuple):
    """What became of one planned contact: where it stands now, None if it was dropped, and why."""

    planned: Contact
    kept: Contact | None
    why: str

    def __str__(self) -> str:
        planned = self.planned
        what = "dropped" if self.kept is None else _window(self.kept)
        return f"contact {planned.source}->{planned.destination} {_window(planned)}: {what}: {self.why}"


class Export(NamedTuple):
    """A plan as text, and every contact of the plan that the text does not say exactly."""

    text: str
    changes: tuple[Change, ...]


def in_whole_seconds(
    plan: ContactPlan, rate_step_bps: int, gap_s: int
) -> tuple[tuple[WholeContact, ...], tuple[Change, ...]]:
    """Round a plan inward.

    Args:
        plan: Any plan.
        rate_step_bps: Rates become whole multiples of this [bit/s].
        gap_s: Seconds that must lie between two contacts of one pair; the earlier one yields.

    Returns:
        The contacts in order of time and name, and what was changed, in the plan's order.
    """
    whole: list[WholeContact] = []
    changes: list[Change] = []
    next_start_s: dict[tuple[str, str], int] = {}
    for contact in reversed(plan.contacts):
        pair = contact.source, contact.destination
        start_s, end_s = at_or_after_s(contact.start_us), at_or_before_s(contact.end_us)
        rate_bps = contact.rate_bps - contact.rate_bps % rate_step_bps
        reasons = []
        if (contact.start_us, contact.end_us) != (instant_us(start_s), instant_us(end_s)):
            reasons.append("whole seconds")
        if pair in next_start_s and end_s + gap_s > next_start_s[pair]:
            end_s = next_start_s[pair] - gap_s
            reasons.append(f"{gap_s} s between two contacts of a pair")
        if rate_bps != contact.rate_bps:
            reasons.append(f"{contact.rate_bps} bit/s in steps of {rate_step_bps} are {rate_bps}")
        kept = None
        if start_s < end_s and rate_bps > 0:
            next_start_s[pair] = start_s
            kept = WholeContact(*pair, rate_bps, _stairs(contact, start_s, end_s))
            whole.append(kept)
        if reasons or kept is None:
            why = "; ".join(reasons) or "it lasts no time"
            changes.append(Change(contact, kept.contact() if kept is not None else None, why))
    whole.sort(key=lambda kept: (kept.pieces[0].start_s, kept.source, kept.destination))
    return tuple(whole), tuple(reversed(changes))


def merged(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Pieces in time order, those that touch and agree made one."""
    out: list[Piece] = []
    for piece in pieces:
        if out and out[-1].end_s == piece.start_s and out[-1].owlt_s == piece.owlt_s:
            out[-1] = out[-1]._replace(end_s=piece.end_s)
        else:
            out.append(piece)
    return tuple(out)


def _stairs(contact: Contact, start_s: int, end_s: int) -> tuple[Piece, ...]:
    """The light time over whole seconds, each at least what it is anywhere within."""
    knots = [knot for knot in contact.owlt if instant_us(start_s) < knot[0] < instant_us(end_s)]
    cuts = {start_s, end_s}
    # Between two knots the light time needs another step only where it passes a whole second or leaves one.
    for at_us in [at_us for at_us, owlt_us in knots if owlt_us % US_PER_S == 0] + _crossings(contact.owlt):
        second = floor_s(at_us)
        cuts |= {second, second + 1}
    inside = sorted(cut for cut in cuts if start_s <= cut <= end_s)
    pieces = []
    index = 0
    for piece_start_s, piece_end_s in pairwise(inside):
        start_us, end_us = instant_us(piece_start_s), instant_us(piece_end_s)
        longest_us = max(contact.owlt_us(start_us), contact.owlt_us(end_us - 1))
        while index < len(knots) and knots[index][0] < end_us:
            longest_us = max(longest_us, knots[index][1])
            index += 1
        pieces.append(Piece(piece_start_s, piece_end_s, -(-longest_us // US_PER_S)))
    return merged(pieces)


def _crossings(knots: Sequence[tuple[int, int]]) -> list[int]:
    """Instants [us] at which the light time passes a whole second between two knots."""
    out = []
    for (t0, v0), (t1, v1) in pairwise(knots):
        low, high = min(v0, v1), max(v0, v1)
        out += [
            t0 + (level_us - v0) * (t1 - t0) // (v1 - v0)
            for level_us in range(low - low % US_PER_S, high, US_PER_S)
            if level_us > low
        ]
    return out


def _window(contact: Contact) -> str:
    return f"{us_to_utc(contact.start_us)} to {us_to_utc(contact.end_us)}"
