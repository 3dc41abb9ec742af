"""Tables to lines: what a million rows look like at the width of a page.

Every function is vectorised and gives at most a few thousand points, whatever it is given.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

POINTS_MAX = 2_000


def union(start_us: Ints, end_us: Ints, gap_us: int = 0) -> list[tuple[int, int]]:
    """Merge intervals that touch, overlap, or lie closer than `gap_us`; in order."""
    order = np.argsort(start_us, kind="stable")
    start_us, end_us = start_us[order], end_us[order]
    if len(start_us) == 0:
        return []
    reach_us = np.maximum.accumulate(end_us)
    opens = np.concatenate(([True], start_us[1:] > reach_us[:-1] + gap_us))
    firsts = np.flatnonzero(opens)
    lasts = np.concatenate((firsts[1:] - 1, [len(start_us) - 1]))
    return [(int(a), int(b)) for a, b in zip(start_us[firsts], reach_us[lasts], strict=True)]


def thin(x: Floats, y: Floats, points_max: int = POINTS_MAX) -> tuple[Floats, Floats]:
    """Keep the lowest and highest point of every stretch of a line, so that no peak is lost."""
    if len(x) <= points_max:
        return x, y
    stretch = np.minimum(np.arange(len(x)) * (points_max // 2) // len(x), points_max // 2 - 1)
    by_height = np.lexsort((y, stretch))
    edges = np.searchsorted(stretch, np.arange(points_max // 2 + 1))
    keep = np.unique(np.concatenate(([0, len(x) - 1], by_height[edges[:-1]], by_height[edges[1:] - 1])))
    return x[keep], y[keep]


def cumulative(values: Floats, points_max: int = 400) -> tuple[Floats, Floats]:
    """The empirical distribution: value and the share at or below it."""
    ordered = np.sort(values)
    share = np.arange(1, len(ordered) + 1) / len(ordered)
    if len(ordered) > points_max:
        keep = np.unique(np.linspace(0, len(ordered) - 1, points_max).round().astype(np.int64))
        ordered, share = ordered[keep], share[keep]
    return np.concatenate((ordered[:1], ordered)), np.concatenate(([0.0], share))


def age_of_information(visible_us: Ints, generated_us: Ints, end_us: int) -> tuple[Ints, Floats]:
    """Age of the newest visible sample over time: a saw that falls when something newer lands.

    Args:
        visible_us: When records became visible, any order.
        generated_us: When their newest sample was generated, same shape.
        end_us: Where the line ends.

    Returns:
        Instants [us] and ages [s], from the first visible record on; empty without records.
    """
    if len(visible_us) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0)
    order = np.argsort(visible_us, kind="stable")
    newest_us = np.maximum.accumulate(generated_us[order])
    at_us = visible_us[order]
    last_of_instant = np.concatenate((at_us[1:] != at_us[:-1], [True]))
    at_us, newest_us = at_us[last_of_instant], newest_us[last_of_instant]
    before_us = np.concatenate((newest_us[:1], newest_us[:-1]))
    ends_us = np.repeat(at_us, 2)
    ages_us = np.stack((at_us - before_us, at_us - newest_us), axis=1).ravel()
    if end_us > at_us[-1]:
        ends_us = np.append(ends_us, end_us)
        ages_us = np.append(ages_us, end_us - newest_us[-1])
    return ends_us[1:], ages_us[1:] / 1e6


def ages_at(at_us: Ints, visible_us: Ints, generated_us: Ints) -> Floats:
    """Age [s] of the newest visible sample at instants; those before the first visible record are left out.

    Args:
        at_us: Instants, any order.
        visible_us: When records became visible, any order.
        generated_us: When their newest sample was generated, same shape.
    """
    order = np.argsort(visible_us, kind="stable")
    newest_us = np.maximum.accumulate(generated_us[order])
    position = np.searchsorted(visible_us[order], at_us, side="right") - 1
    known = position >= 0
    return (at_us[known] - newest_us[position[known]]) / 1e6


def integers(column: pd.Series) -> Ints:
    """A column without missing values as int64, shape (rows,)."""
    return column.to_numpy(dtype=np.int64)
