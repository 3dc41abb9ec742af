"""Masks at both ends of the direct radio, and the plans of the first scenarios, which nothing may move unseen."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from twin.experiments.sky_plan import plan_of, site_of
from twin.network import planner
from twin.network.visibility import down_windows, station_windows, subtract, up_windows
from twin.scenario import load_scenario
from twin.world.ephemeris import owlt_up_us
from twin.world.horizon_mask import HorizonMask
from twin.world.mars import Site, earth_azimuth_elevation_deg
from twin.world.stations import DSN_STATIONS, mars_azimuth_elevation_deg
from twin.world.timescales import US_PER_DAY, utc_to_us

SCENARIOS = Path(__file__).parents[2] / "scenarios"
START_US = utc_to_us("2033-03-10T00:00:00Z")
SPAN = START_US, START_US + 3 * US_PER_DAY
JEZERO = Site("jezero", 18.4447, 77.4508)
EASTERN_RIM = HorizonMask(((20.0, 5.0), (60.0, 35.0), (120.0, 35.0), (160.0, 5.0)))
CANBERRA = DSN_STATIONS["DSS-43"]


@pytest.mark.parametrize(
    ("name", "contacts", "digest"),
    [
        ("first-light", 58, "0ce87c23a9a1ae9e14adc47feffdc17494397bb6a8883f3088805e1e0f23ea04"),
        ("first-sol", 116, "34c07341c8d42e5d1d9a1dc5d83c24d6bd2aa77a977f0c6816ee605b7aa8ed2d"),
    ],
)
def test_the_plans_of_the_first_scenarios_stay_what_they_are(name, contacts, digest):
    plan = plan_of(load_scenario(SCENARIOS / f"{name}.yaml")).contacts
    assert len(plan) == contacts
    assert hashlib.sha256(repr(plan).encode()).hexdigest() == digest


@pytest.mark.parametrize(("windows_of", "later_us"), [(down_windows, lambda _: 0), (up_windows, owlt_up_us)])
def test_a_rim_at_the_site_takes_only_what_stands_behind_it(windows_of, later_us):
    walled = replace(JEZERO, mask=EASTERN_RIM)
    free, masked = (windows_of(site, DSN_STATIONS["DSS-63"], SPAN, 10.0, 10.0) for site in (JEZERO, walled))
    assert subtract(masked, free) == []
    lost = subtract(free, masked)
    assert lost
    for start_us, end_us in lost:
        middle_us = (start_us + end_us) // 2
        azimuth_deg, elevation_deg = earth_azimuth_elevation_deg(walled, middle_us + later_us(middle_us))
        assert 10.0 < elevation_deg < EASTERN_RIM(azimuth_deg)


@pytest.mark.parametrize("windows_of", [down_windows, up_windows])
def test_a_land_mask_at_the_station_takes_only_what_stands_behind_it(windows_of):
    walled = replace(CANBERRA, mask=EASTERN_RIM)
    free, masked = (windows_of(JEZERO, station, SPAN, 10.0, 10.0) for station in (CANBERRA, walled))
    assert subtract(masked, free) == []
    assert subtract(free, masked)


def test_a_station_s_windows_end_at_its_mask():
    walled = replace(CANBERRA, mask=EASTERN_RIM)
    for rise_us, _ in station_windows(walled, SPAN, 10.0)[1:]:
        azimuth_deg, elevation_deg = mars_azimuth_elevation_deg(walled, rise_us)
        assert elevation_deg == pytest.approx(EASTERN_RIM(azimuth_deg), abs=1e-4)


def test_a_mask_written_in_a_scenario_stands_around_its_site():
    scenario = load_scenario(SCENARIOS / "first-light.yaml", ["habitat.horizon_mask=[[20, 5], [60, 35], [160, 5 deg]]"])
    assert site_of(scenario).mask == HorizonMask(((20.0, 5.0), (60.0, 35.0), (160.0, 5.0)))
    free = plan_of(load_scenario(SCENARIOS / "first-light.yaml")).contacts
    assert sum(c.end_us - c.start_us for c in plan_of(scenario).contacts) < sum(c.end_us - c.start_us for c in free)


HOUR_US = 3_600_000_000


@pytest.mark.parametrize(
    ("candidates", "served"),
    [
        # Light tells Goldstone 20 ms before Canberra: the one that will see Mars longest takes over all the same.
        (
            [((0, HOUR_US), "DSS-14"), ((20_000, 2 * HOUR_US), "DSS-43")],
            {"DSS-43": [(20_000, 2 * HOUR_US)]},
        ),
        (
            [((0, HOUR_US), "DSS-14"), ((200_000, 2 * HOUR_US), "DSS-43")],
            {"DSS-14": [(0, HOUR_US)], "DSS-43": [(HOUR_US, 2 * HOUR_US)]},
        ),
        # And as the site sets, nobody takes over for 20 ms.
        ([((0, HOUR_US), "DSS-14"), ((200_000, HOUR_US + 20_000), "DSS-43")], {"DSS-14": [(0, HOUR_US)]}),
    ],
)
def test_moments_between_stations_make_no_handover(candidates, served):
    assert planner._hand_over(candidates) == served
