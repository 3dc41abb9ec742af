"""Seeds in which nothing breaks: what a scenario then holds its pipeline to.

Bounds that hold under every drawn fault are wide: a timer that fires too soon hides behind a link that loses nine
bundles of ten. So some seeds draw no fault, only outages that the contact plan announces, and are held to the tighter
guarantees that the scenario lists under `hunt.calm`.
"""

from __future__ import annotations

from typing import Any, Final

from numpy.random import Generator

from twin.hunt.case import Case
from twin.scenario import Scenario

SHARE: Final = 0.15
"""Of seeds, where a scenario says what must hold in calm."""


def is_calm(scenario: Scenario, random: Generator) -> bool:
    """Whether a seed is calm: never where the scenario has faults of its own, or says nothing of it."""
    return bool(scenario.hunt.calm) and not scenario.faults and random.random() < SHARE


def calmed(case: Case) -> Case:
    """The case with the guarantees of calm seeds in the place of those of the same name, or behind the others."""
    calm = {_key(item): item for item in case.document["hunt"]["calm"]}
    kept = [calm.pop(_key(item), item) for item in case.document.get("guarantees") or []]
    return case.but({"guarantees": [*kept, *calm.values()], "hunt": None})


def _key(item: Any) -> str:
    """`freshness` of `freshness` and of `{freshness: {...}}`."""
    return item if isinstance(item, str) else str(next(iter(item)))
