"""Rules between a habitat's weather and the rest of its scenario: a storm rises above quiet air, and comes in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.scenario.crosschecks import EARLIER
from twin.scenario.errors import Key, RuleError, listed
from twin.scenario.instants import FIRST_YEAR, format_instant, parse_instant
from twin.scenario.weather import SEASONAL, Dust, StormEffect, StormReplay
from twin.units import format_duration

if TYPE_CHECKING:
    from twin.scenario.model import HabitatScenario

# The modules of the world need NumPy, so they are imported where a scenario has use for them.


def check_weather(scenario: HabitatScenario) -> None:
    """Raise `RuleError` for the first rule that the scenario's storms break."""
    dust = scenario.weather.dust
    quiet_tau = _quiet_tau(dust)
    for index, storm in enumerate(dust.storms):
        key: Key = ("weather", "dust", "storms", index)
        if storm.onset_us >= scenario.duration_us:
            raise RuleError(f"begins after the end, {format_duration(scenario.duration_us)}", EARLIER, (*key, "onset"))
        if storm.peak_tau <= quiet_tau:
            raise RuleError(f"a storm rises above the background of {quiet_tau}", "raise the peak", (*key, "peak_tau"))
        _check_effects(storm.effects, quiet_tau, storm.peak_tau, key)
    if dust.random_storms is not None:
        _check_effects(dust.random_storms.effects, quiet_tau, None, ("weather", "dust", "random_storms"))
    for index, replay in enumerate(dust.replays):
        _check_replay(scenario, replay, quiet_tau, ("weather", "dust", "replays", index))


def _quiet_tau(dust: Dust) -> float:
    """The highest opacity with no storm."""
    if dust.background_tau != SEASONAL:
        return float(dust.background_tau)
    from twin.world.storm_seasons import QUIET_TAU

    return max(tau for _, tau in QUIET_TAU)


def _check_effects(effects: tuple[StormEffect, ...], quiet_tau: float, peak_tau: float | None, key: Key) -> None:
    for number, effect in enumerate(effects):
        place: Key = (*key, "effects", number, "above_tau")
        if peak_tau is None and effect.above_tau < quiet_tau:
            rule = f"an effect sets in at or above the background, {quiet_tau}"
            raise RuleError(rule, "raise the threshold", place)
        if peak_tau is not None and not quiet_tau <= effect.above_tau < peak_tau:
            raise RuleError(
                f"an effect sets in between the background, {quiet_tau}, and the peak, {peak_tau}",
                "choose a threshold between the two",
                place,
            )


def _check_replay(scenario: HabitatScenario, replay: StormReplay, quiet_tau: float, key: Key) -> None:
    from twin.world.storm_history import STORMS

    views = STORMS[replay.storm].views
    if replay.place not in views:
        raise RuleError(f"{replay.storm} was not measured there", listed(views, replay.place), (*key, "place"))
    peak_tau = views[replay.place].peak_tau
    if peak_tau <= quiet_tau:
        rule = f"its peak, {peak_tau}, does not rise above the background of {quiet_tau}"
        raise RuleError(rule, "lower weather.dust.background_tau", (*key, "storm"))
    _check_effects(replay.effects, quiet_tau, peak_tau, key)
    _check_date(scenario, replay, (*key, "at"))


def _check_date(scenario: HabitatScenario, replay: StormReplay, key: Key) -> None:
    from twin.world.mars_calendar import mars_year
    from twin.world.storm_history import STORMS, year_within

    storm = STORMS[replay.storm]
    run = f"the run is from {format_instant(scenario.start_us)[:10]} to {format_instant(scenario.end_us)[:10]}"
    if replay.at == "own_date":
        curve = storm.curve(replay.place, storm.mars_year)
        first_us, last_us = curve.at_us[0], curve.at_us[-1]
        if first_us < scenario.end_us and last_us > scenario.start_us:
            return
        move = "write `at: same_season`"
        known = first_us >= parse_instant(f"{FIRST_YEAR}-01-01")
        remedy = f"choose a start of {format_instant(first_us)[:10]} or soon after, or {move}" if known else move
        came = f"the storm came from {format_instant(first_us)[:10]} to {format_instant(last_us)[:10]}"
        raise RuleError(f"{came}, and {run}", remedy, key)
    if year_within(storm, replay.place, scenario.start_us, scenario.end_us) is not None:
        return
    year = mars_year(scenario.start_us)
    curve = storm.curve(replay.place, year)
    if curve.at_us[-1] <= scenario.start_us:
        year += 1
        curve = storm.curve(replay.place, year)
    first, last = format_instant(curve.at_us[0])[:10], format_instant(curve.at_us[-1])[:10]
    raise RuleError(
        f"in Mars year {year} its season is from {first} to {last}, and {run}",
        f"choose a start of {first} or soon after",
        key,
    )
