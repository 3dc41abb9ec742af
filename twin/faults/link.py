"""What may happen to a bundle or datagram on its way: lost, doubled, late, damaged, or sent into an outage.

Each rule draws from its own random stream while it is active, so adding a rule moves no other rule's draws.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

LOSS, DUPLICATION, REORDER = "bundle_loss", "bundle_duplication", "bundle_reorder"
CORRUPTION, TRUNCATION, BURST = "bundle_corruption", "bundle_truncation", "burst_loss"
DUPLICATE_DELAY_US = 1_000
_POSITIONS = 1 << 62


class Change(NamedTuple):
    """Damage to a copy's bytes: one bit flipped, or its end cut off; `position` is taken modulo the length."""

    kind: str
    position: int

    def of(self, data: bytes) -> bytes:
        """What is left of `data`; never `data` itself."""
        if self.kind == TRUNCATION:
            return data[: self.position % len(data)]
        bit = self.position % (8 * len(data))
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 0x80 >> (bit & 7)
        return bytes(damaged)


class Fate(NamedTuple):
    """What becomes of one copy: extra delay in microseconds, the cause of its loss (None: it arrives), and damage.

    A damaged copy arrives like another; the receiver must refuse it.
    """

    delay_us: int
    cause: str | None
    change: Change | None = None


UNHARMED = (Fate(0, None),)


class LinkRule(Protocol):
    """A fault of one directed pair: asked once per transmission, in the order of time."""

    @property
    def kind(self) -> str: ...
    @property
    def delay_us(self) -> int: ...
    @property
    def random(self) -> np.random.Generator: ...

    def strikes(self, at_us: int) -> bool:
        """Whether it meets the transmission at `at_us`."""
        ...


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

    def strikes(self, at_us: int) -> bool:
        """Draw for one transmission."""
        return self.from_us <= at_us < self.until_us and self.random.random() < self.rate


class Burst:
    """Gilbert and Elliott's channel, stepped by transmissions: good or bad, and losing with `loss` while bad.

    Source: Gilbert 1960, "Capacity of a burst-noise channel"; Elliott 1963, "Estimates of error rates". The share of
    bad transmissions tends to enter / (enter + leave).
    """

    kind = BURST
    delay_us = 0

    def __init__(
        self, enter: float, leave: float, loss: float, span: tuple[int, int], random: np.random.Generator
    ) -> None:
        self._enter = enter
        self._leave = leave
        self._loss = loss
        self._span = span
        self.random = random
        self._bad = False

    def strikes(self, at_us: int) -> bool:
        """Step the channel by one transmission, and draw for it."""
        if not self._span[0] <= at_us < self._span[1]:
            return False
        step, draw = self.random.random(2).tolist()
        self._bad = step >= self._leave if self._bad else step < self._enter
        return self._bad and bool(draw < self._loss)


class TimedBurst:
    """The same channel in continuous time: exponential sojourns, drawn as whole microseconds, whoever transmits."""

    kind = BURST
    delay_us = 0

    def __init__(
        self, mean_good_us: int, mean_bad_us: int, loss: float, span: tuple[int, int], random: np.random.Generator
    ) -> None:
        self._means_us = (mean_good_us, mean_bad_us)
        self._loss = loss
        self._span = span
        self.random = random
        (self._losses,) = random.spawn(1)  # so that who transmits does not move the channel's changes
        self._bad = False
        self._until_us = span[0] + self._sojourn_us()

    def _sojourn_us(self) -> int:
        return 1 + int(self.random.exponential(self._means_us[self._bad]))

    def strikes(self, at_us: int) -> bool:
        """Follow the channel to `at_us`, and draw if it is bad."""
        return self.is_bad(at_us) and bool(self._losses.random() < self._loss)

    def is_bad(self, at_us: int) -> bool:
        """State at an instant, which must not lie before one asked for earlier."""
        if not self._span[0] <= at_us < self._span[1]:
            return False
        while self._until_us <= at_us:
            self._bad = not self._bad
            self._until_us += self._sojourn_us()
        return self._bad


class LinkFaults:
    """The random faults of one directed pair of nodes."""

    def __init__(self, rules: Sequence[LinkRule] = ()) -> None:
        self._rules = tuple(rules)

    def fates(self, at_us: int) -> tuple[Fate, ...]:
        """The copies that one transmission at `at_us` turns into; at least one, lost or not."""
        if not self._rules:
            return UNHARMED
        copies = 1
        delay_us = 0
        cause: str | None = None
        change: Change | None = None
        for rule in self._rules:
            if not rule.strikes(at_us):
                continue
            kind = rule.kind
            if kind in (LOSS, BURST):
                cause = kind
            elif kind == DUPLICATION:
                copies += 1
            elif kind == REORDER:
                delay_us += rule.delay_us
            else:
                change = Change(kind, int(rule.random.integers(0, _POSITIONS)))
        return tuple(Fate(delay_us + copy * DUPLICATE_DELAY_US, cause, change) for copy in range(copies))


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


class RealRates:
    """What a link's rate is really, over the planned one: spans `start_us <= t < end_us` with a factor."""

    def __init__(self, spans: Sequence[tuple[int, int, float]] = ()) -> None:
        self.all = tuple(sorted(spans))

    def airtime_us(self, planned_us: int, at_us: int) -> int:
        """Time that a transmission beginning at `at_us` really takes, where the plan says `planned_us`."""
        for start_us, end_us, factor in self.all:
            if start_us <= at_us < end_us:
                planned_us = max(1, round(planned_us / factor))
        return planned_us
