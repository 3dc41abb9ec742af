"""The source of the pipeline against the list of what a sans-IO machine may be written with."""

from __future__ import annotations

from pathlib import Path

import pytest
from source_rules import breaches

ROOT = Path(__file__).parents[2]
PIPELINE = sorted((ROOT / "twin" / "pipeline").rglob("*.py"))

PLANTED = {
    "import time": "imports time",
    "import os.path": "imports os.path",
    "from datetime import datetime": "imports datetime",
    "from twin.trace import Trace": "imports twin.trace",
    "from twin.pipelines import x": "imports twin.pipelines",
    "from . import facts": "imports relative",
    "def f():\n    import socket": "imports socket",
    "def f():\n    print(1)": "print reaches outside",
    "reader = open": "open reaches outside",
    "def f(x):\n    return eval(x)": "eval reaches outside",
    "def f(x):\n    return hash(x)": "differ between processes",
    "def f(x):\n    for y in set(x):\n        ...": "goes through a set",
    "def f(x):\n    return tuple({y for y in x})": "goes through a set",
    "def f(x):\n    return [y for y in frozenset(x)]": "goes through a set",
    "def f(x):\n    return x.now()": "reads a clock",
    "count = 0\ndef f():\n    global count": "a global statement",
    "async def f(): ...": "async code",
    "HALF = 0.5": "the float 0.5",
    "def f(a, b):\n    return a / b": "true division",
    "def f(a):\n    a /= 2": "true division",
    "@cache\ndef f(): ...": "is not bounded",
    "@lru_cache(maxsize=None)\ndef f(): ...": "is not bounded",
    "class A:\n    @lru_cache(maxsize=9)\n    def f(self): ...": "keeps machines alive",
    "SEEN = {}\ndef f(x):\n    SEEN[x] = 1": "changes SEEN",
    "SEEN = {}\ndef f(x):\n    SEEN.setdefault(x, []).append(x)": "changes SEEN",
    "SEEN = []\nclass A:\n    def f(self):\n        del SEEN[0]": "changes SEEN",
    "IDS = count()\ndef f():\n    return next(IDS)": "changes IDS",
    "class A:\n    made = 0\n    def f(self):\n        A.made += 1": "changes A",
    "class A:\n    @classmethod\n    def f(cls):\n        cls.made = 1": "changes cls",
    "def f(x, seen=[]):\n    return seen": "default argument",
}


@pytest.mark.parametrize("file", PIPELINE, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_pipeline_is_written_without_clock_entropy_files_or_shared_state(file: Path) -> None:
    found = breaches(file, file.relative_to(ROOT).as_posix())
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("source", "what"), PLANTED.items())
def test_each_rule_names_file_and_line_of_a_breach(source: str, what: str, tmp_path: Path) -> None:
    file = tmp_path / "planted.py"
    file.write_text(f'"""A machine."""\n{source}\n', encoding="utf-8")
    found = breaches(file, "twin/pipeline/planted.py")
    assert any(what in line and line.startswith("twin/pipeline/planted.py:") for line in found), found
    line_number = int(found[0].split(":")[1])
    assert 2 <= line_number <= 1 + source.count("\n") + 1


def test_state_of_a_machines_own_is_no_breach(tmp_path: Path) -> None:
    file = tmp_path / "planted.py"
    lines = ("LIMITS = {}", "class A:", "    def f(self, x):", "        self.seen[x] = LIMITS.get(x)")
    more = ("        out = []", "        out.append(x)", "        return sorted(set(out))")
    file.write_text("\n".join(lines + more), encoding="utf-8")
    assert breaches(file, "planted.py") == []
