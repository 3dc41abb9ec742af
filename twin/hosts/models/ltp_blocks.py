"""How much later a bundle arrives whose LTP block loses segments on a deep-space hop: round by round, drawn for each.

A bundle is one block. Each further round costs a round trip, and another one for each checkpoint or report that is
lost (`twin.network.ltp`). The sender's machine is not told: its own timer may run out meanwhile and repeat the bundle,
which costs the way and harms nothing. Rounds are taken to find the way open both ways, though a contact may end.
"""

from __future__ import annotations

import numpy as np

from twin.network.encapsulation import SEGMENT_BYTES_MAX
from twin.network.ltp import draw_rounds


class LtpBlocks:
    """The blocks of one directed pair.

    Args:
        segment_loss: chance that a segment is lost, a checkpoint or a report as well.
        random: the pair's own random stream.
    """

    def __init__(self, segment_loss: float, random: np.random.Generator) -> None:
        self._loss = segment_loss
        self._random = random

    def later_us(self, size_bytes: int, owlt_us: int) -> int:
        """Time from a bundle's last bit's first arrival until its block is whole [us]; one draw for each bundle."""
        segments = -(-size_bytes // SEGMENT_BYTES_MAX)
        further = int(draw_rounds(segments, self._loss, 1, self._random)[0]) - 1
        if further == 0:
            return 0
        arrives = (1.0 - self._loss) ** 2  # checkpoint and report, both
        return 2 * owlt_us * (further + int(self._random.negative_binomial(further, arrives)))
