"""Every import against the contracts of `.importlinter`, and what importing a room must not pull in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = "from importlinter.cli import lint_imports_command as command; command(['--no-cache', '--no-logo'])"
IMPORT = re.compile(r"(twin[\w.]*) -> ([\w.]+) \(l\.([\d, ]+)\)")

# what must not be written, where, and by which contract
FORBIDDEN_LINES = {
    "twin/world/dust.py": ("from twin.trace import Trace", "imports run down only"),
    "twin/hosts/dispatcher.py": ("import twin.experiments.run", "imports run down only"),
    "twin/pipeline/nodes/device.py": ("import twin.units", "the pipeline imports nothing else"),
    "twin/pipeline/wire/crc.py": ("import twin.pipeline.facts", "the wire knows nothing but itself"),
    "twin/pipeline/ledger/merkle.py": ("import twin.pipeline.transport.sync", "ledger and transport"),
    "twin/guarantees/hashing.py": ("import twin.pipeline.ledger.merkle", "checkers read a trace"),
    "twin/guarantees/score_chart.py": ("import twin.pipeline.clinic.news2", "checkers read a trace"),
    "twin/report/series.py": ("from twin.trace import Trace", "a report is made from a result alone"),
    "twin/verify/tree.py": ("import twin.pipeline.ledger.merkle", "shares no code with who wrote"),
    "twin/query/formats.py": ("import sqlite3", "only hosts write the store"),
    "twin/faults/link.py": ("import simpy", "only hosts know the engine"),
    "twin/network/planner.py": ("import erfa", "only the world asks erfa"),
    "twin/world/mars.py": ("import astropy.time", "the twin runs without it"),
    "twin/units.py": ("import socket", "nothing here talks to a network"),
    "twin/scenario/fields.py": ("import numpy", "without the libraries of a run"),
    "twin/channels.py": ("import twin.units", "the catalogue of channels needs nothing but"),
}


def lint(folder: Path) -> tuple[bool, str]:
    """Whether a checkout keeps the contracts, and the linter's words with `file:line` of each offender."""
    environment = {**os.environ, "COLUMNS": "400", "NO_COLOR": "1"}
    command = [sys.executable, "-c", LINTER]
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    def placed(match: re.Match[str]) -> str:
        module, imported, lines = match.groups()
        file = Path(*module.split(".")).with_suffix(".py")
        if not (folder / file).is_file():
            file = Path(*module.split(".")) / "__init__.py"
        return f"{file.as_posix()}:{lines} imports {imported}"

    return found.returncode == 0, IMPORT.sub(placed, found.stdout + found.stderr)


def test_every_import_keeps_the_contracts() -> None:
    held, words = lint(ROOT)
    assert held, f"an import breaks a contract of .importlinter\n{words}"


def test_a_broken_contract_names_the_file_and_line_that_break_it(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "twin", tmp_path / "twin", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    last_lines = {}
    for name, (line, _) in FORBIDDEN_LINES.items():
        file = tmp_path / name
        text = file.read_text(encoding="utf-8")
        file.write_text(f"{text}\n{line}  # planted\n", encoding="utf-8")
        last_lines[name] = text.count("\n") + 2
    held, words = lint(tmp_path)
    assert not held
    for name, (line, contract) in FORBIDDEN_LINES.items():
        module = line.split()[1]
        title, end = rf"^[^\n]*{re.escape(contract)}[^\n]*\n-+\n", r"(?=^[^\n]*\n-{10,}\n|\Z)"
        section = re.search(rf"{title}(.*?){end}", words, re.M | re.S)
        assert section, f"no word of the contract {contract!r}\n{words}"
        where = rf"{re.escape(name)}:(\d+, )*{last_lines[name]} imports {re.escape(module.split('.')[0])}"
        assert re.search(where, section[1]), f"{name} planted {line!r}\n{section[1]}"


def test_a_new_room_without_a_floor_is_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "twin", tmp_path / "twin", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    (tmp_path / "twin" / "attic.py").write_text('"""A room that no floor names."""\n', encoding="utf-8")
    held, words = lint(tmp_path)
    assert not held
    assert "attic" in words


RUN = ("scipy", "pandas", "pyarrow", "matplotlib", "simpy", "astropy", "erfa")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("twin", ("numpy", "pydantic", "simpy", "yaml", "twin.scenario")),
        ("twin.cli", ("numpy", "pydantic", "yaml", *RUN)),
        ("twin.pytest_plugin", ("numpy", "pydantic", "yaml", "twin.scenario", *RUN)),
        ("twin.scenario", ("numpy", *RUN)),
        ("twin.pipeline.nodes.gateway", ("numpy", "asyncio", "sqlite3", "pydantic", "twin.trace", *RUN)),
        ("twin.guarantees.convergence", ("twin.hosts", "twin.pipeline.nodes", *RUN)),
        ("twin.query.formats", ("twin.pipeline", "twin.hosts", "twin.experiments", *RUN)),
        ("twin.experiments.run", ("astropy", "matplotlib", "pandas", "twin.report")),
    ],
)
def test_importing_a_room_pulls_in_none_of_these(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*sorted(set({absent!r}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
