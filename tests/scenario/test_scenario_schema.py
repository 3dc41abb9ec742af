"""The JSON Schema: against the model that it describes and the shipped scenarios that point to it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from twin.scenario import HabitatScenario, json_schema
from twin.scenario.document import read_document

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def quantities(node: Any) -> list[dict[str, Any]]:
    """Every property with a pattern and a text default."""
    if isinstance(node, list):
        return [found for item in node for found in quantities(item)]
    if not isinstance(node, dict):
        return []
    own = [node] if isinstance(node.get("default"), str) and "pattern" in node else []
    return own + [found for value in node.values() for found in quantities(value)]


def test_the_committed_schema_is_the_one_that_the_model_makes() -> None:
    committed = json.loads((SCENARIOS / "schema.json").read_text())
    assert committed == json_schema(), "run `twin schema > scenarios/schema.json`"


@pytest.mark.parametrize("path", sorted(SCENARIOS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_scenario_points_editors_to_the_schema(path: Path) -> None:
    first, _ = path.read_text().split("\n", 1)
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match is not None
    assert (path.parent / match[1]).resolve() == SCENARIOS / "schema.json"


def test_every_default_quantity_matches_its_own_pattern() -> None:
    found = quantities(json_schema()["$defs"])
    assert len(found) > 25
    for rule in found:
        assert re.search(rule["pattern"], rule["default"]), rule


def test_the_schema_knows_exactly_the_keys_of_the_model() -> None:
    habitat = json_schema()["$defs"]["HabitatScenario"]
    keys = {field.alias for field in HabitatScenario.model_fields.values()} | {"extends"}
    assert set(habitat["properties"]) == keys
    assert habitat["additionalProperties"] is False
    first_light = read_document(SCENARIOS / "first-light.yaml").plain()
    assert set(first_light) < keys


def test_every_setting_with_a_default_names_its_source_in_the_schema() -> None:
    for name, definition in json_schema()["$defs"].items():
        for key, rule in definition["properties"].items():
            if "default" in rule:
                assert "source: " in rule["description"], f"{name}.{key}"


def test_every_reference_in_the_schema_leads_somewhere() -> None:
    schema = json_schema()
    names = re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema))
    assert set(names) <= set(schema["$defs"])
    assert "HabitatScenario" in names
