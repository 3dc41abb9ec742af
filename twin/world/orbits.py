"""Where an orbiter of Mars is: on a Kepler orbit that J2 turns, or fixed over a place on the equator.

Positions are Mars-centred, in ICRF axes. An orbit read from a table is in ``tabulated_orbit.py``.
"""

from typing import Protocol

import numpy as np

from twin.world.apparent import rotate
from twin.world.elements import RADIUS_KM, Elements
from twin.world.mars import icrf_to_mars
from twin.world.timescales import US_PER_S, FloatArray, IntArray

AREOSTATIONARY_RADIUS_KM = 20_428.0
"""Where an equatorial orbit takes one rotation of Mars (header of reference/areostationary.csv)."""

_SCAN_TURN_RAD = 0.05
"""The angle about Mars, and with the height over the surface the distance, between two instants of a scan."""
_SCAN_STEP_MIN_US = 5 * US_PER_S
"""assumed: an orbit so low that it needs finer steps (20 km) does not last a revolution in the air."""
_NEWTON_STEPS = 3
"""Mikkola's start is within 0.002 rad; each step squares that, and the third leaves rounding alone."""


class Orbit(Protocol):
    """Anything that moves around Mars."""

    @property
    def scan_step_us(self) -> int:
        """Step of a scan [us] that sees each rise over a site and each dip behind Mars."""

    def position_km(self, us: int | IntArray) -> FloatArray:
        """Mars-centred ICRF position [km], shape (3,) or (n, 3)."""


class KeplerOrbit:
    """An ellipse whose node, periapsis and mean anomaly move at the secular rates of J2.

    Errors: 0.2 m over five days against the same formulas in SPICE's axes; a real orbiter leaves it by
    kilometres within days (air, maneuvers, short-period terms).
    """

    def __init__(self, elements: Elements) -> None:
        self.elements = elements
        self._rates = elements.secular_rates()
        to_mars = icrf_to_mars(elements.epoch_us)
        pole = to_mars[2]
        node = np.array([-pole[1], pole[0], 0.0]) / np.sqrt(pole[0] * pole[0] + pole[1] * pole[1])
        self._to_icrf = np.stack([node, np.cross(pole, node), pole], axis=-1)

    @property
    def scan_step_us(self) -> int:
        """As ``Orbit`` wants it."""
        return scan_step_us(self.elements.periapsis_km, self.elements.periapsis_speed_km_s)

    def position_km(self, us: int | IntArray) -> FloatArray:
        """Mars-centred ICRF position [km], shape (3,) or (n, 3)."""
        elements, rates = self.elements, self._rates
        since_s = (np.asarray(us) - elements.epoch_us) / US_PER_S
        mean_anomaly = np.radians(elements.mean_anomaly_deg) + rates.anomaly * since_s
        periapsis = np.radians(elements.argument_of_periapsis_deg) + rates.periapsis * since_s
        node = np.radians(elements.raan_deg) + rates.node * since_s
        inclination = np.radians(elements.inclination_deg)
        if elements.eccentricity == 0.0:
            towards_node, ahead = np.cos(periapsis + mean_anomaly), np.sin(periapsis + mean_anomaly)
        else:
            anomaly = eccentric_anomaly(mean_anomaly, elements.eccentricity)
            major = np.cos(anomaly) - elements.eccentricity
            minor = np.sqrt(1.0 - elements.eccentricity**2) * np.sin(anomaly)
            cosine, sine = np.cos(periapsis), np.sin(periapsis)
            towards_node, ahead = major * cosine - minor * sine, major * sine + minor * cosine
        cos_node, sin_node = np.cos(node), np.sin(node)
        level = ahead * np.cos(inclination)
        a_km = elements.semi_major_axis_km
        x = a_km * (towards_node * cos_node - level * sin_node)
        y = a_km * (towards_node * sin_node + level * cos_node)
        z = a_km * np.sin(inclination) * ahead
        return np.stack([row[0] * x + row[1] * y + row[2] * z for row in self._to_icrf], axis=-1)


class AreostationaryOrbit:
    """A relay that stands over one east longitude of Mars's equator, kept there by its thrusters.

    Raises:
        ValueError: the longitude is not within -180 to 360 deg.
    """

    scan_step_us = 700 * US_PER_S
    """The sky turns by 0.05 rad meanwhile."""

    def __init__(self, longitude_deg: float) -> None:
        if not -180.0 <= longitude_deg <= 360.0:
            raise ValueError(f"orbit: longitude {longitude_deg} deg is off the circle; give 0 to 360 east")
        self.longitude_deg = longitude_deg
        longitude = np.radians(longitude_deg)
        self._fixed_km = AREOSTATIONARY_RADIUS_KM * np.array([np.cos(longitude), np.sin(longitude), 0.0])

    def position_km(self, us: int | IntArray) -> FloatArray:
        """Mars-centred ICRF position [km], shape (3,) or (n, 3)."""
        return rotate(np.swapaxes(icrf_to_mars(us), -1, -2), self._fixed_km)


def scan_step_us(lowest_km: float, highest_speed_km_s: float) -> int:
    """Step of a scan [us] for an orbit with this least distance from Mars's centre and this highest speed.

    A pass is as sharp as the height over the site: overhead, the sky turns by 45 deg while the orbiter moves
    as far as it is high.
    """
    reach_km = min(_SCAN_TURN_RAD * lowest_km, lowest_km - RADIUS_KM)
    return max(int(reach_km / highest_speed_km_s * US_PER_S), _SCAN_STEP_MIN_US)


def eccentric_anomaly(mean_anomaly: FloatArray, eccentricity: float) -> FloatArray:
    """Solution E of Kepler's equation E - e sin E = M [rad], -pi to pi, for 0 <= e < 1.

    Source: the start of Mikkola 1987, Celestial Mechanics 40, 329, then Newton's method.
    """
    turns = np.rint(mean_anomaly / (2.0 * np.pi))
    reduced = mean_anomaly - 2.0 * np.pi * turns
    # Kepler's equation as a cubic in s = sin(E / 3), with Mikkola's correction of fifth order.
    alpha = (1.0 - eccentricity) / (4.0 * eccentricity + 0.5)
    beta = 0.5 * np.abs(reduced) / (4.0 * eccentricity + 0.5)
    z = np.cbrt(beta + np.sqrt(beta * beta + alpha**3))
    s = z - alpha / z
    s = s - 0.078 * s**5 / (1.0 + eccentricity)
    anomaly = np.abs(reduced) + eccentricity * (3.0 * s - 4.0 * s**3)
    for _ in range(_NEWTON_STEPS):
        residual = anomaly - eccentricity * np.sin(anomaly) - np.abs(reduced)
        anomaly = anomaly - residual / (1.0 - eccentricity * np.cos(anomaly))
    return np.copysign(anomaly, reduced)
