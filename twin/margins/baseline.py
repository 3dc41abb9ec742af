"""Margins that are kept to be held against: one file for many scenarios and seeds, one line per guarantee.

    {"schema": "mars-iomt-twin/margins/1", "version": "0.3.0", "runs": [
     {"scenario": "first-sol", "digest": "0f...", "seed": 7, "guarantees": [
      {"key": "durability", "verdict": "held", "checked": 21364, ...},

Runs stand in the order of name and seed, whatever order they were made in, so that a file written anew differs in the
lines of what changed and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from twin import __version__
from twin.margins.change import Change, compare
from twin.margins.margin import Margin, margins_of
from twin.result_schema import Document
from twin.scenario.errors import ScenarioError, shown

SCHEMA: Final = "mars-iomt-twin/margins/1"
OPTION: Final = "--against"
_ANEW: Final = (
    "write it anew with `twin check PATH... --write-baseline FILE`, with all the paths that are held against it"
)
SCENARIO_CHANGED: Final = f"the scenario was changed after the baseline was written; {_ANEW}"
NOT_KNOWN: Final = f"the baseline does not know this run; {_ANEW}"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KeptRun(_Part):
    """The margins of one scenario with one seed."""

    scenario: str
    digest: str
    seed: int
    guarantees: tuple[Margin, ...] = Field(strict=False)


class Baseline(_Part):
    """Margins of many runs, and the version of the twin that made them."""

    version: str
    runs: tuple[KeptRun, ...] = Field(strict=False)

    def of(self, scenario: str, seed: int) -> KeptRun | None:
        """What is kept of a run, None if nothing is."""
        return next((run for run in self.runs if (run.scenario, run.seed) == (scenario, seed)), None)


@dataclass(frozen=True)
class Held:
    """A run held against a baseline.

    Attributes:
        known: whether the baseline has this scenario with this seed.
        scenario_changed: whether the scenario asks for something else than when the baseline was written.
        losses: guarantees that lost more than may be.
    """

    document: Document
    known: bool
    scenario_changed: bool
    losses: tuple[Change, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, against margins of this very scenario; a run that is not known passes."""
        return not (self.losses or self.scenario_changed)


def hold_against(baseline: Baseline, document: Document, tolerance_ppm: int) -> Held:
    """Compare a run with what a baseline has kept of it.

    A scenario that was changed is compared all the same: that shows what the change costs.
    """
    kept = baseline.of(document.scenario, document.seed)
    if kept is None:
        return Held(document, known=False, scenario_changed=False, losses=())
    changes = compare(kept.guarantees, margins_of(document), tolerance_ppm)
    losses = tuple(change for change in changes if change.is_loss)
    return Held(document, True, kept.digest != document.scenario_digest, losses)


def baseline_text(documents: Iterable[Document]) -> str:
    """A baseline file for these runs."""
    runs = {(document.scenario, document.seed): document for document in documents}
    blocks = []
    for (name, seed), document in sorted(runs.items()):
        head = {"scenario": name, "digest": document.scenario_digest, "seed": seed}
        lines = [json.dumps(margin.model_dump(exclude_defaults=True)) for margin in margins_of(document)]
        guarantees = ",\n  ".join(lines)
        blocks.append(f' {json.dumps(head)[:-1]}, "guarantees": [\n  {guarantees}]}}')
    opening = json.dumps({"schema": SCHEMA, "version": __version__})[:-1]
    return f'{opening}, "runs": [\n' + ",\n".join(blocks) + "\n]}\n"


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        ScenarioError: missing, unreadable, damaged, of another schema, or with a run that stands in it twice.
    """
    subject = f"baseline {path}"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise ScenarioError(subject, "is missing", OPTION, _ANEW) from None
    except OSError as error:
        rule = f"cannot be read: {(error.strerror or str(error)).lower()}"
        raise ScenarioError(subject, rule, OPTION, "name a file that you may read") from error
    except (ValueError, RecursionError) as error:  # broken JSON, broken UTF-8, NaN, brackets without end
        raise ScenarioError(subject, f"is damaged: {error}", OPTION, _ANEW) from None
    found = raw.get("schema") if isinstance(raw, dict) else None
    if found != SCHEMA:
        raise ScenarioError(subject, f"schema {shown(found)} is not {SCHEMA}", OPTION, _ANEW)
    return _validated(subject, {key: value for key, value in raw.items() if key != "schema"})


def _validated(subject: str, raw: dict[str, Any]) -> Baseline:
    try:
        baseline = Baseline.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ScenarioError(subject, f"is damaged: {first['msg'].lower()}", f"{OPTION}, {place}", _ANEW) from None
    seen: set[tuple[str, int]] = set()
    for run in baseline.runs:
        if (run.scenario, run.seed) in seen:
            rule = f"has {run.scenario}, seed {run.seed} twice"
            raise ScenarioError(subject, rule, OPTION, _ANEW)
        seen.add((run.scenario, run.seed))
    return baseline


def not_run(baseline: Baseline, ran: Sequence[tuple[str, int]]) -> list[str]:
    """Runs that the baseline knows and nobody made, as `name, seed N`."""
    made = set(ran)
    return [f"{run.scenario}, seed {run.seed}" for run in baseline.runs if (run.scenario, run.seed) not in made]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
