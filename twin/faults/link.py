"""What may happen to a bundle or datagram on its way: lost, doubled, late, or sent into an outage.

Each rule draws from its own random stream once per transmission while it is active, so adding a rule moves no other
rule's draws.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LOSS, DUPLICATION, REORDER = "bundle_loss", "bundle_duplication", "bundle_reorder"
DUPLICATE_DELAY_US = 1_000


class Rule(NamedTuple):
    """A random fault of one link: `rate` per transmission within `from_us <= t < until_us`, `delay_us` for
    reordering.
    """

    kind: str
    rate: float
    from_us: int
    until_us: int
    delay_us: int
    random: np.random.Generator


class Fate(NamedTuple):
    """What becomes of one copy: extra delay in microseconds, and the cause of its loss (None: it arrives)."""

    delay_us: int
    cause: str | None


UNHARMED = (Fate(0, None),)


class LinkFaults:
    """The random faults of one link."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules = tuple(rules)

    def fates(self, at_us: int) -> tuple[Fate, ...]:
        """The copies that one transmission at `at_us` turns into; at least one, lost or not."""
        if not self._rules:
            return UNHARMED
        copies = 1
        delay_us = 0
        cause: str | None = None
        for rule in self._rules:
            if not rule.from_us <= at_us < rule.until_us or rule.random.random() >= rule.rate:
                continue
            if rule.kind == LOSS:
                cause = LOSS
            elif rule.kind == DUPLICATION:
                copies += 1
            else:
                delay_us += rule.delay_us
        return tuple(Fate(delay_us + copy * DUPLICATE_DELAY_US, cause) for copy in range(copies))


class Outage(NamedTuple):
    """A time without passage: `start_us <= t < end_us`, and why."""

    start_us: int
    end_us: int
    cause: str


class Outages:
    """Outages of one place, ordered; they may overlap."""

    def __init__(self, outages: Sequence[Outage] = ()) -> None:
        self.all = tuple(sorted(outages))
        self._starts = [outage.start_us for outage in self.all]

    def cause(self, from_us: int, to_us: int) -> str | None:
        """Why nothing passes at some instant of `from_us <= t <= to_us`, None if all is well."""
        for outage in self.all[: bisect_right(self._starts, to_us)]:
            if outage.end_us > from_us:
                return outage.cause
        return None
