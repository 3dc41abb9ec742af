"""Storms by chance over 600 Mars years against the published frequencies, seasons, opacities and durations."""

import math
import re
from types import ModuleType

import numpy as np
import pytest

from twin.randomness import stream
from twin.world.dust import opacity, windows_above
from twin.world.mars_calendar import LAST_YEAR, mars_date_us, mars_year
from twin.world.storm_seasons import GLOBAL, QUIET_TAU, DrawnStorm, quiet_air, storms_between, storms_of_year
from twin.world.timescales import SOL_US, mars_solar_longitude_deg

DRAWS = range(1, 601)
YEARS = range(1, LAST_YEAR)


def generator_of(year: int, season: str) -> np.random.Generator:
    return stream(2, "storm", season, str(year))


@pytest.fixture(scope="module")
def by_year() -> dict[int, list[DrawnStorm]]:
    """By draw: the calendar does not hold 600 years, so each of its years is drawn several times."""
    return {
        draw: storms_of_year(draw % LAST_YEAR + 1, lambda _, season, draw=draw: generator_of(draw, season))
        for draw in DRAWS
    }


@pytest.fixture(scope="module")
def facts(accuracy: ModuleType) -> dict[str, dict[str, str]]:
    return {row["fact"]: row for row in accuracy.read("dust_facts")}


def limits(text: str) -> tuple[float, float]:
    """`~205-240` or `duration 3-15 deg Ls` as two numbers."""
    found = re.search(r"(\d+)-(\d+)", text)
    assert found is not None
    return float(found[1]), float(found[2])


def ls_deg(us: int) -> float:
    return float(mars_solar_longitude_deg(us))


def of_season(by_year: dict[int, list[DrawnStorm]], season: str) -> list[DrawnStorm]:
    return [drawn for storms in by_year.values() for drawn in storms if drawn.season == season]


def test_planet_encircling_storms_come_as_often_as_published(
    by_year: dict[int, list[DrawnStorm]], facts: dict[str, dict[str, str]]
) -> None:
    fact = facts["gds_probability_per_mars_year"]
    share = len(of_season(by_year, GLOBAL)) / len(DRAWS)
    low, high = limits(fact["note"])
    assert low / 100 < share < high / 100
    two_sigma = 2 * math.sqrt(share * (1 - share) / len(DRAWS))
    assert abs(share - float(fact["value"])) < two_sigma
    assert max(sum(s.season == GLOBAL for s in storms) for storms in by_year.values()) == 1


def test_a_year_without_one_has_a_storm_of_each_season(
    by_year: dict[int, list[DrawnStorm]], facts: dict[str, dict[str, str]]
) -> None:
    calm = [[s.season for s in storms] for storms in by_year.values() if all(s.season != GLOBAL for s in storms)]
    assert len(calm) > 300
    assert facts["regional_A_B_C"]["value"] == "3"
    assert all(seasons == ["A", "B", "C"] for seasons in calm)


def test_a_planet_encircling_storm_takes_the_place_of_the_regional_ones_that_it_meets(
    by_year: dict[int, list[DrawnStorm]],
) -> None:
    left = set()
    for storms in by_year.values():
        for whole in (s for s in storms if s.season == GLOBAL):
            others = [s for s in storms if s is not whole]
            assert all(not 0 <= s.onset_deg - whole.onset_deg < 100 for s in others)
            left.add("".join(s.season for s in others))
    assert left == {"", "A", "AB", "C"}


@pytest.mark.parametrize("season", ["A", "B", "C"])
def test_regional_storms_keep_to_their_season(
    season: str, by_year: dict[int, list[DrawnStorm]], facts: dict[str, dict[str, str]]
) -> None:
    begins_deg, over_deg = limits(facts[f"regional_{season}_Ls"]["value"])
    for drawn in of_season(by_year, season):
        assert begins_deg <= ls_deg(drawn.storm.onset_us) <= ls_deg(drawn.storm.over_us) <= over_deg + 1e-6
        assert mars_year(drawn.storm.onset_us) == drawn.mars_year
    onsets = [drawn.onset_deg for drawn in of_season(by_year, season)]
    if season == "A":
        low, high = limits(facts["regional_A_Ls"]["note"])
        assert low <= min(onsets) < low + 1
        assert high - 1 < max(onsets) <= high


def test_c_storms_last_as_long_as_published(
    by_year: dict[int, list[DrawnStorm]], facts: dict[str, dict[str, str]]
) -> None:
    low, high = limits(facts["regional_C_Ls"]["note"])
    lasts = [ls_deg(s.storm.over_us) - ls_deg(s.storm.onset_us) for s in of_season(by_year, "C")]
    assert low - 1e-6 < min(lasts) < low + 0.5
    assert high - 0.5 < max(lasts) < high + 1e-6


def test_a_regional_storm_is_over_when_a_tenth_is_left(by_year: dict[int, list[DrawnStorm]]) -> None:
    storm = by_year[min(YEARS)][0].storm
    ((_, down_us),) = windows_above(0.1 * storm.peak_tau, storm.onset_us, storm.over_us + 9 * SOL_US, 0.0, [storm])
    assert down_us == storm.over_us


def test_regional_opacities_are_those_that_rovers_saw(
    by_year: dict[int, list[DrawnStorm]], facts: dict[str, dict[str, str]]
) -> None:
    peaks = [s.storm.peak_tau for season in "ABC" for s in of_season(by_year, season)]
    assert min(peaks) <= float(facts["tau_jezero_regional_Ls153_156"]["value"]) <= max(peaks)
    assert min(peaks) >= 1.0  # "> 1 for weeks at Ls 210 and Ls 315"
    assert max(peaks) <= 2.0  # Lemmon 2005


def test_planet_encircling_storms_begin_near_a_published_onset_within_the_season(
    by_year: dict[int, list[DrawnStorm]], accuracy: ModuleType, facts: dict[str, dict[str, str]]
) -> None:
    published = np.array([float(row["Ls_onset_published"]) for row in accuracy.read("global_dust_storms")])
    onsets = np.array([ls_deg(s.storm.onset_us) for s in of_season(by_year, GLOBAL)])
    begins_deg, over_deg = limits(facts["dust_storm_season_Ls"]["value"])
    assert begins_deg <= onsets.min() <= onsets.max() <= over_deg
    assert np.abs(onsets[:, None] - published).min(axis=1).max() <= 5.0 + 1e-6
    # Half of the published ones came before Ls 252: two sigma of a fair coin, about 200 times.
    assert (onsets < 252).mean() == pytest.approx((published < 252).mean(), abs=0.1)


def test_planet_encircling_storms_grow_and_decay_in_published_times(
    by_year: dict[int, list[DrawnStorm]], facts: dict[str, dict[str, str]]
) -> None:
    storms = [s.storm for s in of_season(by_year, GLOBAL)]
    growth_sols = [s.growth_us / SOL_US for s in storms]
    assert 5.0 <= min(growth_sols) < 6.0  # 1977: 5-6 days
    assert facts["gds_growth"]["value"] == "5-6"
    assert 19.0 < max(growth_sols) <= 20.0  # 2018: about 20
    decay_sols = [s.decay_us / SOL_US for s in storms]
    assert 30.0 <= min(decay_sols) < 33.0  # 2001: 30 to 117 (Cantor 2007)
    assert 114.0 < max(decay_sols) <= 117.0


def test_planet_encircling_peaks_lie_between_viking_and_opportunity(
    by_year: dict[int, list[DrawnStorm]], facts: dict[str, dict[str, str]]
) -> None:
    peaks = [s.storm.peak_tau for s in of_season(by_year, GLOBAL)]
    assert 2.5 <= min(peaks) < 2.7
    assert 10.6 < max(peaks) <= 10.8
    assert "(10.8)" in facts["tau_opportunity_2018"]["value"]


@pytest.mark.parametrize(("first_deg", "last_deg"), [(210, 260), (290, 330)])
def test_the_decays_that_viking_saw_are_among_those_drawn(first_deg: int, last_deg: int, accuracy: ModuleType) -> None:
    tau = {int(row["Ls_deg"]): float(row["tau_VL1"]) for row in accuracy.read("viking_tau")}
    sols = (mars_date_us(12, last_deg) - mars_date_us(12, first_deg)) / SOL_US
    quiet_tau = tau[360]
    decay_sols = sols / math.log((tau[first_deg] - quiet_tau) / (tau[last_deg] - quiet_tau))
    assert 30.0 < decay_sols < 117.0


def test_a_longer_span_moves_no_storm() -> None:
    start_us, end_us = mars_date_us(42, 180.0), mars_date_us(43, 10.0)
    short = storms_between(start_us, end_us, generator_of)
    long = storms_between(start_us - 1_000 * SOL_US, end_us + 2_000 * SOL_US, generator_of)
    assert short
    assert [s for s in long if s.storm.onset_us < end_us and s.storm.over_us > start_us] == short


def test_a_storm_of_the_year_before_is_still_in_the_air() -> None:
    drawn = [s for year in YEARS for s in storms_of_year(year, generator_of)]
    late = next(s for s in drawn if mars_year(s.storm.over_us) > s.mars_year)
    start_us = mars_date_us(late.mars_year + 1, 0.0)
    assert late in storms_between(start_us, start_us + SOL_US, generator_of)


def test_quiet_air_is_what_viking_measured_before_the_storms(accuracy: ModuleType) -> None:
    measured = {float(row["Ls_deg"]): float(row["tau_VL1"]) for row in accuracy.read("viking_tau")}
    assert dict(QUIET_TAU) == {ls: tau for ls, tau in measured.items() if ls <= 180.0}
    start_us, end_us = mars_date_us(42, 100.0), mars_date_us(44, 10.0)
    air = quiet_air(start_us, end_us)
    for year in (43, 44):
        assert opacity(mars_date_us(year, 0.0), 0.0, [air]) == pytest.approx(measured[360.0])
    assert opacity(start_us, 0.0, [air]) == pytest.approx(measured[100.0])
    autumn_us = mars_date_us(43, 270.0)
    assert measured[0.0] < opacity(autumn_us, 0.0, [air]) < measured[180.0]


def test_seasons_of_other_causes_draw_apart() -> None:
    years = range(1, 40)
    first = [storms_of_year(year, generator_of) for year in years]
    other = [storms_of_year(year, lambda year, season: stream(3, "storm", season, str(year))) for year in years]
    assert first != other
    assert first == [storms_of_year(year, generator_of) for year in years]
