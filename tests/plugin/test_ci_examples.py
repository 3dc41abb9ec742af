"""The README's files for CI servers: they parse, and every command in them is one that this version takes."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from twin.cli import app

pytest_plugins = "pytester"

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXAMPLES = dict(re.findall(r"```yaml\n# (\.\S+)[^\n]*\n(.*?)```", README, re.DOTALL))
VERBS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
PACKAGES = {re.split(r"[^\w-]", name)[0] for group in PROJECT["optional-dependencies"].values() for name in group}

Problem = Callable[[str], str | None]


def commands(part: Any) -> Iterator[str]:
    """What a server runs: the lines of every `run` and `script` in its file."""
    if isinstance(part, list):
        for item in part:
            yield from commands(item)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in ("run", "script"):
                lines = value if isinstance(value, list) else value.splitlines()
                yield from lines
            else:
                yield from commands(value)


@pytest.fixture
def problem(pytester: pytest.Pytester) -> Problem:
    """What is wrong with a command, None if nothing is."""

    def twin(verb: str, *words: str) -> None:
        VERBS[verb].make_context(verb, list(words))

    def run_tests(*words: str) -> None:
        pytester.parseconfigure("-p", "twin.pytest_plugin", *words)

    def pip(verb: str, *words: str) -> None:
        assert verb == "install"
        for word in words:
            assert word in ("--constraint", ".") or word in PACKAGES or (ROOT / word).is_file(), word

    def found(command: str) -> str | None:
        program, *words = shlex.split(command)
        try:
            {"twin": twin, "pytest": run_tests, "pip": pip}[program](*words)
            paths = [word for word in words if word.startswith("scenarios")]
            assert [path for path in paths if not (ROOT / path).exists()] == []
        except (LookupError, AssertionError, pytest.UsageError, typer.BadParameter.__base__) as error:  # type: ignore[misc]
            return f"{command}: {error!r}"
        return None

    return found


@pytest.mark.parametrize("name", [".github/workflows/guarantees.yml", ".gitlab-ci.yml"])
def test_every_command_of_an_example_is_taken(name: str, problem: Problem) -> None:
    run = list(commands(yaml.safe_load(EXAMPLES[name])))
    assert {shlex.split(command)[0] for command in run} >= {"pip", "twin"}
    assert [found for found in map(problem, run) if found] == []


@pytest.mark.parametrize(
    "command",
    [
        "twin chek scenarios",
        "twin check scenarios --sedes 3",
        "twin check scenarios --seeds none",
        "twin check scenarios/gone.yaml",
        "twin hunt",
        "pytest scenarios --twin-sedes 3",
        "pytest scenarios --twin-seeds 0",
        "pytest scenarios --twin-time 5",
        "pytest scenarios --dist loadfiles",
        "pip install --constraint gone.lock .",
        "pip install twins",
        "make test",
    ],
)
def test_a_command_that_is_not_taken_is_found(command: str, problem: Problem) -> None:
    assert problem(command) is not None
