"""A table of Earth, Mars and the Sun for 2010-2050: polynomials of TAI in equal spans, and their evaluation.

One is built in, ``data/ephemeris.npz``, made from JPL DE440; ``kernel.read_kernel`` makes another one from a file that
a person names. Coefficients are whole numbers of 0.1 m, and only additions, multiplications and divisions lead from an
instant to a position, so that every processor gets the same bits.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, Literal

import numpy as np

from twin.world.timescales import US_PER_DAY, US_PER_S, FloatArray, IntArray, us_to_utc, utc_to_us

Body = Literal["earth", "mars", "sun"]
BODIES: Final[tuple[Body, ...]] = ("earth", "mars", "sun")

FIRST_US = utc_to_us("2010-01-01T00:00:00Z")
END_US = utc_to_us("2051-01-01T00:00:00Z")
"""The first instant that is no longer covered."""

FIRST_DAY: Final = 3_645
"""2009-12-24 TAI: a week before the first day of use, for light on its way; a day is counted from 2000-01-01."""
DAYS: Final = 14_976 + 32
SPANS_DAYS: Final[Mapping[Body, int]] = {"earth": 8, "mars": 32, "sun": 32}
"""The Moon shakes the Earth every 27 days, so the Earth needs shorter spans."""
DEGREE: Final = 8
UNITS_PER_KM: Final = 10_000

_START_US: Final = FIRST_DAY * US_PER_DAY


class OutsideEphemeris(ValueError):  # noqa: N818 - named after the fact, as a reader meets it
    """An instant that no ephemeris here covers."""


class Track:
    """Polynomials of x, -1 to 1 over each span of TAI, three components each."""

    def __init__(self, coefficients: FloatArray, span_us: int) -> None:
        """``coefficients``: highest power first, shape (powers, spans, 3)."""
        self._coefficients = coefficients
        self._span_us = span_us
        self._spans = coefficients.shape[1]
        self._rows: dict[int, Sequence[Sequence[float]]] = {}

    def at(self, us: int | IntArray) -> FloatArray:
        """The vector at an instant, shape (3,), or at each of some, shape (n, 3)."""
        if not isinstance(us, np.ndarray):
            return np.array(self.at_instant(us))
        since_us = us - _START_US
        index = since_us // self._span_us
        if index.size and (index.min() < 0 or index.max() >= self._spans):
            raise outside(int(us.min() if index.min() < 0 else us.max()))
        x = ((2 * since_us - (2 * index + 1) * self._span_us) / self._span_us)[..., np.newaxis]
        value, row = np.zeros((*us.shape, 3)), np.empty((*us.shape, 3))
        for coefficients in self._coefficients:
            value *= x
            value += np.take(coefficients, index, axis=0, out=row, mode="clip")  # "raise" would copy `row` first
        return value

    def at_instant(self, us: int) -> tuple[float, float, float]:
        """As ``at``, the same bits, without the cost of arrays."""
        since_us = int(us) - _START_US
        index = since_us // self._span_us
        row = self._rows.get(index)
        if row is None:
            if not 0 <= index < self._spans:
                raise outside(us)
            row = self._rows[index] = self._coefficients[:, index].tolist()
        x = (2 * since_us - (2 * index + 1) * self._span_us) / self._span_us
        px = py = pz = 0.0
        for cx, cy, cz in row:
            px = px * x + cx
            py = py * x + cy
            pz = pz * x + cz
        return px, py, pz


class EphemerisTable:
    """Barycentric ICRF tracks of Earth, Mars and the Sun, and what they were made from.

    Attributes:
        path: the kernel that they were made from; None: they are the package's own, from DE440.
        units: coefficients [0.1 m] by body, lowest power first, shape (spans, ``DEGREE`` + 1, 3).
        positions, velocities: tracks [km] and [km/s] by body.
        sha256: digest of all coefficients, which says what the sky was computed from.
    """

    def __init__(self, path: Path | None, units: Mapping[Body, IntArray]) -> None:
        self.path = path
        self.units = units
        self.positions: dict[Body, Track] = {}
        self.velocities: dict[Body, Track] = {}
        digest = hashlib.sha256()
        for body in BODIES:
            digest.update(np.ascontiguousarray(units[body], dtype="<i8").tobytes())
            span_us = SPANS_DAYS[body] * US_PER_DAY
            coefficients_km = np.moveaxis(units[body], 1, 0) / UNITS_PER_KM
            powers = np.arange(1, DEGREE + 1).reshape(-1, 1, 1)
            per_s = 2.0 * US_PER_S / span_us
            self.positions[body] = Track(np.ascontiguousarray(coefficients_km[::-1]), span_us)
            self.velocities[body] = Track(np.ascontiguousarray((coefficients_km[1:] * powers * per_s)[::-1]), span_us)
        self.sha256 = digest.hexdigest()

    @property
    def name(self) -> str:
        """What they were made from, for people."""
        return "built-in DE440" if self.path is None else self.path.name


@cache
def built_in() -> EphemerisTable:
    """The table of the package, made from JPL DE440 by ``scripts/make_ephemeris_table.py``."""
    with (
        resources.files("twin.world").joinpath("data/ephemeris.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return EphemerisTable(None, {body: arrays[body] for body in BODIES})


def require_covered(us: int | IntArray) -> None:
    """Raise OutsideEphemeris if the instant, or one of them, is outside 2010-2050."""
    if not isinstance(us, np.ndarray):
        if not FIRST_US <= us < END_US:
            raise outside(us)
    elif us.size and (us.min() < FIRST_US or us.max() >= END_US):
        raise outside(int(us.min() if us.min() < FIRST_US else us.max()))


def outside(us: int) -> OutsideEphemeris:
    """What is raised for an instant."""
    return OutsideEphemeris(
        f"{us_to_utc(us)} is outside the ephemeris, which covers 2010-01-01 to 2050-12-31 UTC; "
        "choose a date in that range"
    )
