"""How long an edge must keep what it measures: against the plainest way to find out."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twin.experiments.silence import Departures, acked_home_us, longest_silence
from twin.guarantees.availability import Availability, Passage
from twin.pipeline.transport.contact_plan import Contact

S = 1_000_000
MINUTE = 60 * S
OWLT_US = 600 * S
BITS = 1_000  # said in 1,000 s of generation: one bit in a second


def window(start_s: int, end_s: int, rate_bps: int = 1, source: str = "edge-1") -> tuple[int, int, Contact]:
    start_us, end_us = start_s * S, end_s * S
    return start_us, end_us, Contact(source, "earth", start_us, end_us, rate_bps, ((start_us, OWLT_US),))


def tick_by_tick(windows: list[tuple[int, int, Contact]], end_s: int, until_s: int) -> dict[int, int]:
    """By measured second the second in which its bit has left, from a queue of single bits."""
    left: dict[int, int] = {}
    gone = room = Fraction(0)
    for second in range(until_s):
        rates = [contact.rate_bps for start_us, end_us, contact in windows if start_us <= second * S < end_us]
        measured = Fraction(min(second + 1, end_s))
        room = Fraction(sum(rates))
        gone = min(measured, gone + room)
        for bit in range(len(left), int(gone)):
            left[bit] = second
    return left


@st.composite
def passes(draw: st.DrawFn) -> list[tuple[int, int, Contact]]:
    """Windows of whole seconds that do not overlap, slower and faster than what is measured."""
    at_s, found = 0, []
    for _ in range(draw(st.integers(1, 5))):
        start_s = at_s + draw(st.integers(0, 400))
        at_s = start_s + draw(st.integers(1, 400))
        found.append(window(start_s, at_s, draw(st.integers(1, 6))))
    return found


@given(passes())
@example([window(0, 50, 1), window(50, 60, 5)])
@example([window(900, 2_000, 1)])
def test_what_waits_leaves_oldest_first_as_fast_as_its_contacts_take_it(windows: list) -> None:
    departures = Departures(windows, (0, 1_000 * S), BITS)
    left = tick_by_tick(windows, 1_000, 5_000)
    for second in range(0, 1_000, 7):
        found = departures.of(second * S)
        if second not in left:
            assert found is None or found[0] >= windows[-1][1] - S
            continue
        assert found is not None
        # to the second in which its bit leaves; the oracle counts whole bits
        assert abs(found[0] / S - left[second]) <= 1
        assert found[1][0] <= found[0] <= found[1][1]


def ways(down: list, up: list) -> Availability:
    return Availability(Passage(down), Passage(up), turnaround_us=10 * S)


def test_what_misses_the_last_ack_waits_for_the_next() -> None:
    """Two days with a pass each; on the first the way up closes an hour before the way down."""
    hour, day = 3_600, 86_400
    down = [window(10 * hour, 18 * hour, 1_000_000), window(day + 10 * hour, day + 18 * hour, 1_000_000)]
    up = [window(10 * hour, 17 * hour, source="earth"), window(day + 12 * hour, day + 18 * hour, source="earth")]
    departures = Departures(down, (0, 2 * day * S), BITS)
    available = ways(down, up)
    for lost, settle_us, since_us in (
        (0, 0, 17 * hour * S - OWLT_US - 10 * S),
        (0, hour * S, 16 * hour * S - OWLT_US - 10 * S),
        (1, 0, 17 * hour * S - 3 * OWLT_US - 20 * S),
    ):
        found = longest_silence(
            lambda at_us, lost=lost, settle_us=settle_us: acked_home_us(available, departures, at_us, lost, settle_us),
            (0, 2 * day * S),
            3 * day * S,
        )
        assert abs(found.since_us - since_us) <= MINUTE
        assert found.until_us == (day + 12 * hour) * S + OWLT_US
        assert found.held_us == found.until_us - found.since_us


def test_a_silence_counts_what_is_measured_in_it() -> None:
    """Generation ends before the ack: the rest of the silence brings nothing to keep."""
    found = longest_silence(lambda _: 100 * MINUTE, (0, 30 * MINUTE), 200 * MINUTE)
    assert found == (0, 100 * MINUTE, 30 * MINUTE)


def test_without_an_ack_before_the_end_of_the_plan_everything_is_kept_until_then() -> None:
    found = longest_silence(lambda _: None, (0, 30 * MINUTE), 200 * MINUTE)
    assert found == (0, 200 * MINUTE, 30 * MINUTE)


@given(st.lists(st.tuples(st.integers(1, 2_000), st.integers(1, 900)), min_size=1, max_size=12))
def test_no_instant_waits_longer_than_the_silence_that_is_found(steps: list[tuple[int, int]]) -> None:
    """Acks come home at the ends of spans, in minutes; each covers what was measured some minutes before its span."""
    at, homes = 0, []
    for length, lead in steps:
        at += length
        homes.append((max(0, at - lead) * MINUTE, at * MINUTE))
    homes.sort()
    end_us, plan_end_us = at * MINUTE, 2 * at * MINUTE

    def home_us(measured_us: int) -> int | None:
        return min((home for covered, home in homes if measured_us < covered), default=None)

    found = longest_silence(home_us, (0, end_us), plan_end_us)
    instants_us = {0, *(covered for covered, _ in homes if covered < end_us)}  # waits begin at their longest here
    longest_us = max(min(home_us(t) or plan_end_us, end_us) - t for t in instants_us)
    assert longest_us <= found.held_us <= longest_us + MINUTE


@pytest.mark.parametrize("bits", [0, 1])
def test_next_to_nothing_leaves_as_soon_as_it_can(bits: int) -> None:
    departures = Departures([window(100, 200, 1_000)], (0, 150 * S), bits)
    for at_s, left_s in ((0, 100), (99, 100), (120, 120), (149, 149)):
        found = departures.of(at_s * S)
        assert found is not None
        assert left_s * S <= found[0] <= left_s * S + S // 10
    assert departures.of(150 * S) is None
