"""Episodes by script: what befalls whom, when and how badly; ground truth for alarms.

The courses stand in `twin.world.episodes`. An episode lasts `for` from its first deviation to its last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

from pydantic import Field, model_validator

from twin.scenario.errors import Key, RuleError
from twin.scenario.fields import DurationUs, Part, PositiveDurationUs, setting
from twin.units import format_duration

if TYPE_CHECKING:
    from twin.scenario.model import HabitatScenario

SHORTEST_US: Final = 60_000_000
EVERYBODY: Final = 0


class Episode(Part):
    """An illness or an accident: of one of the crew, or of all where the air is concerned."""

    kind: Literal["hypoxia", "sepsis", "arrhythmia", "decompression", "hypothermia"] = Field(
        description="What happens."
    )
    crew: Annotated[int, Field(strict=True, ge=1)] | None = setting(
        None, "Whom it befalls, from 1; not for a decompression. null: everybody.", source="assumed: none"
    )
    at_us: DurationUs = Field(description="When it begins.")
    for_us: PositiveDurationUs = Field(description="How long it lasts, onset and recovery included; at least 1 min.")
    severity: Annotated[float, Field(ge=0.3, le=1.5)] = setting(
        1.0, "How large the deviations are, from 0.3 to 1.5.", source="assumed: 1 is the published course"
    )

    @model_validator(mode="after")
    def _whom(self) -> Episode:
        if self.kind == "decompression" and self.crew is not None:
            raise RuleError("a decompression befalls everybody", "drop `crew`", ("crew",))
        if self.kind != "decompression" and self.crew is None:
            raise RuleError(f"{self.kind} befalls one of the crew", "add `crew: 1`", ("kind",))
        if self.for_us < SHORTEST_US:
            rule = f"an episode lasts at least {format_duration(SHORTEST_US)}"
            raise RuleError(rule, "choose a longer time", ("for",))
        return self

    @property
    def person(self) -> int:
        """Number in the crew, `EVERYBODY` for a decompression."""
        return EVERYBODY if self.crew is None else self.crew

    @property
    def severity_permille(self) -> int:
        """Severity in thousandths."""
        return round(self.severity * 1000)

    def befalls(self, crew: int) -> bool:
        """Whether it concerns this member of the crew."""
        return self.person in (EVERYBODY, crew)


class EpisodeWindow(NamedTuple):
    """Ground truth: an episode of a crew member (0: everybody), from its first deviation to its end [us]."""

    kind: str
    crew: int
    onset_us: int
    end_us: int


def window(episode: Episode, start_us: int) -> EpisodeWindow:
    """When an episode is there, in house time; `start_us` is the scenario's start."""
    onset_us = start_us + episode.at_us
    return EpisodeWindow(episode.kind, episode.person, onset_us, onset_us + episode.for_us)


def windows_of(scenario: HabitatScenario, crew: int | None = None) -> list[EpisodeWindow]:
    """Ground truth of a scenario in order of onset: all of it, or what befalls one member of the crew."""
    found = [window(e, scenario.start_us) for e in scenario.episodes if crew is None or e.befalls(crew)]
    return sorted(found, key=lambda w: (w.onset_us, w.kind, w.crew))


def check_episodes(scenario: HabitatScenario) -> None:
    """Raise `RuleError` for the first episode that cannot happen as written."""
    crew = scenario.habitat.crew
    recorded = {replay.crew for group in scenario.habitat.devices for replay in group.replay}
    earlier: list[Episode] = []
    for index, episode in enumerate(scenario.episodes):
        key: Key = ("episodes", index)
        if episode.person > crew:
            raise RuleError(f"the crew counts {crew}", f"choose one of 1 to {crew}", (*key, "crew"))
        if episode.person in recorded - {EVERYBODY}:
            rule = "a recording is replayed for this member of the crew, and no script changes it"
            raise RuleError(rule, "drop the replay, or choose another", (*key, "crew"))
        if episode.at_us + episode.for_us > scenario.duration_us:
            rule = f"lasts beyond the end, {format_duration(scenario.duration_us)}"
            raise RuleError(rule, "begin earlier, or choose a shorter time or a longer duration", (*key, "at"))
        _check_apart(episode, earlier, key)
        earlier.append(episode)


def _check_apart(episode: Episode, earlier: Sequence[Episode], key: Key) -> None:
    for index, other in enumerate(earlier):
        if (other.kind, other.person) != (episode.kind, episode.person):
            continue
        if episode.at_us < other.at_us + other.for_us and other.at_us < episode.at_us + episode.for_us:
            raise RuleError(f"overlaps episodes[{index}], the same kind", "let one end before the other", (*key, "at"))
