"""The JSON Schema of scenario files, for editors and other programs.

One schema for both kinds: a file with `traffic` or scripted contacts is held against the bare kind, every
other against the habitat. A file that extends another may leave required keys to it. Rules between keys
(a fault names an existing node) are the loader's.
"""

from __future__ import annotations

from typing import Any

from twin.scenario.model import BareScenario, HabitatScenario

_EXTENDS = {
    "type": "string",
    "description": "File that this one overlays, relative to it: mappings merge, everything else replaces.",
}


def json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12, as a JSON-ready mapping."""
    definitions: dict[str, Any] = {}
    required: dict[str, list[str]] = {}
    for model in (HabitatScenario, BareScenario):
        schema = model.model_json_schema(by_alias=True)
        definitions |= schema.pop("$defs")
        required[model.__name__] = schema.pop("required")
        schema["properties"] = {"extends": _EXTENDS, **schema["properties"]}
        definitions[model.__name__] = schema
    bare = {
        "anyOf": [
            {"required": ["traffic"]},
            {"properties": {"network": {"required": ["contacts"]}}, "required": ["network"]},
        ]
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario of the Mars clinic twin",
        "type": "object",
        "if": bare,
        "then": _kind("BareScenario", required),
        "else": _kind("HabitatScenario", required),
        "$defs": dict(sorted(definitions.items())),
    }


def _kind(name: str, required: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "$ref": f"#/$defs/{name}",
        "if": {"not": {"required": ["extends"]}},
        "then": {"required": required[name]},
    }
