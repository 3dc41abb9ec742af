"""What tells two scenarios of one name apart: a digest of what their files ask for, whatever the words.

Neither seed, description, comments, order of keys nor spelling (`60 min`, `1 h`) change it, and no default: a default
that moves with a version of the twin is a change of the twin. A file that a scenario names (recording, orbit, kernel)
counts by its content, wherever it stands.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from twin.scenario.model import Scenario

_APART: Final = {"seed", "description"}
_FILES: Final = frozenset({"kernel", "oem", "path"})  # keys whose text is the path of a file
_HEX_DIGITS: Final = 16


def digest(scenario: Scenario) -> str:
    """16 hexadecimal digits, the same for scenarios that ask for the same.

    Raises:
        OSError: a file that the scenario names cannot be read.
    """
    asked = scenario.model_dump(mode="json", exclude_unset=True, exclude=_APART)
    text = json.dumps(_by_content(asked), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_HEX_DIGITS]


def _by_content(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _sha256(Path(part)) if key in _FILES and isinstance(part, str) else _by_content(part)
            for key, part in value.items()
        }
    return [_by_content(part) for part in value] if isinstance(value, list) else value


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
