"""Node numbers: ION and HDTN call a node `ipn:N`, the twin calls it by a name."""

from __future__ import annotations

from collections.abc import Mapping

from twin.pipeline.transport.contact_plan import ContactPlan


def number_nodes(plan: ContactPlan) -> dict[str, int]:
    """Numbers 1, 2, 3 for the nodes of a plan, by name."""
    return {name: number for number, name in enumerate(_names(plan), start=1)}


def checked_numbers(plan: ContactPlan, nodes: Mapping[str, int]) -> dict[str, int]:
    """The numbers of the plan's nodes, by name.

    Raises:
        ValueError: A node without a number, a number below 1 or of two nodes, a name that does not fit on a line.
    """
    by_number: dict[int, str] = {}
    for name in _names(plan):
        if name not in nodes:
            raise ValueError(f"node {name!r}: has no node number; give it one")
        number = nodes[name]
        if number < 1:
            raise ValueError(f"node {name!r}: a node number is at least 1, not {number}; choose another")
        if number in by_number:
            raise ValueError(f"nodes {by_number[number]!r} and {name!r}: both have number {number}; give each its own")
        if not name.isprintable() or name != name.strip():
            raise ValueError(f"node {name!r}: cannot be written on a line; choose a name of printable characters")
        by_number[number] = name
    return {name: number for number, name in by_number.items()}


def name_of(number: int, names: Mapping[int, str]) -> str | None:
    """What the twin calls a node; `ipn:N` where no node at all has a name, None where only this one has none."""
    return names.get(number) if names else f"ipn:{number}"


def _names(plan: ContactPlan) -> list[str]:
    return sorted({name for contact in plan.contacts for name in (contact.source, contact.destination)})
