"""The way to a node that may lie behind others: who takes a bundle, when, and what follows a failure."""

from __future__ import annotations

from itertools import count

from twin.pipeline.transport.antenna import RETRY_US
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.pipeline.transport.routing import Router
from twin.pipeline.transport.way import Way

S = 1_000_000
MBIT = 1_000_000
LIGHT_US = 600 * S


def window(source: str, destination: str, start_s: int, end_s: int, owlt_us: int = LIGHT_US) -> Contact:
    return Contact(source, destination, start_s * S, end_s * S, MBIT, ((start_s * S, owlt_us),))


def plan(*contacts: Contact) -> ContactPlan:
    return ContactPlan(contacts, ends=("edge-1", "edge-2", "earth"))


def over(relay: str, pass_s: tuple[int, int], earth_s: tuple[int, int]) -> list[Contact]:
    return [window("edge-1", relay, *pass_s, owlt_us=2_000), window(relay, "earth", *earth_s)]


def test_a_bundle_takes_whichever_way_arrives_first() -> None:
    way = Way(plan(window("edge-1", "earth", 500, 900), *over("mro", (0, 100), (0, 900))), "edge-1", "earth")
    assert way.room_bytes(0) == 100 * MBIT // 8
    assert way.radiate(bytes(1000), 0).neighbour == "mro"
    slow = Way(plan(window("edge-1", "earth", 500, 900), *over("mro", (0, 100), (800, 900))), "edge-1", "earth")
    assert slow.room_bytes(0) == 0, "the relay would hold it until 800 s, and Earth hears at 500 s"
    assert slow.next_start_us(0, 1000) == 500 * S


def test_one_bundle_is_under_way_at_a_time() -> None:
    way = Way(plan(*over("mro", (0, 100), (0, 900)), *over("tgo", (0, 100), (0, 900))), "edge-1", "earth")
    assert way.room_bytes(0) > 0
    sent = way.radiate(bytes(1000), 0)
    assert way.under_way == sent.id
    assert way.room_bytes(0) == 0
    assert not way.ended(sent.id + 1)
    assert way.ended(sent.id)
    assert way.room_bytes(S) > 0


def test_a_neighbour_that_fails_or_is_deaf_leaves_the_others() -> None:
    contacts = [*over("mro", (0, 100), (0, 900)), *over("tgo", (0, 100), (10, 900))]
    way = Way(plan(*contacts), "edge-1", "earth")
    way.room_bytes(0)
    sent = way.radiate(bytes(1000), 0)
    assert sent.neighbour == "mro"
    assert way.failed(sent.id, S)
    assert way.room_bytes(S) > 0
    assert way.radiate(bytes(1000), S).neighbour == "tgo", f"mro is left alone for {RETRY_US} us"
    other = Way(plan(*contacts), "edge-1", "earth")
    assert other.link("mro", usable=False)
    assert other.usable
    other.room_bytes(0)
    assert other.radiate(bytes(1000), 0).neighbour == "tgo"
    assert other.link("tgo", usable=False)
    assert not other.usable
    assert not other.link("moon", usable=False), "it does not lead to Earth"


def test_a_bundle_too_large_for_the_rest_of_a_pass_goes_another_way() -> None:
    contacts = [*over("mro", (0, 1), (0, 900)), *over("tgo", (0, 100), (50, 900))]
    way = Way(plan(*contacts), "edge-1", "earth")
    assert way.room_bytes(0) == MBIT // 8
    assert way.next_start_us(0, MBIT) == 0
    assert way.room_bytes(0) == 100 * MBIT // 8, "what is asked next is room for what did not fit"
    assert way.radiate(bytes(MBIT), 0).neighbour == "tgo"


def test_volume_beyond_a_relay_counts() -> None:
    """The relay's second pass over Earth takes what the first has no room for."""
    contacts = [window("edge-1", "mro", 0, 1000, 0), window("mro", "earth", 0, 2), window("edge-1", "earth", 50, 2000)]
    way = Way(plan(*contacts), "edge-1", "earth")
    taken = []
    for second in range(3):
        room = way.room_bytes(second * S)
        if room:
            sent = way.radiate(bytes(MBIT // 8), second * S)
            taken.append(sent.neighbour)
            way.ended(sent.id)
    assert taken == ["mro"]
    assert way.next_start_us(3 * S, MBIT // 8) == 50 * S


def test_an_edge_passes_nothing_on() -> None:
    """Earth reaches edge-1 over the relay, never over edge-2, whose contacts are sooner."""
    contacts = [
        window("earth", "edge-2", 0, 900), window("edge-2", "mro", 600, 900, 0),
        window("earth", "mro", 300, 900), window("mro", "edge-1", 600, 2000, 0),
    ]  # fmt: skip
    way = Way(plan(*contacts), "earth", "edge-1")
    assert way.room_bytes(0) == 0
    assert way.next_start_us(0, 1000) == 300 * S


def test_ways_of_one_node_leave_each_other_what_they_have_promised() -> None:
    down = [window("mro", edge, 0, 2000, 0) for edge in ("edge-1", "edge-2")]
    known = plan(window("earth", "mro", 0, 900), *down)
    router = Router(known, "earth")
    one, other = (Way(known, "earth", edge, count(), router) for edge in ("edge-1", "edge-2"))
    assert one.room_bytes(0) >= 1_000_000
    one.radiate(bytes(1_000_000), 0)
    assert other.room_bytes(0) == 0
    assert other.next_start_us(0, 100) == 8 * S
    assert Way(known, "earth", "edge-2").next_start_us(0, 100) == 0  # who knows nothing of it


def test_ways_of_one_node_share_a_row_of_numbers() -> None:
    ids = count()
    down = [window("mro", edge, 0, 2000, 0) for edge in ("edge-1", "edge-2")]
    contacts = [window("earth", "mro", 0, 900), *down]
    ways = [Way(plan(*contacts), "earth", edge, ids) for edge in ("edge-1", "edge-2")]
    numbers = []
    for way in ways:
        assert way.room_bytes(0)
        numbers.append(way.radiate(b"ack", 0).id)
    assert len(set(numbers)) == 2
    assert not ways[0].ended(numbers[1])
    assert ways[1].ended(numbers[1])


def test_a_bundle_that_waits_at_a_relay_is_expected_when_the_relay_can_have_sent_it() -> None:
    way = Way(plan(*over("mro", (0, 100), (500, 900))), "edge-1", "earth")
    way.room_bytes(0)
    sent = way.radiate(bytes(MBIT // 8), 0)
    assert way.arrival_us(S) == 501 * S + LIGHT_US
    way.ended(sent.id)
    behind_us = 501 * S + 8_000  # the airtime of a thousand bytes after what is promised
    assert way.reach_us(2 * S) == behind_us + LIGHT_US - 2 * S


def test_a_bundle_that_had_better_wait_for_another_way_does_not_leave_by_one_that_is_closed() -> None:
    """A thousand bytes come through the relay's last second over Earth, a large bundle sooner over the next relay."""
    last = [window("edge-1", "mro", 0, 1000, 0), window("mro", "earth", 0, 1), window("mro", "earth", 20_000, 30_000)]
    way = Way(plan(*last, *over("tgo", (3600, 4600), (3600, 9000))), "edge-1", "earth")
    room = way.room_bytes(0)
    assert 1000 <= room <= MBIT // 16, "what the relay could pass on at once, not all that it could take"
    assert way.radiate(bytes(room), 0).neighbour == "mro"
    slow = window("edge-1", "mro", 0, 1000, 0)._replace(rate_bps=1000)
    way = Way(plan(slow, window("mro", "earth", 0, 9000), *over("tgo", (60, 4600), (60, 9000))), "edge-1", "earth")
    assert way.room_bytes(0) == 125_000
    sent = way.radiate(bytes(100_000), 0)
    assert sent.neighbour == "mro", "tgo would bring it sooner, and is not there"
    assert way.arrival_us(800 * S) == 800 * S + 800_000 + LIGHT_US


def test_after_another_plan_what_failed_goes_when_the_timer_says() -> None:
    contacts = [*over("mro", (0, 100), (0, 900)), *over("tgo", (5000, 5100), (5000, 5900))]
    for replanned_first in (False, True):
        way = Way(plan(*contacts), "edge-1", "earth")
        assert way.room_bytes(0)
        sent = way.radiate(bytes(MBIT), 0)
        for step in (0, 1) if replanned_first else (1, 0):
            if step:
                assert way.failed(sent.id, S)
            else:
                way.replan(plan(*contacts))
        at_us = way.next_start_us(S, 1000)
        assert at_us is not None
        assert way.room_bytes(at_us) >= 1000, "else its owner would set a timer to that instant for ever"


def test_what_is_under_way_when_the_plan_changes_is_expected_where_it_was_sent() -> None:
    contacts = over("mro", (0, 100), (500, 900))
    way = Way(plan(*contacts), "edge-1", "earth")
    assert way.room_bytes(0)
    way.radiate(bytes(MBIT // 8), 0)
    way.replan(plan(*contacts))
    assert way.arrival_us(S) == 501 * S + LIGHT_US


def test_what_failed_when_the_plan_gains_a_way_goes_by_the_other() -> None:
    direct = window("edge-1", "earth", 0, 900)
    way = Way(plan(direct), "edge-1", "earth")
    assert way.room_bytes(0)
    sent = way.radiate(bytes(1000), 0)
    way.replan(plan(direct, *over("mro", (0, 100), (0, 900))))
    assert way.failed(sent.id, S)
    assert way.room_bytes(S)
    assert way.radiate(bytes(1000), S).neighbour == "mro", "Earth is left alone for a while"
