"""How much later bundles arrive by LTP's rounds: against the closed form, and in a run."""

import pytest

from twin.hosts.models.ltp_blocks import LtpBlocks
from twin.network.ltp import Hop, delivery
from twin.randomness import stream

OWLT_US = 600_000_000
BLOCKS = 20_000


@pytest.mark.parametrize(("size_bytes", "loss"), [(64_000, 0.001), (64_000, 0.05), (1_000, 0.3)])
def test_the_mean_delay_is_that_of_the_closed_form(size_bytes, loss):
    """Drawn 20,000 times: the scatter of the mean is at most 1.5 % of a round trip."""
    blocks = LtpBlocks(loss, stream(7, "ltp"))
    later_us = [blocks.later_us(size_bytes, OWLT_US) for _ in range(BLOCKS)]
    assert all(us % (2 * OWLT_US) == 0 for us in later_us)
    hop = Hop(segment_loss=loss, control_loss=1 - (1 - loss) ** 2, owlt_us=OWLT_US, reaction_us=0)
    expected_us = delivery(hop, 1_000_000, size_bytes, 1_400).extra_delay_us
    mean_us = sum(later_us) / BLOCKS
    scatter_us = (sum((us - mean_us) ** 2 for us in later_us) / BLOCKS**2) ** 0.5
    assert mean_us == pytest.approx(expected_us, abs=4 * scatter_us)
    assert scatter_us < 0.015 * 2 * OWLT_US


def test_one_draw_moves_no_other_pair():
    one, other = (LtpBlocks(0.3, stream(7, "ltp", pair)) for pair in ("a", "b"))
    alone = [other.later_us(10_000, OWLT_US) for _ in range(50)]
    again = LtpBlocks(0.3, stream(7, "ltp", "b"))
    mixed = []
    for _ in range(50):
        one.later_us(10_000, OWLT_US)
        mixed.append(again.later_us(10_000, OWLT_US))
    assert mixed == alone
