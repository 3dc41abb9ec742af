"""The antennas on Earth as they are shared: tracks, maintenance, weather, and schedules written by hand.

Times count from the scenario's start and are those of the station.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from twin.scenario.catalogue import STATIONS
from twin.scenario.errors import RuleError, listed
from twin.scenario.fields import DurationUs, NodeName, Part, PositiveDurationUs, Ratio, setting
from twin.units import SECOND_US, format_duration

SCHEDULE_MAX: Final = 10_000
SPACECRAFT_MAX: Final = 16
SHORTEST_US: Final = 60 * SECOND_US
"""assumed: nobody schedules an antenna by less than a minute, and a plan in pieces of microseconds is never done."""


def _known(station: str) -> str:
    if station not in STATIONS:
        raise RuleError(f"unknown station {station}", listed(STATIONS, station))
    return station


class MaintenanceRule(Part):
    """A station is closed, once or again and again."""

    station: str = Field(description="Which antenna.")
    from_us: DurationUs = Field(description="First instant, after the scenario's start.")
    for_us: PositiveDurationUs = Field(description="How long.")
    every_us: PositiveDurationUs | None = setting(
        None, "Time from one closure to the next; null: it comes once.", source="assumed: once"
    )

    _station = field_validator("station")(_known)

    @model_validator(mode="after")
    def _opens_again(self) -> MaintenanceRule:
        if self.every_us is not None and self.every_us < SHORTEST_US:
            raise RuleError(f"comes again within {format_duration(SHORTEST_US)}", "choose a longer period", ("every",))
        if self.every_us is not None and self.every_us <= self.for_us:
            rule = f"lasts {format_duration(self.for_us)} and comes every {format_duration(self.every_us)}"
            raise RuleError(f"{rule}, so the station never opens", "choose a longer period", ("every",))
        return self


class BandWeather(Part):
    """How often weather drowns a station's signal in one band."""

    band: Literal["X", "Ka"] = Field(description="Which band.")
    availability: Ratio = Field(description="Share of the year without an outage.")
    mean_outage_us: PositiveDurationUs = setting(
        "3 h", "Mean length of an outage.", source="assumed: a passing rain front"
    )

    @model_validator(mode="after")
    def _can_be_drawn(self) -> BandWeather:
        if self.availability == 0:
            raise RuleError("an availability is above 0", "write it like 90 %", ("availability",))
        fair = self.availability * self.mean_outage_us >= (1 - self.availability) * SECOND_US
        if not fair or self.mean_outage_us < SECOND_US:
            rule = "an outage and a fair spell last 1 s or longer on average"
            raise RuleError(rule, "choose a longer outage", ("mean_outage",))
        return self


class WrittenTrack(Part):
    """A track written by hand: usable time, without set-up and tear-down."""

    station: str = Field(description="Which antenna.")
    spacecraft: Annotated[tuple[NodeName, ...], Field(min_length=1, max_length=SPACECRAFT_MAX)] = Field(
        description="Whom it follows, first the one that is preferred."
    )
    from_us: DurationUs = Field(description="First usable instant, after the scenario's start.")
    for_us: PositiveDurationUs = Field(description="How long.")

    _station = field_validator("station")(_known)

    @property
    def end_us(self) -> int:
        """Last usable instant, after the scenario's start [us]."""
        return self.from_us + self.for_us

    @property
    def label(self) -> str:
        """`DSS-14 from 6 h to 8 h`."""
        return f"{self.station} from {format_duration(self.from_us)} to {format_duration(self.end_us)}"


class Apertures(Part):
    """What an antenna needs around a track, and when it is not there."""

    setup_us: DurationUs = setting(
        "45 min", "Set-up before a track.", source="usual for a DSN track, 45 to 60 min (recalled)"
    )
    teardown_us: DurationUs = setting("15 min", "Tear-down after it.", source="usual for a DSN track (recalled)")
    track_max_us: PositiveDurationUs = setting(
        "8 h", "Longest track.", source="DSN passes are planned in shifts of 8 h (recalled)"
    )
    track_min_us: DurationUs = setting(
        "10 min", "Shortest track that is planned.", source="assumed: not worth an hour of work below it"
    )
    spacecraft_max: Annotated[int, Field(strict=True, ge=1, le=SPACECRAFT_MAX)] = setting(
        4, "How many spacecraft one antenna receives at once.", source="DSN 4-MSPA (recalled)"
    )
    uplink_turn_us: PositiveDurationUs = setting(
        "1 h", "How long one spacecraft keeps the uplink while others wait.", source="assumed: several round trips"
    )
    handover_us: DurationUs = setting(
        "0 s",
        "Lost when a spacecraft goes over to another antenna, before its radio's own set-up.",
        source="assumed: the other antenna is pointed by then",
    )
    maintenance: Annotated[tuple[MaintenanceRule, ...], Field(max_length=SCHEDULE_MAX)] = setting(
        (), "When antennas are closed.", source="assumed: none"
    )
    weather: Annotated[tuple[BandWeather, ...], Field(max_length=2)] = setting(
        (), "Bands that weather drowns.", source="assumed: none; X-band hardly fades"
    )
    schedule: Annotated[tuple[WrittenTrack, ...], Field(max_length=SCHEDULE_MAX)] = setting(
        (), "Tracks written by hand; none: they are planned.", source="assumed: planned"
    )

    @field_validator("track_max_us", "uplink_turn_us")
    @classmethod
    def _not_in_pieces(cls, lasts_us: int) -> int:
        if lasts_us < SHORTEST_US:
            raise RuleError(f"is below {format_duration(SHORTEST_US)}", "choose a longer one")
        return lasts_us

    @model_validator(mode="after")
    def _possible(self) -> Apertures:
        if self.track_min_us > self.track_max_us:
            rule = f"is above the longest track, {format_duration(self.track_max_us)}"
            raise RuleError(rule, "choose a shorter one", ("track_min",))
        bands = [weather.band for weather in self.weather]
        if len(set(bands)) < len(bands):
            raise RuleError(f"band {bands[-1]} has two kinds of weather", "keep one of them", ("weather", 1, "band"))
        for index, track in enumerate(self.schedule):
            self._check_track(track, index)
        self._check_apart()
        return self

    def _check_track(self, track: WrittenTrack, index: int) -> None:
        if track.for_us > self.track_max_us:
            rule = f"is longer than a track may be, {format_duration(self.track_max_us)}"
            raise RuleError(rule, "split it", ("schedule", index, "for"))
        if not len(set(track.spacecraft)) == len(track.spacecraft) <= self.spacecraft_max:
            rule = f"an antenna follows up to {self.spacecraft_max} different spacecraft"
            raise RuleError(rule, "give the others to another antenna", ("schedule", index, "spacecraft"))

    def _check_apart(self) -> None:
        work_us = self.teardown_us + self.setup_us
        ordered = sorted(enumerate(self.schedule), key=lambda item: (item[1].station, item[1].from_us, item[0]))
        for (first, one), (second, other) in pairwise(ordered):
            if one.station == other.station and other.from_us < one.end_us + work_us:
                raise RuleError(
                    f"begins less than {format_duration(work_us)} of tear-down and set-up after the track of "
                    f"{one.label} (schedule[{first}])",
                    "move or drop one of them",
                    ("schedule", second),
                    f"track of {other.label}",
                )
