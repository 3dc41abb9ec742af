"""Contact plans, answer times, antennas and the mailer: against sums worked by hand and RFC 5326 section 6.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline_parts import T0, S, contact

from twin.pipeline.transport.antenna import RETRY_US, Antenna
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.pipeline.transport.mailer import Address, Mailer, read_clear
from twin.pipeline.transport.routing import Router
from twin.pipeline.transport.timing import answer_us, arrival_us
from twin.pipeline.wire.bundle import BundleError

A, B, C = "a", "b", "c"
BYTE_A_US = 8_000_000
"""bit/s at which one byte takes one microsecond."""


def link(start: int, end: int, source: str = A, destination: str = B, owlt: int = 0, rate: int = BYTE_A_US) -> Contact:
    return contact(source, destination, start, end, rate, owlt)


# ------------------------------------------------------------ the plan


def test_a_contact_covers_its_start_and_not_its_end():
    plan = ContactPlan([link(10, 20), link(30, 40)])
    found = [plan.current_or_next(A, B, at) for at in (0, 10, 19, 20, 39, 40)]
    assert [None if c is None else c.start_us for c in found] == [10, 10, 10, 30, 30, None]


def test_contacts_may_touch_and_the_later_one_covers_the_instant():
    plan = ContactPlan([link(20, 30), link(10, 20)])
    assert plan.current_or_next(A, B, 20).start_us == 20
    assert [c.start_us for c in plan.between(A, B)] == [10, 20]


def test_contacts_of_one_pair_must_not_overlap_but_those_of_two_pairs_may():
    with pytest.raises(ValueError, match="contact a->b: starts at 19 us inside the contact before it; merge them"):
        ContactPlan([link(10, 20), link(19, 30)])
    ContactPlan([link(10, 20), link(15, 25, B, A)])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (link(20, 10), "contact a->b: end 10 us is before start 20 us; swap or drop it"),
        (link(10, 20, rate=0), "rate 0 bit/s and light time must be given"),
        (link(10, 20)._replace(owlt=()), "light time must be given"),
    ],
)
def test_an_impossible_contact_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        ContactPlan([bad])


def test_a_contact_of_no_length_carries_nothing():
    plan = ContactPlan([link(10, 10), link(10, 20)])
    assert plan.current_or_next(A, B, 10).end_us == 20
    assert plan.opportunity(A, B, 0, 5)[1].end_us == 20
    assert ContactPlan([link(10, 10)]).opportunity(A, B, 0, 1) is None


def test_an_opportunity_lies_whole_inside_one_contact():
    plan = ContactPlan([link(100, 110), link(200, 230)])
    assert plan.opportunity(A, B, 0, 10) == (100, plan.between(A, B)[0])
    assert plan.opportunity(A, B, 101, 10)[0] == 200
    assert plan.opportunity(A, B, 205, 25)[0] == 205
    assert plan.opportunity(A, B, 206, 25) is None
    assert plan.opportunity(A, B, 0, 31) is None
    assert plan.opportunity(B, A, 0, 1) is None


def test_airtime_is_rounded_up_and_room_down_so_that_what_has_room_fits():
    c = link(0, 10, rate=3_000_000)
    assert (c.airtime_us(1), c.airtime_us(3)) == (3, 8)
    assert [c.room_bytes(at) for at in (-5, 0, 7, 8, 10, 11)] == [3, 3, 1, 0, 0, 0]


@given(rate=st.integers(1, 10**9), length=st.integers(0, 10**9), at=st.integers(0, 10**9), extra=st.integers(-3, 3))
def test_room_and_opportunity_agree_to_the_byte(rate, length, at, extra):
    c = link(0, length, rate=rate)
    size = max(1, c.room_bytes(at) + extra)
    found = ContactPlan([c]).opportunity(A, B, at, size)
    assert (found is not None) == (size <= c.room_bytes(at))


def test_light_time_is_linear_between_knots_and_constant_outside_them():
    c = link(0, 100)._replace(owlt=((10, 1000), (20, 1100), (40, 1000)))
    assert [c.owlt_us(at) for at in (0, 10, 15, 20, 30, 40, 99)] == [1000, 1000, 1050, 1100, 1050, 1000, 1000]


def test_neighbours_are_who_a_node_ever_transmits_to():
    plan = ContactPlan([link(0, 1, A, C), link(0, 1, A, B), link(0, 1, C, A)])
    assert (plan.neighbours(A), plan.neighbours(B)) == ([B, C], [])


# ------------------------------------------------------------ answer times (RFC 5326, 6.5)


def answered_us(plan, nodes, sent_us, turnaround_us, answer_bytes):
    """When the answer to what left at `sent_us`, as large as the answer itself, should be home."""
    there_us = arrival_us(plan, nodes, sent_us, answer_bytes)
    back = Router(plan, nodes[-1])
    return None if there_us is None else answer_us(back, nodes[0], there_us, turnaround_us, answer_bytes)


def test_an_answer_is_expected_after_both_light_times_the_far_ends_work_and_its_airtime():
    """sent 1000 + out 600 + work 50 + answer of 40 bytes 40 + back 700."""
    plan = ContactPlan([link(0, 5000, A, B, 600), link(0, 9000, B, A, 700)])
    assert answered_us(plan, (A, B), 1000, 50, 40) == 1000 + 600 + 50 + 40 + 700


def test_the_wait_for_the_return_contact_is_part_of_the_sum():
    """At 1650 the way back is closed until 4000; the answer begins then."""
    plan = ContactPlan([link(0, 5000, A, B, 600), link(0, 1600, B, A, 700), link(4000, 9000, B, A, 800)])
    assert answered_us(plan, (A, B), 1000, 50, 40) == 4000 + 40 + 800


def test_an_answer_that_no_longer_fits_waits_for_the_next_contact():
    """At 1650 30 us are left, the answer needs 40."""
    plan = ContactPlan([link(0, 5000, A, B, 600), link(0, 1680, B, A, 700), link(4000, 9000, B, A, 800)])
    assert answered_us(plan, (A, B), 1000, 50, 40) == 4000 + 40 + 800


def test_no_timer_runs_where_no_way_back_is_planned():
    assert answered_us(ContactPlan([link(0, 5000, A, B, 600)]), (A, B), 1000, 50, 40) is None
    assert answered_us(ContactPlan([link(0, 5000, B, A, 600)]), (A, B), 1000, 50, 40) is None


def test_a_transmission_that_ended_with_its_contact_still_belongs_to_it():
    plan = ContactPlan([link(0, 1000, A, B, 600), link(3000, 4000, A, B, 9999), link(0, 9000, B, A, 700)])
    assert answered_us(plan, (A, B), 1000, 50, 40) == 1000 + 600 + 50 + 40 + 700


def test_over_a_relay_each_hop_waits_for_its_contact():
    """a->b at 1000 arrives 1100; b->c opens at 2000 (40 us, 200 light): 2240; work 50: 2290; back at once over both."""
    plan = ContactPlan(
        [link(0, 5000, A, B, 100), link(2000, 5000, B, C, 200), link(0, 9000, C, B, 200), link(0, 9000, B, A, 100)]
    )
    assert answered_us(plan, (A, B, C), 1000, 50, 40) == 2000 + 40 + 200 + 50 + (40 + 200) + (40 + 100)


# ------------------------------------------------------------ antenna


def test_an_antenna_has_room_only_inside_a_contact_and_while_it_is_free_and_usable():
    antenna = Antenna(ContactPlan([link(100, 200)]), A, B)
    assert [antenna.room_bytes(at) for at in (0, 100, 150, 200)] == [0, 100, 50, 0]
    effect = antenna.radiate(b"xy")
    assert (effect.neighbour, effect.data) == (B, b"xy")
    assert antenna.room_bytes(150) == 0
    assert antenna.ended(effect.id)
    antenna.usable = False
    assert antenna.room_bytes(150) == 0


def test_an_antenna_knows_its_own_transmissions_only():
    antenna = Antenna(ContactPlan([link(100, 200)]), A, B)
    assert not antenna.ended(0)
    first = antenna.radiate(b"x")
    assert not antenna.ended(first.id + 1)
    assert antenna.ended(first.id)
    assert not antenna.failed(first.id, 120)
    assert antenna.radiate(b"y").id != first.id


def test_after_a_failure_an_antenna_pauses():
    antenna = Antenna(ContactPlan([link(0, 10 * RETRY_US)]), A, B)
    assert antenna.failed(antenna.radiate(b"x").id, 1000)
    assert antenna.room_bytes(1000 + RETRY_US - 1) == 0
    assert antenna.next_start_us(1000, 1) == 1000 + RETRY_US
    assert antenna.room_bytes(1000 + RETRY_US) > 0


def test_an_antenna_goes_by_the_newest_plan():
    antenna = Antenna(ContactPlan([link(100, 200)]), A, B)
    assert antenna.room_bytes(150) == 50
    antenna.replan(ContactPlan([link(300, 400)]))
    assert antenna.room_bytes(150) == 0
    assert antenna.next_start_us(150, 10) == 300
    assert antenna.next_start_us(350, 80) is None


# ------------------------------------------------------------ mailer


def mailer(lifetime_us: int = 100 * S) -> Mailer:
    return Mailer(Address((1, 1), lifetime_us))


def test_every_bundle_has_an_identity_of_its_own_a_retransmission_too():
    writer = mailer()
    ids = set()
    for _ in range(3):
        writer.bundle((9, 1), b"same", T0)
        ids.add(writer.last_id)
    assert len(ids) == 3
    assert {node for node, _, _ in ids} == {1}


def test_a_bundle_is_good_until_its_lifetime_ends():
    data = mailer().bundle((9, 1), b"hello", T0)
    assert read_clear(data, (9, 1), T0 + 100 * S)[1] == b"hello"
    with pytest.raises(BundleError, match="outlived its lifetime of 100000 ms"):
        read_clear(data, (9, 1), T0 + 100 * S + 1000)


def test_a_bundle_in_clear_is_read_for_whomever_it_is():
    data = mailer().bundle((9, 1), b"hello", T0)
    for here in ((9, 1), (9, 2), (8, 1)):
        flow, payload, *_ = read_clear(data, here, T0)
        assert (flow.destination, payload) == ((9, 1), b"hello")
