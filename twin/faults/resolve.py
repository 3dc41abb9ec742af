"""Draws what a scenario leaves to chance, once: after `resolve` every fault has its instant.

A fault draws from `stream(seed, "fault", kind, place, number)`, numbered among those of its kind and place, so that
another fault moves none of its draws. All who need a fault's times ask for the resolved scenario and get the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from twin.randomness import stream
from twin.scenario.fault_parts import RANDOM_US, AtInstant, FaultPart
from twin.scenario.fault_rules import random_span_us
from twin.scenario.faults import Fault
from twin.scenario.model import BareScenario, HabitatScenario
from twin.scenario.node_faults import CrashAtEffect

AnyScenario = TypeVar("AnyScenario", HabitatScenario, BareScenario)
AnyFault = TypeVar("AnyFault", bound=FaultPart)


def numbered(faults: Iterable[AnyFault]) -> Iterator[tuple[AnyFault, int]]:
    """Each fault with its number, from 1, among those of its kind and place."""
    numbers: dict[tuple[str, str], int] = {}
    for fault in faults:
        key = (fault.kind, fault.place)
        number = numbers[key] = numbers.get(key, 0) + 1
        yield fault, number


def resolve(scenario: AnyScenario) -> AnyScenario:
    """The same scenario with every random instant drawn; resolving it again changes nothing."""
    edges = scenario.habitat.edge_names if isinstance(scenario, HabitatScenario) else ()
    found: list[Fault] = []
    for fault, number in numbered(scenario.faults):
        if isinstance(fault, AtInstant) and fault.at_us == RANDOM_US:
            random = stream(scenario.seed, "fault", fault.kind, fault.place, str(number))
            first_us, end_us = random_span_us(fault, edges, scenario.duration_us)
            for _ in range(fault.count):
                at_us = first_us + int(random.integers(0, end_us - first_us))
                found.append(fault.model_copy(update={"at_us": at_us, "count": 1}))
        elif isinstance(fault, CrashAtEffect) and fault.until_us is None:
            found.append(fault.model_copy(update={"until_us": scenario.duration_us}))
        else:
            found.append(fault)
    return scenario.model_copy(update={"faults": tuple(found)})
