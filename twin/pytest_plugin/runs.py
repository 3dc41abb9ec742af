"""One run for all tests of its guarantees, and how long runs may begin."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from twin.experiments.as_test import Tested


class Limits(NamedTuple):
    """How many seeds each scenario gets, and for how long [s] runs of further seeds may begin; None: no end."""

    seeds: int
    time_s: float | None


class Budget:
    """The time in which runs may begin, counted from the first one."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._until: float | None = None

    def begin(self, further: int) -> None:
        """Begin a run; skip it when the time is over, unless its seed is the first of its scenario."""
        time_s = self.limits.time_s
        if time_s is None:
            return
        if self._until is None:
            self._until = time.monotonic() + time_s
        elif further and time.monotonic() >= self._until:
            pytest.skip(f"the time for runs is over: {time_s:g} s (--twin-time)")


class Run:
    """One run of a scenario, made when the first of its guarantees is asked for.

    Attributes:
        source: the scenario file, as the replay command names it.
        further: how many seeds it is away from the scenario's own.
    """

    def __init__(self, source: Path, name: str, seed: int, further: int, budget: Budget) -> None:
        self.source = source
        self.name = name
        self.seed = seed
        self.further = further
        self._budget = budget
        self._tested: dict[str, Tested] | None = None
        self._error: Exception | None = None

    def tested(self, key: str) -> Tested:
        """What became of a guarantee.

        Raises:
            ScenarioError: the scenario asks for what cannot be, or the disk takes no more.
            RunEndedError: the run raised something else, which the first test that asked has shown.
            KeyboardInterrupt: the run was interrupted.
        """
        if self._error is not None:
            from twin.scenario import ScenarioError

            if isinstance(self._error, ScenarioError):
                raise self._error.with_traceback(None)
            kind = type(self._error).__name__
            raise RunEndedError(f"the run ended with {kind}, as its first test shows: {self._error}")
        if self._tested is None:
            self._budget.begin(self.further)
            try:
                self._tested = self._made()
            except Exception as error:
                self._error = error
                raise
        return self._tested[key]

    def _made(self) -> dict[str, Tested]:
        # the libraries of a run are imported when there is one to be made
        from twin.experiments.as_test import as_test
        from twin.experiments.check import run_once
        from twin.experiments.outcome import replay_command
        from twin.scenario import load_scenario

        scenario = load_scenario(self.source, (), self.seed)
        with tempfile.TemporaryDirectory(prefix="twin-pytest-") as folder:
            try:
                document = run_once(scenario, Path(folder, "run")).document
            except Exception as error:
                error.add_note(f"replay: {replay_command(scenario)}")
                raise
        if document.interrupted:
            raise KeyboardInterrupt
        return {guarantee.key: as_test(guarantee, document) for guarantee in document.guarantees}


class RunEndedError(Exception):
    """A run that is shared by several tests raised an exception."""
