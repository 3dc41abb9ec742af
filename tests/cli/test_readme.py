"""What the README shows is so: its scenario is taken, its scenario files and commands exist, its options are known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from twin.cli import app
from twin.scenario import load_scenario

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
ROWS = re.findall(r"^\| `twin (\w+)(.*?)` \|", README, re.MULTILINE)


def test_the_scenario_is_taken(tmp_path: Path) -> None:
    # a block that begins with its file's name is for a CI server: tests/plugin/test_ci_examples.py
    example, *parts = re.findall(r"```yaml\n(?!# \.)(.*?)```", README, re.DOTALL)
    path = tmp_path / "example.yaml"
    for part in ("", *parts):  # each further one belongs into the first
        path.write_text(example + part)
        assert load_scenario(path).habitat is not None


def test_the_scenario_files_are_there() -> None:
    named = re.findall(r"`([\w/-]+\.yaml)`", README)
    assert len(named) >= 10
    assert [name for name in named if not (ROOT / "scenarios" / name).exists()] == []


def test_every_command_has_its_row() -> None:
    assert {command for command, _ in ROWS} == set(COMMANDS)


@pytest.mark.parametrize(("command", "usage"), ROWS, ids=[command for command, _ in ROWS])
def test_the_options_of_a_command_are_known(command: str, usage: str) -> None:
    known = {
        option for parameter in COMMANDS[command].params for option in [*parameter.opts, *parameter.secondary_opts]
    }
    assert set(re.findall(r"--[\w-]+", usage)) <= known
