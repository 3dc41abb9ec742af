"""How much later a bundle arrives whose LTP block loses segments on a deep-space hop: round by round, drawn for each.

A bundle is one block. Each further round costs a report, a repetition and their light times, and as much again for each
checkpoint or report that is lost (`twin.network.ltp`). A round needs a contact each way: the receiver reports when the
way back is open, the sender repeats when its own contact is, or the next one; while one is closed, timers stand still
(RFC 5326, sections 6.4 to 6.6, recalled). So a block whose rounds outlive its contact is whole in the next one, and
never where the plan has none.

The sender's machine is not told: its own timer may run out meanwhile and repeat the bundle, which costs the way and
harms nothing. Reports and repetitions are few segments, which meet neither an outage nor a busy transmitter.
"""

from __future__ import annotations

import numpy as np

from twin.network.encapsulation import SEGMENT_BYTES_MAX
from twin.network.ltp import draw_rounds
from twin.pipeline.transport.contact_plan import ContactPlan


class LtpBlocks:
    """The blocks of one directed pair.

    Args:
        segment_loss: chance that a segment is lost, a checkpoint or a report as well.
        random: the pair's own random stream.
    """

    def __init__(self, segment_loss: float, random: np.random.Generator) -> None:
        self._loss = segment_loss
        self._random = random

    def further_rounds(self, size_bytes: int) -> int:
        """Reports and repetitions that the block of a bundle needs, lost ones included; one draw for each bundle."""
        segments = -(-size_bytes // SEGMENT_BYTES_MAX)
        further = int(draw_rounds(segments, self._loss, 1, self._random)[0]) - 1
        if further == 0:
            return 0
        arrives = (1.0 - self._loss) ** 2  # checkpoint and report, both
        return further + int(self._random.negative_binomial(further, arrives))


def whole_us(
    contacts: ContactPlan, source: str, destination: str, sent_us: int, owlt_us: int, further_rounds: int
) -> int | None:
    """When the block is whole whose last bit left at `sent_us` [us], in the receiver's time; None: not in this plan.

    Args:
        contacts: of both directions.
        source, destination: of the block.
        owlt_us: light time of that last bit.
        further_rounds: as `LtpBlocks.further_rounds` draws them.
    """
    arrived_us = sent_us + owlt_us
    for _ in range(further_rounds):
        for pair in ((destination, source), (source, destination)):
            contact = contacts.current_or_next(*pair, arrived_us)
            if contact is None:
                return None
            leaves_us = max(arrived_us, contact.start_us)
            arrived_us = leaves_us + contact.owlt_us(leaves_us)
    return arrived_us
