"""Light time along contacts: knots (instant, light time) so close that a straight line between two is good enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from twin.world.timescales import IntArray
from twin.world.windows import Window, instants

Knots = tuple[tuple[int, int], ...]
"""(instant, one-way light time) [us], as `Contact.owlt` holds them."""

_AT_ONCE = 4096
"""Windows whose knots are computed together: enough that numpy does the work, and few enough for little memory."""


def light_knots(windows: Sequence[Window], step_us: int, light_us: Callable[[IntArray], IntArray]) -> list[Knots]:
    """Knots for each window: at its start, every step from there, and at its end.

    Args:
        windows: [us], in any order; each ends after it starts.
        step_us: between two knots [us].
        light_us: light times [us] at instants, shapes (n,) to (n,).
    """
    found: list[Knots] = []
    for first in range(0, len(windows), _AT_ONCE):
        found += _together([instants(*window, step_us) for window in windows[first : first + _AT_ONCE]], light_us)
    return found


def _together(grids: Sequence[IntArray], light_us: Callable[[IntArray], IntArray]) -> list[Knots]:
    at_us = np.concatenate(grids)
    knots = list(zip(at_us.tolist(), light_us(at_us).tolist(), strict=True))
    ends = np.cumsum([len(grid) for grid in grids]).tolist()
    return [tuple(knots[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
