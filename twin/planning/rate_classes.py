"""Rates grouped into a few classes, so that each has a colour of its own and a place in a key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from twin.units import BIT_RATE, format_quantity

CLASSES_MAX: Final = 6
"""More colours of one scale are not told apart at a glance (assumed: a reader compares bars that lie apart)."""
_FIRST_RATIO: Final = 1.25
_DIGITS: Final = 4


class RateClass(NamedTuple):
    """The rates from the lowest to the highest that occur in a class [bit/s]."""

    low_bps: int
    high_bps: int

    @property
    def text(self) -> str:
        """As `32 kbit/s` or `2.573 to 2.617 Mbit/s`."""
        low, high = rate_text(self.low_bps), rate_text(self.high_bps)
        if low == high:
            return low
        number, unit = low.split(" ", 1)
        return f"{number if high.endswith(f' {unit}') else low} to {high}"


def rate_classes(rates_bps: Iterable[int]) -> list[RateClass]:
    """Few classes that hold all rates, slowest first; as narrow as their number allows, none overlaps another."""
    rates = sorted(set(rates_bps))
    ratio = _FIRST_RATIO
    while len(classes := _cut(rates, ratio)) > CLASSES_MAX:
        ratio *= ratio
    return classes


def rate_text(rate_bps: int) -> str:
    """A rate to four digits, as `2.578 Mbit/s`."""
    step = 10 ** max(0, len(str(rate_bps)) - _DIGITS)
    return format_quantity((rate_bps + step // 2) // step * step, BIT_RATE)


def _cut(rates: list[int], ratio: float) -> list[RateClass]:
    """From the slowest rate on, each class reaches up to `ratio` times its slowest."""
    classes: list[RateClass] = []
    for rate in rates:
        if classes and rate <= classes[-1].low_bps * ratio:
            classes[-1] = RateClass(classes[-1].low_bps, rate)
        else:
            classes.append(RateClass(rate, rate))
    return classes
