"""Weather by script: opacity in quiet air, dust storms, and what a storm does to equipment.

A storm rises linearly from onset to peak in `growth` and falls exponentially with e-folding time `decay`.
It acts only by what is written here: opacity by itself fades no X-band link.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from twin.scenario.fields import DurationUs, Part, PositiveDurationUs, Tau, setting


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


class Dust(Part):
    """Dust in the air."""

    background_tau: Tau = setting(
        0.5,
        "Optical depth with no storm.",
        source="Viking Landers 1 and 2, typically about 0.5 (Space Solar Power Review 8(3) 1989, p. 56)",
    )
    storms: tuple[Storm, ...] = setting((), "Storms.", source="assumed: none unless written")


class Weather(Part):
    """The weather at the site."""

    dust: Dust = setting({}, "Dust.", source="quiet air, key by key")
