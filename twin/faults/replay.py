"""Which of the things that pass are said again: one from an instant on, or each with some probability."""

from __future__ import annotations

import numpy as np

HELD_MAX = 64  # copies kept for later by one replayer; what passes beyond is not taken


class Replayer:
    """Watches one directed pair: `rate` per transmission within `from_us <= t < until_us`."""

    def __init__(self, rate: float, from_us: int, until_us: int, random: np.random.Generator) -> None:
        self._rate = rate
        self._from_us = from_us
        self._until_us = until_us
        self._random = random
        self._held = 0

    def takes(self, at_us: int) -> bool:
        """Whether what passes now is kept; the keeper says `released` when it has put it in again."""
        if not self._from_us <= at_us < self._until_us or self._random.random() >= self._rate:
            return False
        if self._held == HELD_MAX:
            return False
        self._held += 1
        return True

    def released(self) -> None:
        """One copy less is kept."""
        self._held -= 1


class OneReplay:
    """Takes the first thing that passes from `from_us` on, whoever sends it."""

    def __init__(self, from_us: int) -> None:
        self._from_us = from_us
        self._taken = False

    def takes(self, at_us: int) -> bool:
        """Whether what passes now is the one."""
        if self._taken or at_us < self._from_us:
            return False
        self._taken = True
        return True

    def released(self) -> None:
        """It has been put in again."""
