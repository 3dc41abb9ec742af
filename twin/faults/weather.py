"""From a scenario's weather to dust in the air: which storms come, by script, by chance and from the past.

Storms by chance draw from `stream(seed, "storm", season, Mars year)`, so that a longer run moves none of them. All who
need the air ask here and get the same one.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from twin.randomness import stream
from twin.scenario.model import HabitatScenario
from twin.scenario.weather import SEASONAL, StormReplay
from twin.world import dust, storm_history, storm_seasons
from twin.world.timescales import us_to_utc

SCRIPTED: Final = "scripted"
RANDOM: Final = "random"
REPLAYED: Final = "replayed"


class ComingStorm(NamedTuple):
    """One storm of a run: how it came about, its name, from when to when, its dust, and a sentence about it."""

    origin: str
    name: str
    start_us: int
    end_us: int
    cloud: dust.Cloud
    told: str


def coming_storms(scenario: HabitatScenario, start_us: int, end_us: int) -> list[ComingStorm]:
    """The storms whose dust is in the air during a span of house time [us], by onset; scripted ones all."""
    settings = scenario.weather.dust
    found = [_scripted(scenario, number) for number in range(1, len(settings.storms) + 1)]
    if settings.random_storms is not None:

        def generator_of(year: int, season: str) -> np.random.Generator:
            return stream(scenario.seed, "storm", season, str(year))

        found += [_by_chance(drawn) for drawn in storm_seasons.storms_between(start_us, end_us, generator_of)]
    found += [_replayed(scenario, replay) for replay in settings.replays]
    return sorted(found, key=lambda storm: storm.start_us)


def air_of(scenario: HabitatScenario, start_us: int, end_us: int) -> dust.Air:
    """All dust over the site during a span of house time [us]."""
    clouds = tuple(storm.cloud for storm in coming_storms(scenario, start_us, end_us))
    background_tau = scenario.weather.dust.background_tau
    if background_tau != SEASONAL:
        return dust.Air(float(background_tau), clouds)
    least_tau = min(tau for _, tau in storm_seasons.QUIET_TAU)
    return dust.Air(least_tau, (storm_seasons.quiet_air(start_us, end_us), *clouds))


def stow_windows(scenario: HabitatScenario, start_us: int, end_us: int) -> list[tuple[int, int]]:
    """When dust stows the habitat's antenna: above the lowest threshold that any storm's effects name."""
    thresholds = [e.above_tau for e in scenario.weather.dust.effects if e.kind == "antenna_stow"]
    if not thresholds:
        return []
    return dust.windows_above(min(thresholds), start_us, end_us, *air_of(scenario, start_us, end_us))


def told_storms(storms: list[ComingStorm]) -> list[dict[str, Any]]:
    """The storms as a result tells of them."""
    return [
        {
            "origin": storm.origin,
            "name": storm.name,
            "start_utc": us_to_utc(storm.start_us),
            "end_utc": us_to_utc(storm.end_us),
            "peak_tau": storm.cloud.peak_tau,
            "told": storm.told,
        }
        for storm in storms
    ]


def _scripted(scenario: HabitatScenario, number: int) -> ComingStorm:
    written = scenario.weather.dust.storms[number - 1]
    onset_us = scenario.start_us + written.onset_us
    cloud = dust.Storm(onset_us, written.peak_tau, written.growth_us, written.decay_us)
    told = f"By script a storm came from {_day(onset_us)} to {_day(cloud.over_us)}: opacity up to {written.peak_tau}."
    return ComingStorm(SCRIPTED, f"storm {number}", onset_us, cloud.over_us, cloud, told)


def _by_chance(drawn: storm_seasons.DrawnStorm) -> ComingStorm:
    cloud = drawn.storm
    if drawn.season == storm_seasons.GLOBAL:
        what, name = "planet-encircling storm", f"planet-encircling, year {drawn.mars_year}"
    else:
        what, name = f"regional storm of season {drawn.season}", f"regional {drawn.season}, year {drawn.mars_year}"
    told = (
        f"By chance a {what} came in Mars year {drawn.mars_year}, from {_day(cloud.onset_us)} "
        f"(Ls {drawn.onset_deg:.0f}) to {_day(cloud.over_us)}: opacity up to {cloud.peak_tau}."
    )
    return ComingStorm(RANDOM, name, cloud.onset_us, cloud.over_us, cloud, told)


def _replayed(scenario: HabitatScenario, replay: StormReplay) -> ComingStorm:
    past = storm_history.STORMS[replay.storm]
    view = past.views[replay.place]
    year: int | None = past.mars_year
    if replay.at == "same_season":
        year = storm_history.year_within(past, replay.place, scenario.start_us, scenario.end_us)
    assert year is not None  # else the scenario is refused
    cloud = past.curve(replay.place, year)
    start_us, end_us = cloud.at_us[0], cloud.at_us[-1]
    days = f"{_day(start_us)} to {_day(end_us)}"
    when = f"at its own date, {days}" if replay.at == "own_date" else f"in Mars year {year} at the same Ls, {days}"
    told = (
        f"The planet-encircling storm of {past.title} (Mars year {past.mars_year}) was replayed {when}, "
        f"with opacity up to {cloud.peak_tau}. Its source: {view.known}."
    )
    return ComingStorm(REPLAYED, f"{past.title} replayed, {replay.place}", start_us, end_us, cloud, told)


def _day(us: int) -> str:
    return us_to_utc(us)[:10]
