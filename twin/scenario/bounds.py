"""Bounds of guarantees as sums: `owlt + contact_wait + 1 R + 3 min`.

    bound = term { "+" term }        term = [number] variable | quantity of time

No evaluation of text, no other operator: a bound is data, so that a report can show it term by term.

| variable | value, all in microseconds |
|---|---|
| owlt | one-way light time at the instant |
| R | 2 OWLT + far-end allowance + serialisation: one retransmission round |
| frame_period | the device's frame period |
| contact_wait | time until an edge that holds the record can transmit over the actual plan |
| ack_delay, far_end_allowance, backup_period, scrub_period, bundle_wait | the pipeline's settings |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from twin.scenario.errors import RuleError, listed, shown
from twin.units import DURATION, QuantityError, parse_quantity

VARIABLES: Final = (
    "owlt",
    "R",
    "frame_period",
    "contact_wait",
    "ack_delay",
    "far_end_allowance",
    "backup_period",
    "scrub_period",
    "bundle_wait",
)
_TERM: Final = re.compile(r"(?:(\d{1,9}(?:\.\d{1,9})?)\s*)?([A-Za-z_]+)")
_EXAMPLE: Final = "owlt + contact_wait + 1 R + 3 min"


@dataclass(frozen=True, slots=True)
class Term:
    """`coefficient` times `variable`, or `constant_us` where there is no variable."""

    coefficient: float
    variable: str | None
    constant_us: int = 0


@dataclass(frozen=True, slots=True)
class BoundExpression:
    """A bound as its terms in the order written, and its text."""

    terms: tuple[Term, ...]
    text: str


def parse_bound(text: object) -> BoundExpression:
    """Read a bound.

    Raises:
        RuleError: Not a sum of terms, an unknown variable, a number without a unit.
    """
    if isinstance(text, BoundExpression):
        return text
    if not isinstance(text, str) or not text.strip():
        raise RuleError("a bound is a sum of terms", f"write it like `{_EXAMPLE}`")
    return BoundExpression(tuple(_term(part.strip()) for part in text.split("+")), " ".join(text.split()))


def _term(text: str) -> Term:
    match = _TERM.fullmatch(text)
    if match and match[2] in VARIABLES:
        return Term(float(match[1] or 1), match[2])
    if match and match[2] not in DURATION.units:
        raise RuleError(
            f"'{shown(match[2])}' is neither a variable nor a unit of time",
            f"{listed(VARIABLES, match[2])}, or a time such as 3 min",
        )
    try:
        return Term(1.0, None, int(parse_quantity(text, DURATION)))
    except QuantityError as error:
        raise RuleError(
            f"the term '{shown(text)}' is neither `[number] variable` nor a time ({error.rule})",
            f"write it like `{_EXAMPLE}`; variables: {', '.join(VARIABLES)}",
        ) from None
