"""Random faults of links, each alone: against the distributions and the damage that they are defined by."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.faults.link import Burst, Change, Fate, LinkFaults, RealRates, Rule, TimedBurst
from twin.randomness import stream

ALWAYS = (0, 1 << 62)


def bits(data: bytes) -> int:
    return int.from_bytes(data, "big")


def losses(rule: Burst | TimedBurst, times: range) -> list[bool]:
    faults = LinkFaults([rule])
    return [faults.fates(at_us)[0].cause == "burst_loss" for at_us in times]


@given(st.binary(min_size=1, max_size=200), st.integers(0, 1 << 62))
def test_corruption_flips_one_bit(data: bytes, position: int) -> None:
    changed = Change("bundle_corruption", position).of(data)
    assert len(changed) == len(data)
    assert (bits(changed) ^ bits(data)).bit_count() == 1


@given(st.binary(min_size=1, max_size=200), st.integers(0, 1 << 62))
def test_truncation_leaves_a_shorter_beginning(data: bytes, position: int) -> None:
    changed = Change("bundle_truncation", position).of(data)
    assert len(changed) < len(data)
    assert data.startswith(changed)


def test_damaged_copies_arrive_and_each_damage_is_another() -> None:
    faults = LinkFaults([Rule("bundle_corruption", 0.5, *ALWAYS, 0, stream(1, "x"))])
    fates = [fate for at_us in range(1000) for fate in faults.fates(at_us)]
    assert all(fate.cause is None for fate in fates)
    damaged = [fate.change for fate in fates if fate.change is not None]
    assert 400 < len(damaged) < 600
    assert len(set(damaged)) == len(damaged)


def test_bursts_by_transmission_have_gilberts_share_and_length() -> None:
    lost = losses(Burst(0.02, 0.25, 1.0, ALWAYS, stream(3, "x")), range(100_000))
    share = 0.02 / (0.02 + 0.25)
    assert sum(lost) / len(lost) == pytest.approx(share, rel=0.1)
    lengths = [len(list(run)) for bad, run in groupby(lost) if bad]
    assert sum(lengths) / len(lengths) == pytest.approx(1 / 0.25, rel=0.1)


def test_bursts_in_time_have_their_mean_lengths() -> None:
    second_us = 1_000_000
    lost = losses(TimedBurst(60 * second_us, 20 * second_us, 1.0, ALWAYS, stream(4, "x")), range(0, 10**11, second_us))
    assert sum(lost) / len(lost) == pytest.approx(0.25, rel=0.1)
    lengths = [len(list(run)) for bad, run in groupby(lost) if bad]
    assert sum(lengths) / len(lengths) == pytest.approx(20, rel=0.1)


def test_when_a_timed_burst_comes_does_not_depend_on_the_traffic() -> None:
    def states(step_us: int) -> dict[int, bool]:
        rule = TimedBurst(10**7, 10**7, 1.0, ALWAYS, stream(5, "x"))
        return {at_us: rule.strikes(at_us) for at_us in range(0, 10**9, step_us)}

    often, seldom = states(10**5), states(10**6)
    assert {at_us: often[at_us] for at_us in seldom} == seldom
    assert len(set(seldom.values())) == 2


def test_a_burst_outside_its_span_loses_nothing() -> None:
    rule = Burst(1.0, 0.5, 1.0, (100, 200), stream(6, "x"))
    lost = losses(rule, range(300))
    assert not any(lost[:100])
    assert any(lost[100:200])
    assert not any(lost[200:])


def test_a_rule_draws_nothing_of_another() -> None:
    def loss(number: str) -> Rule:
        return Rule("bundle_loss", 0.3, *ALWAYS, 0, stream(7, number))

    alone = LinkFaults([loss("1")])
    together = LinkFaults([Rule("bundle_corruption", 0.9, *ALWAYS, 0, stream(7, "2")), loss("1")])
    for at_us in range(500):
        assert alone.fates(at_us)[0].cause == together.fates(at_us)[0].cause


def test_without_rules_a_transmission_is_unharmed() -> None:
    assert LinkFaults().fates(0) == (Fate(0, None, None),)


def test_a_real_rate_changes_air_time_within_its_span_only() -> None:
    rates = RealRates([(100, 200, 0.5)])
    assert [rates.airtime_us(80, at_us) for at_us in (99, 100, 199, 200)] == [80, 160, 160, 80]
