"""Storms of the past against the tables that they were taken from."""

from types import ModuleType

import pytest

from twin.world.dust import opacity
from twin.world.mars_calendar import mars_date_us, mars_year
from twin.world.storm_history import STORMS, year_within
from twin.world.timescales import SOL_US, US_PER_DAY, mars_solar_longitude_deg, us_to_utc, utc_to_us

VIEWS = [(name, place) for name, storm in STORMS.items() for place in storm.views]


@pytest.mark.parametrize(("name", "lander_from", "lander_to"), [("my12a", 200, 260), ("my12b", 260, 360)])
def test_the_storms_of_1977_are_viking_s_own_record(
    name: str, lander_from: int, lander_to: int, accuracy: ModuleType
) -> None:
    measured = {float(row["Ls_deg"]): float(row["tau_VL1"]) for row in accuracy.read("viking_tau")}
    expected = {ls: tau for ls, tau in measured.items() if lander_from <= ls <= lander_to}
    assert dict(STORMS[name].views["viking"].points) == expected


@pytest.mark.parametrize(
    ("name", "utc"),
    [
        ("my12a", "1977-02-15"),
        ("my12b", "1977-05-27"),
        ("my25", "2001-06-26"),
        ("my28", "2007-06-22"),
        ("my34", "2018-05-31"),
    ],
)
def test_each_storm_begins_on_its_published_day(name: str, utc: str, accuracy: ModuleType) -> None:
    storm = STORMS[name]
    row = next(row for row in accuracy.read("global_dust_storms") if row["approx_start_date"] == utc)
    assert storm.mars_year == int(row["mars_year"])
    for place in storm.views:
        begins_us = storm.curve(place, storm.mars_year).at_us[0]
        # Viking's record is by 10 deg of Ls, about 16 sols; the others are dated to a day or two.
        days = 16 if place == "viking" else 2
        assert abs(begins_us - utc_to_us(utc)) < days * US_PER_DAY, (place, us_to_utc(begins_us))


def test_opportunity_s_highest_estimate_is_local_and_the_planet_s_mean_stays_below(accuracy: ModuleType) -> None:
    facts = {row["fact"]: row["value"] for row in accuracy.read("dust_facts")}
    views = STORMS["my34"].views
    assert f"({views['opportunity'].peak_tau})" in facts["tau_opportunity_2018"]
    assert "not a mean of the planet" in views["opportunity"].known
    assert views["curiosity"].peak_tau > float(facts["tau_gale_2018"].removeprefix(">"))
    assert views["planet"].peak_tau < views["curiosity"].peak_tau < views["opportunity"].peak_tau


def test_opportunity_s_peak_is_on_its_last_day_and_the_planet_s_peak_lasts_three_weeks() -> None:
    storm = STORMS["my34"]
    curve = storm.curve("opportunity", 34)
    peak_us = curve.at_us[curve.tau.index(10.8)]
    assert abs(peak_us - utc_to_us("2018-06-10T12:00:00Z")) < US_PER_DAY
    planet = storm.curve("planet", 34)
    first_us, last_us = (at for at, tau in zip(planet.at_us, planet.tau, strict=True) if tau == planet.peak_tau)
    assert (last_us - first_us) / US_PER_DAY == pytest.approx(21, abs=2)
    # From 30 May to about 20 June.
    assert (first_us - planet.at_us[0]) / US_PER_DAY == pytest.approx(20, abs=3)


def test_the_storm_of_2001_is_over_when_the_air_was_quiet_again() -> None:
    # Cantor 2007: nominal low levels at Ls 304.
    points = STORMS["my25"].views["planet"].points
    assert points[-1] == (304.0, points[0][1])


@pytest.mark.parametrize(("name", "place"), VIEWS)
def test_a_storm_moved_by_ls_has_the_same_opacity_at_the_same_ls(name: str, place: str) -> None:
    storm = STORMS[name]
    moved = storm.curve(place, 42)
    assert mars_year(moved.at_us[0] + SOL_US) == 42
    for ls_deg, tau in storm.views[place].points:
        at_us = mars_date_us(42, ls_deg)
        assert opacity(at_us, 0.0, [moved]) == pytest.approx(tau)
        off_deg = (mars_solar_longitude_deg(at_us) - ls_deg + 180.0) % 360.0 - 180.0
        assert abs(off_deg) < 1e-7


@pytest.mark.parametrize(("name", "place"), VIEWS)
def test_every_storm_rises_and_sinks_into_quiet_air(name: str, place: str) -> None:
    points = STORMS[name].views[place].points
    taus = [tau for _, tau in points]
    top = taus.index(max(taus))
    assert 0 < top < len(taus) - 1
    assert max(taus[0], taus[-1]) < 0.5 * taus[top]
    assert all(later[1] <= sooner[1] for sooner, later in zip(points[top:], points[top + 1 :], strict=False))


def test_a_storm_is_moved_into_the_first_year_in_which_it_meets_the_run() -> None:
    storm = STORMS["my34"]
    spring_us = mars_date_us(42, 20.0)
    assert year_within(storm, "opportunity", spring_us, spring_us + 10 * SOL_US) is None
    assert year_within(storm, "opportunity", spring_us, mars_date_us(42, 190.0)) == 42
    assert year_within(storm, "opportunity", mars_date_us(42, 350.0), mars_date_us(44, 350.0)) == 43
