"""Mean elements of an orbit around Mars, what secular J2 makes of them, and which orbits are impossible.

Frame: Z is the pole of Mars (IAU) at the epoch, X the ascending node of Mars's equator on the equator of the
ICRF; it stays fixed. Secular J2 to first order (Kozai 1959, Brouwer 1959; Vallado, Fundamentals of
Astrodynamics, 4th edition, section 9.6, recalled) turns node and periapsis and speeds up the mean anomaly:

    p = a (1 - e^2)        k = 3/2 J2 (R/p)^2 n        n = sqrt(GM / a^3)
    node       -k cos i
    periapsis   k (2 - 5/2 sin^2 i)
    anomaly     n + k sqrt(1 - e^2) (1 - 3/2 sin^2 i)

The elements are mean ones: what J2 does within a revolution (some km) is left out, as are air, the Sun and
the field's other terms. This file needs no numpy, so that a scenario can be judged without it.
"""

import math
from dataclasses import dataclass

GM_KM3_S2 = 42_828.375214
"""Mars alone, without its moons (DE440; header of reference/relay_passes.csv)."""
J2 = 1.96045e-3
"""Header of reference/relay_passes.csv."""
RADIUS_KM = 3396.19
"""Reference radius of J2, and the surface that no orbit may touch: Mars's equatorial radius (pck00011)."""
SPHERE_OF_INFLUENCE_KM = 577_000.0
"""Semi-major axis of Mars, 2.2794e8 km, times (GM of Mars / GM of the Sun, 3.2271e-7) to the power 2/5."""


@dataclass(frozen=True, slots=True)
class SecularRates:
    """How fast the angles of an orbit change [rad/s]."""

    node: float
    periapsis: float
    anomaly: float


@dataclass(frozen=True, slots=True)
class Elements:
    """Mean elements at an epoch, in the frame of this module.

    Raises:
        ValueError: no orbit around Mars has these elements; the text names value, rule and remedy.
    """

    epoch_us: int
    semi_major_axis_km: float
    eccentricity: float
    inclination_deg: float
    raan_deg: float
    argument_of_periapsis_deg: float
    mean_anomaly_deg: float

    @classmethod
    def circular(
        cls,
        epoch_us: int,
        semi_major_axis_km: float,
        inclination_deg: float,
        raan_deg: float,
        argument_of_latitude_deg: float,
    ) -> "Elements":
        """A circular orbit, whose place is counted from the ascending node for want of a periapsis."""
        return cls(epoch_us, semi_major_axis_km, 0.0, inclination_deg, raan_deg, 0.0, argument_of_latitude_deg)

    def __post_init__(self) -> None:
        for name, value in (
            ("semi-major axis", self.semi_major_axis_km),
            ("eccentricity", self.eccentricity),
            ("inclination", self.inclination_deg),
            ("right ascension of the ascending node", self.raan_deg),
            ("argument of periapsis", self.argument_of_periapsis_deg),
            ("mean anomaly", self.mean_anomaly_deg),
        ):
            if not math.isfinite(value):
                raise ValueError(f"orbit: {name} {value} is not a number; give a finite one")
        if not 0.0 <= self.eccentricity < 1.0:
            raise ValueError(
                f"orbit: eccentricity {self.eccentricity} is not that of a closed orbit; give 0 (circle) to below 1"
            )
        if not 0.0 <= self.inclination_deg <= 180.0:
            raise ValueError(
                f"orbit: inclination {self.inclination_deg} deg is not within 0 to 180 deg; give a retrograde orbit "
                "more than 90 deg"
            )
        if self.periapsis_km <= RADIUS_KM:
            raise ValueError(
                f"orbit: periapsis radius {self.periapsis_km:.2f} km is not above Mars's surface, {RADIUS_KM} km; "
                "raise the semi-major axis, which is counted from the centre, or lower the eccentricity"
            )
        if self.apoapsis_km >= SPHERE_OF_INFLUENCE_KM:
            raise ValueError(
                f"orbit: apoapsis radius {self.apoapsis_km:.0f} km is beyond Mars's sphere of influence, "
                f"{SPHERE_OF_INFLUENCE_KM:.0f} km, where the Sun takes over; lower the semi-major axis"
            )

    @property
    def periapsis_km(self) -> float:
        """Least distance from Mars's centre [km]."""
        return self.semi_major_axis_km * (1.0 - self.eccentricity)

    @property
    def apoapsis_km(self) -> float:
        """Largest distance from Mars's centre [km]."""
        return self.semi_major_axis_km * (1.0 + self.eccentricity)

    @property
    def mean_motion_rad_s(self) -> float:
        """Mean motion without J2 [rad/s]."""
        return math.sqrt(GM_KM3_S2 / self.semi_major_axis_km**3)

    @property
    def periapsis_speed_km_s(self) -> float:
        """Speed at periapsis, the largest of the orbit [km/s]."""
        return math.sqrt(GM_KM3_S2 * (1.0 + self.eccentricity) / self.periapsis_km)

    def secular_rates(self) -> SecularRates:
        """Rates of node, periapsis and mean anomaly under J2.

        Source: the module's header; compared with the rates in the header of reference/relay_passes.csv.
        """
        n = self.mean_motion_rad_s
        flatness = 1.0 - self.eccentricity * self.eccentricity
        inclination = math.radians(self.inclination_deg)
        sine_squared = math.sin(inclination) ** 2
        k = 1.5 * J2 * (RADIUS_KM / (self.semi_major_axis_km * flatness)) ** 2 * n
        return SecularRates(
            node=-k * math.cos(inclination),
            periapsis=k * (2.0 - 2.5 * sine_squared),
            anomaly=n + k * math.sqrt(flatness) * (1.0 - 1.5 * sine_squared),
        )
