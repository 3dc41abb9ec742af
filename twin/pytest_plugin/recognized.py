"""Which YAML files mean to be scenarios: seen by their keys, since pytest shows a plugin the files of strangers too.

A scenario with a mistake must not pass for something else, or its guarantees would silently not be tested; so it is
enough that two of its own words are there. Top-level keys are read as words at the beginning of a line: the file is
not parsed, which would take milliseconds for each file of a foreign repository.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_ENDINGS: Final = frozenset({".yaml", ".yml"})
_BYTES_MAX: Final = 2**20  # of a scenario: `twin.scenario.document`
_KEY: Final = re.compile(rb"""^(["']?)([a-z_]+)\1[ \t]*:(?=\s|\Z)[ \t]*([^\r\n]*)""", re.MULTILINE)
_YAML_FILE: Final = re.compile(rb"""["']?[^\s"':{\[][^"'{\[]*\.ya?ml\b""")
MARKS: Final = frozenset({"duration", "habitat", "traffic", "guarantees"})
"""What a scenario says beside its name; two of these tell it from other YAML, also where a third is mistyped."""
KEYS: Final = MARKS | {
    "bounds_from", "clinic", "earth", "edge", "episodes", "faults", "hunt", "kernel", "network", "overload", "pipeline",
    "seed", "start", "weather",
}  # fmt: skip
"""What a scenario may change in the file that it extends."""


def is_scenario_file(path: Path) -> bool:
    """Whether a file means to be a scenario; what cannot be read does not."""
    if path.suffix not in _ENDINGS:
        return False
    try:
        with path.open("rb") as file:
            return is_scenario(file.read(_BYTES_MAX))
    except OSError:
        return False


def is_scenario(text: bytes) -> bool:
    """Whether a YAML file means to be a scenario: it has a `name`, and two of `MARKS` or a file to extend and a key."""
    keys = {match[2].decode(): match[3] for match in _KEY.finditer(text.removeprefix(b"\xef\xbb\xbf"))}
    if "name" not in keys:
        return False
    extends = _YAML_FILE.match(keys.get("extends", b"")) is not None
    return (extends and not KEYS.isdisjoint(keys)) or len(MARKS & keys.keys()) >= 2
