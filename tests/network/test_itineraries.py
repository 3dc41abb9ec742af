"""Folding windows of several hops into those to take, against a search minute by minute."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from twin.network.itineraries import Passing, departure_us, onward, soonest, ways
from twin.pipeline.transport.contact_plan import Contact, ContactPlan


def window(source: str, destination: str, start_us: int, end_us: int, *owlt: tuple[int, int], via: str = "") -> Passing:
    return start_us, end_us, Contact(source, destination, start_us, end_us, 1000, owlt or ((start_us, 5),), via)


def arrival_us(windows: list[Passing], at_us: int) -> int | None:
    """Arrival of what leaves at `at_us`."""
    return min((at_us + c.owlt_us(at_us) for start, end, c in windows if start <= at_us < end), default=None)


def by_search(first: list[Passing], second: list[Passing], at_us: int) -> int | None:
    """The same over two hops, by trying every way onward."""
    at_node = [at_us + c.owlt_us(at_us) for start, end, c in first if start <= at_us < end]
    ways = [
        max(come, start) + c.owlt_us(max(come, start)) for come in at_node for start, end, c in second if come < end
    ]
    return min(ways, default=None)


def windows_of(random_: random.Random, source: str, destination: str, via: str) -> list[Passing]:
    """Disjoint windows whose light time drifts."""
    found, at_us = [], random_.randrange(50)
    for _ in range(random_.randrange(1, 5)):
        end_us = at_us + random_.randrange(1, 60)
        light = random_.randrange(1, 40)
        knots = [(at_us, light), (end_us, light + random_.choice((-1, 0, 1)) * ((end_us - at_us) // 8))]
        found.append(window(source, destination, at_us, end_us, *knots, via=via))
        at_us = end_us + random_.randrange(40)
    return found


@pytest.mark.parametrize("seed", range(200))
def test_the_way_over_a_node_arrives_when_a_search_says(seed: int) -> None:
    random_ = random.Random(seed)
    first, second = windows_of(random_, "a", "r", ""), soonest([windows_of(random_, "r", "b", "s")])
    joined = onward(first, second)
    for at_us in range(400):
        found, truth = arrival_us(joined, at_us), by_search(first, second, at_us)
        assert (found is None) == (truth is None), at_us
        if found is not None and truth is not None:
            assert abs(found - truth) <= 2, at_us  # knots lie on whole microseconds


@pytest.mark.parametrize("seed", range(200))
def test_the_first_window_kept_arrives_no_later_than_any_departure(seed: int) -> None:
    random_ = random.Random(seed)
    options = [windows_of(random_, "a", "b", str(number)) for number in range(random_.randrange(1, 4))]
    kept = soonest(options)
    assert all(one[1] <= other[0] for one, other in pairwise(kept))
    every = [window for windows in options for window in windows]
    for from_us in range(0, 400, 7):
        truth = min(filter(None, (arrival_us(every, at_us) for at_us in range(from_us, 400))), default=None)
        first = next(((max(start, from_us), c) for start, end, c in kept if end > from_us), None)
        found = None if first is None else first[0] + first[1].owlt_us(first[0])
        assert found == truth, from_us


@pytest.mark.parametrize("seed", range(200))
def test_the_first_departure_for_an_arrival_is_that_of_a_search(seed: int) -> None:
    random_ = random.Random(seed)
    instants = sorted(random_.sample(range(400), random_.randrange(2, 9)))
    light = [random_.randrange(60, 70)]
    for one, other in pairwise(instants):  # drifting at any rate, or standing still as at a node until all go on
        light.append(light[-1] + random_.randrange(-(other - one), other - one + 1))
    start_us, end_us, contact = window("a", "b", instants[0], instants[-1], *zip(instants, light, strict=True))
    arrivals = {at_us: at_us + contact.owlt_us(at_us) for at_us in range(start_us, end_us + 1)}
    for wanted_us in range(arrivals[start_us] - 2, arrivals[end_us] + 3):
        truth = next((at_us for at_us, landing_us in arrivals.items() if landing_us >= wanted_us), end_us)
        assert departure_us(contact, wanted_us, start_us, end_us) == truth


def test_what_waits_at_a_node_lands_together_and_what_follows_goes_through() -> None:
    joined = onward([window("a", "r", 0, 100)], [window("r", "b", 50, 200, (50, 20))])
    assert [(start, end) for start, end, _ in joined] == [(0, 45), (45, 100)]
    (_, _, waiting), (_, _, through) = joined
    assert {at + waiting.owlt_us(at) for at in range(45)} == {70}
    assert through.owlt_us(60) == 25
    assert through.via == "r"


def test_a_departure_that_a_later_one_overtakes_is_not_kept() -> None:
    slow, direct = window("a", "b", 0, 10, (0, 1000)), window("a", "b", 50, 60)
    assert soonest([[slow], [direct]]) == [direct]


def test_over_one_relay_too_what_would_wait_there_leaves_later() -> None:
    contacts = [window("a", "r", 0, 100)[2], window("r", "b", 50, 200, (50, 20))[2]]
    ((start_us, end_us, through),) = ways(ContactPlan(contacts, ends=("a", "b")), "a", "b")
    assert (start_us, end_us) == (45, 100), "a wait counts as a wait for the contact, as over several relays"
    assert through.owlt_us(45) == 25
