"""What is said of a node with a wrong plan, against the production way of a node that goes by that plan."""

from __future__ import annotations

import random

import pytest

from twin.faults.stale_plan import shifted
from twin.guarantees.availability import Passage
from twin.network.itineraries import Passing, as_planned, by_neighbour
from twin.network.misled import misled
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.pipeline.transport.way import Way

S = 1_000_000
SIZE_BYTES = 100
END_US = 40_000 * S
AFTER_US = 30_000 * S
"""When the right plan is there again."""


def contact(source: str, destination: str, start_s: float, end_s: float, owlt_s: float = 1) -> Contact:
    start_us, end_us, owlt_us = (round(s * S) for s in (start_s, end_s, owlt_s))
    return Contact(source, destination, start_us, end_us, 10**6, ((start_us, owlt_us),))


def predicted(plan: ContactPlan, believed: ContactPlan, span: tuple[int, int] = (0, END_US)) -> list[Passing]:
    """What a home uses while it follows `believed` in a span."""
    real = by_neighbour(plan, ("home",), "earth", as_planned(plan))
    open_us = {name: [(c.start_us, c.end_us) for c in plan.between("home", name)] for name in real}
    return misled("earth", by_neighbour(believed, ("home",), "earth", as_planned(believed)), real, open_us, span)


def departures_s(windows: list[Passing]) -> list[tuple[float, float]]:
    return [(start / S, end / S) for start, end, _ in windows]


def test_what_both_plans_promise_is_used() -> None:
    plan = ContactPlan([contact("home", "earth", 100, 200)])
    assert departures_s(predicted(plan, shifted(plan, 40 * S))) == [(140, 200)]


def test_one_neighbour_that_was_not_there_is_asked_again_soon() -> None:
    plan = ContactPlan([contact("home", "earth", 100, 200)])
    assert departures_s(predicted(plan, shifted(plan, -40 * S))) == [(110, 160)]


def test_a_relay_that_the_plan_prefers_is_used_although_it_arrives_later() -> None:
    real = [contact("home", "relay", 0, 100), contact("home", "earth", 50, 100), contact("relay", "earth", 5000, 6000)]
    thought = [contact("home", "relay", 0, 100), contact("relay", "earth", 0, 100, 0.2)]
    found = predicted(ContactPlan(real), ContactPlan(thought))
    assert departures_s(found) == [(0, 99)]  # and then the relay would miss Earth, by what is believed
    assert all(at_us + c.owlt_us(at_us) == 5001 * S for at_us, _, c in found)


def test_a_node_waits_for_the_better_contact_that_it_believes_in() -> None:
    real = [contact("home", "relay", 0, 100), contact("home", "earth", 500, 600), contact("relay", "earth", 300, 600)]
    thought = [*real[:2], contact("relay", "earth", 900, 999)]
    assert departures_s(predicted(ContactPlan(real), ContactPlan(thought))) == [(500, 600)]


def test_a_neighbour_that_is_not_there_may_be_left_alone_for_the_longest_pause() -> None:
    real = [contact("home", "earth", 60, 3000), contact("home", "relay", 0, 3000), contact("relay", "earth", 0, 3000)]
    thought = [contact("home", "earth", 0, 3000), *real[1:]]
    found = predicted(ContactPlan(real), ContactPlan(thought))
    landings_s = [(start / S, (start + c.owlt_us(start)) / S) for start, _, c in found]
    assert landings_s == [(0, 702), (700, 701)]  # over the relay up to then, or at last direct


def home_s(plan: ContactPlan, neighbour: str, at_us: int) -> int | None:
    """When what reaches a neighbour at an instant is on Earth, by the right plan."""
    if neighbour == "earth":
        return at_us
    arrivals = [
        max(at_us, c.start_us) + c.owlt_us(max(at_us, c.start_us))
        for c in plan.between(neighbour, "earth")
        if at_us < c.end_us
    ]
    return min(arrivals, default=None)


def sky(random_: random.Random) -> ContactPlan:
    """Passes of two relays and of Earth itself over a home."""
    contacts = []
    for neighbour in random_.sample(("earth", "mro", "tgo"), random_.randrange(1, 4)):
        at_s = random_.uniform(0, 3000)
        while at_s < END_US / S:
            long_s = random_.uniform(30, 2500)
            contacts.append(contact("home", neighbour, at_s, at_s + long_s, 600 if neighbour == "earth" else 0.01))
            at_s += long_s + random_.uniform(60, 6000)
        at_s = random_.uniform(0, 4000)
        while neighbour != "earth" and at_s < END_US / S:
            long_s = random_.uniform(500, 5000)
            contacts.append(contact(neighbour, "earth", at_s, at_s + long_s, 600))
            at_s += long_s + random_.uniform(60, 5000)
    return ContactPlan(contacts)


def leaves(way: Way, plan: ContactPlan, at_us: int) -> tuple[int, str] | None:
    """When a bundle that is there at an instant leaves a home, and to whom, as an edge asks its way."""
    now_us = at_us
    while now_us < END_US:
        if way.room_bytes(now_us) >= SIZE_BYTES:
            sent = way.radiate(bytes(SIZE_BYTES), now_us)
            open_now = any(c.start_us <= now_us < c.end_us - 1000 for c in plan.between("home", sent.neighbour))
            if open_now:
                assert way.ended(sent.id)
                return now_us, sent.neighbour
            assert way.failed(sent.id, now_us)
        else:
            next_us = way.next_start_us(now_us, SIZE_BYTES)
            if next_us is None:
                return None
            now_us = max(now_us + 1000, next_us)
    return None


@pytest.mark.parametrize("seed", range(200))
def test_what_is_predicted_is_no_earlier_than_what_a_node_does(seed: int) -> None:
    random_ = random.Random(seed)
    plan = sky(random_)
    believed = shifted(plan, random_.choice((-1, 1)) * random_.choice((10, 60, 400, 1500, 7000)) * S)
    passage = Passage(predicted(plan, believed))
    way = Way(believed, "home", "earth")
    checked, at_us = 0, 0
    while at_us < AFTER_US:
        at_us += round(random_.uniform(1, 1200) * S)
        found = passage.next_us(at_us)
        left = leaves(way, plan, at_us)
        if found is None or found[0] > AFTER_US:
            continue
        assert left is not None, f"at {at_us / S} s nothing leaves"
        promised_us = found[0] + found[1].owlt_us(found[0])
        leaving_us, neighbour = left
        flown_us = next(c for c in plan.between("home", neighbour) if c.start_us <= leaving_us < c.end_us)
        arrival_us = home_s(plan, neighbour, leaving_us + flown_us.owlt_us(leaving_us))
        assert arrival_us is not None
        assert arrival_us <= promised_us + S, f"at {at_us / S} s: left {leaving_us / S} to {neighbour}, {found[0] / S}"
        checked += 1
        at_us = max(at_us, leaving_us)
    assert checked or all(start_us > AFTER_US - 1200 * S for start_us, _, _ in passage.windows)
