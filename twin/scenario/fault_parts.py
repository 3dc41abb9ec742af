"""What faults are made of: when they set in, how long they last, how often they strike.

| part | keys | meaning |
|---|---|---|
| `AtInstant` | at | once, at an instant after the scenario's start |
| | at: random, count, from, until | `count` times, at random instants within a span |
| `ForAWhile` | + for | and for so long |
| `WithDown` | + down | a node stops, and returns so much later |
| `During` | from, until | all the time within a span |
| `ByChance` | + rate | each opportunity within a span, with a probability |
| `AtOrByChance` | at, for or rate, from, until | every opportunity for a while, or some of them all along |

`at: random` is drawn uniformly from the fault's own random stream, within the duration or between `from` and `until`,
and early enough that the fault is over by then; `twin.faults.resolve` draws it. Until then the attribute holds
`RANDOM_US`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from twin.scenario.errors import RuleError
from twin.scenario.fields import DurationUs, Part, PositiveDurationUs, Ratio, setting
from twin.units import DURATION, QuantityError, parse_quantity

RANDOM: Final = "random"
RANDOM_US: Final = -1  # no written duration is negative
COUNT_MAX: Final = 1000


def _parse_at(value: object) -> int:
    if value == RANDOM:
        return RANDOM_US
    try:
        return int(parse_quantity(value, DURATION))
    except QuantityError as error:
        raise QuantityError(error.rule, f"{error.remedy}, or `random`") from None


AtUs = Annotated[
    int,
    BeforeValidator(_parse_at),
    WithJsonSchema({"type": "string", "examples": [DURATION.example, RANDOM]}),
]
Count = Annotated[int, Field(strict=True, ge=1, le=COUNT_MAX)]


def check_span(from_us: int, until_us: int | None) -> None:
    """Raise `RuleError` for a span that ends before it begins [us]."""
    if until_us is not None and until_us <= from_us:
        raise RuleError("`until` must come after `from`", "swap them or drop the fault", ("until",))


class FaultPart(Part):
    """Any fault; times count from the scenario's start [us]."""

    kind: str

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it acts, as the report names it."""

    @property
    @abstractmethod
    def onset_us(self) -> int:
        """When it sets in; `RANDOM_US` while that is to be drawn."""

    @property
    @abstractmethod
    def cease_us(self) -> int | None:
        """When it is over; None: with the run."""

    @property
    def detail(self) -> str:
        """What a reader of the report should know besides kind, place and times."""
        return ""


class AtInstant(FaultPart):
    """A fault with an instant."""

    at_us: AtUs = Field(description="When it sets in, after the scenario's start, or `random`.")
    count: Count = setting(1, "How often, each at a random instant of its own.", source="assumed: once")
    from_us: DurationUs | None = setting(
        None, "Not before this, with `at: random`.", source="assumed: at any time of the run"
    )
    until_us: PositiveDurationUs | None = setting(
        None, "Over by then, with `at: random`.", source="assumed: at any time of the run"
    )

    @property
    def lasts_us(self) -> int:
        """How long it takes from its instant until it is over [us]."""
        return 0

    @property
    def earliest_us(self) -> int:
        """Before this it cannot happen, after the scenario's start [us]."""
        return 0

    @property
    def onset_us(self) -> int:
        return self.at_us

    @property
    def cease_us(self) -> int | None:
        return self.at_us + self.lasts_us

    @model_validator(mode="after")
    def _count_needs_random(self) -> AtInstant:
        if self.count > 1 and self.at_us != RANDOM_US:
            raise RuleError(
                f"{self.count} times at one instant",
                "write `at: random`, or repeat the fault with other instants",
                ("count",),
            )
        return self

    @model_validator(mode="after")
    def _span_needs_random(self) -> AtInstant:
        if self.at_us not in (None, RANDOM_US):
            for key, given in (("from", self.from_us), ("until", self.until_us)):
                if given:
                    raise RuleError("has no meaning beside an instant", "drop it, or write `at: random`", (key,))
        check_span(self.from_us or 0, self.until_us)
        return self


class ForAWhile(AtInstant):
    """A fault with an instant and a length."""

    for_us: PositiveDurationUs = Field(description="How long it lasts.")

    @property
    def lasts_us(self) -> int:
        return self.for_us


class WithDown(AtInstant):
    """A fault that stops a node."""

    down_us: PositiveDurationUs = Field(description="How long the node is down.")

    @property
    def lasts_us(self) -> int:
        return self.down_us


class During(FaultPart):
    """A fault of a span."""

    from_us: DurationUs = setting("0 s", "When it sets in.", source="assumed: from the start")
    until_us: PositiveDurationUs | None = setting(
        None,
        "When it is over; null: the end of the run, drain included.",
        source="assumed: to the end of the run",
    )

    @property
    def onset_us(self) -> int:
        return self.from_us

    @property
    def cease_us(self) -> int | None:
        return self.until_us

    @model_validator(mode="after")
    def _span(self) -> During:
        check_span(self.from_us, self.until_us)
        return self


class ByChance(During):
    """A fault that strikes each opportunity within its span with some probability."""

    rate: Ratio = Field(description="Probability for each opportunity.")

    @property
    def detail(self) -> str:
        return f"{self.rate * 100:g} %"


class AtOrByChance(AtInstant):
    """A fault that strikes every opportunity for a while from `at` on, or each with probability `rate`.

    `from` and `until` bound `rate`, or a random instant.
    """

    at_us: AtUs | None = setting(  # type: ignore[assignment]  # optional here
        None, "When it sets in, for every opportunity.", source="assumed: none"
    )
    for_us: PositiveDurationUs | None = setting(None, "How long it lasts from `at` on.", source="assumed: none")
    rate: Ratio | None = setting(None, "Probability for each opportunity.", source="assumed: none")
    from_us: DurationUs = setting("0 s", "When `rate` sets in.", source="assumed: from the start")
    until_us: PositiveDurationUs | None = setting(
        None, "When `rate` is over; null: the end of the run, drain included.", source="assumed: to the end of the run"
    )

    @property
    def lasts_us(self) -> int:
        return self.for_us or 0

    @property
    def onset_us(self) -> int:
        return self.from_us if self.at_us is None else self.at_us

    @property
    def cease_us(self) -> int | None:
        return self.until_us if self.at_us is None else self.at_us + self.lasts_us

    @property
    def chance(self) -> float:
        """Probability for each opportunity between onset and cease."""
        return 1.0 if self.rate is None else self.rate

    @property
    def detail(self) -> str:
        return f"{self.chance * 100:g} %"

    @model_validator(mode="after")
    def _one_of_the_two(self) -> AtOrByChance:
        by_time, by_chance = self.at_us is not None, self.rate is not None
        if by_time == by_chance:
            raise RuleError(
                "has both an instant and a rate" if by_time else "has neither an instant nor a rate",
                "give `at` and `for`, or `rate`",
            )
        if by_time and self.for_us is None:
            raise RuleError("required and missing beside `at`", "add `for: 10 min`", ("for",))
        if by_chance and self.for_us is not None:
            raise RuleError("has no meaning beside `rate`", "write `from` and `until`", ("for",))
        return self
