"""What the table on Earth does with some requests: rows unprocessed, answers that never come, reads of the past."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class TableRule(NamedTuple):
    """A random fault of the table: `rate` per row (table_unprocessed), request (table_timeout) or read
    (table_stale_read, which shows the rows of `age_us` before) within `from_us <= t < until_us`.
    """

    kind: str
    rate: float
    from_us: int
    until_us: int
    age_us: int
    random: np.random.Generator

    def strikes(self, at_us: int) -> bool:
        """Draw for one opportunity."""
        return self.from_us <= at_us < self.until_us and bool(self.random.random() < self.rate)
