"""`HAZARDS.md` is what its source says, and every control in it names tests and guarantees that exist."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_hazards", ROOT / "scripts" / "make_hazards.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()


@pytest.fixture
def source() -> dict[str, Any]:
    """The source, to be spoiled."""
    return copy.deepcopy(script.load())


def test_every_control_names_tests_and_guarantees_that_exist_and_leaves_an_acceptable_risk(
    source: dict[str, Any],
) -> None:
    assert list(script.problems(source)) == []


def test_the_page_is_what_its_source_and_the_lock_file_say(source: dict[str, Any]) -> None:
    assert script.PAGE.read_text(encoding="utf-8") == script.page(source), "run python scripts/make_hazards.py"


def test_every_package_of_the_lock_file_is_listed_with_its_version_and_role(source: dict[str, Any]) -> None:
    listed = {name: version for name, version, *_ in script.software(source)}
    assert listed == dict(script.locked().values())
    assert all(all(row) for row in script.software(source))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("tests", ["pipeline/test_device.py::test_that_nobody_wrote"], "no test pipeline/test_device.py::test_that"),
        ("tests", [], "no test shows the control"),
        ("guarantees", ["all_is_well"], "no guarantee all_is_well"),
    ],
)
def test_a_control_that_nothing_shows_is_refused(
    source: dict[str, Any], key: str, value: list[str], words: str
) -> None:
    source["hazards"][0]["causes"][0][key] = value
    assert any(words in line for line in script.problems(source))


def test_a_risk_that_is_not_acceptable_is_refused(source: dict[str, Any]) -> None:
    source["hazards"][0]["after"] = "frequent"
    assert "H-01: frequent is not acceptable where harm is catastrophic" in list(script.problems(source))


def test_a_dependency_without_a_role_is_refused(source: dict[str, Any]) -> None:
    del source["software"]["simpy"]
    with pytest.raises(LookupError, match="simpy has no role"):
        list(script.software(source))
