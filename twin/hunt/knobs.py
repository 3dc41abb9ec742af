"""Settings that a seed turns: small batches and windows, slow stores, counters near their wrap, short epochs, a crew
that does not answer.

A bug often shows only where a limit is met, and defaults are chosen so that limits are far away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numpy.random import Generator

_CHANCE: Final = 0.3
"""Of each knob to be turned."""

Key = tuple[str, ...]


def _span(least: int, most: int, unit: str = "") -> Callable[[Generator], Any]:
    """Any whole number, spread evenly over its orders of magnitude, with a unit."""

    def draw(random: Generator) -> Any:
        number = round(least * (most / least) ** random.random())
        return f"{number} {unit}" if unit else number

    return draw


def _or_never(draw: Callable[[Generator], Any]) -> Callable[[Generator], Any]:
    """In every third seed nothing at all."""
    return lambda random: draw(random) if random.random() < 2 / 3 else None


_OF_A_HABITAT: Final[tuple[tuple[Key, Callable[[Generator], Any]], ...]] = (
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
_OF_NODES: Final[tuple[tuple[Key, Callable[[Generator], Any]], ...]] = ((("pipeline", "ack_every"), _span(1, 200)),)


STARVING: Final[frozenset[Key]] = frozenset(
    {("pipeline", "window"), ("earth", "table", "write_capacity"), ("earth", "table", "latency")}
)
"""Settings whose small values delay everything for hours, as the bounds of calm seeds do not grant."""


def draw_knobs(habitat: bool, random: Generator) -> list[tuple[Key, Any]]:
    """Keys of a scenario and the values that they get."""
    knobs = _OF_A_HABITAT if habitat else _OF_NODES
    return [(key, draw(random)) for key, draw in knobs if random.random() < _CHANCE]
