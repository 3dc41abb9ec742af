"""Where Earth, Mars and the Sun are, how long light takes between them, and how near the Sun it passes.

Positions come from a table, the built-in one made from JPL DE440 or that of a kernel which a person names
(``computed_from``): polynomials of TAI in equal spans, within 4 m of DE440. No astropy and no network at run
time. Only additions, multiplications, divisions and square roots lead from an instant to a light time, so
that every processor gets the same bits.

Light time is Newtonian and converged, without the Shapiro delay (3 to 14 us, 136 us at a grazing
conjunction). Functions of an instant take an ``int`` or an int64 array, between 2010-01-01 and 2050-12-31
UTC.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import overload

import numpy as np

from twin.world.ephemeris_table import END_US as END_US
from twin.world.ephemeris_table import FIRST_US as FIRST_US
from twin.world.ephemeris_table import Body as Body
from twin.world.ephemeris_table import EphemerisTable, Track, built_in
from twin.world.ephemeris_table import OutsideEphemeris as OutsideEphemeris
from twin.world.ephemeris_table import require_covered as require_covered
from twin.world.timescales import US_PER_S, FloatArray, IntArray
from twin.world.vectors import dot, norm

SPEED_OF_LIGHT_KM_S = 299_792.458

_ITERATIONS = 3
"""Each shrinks the error by v/c = 1e-4; the third one leaves 1e-9 s of the largest light time."""
_in_force: ContextVar[EphemerisTable | None] = ContextVar("ephemeris", default=None)
"""Of this thread of control, so that one run never meets another's; None is the built-in table."""


@contextmanager
def computed_from(table: EphemerisTable) -> Iterator[None]:
    """Let a table give every position until the end of the block, in this thread of control; then the one before."""
    token = _in_force.set(table)
    try:
        yield
    finally:
        _in_force.reset(token)


def in_force() -> EphemerisTable:
    """The table that gives positions here and now."""
    return _in_force.get() or built_in()


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
    positions = in_force().positions
    return _separation_km(positions["earth"], us, positions["mars"], us)


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
    return in_force().positions[body].at(us)


def velocities_km_s(body: Body, us: int | IntArray) -> FloatArray:
    """Barycentric ICRF velocity of a body's centre [km/s], shape (3,) or (n, 3)."""
    require_covered(us)
    return in_force().velocities[body].at(us)


def seen_from_km(body: Body, observer_km: FloatArray, us: int | IntArray) -> FloatArray:
    """Vector from an observer to a body where the light that arrives at ``us`` left it [km].

    Args:
        observer_km: barycentric ICRF position of the observer at ``us`` [km], shape (3,) or (n, 3).
    """
    require_covered(us)
    track = in_force().positions[body]
    seen_km = track.at(us) - observer_km
    for _ in range(_ITERATIONS - 1):
        light_time_us = np.rint(norm(seen_km) / SPEED_OF_LIGHT_KM_S * US_PER_S).astype(np.int64)
        left_us = us - light_time_us
        seen_km = track.at(left_us if isinstance(us, np.ndarray) else int(left_us)) - observer_km
    return seen_km


def _light_time_us(here: Body, there: Body, at_us: int | IntArray, direction: int) -> int | IntArray:
    """Solve light_time = |here(at) - there(at + direction * light_time)| / c by fixed-point iteration."""
    require_covered(at_us)
    positions = in_force().positions
    one, other = positions[here], positions[there]
    if not isinstance(at_us, np.ndarray):
        whole_us = 0
        for _ in range(_ITERATIONS):
            separation_km = _separation_km(one, at_us, other, at_us + direction * whole_us)
            whole_us = round(separation_km / SPEED_OF_LIGHT_KM_S * US_PER_S)
        return whole_us
    light_time_us = np.zeros_like(at_us)
    for _ in range(_ITERATIONS):
        separations_km = _separation_km(one, at_us, other, at_us + direction * light_time_us)
        light_time_us = np.rint(separations_km / SPEED_OF_LIGHT_KM_S * US_PER_S).astype(np.int64)
    return light_time_us


@overload
def _separation_km(one: Track, one_us: int, other: Track, other_us: int) -> float: ...
@overload
def _separation_km(one: Track, one_us: IntArray, other: Track, other_us: IntArray) -> FloatArray: ...
@overload
def _separation_km(
    one: Track, one_us: int | IntArray, other: Track, other_us: int | IntArray
) -> float | FloatArray: ...
def _separation_km(one: Track, one_us: int | IntArray, other: Track, other_us: int | IntArray) -> float | FloatArray:
    """Distance between a body at one instant and another at another [km]."""
    if isinstance(one_us, np.ndarray) or isinstance(other_us, np.ndarray):
        return norm(one.at(one_us) - other.at(other_us))
    ax, ay, az = one.at_instant(one_us)
    bx, by, bz = other.at_instant(other_us)
    # The same operations in the same order as ``norm``, for the same bits.
    return math.sqrt((ax - bx) * (ax - bx) + (ay - by) * (ay - by) + (az - bz) * (az - bz))


def _angle_deg(one: FloatArray, other: FloatArray, us: int | IntArray) -> float | FloatArray:
    """Angle between vectors, accurate also when it is small (arctangent of cross and dot product)."""
    angle_deg = np.degrees(np.arctan2(norm(np.cross(one, other)), dot(one, other)))
    return angle_deg if isinstance(us, np.ndarray) else float(angle_deg)
