"""What the devices of a habitat are called, so that faults can name them.

Names count within a group, so that a larger group moves no device of another: `vitals-1`, `vitals-2`, ... in the first
group of its kind, `vitals-2-1`, ... in the second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.scenario.habitat import Habitat


def device_names(habitat: Habitat) -> tuple[str, ...]:
    """Every device, group by group."""
    names: list[str] = []
    groups: dict[str, int] = {}
    for group in habitat.devices:
        place = groups[group.kind] = groups.get(group.kind, 0) + 1
        stem = group.kind.removesuffix("_monitor") + ("" if place == 1 else f"-{place}")
        total = group.count * (habitat.crew if group.per == "crew" else 1)
        names += [f"{stem}-{number}" for number in range(1, total + 1)]
    return tuple(names)
