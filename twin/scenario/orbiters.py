"""Orbiters of Mars known by name: relays as a mission planner would sketch them, not ephemerides of real ones.

Elements are mean ones, in the frame of ``twin.world.elements``: Z is the pole of Mars at the epoch, X the
ascending node of its equator on the equator of the ICRF. At the epoch of this catalogue the Sun's right
ascension there is -1.128 deg, so a node at 43.87 deg is crossed northwards at 15:00 true local time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class OrbiterEntry:
    """Mean elements at an epoch (UTC) and who says so."""

    epoch: str
    semi_major_axis_km: float
    eccentricity: float
    inclination_deg: float
    raan_deg: float
    argument_of_periapsis_deg: float
    mean_anomaly_deg: float
    source: str

    @property
    def elements(self) -> tuple[float, float, float, float, float, float]:
        """Semi-major axis [km], eccentricity, inclination, node, argument of periapsis and mean anomaly [deg]."""
        return (
            self.semi_major_axis_km,
            self.eccentricity,
            self.inclination_deg,
            self.raan_deg,
            self.argument_of_periapsis_deg,
            self.mean_anomaly_deg,
        )


@dataclass(frozen=True, slots=True)
class AreostationaryEntry:
    """A relay that stands over an east longitude of the equator."""

    longitude_deg: float
    source: str


_EPOCH: Final = "2033-03-10T00:00:00Z"

ORBITERS: Final[Mapping[str, OrbiterEntry | AreostationaryEntry]] = MappingProxyType(
    {
        "mro-like": OrbiterEntry(
            _EPOCH, 3696.19, 0.0, 93.0, 43.871705, 0.0, 0.0,
            "MRO-like relay of reference/relay_passes.csv, window A: 300 km, 15:00 at the ascending node; MRO itself "
            "flies 255 x 320 km (recalled)",
        ),
        "tgo-like": OrbiterEntry(
            _EPOCH, 3796.19, 0.0, 74.0, 0.0, 0.0, 0.0,
            "ExoMars Trace Gas Orbiter: 400 km circular, 74 deg, ESA mission pages (recalled); node and place in orbit "
            "assumed: any will do",
        ),
        "maven-like": OrbiterEntry(
            _EPOCH, 5736.19, 0.376556, 75.0, 120.0, 0.0, 0.0,
            "MAVEN after its aerobraking of 2019: 180 x 4500 km, 75 deg, NASA mission pages (recalled); node, "
            "periapsis and place in orbit assumed: any will do",
        ),
        "odyssey-like": OrbiterEntry(
            _EPOCH, 3796.19, 0.0, 92.9138, 280.1217, 0.0, 180.0,
            "2001 Mars Odyssey: 400 km, 93 deg, Sun-synchronous near the terminator, NASA mission pages (recalled); "
            "inclination computed to turn once in 686.98 days, 06:45 at the ascending node assumed",
        ),
        "areostationary": AreostationaryEntry(
            130.0,
            "assumed: 130 E sees both Jezero (27 deg) and Arcadia (12 deg), reference/areostationary.csv",
        ),
    }
)  # fmt: skip
