"""Hunts in the copy of the package that stands in PYTHONPATH.

    python hunter.py COPY SCENARIO FIRST SEEDS [GUARANTEE...]

Tries the seeds in order, without shrinking, until something breaks (or until one of these guarantees does), and prints
what broke as one line of JSON: the seed, and by guarantee the first evidence of every one that broke in its run.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import twin
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.hunt.case import Case
from twin.hunt.draw import draw
from twin.hunt.trial import RAISED, trial
from twin.scenario import read_plain, scenario_of


def all_broken(case: Case) -> dict[str, str]:
    """Every guarantee that breaks in the run of a case, and how it shows first."""
    scenario = case.scenario
    with tempfile.TemporaryDirectory(prefix="twin-kill-") as folder:
        mission = prepare(scenario, Path(folder))
        drive(mission, Progress(mission, quiet=True))
    listed = scenario.listed_guarantees
    found = {checker.key: checker for checker in mission.checkers if checker.violations and checker.first is not None}
    return {key: f"{found[key].first.where}: {found[key].first.what}" for key in listed if key in found}  # type: ignore[union-attr]


def broken(case: Case, only: frozenset[str]) -> dict[str, str]:
    """What breaks in the run of a case, if one of `only` does (empty: anything)."""
    first = trial(case)
    if first is None:
        return {}
    found = {RAISED: first.what} if first.statement == RAISED else all_broken(case)
    return found if not only or only & found.keys() else {}


def hunt(path: Path, first: int, seeds: int, only: frozenset[str]) -> dict[str, Any]:
    """The first seed that breaks, and what; None if none does."""
    document = read_plain(path, ())
    scenario = scenario_of(document, "the scenario")
    for seed in range(first, first + seeds):
        found = broken(draw(document, scenario, seed), only)
        if found:
            return {"seed": seed, "broken": found}
    return {"seed": None, "broken": {}}


if __name__ == "__main__":
    copy, scenario_path, first_seed, count, *wanted = sys.argv[1:]
    assert Path(twin.__file__).is_relative_to(copy), f"hunts in {twin.__file__}, not in {copy}"
    print(json.dumps(hunt(Path(scenario_path), int(first_seed), int(count), frozenset(wanted))))
