"""Scenarios under pytest: one test per guarantee and seed of every scenario file that lists guarantees.

    pytest scenarios/                                       every scenario with its own seed
    pytest scenarios/ --twin-seeds 20 --twin-time "10 min"  and with the 19 seeds that follow, while there is time
    pytest scenarios/ -n 4 --dist loadfile                  four scenarios at the same time (pytest-xdist)

A run is judged as `twin check` judges it: every guarantee is a test, those that the scenario does not list too, for
one of them may break; what did not apply is skipped. The tests of one run share it: it is made when the first of them
is reached.

Processes share no run. So with pytest-xdist a file's tests belong to one worker, by `--dist loadfile`; in its default
order each worker makes each run, with the same outcome and nothing gained. The tests of a run are also a group for
`--dist loadgroup`, which pytest-xdist 3.8 passes over under pytest 9.2 (its issue 1386).

pytest loads this module in every session of an environment that has the twin: it imports nothing of it before there
is a scenario to be tested.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

if TYPE_CHECKING:
    from twin.experiments.as_test import Tested

_ENDINGS: Final = frozenset({".yaml", ".yml"})
_BYTES_MAX: Final = 2**20  # of a scenario: `twin.scenario.document`
_KEY: Final = re.compile(rb"""^(["']?)([a-z]+)\1[ \t]*:(?=\s|\Z)[ \t]*([^\r\n]*)""", re.MULTILINE)
_YAML_FILE: Final = re.compile(rb"""["']?[^\s"':{\[][^"'{\[]*\.ya?ml\b""")
MARKS: Final = frozenset({"duration", "habitat", "traffic", "guarantees"})
"""What a scenario says beside its name; two of these tell it from other YAML, also where a third is mistyped."""
KEYS: Final = MARKS | {
    "clinic", "earth", "edge", "episodes", "faults", "kernel", "network", "overload", "pipeline", "seed", "start",
    "weather",
}  # fmt: skip
"""What a scenario may change in the file that it extends."""


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


_BUDGET: Final = pytest.StashKey[Budget]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, and the same as settings of an ini file."""
    group = parser.getgroup("twin", "scenarios of the Mars-Earth digital twin")
    seeds = "seeds per scenario, counted up from its own; default 1"
    limit = "how long runs of further seeds may begin, e.g. '10 min'; every scenario's own seed always runs"
    group.addoption("--twin-seeds", metavar="N", help=seeds)
    group.addoption("--twin-time", metavar="DURATION", help=limit)
    parser.addini("twin_seeds", seeds)
    parser.addini("twin_time", limit)


def pytest_configure(config: pytest.Config) -> None:
    """Read options and settings."""
    seeds, time_text = (config.getoption(name) or config.getini(name) for name in ("twin_seeds", "twin_time"))
    config.stash[_BUDGET] = Budget(Limits(_seeds(seeds), _time_s(time_text)))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """A scenario file, known by its keys; any other file is left alone."""
    if file_path.suffix not in _ENDINGS:
        return None
    try:
        with file_path.open("rb") as file:
            text = file.read(_BYTES_MAX)
    except OSError:
        return None  # it cannot be known, and YAML that nobody may read need not be a scenario
    return ScenarioFile.from_parent(parent, path=file_path) if is_scenario(text) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where time is short, first every scenario's own seed, then every second one, and so on."""
    if config.stash[_BUDGET].limits.time_s is None:
        return
    by_seed = iter(sorted((item for item in items if isinstance(item, GuaranteeItem)), key=lambda i: i.run.further))
    items[:] = [next(by_seed) if isinstance(item, GuaranteeItem) else item for item in items]


def is_scenario(text: bytes) -> bool:
    """Whether a YAML file means to be a scenario: it has a `name`, and two of `MARKS` or a file to extend and a key.

    Its top-level keys are read as words at the beginning of a line, without parsing the file.
    """
    keys = {match[2].decode(): match[3] for match in _KEY.finditer(text.removeprefix(b"\xef\xbb\xbf"))}
    if "name" not in keys:
        return False
    extends = _YAML_FILE.match(keys.get("extends", b"")) is not None
    return (extends and not KEYS.isdisjoint(keys)) or len(MARKS & keys.keys()) >= 2


class ScenarioFile(pytest.File):
    """A scenario file; without guarantees it has no tests."""

    def collect(self) -> Iterator[GuaranteeItem]:
        """One test per seed and guarantee: those that the scenario lists first.

        Raises:
            CollectError: it is no good scenario; one line.
        """
        from twin.scenario import ScenarioError, load_scenario
        from twin.scenario.guarantees import GUARANTEES

        budget = self.config.stash[_BUDGET]
        source = _shown(self.path, self.config.invocation_params.dir)
        try:
            scenario = load_scenario(source)
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
        from twin.scenario import load_scenario

        scenario = load_scenario(self.source, (), self.seed)
        with tempfile.TemporaryDirectory(prefix="twin-pytest-") as folder:
            try:
                document = run_once(scenario, Path(folder, "run")).document
            except Exception as error:
                if scenario.origin is not None:
                    error.add_note(f"replay: {scenario.origin.command(self.seed)}")
                raise
        if document.interrupted:
            raise KeyboardInterrupt
        return {guarantee.key: as_test(guarantee, document) for guarantee in document.guarantees}


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


class RunEndedError(Exception):
    """A run that is shared by several tests raised an exception."""


def _shown(path: Path, invoked_in: Path) -> Path:
    """A path as a person would type it where pytest was started."""
    return path.relative_to(invoked_in) if path.is_relative_to(invoked_in) else path


def _seeds(text: str | None) -> int:
    if not text:
        return 1
    if not text.isdecimal() or int(text) < 1:
        raise pytest.UsageError(f"--twin-seeds {text}: seeds are counted from 1; give a whole number")
    return int(text)


def _time_s(text: str | None) -> float | None:
    if not text:
        return None
    from twin.units import DURATION, QuantityError, parse_quantity

    try:
        return parse_quantity(text, DURATION) / 1e6
    except QuantityError as error:
        raise pytest.UsageError(f"--twin-time {text}: {error}") from None
