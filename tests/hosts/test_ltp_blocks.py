"""How much later bundles arrive by LTP's rounds: against the closed form, and where contacts end before they do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.hosts.models.ltp_blocks import LtpBlocks, whole_us
from twin.hosts.models.space_link import LinkSettings, SpaceLink, Transmitter
from twin.hosts.simulated import SimulatedHost
from twin.network.ltp import Hop, delivery
from twin.pipeline.machine import Transmit
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.randomness import stream
from twin.trace import HopDelivered, HopLost, Trace

OWLT_US = 600_000_000
BLOCKS = 20_000
MIN_US = 60_000_000


def plan(down, up):
    """Contacts of a relay to Earth and back, (start, end) [min]."""
    both = (("relay", "earth", down), ("earth", "relay", up))
    return ContactPlan(
        Contact(source, destination, start * MIN_US, end * MIN_US, 1_000_000, ((0, OWLT_US),))
        for source, destination, windows in both
        for start, end in windows
    )


def whole_min(contacts, sent_min, rounds):
    """When a block is whole [min]; light takes 10 min."""
    found_us = whole_us(contacts, "relay", "earth", sent_min * MIN_US, OWLT_US, rounds)
    return None if found_us is None else found_us / MIN_US


@pytest.mark.parametrize(("size_bytes", "loss"), [(64_000, 0.001), (64_000, 0.05), (1_000, 0.3)])
def test_the_mean_delay_is_that_of_the_closed_form(size_bytes, loss):
    """Drawn 20,000 times while all is open: the scatter of the mean is at most 1.5 % of a round trip."""
    blocks, always = LtpBlocks(loss, stream(7, "ltp")), plan([(0, 100_000)], [(0, 100_000)])
    rounds = [blocks.further_rounds(size_bytes) for _ in range(BLOCKS)]
    later_us = [whole_us(always, "relay", "earth", 0, OWLT_US, further) - OWLT_US for further in rounds]
    hop = Hop(segment_loss=loss, control_loss=1 - (1 - loss) ** 2, owlt_us=OWLT_US, reaction_us=0)
    expected_us = delivery(hop, 1_000_000, size_bytes, 1_400).extra_delay_us
    mean_us = sum(later_us) / BLOCKS
    scatter_us = (sum((us - mean_us) ** 2 for us in later_us) / BLOCKS**2) ** 0.5
    assert mean_us == pytest.approx(expected_us, abs=4 * scatter_us)
    assert scatter_us < 0.015 * 2 * OWLT_US


def test_one_draw_moves_no_other_pair():
    one, other = (LtpBlocks(0.3, stream(7, "ltp", pair)) for pair in ("a", "b"))
    alone = [other.further_rounds(10_000) for _ in range(50)]
    again = LtpBlocks(0.3, stream(7, "ltp", "b"))
    mixed = []
    for _ in range(50):
        one.further_rounds(10_000)
        mixed.append(again.further_rounds(10_000))
    assert mixed == alone
    assert len(set(alone)) > 1


# Sent in minute 30, heard in 40; a report that leaves then is home in 50.
@pytest.mark.parametrize(
    ("down", "up", "rounds", "whole"),
    [
        ([(0, 100)], [(0, 100)], 0, 40),
        ([(0, 100)], [(0, 100)], 1, 60),
        ([(0, 100)], [(0, 100)], 3, 100),  # the last repetition leaves in 90
        ([(0, 90), (200, 300)], [(0, 300)], 3, 210),  # it would leave as the contact ends: it waits for the next
        ([(0, 90), (90, 300)], [(0, 300)], 3, 100),  # which may touch
        ([(0, 31), (200, 300)], [(0, 300)], 1, 210),
        ([(0, 31), (200, 300)], [(0, 300)], 0, 40),  # what is whole at once waits for nothing
        ([(0, 100)], [(70, 100)], 1, 90),  # the report waits
        ([(0, 79), (200, 300)], [(70, 300)], 1, 210),  # and then the repetition
        ([(0, 300)], [(0, 40)], 1, None),  # nothing leads back any more
        ([(0, 300)], [], 0, 40),
        ([(0, 31)], [(0, 300)], 1, None),  # nothing leads there any more
    ],
)
def test_rounds_that_outlive_their_contact_go_on_in_the_next(down, up, rounds, whole):
    assert whole_min(plan(down, up), 30, rounds) == whole


@st.composite
def windows(draw):
    """Ordered windows [min] with gaps between them."""
    edges = sorted(draw(st.sets(st.integers(0, 600), min_size=2, max_size=12)))
    return list(zip(edges[::2], edges[1::2], strict=False))


@given(windows(), windows(), st.integers(0, 300), st.integers(0, 4))
def test_every_round_is_the_first_that_the_contacts_let_through(down, up, sent_min, rounds):
    """Against a search of every minute; windows begin at whole ones."""
    at_min = sent_min + 10
    for _ in range(rounds):
        for way in (up, down):
            at_min = next((m + 10 for m in range(at_min, 601) if any(a <= m < b for a, b in way)), 10_000)
    assert whole_min(plan(down, up), sent_min, rounds) == (None if at_min > 700 else at_min)


class Silent:
    """A node that only takes bundles."""

    def handle(self, _event, _now_us):
        return []


def test_a_block_that_no_later_contact_completes_is_lost_and_counted():
    """A relay radiates 20 bundles into its last contact: those that lost a segment would be repeated after it."""
    contacts = plan([(0, 10)], [(0, 300)])
    trace = Trace()
    arrived, lost = [], []
    trace.subscribe(HopDelivered, lambda at_us, _, __: arrived.append(at_us))
    trace.subscribe(HopLost, lambda at_us, _, fact: lost.append((at_us, fact.cause)))
    host = SimulatedHost(0, trace)
    host.dispatcher.machines |= {"relay": Silent(), "earth": Silent()}
    settings = LinkSettings(blocks=LtpBlocks(0.05, stream(7, "ltp")))
    link = SpaceLink(host, "relay", "earth", contacts, settings, Transmitter(), Transmitter())
    for number in range(20):
        link.transmit("relay", Transmit(number, "earth", bytes(14_000)))
    host.env.run()
    assert {cause for _, cause in lost} == {"ltp_unfinished"}
    assert len(arrived) >= 5
    assert len(lost) >= 5
    assert len(arrived) + len(lost) == 20
    assert max(arrived) < 11 * MIN_US
    assert link.hop.in_flight == 0
