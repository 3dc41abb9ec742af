"""The smallest case that still breaks the same statement.

Faults go first, by delta debugging (Zeller & Hildebrandt 2002, "Simplifying and isolating failure-inducing input"):
halves, then smaller parts, until none can be taken away. Then, one at a time and again from the start as long as
anything goes: what the file sets at all, other guarantees, people, edge nodes, flows, time. What does not matter is not
in the result, so that who reads it need not wonder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from twin.hunt.case import Case, Document
from twin.scenario import ScenarioError
from twin.units import format_duration

_NEEDED: Final = ("name", "seed", "start", "duration", "bounds_from", "habitat", "network", "guarantees", "traffic")
"""Top-level keys that stay; the others may go as a whole. All but `bounds_from` are in every scenario of a kind;
without that, each fault that is not gone breaks some bound.
"""
MINUTE_US: Final = 60_000_000
_SHORTEST_US: Final = 10 * MINUTE_US

Breaks = Callable[[Case], bool]
"""Whether a scenario still breaks the statement."""


def shrink(case: Case, breaks: Breaks, trials_max: int = 1000, shorter: bool = True) -> tuple[Case, int]:
    """Take away whatever can be taken away.

    Args:
        case: one that breaks.
        breaks: asked once for each different case that is a scenario.
        shorter: whether to take away time as well.
        trials_max: how often it is asked at most; what is smallest by then is the result.

    Returns:
        The smallest case found, and how many were tried.
    """
    known: dict[str, bool] = {case.key: True}

    def still(candidate: Case) -> bool:
        if candidate.key not in known:
            if len(known) > trials_max:
                return False
            known[candidate.key] = _is_scenario(candidate) and breaks(candidate)
        return known[candidate.key]

    while True:
        before = case.key
        case = _fewest_faults(case, still)
        case = _first_smaller(case, still, shorter)
        if case.key == before:
            return case, len(known) - 1


def _is_scenario(case: Case) -> bool:
    try:
        case.scenario  # noqa: B018 - asked for what it refuses
    except ScenarioError:
        return False
    return True


def _fewest_faults(case: Case, still: Breaks) -> Case:
    """A case of whose faults each one is needed."""
    faults: list[Any] = case.document.get("faults") or []
    if faults and still(case.but({"faults": None})):
        return case.but({"faults": None})
    parts = 2
    while len(faults) > 1:
        size = -(-len(faults) // parts)
        for first in range(0, len(faults), size):
            rest = faults[:first] + faults[first + size :]
            if still(case.but({"faults": rest})):
                faults, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(2 * parts, len(faults))
    return case.but({"faults": faults or None})


def _first_smaller(case: Case, still: Breaks, shorter: bool) -> Case:
    """Go to smaller cases as long as one of them breaks."""
    while True:
        candidates = chain(_smaller(case), _shorter(case) if shorter else ())
        smaller = next((candidate for candidate in candidates if still(candidate)), None)
        if smaller is None:
            return case
        case = smaller


def _smaller(case: Case) -> Iterator[Case]:
    document = case.document
    for key in sorted(document):
        if key not in _NEEDED and key != "faults":
            yield case.but({key: None})
    for path in _settings(document):
        yield _without(case, path)
    for fewer in _without_one(document.get("guarantees") or []):
        yield case.but({"guarantees": fewer})
    yield from _fewer_people(case)
    for fewer in _without_one(document.get("traffic") or []):
        yield case.but({"traffic": fewer})


def _without_one(items: list[Any]) -> Iterator[list[Any]]:
    """The list without each of its items, as long as one is left."""
    if len(items) > 1:
        for number in range(len(items)):
            yield items[:number] + items[number + 1 :]


def _settings(document: Document) -> Iterator[tuple[str, ...]]:
    """Settings that a file need not give, the deepest first."""
    for top in ("pipeline", "earth", "edge"):
        yield from _leaves(document.get(top), (top,))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, below in sorted(value.items()) if isinstance(value, dict) else ():
        yield from _leaves(below, (*path, key))
        yield (*path, key)


def _without(case: Case, path: Sequence[str]) -> Case:
    smaller = case.but({})
    *above, last = path
    part: Any = smaller.document
    for key in above:
        part = part[key]
    del part[last]
    return smaller


def _fewer_people(case: Case) -> Iterator[Case]:
    habitat: Document = case.document.get("habitat") or {}
    for key in ("crew", "edge_nodes"):
        count = habitat.get(key)
        if isinstance(count, int) and count > 1:
            for fewer in sorted({1, count // 2, count - 1}):
                yield case.but({"habitat": {**habitat, key: fewer}})
    for groups in _without_one(habitat.get("devices") or []):
        yield case.but({"habitat": {**habitat, "devices": groups}})


def _shorter(case: Case) -> Iterator[Case]:
    duration_us = case.scenario.duration_us
    shorter = [round(duration_us * share / MINUTE_US) * MINUTE_US for share in (0.25, 0.5, 0.75, 0.9)]
    for shorter_us in (*shorter, duration_us - MINUTE_US):
        if _SHORTEST_US <= shorter_us < duration_us:
            yield case.but({"duration": format_duration(shorter_us)})
