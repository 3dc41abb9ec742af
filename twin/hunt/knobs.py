"""Settings that a seed turns: small batches and windows, slow stores, counters near their wrap, short epochs, a crew
that does not answer.

A bug often shows only where a limit is met, and defaults are chosen so that limits are far away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numpy.random import Generator

from twin.scenario import BareScenario, Scenario

_CHANCE: Final = 0.3
"""Of each knob to be turned."""

Key = tuple[str | int, ...]
_Knob = tuple[Key, Callable[[Generator], Any]]


def _span(least: int, most: int, unit: str = "") -> Callable[[Generator], Any]:
    """Any whole number, spread evenly over its orders of magnitude, with a unit."""

    def draw(random: Generator) -> Any:
        number = round(least * (most / least) ** random.random())
        return f"{number} {unit}" if unit else number

    return draw


def _or_never(draw: Callable[[Generator], Any]) -> Callable[[Generator], Any]:
    """In every third seed nothing at all."""
    return lambda random: draw(random) if random.random() < 2 / 3 else None


_OF_A_HABITAT: Final[tuple[_Knob, ...]] = (
    (("pipeline", "batch_rows_max"), _span(1, 25)),
    (("pipeline", "window"), _span(1_000, 64_000, "B")),
    (("pipeline", "ack_delay"), _span(1, 120, "s")),
    (("pipeline", "ack_gaps_max"), _span(1, 32)),
    (("pipeline", "bundle_wait"), _span(1, 60, "s")),
    (("pipeline", "bundle_bytes_max"), _span(1_000, 64_000, "B")),
    (("pipeline", "backup_period"), _span(5, 60, "min")),
    (("pipeline", "scrub_period"), _span(10, 360, "min")),
    (("pipeline", "checkpoint_period"), _span(1, 60, "min")),
    (("pipeline", "packet_count"), lambda random: int(2**14 - 1 - random.integers(0, 20))),
    (("pipeline", "frame_index_max"), _span(8, 500)),
    (("earth", "table", "write_capacity"), _span(1, 1000, "rows/s")),
    (("earth", "table", "latency"), _span(1, 5000, "ms")),
    (("earth", "surgeon", "latency"), _span(100, 60_000, "ms")),
    (("clinic", "escalate_after"), _or_never(_span(10, 3600, "s"))),
    (("clinic", "crew_response"), _or_never(_span(5, 3600, "s"))),
    (("clinic", "crew"), lambda _: [{"member": 1, "spo2_scale": 2}]),
)
_GROUP_MAX: Final = 200
"""Payloads that one ack covers, where no relay is small."""
_MORE: Final = 4
"""Times what is written that a flow's lifetime or a relay's room may be."""


def _of_nodes(scenario: BareScenario) -> list[_Knob]:
    """Groups of payloads, timers, lifetimes and the room of relays, within what the scenario can still deliver.

    Two groups fit into the smallest relay, or the scenario's own: groups sent again together fill it, and those that
    come last may be the same each time. A flow's own lifetime and a relay's room only grow: what is written says how
    soon bundles can come, and how many, and no draw knows better. Other bundles live for a quarter of the run or more.
    """
    rooms = scenario.network.storage_bytes
    largest_bytes = max(flow.size_bytes for flow in scenario.traffic)
    two_groups = [room // (2 * largest_bytes) for room in rooms.values()]
    group_max = max(scenario.pipeline.ack_every, min([_GROUP_MAX, *two_groups]))
    duration_s = scenario.duration_us // 1_000_000
    knobs: list[_Knob] = [
        (("pipeline", "ack_every"), _span(1, group_max)),
        (("pipeline", "far_end_allowance"), _span(1, 120, "s")),
        (("pipeline", "lifetime"), _span(duration_s // 4, duration_s, "s")),
    ]
    for name, room in sorted(rooms.items()):
        knobs.append((("network", "storage", name), _span(room, _MORE * room, "B")))
    for number, flow in enumerate(scenario.traffic):
        if flow.lifetime_us is not None:
            written_s = -(-flow.lifetime_us // 1_000_000)
            knobs.append((("traffic", number, "lifetime"), _span(written_s, _MORE * written_s, "s")))
    return knobs


STARVING: Final[frozenset[Key]] = frozenset(
    {("pipeline", "window"), ("earth", "table", "write_capacity"), ("earth", "table", "latency")}
)
"""Settings whose small values delay everything for hours, which neither the bounds of calm seeds grant nor a freshness
that a scenario lists.
"""


def draw_knobs(scenario: Scenario, random: Generator) -> list[tuple[Key, Any]]:
    """Keys of a scenario and the values that they get."""
    knobs = _of_nodes(scenario) if isinstance(scenario, BareScenario) else _OF_A_HABITAT
    return [(key, draw(random)) for key, draw in knobs if random.random() < _CHANCE]
