"""The description of one instant: its keys, its types, and its agreement with the functions it is made of."""

import json
import math

import pytest

from twin.world.ephemeris import OutsideEphemeris
from twin.world.mars import Site
from twin.world.sky import describe_sky
from twin.world.timescales import utc_to_us

AT_US = utc_to_us("2033-03-10T08:26:52.400Z")
KEYS = [
    "utc", "owlt_down_s", "owlt_up_s", "distance_km", "sep_deg", "sep_lt_deg", "ls_deg", "mtc_h", "lmst_h",
    "earth_elevation_deg",
]  # fmt: skip


def test_keys_are_the_promised_ones_in_order():
    assert list(describe_sky(AT_US)) == KEYS
    assert list(describe_sky(AT_US, Site("jezero", 18.4447, 77.4508))) == KEYS


def test_earth_rises_over_jezero_when_spice_says_so():
    """Reference table of site visibility: Earth passes 10 deg at 08:26:52.4 on 2033-03-10."""
    sky = describe_sky(AT_US, Site("jezero", 18.4447, 77.4508))
    assert sky["utc"] == "2033-03-10T08:26:52.400Z"
    assert sky["earth_elevation_deg"] == pytest.approx(10.0, abs=0.001)


def test_light_times_are_those_of_spice():
    sky = describe_sky(utc_to_us("2026-01-09T11:36:22.902Z"))
    assert sky["owlt_down_s"] == pytest.approx(1199.317229, abs=2e-6)
    assert sky["owlt_up_s"] == pytest.approx(1199.303899, abs=2e-6)
    assert sky["distance_km"] == pytest.approx(359_544_262.565, abs=0.01)
    assert sky["sep_deg"] == pytest.approx(0.94132, abs=1e-5)


def test_without_a_site_only_the_site_columns_are_missing():
    with_site, without = describe_sky(AT_US, Site("jezero", 18.4447, 77.4508)), describe_sky(AT_US)
    assert [key for key, value in without.items() if value is None] == ["lmst_h", "earth_elevation_deg"]
    assert {key: without[key] for key in KEYS[:8]} == {key: with_site[key] for key in KEYS[:8]}


def test_values_are_plain_finite_numbers():
    sky = describe_sky(AT_US, Site("jezero", 18.4447, 77.4508))
    assert all(type(value) is float and math.isfinite(value) for key, value in sky.items() if key != "utc")
    assert json.loads(json.dumps(sky, allow_nan=False)) == sky


def test_instant_outside_2010_to_2050_is_refused():
    with pytest.raises(OutsideEphemeris, match=r"2051-01-01T00:00:00\.000Z is outside the ephemeris"):
        describe_sky(utc_to_us("2051-01-01"))
