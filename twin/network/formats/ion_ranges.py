"""How ION keeps light times: ranges of whole seconds, which hold in both directions or in one.

A range that names the lower node number first holds in both directions. One that names the higher number first holds in
its own only and overrides the other while it lasts. Ranges of one order of a pair must not overlap.

Source: ION manual page ionrc(5), `a range`; ici/library/rfx.c, `rfx_insert_range`: an overriding range must have the
start of the range that it overrides, else it counts as an overlap and is ignored.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from twin.network.formats.plan_file import Line
from twin.network.formats.whole_seconds import Piece, WholeContact, merged

Pair = tuple[int, int]


class Range(NamedTuple):
    """One range as ION writes it; the light time is in seconds."""

    start_s: int
    end_s: int
    first: int
    second: int
    owlt_s: int


def ranges_of(contacts: Sequence[WholeContact], numbers: Mapping[str, int]) -> list[Range]:
    """Ranges that cover contacts and nothing else, in order of time; split wherever either direction moves."""
    pieces: dict[Pair, list[Piece]] = {}
    for contact in contacts:
        pieces.setdefault((numbers[contact.source], numbers[contact.destination]), []).extend(contact.pieces)
    out: list[Range] = []
    for low, high in sorted({(min(pair), max(pair)) for pair in pieces}):
        for span in _both_ways(pieces.get((low, high), []), pieces.get((high, low), [])):
            out.append(Range(span.start_s, span.end_s, low, high, span.owlt_s))
            if span.back_s is not None:
                out.append(Range(span.start_s, span.end_s, high, low, span.back_s))
    return sorted(out, key=lambda r: (r.start_s, min(r.first, r.second), max(r.first, r.second), r.first))


class LightTimes:
    """The ranges of a file, added and deleted one by one."""

    def __init__(self) -> None:
        self._ranges: dict[Pair, list[tuple[Piece, Line]]] = {}
        self._in_force: dict[Pair, list[Piece]] = {}

    def add(self, pair: Pair, piece: Piece, line: Line) -> None:
        """Take a range; the same start with the same light time changes nothing, as in ION.

        Raises:
            PlanFileError: It overlaps another of the same order of the pair.
        """
        ranges = self._ranges.setdefault(pair, [])
        index = bisect_right(ranges, piece.start_s, key=lambda entry: entry[0].start_s)
        for other, other_line in ranges[max(0, index - 1) : index + 1]:
            if (other.start_s, other.owlt_s) == (piece.start_s, piece.owlt_s):
                return
            if other.start_s < piece.end_s and piece.start_s < other.end_s:
                rule = f"overlaps the range of line {other_line.number} of the same pair"
                raise line.refuse(f"range {pair[0]} {pair[1]}", rule, "shorten or drop one of the two")
        insort(ranges, (piece, line))
        self._in_force.clear()

    def delete(self, pair: Pair, start_s: int | None) -> None:
        """Forget the range that starts then, or all of the pair."""
        ranges = self._ranges.get(pair, [])
        if start_s is None:
            ranges.clear()
        else:  # ranges do not overlap, so one at most starts then
            index = bisect_left(ranges, start_s, key=lambda entry: entry[0].start_s)
            del ranges[index : index + (index < len(ranges) and ranges[index][0].start_s == start_s)]
        self._in_force.clear()

    def within(self, pair: Pair, start_s: int, end_s: int) -> tuple[tuple[Piece, ...], int]:
        """Light times of one direction from `start_s` on without a gap, and the second up to which they reach."""
        if pair not in self._in_force:
            self._in_force[pair] = self._of(pair)
        pieces = self._in_force[pair]
        index = max(0, bisect_right(pieces, start_s, key=lambda piece: piece.start_s) - 1)
        out, reached_s = [], start_s
        while index < len(pieces) and pieces[index].start_s <= reached_s < end_s:
            if pieces[index].end_s > reached_s:
                out.append(Piece(reached_s, min(pieces[index].end_s, end_s), pieces[index].owlt_s))
                reached_s = out[-1].end_s
            index += 1
        return merged(out), reached_s

    def _of(self, pair: Pair) -> list[Piece]:
        """Ranges in force for one direction: its own, and between them those of the opposite one."""
        own = [piece for piece, _ in self._ranges.get(pair, [])]
        if pair[0] < pair[1]:
            return own
        out = list(own)
        index = 0
        for piece, _ in self._ranges.get((pair[1], pair[0]), []):
            start_s = piece.start_s
            while index < len(own) and own[index].end_s <= start_s:
                index += 1
            for over in islice(own, index, None):
                if over.start_s >= piece.end_s:
                    break
                out.append(piece._replace(start_s=start_s, end_s=over.start_s))
                start_s = over.end_s
            out.append(piece._replace(start_s=start_s))
        return sorted(piece for piece in out if piece.start_s < piece.end_s)


class _Span(NamedTuple):
    """Seconds of one light time; `back_s` is that of the opposite direction where it differs."""

    start_s: int
    end_s: int
    owlt_s: int
    back_s: int | None


def _both_ways(there: Sequence[Piece], back: Sequence[Piece]) -> list[_Span]:
    """Spans in which neither direction's light time changes, where either direction has a contact."""
    cuts = sorted({second for piece in (*there, *back) for second in (piece.start_s, piece.end_s)})
    there_at, back_at = _values(there, cuts), _values(back, cuts)
    spans: list[_Span] = []
    for start_s, end_s in pairwise(cuts):
        if start_s not in there_at and start_s not in back_at:
            continue
        owlt_s = there_at.get(start_s, back_at.get(start_s, 0))
        back_s = back_at.get(start_s, owlt_s)
        span = _Span(start_s, end_s, owlt_s, back_s if back_s != owlt_s else None)
        if spans and spans[-1].end_s == start_s and spans[-1][2:] == span[2:]:
            span = span._replace(start_s=spans.pop().start_s)
        spans.append(span)
    return spans


def _values(pieces: Sequence[Piece], cuts: Sequence[int]) -> dict[int, int]:
    """The light time at each cut that a piece covers."""
    out = {}
    index = 0
    for piece in sorted(pieces):
        while cuts[index] < piece.start_s:
            index += 1
        while cuts[index] < piece.end_s:
            out[cuts[index]] = piece.owlt_s
            index += 1
    return out
