"""The network of a habitat under a sky: stations, radio to Earth, relays, the habitat's own network."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator

from twin.scenario.apertures import Apertures
from twin.scenario.catalogue import LARGE_STATIONS, STATIONS
from twin.scenario.errors import Key, RuleError, listed
from twin.scenario.fields import BitRateBps, DistanceKm, DurationUs, ElevationDeg, Part, SeparationDeg, setting
from twin.scenario.radio import DeepSpaceRadio
from twin.scenario.relays import Relay

RELAYS_MAX: Final = 64


class DirectToEarth(DeepSpaceRadio):
    """The habitat's antenna, pointed at Earth."""

    min_elevation_deg: ElevationDeg = setting(
        "10 deg",
        "Lowest elevation of Earth at the site.",
        source="assumed: clear of terrain, as for the stations",
    )


class Crosslinks(Part):
    """Links between relays that see each other past Mars."""

    rate_bps: BitRateBps = setting("128 kbit/s", "Rate, at any distance.", source="assumed: a rate of Proximity-1")
    range_max_km: DistanceKm = setting(
        "3000 km", "Largest distance of two relays.", source="assumed: what a UHF pass over a site spans"
    )
    atmosphere_km: DistanceKm = setting(
        "60 km", "Height over Mars that the line of sight clears.", source="assumed: above the dust of a global storm"
    )


class Conjunction(Part):
    """How near the Sun may stand to Mars in Earth's sky."""

    sep_min_deg: SeparationDeg | None = setting(
        None,
        "Angle Sun-Earth-Mars below which nothing comes through. null: 2 deg at X-band, 1 deg at Ka-band.",
        source="Mars solar conjunction prediction modeling (2015), abstract",
    )
    moratorium_deg: SeparationDeg = setting(
        "2 deg",
        "Angle below which nothing is sent up, acks included.",
        source="NASA's command moratorium of 2015; the Mars Science Laboratory kept 3 deg",
    )


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
    direct_to_earth: DirectToEarth | None = setting(
        {}, "The radio to Earth; null: none, only relays.", source="MRO's X-band link, key by key"
    )
    relays: Annotated[tuple[Relay, ...], Field(max_length=RELAYS_MAX)] = setting(
        (), "Orbiters that relay.", source="assumed: none, the habitat reaches Earth by itself"
    )
    crosslinks: Crosslinks | None = setting(
        None, "Links between relays; null: none.", source="assumed: no relay at Mars has carried them"
    )
    apertures: Apertures | None = setting(
        None,
        "What the antennas on Earth need and when they are closed; "
        "null: one at a time serves all of Mars, from rise to set, each spacecraft with an uplink of its own.",
        source="assumed: all of the network is Mars's",
    )
    conjunction: Conjunction = setting({}, "What the Sun does to the links.", source="key by key")
    local: LocalNetwork = setting({}, "The habitat's network.", source="assumed, key by key")

    @field_validator("relays")
    @classmethod
    def _named_once(cls, relays: tuple[Relay, ...]) -> tuple[Relay, ...]:
        for index, relay in enumerate(relays):
            if relay.name in [other.name for other in relays[:index]]:
                raise RuleError(f"a relay named {relay.name} exists already", "give it another name", (index, "name"))
        return relays

    @model_validator(mode="after")
    def _leads_to_earth(self) -> SkyNetwork:
        if self.direct_to_earth is None and not self.relays:
            raise RuleError("has no way to Earth", "add `direct_to_earth`, or a relay", ("direct_to_earth",))
        return self

    @model_validator(mode="after")
    def _bands_heard(self) -> SkyNetwork:
        for key, radio in self.radios:
            if not self.stations_hearing(radio.band):
                able = [name for name, station in STATIONS.items() if radio.band in station.bands]
                rule = f"no listed station hears {radio.band}-band"
                raise RuleError(rule, f"add one of {', '.join(able)} to network.stations", (*key, "band"))
        return self

    @model_validator(mode="after")
    def _antennas_listed(self) -> SkyNetwork:
        if self.apertures is None:
            return self
        own = ("habitat",) if self.direct_to_earth is not None else ()
        known = (*own, *(relay.name for relay in self.relays))
        for part in ("maintenance", "schedule"):
            for index, entry in enumerate(getattr(self.apertures, part)):
                key = ("apertures", part, index)
                if entry.station not in self.stations:
                    rule = f"station {entry.station} is not one of the network's"
                    raise RuleError(rule, listed(self.stations, entry.station), (*key, "station"))
                for spacecraft in getattr(entry, "spacecraft", ()):
                    if spacecraft not in known:
                        rule = f"no spacecraft {spacecraft}"
                        raise RuleError(rule, listed(known, spacecraft), (*key, "spacecraft"))
        return self

    @field_validator("stations")
    @classmethod
    def _known_once(cls, stations: tuple[str, ...]) -> tuple[str, ...]:
        for index, station in enumerate(stations):
            if station not in STATIONS:
                raise RuleError(f"unknown station {station}", listed(STATIONS, station), (index,))
            if station in stations[:index]:
                raise RuleError(f"station {station} is listed twice", "list it once", (index,))
        return stations

    @property
    def relay_names(self) -> tuple[str, ...]:
        """The relays, in the order of the file."""
        return tuple(relay.name for relay in self.relays)

    @property
    def station_min_elevation_deg(self) -> float:
        """The lowest elevation at which any of the radios is received."""
        return min(radio.station_min_elevation_deg for _, radio in self.radios)

    @property
    def radios(self) -> tuple[tuple[Key, DeepSpaceRadio], ...]:
        """Every radio that is pointed at Earth, with its key."""
        own = () if self.direct_to_earth is None else ((("direct_to_earth",), self.direct_to_earth),)
        return (*own, *((("relays", index, "to_earth"), relay.to_earth) for index, relay in enumerate(self.relays)))

    def stations_hearing(self, band: str) -> tuple[str, ...]:
        """The listed stations with a receiver for a band."""
        return tuple(name for name in self.stations if band in STATIONS[name].bands)

    def stations_of(self, complex_name: str) -> tuple[str, ...]:
        """The listed stations of a complex."""
        return tuple(name for name in self.stations if STATIONS[name].complex == complex_name)
