"""A scenario as plain data, complete in itself: what a hunt draws, changes and writes."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from twin.scenario import Scenario, scenario_of

Document = dict[str, Any]
"""What a scenario file says, `extends` resolved; keys are words, values YAML's plain ones."""


@dataclass(frozen=True)
class Case:
    """One scenario with the seed that all its chance comes from; not to be changed in place."""

    document: Document

    @property
    def seed(self) -> int:
        """Seed of its run, and of the draw that made it."""
        seed: int = self.document["seed"]
        return seed

    @property
    def scenario(self) -> Scenario:
        """The scenario.

        Raises:
            ScenarioError: it is none, for instance because a fault names a device that is not there.
        """
        return scenario_of(self.document, f"seed {self.seed}")

    @property
    def text(self) -> str:
        """The scenario as YAML."""
        return yaml.safe_dump(self.document, sort_keys=False, allow_unicode=True, width=120)

    @property
    def key(self) -> str:
        """The same for cases that say the same."""
        return json.dumps(self.document, sort_keys=True)

    def but(self, changes: Mapping[str, Any]) -> Case:
        """The case with other values under some of its top-level keys; None removes one."""
        document = copy.deepcopy(self.document)
        for key, value in changes.items():
            if value is None:
                document.pop(key, None)
            else:
                document[key] = copy.deepcopy(value)
        return Case(document)
