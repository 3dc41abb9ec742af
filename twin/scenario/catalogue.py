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
    """An antenna of the Deep Space Network: its complex and who says so."""

    complex: str
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

_DSN: Final = "DSN Telecommunications Link Design Handbook 810-005, module 301"
STATIONS: Final[Mapping[str, StationEntry]] = MappingProxyType(
    {
        "DSS-14": StationEntry("Goldstone", _DSN),
        "DSS-43": StationEntry("Canberra", _DSN),
        "DSS-63": StationEntry("Madrid", _DSN),
    }
)

COMPLEXES: Final = tuple(sorted({station.complex for station in STATIONS.values()}))
