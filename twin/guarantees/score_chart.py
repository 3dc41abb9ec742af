"""NEWS2 as checkers read it: the rows of the published chart, looked through one by one for each count of a sensor.

Written apart from the pipeline's, which finds bands by their starts. A reading is rounded first, half up, to what the
chart has room for: whole numbers, temperature to 0.1 degC.

Rows: Royal College of Physicians, "National Early Warning Score (NEWS) 2", 2017, chart 1, as in
`tests/reference/news2.csv`; SpO2 scale 2 from the same chart, held against Echevarria et al. 2019, Thorax 74, 941,
table 1.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Final

Rows = tuple[tuple[int | None, int | None, int], ...]
"""From, to (both inclusive, None: no end) and points."""

OXYGEN: Final = "oxygen"
SPO2: Final = "spo2"
RED: Final = 3
"""Points of one parameter that call for a review alone."""
URGENT: Final = 5
EMERGENCY: Final = 7

_SCALE_1: Final[Rows] = ((None, 91, 3), (92, 93, 2), (94, 95, 1), (96, None, 0))
_SCALE_2_AIR: Final[Rows] = ((None, 83, 3), (84, 85, 2), (86, 87, 1), (88, None, 0))
_SCALE_2_OXYGEN: Final[Rows] = (
    (None, 83, 3), (84, 85, 2), (86, 87, 1), (88, 92, 0), (93, 94, 1), (95, 96, 2), (97, None, 3),
)  # fmt: skip
_CHART: Final[dict[str, Rows]] = {
    "respiration_rate": ((None, 8, 3), (9, 11, 1), (12, 20, 0), (21, 24, 2), (25, None, 3)),
    "systolic_bp": ((None, 90, 3), (91, 100, 2), (101, 110, 1), (111, 219, 0), (220, None, 3)),
    "heart_rate": ((None, 40, 3), (41, 50, 1), (51, 90, 0), (91, 110, 1), (111, 130, 2), (131, None, 3)),
    "consciousness": ((None, 0, 0), (1, None, 3)),  # 0 is alert
    "temperature": ((None, 350, 3), (351, 360, 1), (361, 380, 0), (381, 390, 1), (391, None, 2)),  # tenths of a degree
}


def points_of(parameter: str, value: Fraction, scale: int = 1, *, on_oxygen: bool = False) -> int:
    """Points of one reading in the chart's unit; for `oxygen` the flow that is given."""
    if parameter == OXYGEN:
        return 2 if value > 0 else 0
    rounded = floor(value * (10 if parameter == "temperature" else 1) + Fraction(1, 2))
    rows = _spo2(scale, on_oxygen) if parameter == SPO2 else _CHART[parameter]
    return next(
        points for low, high, points in rows if (low is None or low <= rounded) and (high is None or rounded <= high)
    )


def _spo2(scale: int, on_oxygen: bool) -> Rows:
    if scale == 1:
        return _SCALE_1
    return _SCALE_2_OXYGEN if on_oxygen else _SCALE_2_AIR
