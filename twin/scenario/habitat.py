"""The habitat: where it stands, who lives there, what they wear, what computes."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, field_validator
from pydantic_core.core_schema import CoreSchema, no_info_before_validator_function

from twin.scenario.catalogue import SITES
from twin.scenario.errors import RuleError, listed
from twin.scenario.fields import (
    AzimuthDeg,
    HorizonDeg,
    LatitudeDeg,
    LongitudeDeg,
    Part,
    PositiveDurationUs,
    setting,
)

# A Space Packet's data field holds 65536 bytes (CCSDS 133.0-B-2, 4.1.3.5) and a frame is one packet.
SAMPLES_PER_FRAME_MAX: Final = 600
# APIDs are 11 bits, the highest is the idle packet (CCSDS 133.0-B-2, 4.1.3.3); one per device of a class.
DEVICES_MAX: Final = 2046
MASK_POINTS_MAX: Final = 720  # every half degree


def _two_numbers(point: Any) -> Any:
    if isinstance(point, (list, tuple)) and len(point) == 2:
        return point
    raise RuleError("a point of a mask is an azimuth and an elevation", "write it like [90, 5]")


MaskPoint = Annotated[tuple[AzimuthDeg, HorizonDeg], BeforeValidator(_two_numbers)]


class LandingSite(Part):
    """A point on Mars, areocentric latitude and east longitude."""

    name: Annotated[str, Field(min_length=1, max_length=64)] = setting(
        "custom", "What to call the place.", source="assumed: a place outside the catalogue has no name"
    )
    latitude_deg: LatitudeDeg = Field(description="Areocentric latitude, north positive [deg].")
    longitude_deg: LongitudeDeg = Field(description="East longitude [deg].")


class _ByName:
    """Lets a site be given by its name in the catalogue, in files and in the JSON Schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(self._look_up, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(SITES)}, handler(schema)]}

    @staticmethod
    def _look_up(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        entry = SITES.get(value)
        if entry is None:
            raise RuleError("unknown site", f"{listed(SITES, value)}, or give latitude and longitude")
        return {"name": value, "latitude": entry.latitude_deg, "longitude": entry.longitude_deg}


Site = Annotated[LandingSite, _ByName()]


class Replay(Part):
    """Recorded values in the place of simulated ones: what stands in a CSV file (`recordings.py`)."""

    path: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="The CSV file, relative to the scenario file that names it."
    )
    crew: Annotated[int, Field(strict=True, ge=1)] | None = setting(
        None, "Whose devices of the group replay it, from 1; null: the habitat's.", source="assumed: none"
    )
    gaps: Literal["refuse", "no_reading"] = setting(
        "refuse",
        "Where no recorded row stands for a sample. refuse: the recording cannot be replayed; "
        "no_reading: the sensor has no reading there.",
        source="assumed: a hole in a recording is a mistake until somebody says that it is meant",
    )


class DeviceGroup(Part):
    """Devices of one kind: `count` for each crew member, or `count` for the habitat."""

    kind: Literal["vitals_monitor", "air_monitor"] = Field(description="What the devices are.")
    per: Literal["crew", "habitat"] | None = setting(
        None,
        "For whom `count` devices exist. null: vitals monitors for each of the crew, air monitors for the habitat.",
        source="assumed: vital signs are worn, air is shared",
    )
    count: Annotated[int, Field(strict=True, ge=1, le=DEVICES_MAX)] = setting(
        1, "Devices per crew member, or in the habitat.", source="assumed: one monitor each"
    )
    sample_period_us: PositiveDurationUs = setting(
        "1 s",
        "Time between two samples.",
        source="assumed: bedside monitors refresh numeric vital signs each second",
    )
    frame_period_us: PositiveDurationUs = setting(
        "60 s",
        "Time that one frame covers, a whole number of sample periods.",
        source="assumed: one signed frame a minute keeps header and signature below the samples' own bytes",
    )
    artefacts: Annotated[bool, Field(strict=True)] = setting(
        False,
        "Whether leads fall off and movement disturbs by themselves, at the rates of `twin.world.artefacts`.",
        source="assumed: disturbances are scripted where they are the question",
    )
    replay: tuple[Replay, ...] = setting((), "Devices that replay a recording.", source="assumed: none")

    @property
    def for_each(self) -> bool:
        """Whether every crew member has `count` of them."""
        return self.kind == "vitals_monitor" if self.per is None else self.per == "crew"

    def replay_for(self, crew: int) -> Replay | None:
        """The recording that the devices of a crew member (0: the habitat) replay, if any."""
        return next((replay for replay in self.replay if (replay.crew or 0) == crew), None)

    @property
    def samples_per_frame(self) -> int:
        """Samples in a frame that no threshold closed early."""
        return self.frame_period_us // self.sample_period_us


_NAMES: Final = {"vitals_monitor": "vitals", "air_monitor": "air"}


class DeviceSlot(NamedTuple):
    """One device to be: its name, whom it watches (0: the habitat), its group."""

    name: str
    crew: int
    group: DeviceGroup


class Habitat(Part):
    """The clinic and its people."""

    site: Site = Field(description="Where on Mars: a name of the catalogue, or latitude and longitude.")
    horizon_mask: Annotated[tuple[MaskPoint, ...], Field(min_length=1, max_length=MASK_POINTS_MAX)] | None = setting(
        None,
        "The horizon around the site, [[azimuth, elevation], ...] in degrees, azimuths rising from north through east, "
        "straight between points. null: flat.",
        source="assumed: a landing site is chosen in open terrain",
    )
    crew: Annotated[int, Field(strict=True, ge=0, le=1000)] = setting(
        6, "People.", source="NASA Design Reference Architecture 5.0 (SP-2009-566): a crew of six"
    )
    devices: Annotated[tuple[DeviceGroup, ...], Field(max_length=64)] = setting(
        [{"kind": "vitals_monitor"}],
        "Medical devices.",
        source="assumed: the smallest clinic, one vital-signs monitor per crew member",
    )
    edge_nodes: Annotated[int, Field(strict=True, ge=1, le=64)] = setting(
        2, "Edge computers, named edge-1, edge-2, ...", source="assumed: one home edge and one standby"
    )

    @field_validator("horizon_mask")
    @classmethod
    def _azimuths_rise(cls, points: tuple[tuple[float, float], ...] | None) -> tuple[tuple[float, float], ...] | None:
        for index, (point, after) in enumerate(pairwise(points or ()), 1):
            if after[0] <= point[0]:
                rule = f"azimuth {after[0]} deg does not rise above {point[0]} deg"
                raise RuleError(rule, "sort the points by azimuth, each once", (index,), "horizon mask")
        return points

    @property
    def edge_names(self) -> tuple[str, ...]:
        """`("edge-1", ..., "edge-N")`."""
        return tuple(f"edge-{number}" for number in range(1, self.edge_nodes + 1))

    @property
    def device_names(self) -> tuple[str, ...]:
        """Name of every device, group by group."""
        return tuple(slot.name for slot in self.device_slots)

    @property
    def device_slots(self) -> tuple[DeviceSlot, ...]:
        """Every device, in the order of the groups.

        Names count within a group, so that a larger group moves no device of another: `vitals-1`, `vitals-2`, ...,
        `vitals-2-1`, ... in the second group of the kind; `air-1`, ... for air monitors. With several monitors per crew
        member the first ones are crew member 1's.
        """
        slots: list[DeviceSlot] = []
        groups_of_kind: dict[str, int] = {}
        for group in self.devices:
            place = groups_of_kind[group.kind] = groups_of_kind.get(group.kind, 0) + 1
            word = _NAMES[group.kind] if place == 1 else f"{_NAMES[group.kind]}-{place}"
            total = group.count * (self.crew if group.for_each else 1)
            slots += [
                DeviceSlot(f"{word}-{number + 1}", number // group.count + 1 if group.for_each else 0, group)
                for number in range(total)
            ]
        return tuple(slots)
