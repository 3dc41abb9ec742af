"""The longest time in which an edge must keep what was measured, because no ack of it can come home.

An ack needs a way down for the data and, once Earth has verified it and copied it to its backup, a way up. So the
silence that sizes storage begins with the first data that miss the last ack, and ends when the next ack arrives: longer
than the time in which nothing can leave (`passages.longest_silence_s`) by all in which data leave and no ack returns.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from heapq import heapify, heappop, heappush
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from twin.guarantees.availability import Availability
from twin.network.itineraries import Passing
from twin.network.visibility import Window
from twin.world.timescales import SOL_US

_WITHIN_US = 60_000_000


class Silence(NamedTuple):
    """What is measured at `since_us` must be kept until `until_us`, the end of the plan if no ack comes before.

    `held_us` of measurements lie between the two: less than their distance if generation ends in between.
    """

    since_us: int
    until_us: int
    held_us: int


class _Leaving(NamedTuple):
    """What was measured in [from, until) leaves in one contact: from `left_us` on, and then in the order of its age."""

    from_us: int
    until_us: int
    left_us: int
    left_until_us: int
    contact: Passing

    def departure_us(self, at_us: int) -> int:
        """When that leaves which was measured at an instant."""
        spread_us = self.until_us - self.from_us
        share = Fraction(at_us - self.from_us, spread_us) if spread_us else Fraction(0)
        return max(at_us, self.left_us + ceil(share * (self.left_until_us - self.left_us)))


class Departures:
    """When what is measured can have left, oldest first, if it waits behind all that was measured before.

    Args:
        windows: usable windows down, in order.
        generation: first instant of generation and the end.
        bits: what all devices that share these windows say in this time.
    """

    def __init__(self, windows: list[Passing], generation: Window, bits: int) -> None:
        gone_us, end_us = generation
        self._pieces: list[_Leaving] = []
        for window in windows:
            start_us, until_us = max(window[0], gone_us), window[1]
            if start_us >= until_us or gone_us >= end_us:
                continue
            # how much measured time leaves in a microsecond
            pace = Fraction(window[2].rate_bps * (end_us - generation[0]), max(1, bits) * 1_000_000)
            done_us = _done_us(gone_us, start_us, end_us, pace)
            if done_us <= until_us:
                after_us = min(done_us, end_us)
            else:
                done_us, after_us = until_us, min(end_us, gone_us + int(pace * (until_us - start_us)))
            if after_us > gone_us:
                self._pieces.append(_Leaving(gone_us, after_us, start_us, done_us, window))
                gone_us = after_us
            at_once_us = min(until_us, end_us)
            if done_us < at_once_us and gone_us < end_us:  # nothing waits any more
                self._pieces.append(_Leaving(gone_us, at_once_us, done_us, at_once_us, window))
                gone_us = at_once_us
        self._ends_us = [piece.until_us for piece in self._pieces]

    def of(self, at_us: int) -> tuple[int, Passing] | None:
        """When what is measured at an instant leaves, and in which window; None beyond the plan."""
        position = bisect_right(self._ends_us, at_us)
        if position == len(self._pieces):
            return None
        piece = self._pieces[position]
        return piece.departure_us(at_us), piece.contact


def _done_us(gone_us: int, start_us: int, end_us: int, pace: Fraction) -> int:
    """When nothing waits any more, if from `start_us` on all leaves that was measured since `gone_us`, `pace` times as
    fast as it is measured until `end_us`.
    """
    if start_us < end_us and pace > 1:
        caught_up_us = start_us + ceil((start_us - gone_us) / (pace - 1))
        if caught_up_us <= end_us:
            return caught_up_us
    return start_us + ceil((end_us - gone_us) / pace)


def acked_home_us(available: Availability, departures: Departures, at_us: int, lost: int, settle_us: int) -> int | None:
    """When the ack of what is measured at an instant is home, if `lost` copies of it are lost; None beyond the plan.

    Args:
        settle_us: what Earth takes, besides its turnaround, until it lets Mars delete.
    """
    found = departures.of(at_us)
    if found is None:
        return None
    left_us, (_, _, contact) = found
    for _ in range(lost):
        answered_us = available.answered_us(left_us, contact)
        again = None if answered_us is None else available.down.next_us(answered_us)
        if again is None:
            return None
        left_us, contact = again
    ready_us = left_us + contact.owlt_us(left_us) + available.turnaround_us + settle_us
    back = available.up.next_us(ready_us)
    return None if back is None else back[0] + back[1].owlt_us(back[0])


def longest_silence(home_us: Callable[[int], int | None], generation: Window, plan_end_us: int) -> Silence:
    """The silence in which most is measured, to a minute, for what comes home in the order in which it was measured.

    Halves the time until no part can hold a longer one: nothing measured in a part waits longer than from its beginning
    until the ack of its end.

    Args:
        home_us: when the ack of what was measured at an instant is home, None beyond the plan.
    """
    start_us, end_us = generation

    def until_us(at_us: int) -> int:
        found = home_us(at_us)
        return plan_end_us if found is None else found

    def most_us(begin_us: int, home_of_end_us: int) -> int:
        return min(home_of_end_us, end_us) - begin_us

    cuts = sorted({*range(start_us, end_us, int(SOL_US)), end_us})
    homes_us = {at_us: until_us(at_us) for at_us in cuts[:-1]} | {end_us: until_us(end_us - 1)}
    parts = [(-most_us(a, homes_us[b]), a, b, homes_us[b]) for a, b in pairwise(cuts)]
    heapify(parts)
    while True:
        most, begin_us, stop_us, home_of_end_us = heappop(parts)
        if stop_us - begin_us <= _WITHIN_US:
            return Silence(begin_us, home_of_end_us, -most)
        middle_us = (begin_us + stop_us) // 2
        home_of_middle_us = until_us(middle_us)
        heappush(parts, (-most_us(begin_us, home_of_middle_us), begin_us, middle_us, home_of_middle_us))
        heappush(parts, (-most_us(middle_us, home_of_end_us), middle_us, stop_us, home_of_end_us))
