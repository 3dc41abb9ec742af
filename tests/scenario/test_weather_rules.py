"""Rules between storms and the rest of a scenario, and the lines that a broken one is told with."""

import re
from typing import get_args

import pytest
from examples import HABITAT, refusal_of

from twin.scenario import HabitatScenario, parse_scenario
from twin.scenario.assumptions import assumptions
from twin.scenario.weather import StormReplay
from twin.world.storm_history import STORMS

IN_SEASON = HABITAT.replace("2033-03-10", "2033-06-25")
IN_2018 = HABITAT.replace("2033-03-10", "2018-06-05")
STOW = "effects: [{kind: antenna_stow, above_tau: %s}]"


def dust(text: str) -> str:
    return f"weather: {{dust: {{{text}}}}}\n"


def replay(text: str) -> str:
    return dust(f"replays: [{{{text}}}]")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            IN_SEASON + replay("storm: my34, place: planet"),
            "weather.dust.replays[0].at: the storm came from 2018-05-31 to 2018-12-14, and the run is from "
            "2033-06-25 to 2033-06-26 (s.yaml:5, weather.dust.replays[0].at); choose a start of 2018-05-31 or soon "
            "after, or write `at: same_season`",
        ),
        (
            IN_2018 + replay("storm: my28, place: opportunity"),
            "weather.dust.replays[0].at: the storm came from 2007-06-21 to 2007-11-29, and the run is from "
            "2018-06-05 to 2018-06-06 (s.yaml:5, weather.dust.replays[0].at); write `at: same_season`",
        ),
        (
            HABITAT + replay("storm: my34, place: planet, at: same_season"),
            "weather.dust.replays[0].at = same_season: in Mars year 42 its season is from 2033-06-16 to 2033-12-30, "
            "and the run is from 2033-03-10 to 2033-03-11 (s.yaml:5, weather.dust.replays[0].at); choose a start of "
            "2033-06-16 or soon after",
        ),
        (
            HABITAT.replace("2033-03", "2034-03") + replay("storm: my34, place: planet, at: same_season"),
            "weather.dust.replays[0].at = same_season: in Mars year 43 its season is from 2035-05-04 to 2035-11-17",
        ),
        (
            IN_2018 + replay("storm: my25, place: opportunity"),
            "weather.dust.replays[0].place = opportunity: my25 was not measured there (s.yaml:5, "
            "weather.dust.replays[0].place); use one of planet",
        ),
        (
            IN_2018 + replay("storm: my35, place: planet"),
            "weather.dust.replays[0].storm = my35: ",
        ),
        (
            IN_2018 + replay("storm: my34"),
            "weather.dust.replays[0].place: required and missing ",
        ),
        (
            IN_2018 + replay("storm: my34, place: planet, " + STOW % 4.5),
            "weather.dust.replays[0].effects[0].above_tau = 4.5: an effect sets in between the background, 0.5, and "
            "the peak, 4.5 ",
        ),
        (
            IN_2018 + dust("background_tau: 6, replays: [{storm: my34, place: planet}]"),
            "weather.dust.replays[0].storm = my34: its peak, 4.5, does not rise above the background of 6.0 (s.yaml:5, "
            "weather.dust.replays[0].storm); lower weather.dust.background_tau",
        ),
        (
            HABITAT + dust("random_storms: {" + STOW % 0.3 + "}"),
            "weather.dust.random_storms.effects[0].above_tau = 0.3: an effect sets in at or above the background, 0.5 ",
        ),
        (
            HABITAT + dust("background_tau: seasonal, random_storms: {" + STOW % 0.7 + "}"),
            "weather.dust.random_storms.effects[0].above_tau = 0.7: an effect sets in at or above the background, "
            "0.75 ",
        ),
        (
            HABITAT + dust("background_tau: clear"),
            "weather.dust.background_tau = clear: must be a number, or `seasonal` (s.yaml:5, "
            "weather.dust.background_tau); write for example 0.5",
        ),
        (
            HABITAT + dust("background_tau: .nan"),
            "weather.dust.background_tau = nan: an optical depth lies from 0 to 50 ",
        ),
        (HABITAT + dust("background_tau: -1"), "weather.dust.background_tau = -1: an optical depth lies from 0 to 50 "),
        (
            HABITAT + dust("background_tau: true"),
            "weather.dust.background_tau = true: must be a number, or `seasonal` ",
        ),
    ],
)
def test_impossible_weather_is_refused(text: str, line: str) -> None:
    assert refusal_of(text).startswith(line)


def test_every_storm_and_place_of_the_past_can_be_named() -> None:
    fields = StormReplay.model_fields
    assert set(get_args(fields["storm"].annotation)) == set(STORMS)
    places = {place for storm in STORMS.values() for place in storm.views}
    assert set(get_args(fields["place"].annotation)) == places


def test_the_words_for_a_storm_explain_each_that_is_accepted_with_its_year() -> None:
    told = re.findall(r"my\d+[ab]?|\d{4}", StormReplay.model_fields["storm"].description or "")
    by_year = {year: [key for key in STORMS if STORMS[key].title[:4] == year] for year in told if year.isdigit()}
    assert told == [word for year, keys in by_year.items() for word in (*keys, year)]
    assert set(STORMS) <= set(told)


def test_all_effects_of_all_storms_count() -> None:
    text = (
        f"storms: [{{onset: 1 h, peak_tau: 4, growth: 1 h, decay: 1 h, {STOW % 3}}}], random_storms: {{{STOW % 2}}}, "
        f"replays: [{{storm: my34, place: curiosity, {STOW % 7}}}]"
    )
    scenario = parse_scenario(IN_2018 + dust(text))
    assert isinstance(scenario, HabitatScenario)
    assert [effect.above_tau for effect in scenario.weather.dust.effects] == [3, 2, 7]


def test_what_a_scenario_rests_on_names_the_storm_the_place_and_the_date() -> None:
    scenario = parse_scenario(IN_2018 + dust("background_tau: seasonal, replays: [{storm: my34, place: planet}]"))
    stated = {a.key: a.value_text for a in assumptions(scenario)}
    assert stated["weather.dust.background_tau"] == "seasonal"
    assert stated["weather.dust.replays[0].storm"] == "my34"
    assert stated["weather.dust.replays[0].at"] == "own_date"
    assert stated["weather.dust.random_storms"] == "none"
