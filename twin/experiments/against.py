"""A check's runs held against a baseline of margins, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from twin.margins.baseline import NOT_KNOWN, OPTION, SCENARIO_CHANGED, Baseline, Held, hold_against, not_run
from twin.margins.margin import PPM
from twin.margins.wording import details, sentence
from twin.result_schema import Document
from twin.scenario.errors import ScenarioError
from twin.scenario.model import Scenario


@dataclass(frozen=True)
class Against:
    """A baseline, where it was read, and the share of a margin that may be lost [ppm]."""

    baseline: Baseline
    path: Path
    tolerance_ppm: int

    def refuse_strangers(self, planned: Sequence[Scenario]) -> None:
        """Before anything runs: a baseline that knows none of the runs guards nothing.

        Raises:
            ScenarioError: it is the baseline of something else.
        """
        if planned and not any(self.baseline.of(scenario.name, scenario.seed) for scenario in planned):
            rule = "knows none of these scenarios with these seeds"
            raise ScenarioError(f"baseline {self.path}", rule, OPTION, "name the one that was written for them")

    def hold(self, document: Document) -> Held:
        """Compare one run."""
        return hold_against(self.baseline, document, self.tolerance_ppm)

    def summary(self, held: Sequence[Held], planned: Sequence[Scenario]) -> Iterator[str]:
        """What it comes to over all runs, and what of the baseline was not run."""
        known = [one for one in held if one.known]
        kept = sum(one.passed for one in known)
        by = f"{self.path}, twin {self.baseline.version}, tolerance {self.tolerance_ppm / PPM * 100:g} %"
        yield f"{kept} of {len(known)} runs kept their margins against {by}"
        strangers = [f"{one.document.scenario}, seed {one.document.seed}" for one in held if not one.known]
        if strangers:
            yield f"not in the baseline: {'; '.join(strangers)}"
        left = not_run(self.baseline, [(scenario.name, scenario.seed) for scenario in planned])
        if left:
            yield f"in the baseline and not run: {'; '.join(left)}"


def told(held: Held) -> Iterator[tuple[str, Iterable[str]]]:
    """What to say under a run: a key and its lines, for the baseline and for every guarantee that lost margin.

    What broke is told with its evidence, not here.
    """
    if not held.known:
        yield "baseline", [NOT_KNOWN]
    if held.scenario_changed:
        yield "baseline", [SCENARIO_CHANGED]
    for loss in held.losses:
        if loss.after is None or loss.after.verdict != "broken":
            yield loss.key, [sentence(loss), *details(loss)]
