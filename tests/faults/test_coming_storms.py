"""What a scenario's weather becomes: dust in the air, stowed antennas, and a sentence for the report."""

import numpy as np
import pytest

from twin.faults.weather import air_of, coming_storms, stow_windows, told_storms
from twin.scenario import HabitatScenario, parse_scenario
from twin.world.dust import opacity, windows_above
from twin.world.storm_history import STORMS
from twin.world.storm_seasons import QUIET_TAU
from twin.world.timescales import SOL_US, utc_to_us

HABITAT = """\
name: small
start: 2033-03-10T00:00:00Z
duration: 1 sol
habitat: {site: jezero}
"""
STOW = "effects: [{kind: antenna_stow, above_tau: %s}]"
YEAR = HABITAT.replace("duration: 1 sol", "duration: 660 sol")


def scenario_of(dust: str, text: str = HABITAT, seed: int = 0) -> HabitatScenario:
    scenario = parse_scenario(f"{text}seed: {seed}\nweather: {{dust: {{{dust}}}}}\n")
    assert isinstance(scenario, HabitatScenario)
    return scenario


def test_without_storms_the_air_is_the_background() -> None:
    scenario = scenario_of("background_tau: 0.6")
    assert air_of(scenario, scenario.start_us, scenario.end_us) == (0.6, ())
    assert stow_windows(scenario, scenario.start_us, scenario.end_us) == []


def test_seasonal_air_follows_ls_and_never_leaves_the_table() -> None:
    scenario = scenario_of("background_tau: seasonal", YEAR)
    at_us = np.arange(scenario.start_us, scenario.end_us, 10 * SOL_US, dtype=np.int64)
    taus = opacity(at_us, *air_of(scenario, scenario.start_us, scenario.end_us))
    known = [tau for _, tau in QUIET_TAU]
    assert min(known) <= taus.min() < 0.37
    assert 0.74 < taus.max() <= max(known)


@pytest.mark.parametrize(
    ("start", "at", "told"),
    [
        ("2018-06-05", "own_date", "was replayed at its own date, 2018-05-31 to 2018-11-17, with opacity up to 10.8."),
        (
            "2033-06-25",
            "same_season",
            "was replayed in Mars year 42 at the same Ls, 2033-06-16 to 2033-12-04, with opacity up to 10.8.",
        ),
    ],
)
def test_a_replayed_storm_says_which_one_and_at_which_date(start: str, at: str, told: str) -> None:
    scenario = scenario_of(
        f"replays: [{{storm: my34, place: opportunity, at: {at}}}]", HABITAT.replace("2033-03-10", start)
    )
    (storm,) = told_storms(coming_storms(scenario, scenario.start_us, scenario.end_us))
    assert storm["origin"] == "replayed"
    assert storm["peak_tau"] == 10.8
    assert storm["told"] == (
        f"The planet-encircling storm of 2018 (Mars year 34) {told} Its source: Opportunity at Meridiani, its highest "
        "estimate and not a mean of the planet."
    )


def test_opportunity_s_storm_stows_the_antenna_on_the_days_on_which_it_was_thickest() -> None:
    text = HABITAT.replace("2033-03-10", "2018-06-01").replace("1 sol", "20 sol")
    scenario = scenario_of(f"replays: [{{storm: my34, place: opportunity, {STOW % 9.5}}}]", text)
    ((start_us, end_us),) = stow_windows(scenario, scenario.start_us, scenario.end_us)
    assert utc_to_us("2018-06-08") < start_us < utc_to_us("2018-06-09")
    assert utc_to_us("2018-06-14") < end_us < utc_to_us("2018-06-15")
    curve = STORMS["my34"].curve("opportunity", 34)
    assert opacity(np.array([start_us, end_us]), 0.5, [curve]) == pytest.approx(9.5, abs=1e-6)
    calm = scenario_of(f"replays: [{{storm: my34, place: planet, {STOW % 4.0}}}]", text)
    assert stow_windows(calm, calm.start_us, calm.start_us + 10 * SOL_US) == []


def test_random_storms_of_a_year_stow_the_antenna_and_are_told_one_by_one() -> None:
    scenario = scenario_of(f"random_storms: {{{STOW % 1.0}}}", YEAR)
    storms = coming_storms(scenario, scenario.start_us, scenario.end_us)
    air = air_of(scenario, scenario.start_us, scenario.end_us)
    assert [storm.cloud for storm in storms] == list(air.clouds)
    stows = stow_windows(scenario, scenario.start_us, scenario.end_us)
    assert stows == windows_above(1.0, scenario.start_us, scenario.end_us, *air)
    assert stows
    for number, storm in enumerate(storms):
        assert storm.told.startswith("By chance a ")
        assert f"opacity up to {storm.cloud.peak_tau}." in storm.told
        assert all(storm.start_us <= later.start_us for later in storms[number:])


def test_random_storms_depend_on_the_seed_alone() -> None:
    short = scenario_of("random_storms: {}", YEAR.replace("660 sol", "300 sol"))
    long = scenario_of("random_storms: {}, background_tau: seasonal, storms: []", YEAR)
    other = scenario_of("random_storms: {}", YEAR, seed=1)

    def until(scenario: HabitatScenario) -> list[str]:
        return [s.told for s in coming_storms(scenario, scenario.start_us, short.end_us)]

    assert until(short)
    assert until(long) == until(short)
    assert until(other) != until(short)


def test_the_lowest_threshold_stows_whatever_storm_brings_the_dust() -> None:
    storm = "{onset: %s h, peak_tau: 5, growth: 1 h, decay: 2 h, " + STOW + "}"
    both = scenario_of(f"storms: [{storm % (2, 3)}, {storm % (14, 4)}]")
    one = scenario_of(f"storms: [{storm % (2, 3)}, {storm.replace(STOW, '') % 14}]".replace(", }", "}"))
    assert len(stow_windows(both, both.start_us, both.end_us)) == 2
    assert stow_windows(both, both.start_us, both.end_us) == stow_windows(one, one.start_us, one.end_us)
