"""What a guarantee answers, and the base of every checker.

A verdict is `held` only if something was checked. `not_applicable` carries the reason; a listed guarantee that was
never checked is `broken`. The margin is the smallest bound - observed over all opportunities.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from twin.trace import Trace

HELD, BROKEN, NOT_APPLICABLE = "held", "broken", "not_applicable"
US_PER_S = 1_000_000

Terms = Iterable[tuple[str, int]]
"""Names and values [us] of a bound's summands."""


Place = tuple[int, str, object]
"""When [us], where, and about which record."""


def in_seconds(terms: Terms) -> tuple[tuple[str, float], ...]:
    """Terms of a bound as a verdict shows them."""
    return tuple((name, value_us / US_PER_S) for name, value_us in terms)


@dataclass(frozen=True)
class Evidence:
    """The first offending record: which, when, where, and what is wrong with it."""

    record: str
    at_us: int
    where: str
    what: str


@dataclass(frozen=True)
class Worst:
    """The opportunity that came nearest to its bound: which record, when and where it was judged."""

    record: str
    at_us: int
    where: str


@dataclass(frozen=True)
class Verdict:
    """One guarantee's answer; `bound`, `observed` and `margin` are in `unit`, None where the guarantee has none.

    They belong to the opportunity `worst`, where something is measured.
    """

    key: str
    verdict: str
    reason: str
    checked: int
    pending: int
    bound: float | None = None
    observed: float | None = None
    unit: str | None = None
    margin: float | None = None
    evidence: Evidence | None = None
    violations: int = 0
    terms: tuple[tuple[str, float], ...] = field(default=())
    worst: Worst | None = None


class Checker(ABC):
    """Base of all checkers: counts opportunities, keeps the first violation and the tightest margin."""

    key: ClassVar[str]
    not_applicable: ClassVar[str] = "nothing of the kind happened in this run"

    def __init__(self) -> None:
        self.checked = 0
        self.violations = 0
        self.first: Evidence | None = None
        self.terms: tuple[tuple[str, float], ...] = ()
        self.from_when: Callable[[], str] = _from_the_start
        self._tightest: tuple[int, int, int] | None = None
        self._tightest_at: Place | None = None

    @abstractmethod
    def watch(self, trace: Trace) -> None:
        """Subscribe to the facts that the guarantee is about."""

    def violate(self, at_us: int, where: str, record: object, what: str) -> None:
        """Note a violation; the first one is the evidence."""
        self.violations += 1
        if self.first is None:
            self.first = Evidence(_name(record), at_us, where, what)

    def measure(self, observed_us: int, bound_us: int, place: Place, terms: Callable[[], Terms] | None = None) -> bool:
        """Hold an observation, made at `place`, against its bound; False if it is over.

        Where it is the tightest so far, `terms` is asked for the bound's summands in microseconds.
        """
        margin_us = bound_us - observed_us
        if self._tightest is None or margin_us < self._tightest[0]:
            self._tightest = (margin_us, bound_us, observed_us)
            self._tightest_at = place
            if terms is not None:
                self.terms = in_seconds(terms())
        return margin_us >= 0

    def pending(self) -> int:
        """Opportunities that fall due after the end of the run, or for which no bound was in force (`from_when`)."""
        return 0

    def finish(self, at_us: int) -> None:  # noqa: B027 - most checkers have nothing left to do
        """The run is over at `at_us`: check what can only be checked now."""

    def numbers(self) -> dict[str, Any]:
        """Bound, observed, margin and unit of the tightest opportunity; violations where nothing is measured."""
        if self._tightest is not None:
            margin_us, bound_us, observed_us = self._tightest
            return {
                "bound": bound_us / US_PER_S,
                "observed": observed_us / US_PER_S,
                "margin": margin_us / US_PER_S,
                "unit": "s",
            }
        return {
            "bound": 0.0,
            "observed": float(self.violations),
            "margin": 0.0 - self.violations,
            "unit": "violations",
        }

    def worst(self) -> Worst | None:
        """Where the numbers were taken; None where nothing is measured."""
        return None if self._tightest_at is None else worst_at(self._tightest_at)

    def remark(self) -> str:
        """What a reader must know besides the count: what was excused or is listed, with the numbers."""
        return ""

    def verdict(self, listed: bool) -> Verdict:
        """The answer; `listed` says whether the scenario insists on it."""
        common = {"checked": self.checked, "pending": self.pending(), "violations": self.violations, **self.numbers()}
        common |= {"terms": self.terms, "worst": self.worst()}
        suffix = "".join(f"; {remark}" for remark in (self.remark(), self.from_when()) if remark)
        if self.violations:
            reason = f"{self.violations} of {self.checked} checks failed" if self.checked else "failed"
            return Verdict(self.key, BROKEN, reason + suffix, evidence=self.first, **common)
        if self.checked:
            return Verdict(self.key, HELD, f"every check passed{suffix}", evidence=self.first, **common)
        nothing = dict.fromkeys(("bound", "observed", "margin", "unit", "worst"))
        why = "nothing fell due" if common["pending"] else self.not_applicable
        if listed:
            reason = f"listed by the scenario but never checked: {why}{suffix}"
            return Verdict(self.key, BROKEN, reason, **{**common, **nothing})
        return Verdict(self.key, NOT_APPLICABLE, why + suffix, **{**common, **nothing})


def _from_the_start() -> str:
    return ""


def worst_at(place: Place) -> Worst:
    """A place as a verdict shows it."""
    at_us, where, record = place
    return Worst(_name(record), at_us, where)


def _name(record: object) -> str:
    if isinstance(record, tuple) and len(record) == 3 and all(isinstance(part, int) for part in record):
        return f"dev-{record[0]:016x}/ep-{record[1]:016x}/{record[2]}"
    if isinstance(record, tuple) and len(record) == 2 and all(isinstance(part, int) for part in record):
        return f"dev-{record[0]:016x}/ep-{record[1]:016x}"
    return str(record)
