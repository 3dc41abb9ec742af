"""The synchronization module alone: queues, flights, gaps, timers and the window, worked by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pipeline_parts import EARTH, EDGE, OWLT, RATE_BPS, T0, S, contact, make_ack, stream_of

from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.sync import ACK_BYTES, Load, Synchronizer, SyncSettings
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import Ack

END = T0 + 100_000 * S
PLAN = ContactPlan([contact(EDGE, EARTH, T0, END), contact(EARTH, EDGE, T0, END)])
SETTINGS = SyncSettings(bundle_bytes_max=300, turnaround_us=5 * S, margin_us=15 * S)
ANSWER = 2 * OWLT + 20 * S + ACK_BYTES * 8 * S // RATE_BPS
EMPTY = make_ack([])


def record(index: int, device: int = 1) -> RecordId:
    return RecordId(*stream_of(device), index)


def ack(verified: int, gaps: tuple[tuple[int, int], ...] = (), made_us: int = END, device: int = 1) -> Ack:
    return EMPTY._replace(
        stream=stream_of(device),
        verified=verified,
        gaps=gaps,
        gaps_complete_to=max([verified, *(end for _, end in gaps)]),
        made_us=made_us,
    )


def loaded(count: int, size: int = 100, **changes) -> Synchronizer:
    sync = Synchronizer(PLAN, EDGE, EARTH, SETTINGS._replace(**changes))
    for index in range(count):
        sync.offer(record(index), size)
    return sync


def fly(sync: Synchronizer, now_us: int = T0, room: int = 10_000) -> list[int]:
    """Send the next bundle; the indices in it."""
    load = sync.next_load(room, now_us)
    if load is None:
        return []
    sync.sent(load, now_us, now_us + OWLT)
    return [r.index for r in load.records]


def test_a_load_fits_the_room_and_the_bundle():
    sync = loaded(7)
    assert sync.next_load(99, T0) is None
    assert fly(sync, room=250) == [0, 1]
    assert fly(sync) == [2, 3, 4]
    assert fly(sync) == [5, 6]
    assert fly(sync) == []
    assert not sync.waiting


def test_a_record_larger_than_a_bundle_should_be_goes_alone_if_there_is_room():
    sync = loaded(2, size=400)
    assert sync.next_load(399, T0) is None
    assert sync.next_bytes == 400
    assert fly(sync) == [0]


def test_flights_expire_at_the_answer_time_of_the_plan_and_go_first_with_their_round():
    sync = loaded(5)
    assert fly(sync) == [0, 1, 2]
    assert sync.next_expiry_us() == T0 + ANSWER
    sync.expire(T0 + ANSWER - 1)
    assert sync.queued == 2
    sync.expire(T0 + ANSWER)
    assert sync.next_load(10_000, T0 + ANSWER) == Load((record(0), record(1), record(2)), 300, 1)
    assert sync.next_expiry_us() is None


def test_repeats_that_fail_again_count_their_rounds():
    sync = loaded(1)
    now = T0
    for expected in (0, 1, 2):
        load = sync.next_load(10_000, now)
        assert load.round == expected
        sync.sent(load, now, now + OWLT)
        now = sync.next_expiry_us()
        sync.expire(now)


def test_an_ack_closes_flights_and_partly_acked_ones_repeat_only_the_rest():
    sync = loaded(3)
    fly(sync)
    sync.acked(ack(2))
    sync.expire(T0 + ANSWER)
    assert fly(sync, T0 + ANSWER) == [2]
    sync.acked(ack(3))
    assert sync.next_expiry_us() is None


def test_what_is_verified_leaves_the_queue_too():
    sync = loaded(4)
    sync.acked(ack(3))
    assert fly(sync) == [3]


def test_an_ack_of_one_stream_leaves_the_other_in_flight():
    sync = loaded(2)
    sync.offer(record(0, device=2), 100)
    assert fly(sync) == [0, 1, 0]
    sync.acked(ack(2))
    sync.expire(T0 + ANSWER)
    assert sync.next_load(10_000, T0 + ANSWER).records == (record(0, device=2),)


def test_a_named_gap_goes_again_only_if_its_flight_should_have_arrived_before_the_ack_was_made():
    sync = loaded(6)
    fly(sync, T0)
    fly(sync, T0 + 10 * S)
    arrival = T0 + 10 * S + OWLT
    sync.acked(ack(1, gaps=((2, 5),), made_us=arrival))
    assert fly(sync, END) == [2], "of the first flight; the second may just have missed the ack"
    sync.acked(ack(1, gaps=((3, 5),), made_us=arrival + 1))
    assert fly(sync, END) == [3, 4]


def test_an_ack_does_not_speak_of_what_lies_beyond_its_list():
    sync = loaded(3)
    fly(sync)
    sync.acked(ack(0, gaps=((0, 3),))._replace(gaps_complete_to=1))
    assert fly(sync, END) == [0]


def test_a_gap_named_twice_is_sent_once_more_only():
    sync = loaded(3)
    fly(sync)
    for _ in range(2):
        sync.acked(ack(1, gaps=((1, 2),)))
    assert fly(sync, END) == [1]
    assert fly(sync, END) == []


def test_what_never_left_goes_first_and_counts_as_no_round():
    sync = loaded(5)
    load = sync.next_load(10_000, T0)
    sync.unsent(load)
    assert sync.next_load(10_000, T0) == load
    sync.unsent(load)
    assert sync.next_expiry_us() is None


def test_timers_stand_still_during_a_suspension_and_get_back_what_they_missed():
    sync = loaded(1)
    fly(sync)
    sync.suspend(T0 + 10 * S)
    sync.suspend(T0 + 20 * S)
    assert sync.next_expiry_us() is None
    sync.expire(T0 + 2 * ANSWER)
    assert not sync.waiting
    sync.resume(T0 + 110 * S)
    assert sync.next_expiry_us() == T0 + ANSWER + 100 * S
    sync.resume(T0 + 500 * S)
    assert sync.next_expiry_us() == T0 + ANSWER + 100 * S


def test_a_new_plan_starts_and_stops_timers():
    sync = loaded(1)
    fly(sync)
    sync.replan(ContactPlan([contact(EDGE, EARTH, T0, END)]))
    assert sync.next_expiry_us() is None
    late = ContactPlan([contact(EDGE, EARTH, T0, END), contact(EARTH, EDGE, T0 + 5000 * S, END)])
    sync.replan(late)
    assert sync.next_expiry_us() == T0 + 5000 * S + ACK_BYTES * 8 * S // RATE_BPS + OWLT + 15 * S


def test_the_window_limits_what_is_in_flight_and_an_ack_or_expiry_opens_it():
    sync = loaded(5, window_bytes=200)
    assert fly(sync) == [0, 1]
    assert fly(sync) == []
    sync.acked(ack(1))
    assert fly(sync) == [2]
    sync.expire(T0 + ANSWER)
    assert fly(sync, T0 + ANSWER) == [1, 2]


def test_no_window_applies_while_nothing_can_open_it():
    sync = Synchronizer(ContactPlan([contact(EDGE, EARTH, T0, END)]), EDGE, EARTH, SETTINGS._replace(window_bytes=100))
    for index in range(4):
        sync.offer(record(index), 100)
    assert fly(sync) == [0, 1, 2]
    assert fly(sync) == [3]


@pytest.mark.parametrize("gaps", [(), ((1, 2),)])
def test_nothing_is_remembered_of_what_earth_has_verified(gaps):
    """The module's memory must not grow with the mission."""
    sync = loaded(0)
    for index in range(0, 300, 3):
        for k in range(3):
            sync.offer(record(index + k), 100)
        fly(sync, T0)
        if gaps:
            sync.acked(ack(index + 1, gaps=((index + 1, index + 2),)))
            fly(sync, T0)
        sync.acked(ack(index + 3))
    assert (len(sync._sizes), len(sync._rounds), len(sync._flights), sync._bytes_in_flight) == (0, 0, 0, 0)


def test_streams_do_not_share_counts():
    sync = loaded(1)
    assert sync.verified == {}
    sync.acked(ack(1, device=2))
    assert sync.verified == {StreamId(*stream_of(2)): 1}
    assert fly(sync) == [0]


def test_what_earth_demands_is_not_sent_again_while_it_is_on_its_way():
    """Every ack of the time until it arrives lists the rotten row; only one made later says that it was lost."""
    sync = loaded(3)
    assert fly(sync) == [0, 1, 2]
    sync.acked(ack(3))
    asks = ((1, 2),)
    for made_us in (T0 + 1, T0 + 2, T0 + OWLT):
        sync.acked(ack(3, asks, made_us))
        sync.demand(record(1), 100, made_us)
    assert fly(sync, T0 + 10) == [1]
    sync.acked(ack(3, asks, T0 + 10 + OWLT))
    sync.demand(record(1), 100, T0 + 10 + OWLT)
    assert fly(sync) == []
    sync.acked(ack(3, asks, T0 + 11 + OWLT))
    sync.demand(record(1), 100, T0 + 11 + OWLT)
    assert fly(sync) == [1]


def expire(sync: Synchronizer) -> int:
    """Let the next timer fire, and send what it brings back; the wait since the record was sent."""
    due_us = sync.next_expiry_us()
    assert due_us is not None
    sync.expire(due_us)
    assert fly(sync, due_us)
    return due_us


def test_while_nothing_is_heard_each_repetition_waits_longer_up_to_a_limit():
    sync = loaded(1)
    fly(sync)
    sent = [T0, *(expire(sync) for _ in range(5))]
    trip = 2 * OWLT + 20 * S
    waits = [after - before - ANSWER for before, after in pairwise(sent)]
    assert waits == [0, trip, 3 * trip, 3 * trip, 3 * trip]


def test_a_record_that_is_repeated_while_others_are_acked_waits_no_longer():
    sync = loaded(1)
    sync.offer(record(0, device=2), 100)
    fly(sync)
    at_us = expire(sync)
    sync.acked(ack(1, device=2))
    assert sync.next_expiry_us() == at_us + ANSWER, "Earth hears again"
    assert expire(sync) == at_us + ANSWER


def test_an_ack_that_says_nothing_new_does_not_end_the_patience():
    sync = loaded(1)
    sync.acked(ack(0, device=2))
    fly(sync)
    at_us = expire(sync)
    sync.acked(ack(0, device=2))
    assert sync.next_expiry_us() == at_us + ANSWER + 2 * OWLT + 20 * S


def test_a_gap_that_is_named_again_goes_again_and_does_not_end_the_patience_for_the_rest():
    """The one frame is missed; whether Earth hears what was sent since shows by what it says of that."""
    sync = loaded(1)
    sync.offer(record(5, device=2), 100)
    fly(sync)
    gap = ack(5, gaps=((5, 6),), made_us=T0 + OWLT + 1, device=2)._replace(gaps_complete_to=9)
    sync.acked(gap)
    assert sync.next_expiry_us() == T0 + ANSWER, "Earth has heard what came behind the gap"
    fly(sync)
    at_us = expire(sync)
    patient_us = sync.next_expiry_us()
    assert patient_us is not None
    assert patient_us > at_us + ANSWER
    sync.acked(gap._replace(made_us=at_us + OWLT + 1))
    assert sync.next_expiry_us() == patient_us
    assert fly(sync, at_us + OWLT + 1) == [5]
    sync.acked(gap._replace(made_us=at_us + 3 * OWLT, gaps_complete_to=10))
    assert sync.next_expiry_us() == at_us + ANSWER, "another frame came behind it"


def test_what_earth_has_lost_goes_before_what_was_never_sent_though_later_records_fill_the_window():
    """Earth's table is restored: behind the gap nothing is verified, so the window opens by expiry alone."""
    sync = loaded(12, window_bytes=300)
    assert fly(sync) == [0, 1, 2]
    sync.acked(ack(3))
    assert fly(sync) == [3, 4, 5]
    sync.acked(ack(0, made_us=T0))  # a new leader, which lost them
    for index in range(3):
        sync.offer(record(index), 100, repeat=True)
    sync.acked(ack(0, gaps=((0, 3),), made_us=T0 + OWLT)._replace(gaps_complete_to=6))
    assert fly(sync) == []
    sync.expire(T0 + ANSWER)
    assert fly(sync, T0 + ANSWER) == [0, 1, 2]
    sync.acked(ack(6))
    assert fly(sync, T0 + ANSWER) == [6, 7, 8]
