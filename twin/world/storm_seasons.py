"""Dust storms of a Mars year by chance: regional storms of the A, B and C seasons, and now and then one that
encircles the planet.

Each year and each season is drawn from a generator of its own, so that a longer span moves no storm. Numbers:

| what | drawn from | source |
|---|---|---|
| regional storms | one A, one B, one C in a year without a planet-encircling one | Kass et al. 2016 (abstract) |
| onset, end [deg Ls] | A 208-232 to 240, B 246-275 to 296, C 305-320 to 335 | Kass et al. 2016 (recalled) |
| length of A, B | from 8 and 10 deg of Ls to the end of the window | assumed: published are the windows |
| length of C | 3 to 15 deg of Ls | Kass et al. 2016 (recalled) |
| regional peak | 1.0 to 2.0 | Lemmon 2005 (BAAS 37, 783): 1 to 1.5, and up to 2.0 at Ls 215-235, over both rovers |
| planet-encircling | in one year of three | Zurek & Martin 1993 (18 to 55 % at 95 % confidence) |
| its onset | one of the ten published, give or take 5 deg of Ls | Zurek & Martin 1993, Cantor 2007 and others |
| its growth | 5 to 20 sols | 1977: 5 to 6 days (Space Solar Power Review 8(3) 1989); 2018: about 20 (JPL PIA22737) |
| its peak | 2.5 to 10.8 | Viking Lander 1 in 1977a (lower bound); Opportunity in 2018 (highest estimate) |
| its decay | e-folding in 30 to 117 sols | Cantor 2007 (Icarus 186, 60): the storm of 2001 |

Uniform within each range (assumed: ranges are published, shapes are not). A regional storm reaches its peak after a
quarter of its length, and a tenth of the excess is left at its end (assumed: it comes faster than it goes). One that
would begin within 100 deg of Ls after a planet-encircling storm is part of it (assumed: so year 34 keeps its C storm,
which was intense). The place sees every regional storm (assumed: Jezero saw more than 1 in both A and C, BAAS 55(8)).

Left out: local storms, about 100 a year, which hardly ever meet one place; a second planet-encircling storm in a
year, as in 1977.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from twin.world.dust import Curve, Storm
from twin.world.mars_calendar import mars_date_us, mars_year
from twin.world.timescales import SOL_US

GeneratorOf = Callable[[int, str], np.random.Generator]
"""The random generator of a Mars year and a season's name, always at its start."""

GLOBAL: Final = "global"
GLOBAL_CHANCE: Final = 1 / 3
GLOBAL_ONSETS_DEG: Final = (249.0, 260.0, 300.0, 205.0, 268.0, 208.0, 254.0, 185.0, 262.0, 185.0)
GLOBAL_GROWTH_SOLS: Final = (5.0, 20.0)
GLOBAL_DECAY_SOLS: Final = (30.0, 117.0)
GLOBAL_PEAK_TAU: Final = (2.5, 10.8)
REGIONAL_PEAK_TAU: Final = (1.0, 2.0)
_ONSET_SPREAD_DEG = 5.0
_SWALLOWED_DEG = 100.0
_MS_US = 1_000

QUIET_TAU: Final = (
    (0.0, 0.65), (10.0, 0.75), (20.0, 0.65), (30.0, 0.55), (40.0, 0.5), (50.0, 0.7), (60.0, 0.7), (70.0, 0.6),
    (80.0, 0.55), (90.0, 0.65), (100.0, 0.7), (110.0, 0.5), (120.0, 0.4), (130.0, 0.4), (140.0, 0.35), (150.0, 0.65),
    (160.0, 0.7), (170.0, 0.75), (180.0, 0.75),
)  # fmt: skip
"""Ls [deg] and opacity between storms, at Viking Lander 1 (Fig. 3 of "Solar radiation on Mars - Update 1991").

From 180 deg on the lander never saw quiet air. Straight on to the next year (assumed: Jezero was at 0.6 after its
regional storm, BAAS 55(8)).
"""


@dataclass(frozen=True, slots=True)
class RegionalSeason:
    """When a regional storm may begin, how long it may last, and by when it is over [deg of Ls]."""

    name: str
    onset_deg: tuple[float, float]
    lasts_deg: tuple[float, float]
    over_deg: float


REGIONAL: Final = (
    RegionalSeason("A", (208.0, 232.0), (8.0, 32.0), 240.0),
    RegionalSeason("B", (246.0, 275.0), (10.0, 50.0), 296.0),
    RegionalSeason("C", (305.0, 320.0), (3.0, 15.0), 335.0),
)


@dataclass(frozen=True, slots=True)
class DrawnStorm:
    """A storm that came by chance: its season's name or `GLOBAL`, its Mars year, its onset [deg of Ls]."""

    season: str
    mars_year: int
    onset_deg: float
    storm: Storm


def storms_of_year(year: int, generator_of: GeneratorOf) -> list[DrawnStorm]:
    """The storms of one Mars year, by onset."""
    planetary = _planetary(year, generator_of(year, GLOBAL))
    drawn = [_regional(year, season, generator_of(year, season.name)) for season in REGIONAL]
    if planetary is not None:
        since_deg = planetary.onset_deg
        drawn = [s for s in drawn if not since_deg <= s.onset_deg < since_deg + _SWALLOWED_DEG]
        drawn.append(planetary)
    return sorted(drawn, key=lambda s: s.storm.onset_us)


def storms_between(start_us: int, end_us: int, generator_of: GeneratorOf) -> list[DrawnStorm]:
    """The storms whose dust is in the air at some time of a span, by onset.

    Args:
        start_us, end_us: The span, house time [us]; storms that began up to a Mars year earlier count while more than a
            tenth of their excess is left.
        generator_of: The random generator of each year and season.
    """
    years = range(mars_year(start_us) - 1, mars_year(end_us) + 1)
    drawn = [storm for year in years for storm in storms_of_year(year, generator_of)]
    return [s for s in drawn if s.storm.onset_us < end_us and s.storm.over_us > start_us]


def quiet_air(start_us: int, end_us: int) -> Curve:
    """Opacity between storms over the Mars years that a span touches, by Ls."""
    years = range(mars_year(start_us), mars_year(end_us) + 2)
    ls_deg, tau = np.array(QUIET_TAU).T
    at_us = np.concatenate([mars_date_us(year, ls_deg) for year in years])
    return Curve(tuple(at_us.tolist()), tuple(np.tile(tau, len(years)).tolist()))


def _planetary(year: int, random: np.random.Generator) -> DrawnStorm | None:
    chance, published, shift, growth, decay, peak = random.random(6).tolist()
    if chance >= GLOBAL_CHANCE:
        return None
    onset_deg = GLOBAL_ONSETS_DEG[int(published * len(GLOBAL_ONSETS_DEG))] + (2.0 * shift - 1.0) * _ONSET_SPREAD_DEG
    storm = Storm(
        mars_date_us(year, onset_deg),
        round(_within(GLOBAL_PEAK_TAU, peak), 1),
        _whole_ms(_within(GLOBAL_GROWTH_SOLS, growth) * SOL_US),
        _whole_ms(_within(GLOBAL_DECAY_SOLS, decay) * SOL_US),
    )
    return DrawnStorm(GLOBAL, year, onset_deg, storm)


def _regional(year: int, season: RegionalSeason, random: np.random.Generator) -> DrawnStorm:
    onset, lasts, peak = random.random(3).tolist()
    onset_deg = _within(season.onset_deg, onset)
    shortest_deg, longest_deg = season.lasts_deg
    over_deg = onset_deg + _within((shortest_deg, min(longest_deg, season.over_deg - onset_deg)), lasts)
    onset_us, over_us = mars_date_us(year, onset_deg), mars_date_us(year, over_deg)
    growth_us = _whole_ms((over_us - onset_us) / 4)
    decay_us = _whole_ms((over_us - onset_us - growth_us) / math.log(10.0))
    storm = Storm(onset_us, round(_within(REGIONAL_PEAK_TAU, peak), 2), growth_us, decay_us)
    return DrawnStorm(season.name, year, onset_deg, storm)


def _within(limits: tuple[float, float], share: float) -> float:
    low, high = limits
    return low + (high - low) * share


def _whole_ms(span_us: float) -> int:
    return round(span_us / _MS_US) * _MS_US
