"""National Early Warning Score 2 (Royal College of Physicians, 2017): points per parameter, and what they call for.

A value is first rounded to what the chart has room for: whole numbers, temperature to 0.1 degC. The chart does not say
how; here **half goes up** (assumed: what a person does with a display), so 91.5 % is 92 % and -0.5 is 0. Values are
integers or fractions, so a band's edge is exact.

A parameter without a value is *missing*: it scores nothing, and the aggregate of the others is a lower bound, which may
be high enough to act on (`rules`).

Bands: RCP, "National Early Warning Score (NEWS) 2", 2017, chart 1; `tests/reference/news2.csv` holds scale 1. SpO2
scale 2, for people whose target is 88 to 92 % by a clinician's decision: same chart; held against Echevarria et al.
2019, Thorax 74, 941, table 1.
"""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

Value = int | Fraction


class Bands(NamedTuple):
    """A row of the chart: band k begins at `starts[k - 1]` steps of `per_unit` to a unit, and scores `points[k]`."""

    per_unit: int
    starts: tuple[int, ...]
    points: tuple[int, ...]


OXYGEN: Final = "oxygen"
SPO2: Final = "spo2"

CHART: Final[dict[str, Bands]] = {
    "respiration_rate": Bands(1, (9, 12, 21, 25), (3, 1, 0, 2, 3)),  # [1/min]
    SPO2: Bands(1, (92, 94, 96), (3, 2, 1, 0)),  # [%], scale 1
    "systolic_bp": Bands(1, (91, 101, 111, 220), (3, 2, 1, 0, 3)),  # [mmHg]
    "heart_rate": Bands(1, (41, 51, 91, 111, 131), (3, 1, 0, 1, 2, 3)),  # [1/min]
    "consciousness": Bands(1, (1,), (0, 3)),  # 0 alert; 1 C, 2 V, 3 P, 4 U
    "temperature": Bands(10, (351, 361, 381, 391), (3, 1, 0, 1, 2)),  # [degC]
}
SCALE_2_ON_AIR: Final = Bands(1, (84, 86, 88), (3, 2, 1, 0))
SCALE_2_ON_OXYGEN: Final = Bands(1, (84, 86, 88, 93, 95, 97), (3, 2, 1, 0, 1, 2, 3))
OXYGEN_POINTS: Final = 2
PARAMETERS: Final = (*CHART, OXYGEN)
"""Parameters of the score; `oxygen` is the flow given [L/min], and any flow is oxygen."""

RED: Final = 3
"""Points of one parameter that call for an urgent review, whatever the aggregate."""
URGENT: Final = 5
"""Aggregate from which the response is urgent."""
EMERGENCY: Final = 7
"""Aggregate from which it is an emergency."""


def points(parameter: str, value: Value, spo2_scale: int = 1, on_oxygen: bool = False) -> int:
    """Points of one parameter.

    Whether oxygen is given matters for SpO2 on scale 2 alone.

    Raises:
        ValueError: The scale is neither 1 nor 2.
    """
    if parameter == OXYGEN:
        return OXYGEN_POINTS if value > 0 else 0
    bands = _bands(parameter, spo2_scale, on_oxygen)
    return bands.points[bisect_right(bands.starts, _steps(value, bands.per_unit))]


@lru_cache(maxsize=256)
def inner_edges(parameter: str, resolution: Fraction, spo2_scale: int = 1) -> tuple[int, ...]:
    """Counts of a sensor at which the points of a parameter change: each is the first count of the band above.

    Args:
        parameter: One of `PARAMETERS`.
        resolution: One count, in the chart's unit, above 0.
        spo2_scale: 1 or 2; for 2 the edges on air and on oxygen together.

    Raises:
        ValueError: The scale is neither 1 nor 2.
    """
    if parameter == OXYGEN:
        return (1,)
    bands = _bands(parameter, spo2_scale, on_oxygen=True)
    # rounded half up, a value reaches step n at n - 1/2; the first count there is the ceiling of that over a count
    per_step = resolution * bands.per_unit * 2
    found = [-(-(2 * start - 1) // per_step) for start in bands.starts]
    return tuple(sorted({int(edge) for edge in found}))


def _bands(parameter: str, spo2_scale: int, on_oxygen: bool) -> Bands:
    if parameter != SPO2 or spo2_scale == 1:
        return CHART[parameter]
    if spo2_scale != 2:
        raise ValueError(f"SpO2 scale {spo2_scale}: NEWS2 has scale 1 and scale 2")
    return SCALE_2_ON_OXYGEN if on_oxygen else SCALE_2_ON_AIR


def _steps(value: Value, per_unit: int) -> int:
    return (2 * per_unit * value + 1) // 2
