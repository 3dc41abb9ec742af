"""What waits for a contact: priorities, lifetimes, room at relays, and the ways round what fails."""

from __future__ import annotations

from random import Random

import pytest
from pipeline_parts import LIFETIME, T0, S, contact, facts, of, timers, why_rejected

from twin.pipeline.facts import BundleDropped
from twin.pipeline.machine import Effect, PlanChanged, Transmit, TransmitFailed, Transmitted
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.pipeline.transport.contact_volume import BULK, EXPEDITED, NORMAL
from twin.pipeline.transport.lane import Parcel
from twin.pipeline.transport.outbox import Outbox

A, B, C, D = "a", "b", "c", "d"
BIT_RATE = 8_000_000
"""bit/s at which one byte takes one microsecond."""


def link(source: str, destination: str, start: int, end: int, owlt: int = 0) -> Contact:
    return contact(source, destination, T0 + start, T0 + end, BIT_RATE, owlt)


class Box:
    """An outbox, its effects, and a parcel's number as its first byte."""

    def __init__(self, *contacts: Contact, storage: int | None = None, return_to_sender: bool = False) -> None:
        self.given_up: list[Parcel] = []
        self.left: list[Parcel] = []
        self.box = Outbox(
            A,
            ContactPlan(contacts),
            lambda parcel, _now, _out: self.left.append(parcel),
            lambda parcel, _now, _out: self.given_up.append(parcel),
            storage,
            return_to_sender,
        )
        self.made = 0
        self.out: list[Effect] = []

    def put(
        self,
        at: int = 0,
        size: int = 10,
        priority: int = NORMAL,
        *,
        expiry: int = LIFETIME,
        came_from: str | None = None,
        owner: object = None,
        to: str = D,
    ) -> Parcel:
        self.made += 1
        parcel = Parcel(bytes([self.made % 256]) * size, to, priority, T0 + expiry, (1, 1, self.made), came_from, owner)
        self.box.put(parcel, T0 + at, self.out)
        return parcel

    def sent(self) -> list[tuple[int, str]]:
        """(number, neighbour) of what has been radiated."""
        return [(transmit.data[0], transmit.neighbour) for transmit in of(self.out, Transmit)]

    def drain(self, at: int) -> list[tuple[int, str]]:
        """Wake all, let everything leave in zero time; what has been radiated in all."""
        for neighbour in (B, C):
            if neighbour in self.box._lanes:
                self.box.wake(neighbour, T0 + at, self.out)
        done = 0
        while done < len(of(self.out, Transmit)):
            transmit = of(self.out, Transmit)[done]
            done += 1
            self.box.transmitted(Transmitted(transmit.id, transmit.neighbour), T0 + at, self.out)
        return self.sent()

    def dropped(self) -> list[tuple[int, str]]:
        return [(fact.bundle[2], fact.reason) for fact in facts(self.out, BundleDropped)]


def test_expedited_goes_before_normal_before_bulk_and_otherwise_in_order():
    box = Box(link(A, D, 100, 1000))
    for priority in (BULK, NORMAL, EXPEDITED, BULK, NORMAL, EXPEDITED):
        box.put(priority=priority)
    box.box._lanes[D].wake_us = T0 + 100
    box.box.wake(D, T0 + 100, box.out)
    while len(box.sent()) < 6:
        transmit = of(box.out, Transmit)[-1]
        box.box.transmitted(Transmitted(transmit.id, D), T0 + 100, box.out)
    assert [number for number, _ in box.sent()] == [3, 6, 2, 5, 1, 4]


def test_what_does_not_fit_beside_the_others_takes_the_next_best_route():
    """20 us to B now, D from there; the third and fourth bundle of 10 us go by C, later."""
    box = Box(link(A, B, 100, 120), link(B, D, 100, 900), link(A, C, 300, 900), link(C, D, 300, 900))
    parcels = [box.put() for _ in range(4)]
    assert [parcel.route.next_hop for parcel in parcels] == [B, B, C, C]
    assert [parcel.route.spans[0][0] - T0 for parcel in parcels] == [100, 110, 300, 310]


def test_expedited_pushes_the_newest_bulk_out_of_a_full_contact():
    box = Box(link(A, B, 100, 120), link(B, D, 100, 900), link(A, C, 300, 900), link(C, D, 300, 900))
    bulk = [box.put(priority=BULK) for _ in range(2)]
    urgent = box.put(priority=EXPEDITED)
    assert (urgent.route.next_hop, urgent.route.departure_us) == (B, T0 + 100)
    assert [parcel.route.next_hop for parcel in bulk] == [B, C]
    first = urgent.route.volumes[0]
    assert (first.promised_us(), first.overbooked_us) == (20, 0)


def test_a_contact_that_ended_unused_is_routed_round():
    """The first contact has no room left when its timer fires late; C is next."""
    box = Box(link(A, B, 100, 120), link(B, D, 100, 900), link(A, C, 300, 900), link(C, D, 300, 900))
    parcel = box.put()
    assert timers(box.out) == {"contact:b": T0 + 100}
    box.box.wake(B, T0 + 111, box.out)
    assert parcel.route.next_hop == C
    assert timers(box.out)["contact:c"] == T0 + 300


def test_a_neighbour_that_failed_is_planned_around_for_twice_as_long_each_time():
    box = Box(link(A, B, 0, 900 * S), link(B, D, 0, 900 * S), link(A, C, 25 * S, 900 * S), link(C, D, 0, 900 * S))
    parcel = box.put()
    failures = []
    at = 0
    while parcel.route.next_hop == B:
        (transmit,) = of(box.out, Transmit)
        failures.append(at // S)
        box.out.clear()
        box.box.failed(TransmitFailed(transmit.id, B, "no contact"), T0 + at, box.out)
        at = timers(box.out).get("contact:b", T0) - T0
        if parcel.route.next_hop == B:
            box.box.wake(B, T0 + at, box.out)
    assert failures == [0, 10], "10 s of patience, and then 20: C is open before"
    assert timers(box.out) == {"contact:c": T0 + 25 * S}


def test_a_bundle_never_goes_back_to_who_brought_it_unless_it_may():
    contacts = (link(A, B, 0, 900), link(B, D, 0, 900), link(A, C, 500, 900), link(C, D, 500, 900))
    assert Box(*contacts).put(came_from=B).route.next_hop == C
    assert Box(*contacts, return_to_sender=True).put(came_from=B).route.next_hop == B


def test_an_unusable_antenna_is_gone_round_and_waited_for_only_if_there_is_no_other_way():
    box = Box(link(A, B, 100, 900), link(B, D, 0, 900), link(A, C, 300, 900), link(C, D, 300, 900))
    parcel = box.put()
    box.box.link_changed(B, False, T0, box.out)
    assert parcel.route.next_hop == C
    box.box.link_changed(C, False, T0, box.out)
    assert parcel.route.next_hop == B
    assert box.drain(400) == []
    box.box.link_changed(B, True, T0 + 400, box.out)
    assert box.sent() == [(1, B)]
    assert not box.box.link_changed("nobody", True, T0, box.out)


# ------------------------------------------------------------ lifetimes


def test_a_bundle_that_no_contacts_can_bring_in_time_is_dropped_by_a_relay_at_once():
    box = Box(link(A, D, 500, 900))
    box.put(expiry=509, came_from=B)
    box.put(expiry=510, came_from=B)
    assert box.dropped() == [(1, "lifetime: no contacts are quick enough")]
    assert box.box._storage.used_bytes == 10


def test_a_lifetime_that_ends_while_a_bundle_waits_drops_it_and_tells_its_owner():
    """Its contact does not take place: the antenna is stowed until too late."""
    box = Box(link(A, D, 100, 900))
    mine, foreign = box.put(expiry=200, owner="mine"), box.put(expiry=200, came_from=B)
    box.box.link_changed(D, False, T0, box.out)
    box.box.link_changed(D, True, T0 + 201, box.out)
    assert box.dropped() == [(1, "lifetime"), (2, "lifetime")]
    assert box.given_up == [mine]
    assert box.box._storage.used_bytes == 0
    assert box.sent() == []
    assert foreign.route.volumes[0].promised_us() == 0


def test_what_no_route_takes_is_kept_until_a_plan_brings_one_or_its_lifetime_ends():
    box = Box(link(A, B, 0, 900))
    box.put(expiry=5000)
    box.put(expiry=400, owner="mine")
    assert why_rejected(box.out[:1]) == "no contact leads to d"
    assert timers(box.out) == {"stranded": T0 + 401}
    box.box.look_at_stranded(T0 + 401, box.out)
    assert box.dropped() == [(2, "lifetime")]
    assert timers(box.out) == {"stranded": T0 + 5001}
    box.box.plan_changed(PlanChanged(ContactPlan([link(A, D, 0, 900)])), T0 + 450, box.out)
    assert box.sent() == [(1, D)]


# ------------------------------------------------------------ storage


def test_a_full_relay_drops_the_newest_of_the_lowest_priority():
    box = Box(link(A, D, 100, 900), storage=35)
    for priority in (BULK, BULK, NORMAL, EXPEDITED, NORMAL, BULK):
        box.put(priority=priority, came_from=B)
    assert box.dropped() == [(2, "storage"), (1, "storage"), (6, "storage")]
    assert box.box._storage.used_bytes == 30
    box.put(priority=BULK)
    assert len(box.dropped()) == 3, "own bundles do not count: their payloads are in custody anyway"


def test_two_copies_of_a_bundle_take_room_twice_and_leave_twice():
    """A fault doubled it on its way to a relay that has room for two."""
    box = Box(link(A, D, 100, 900), storage=25)
    for _ in range(2):
        box.box.put(Parcel(b"x" * 10, D, NORMAL, T0 + LIFETIME, (1, 1, 1), B), T0, box.out)
    assert box.box._storage.used_bytes == 20
    box.box.wake(D, T0 + 100, box.out)
    for number in range(2):
        box.box.transmitted(Transmitted(number, D), T0 + 110 + 10 * number, box.out)
    assert len(box.sent()) == 2
    assert box.box._storage.used_bytes == 0


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_ever_lost_without_a_fact(seed: int):
    """Whatever happens, each parcel has left, waits, is on the antenna, or was stated as dropped, once; and no contact
    of any neighbour is promised more than it holds.
    """
    random = Random(seed)
    contacts = []
    for neighbour in (B, C):  # in seconds, at a byte per second
        at = 0
        for _ in range(40):
            at += random.randint(0, 60)
            end = at + random.choice([0, 15, 30, 80])
            contacts += [
                contact(*pair, T0 + start * S, T0 + until * S, 8, 5 * S)
                for pair, start, until in (((A, neighbour), at, end), ((neighbour, D), at, end + 40))
            ]
            at = end + 40
    box = Box(*contacts, storage=120)
    outbox = box.box
    under_way: dict[str, Transmit] = {}
    left, seen, at = [], 0, 0
    for _ in range(800):
        at += random.choice([0, 1, 5, 20]) * S
        action = random.random()
        if action < 0.4:
            size = random.randint(1, 30)
            box.put(at, size, random.choice([0, 1, 1, 2]), expiry=at + random.randint(20, 2000) * S, came_from="x")
        elif action < 0.45:
            neighbour = random.choice([B, C])
            outbox.link_changed(neighbour, random.random() < 0.8, T0 + at, box.out)
        elif action < 0.5:
            outbox.look_at_stranded(T0 + at, box.out)
        elif action < 0.7:
            outbox.wake(random.choice([B, C]), T0 + at, box.out)
        elif under_way:
            neighbour, transmit = under_way.popitem()
            if random.random() < 0.15:
                outbox.failed(TransmitFailed(transmit.id, neighbour, "no contact"), T0 + at, box.out)
            else:
                parcel = outbox._lanes[neighbour].under_way
                outbox.transmitted(Transmitted(transmit.id, neighbour), T0 + at, box.out)
                assert parcel is not None
                assert outbox._lanes[neighbour].under_way is not parcel
                left.append(parcel.bundle[2])
        for transmit in of(box.out[seen:], Transmit):
            assert transmit.neighbour not in under_way
            under_way[transmit.neighbour] = transmit
        seen = len(box.out)
        waiting = [parcel for lane in outbox._lanes.values() for queue in lane.queues for parcel in queue]
        flying = [lane.under_way for lane in outbox._lanes.values() if lane.under_way is not None]
        held = waiting + flying + outbox._stranded
        numbers = [parcel.bundle[2] for parcel in held] + left + [number for number, _ in box.dropped()]
        assert sorted(numbers) == list(range(1, box.made + 1))
        assert outbox._storage.used_bytes == sum(parcel.size for parcel in held)
        assert outbox._storage.used_bytes <= 120 + sum(parcel.size for parcel in flying)
        for pair in outbox.router._pairs.values():
            for volume in pair.volumes:
                if volume.contact.source == A:
                    assert volume.overbooked_us == 0
    assert len(left) > 20
    assert {reason.partition(":")[0] for _, reason in box.dropped()} == {"storage", "lifetime"}
