"""LTP's closed form against drawn blocks, against every pattern of loss, and what it means for a contact."""

import itertools

import numpy as np
import pytest

from twin.network.ltp import (
    Hop,
    cycle_us,
    delivery,
    draw_rounds,
    mean_rounds,
    segment_loss,
    whole_after,
)

MIN_US = 60_000_000


@pytest.mark.parametrize(("segments", "loss"), [(1, 0.5), (8, 0.1), (100, 0.01), (1000, 0.3), (50_000, 1e-4)])
def test_drawn_blocks_follow_the_closed_form(segments, loss):
    blocks = 40_000
    rounds = draw_rounds(segments, loss, blocks, np.random.default_rng(5326))
    for k in range(8):
        expected = whole_after(k, segments, loss)
        sigma = np.sqrt(max(expected * (1.0 - expected), 1.0 / blocks) / blocks)
        assert (rounds <= k).mean() == pytest.approx(expected, abs=4.5 * sigma)
    assert rounds.mean() == pytest.approx(mean_rounds(segments, loss), abs=4.5 * rounds.std() / np.sqrt(blocks) + 1e-9)


def test_two_segments_in_two_rounds_by_counting_every_pattern():
    """Each segment arrives in round 1, in round 2, or later: add the chances of the patterns with none later."""
    loss = 0.3
    arrives = {1: 1.0 - loss, 2: loss * (1.0 - loss), 3: loss * loss}
    whole = sum(arrives[a] * arrives[b] for a, b in itertools.product(arrives, repeat=2) if max(a, b) <= 2)
    assert whole_after(2, 2, loss) == pytest.approx(whole, rel=1e-12)


def test_one_segment_takes_the_mean_of_a_geometric_distribution():
    for loss in (0.0, 0.1, 0.5, 0.9):
        assert mean_rounds(1, loss) == pytest.approx(1.0 / (1.0 - loss), rel=1e-9)


def test_a_lossless_hop_costs_nothing():
    assert delivery(Hop(0.0, 0.0, 12 * MIN_US, 0), 500_000, 10_000, 1400) == (500_000, 1.0, 0)


def test_a_lossy_hop_at_twelve_minutes_costs_a_percent_of_rate_and_half_an_hour_of_delay():
    """A megabyte in 715 segments, 1 % lost: 2.07 rounds in the mean; 3 rounds are enough for 999 blocks of 1000."""
    hop = Hop(0.01, 0.0, 12 * MIN_US, 1_000_000)
    left = delivery(hop, 500_000, 1_000_000, 1400)
    assert left.rate_bps == 495_000
    assert left.mean_rounds == pytest.approx(2.07, abs=0.005)
    assert left.extra_delay_us == pytest.approx(1.07 * (24 * MIN_US + 2_000_000), rel=0.005)
    assert whole_after(3, 715, 0.01) >= 0.999 > whole_after(2, 715, 0.01)


def test_cycles_with_lost_control_segments_take_the_mean_of_the_timers():
    """Draw cycles: every loss of checkpoint or report lets the timer run once more."""
    hop = Hop(0.0, 0.2, 10 * MIN_US, 0)
    runs = np.random.default_rng(6).geometric(0.8, 100_000)
    assert cycle_us(hop) == pytest.approx(20 * MIN_US * runs.mean(), rel=0.01)


def test_a_segment_over_two_frames_is_lost_with_either():
    assert segment_loss(0.1, 2) == pytest.approx(1.0 - 0.9 * 0.9, rel=1e-12)
    assert segment_loss(0.0, 3) == 0.0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: whole_after(1, 0, 0.1), r"LTP: block of 0 segments: a block has at least 1"),
        (lambda: mean_rounds(1, 0.95), r"LTP: loss 0.95: a loss is 0 to 0.9; above it, plan no contact"),
        (lambda: whole_after(-1, 1, 0.1), r"LTP: -1 rounds: a number of rounds is 0 or more"),
        (lambda: segment_loss(1.0, 1), r"LTP: 1 frames with error rate 1: at least 1 frame"),
        (lambda: cycle_us(Hop(0.0, 1.0, 1, 0)), r"LTP: loss 1: a loss is 0 to 0.9"),
        (lambda: delivery(Hop(0.0, 0.0, 1, 0), 1, 0, 1), r"LTP: block of 0 bytes in segments of 1: both are"),
        (lambda: draw_rounds(1, -0.1, 1, np.random.default_rng(1)), r"LTP: loss -0.1: a loss is 0 to 0.9"),
    ],
)
def test_impossible_blocks_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
