"""What an analyst types: the names of the package, and the shipped notebook from its first cell to its last."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import pytest

import twin

ROOT = Path(__file__).parent.parent.parent


def test_every_public_name_can_be_used() -> None:
    for name in twin.__all__:
        assert getattr(twin, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'launch'"):
        twin.launch  # noqa: B018 - the access is what is tested


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, twin; print(sorted({'numpy', 'simpy', 'pydantic', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def cells_run(notebook: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that a notebook leaves when all its cells have run."""
    matplotlib.use("agg")
    monkeypatch.chdir(ROOT)
    cells = json.loads((ROOT / "notebooks" / notebook).read_text())["cells"]
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], "notebooks are kept without outputs"
            exec(compile("".join(cell["source"]), notebook, "exec"), names)
    return names


def test_the_first_sol_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    names = cells_run("first-sol.ipynb", monkeypatch)
    assert names["found"].findings.sound
    assert len(names["spo2"]) == 2 * 3600
    assert names["episodes"]["alarms"].min() > 0, "each episode was alarmed"
    assert (names["gap_s"] > 500).all(), "Earth knows one light time later, at best"


def test_query_and_verify_are_reached_by_their_names() -> None:
    code = "import twin; print(twin.query.read.__name__, twin.verify.verify_run.__name__)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "read verify_run\n"


def test_the_first_light_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    names = cells_run("first-light.ipynb", monkeypatch)
    assert names["result"].verdict == "held"
    assert names["latency_s"].min() > 570  # one light time on that day


def test_the_guarantees_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    names = cells_run("guarantees.ipynb", monkeypatch)
    assert (names["with_bug"].verdict, names["without"].verdict) == ("broken", "held")
    assert names["found"].confirmed
    assert Path(names["found"].page).is_file()
    assert (
        names["found"].broken.statement
        in names["diagram"](names["with_bug"].folder, names["found"].broken.statement).html
    )
    assert {"unprocessed", "throttled"} & set(names["steps"]["lost"])
