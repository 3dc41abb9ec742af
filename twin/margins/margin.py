"""How much room a guarantee had left in one run, small enough to keep and to hold against another run.

The margin of a result is the smallest bound - observed over all opportunities. Here it is kept to the millisecond; what
has a limit that is no time (records, bytes per byte) is kept as the share of its limit that is left, so that it can be
compared when another limit became the nearest.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from twin.result_schema import Document, Guarantee
from twin.result_text import named_record

MS_PER_S: Final = 1000
PPM: Final = 1_000_000
_DIGITS: Final = 3  # below a millisecond nothing is kept: no bound is known so well

Scale = Literal["time", "share", "count"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class TermOf(_Part):
    """One summand of the bound of the worst case [s]; null where the planned contacts do not reach so far."""

    name: str
    value_s: float | None = None


class Margin(_Part):
    """One guarantee in one run; numbers are in `unit`, of the worst case, which `worst` names in words.

    `expression` is the bound as the scenario writes it.
    """

    key: str
    verdict: Literal["held", "broken", "not_applicable"]
    checked: int = Field(ge=0)
    pending: int = Field(default=0, ge=0)
    margin: float | None = None
    bound: float | None = None
    observed: float | None = None
    unit: str | None = None
    expression: str | None = None
    worst: str | None = None
    terms: tuple[TermOf, ...] = Field(default=(), strict=False)

    @property
    def judged(self) -> bool:
        """Whether anything was asked of it."""
        return self.verdict != "not_applicable"

    @property
    def scale(self) -> Scale | None:
        """What `left` counts: time against a bound, share of another limit, or violations; None without numbers."""
        if self.unit is None or self.margin is None or self.bound is None:
            return None
        if self.unit == "s":
            return "time"
        return "share" if self.bound > 0 else "count"

    @property
    def left(self) -> int:
        """Room left, negative if overdrawn: milliseconds, millionths of the limit, or violations; 0 without numbers."""
        scale = self.scale
        if scale is None or self.margin is None or self.bound is None:
            return 0
        if scale == "time":
            return round(self.margin * MS_PER_S)
        return round(self.margin / self.bound * PPM) if scale == "share" else round(self.margin)

    @property
    def left_share(self) -> float | None:
        """Share of the bound that is left; None where there is no bound."""
        return self.margin / self.bound if self.margin is not None and self.bound else None


def margins_of(document: Document) -> tuple[Margin, ...]:
    """Every guarantee of a run, in the order of the file."""
    return tuple(_margin(guarantee, document) for guarantee in document.guarantees)


def _margin(guarantee: Guarantee, document: Document) -> Margin:
    worst = None
    if guarantee.worst is not None:
        record = named_record(guarantee.worst.record, document)
        worst = f"{record}, {guarantee.worst.at_utc}, at {guarantee.worst.where}"
    return Margin(
        key=guarantee.key,
        verdict=guarantee.verdict,
        checked=guarantee.checked,
        pending=guarantee.pending,
        margin=_rounded(guarantee.margin),
        bound=_rounded(guarantee.bound),
        observed=_rounded(guarantee.observed),
        unit=guarantee.unit,
        expression=guarantee.expression,
        worst=worst,
        terms=tuple(TermOf(name=term.name, value_s=_rounded(term.value_s)) for term in guarantee.terms),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
