"""The network of a habitat under a sky: stations, direct-to-Earth radio, the habitat's own network.

Rate toward Earth follows the inverse square of distance, anchored at one published rate and capped at
another::

    rate = rate_reference (rate_reference_distance / d)^2 (power / 100 W) (antenna / 3 m)^2,  at most rate_max

X-band does not fade by dust. The way up has power to spare (a 20 kW station against a 100 W spacecraft),
so it is limited by the receiver's design and runs at a constant rate.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from twin.scenario.catalogue import LARGE_STATIONS, STATIONS
from twin.scenario.errors import RuleError, listed
from twin.scenario.fields import (
    BitRateBps,
    DistanceKm,
    DurationUs,
    ElevationDeg,
    LengthM,
    Part,
    PowerW,
    setting,
)

# The transmitter that the reference rate was published for: MRO, mars.nasa.gov commxband.
REFERENCE_ANTENNA_M: Final = 3.0
REFERENCE_POWER_W: Final = 100.0


class DirectToEarth(Part):
    """The habitat's antenna, pointed at Earth."""

    band: Literal["X"] = setting("X", "Radio band.", source="MRO, mars.nasa.gov commxband: 8.4 GHz down")
    antenna_m: LengthM = setting("3 m", "Dish diameter.", source="MRO, mars.nasa.gov commxband: 3 m high-gain antenna")
    power_w: PowerW = setting("100 W", "Transmitter power.", source="MRO, mars.nasa.gov commxband: 100 W amplifier")
    min_elevation_deg: ElevationDeg = setting(
        "10 deg",
        "Lowest elevation of Earth at the site.",
        source="assumed: clear of terrain, as for the stations",
    )
    station_min_elevation_deg: ElevationDeg = setting(
        "10 deg",
        "Lowest elevation of Mars at a station.",
        source="assumed: above every station's land mask (DSN 810-005)",
    )
    rate_reference_bps: BitRateBps = setting(
        "0.5 Mbit/s",
        "Rate at the reference distance.",
        source="MRO, mars.nasa.gov commxband: at 250 million miles",
    )
    rate_reference_distance_km: DistanceKm = setting(
        "402336000 km",
        "Distance of the reference rate.",
        source="MRO, mars.nasa.gov commxband: 250 million miles",
    )
    rate_max_bps: BitRateBps = setting(
        "6 Mbit/s",
        "Highest rate down.",
        source="MRO launch article of 2005-08-11, convergedigest: 6 Mbit/s at 100 Mkm",
    )
    uplink_rate_max_bps: BitRateBps = setting(
        "32 kbit/s",
        "Rate up, at any distance.",
        source="assumed: above 2 kbit/s command links, below the 256 kbit/s of DSN 820-100 (recalled)",
    )
    setup_us: DurationUs = setting(
        "1 min",
        "Time to point and lock at the start of a contact, in which nothing is sent.",
        source="assumed: both ends point and pre-tune by the contact plan",
    )

    def downlink_rate_bps(self, distance_km: float) -> int:
        """Rate down at a distance [km], by the law above, whole bit/s, at least 1."""
        gain = (self.power_w / REFERENCE_POWER_W) * (self.antenna_m / REFERENCE_ANTENNA_M) ** 2
        rate_bps = self.rate_reference_bps * gain * (self.rate_reference_distance_km / distance_km) ** 2
        return max(1, min(self.rate_max_bps, int(rate_bps)))


class LocalNetwork(Part):
    """The network inside the habitat, between devices and edge computers."""

    rate_bps: BitRateBps = setting(
        "10 Mbit/s",
        "Rate of each device's link.",
        source="assumed: a shared Wi-Fi cell, a tenth of what it could do",
    )
    latency_us: DurationUs = setting("2 ms", "One-way latency.", source="assumed: one wireless hop and one switch")


class SkyNetwork(Part):
    """What connects a habitat with Earth."""

    stations: Annotated[tuple[str, ...], Field(min_length=1)] = setting(
        list(LARGE_STATIONS),
        "Stations on Earth.",
        source="DSN 810-005, module 301: the 70 m antenna of each complex",
    )
    direct_to_earth: DirectToEarth = setting({}, "The radio to Earth.", source="MRO's X-band link, key by key")
    local: LocalNetwork = setting({}, "The habitat's network.", source="assumed, key by key")

    @field_validator("stations")
    @classmethod
    def _known_once(cls, stations: tuple[str, ...]) -> tuple[str, ...]:
        for index, station in enumerate(stations):
            if station not in STATIONS:
                raise RuleError(f"unknown station {station}", listed(STATIONS, station), (index,))
            if station in stations[:index]:
                raise RuleError(f"station {station} is listed twice", "list it once", (index,))
        return stations

    def stations_of(self, complex_name: str) -> tuple[str, ...]:
        """The listed stations of a complex."""
        return tuple(name for name in self.stations if STATIONS[name].complex == complex_name)
