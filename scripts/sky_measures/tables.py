"""Reference tables as rows and columns, and the errors that are taken from them."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twin.world import mars
from twin.world.timescales import US_PER_S, FloatArray, IntArray, utc_to_us
from twin.world.windows import Window

TABLES = Path(__file__).parents[2] / "tests" / "reference"
SITES = {
    "jezero": mars.Site("jezero", 18.4447, 77.4508),
    "arcadia": mars.Site("arcadia", 39.0, 192.0),
}
WINDOW_START = "2033-03-10T00:00:00Z"
"""Window A of the tables."""
ELEVATION_MIN_DEG = 10.0

Row = dict[str, str]


@dataclass(frozen=True)
class Accuracy:
    """The largest error of one quantity over one reference table."""

    quantity: str
    table: str
    compared: int
    error: float
    needed: float
    unit: str


def edges_s(rows: list[Row], windows_of: Callable[[int, int], list[Window]]) -> list[float]:
    """Errors of the rises and sets that are events, not edges of the table's range [s].

    Raises:
        ValueError: there are more or fewer windows than in the table.
    """
    start_us, end_us = utc_to_us(WINDOW_START), utc_to_us(rows[-1]["set_utc"])
    if rows[-1].get("clipped") != "end":
        end_us += 3600 * US_PER_S
    windows = windows_of(start_us, end_us)
    return window_edges_s(windows, rows, "rise_utc", "set_utc")


def window_edges_s(windows: list[Window], rows: list[Row], start: str, end: str) -> list[float]:
    """Errors of the starts and ends of windows that are not clipped in the table [s].

    Raises:
        ValueError: there are more or fewer windows than in the table.
    """
    errors_s = []
    for (start_us, end_us), row in zip(windows, rows, strict=True):
        if row.get("clipped") != "start":
            errors_s.append((start_us - utc_to_us(row[start])) / US_PER_S)
        if row.get("clipped") != "end":
            errors_s.append((end_us - utc_to_us(row[end])) / US_PER_S)
    return errors_s


def off_sky_deg(seen_deg: tuple[float, float], true_deg: tuple[float, float]) -> float:
    """The larger of two offsets on the sky, along the horizon and in elevation [deg]."""
    along_deg = abs(turned(seen_deg[0] - true_deg[0], 360)) * np.cos(np.radians(true_deg[1]))
    return max(float(along_deg), abs(seen_deg[1] - true_deg[1]))


def turned(difference: float | FloatArray | list[FloatArray], circle: float) -> FloatArray:
    """A difference of positions on a circle, between minus and plus half of it."""
    wrapped: FloatArray = (np.asarray(difference) + circle / 2) % circle - circle / 2
    return wrapped


def worst(errors: FloatArray | list[float] | list[FloatArray]) -> float:
    """The largest magnitude."""
    return float(np.max(np.abs(np.asarray(errors))))


def read(table: str) -> list[Row]:
    """Rows of a reference table, without its comments."""
    with (TABLES / f"{table}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def column(rows: list[Row], name: str) -> FloatArray:
    return np.array([float(row[name]) for row in rows])


def instants(rows: list[Row], name: str) -> IntArray:
    return np.array([utc_to_us(row[name]) for row in rows], dtype=np.int64)
