"""Contact graph routing: against an earliest-arrival oracle of another kind, and by hand."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.pipeline.transport.contact_volume import BULK, EXPEDITED, LEVELS, NORMAL, ContactVolume
from twin.pipeline.transport.routing import Route, Router

BYTE_A_US = 8_000_000
"""bit/s at which one byte takes one microsecond."""
A, B, C, D, E = "abcde"


def link(
    source: str, destination: str, start: int, end: int, owlt: int = 0, rate: int = BYTE_A_US, via: str = ""
) -> Contact:
    return Contact(source, destination, start, end, rate, ((start, owlt),), via)


def way(route: Route | None) -> tuple[str, int] | None:
    return None if route is None else ("".join(route.nodes), route.arrival_us)


# ------------------------------------------------------------ the oracle


def light_us(contact: Contact, at: int) -> int:
    """Light time by walking along the knots."""
    knots = contact.owlt
    if at <= knots[0][0]:
        return knots[0][1]
    for (t0, v0), (t1, v1) in pairwise(knots):
        if at <= t1:
            return v0 + (v1 - v0) * (at - t0) // (t1 - t0)
    return knots[-1][1]


def oracle_us(contacts: list[Contact], source: str, destination: str, size: int, now: int) -> int | None:
    """Earliest arrival by relaxing every contact at every microsecond until nothing changes any more.

    No queue, no order of contacts, no bound: `here[n]` is the earliest instant at which node n holds the bundle.
    """
    here = {source: now}
    changed = True
    while changed:
        changed = False
        for contact in contacts:
            if contact.source not in here:
                continue
            airtime = (size * 8_000_000 + contact.rate_bps - 1) // contact.rate_bps
            for begin in range(max(here[contact.source], contact.start_us), contact.end_us - airtime + 1):
                arrival = begin + airtime + light_us(contact, begin + airtime)
                if arrival < here.get(contact.destination, arrival + 1):
                    here[contact.destination] = arrival
                    changed = True
    return here.get(destination)


def random_contacts(random: Random) -> list[Contact]:
    """Windows of several neighbours overlap, touch, or last no time; rates and light times change; times are small."""
    nodes = "abcde"[: random.randint(2, 5)]
    contacts = []
    for source in nodes:
        for destination in nodes:
            if source == destination or random.random() < 0.35:
                continue
            at = random.randint(0, 20)
            for _ in range(random.randint(1, 4)):
                end = at + random.choice([0, 1, 3, 8, 15, 30])
                rate = random.choice([BYTE_A_US, BYTE_A_US // 2, 3_000_000])
                first = random.randint(0, 40)
                owlt: tuple[tuple[int, int], ...] = ((at, first),)
                if end > at and random.random() < 0.5:
                    # light time never falls faster than time passes
                    owlt += ((end, max(0, first + random.randint(-(end - at), 2 * (end - at)))),)
                contacts.append(Contact(source, destination, at, end, rate, owlt))
                at = end + random.choice([0, 0, 1, 7, 20])
    return contacts


@pytest.mark.parametrize("block", range(20))
def test_the_best_route_arrives_when_the_oracle_says(block: int) -> None:
    """1200 plans, several bundles each at later and later instants, so that routes known before are asked for too."""
    found = 0
    for number in range(60):
        random = Random(f"{block} {number}")
        contacts = random_contacts(random)
        router = Router(ContactPlan(contacts), A)
        now = 0
        for _ in range(4):
            now += random.choice([0, 0, 2, 11])
            size = random.choice([1, 2, 3, 5, 9, 40])
            expected = oracle_us(contacts, A, B, size, now)
            route = router.best(B, size, now)
            assert (None if route is None else route.arrival_us) == expected, f"plan {block} {number} at {now}: {size}"
            if route is not None:
                found += 1
                check_route(route, size, now)
    assert found > 60


def check_route(route: Route, size: int, now: int) -> None:
    """Each transmission lies inside its contact and begins when the bundle is there."""
    at = now
    names = route.nodes
    assert len(set(names)) == len(names), "a loop"
    for contact, (begin, end) in zip(route.contacts, route.spans, strict=True):
        assert contact.start_us <= begin < end <= contact.end_us
        assert begin >= at
        assert end - begin == contact.airtime_us(size)
        at = end + light_us(contact, end)
    assert at == route.arrival_us


# ------------------------------------------------------------ with what is promised


def promised_oracle_us(
    contacts: list[Contact], taken: dict[int, list[tuple[int, int, int]]], size: int, now: int, priority: int
) -> int | None:
    """The oracle where contact number n may not be used in the spans `taken[n]` of this priority and above."""
    here = {A: now}
    changed = True
    while changed:
        changed = False
        for number, contact in enumerate(contacts):
            airtime = (size * 8_000_000 + contact.rate_bps - 1) // contact.rate_bps
            spans = [(b, e) for b, e, level in taken.get(number, ()) if level >= priority]
            if sum(e - b for b, e in spans) + airtime > contact.end_us - contact.start_us:
                continue
            for begin in range(max(here.get(contact.source, 1 << 60), contact.start_us), contact.end_us - airtime + 1):
                if any(begin < e and b < begin + airtime for b, e in spans):
                    continue
                arrival = begin + airtime + light_us(contact, begin + airtime)
                if arrival < here.get(contact.destination, arrival + 1):
                    here[contact.destination] = arrival
                    changed = True
    return here.get(B)


@pytest.mark.parametrize("block", range(10))
def test_promises_are_kept_clear_of_and_never_exceed_a_contact(block: int) -> None:
    """Bundles of three priorities are committed, some given back; the oracle knows the spans that stand."""
    committed = 0
    for number in range(40):
        random = Random(f"promises {block} {number}")
        contacts = random_contacts(random)
        plan = ContactPlan(contacts)
        numbers = {id(contact): at for at, contact in enumerate(contacts)}
        router = Router(plan, A)
        taken: dict[int, list[tuple[int, int, int]]] = {}
        volumes: dict[int, ContactVolume] = {}
        standing: list[Route] = []
        now = 0
        for _ in range(12):
            now += random.choice([0, 0, 1, 4])
            if standing and random.random() < 0.25:
                given = standing.pop(random.randrange(len(standing)))
                router.release(given)
                for contact, span in zip(given.contacts, given.spans, strict=True):
                    taken[numbers[id(contact)]].remove((*span, given.priority))
            size, priority = random.choice([1, 2, 3, 5, 9]), random.choice([BULK, NORMAL, NORMAL, EXPEDITED])
            promise = random.random() < 0.5  # of a route known before, else afterwards
            route = router.best(B, size, now, priority, promise=promise)
            expected = promised_oracle_us(contacts, taken, size, now, priority)
            assert (None if route is None else route.arrival_us) == expected, f"plan {block} {number} at {now}"
            if route is None:
                continue
            check_route(route, size, now)
            if not promise:
                router.commit(route)
            committed += 1
            standing.append(route)
            for volume, span in zip(route.volumes, route.spans, strict=True):
                taken.setdefault(numbers[id(volume.contact)], []).append((*span, priority))
                volumes[numbers[id(volume.contact)]] = volume
            for at, spans in taken.items():
                for level in range(LEVELS):
                    held = sorted(span for span in spans if span[2] >= level)
                    assert volumes[at].promised_us(level) == sum(e - b for b, e, _ in held)
                    same = sorted((b, e) for b, e, of in spans if of == level)
                    assert all(one[1] <= other[0] for one, other in pairwise(same))
                total = sum(e - b for b, e, _ in spans)
                length = contacts[at].end_us - contacts[at].start_us
                assert volumes[at].overbooked_us == max(0, total - length)
    assert committed > 100


@given(
    length=st.integers(0, 200),
    sizes=st.lists(st.integers(1, 60), max_size=30),
    give_back=st.sets(st.integers(0, 29)),
    forget_at=st.integers(0, 200),
)
def test_volume_of_one_priority_is_conserved(
    length: int, sizes: list[int], give_back: set[int], forget_at: int
) -> None:
    volume = ContactVolume(link(A, B, 0, length))
    spans = {}
    for number, size in enumerate(sizes):
        span = volume.earliest(0, size, NORMAL)
        if span is not None:
            volume.promise(span, NORMAL)
            spans[number] = span
        assert volume.promised_us() == sum(e - b for b, e in spans.values()) <= length
    for number in sorted(give_back & set(spans)):
        volume.give_back(spans.pop(number), NORMAL)
    assert volume.promised_us() == sum(e - b for b, e in spans.values())
    volume.forget(forget_at)
    left = sum(max(0, e - max(b, forget_at)) for b, e in spans.values()) if forget_at < length else 0
    assert volume.promised_us() == left
    for span in spans.values():
        volume.give_back(span, NORMAL)
    assert volume.promised_us() == 0
