"""Where Earth, Mars and the Sun are, how long light takes between them, and how near the Sun it passes.

Positions come from ``data/ephemeris.npz``, made from JPL DE440 by ``scripts/make_ephemeris_table.py``:
polynomials of TAI in equal spans, within 4 m of DE440. No astropy, no kernel and no network at run time.
Only additions, multiplications, divisions and square roots lead from an instant to a light time, so that
every processor gets the same bits.

Light time is Newtonian and converged, without the Shapiro delay (3 to 14 us, 136 us at a grazing
conjunction). Functions of an instant take an ``int`` or an int64 array, between 2010-01-01 and 2050-12-31
UTC.
"""

import math
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Literal, overload

import numpy as np

from twin.world.timescales import US_PER_S, FloatArray, IntArray, us_to_utc, utc_to_us
from twin.world.vectors import dot, norm

Body = Literal["earth", "mars", "sun"]

SPEED_OF_LIGHT_KM_S = 299_792.458
FIRST_US = utc_to_us("2010-01-01T00:00:00Z")
END_US = utc_to_us("2051-01-01T00:00:00Z")
"""The first instant that is no longer covered."""

_ITERATIONS = 3
"""Each shrinks the error by v/c = 1e-4; the third one leaves 1e-9 s of the largest light time."""
_UNITS_PER_KM = 10_000


class OutsideEphemeris(ValueError):  # noqa: N818 - named after the fact, as a reader meets it
    """An instant that the committed ephemeris does not cover."""


@overload
def owlt_down_us(at_us: int) -> int: ...
@overload
def owlt_down_us(at_us: IntArray) -> IntArray: ...
def owlt_down_us(at_us: int | IntArray) -> int | IntArray:
    """One-way light time Mars to Earth [us] of the signal received at Earth's centre at ``at_us``."""
    return _light_time_us("earth", "mars", at_us, -1)


@overload
def owlt_down_sent_us(at_us: int) -> int: ...
@overload
def owlt_down_sent_us(at_us: IntArray) -> IntArray: ...
def owlt_down_sent_us(at_us: int | IntArray) -> int | IntArray:
    """One-way light time Mars to Earth [us] of the signal that leaves Mars's centre at ``at_us``."""
    return _light_time_us("mars", "earth", at_us, +1)


@overload
def owlt_up_us(at_us: int) -> int: ...
@overload
def owlt_up_us(at_us: IntArray) -> IntArray: ...
def owlt_up_us(at_us: int | IntArray) -> int | IntArray:
    """One-way light time Earth to Mars [us] of the signal that leaves Earth's centre at ``at_us``."""
    return _light_time_us("earth", "mars", at_us, +1)


@overload
def owlt_up_received_us(at_us: int) -> int: ...
@overload
def owlt_up_received_us(at_us: IntArray) -> IntArray: ...
def owlt_up_received_us(at_us: int | IntArray) -> int | IntArray:
    """One-way light time Earth to Mars [us] of the signal received at Mars's centre at ``at_us``."""
    return _light_time_us("mars", "earth", at_us, -1)


@overload
def distance_km(us: int) -> float: ...
@overload
def distance_km(us: IntArray) -> FloatArray: ...
def distance_km(us: int | IntArray) -> float | FloatArray:
    """Distance between the centres of Earth and Mars, both at the same instant [km]."""
    require_covered(us)
    return _separation_km("earth", us, "mars", us)


@overload
def sep_deg(us: int) -> float: ...
@overload
def sep_deg(us: IntArray) -> FloatArray: ...
def sep_deg(us: int | IntArray) -> float | FloatArray:
    """Sun-Earth-Mars angle at Earth's centre [deg], all three at the same instant."""
    earth = positions_km("earth", us)
    return _angle_deg(positions_km("mars", us) - earth, positions_km("sun", us) - earth, us)


@overload
def sep_light_time_deg(us: int) -> float: ...
@overload
def sep_light_time_deg(us: IntArray) -> FloatArray: ...
def sep_light_time_deg(us: int | IntArray) -> float | FloatArray:
    """Sun-Earth-Mars angle at Earth's centre [deg] as seen there, each body where its light left it."""
    earth = positions_km("earth", us)
    return _angle_deg(seen_from_km("mars", earth, us), seen_from_km("sun", earth, us), us)


def positions_km(body: Body, us: int | IntArray) -> FloatArray:
    """Barycentric ICRF position of a body's centre [km], shape (3,) or (n, 3), within 4 m of DE440.

    Raises:
        OutsideEphemeris: the instant, or one of them, is outside 2010-2050.
    """
    require_covered(us)
    return _position_track(body).at(us)


def velocities_km_s(body: Body, us: int | IntArray) -> FloatArray:
    """Barycentric ICRF velocity of a body's centre [km/s], shape (3,) or (n, 3)."""
    require_covered(us)
    return _velocity_track(body).at(us)


def seen_from_km(body: Body, observer_km: FloatArray, us: int | IntArray) -> FloatArray:
    """Vector from an observer to a body where the light that arrives at ``us`` left it [km].

    Args:
        observer_km: barycentric ICRF position of the observer at ``us`` [km], shape (3,) or (n, 3).
    """
    require_covered(us)
    track = _position_track(body)
    seen_km = track.at(us) - observer_km
    for _ in range(_ITERATIONS - 1):
        light_time_us = np.rint(norm(seen_km) / SPEED_OF_LIGHT_KM_S * US_PER_S).astype(np.int64)
        left_us = us - light_time_us
        seen_km = track.at(left_us if isinstance(us, np.ndarray) else int(left_us)) - observer_km
    return seen_km


def _light_time_us(here: Body, there: Body, at_us: int | IntArray, direction: int) -> int | IntArray:
    """Solve light_time = |here(at) - there(at + direction * light_time)| / c by fixed-point iteration."""
    require_covered(at_us)
    if not isinstance(at_us, np.ndarray):
        whole_us = 0
        for _ in range(_ITERATIONS):
            separation_km = _separation_km(here, at_us, there, at_us + direction * whole_us)
            whole_us = round(separation_km / SPEED_OF_LIGHT_KM_S * US_PER_S)
        return whole_us
    light_time_us = np.zeros_like(at_us)
    for _ in range(_ITERATIONS):
        separations_km = _separation_km(here, at_us, there, at_us + direction * light_time_us)
        light_time_us = np.rint(separations_km / SPEED_OF_LIGHT_KM_S * US_PER_S).astype(np.int64)
    return light_time_us


@overload
def _separation_km(one: Body, one_us: int, other: Body, other_us: int) -> float: ...
@overload
def _separation_km(one: Body, one_us: IntArray, other: Body, other_us: IntArray) -> FloatArray: ...
@overload
def _separation_km(one: Body, one_us: int | IntArray, other: Body, other_us: int | IntArray) -> float | FloatArray: ...
def _separation_km(one: Body, one_us: int | IntArray, other: Body, other_us: int | IntArray) -> float | FloatArray:
    """Distance between a body at one instant and another at another [km]."""
    if isinstance(one_us, np.ndarray) or isinstance(other_us, np.ndarray):
        return norm(_position_track(one).at(one_us) - _position_track(other).at(other_us))
    ax, ay, az = _position_track(one).at_instant(one_us)
    bx, by, bz = _position_track(other).at_instant(other_us)
    # The same operations in the same order as ``norm``, for the same bits.
    return math.sqrt((ax - bx) * (ax - bx) + (ay - by) * (ay - by) + (az - bz) * (az - bz))


class _Track:
    """Polynomials of x, -1 to 1 over each span of TAI, three components each."""

    def __init__(self, coefficients: FloatArray, start_us: int, span_us: int) -> None:
        """``coefficients``: highest power first, shape (powers, spans, 3)."""
        self._coefficients = coefficients
        self._start_us = start_us
        self._span_us = span_us
        self._spans = coefficients.shape[1]
        self._rows: dict[int, Sequence[Sequence[float]]] = {}

    def at(self, us: int | IntArray) -> FloatArray:
        if not isinstance(us, np.ndarray):
            return np.array(self.at_instant(us))
        since_us = us - self._start_us
        index = since_us // self._span_us
        if index.size and (index.min() < 0 or index.max() >= self._spans):
            raise _outside(int(us.min() if index.min() < 0 else us.max()))
        x = ((2 * since_us - (2 * index + 1) * self._span_us) / self._span_us)[..., np.newaxis]
        value, row = np.zeros((*us.shape, 3)), np.empty((*us.shape, 3))
        for coefficients in self._coefficients:
            value *= x
            value += np.take(coefficients, index, axis=0, out=row, mode="clip")  # "raise" would copy `row` first
        return value

    def at_instant(self, us: int) -> tuple[float, float, float]:
        """As ``at``, the same bits, without the cost of arrays."""
        since_us = int(us) - self._start_us
        index = since_us // self._span_us
        row = self._rows.get(index)
        if row is None:
            if not 0 <= index < self._spans:
                raise _outside(us)
            row = self._rows[index] = self._coefficients[:, index].tolist()
        x = (2 * since_us - (2 * index + 1) * self._span_us) / self._span_us
        px = py = pz = 0.0
        for cx, cy, cz in row:
            px = px * x + cx
            py = py * x + cy
            pz = pz * x + cz
        return px, py, pz


@cache
def _position_track(body: Body) -> _Track:
    coefficients_km, start_us, span_us = _table(body)
    return _Track(np.ascontiguousarray(coefficients_km[::-1]), start_us, span_us)


@cache
def _velocity_track(body: Body) -> _Track:
    coefficients_km, start_us, span_us = _table(body)
    powers = np.arange(1, len(coefficients_km)).reshape(-1, 1, 1)
    per_s = 2.0 * US_PER_S / span_us
    return _Track(np.ascontiguousarray((coefficients_km[1:] * powers * per_s)[::-1]), start_us, span_us)


def _table(body: Body) -> tuple[FloatArray, int, int]:
    """A body's coefficients [km], lowest power first, shape (powers, spans, 3), start and span [us]."""
    with (
        resources.files("twin.world").joinpath("data/ephemeris.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as table,
    ):
        coefficients_km = np.moveaxis(table[body], 1, 0) / _UNITS_PER_KM
        return coefficients_km, int(table["start_us"]), int(table[f"{body}_span_us"])


def require_covered(us: int | IntArray) -> None:
    """Raise OutsideEphemeris if the instant, or one of them, is outside 2010-2050."""
    if not isinstance(us, np.ndarray):
        if not FIRST_US <= us < END_US:
            raise _outside(us)
    elif us.size and (us.min() < FIRST_US or us.max() >= END_US):
        raise _outside(int(us.min() if us.min() < FIRST_US else us.max()))


def _outside(us: int) -> OutsideEphemeris:
    return OutsideEphemeris(
        f"{us_to_utc(us)} is outside the ephemeris, which covers 2010-01-01 to 2050-12-31 UTC; "
        "choose a date in that range"
    )


def _angle_deg(one: FloatArray, other: FloatArray, us: int | IntArray) -> float | FloatArray:
    """Angle between vectors, accurate also when it is small (arctangent of cross and dot product)."""
    angle_deg = np.degrees(np.arctan2(norm(np.cross(one, other)), dot(one, other)))
    return angle_deg if isinstance(us, np.ndarray) else float(angle_deg)
