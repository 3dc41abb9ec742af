"""What drawn faults excuse: bounds of a scenario are made for the faults that it names, and a hunt draws others on top.

So bounds in time hold for what begins when those are over and what they left behind is on Earth, and what is sent again
because of them has the room that the reference workload grants. A scenario whose bounds grant any fault says so
(`hunt.bounds: always`), and is held to them throughout.
"""

from __future__ import annotations

from typing import Any, Final, TypeGuard

from twin.hunt.case import Case
from twin.scenario import HabitatScenario, Scenario
from twin.scenario.guarantees import BoundedResources
from twin.units import format_duration

HEALED_BY: Final = 0.75
"""Share of the time in which data are generated after which even what was down last is up again."""
RETRANSMISSIONS: Final = 60
AMPLIFICATION: Final = 20.0
"""Limits under drawn faults, as in `scenarios/bench/hunt.yaml`, where they are derived."""


def heals(scenario: Scenario) -> TypeGuard[HabitatScenario]:
    """Whether drawn faults excuse anything."""
    return isinstance(scenario, HabitatScenario) and scenario.hunt.bounds == "healed"


def healed(case: Case, scenario: HabitatScenario) -> Case:
    """The case held to its bounds in time from its healing on, with room for what is sent again before."""
    healed_us = max(round(scenario.duration_us * HEALED_BY), scenario.bounds_from_us or 0)
    limits = scenario.guarantee("bounded_resources")
    if not isinstance(limits, BoundedResources):
        limits = BoundedResources(key="bounded_resources")
    options: dict[str, Any] = {
        "retransmissions": max(RETRANSMISSIONS, limits.retransmissions),
        "amplification": max(AMPLIFICATION, limits.amplification),
        "device_frames": limits.device_frames,
        "edge_frames": limits.edge_frames,
    }
    kept = [item for item in case.document.get("guarantees") or [] if "bounded_resources" not in item]
    return case.but({"bounds_from": format_duration(healed_us), "guarantees": [*kept, {"bounded_resources": options}]})
