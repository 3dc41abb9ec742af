"""An orbit known as a table of states: interpolated between them, refused outside them but for a second.

Hermite's polynomial meets positions and velocities of its states, Lagrange's positions only; both are kept
in Newton's form, with divided differences in which Hermite's states stand twice. A polynomial takes the
states around an instant and never those of another segment: between segments the orbiter may have burnt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from twin.world.elements import GM_KM3_S2, SPHERE_OF_INFLUENCE_KM
from twin.world.mars import POLAR_RADIUS_KM
from twin.world.orbits import scan_step_us
from twin.world.timescales import US_PER_S, FloatArray, IntArray, us_to_utc

Method = Literal["hermite", "lagrange"]

DEGREE_MAX = 15
"""assumed: beyond it a polynomial through equal steps swings between them more than it gains."""


BEYOND_US = US_PER_S
"""How far the first and the last polynomial of a table go on: light times are rounded, so that who looks along one may
ask just outside. The orbiter leaves its straight line by less than 2 m in that."""


class TableError(ValueError):
    """A table that is no orbit; ``row`` is the state (from 0) that breaks the rule, None for the whole.

    The text lacks the place, which only the reader of a file knows.
    """

    def __init__(self, rule: str, remedy: str, row: int | None = None) -> None:
        super().__init__(f"{rule}; {remedy}")
        self.rule = rule
        self.remedy = remedy
        self.row = row


@dataclass(frozen=True, eq=False)
class Segment:
    """States through which one smooth curve goes.

    Args:
        us: instants of the states [us], rising, shape (n,).
        positions_km: Mars-centred ICRF positions [km], shape (n, 3).
        velocities_km_s: their velocities [km/s], shape (n, 3).
        method: which polynomial.
        degree: its degree; odd for Hermite's, which takes (degree + 1) / 2 states, Lagrange's takes degree + 1.
        start_us: first instant that may be asked for.
        end_us: last instant that may be asked for.

    Raises:
        TableError: too few states for the degree, states out of order or not around Mars, a usable span
            beyond the states.
    """

    us: IntArray
    positions_km: FloatArray
    velocities_km_s: FloatArray
    method: Method
    degree: int
    start_us: int
    end_us: int

    def __post_init__(self) -> None:
        if not 1 <= self.degree <= DEGREE_MAX or (self.method == "hermite" and self.degree % 2 == 0):
            odd = ", odd" if self.method == "hermite" else ""
            raise TableError(
                f"degree {self.degree} is none of {self.method} interpolation",
                f"give 1 to {DEGREE_MAX}{odd}",
            )
        if self.us.size < max(self.states_taken, 2):
            raise TableError(
                f"{self.us.size} states are too few for {self.method} interpolation of degree {self.degree}, which "
                f"takes {max(self.states_taken, 2)}",
                "add states or lower the degree",
            )
        for row in np.flatnonzero(np.diff(self.us) <= 0)[:1].tolist():
            raise TableError("the state is not after the one before", "put states in order of time", row + 1)
        radii_km = np.sqrt((self.positions_km**2).sum(axis=-1))
        around = (radii_km >= POLAR_RADIUS_KM) & (radii_km <= SPHERE_OF_INFLUENCE_KM)
        for row in np.flatnonzero(~around)[:1].tolist():
            raise TableError(
                f"the state is {radii_km[row]:.2f} km from Mars's centre, not between its surface "
                f"({POLAR_RADIUS_KM} km) and its sphere of influence ({SPHERE_OF_INFLUENCE_KM:.0f} km)",
                "give Mars-centred positions in km",
                row,
            )
        if not self.us[0] <= self.start_us < self.end_us <= self.us[-1]:
            raise TableError(
                f"usable from {us_to_utc(self.start_us)} to {us_to_utc(self.end_us)}, but the states span "
                f"{us_to_utc(int(self.us[0]))} to {us_to_utc(int(self.us[-1]))}",
                "let the usable span begin before it ends, within the states",
            )

    @property
    def states_taken(self) -> int:
        """How many states one polynomial goes through."""
        return (self.degree + 1) // 2 if self.method == "hermite" else self.degree + 1


class TabulatedOrbit:
    """Segments of states, in order; their usable spans may touch but not overlap.

    Args:
        name: what errors call it.

    Raises:
        TableError: no segment, or usable spans that are out of order or overlap.
    """

    def __init__(self, name: str, segments: Sequence[Segment]) -> None:
        if not segments:
            raise TableError("there is no segment", "give at least one")
        for number, (one, other) in enumerate(pairwise(segments), start=2):
            if other.start_us < one.end_us:
                raise TableError(
                    f"segment {number} is usable from {us_to_utc(other.start_us)}, before the segment before it ends, "
                    f"{us_to_utc(one.end_us)}",
                    "let usable spans touch at most, in order of time",
                )
        self.name = name
        self._segments = tuple(segments)
        self._curves = tuple(_Curve(segment) for segment in segments)
        self._starts_us = np.array([segment.start_us for segment in segments], dtype=np.int64)
        self._ends_us = np.array([segment.end_us for segment in segments], dtype=np.int64)
        self.scan_step_us = min(_scan_step_us(segment) for segment in segments)

    @property
    def spans_us(self) -> list[tuple[int, int]]:
        """Where it can be asked, both ends included [us]."""
        return [(segment.start_us, segment.end_us) for segment in self._segments]

    def position_km(self, us: int | IntArray) -> FloatArray:
        """Mars-centred ICRF position [km], shape (3,) or (n, 3).

        Raises:
            ValueError: an instant is in no usable span, nor within a second of the first and the last.
        """
        at_us = np.atleast_1d(np.asarray(us, dtype=np.int64))
        first_us, last_us = self._starts_us[0], self._ends_us[-1]
        within_us = np.where((at_us < first_us) & (at_us >= first_us - BEYOND_US), first_us, at_us)
        within_us = np.where((at_us > last_us) & (at_us <= last_us + BEYOND_US), last_us, within_us)
        which = np.searchsorted(self._starts_us, within_us, side="right") - 1
        outside = (which < 0) | (within_us > self._ends_us[which])
        if outside.any():
            spans = ", ".join(f"{us_to_utc(start_us)} to {us_to_utc(end_us)}" for start_us, end_us in self.spans_us)
            raise ValueError(
                f"orbit {self.name}: {us_to_utc(int(at_us[outside][0]))} is outside its table, which covers {spans}; "
                "choose an instant there or import a longer table"
            )
        at_km = np.empty((at_us.size, 3))
        for number, curve in enumerate(self._curves):
            chosen = which == number
            if chosen.any():
                at_km[chosen] = curve.at(at_us[chosen])
        return at_km if isinstance(us, np.ndarray) else at_km[0]


class _Curve:
    """Newton's form of the polynomials of one segment; time runs from -1 to 1 over the states of each."""

    def __init__(self, segment: Segment) -> None:
        taken, twice = segment.states_taken, 2 if segment.method == "hermite" else 1
        windows = np.arange(segment.us.size - taken + 1)[:, np.newaxis] + np.repeat(np.arange(taken), twice)
        self._us = segment.us
        self._taken = taken
        self._first_us, self._last_us = segment.us[windows[:, 0]], segment.us[windows[:, -1]]
        if taken == 1:
            # One state with its velocity: the line from it; any unit of time will do.
            self._last_us = self._first_us + US_PER_S
        self._nodes = self._scaled(segment.us[windows], np.arange(len(windows))[:, np.newaxis])
        half_s = ((self._last_us - self._first_us) / (2 * US_PER_S))[:, np.newaxis, np.newaxis]
        differences = segment.positions_km[windows]
        slopes = segment.velocities_km_s[windows] * half_s
        for order in range(1, windows.shape[1]):
            apart = (self._nodes[:, order:] - self._nodes[:, :-order])[..., np.newaxis]
            rise = differences[:, order:] - differences[:, order - 1 : -1]
            # A state that stands twice has its velocity for a difference.
            same = apart == 0.0
            differences[:, order:] = np.where(same, slopes[:, order:], rise / np.where(same, 1.0, apart))
        self._differences = differences

    def at(self, us: IntArray) -> FloatArray:
        """Positions [km], shape (n, 3)."""
        before = np.searchsorted(self._us, us, side="right") - 1
        window = np.clip(before - (self._taken - 1) // 2, 0, len(self._nodes) - 1)
        x = self._scaled(us, window)
        value: FloatArray = self._differences[window, -1]
        for order in range(self._nodes.shape[1] - 2, -1, -1):
            value = value * (x - self._nodes[window, order])[:, np.newaxis] + self._differences[window, order]
        return value

    def _scaled(self, us: IntArray, window: IntArray) -> FloatArray:
        first_us, last_us = self._first_us[window], self._last_us[window]
        scaled: FloatArray = (2 * us - first_us - last_us) / (last_us - first_us)
        return scaled


def _scan_step_us(segment: Segment) -> int:
    """The finest step that the ellipses through the states ask for."""
    position, velocity = segment.positions_km, segment.velocities_km_s
    momentum = np.cross(position, velocity)
    radius_km = np.sqrt((position**2).sum(axis=-1))
    towards = np.cross(velocity, momentum) / GM_KM3_S2 - position / radius_km[:, np.newaxis]
    eccentricity = np.sqrt((towards**2).sum(axis=-1))
    momentum_squared = (momentum**2).sum(axis=-1)
    lowest_km = momentum_squared / (GM_KM3_S2 * (1.0 + eccentricity))
    fastest_km_s = np.sqrt(momentum_squared) / np.maximum(lowest_km, 1.0)
    return scan_step_us(float(lowest_km.min()), max(float(fastest_km_s.max()), 1e-3))
