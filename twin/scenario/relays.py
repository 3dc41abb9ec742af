"""Relay orbiters: where they fly, how they talk to the ground and to Earth, how much they can hold.

An orbit is a name of the catalogue, a longitude over the equator (areostationary), explicit elements, or a CCSDS OEM
file. Explicit elements are osculating only in name: the orbit is Kepler's with the secular drift of J2, in the frame of
Mars's pole and equator at the epoch.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, field_validator, model_validator
from pydantic_core.core_schema import CoreSchema, no_info_before_validator_function

from twin.scenario.errors import RuleError, listed
from twin.scenario.fields import (
    AngleDeg,
    BitRateBps,
    DistanceKm,
    DurationUs,
    ElevationDeg,
    GainDb,
    InstantUs,
    LongitudeDeg,
    NodeName,
    Part,
    Ratio,
    SizeBytes,
    setting,
)
from twin.scenario.orbiters import ORBITERS, AreostationaryEntry
from twin.scenario.radio import DeepSpaceRadio, Rates, require_a_rate

_SHAPE: Final = "semi_major_axis_km"
_CIRCULAR: Final = "argument_of_latitude_deg"
_ELLIPTIC: Final = ("argument_of_periapsis_deg", "mean_anomaly_deg")


class Orbit(Part):
    """One orbit about Mars, in one of four ways of saying it."""

    like: str | None = setting(None, "A name of the catalogue.", source="assumed: none")
    longitude_deg: LongitudeDeg | None = setting(
        None, "East longitude over which an areostationary relay stands.", source="assumed: none"
    )
    oem: Annotated[str, Field(min_length=1, max_length=1024)] | None = setting(
        None, "A CCSDS OEM file (502.0-B), relative to the scenario file that names it.", source="assumed: none"
    )
    epoch_us: InstantUs | None = setting(
        None, "Epoch of the elements, UTC. null: the scenario's start.", source="assumed: elements of the start"
    )
    semi_major_axis_km: DistanceKm | None = setting(None, "Semi-major axis.", source="assumed: none")
    eccentricity: Annotated[float, Field(strict=True, ge=0, lt=1)] = setting(
        0.0, "Eccentricity, from 0 up to 1.", source="assumed: circular"
    )
    inclination_deg: AngleDeg | None = setting(
        None, "Inclination to Mars's equator, 0 to 180 deg.", source="assumed: none"
    )
    raan_deg: AngleDeg = setting(
        "0 deg",
        "Angle from the ascending node of Mars's equator on the ICRF equator to the orbit's ascending node.",
        source="assumed: any longitude does",
    )
    argument_of_latitude_deg: AngleDeg | None = setting(
        None, "Angle from the node to the relay at the epoch, for a circular orbit.", source="assumed: none"
    )
    argument_of_periapsis_deg: AngleDeg | None = setting(
        None, "Angle from the node to periapsis at the epoch.", source="assumed: none"
    )
    mean_anomaly_deg: AngleDeg | None = setting(None, "Mean anomaly at the epoch.", source="assumed: none")

    @field_validator("like")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in ORBITERS:
            raise RuleError("unknown orbiter", f"{listed(ORBITERS, name)}, or give elements")
        return name

    @model_validator(mode="after")
    def _said_once(self) -> Orbit:
        ways = [
            name
            for name in ("like", "oem", _SHAPE, "longitude_deg")
            if getattr(self, name) is not None and not (name == "longitude_deg" and self.like is not None)
        ]
        if len(ways) != 1:
            said = " and ".join(name.removesuffix("_km").removesuffix("_deg") for name in ways) or "nothing"
            raise RuleError(
                f"says {said}, and an orbit is said in one way",
                "give a name of the catalogue, `longitude`, `semi_major_axis` with its elements, or `oem`",
            )
        if self.semi_major_axis_km is not None:
            self._check_elements()
        else:
            self._check_alone(ways[0])
        return self

    def _check_alone(self, way: str) -> None:
        """A name, a file or a longitude says all; but the catalogue's areostationary relay may stand elsewhere."""
        allowed = {way}
        if self.like is not None and isinstance(ORBITERS[self.like], AreostationaryEntry):
            allowed.add("longitude_deg")
        for name in type(self).model_fields:
            if name in self.model_fields_set - allowed and getattr(self, name) is not None:
                word = name.removesuffix("_km").removesuffix("_deg").removesuffix("_us")
                said = way.removesuffix("_deg")
                raise RuleError(f"{said} says the whole orbit, {word} included", f"drop {word}, or {said}", (word,))

    @property
    def elements(self) -> tuple[float, float, float, float, float, float]:
        """Semi-major axis [km], eccentricity, inclination, node, argument of periapsis and mean anomaly [deg] of an
        orbit that is said by its elements.
        """
        assert self.semi_major_axis_km is not None
        assert self.inclination_deg is not None
        along_deg = (self.argument_of_periapsis_deg or 0.0, self.mean_anomaly_deg or 0.0)
        if self.argument_of_latitude_deg is not None:
            along_deg = (0.0, self.argument_of_latitude_deg)
        return (self.semi_major_axis_km, self.eccentricity, self.inclination_deg, self.raan_deg, *along_deg)

    def _check_elements(self) -> None:
        if self.inclination_deg is None:
            raise RuleError("elements need an inclination", 'add `inclination: "93 deg"`')
        if not 0 <= self.inclination_deg <= 180:
            raise RuleError("an inclination lies from 0 to 180 deg", "give for example 93 deg", ("inclination",))
        elliptic = [getattr(self, name) is not None for name in _ELLIPTIC]
        circular = self.argument_of_latitude_deg is not None
        if circular and (any(elliptic) or self.eccentricity > 0):
            raise RuleError(
                "an argument of latitude places a relay on a circle",
                "drop it and give argument_of_periapsis and mean_anomaly, or drop the eccentricity",
                ("argument_of_latitude",),
            )
        if not circular and not all(elliptic):
            raise RuleError(
                "does not say where the relay is at the epoch",
                "add argument_of_latitude for a circle, else argument_of_periapsis and mean_anomaly",
            )


class _ByName:
    """Lets an orbit be given by its name in the catalogue."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(self._look_up, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(ORBITERS)}, handler(schema)]}

    @staticmethod
    def _look_up(value: Any) -> Any:
        return {"like": value} if isinstance(value, str) else value


class Proximity(Part):
    """The UHF link between a relay and the ground, CCSDS Proximity-1, at the same rates both ways."""

    rate_max_bps: BitRateBps = setting(
        "2048 kbit/s", "Highest rate.", source="CCSDS 211.1-B: powers of two from 8 to 2048 kbit/s"
    )
    rates_bps: Rates | None = setting(
        None,
        "The radio's rates up to rate_max. null: powers of two from 8 kbit/s.",
        source="CCSDS 211.1-B; Odyssey has 128 and 256 kbit/s (reference/link_published.csv)",
    )
    gain_db: GainDb = setting(
        "0 dB",
        "Gain of both antennas together over two that see a hemisphere each.",
        source="assumed: none is pointed; from areostationary height about 25 dB are needed",
    )
    frame_loss: Ratio = setting(
        "0.1 %", "Chance that a frame is lost and sent again, go-back-N.", source="assumed: a link with margin"
    )
    setup_us: DurationUs = setting(
        "15 s",
        "Time to hail at the start of a pass, in which nothing is sent.",
        source="assumed: a hail and its answer",
    )

    @model_validator(mode="after")
    def _possible(self) -> Proximity:
        if self.rates_bps is not None:
            require_a_rate(self.rates_bps, self.rate_max_bps, ("rates",))
        return self

    @field_validator("frame_loss")
    @classmethod
    def _lets_frames_through(cls, loss: float) -> float:
        if loss >= 1:
            raise RuleError("nothing comes through", "give less than 100 %, or no relay")
        return loss


class Relay(Part):
    """One relay orbiter: a store-and-forward node."""

    name: NodeName = Field(description="Its name in the contact plan.")
    orbit: Annotated[Orbit, _ByName()] = Field(description="Where it flies.")
    min_elevation_deg: ElevationDeg = setting(
        "10 deg", "Lowest elevation of the relay over the site.", source="assumed: clear of terrain"
    )
    proximity: Proximity = setting({}, "Its link to the ground.", source="key by key")
    to_earth: DeepSpaceRadio = setting({}, "Its radio to Earth.", source="key by key")
    storage_bytes: SizeBytes = setting(
        "20 GB", "What it can hold for others.", source="MRO's solid state recorder, 160 Gbit (recalled)"
    )
