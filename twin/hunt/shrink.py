"""The smallest case that still breaks the same statement.

Faults go first, by delta debugging (Zeller & Hildebrandt 2002, "Simplifying and isolating failure-inducing input"):
halves, then smaller parts, until none can be taken away. Then, one at a time and again from the start as long as
anything goes: what a draw changed, what the file sets at all, other guarantees, episodes, people, edge nodes, stations
and relays, flows, time. What does not matter is not in the result, so that who reads it need not wonder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

from twin.hunt.case import Case, Document
from twin.scenario import ScenarioError
from twin.units import DURATION, format_duration, parse_quantity

_NEEDED: Final = ("name", "seed", "start", "duration", "habitat", "network", "guarantees", "traffic")
"""Top-level keys of every scenario of a kind; the others may go as a whole."""
_TURNED: Final = ("pipeline", "earth", "edge", "clinic")
"""Those whose keys are settings that a file need not give."""
TRIALS_MAX: Final = 1000
MINUTE_US: Final = 60_000_000
_SHORTEST_US: Final = 10 * MINUTE_US

Breaks = Callable[[Case], bool]
"""Whether a scenario still breaks the statement."""


def shrink(
    case: Case,
    breaks: Breaks,
    written: Document | None = None,
    keep: Collection[str] = (),
    trials_max: int = TRIALS_MAX,
) -> tuple[Case, int]:
    """Take away whatever can be taken away.

    Args:
        case: one that breaks.
        breaks: asked once for each different case that is a scenario.
        written: what the case was drawn from; None: nothing was drawn.
        keep: top-level keys that stay as they are.
        trials_max: how often it is asked at most; what is smallest by then is the result.

    Returns:
        The smallest case found, and how often it was asked.
    """
    known: dict[str, bool] = {case.key: True}
    trials = 0

    def still(candidate: Case) -> bool:
        nonlocal trials
        if candidate.key not in known:
            if not _is_scenario(candidate):
                known[candidate.key] = False
            elif trials < trials_max:
                trials += 1
                known[candidate.key] = breaks(candidate)
        return known.get(candidate.key, False)

    while True:
        before = case.key
        case = _fewest_faults(case, still)
        case = _first_smaller(case, still, written or case.document, keep)
        if case.key == before:
            return case, trials


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


def _first_smaller(case: Case, still: Breaks, written: Document, keep: Collection[str]) -> Case:
    """Go to smaller cases as long as one of them breaks."""
    while True:
        smaller = next((candidate for candidate in _smaller(case, written, keep) if still(candidate)), None)
        if smaller is None:
            return case
        case = smaller


def _smaller(case: Case, written: Document, keep: Collection[str]) -> Iterator[Case]:
    document = case.document
    for key in sorted(document):
        if key not in (*_NEEDED, *keep, "faults"):
            yield case.but({key: None})
    yield from _as_written(case, written)
    for top in _TURNED:
        for path in _leaves(document.get(top), (top,)):
            yield _without(case, path)
    for fewer in _without_one(document.get("guarantees") or []):
        yield case.but({"guarantees": fewer})
    for fewer in _without_one(document.get("episodes") or []):
        yield case.but({"episodes": fewer})
    yield from _fewer_people(case)
    if "habitat" in document:
        yield from _smaller_network(case)
    for fewer in _without_one(document.get("traffic") or []):
        yield case.but({"traffic": fewer})
    if "duration" not in keep:
        yield from _shorter(case)


def _as_written(case: Case, written: Document) -> Iterator[Case]:
    """The case with one setting that a draw changed as it stands in the file."""
    for top in (*_TURNED, "network"):
        for path in _leaves(written.get(top), (top,)):
            value, found = _at(written, path), _at(case.document, path)
            if found not in (None, value) and not isinstance(value, dict) and not _is_part(found, value):
                yield _with(case, path, value)
    for number, flow in enumerate(case.document.get("traffic") or []):
        for one in written["traffic"]:
            if one != flow and one == {**flow, "lifetime": one.get("lifetime")}:
                flows = case.document["traffic"]
                yield case.but({"traffic": [*flows[:number], one, *flows[number + 1 :]]})


def _is_part(found: Any, value: Any) -> bool:
    """Whether it is a list of items of another, and so smaller already."""
    return isinstance(found, list) and isinstance(value, list) and all(item in value for item in found)


def _without_one(items: list[Any]) -> Iterator[list[Any]]:
    """The list without each of its items, as long as one is left."""
    if len(items) > 1:
        for number in range(len(items)):
            yield items[:number] + items[number + 1 :]


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Paths of keys, the deepest first."""
    for key, below in sorted(value.items()) if isinstance(value, dict) else ():
        yield from _leaves(below, (*path, key))
        yield (*path, key)


def _at(document: Document, path: Sequence[str]) -> Any:
    """What stands under a path; None if nothing does."""
    part: Any = document
    for key in path:
        part = part.get(key) if isinstance(part, dict) else None
    return part


def _with(case: Case, path: Sequence[str], value: Any) -> Case:
    changed = case.but({})
    _at(changed.document, path[:-1])[path[-1]] = value
    return changed


def _without(case: Case, path: Sequence[str]) -> Case:
    smaller = case.but({})
    del _at(smaller.document, path[:-1])[path[-1]]
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


def _smaller_network(case: Case) -> Iterator[Case]:
    """A habitat's network without what it need not give. Not so between bundle nodes: with each contact bundles go."""
    network: Document = case.document["network"]
    for key in ("stations", "relays"):
        for fewer in _without_one(network.get(key) or []):
            yield case.but({"network": {**network, key: fewer}})
    for path in _leaves(network, ("network",)):
        if path[1] != "stations":  # without a word of them, all listen
            yield _without(case, path)


def _shorter(case: Case) -> Iterator[Case]:
    """Half of the time and less goes at once, then ever smaller parts; when bounds begin moves along."""
    duration_us = case.scenario.duration_us
    minutes = -(-duration_us // MINUTE_US)
    cut = minutes * 3 // 4
    while cut:
        shorter_us = (minutes - cut) * MINUTE_US
        if shorter_us >= _SHORTEST_US:
            changes = {"duration": format_duration(shorter_us)}
            if "bounds_from" in case.document:
                from_us = parse_quantity(str(case.document["bounds_from"]), DURATION)
                changes["bounds_from"] = format_duration(round(from_us * shorter_us / duration_us / 1e6) * 1_000_000)
            yield case.but(changes)
        cut //= 2
