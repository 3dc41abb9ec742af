"""A scenario file, and a test per guarantee of each of its runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from twin.pytest_plugin.runs import Budget, Run, RunEndedError

BUDGET: Final = pytest.StashKey[Budget]()


class ScenarioFile(pytest.File):
    """A scenario file; without guarantees it has no tests."""

    def collect(self) -> Iterator[GuaranteeItem]:
        """One test per seed and guarantee: those that the scenario lists first.

        Raises:
            CollectError: it is no good scenario; one line.
        """
        from twin.scenario import ScenarioError, load_scenario
        from twin.scenario.guarantees import GUARANTEES

        budget = self.config.stash[BUDGET]
        source = _shown(self.path, self.config.invocation_params.dir)
        try:
            scenario = load_scenario(source)
            if budget.limits.seeds > 1:
                load_scenario(source, (), scenario.seed + budget.limits.seeds - 1)
        except ScenarioError as error:
            raise self.CollectError(str(error)) from None
        listed = scenario.listed_guarantees
        if not listed:
            return
        distributed = self.config.pluginmanager.hasplugin("xdist")
        for further in range(budget.limits.seeds):
            run = Run(source, scenario.name, scenario.seed + further, further, budget)
            for key in (*listed, *(key for key in GUARANTEES if key not in listed)):
                item = GuaranteeItem.from_parent(self, name=f"{key}[seed={run.seed}]", run=run, key=key)
                if distributed:
                    # no bracket: pytest-xdist reads a group only behind the last one
                    item.add_marker(pytest.mark.xdist_group(f"{run.name} {run.seed}"))
                yield item


class GuaranteeItem(pytest.Item):
    """One guarantee of one run."""

    def __init__(self, *, run: Run, key: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.key = key

    def runtest(self) -> None:
        """Fail where the guarantee broke, skip where it did not apply."""
        tested = self.run.tested(self.key)
        if tested.outcome == "failed":
            raise BrokenError("\n".join(dict.fromkeys((tested.message, *tested.lines[1:], tested.lines[0]))))
        if tested.outcome == "skipped":
            pytest.skip(tested.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Evidence and replay command of what broke, one line for bad input, a traceback for anything else."""
        from twin.scenario import ScenarioError

        if isinstance(excinfo.value, BrokenError | RunEndedError | ScenarioError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        """The head line of a failure."""
        return self.path, None, f"{self.run.name}: {self.key}, seed {self.run.seed}"


class BrokenError(Exception):
    """A guarantee broke; the text is the evidence and the command that replays it."""


def _shown(path: Path, invoked_in: Path) -> Path:
    """A path as a person would type it where pytest was started."""
    return path.relative_to(invoked_in) if path.is_relative_to(invoked_in) else path
