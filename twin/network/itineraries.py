"""When to leave so as to arrive first: usable windows over one or several hops, folded into one list.

A window is (start, end, contact) in the transmitter's time. Over several hops it becomes a contact of its own, from the
first node to the last: its light time is the whole way, waiting at the nodes between included, its rate that of the
slowest hop. What queues behind others at a node between is not in it.

The fold keeps a departure only if no later one arrives earlier, so the first window from some instant on is the one to
take (the earliest-arrival profile of Foschini, Hershberger & Suri 2014, restricted to Pareto-optimal departures).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from twin.pipeline.transport.contact_plan import Contact, ContactPlan

Passing = tuple[int, int, Contact]


HOPS_MAX = 3
"""Over two relays at most."""

Usable = Callable[[str, str], list[Passing]]
"""Windows of one directed pair, disjoint, in order."""


def ways(plan: ContactPlan, source: str, destination: str, usable: Usable | None = None) -> list[Passing]:
    """The windows to take from one node to another, direct or over others.

    Args:
        usable: what is really usable of each pair of the plan; by default the plan's contacts.
    """
    return _to_take(by_neighbour(plan, (source,), destination, usable or as_planned(plan)), destination)


def as_planned(plan: ContactPlan) -> Usable:
    """Every contact of a plan as usable from its start to its end."""
    return lambda one, other: [(contact.start_us, contact.end_us, contact) for contact in plan.between(one, other)]


def by_neighbour(
    plan: ContactPlan, path: tuple[str, ...], destination: str, usable: Usable
) -> dict[str, list[Passing]]:
    """The windows from the last node of a path to the destination over each neighbour that is not on it, by name."""
    here = path[-1]
    found = {}
    for neighbour in plan.neighbours(here):
        if neighbour == destination:
            found[neighbour] = usable(here, destination)
        elif neighbour not in (*path, *plan.ends) and len(path) < HOPS_MAX:
            further = _to_take(by_neighbour(plan, (*path, neighbour), destination, usable), destination)
            if further:
                found[neighbour] = onward(usable(here, neighbour), further)
    return found


def _to_take(options: dict[str, list[Passing]], destination: str) -> list[Passing]:
    alone = list(options) == [destination]
    return options[destination] if alone else soonest(options.values())  # of one hop, later never arrives earlier


def onward(first: Sequence[Passing], second: Sequence[Passing]) -> list[Passing]:
    """Windows of the way over a node that holds what comes in `first` until it can go on in `second`.

    Args:
        first: windows to the node, in any order.
        second: windows onward from it, as `soonest` leaves them.
    """
    found: list[Passing] = []
    ends_us = [end_us for _, end_us, _ in second]
    for start_us, end_us, contact in first:
        at_us = start_us
        for next_start_us, next_end_us, further in second[bisect_right(ends_us, _arrival_us(contact, start_us)) :]:
            if at_us == end_us:
                break
            last_us = min(end_us, departure_us(contact, next_end_us, start_us, end_us))
            if at_us >= last_us:
                continue
            waits_until_us = min(last_us, departure_us(contact, next_start_us, start_us, end_us))
            if at_us < waits_until_us:
                landing_us = next_start_us + further.owlt_us(next_start_us)
                found.append(_joined(contact, further, at_us, waits_until_us, [at_us, waits_until_us], landing_us))
                at_us = waits_until_us
            if at_us < last_us:
                found.append(_joined(contact, further, at_us, last_us, _knots(contact, further, at_us, last_us), None))
                at_us = last_us
    return sorted(found, key=lambda window: window[:2])


def soonest(options: Iterable[Sequence[Passing]], eager: bool = False) -> list[Passing]:
    """Of all windows those to take: at each departure the one that arrives first, unless a later departure arrives
    before it, or, for who is not eager to leave, together with it.
    """
    closing: dict[int, list[_Piece]] = {}
    cuts: set[int] = set()
    for piece in (piece for windows in options for window in windows for piece in _pieces(window)):
        closing.setdefault(piece.end_us, []).append(piece)
        cuts |= {piece.start_us, piece.end_us}
    chosen: list[_Piece] = []
    open_now: list[_Piece] = []
    best_us: int | None = None
    for start_us, end_us in reversed(list(pairwise(sorted(cuts)))):  # from the last departure to the first
        open_now = [p for p in open_now if p.start_us < end_us] + closing.get(end_us, [])
        for piece in reversed(list(_lowest(open_now, start_us, end_us))):
            kept = piece if best_us is None else piece.arriving_before(best_us + eager)
            if kept is not None:
                chosen.append(kept)
                best_us = kept.arrival_us(kept.start_us)
    return [(p.start_us, p.end_us, p.contact) for p in _merged(reversed(chosen))]


def departure_us(contact: Contact, arrival_us: int, start_us: int, end_us: int) -> int:
    """First departure in `start <= t <= end` that arrives at `arrival_us` or later, `end_us` if none does."""
    if _arrival_us(contact, start_us) >= arrival_us:
        return start_us
    if _arrival_us(contact, end_us) < arrival_us:
        return end_us
    return _first_us(contact, arrival_us, start_us, end_us)


def _arrival_us(contact: Contact, at_us: int) -> int:
    return at_us + contact.owlt_us(at_us)


def _first_us(contact: Contact, arrival_us: int, low_us: int, high_us: int) -> int:
    """First departure that arrives at `arrival_us` or later; `low_us` arrives before that, and `high_us` does not.

    By interpolation, as light times are nearly linear, and every second step by halves, as they are not quite.
    """
    early_us, late_us = _arrival_us(contact, low_us), _arrival_us(contact, high_us)
    halve = False
    while high_us - low_us > 1:
        span_us = high_us - low_us
        ahead_us = span_us // 2 if halve else (arrival_us - early_us) * span_us // (late_us - early_us)
        middle_us = low_us + min(max(ahead_us, 1), span_us - 1)
        found_us = _arrival_us(contact, middle_us)
        if found_us < arrival_us:
            low_us, early_us = middle_us, found_us
        else:
            high_us, late_us = middle_us, found_us
        halve = not halve
    return high_us


class _Piece(NamedTuple):
    """A part of a window in which the arrival is linear in the departure."""

    start_us: int
    end_us: int
    contact: Contact

    def arrival_us(self, at_us: int) -> int:
        return _arrival_us(self.contact, at_us)

    def arriving_before(self, limit_us: int) -> _Piece | None:
        """The part that arrives before `limit_us`, None if there is none; arrivals never fall with departures."""
        if self.arrival_us(self.start_us) >= limit_us:
            return None
        if self.arrival_us(self.end_us) < limit_us:
            return self
        return self._replace(end_us=_first_us(self.contact, limit_us, self.start_us, self.end_us))


def _pieces(window: Passing) -> Iterator[_Piece]:
    start_us, end_us, contact = window
    inside = [at_us for at_us, _ in contact.owlt if start_us < at_us < end_us]
    for begin_us, finish_us in pairwise([start_us, *inside, end_us]):
        yield _Piece(begin_us, finish_us, contact)


def _lowest(pieces: Sequence[_Piece], start_us: int, end_us: int) -> Iterator[_Piece]:
    """Who arrives first over an interval in which all are linear, split where the order changes."""
    if not pieces:
        return
    at_us = start_us
    while at_us < end_us:
        now = min(pieces, key=lambda p: (p.arrival_us(at_us), p.arrival_us(end_us), p.contact[:2], p.contact.via))
        until_us = min((_overtaken_us(now, p, at_us, end_us) for p in pieces if p is not now), default=end_us)
        yield _Piece(at_us, until_us, now.contact)
        at_us = until_us


def _overtaken_us(one: _Piece, other: _Piece, at_us: int, end_us: int) -> int:
    """First instant after `at_us` at which `other` arrives before `one`, `end_us` if it does not."""
    if other.arrival_us(end_us - 1) >= one.arrival_us(end_us - 1):
        return end_us
    low_us, high_us = at_us, end_us - 1
    while high_us - low_us > 1:
        middle_us = (low_us + high_us) // 2
        behind = other.arrival_us(middle_us) >= one.arrival_us(middle_us)
        low_us, high_us = (middle_us, high_us) if behind else (low_us, middle_us)
    return max(high_us, at_us + 1)


def _merged(pieces: Iterable[_Piece]) -> list[_Piece]:
    out: list[_Piece] = []
    for piece in pieces:
        if out and out[-1].end_us == piece.start_us and out[-1].contact == piece.contact:
            out[-1] = out[-1]._replace(end_us=piece.end_us)
        else:
            out.append(piece)
    return out


def _knots(contact: Contact, further: Contact, start_us: int, end_us: int) -> list[int]:
    knots = {start_us, end_us}
    knots |= {at_us for at_us, _ in contact.owlt if start_us < at_us < end_us}
    first_us, last_us = _arrival_us(contact, start_us), _arrival_us(contact, end_us)
    at_node = [
        departure_us(contact, at_us, start_us, end_us) for at_us, _ in further.owlt if first_us < at_us <= last_us
    ]
    return sorted(knots | {at_us for at_us in at_node if start_us < at_us < end_us})


def _joined(
    contact: Contact, further: Contact, start_us: int, end_us: int, knots: Sequence[int], landing_us: int | None
) -> Passing:
    """A window over both hops; `landing_us` is when all of it arrives that waits at the node."""

    def way_us(at_us: int) -> int:
        if landing_us is not None:
            return landing_us - at_us
        at_node_us = at_us + contact.owlt_us(at_us)
        return at_node_us + further.owlt_us(at_node_us) - at_us

    joined = Contact(
        contact.source,
        further.destination,
        start_us,
        end_us,
        min(contact.rate_bps, further.rate_bps),
        tuple((at_us, way_us(at_us)) for at_us in knots),
        " ".join(filter(None, (contact.via, contact.destination, further.via))),
    )
    return start_us, end_us, joined
