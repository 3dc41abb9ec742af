"""Sunrise and sunset against SPICE, behind a rim, and at the poles."""

from dataclasses import replace

import pytest

from twin.world.daylight import daylight
from twin.world.ephemeris import OutsideEphemeris
from twin.world.horizon_mask import HorizonMask
from twin.world.mars import Site, sun_azimuth_elevation_deg
from twin.world.mars_calendar import mars_date_us
from twin.world.timescales import SOL_US, utc_to_us

START_US = utc_to_us("2033-03-10T00:00:00Z")
JEZERO = Site("jezero", 18.4447, 77.4508)


def test_sunrise_and_sunset_agree_with_spice(accuracy):
    """Within 0.06 s, the table's rounding; 5 s are needed. The script compares ten sols at both sites."""
    (row,) = (row for row in accuracy.over_sites() if row.table == "site_sun")
    assert row.compared == 40
    assert row.error < 0.06


def test_a_crater_s_rim_delays_sunrise_and_leaves_sunset():
    rim = HorizonMask(((20.0, 0.0), (60.0, 8.0), (120.0, 8.0), (160.0, 0.0)))
    free, walled = (daylight(site, START_US, START_US + 5 * SOL_US) for site in (JEZERO, replace(JEZERO, mask=rim)))
    assert [sunset_us for _, sunset_us in free] == [sunset_us for _, sunset_us in walled]
    for (early_us, _), (late_us, _) in zip(free, walled, strict=True):
        # The Sun climbs 14.6 deg an hour times the sine of its slope: 8 deg take about 35 min at Jezero.
        assert 30 * 60e6 < late_us - early_us < 40 * 60e6
        azimuth_deg, elevation_deg = sun_azimuth_elevation_deg(JEZERO, late_us)
        assert elevation_deg == pytest.approx(rim(azimuth_deg), abs=1e-4)


def test_a_place_on_a_rim_sees_the_sun_below_the_plane():
    high = replace(JEZERO, mask=HorizonMask(((0.0, -2.0),)))
    sunrise_us, _ = daylight(high, START_US, START_US + SOL_US)[0]
    assert sun_azimuth_elevation_deg(high, sunrise_us)[1] == pytest.approx(-2.0, abs=1e-4)


def test_a_polar_summer_has_no_sunset_and_a_polar_winter_no_sunrise():
    pole = Site("pole", 85.0, 0.0)
    summer_us, winter_us = mars_date_us(42, 90.0), mars_date_us(42, 270.0)
    assert daylight(pole, summer_us, summer_us + 3 * SOL_US) == [(summer_us, summer_us + 3 * SOL_US)]
    assert daylight(pole, winter_us, winter_us + 3 * SOL_US) == []


def test_daylight_outside_2010_to_2050_is_refused():
    with pytest.raises(OutsideEphemeris, match="2051"):
        daylight(JEZERO, utc_to_us("2050-12-30"), utc_to_us("2051-01-02"))
