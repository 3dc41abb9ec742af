"""Weather: opacity in quiet air, dust storms by script, by chance and from the past, and what they do to equipment.

A scripted storm rises linearly from onset to peak in `growth` and falls exponentially with e-folding time `decay`.
Storms by chance follow the seasons of Mars (`twin.world.storm_seasons`). A storm of the past is replayed as it was
measured over Ls (`twin.world.storm_history`). All act only by what is written here: opacity by itself fades the
habitat's Ka-band link alone (`twin.scenario.radio`).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from twin.scenario.errors import RuleError
from twin.scenario.fields import DurationUs, Part, PositiveDurationUs, Tau, setting

SEASONAL: Final = "seasonal"
TAU_MAX: Final = 50


def _parse_background(value: object) -> float | str:
    if value == SEASONAL:
        return SEASONAL
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RuleError("must be a number, or `seasonal`", "write for example 0.5")
    if not 0 <= value <= TAU_MAX:
        raise RuleError(f"an optical depth lies from 0 to {TAU_MAX}", "write for example 0.5, or `seasonal`")
    return float(value)


Background = Annotated[
    float | Literal["seasonal"],
    PlainValidator(_parse_background),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": TAU_MAX}, {"enum": [SEASONAL]}]}),
]


class StormEffect(Part):
    """What happens while the opacity is above a threshold."""

    kind: Literal["antenna_stow"] = Field(description="The antenna to Earth is stowed: no contact either way.")
    above_tau: Tau = Field(description="Optical depth above which the effect holds.")


class Storm(Part):
    """One dust storm."""

    onset_us: DurationUs = Field(description="When the opacity begins to rise, after the scenario's start.")
    peak_tau: Tau = Field(description="Optical depth at the peak.")
    growth_us: DurationUs = Field(description="From onset to peak; 0 s is a step.")
    decay_us: PositiveDurationUs = Field(description="e-folding time of the excess after the peak.")
    effects: tuple[StormEffect, ...] = setting((), "What the storm does.", source="assumed: opacity alone")


class RandomStorms(Part):
    """Storms that come by chance, by the seasons of Mars: regional A, B, C, and a planet-encircling one in three years.

    Drawn from the scenario's seed, one draw per Mars year and season.
    """

    effects: tuple[StormEffect, ...] = setting((), "What these storms do.", source="assumed: opacity alone")


class StormReplay(Part):
    """A planet-encircling storm of the past, as opacity over Ls."""

    storm: Literal["my12a", "my12b", "my25", "my28", "my34"] = Field(
        description="Which one, by Mars year: my12a and my12b (1977), my25 (2001), my28 (2007), my34 (2018)."
    )
    place: Literal["viking", "opportunity", "curiosity", "planet"] = Field(
        description="Where it was seen from; a lander's opacity is no mean of the planet."
    )
    at: Literal["own_date", "same_season"] = setting(
        "own_date",
        "own_date: on the days on which it came; same_season: moved to the scenario's Mars year, at the same Ls.",
        source="assumed: history stays where it was unless it is moved",
    )
    effects: tuple[StormEffect, ...] = setting((), "What the storm does.", source="assumed: opacity alone")


class Dust(Part):
    """Dust in the air."""

    background_tau: Background = setting(
        0.5,
        "Optical depth with no storm; `seasonal`: by Ls, as Viking Lander 1 saw it.",
        source="Viking Landers 1 and 2, typically about 0.5 (Space Solar Power Review 8(3) 1989, p. 56)",
    )
    storms: tuple[Storm, ...] = setting((), "Storms.", source="assumed: none unless written")
    random_storms: RandomStorms | None = setting(
        None, "Storms by chance. null: none.", source="assumed: none unless written"
    )
    replays: tuple[StormReplay, ...] = setting((), "Storms of the past.", source="assumed: none unless written")

    @property
    def effects(self) -> tuple[StormEffect, ...]:
        """What storms of all kinds do."""
        by_chance = () if self.random_storms is None else (self.random_storms,)
        return tuple(effect for storm in (*self.storms, *by_chance, *self.replays) for effect in storm.effects)


class Weather(Part):
    """The weather at the site."""

    dust: Dust = setting({}, "Dust.", source="quiet air, key by key")
