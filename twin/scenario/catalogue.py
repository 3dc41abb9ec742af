"""Places known by name: sites on Mars and deep-space stations on Earth.

Latitudes are areocentric, longitudes east, both in degrees, on the 3396.19/3376.20 km ellipsoid. A
station is here a name in a complex; its coordinates live with the geometry, in `twin.world`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """A place on Mars and who published its coordinates."""

    latitude_deg: float
    longitude_deg: float
    source: str


@dataclass(frozen=True, slots=True)
class StationEntry:
    """An antenna of the Deep Space Network: its complex, dish diameter, bands, and who says so."""

    complex: str
    diameter_m: float
    bands: tuple[str, ...]
    source: str


SITES: Final[Mapping[str, SiteEntry]] = MappingProxyType(
    {
        "jezero": SiteEntry(18.4447, 77.4508, "Perseverance landing site, NASA Mars 2020 mission pages"),
        "arcadia": SiteEntry(39.0, 192.0, "assumed: a point in Arcadia Planitia, where shallow ice is mapped"),
        "gale": SiteEntry(-4.5895, 137.4417, "Curiosity landing site, NASA MSL mission pages (recalled)"),
        "elysium": SiteEntry(4.502, 135.623, "InSight, Golombek et al. 2020, doi:10.1029/2020EA001248 (recalled)"),
        "gusev": SiteEntry(-14.5684, 175.4726, "Spirit landing site, Squyres et al. 2004 (recalled)"),
        "meridiani": SiteEntry(-1.9462, 354.4734, "Opportunity landing site, Squyres et al. 2004 (recalled)"),
        "phoenix": SiteEntry(68.2188, 234.2508, "Phoenix landing site, 68.218830 N 234.250778 E, mission pages"),
    }
)

_DSN: Final = "DSN Telecommunications Link Design Handbook 810-005, module 301; bands: modules 101, 104 (recalled)"
_SX: Final = ("S", "X")
_XKA: Final = ("X", "Ka")
_SXKA: Final = ("S", "X", "Ka")
STATIONS: Final[Mapping[str, StationEntry]] = MappingProxyType(
    {
        "DSS-14": StationEntry("Goldstone", 70.0, _SX, _DSN),
        "DSS-43": StationEntry("Canberra", 70.0, _SX, _DSN),
        "DSS-63": StationEntry("Madrid", 70.0, _SX, _DSN),
        "DSS-24": StationEntry("Goldstone", 34.0, _SX, _DSN),
        "DSS-25": StationEntry("Goldstone", 34.0, _XKA, _DSN),
        "DSS-26": StationEntry("Goldstone", 34.0, _XKA, _DSN),
        "DSS-34": StationEntry("Canberra", 34.0, _SXKA, _DSN),
        "DSS-35": StationEntry("Canberra", 34.0, _XKA, _DSN),
        "DSS-36": StationEntry("Canberra", 34.0, _SXKA, _DSN),
        "DSS-54": StationEntry("Madrid", 34.0, _SXKA, _DSN),
        "DSS-55": StationEntry("Madrid", 34.0, _XKA, _DSN),
        "DSS-56": StationEntry("Madrid", 34.0, _SXKA, _DSN),
        "DSS-65": StationEntry("Madrid", 34.0, _SX, _DSN),
    }
)

LARGE_STATIONS: Final = tuple(name for name, station in STATIONS.items() if station.diameter_m == 70.0)
COMPLEXES: Final = tuple(sorted({station.complex for station in STATIONS.values()}))
