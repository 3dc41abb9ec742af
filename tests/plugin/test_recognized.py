"""Which YAML is taken for a scenario: ours, also with a mistake in it, and nothing of strangers."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.pytest_plugin.recognized import KEYS, MARKS, is_scenario, is_scenario_file
from twin.scenario.model import BareScenario, HabitatScenario

ROOT = Path(__file__).parents[2]
CLINIC = "name: a\nstart: 2033-03-10T06:00:00Z\nduration: 1 h\nhabitat:\n  crew: 1\nguarantees: [no_loss]\n"
NODES = "name: a\nduration: 1 h\nnetwork:\n  nodes: [S, D]\ntraffic: []\nguarantees: [no_loss]\n"
OVERLAY = "extends: base.yaml\nname: a\nfaults: []\n"

FOREIGN = {
    "compose": "name: app\nservices:\n  habitat:\n    image: x\nnetworks:\n  guarantees: {}\n",
    "workflow": "name: ci\non: [push]\njobs:\n  test:\n    duration: 3\n    guarantees: []\n",
    "mkdocs": "site_name: docs\nnav:\n  - duration: index.md\nINHERIT: base.yml\n",
    "azure": "name: $(Date)\nextends:\n  template: base.yml\nvariables: {}\npipeline: x\n",
    "lint": "name: rules\nextends: [base.yaml, other.yaml]\npipeline: x\n",
    "lint-by-name": "name: rules\nextends: 'spectral:oas'\npipeline: x\n",
    "film": "name: a film\nduration: 2 h\nstart: 20:15\n",
    "shop": "name: a shop\nguarantees: [money back]\nnetwork: cable\n",
    "no-name": "duration: 1 h\nhabitat: {crew: 1}\nguarantees: [no_loss]\n",
    "text": "name: a\ntext: |\n  duration: 1 h\n  habitat: x\n  guarantees: y\n",
    "nothing": "",
    "no-yaml": "\x00\x01name:\nduration",
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_foreign_yaml_is_left_alone(text: str) -> None:
    assert not is_scenario(text.encode())


def test_all_other_yaml_of_this_repository_is_left_alone() -> None:
    others = [*(ROOT / ".github").rglob("*.yml"), *(ROOT / "twin").rglob("*.yaml"), *(ROOT / "tests").rglob("*.y*ml")]
    assert others
    assert [path for path in others if is_scenario_file(path)] == []


def test_every_shipped_scenario_is_known() -> None:
    shipped = sorted((ROOT / "scenarios").rglob("*.yaml"))
    assert len(shipped) > 20
    assert [path for path in shipped if not is_scenario_file(path)] == []


@pytest.mark.parametrize("text", [CLINIC, NODES, OVERLAY], ids=["clinic", "nodes", "overlay"])
@pytest.mark.parametrize("written", ["{}", "\ufeff{}", "# {{\n{}"], ids=["plain", "with-bom", "with-comment"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_scenario_is_known_however_its_text_begins_and_its_lines_end(text: str, written: str, newline: str) -> None:
    assert is_scenario(written.format(text).replace("\n", newline).encode())


@pytest.mark.parametrize("text", [CLINIC, NODES], ids=["clinic", "nodes"])
@pytest.mark.parametrize("key", sorted(MARKS | {"start", "network"}))
def test_a_scenario_is_known_with_any_key_mistyped(text: str, key: str) -> None:
    assert is_scenario(text.replace(f"\n{key}:", f"\n{key}x:").encode())
    assert is_scenario(text.replace(f"\n{key}:", f'\n"{key}" :').encode())


@pytest.mark.parametrize("base", ["base.yml", "'../base.yaml'", '"base.yaml"  # the other one'])
def test_an_overlay_is_known_by_the_file_it_extends(base: str) -> None:
    assert is_scenario(OVERLAY.replace("base.yaml", base).encode())


def test_an_overlay_may_change_any_key_of_a_scenario() -> None:
    models = (HabitatScenario, BareScenario)
    known = {field.alias or name for model in models for name, field in model.model_fields.items()}
    assert known - {"name", "description"} == KEYS


@pytest.mark.parametrize("key", sorted(KEYS))
def test_an_overlay_is_known_by_any_key_that_it_changes(key: str) -> None:
    assert is_scenario(f"name: other\nextends: base.yaml\n{key}: 1\n".encode())


def test_what_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    assert not is_scenario_file(tmp_path / "gone.yaml")
    (tmp_path / "scenario.txt").write_text(CLINIC)
    assert not is_scenario_file(tmp_path / "scenario.txt")
