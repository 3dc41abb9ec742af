"""What a node can count on that goes by a wrong plan: it leaves when that plan says, over the neighbour that it names.

By the wrong plan it takes the way that would arrive first, or waits for one. If its neighbour is there, the bundle goes
on from there by the right plan, and may arrive later than another way would have. If it is not there, nothing leaves;
the node leaves it alone for a pause that doubles with each failure (``transport.way``) and goes by what is best then.

So while a neighbour is wanted and not there, and for the longest pause after that, it may be left alone or not: all
that a bundle can count on is to arrive with the latest of those that may leave meanwhile, or when the doubt is over.
A node that knows no way but the direct one tries again and again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, combinations, pairwise

from twin.network.itineraries import Passing, soonest
from twin.network.visibility import Window, subtract, union
from twin.pipeline.transport.antenna import RETRY_US
from twin.pipeline.transport.way import PAUSE_MAX_US

Options = Mapping[str, Sequence[Passing]]
"""Windows to one destination by the neighbour that takes them, as `itineraries.by_neighbour` finds them."""

_Turn = tuple[int, int, str]
"""Start and end [us] of the time in which a node wants to leave over a neighbour."""


def misled(
    destination: str, believed: Options, real: Options, open_us: Mapping[str, Sequence[Window]], span: Window
) -> list[Passing]:
    """Windows that a bundle can count on while a wrong plan is followed: from each instant the first of them.

    Args:
        destination: where all of them lead.
        believed: windows by the wrong plan.
        real: windows that lead to the destination in truth.
        open_us: when each neighbour can be transmitted to, whatever becomes of it there.
        span: while the wrong plan is followed [us].
    """
    beliefs = _Beliefs(believed)
    pause_us = RETRY_US if list(believed) == [destination] else PAUSE_MAX_US
    doubted: dict[str, list[Window]] = {}
    while True:  # who turns to another may find that one missing as well
        failing = {
            name: [(start, end + pause_us) for start, end in subtract(wanted, open_us.get(name, ()))]
            for name, wanted in _wanted(beliefs, doubted, span).items()
        }
        if all(not subtract(windows, doubted.get(name, ())) for name, windows in failing.items()):
            break
        doubted = {name: union([*doubted.get(name, ()), *failing.get(name, ())]) for name in believed}
    counted_on: list[Passing] = []
    for begin, until, doubts in reversed(list(_stretches(doubted, span))):
        leaving = [_clipped(real, beliefs.turns(left_alone), (begin, until)) for left_alone in _subsets(doubts)]
        if not doubts:
            counted_on = leaving[0] + counted_on
        elif counted_on:
            counted_on = _in_doubt((begin, until), list(chain(*leaving)), counted_on[0]) + counted_on
    return counted_on


class _Beliefs:
    """The neighbour that a node wants to leave over, and when, by who it leaves alone."""

    def __init__(self, believed: Options) -> None:
        self._named = {
            name: [(start, end, contact._replace(via=name)) for start, end, contact in windows]
            for name, windows in believed.items()
        }
        self.turns = cache(self._turns)

    def _turns(self, left_alone: frozenset[str]) -> list[_Turn]:
        options = [windows for name, windows in self._named.items() if name not in left_alone]
        return [(start, end, contact.via) for start, end, contact in soonest(options, eager=True)]


def _stretches(doubted: Mapping[str, Sequence[Window]], span: Window) -> Iterator[tuple[int, int, frozenset[str]]]:
    """The span in parts, each with the neighbours that are in doubt all the time."""
    cuts = {us for windows in doubted.values() for window in windows for us in window if span[0] < us < span[1]}
    for begin, until in pairwise(sorted({*span, *cuts})):
        yield begin, until, frozenset(n for n, windows in doubted.items() if any(a <= begin < b for a, b in windows))


def _subsets(names: frozenset[str]) -> Iterator[frozenset[str]]:
    yield from map(frozenset, chain(*(combinations(sorted(names), count) for count in range(len(names) + 1))))


def _wanted(beliefs: _Beliefs, doubted: Mapping[str, Sequence[Window]], span: Window) -> dict[str, list[Window]]:
    """When each neighbour may be wanted, whoever else is left alone."""
    wanted: dict[str, list[Window]] = {}
    for begin, until, doubts in _stretches(doubted, span):
        for left_alone in _subsets(doubts):
            for start, end, name in beliefs.turns(left_alone):
                if start < until and begin < end:
                    wanted.setdefault(name, []).append((max(start, begin), min(end, until)))
    return {name: union(windows) for name, windows in wanted.items()}


def _clipped(real: Options, turns: Sequence[_Turn], stretch: Window) -> list[Passing]:
    """What leaves and arrives in a stretch if a node wants to leave in these turns."""
    found = []
    for begin, until, name in turns:
        for start, end, contact in real.get(name, ()):
            first_us, last_us = max(start, begin, stretch[0]), min(end, until, stretch[1])
            if first_us < last_us:
                found.append((first_us, last_us, contact))
    return sorted(found, key=lambda window: window[:2])


def _in_doubt(stretch: Window, leaving: Sequence[Passing], after: Passing) -> list[Passing]:
    """A stretch of doubt as one window that lands with the latest of what may leave in it; none if what comes after it
    lands no sooner.
    """
    start_us, _, contact = after
    over_us = start_us + contact.owlt_us(start_us)
    landing_us = max((end + c.owlt_us(end) for _, end, c in leaving), default=over_us)
    if landing_us <= over_us:
        return []
    begin, until = stretch
    knots = ((begin, landing_us - begin), (until, landing_us - until))
    return [(begin, until, contact._replace(start_us=begin, end_us=until, owlt=knots))]
