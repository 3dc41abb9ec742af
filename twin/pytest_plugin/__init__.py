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
is a scenario to be tested. (PYTEST_DONT_REWRITE: there are no assertions here to be explained.)
"""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.pytest_plugin.items import BUDGET, GuaranteeItem, ScenarioFile
from twin.pytest_plugin.recognized import is_scenario_file
from twin.pytest_plugin.runs import Budget, Limits


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
    config.stash[BUDGET] = Budget(Limits(_seeds(seeds), _time_s(time_text)))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """A scenario file, known by its keys; any other file is left alone."""
    return ScenarioFile.from_parent(parent, path=file_path) if is_scenario_file(file_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where time is short, first every scenario's own seed, then every second one, and so on."""
    if config.stash[BUDGET].limits.time_s is None:
        return
    by_seed = iter(sorted((item for item in items if isinstance(item, GuaranteeItem)), key=lambda i: i.run.further))
    items[:] = [next(by_seed) if isinstance(item, GuaranteeItem) else item for item in items]


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
