"""What a flush of a disk may answer instead of the truth: an error, or a lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

ERROR, LIE = "fsync_error", "fsync_lie"


class FlushRule(NamedTuple):
    """A random fault of one disk: `rate` per flush within `from_us <= t < until_us`."""

    kind: str
    rate: float
    from_us: int
    until_us: int
    random: np.random.Generator


class FlushFaults:
    """The random faults of one disk's flushes."""

    def __init__(self, rules: Sequence[FlushRule] = ()) -> None:
        self._rules = tuple(rules)

    def outcome(self, at_us: int) -> str | None:
        """`ERROR`, `LIE`, or None for an honest flush at `at_us`; an error goes before a lie."""
        struck = {
            rule.kind
            for rule in self._rules
            if rule.from_us <= at_us < rule.until_us and rule.random.random() < rule.rate
        }
        return ERROR if ERROR in struck else LIE if LIE in struck else None
