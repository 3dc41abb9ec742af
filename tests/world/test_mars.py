"""Earth and Sun over sites on Mars, and the planet's pole, against SPICE (reference tables)."""

import numpy as np
import pytest

from twin.world.ephemeris import OutsideEphemeris
from twin.world.mars import (
    Site,
    earth_azimuth_elevation_deg,
    horizon,
    icrf_to_mars,
    site_position_km,
    sun_azimuth_elevation_deg,
)
from twin.world.timescales import US_PER_DAY, utc_to_us

JEZERO = Site("jezero", 18.4447, 77.4508)
AT_US = utc_to_us("2033-03-10T00:00:00Z")


def test_earth_and_sun_over_the_sites_agree_with_spice(accuracy):
    rows = {(row.quantity, row.table): row for row in accuracy.over_sites()}
    assert len(rows) == 4
    for row in rows.values():
        assert row.compared >= 40
        # The tables give angles to 0.0001 deg and times to 0.1 s.
        assert row.error < {"deg": 1e-4, "s": 0.06}[row.unit], row


def test_pole_agrees_with_the_one_that_spice_gives():
    """Source: header of the reference table of relay states, pole of 2033-03-10T00:00:00 UTC."""
    assert icrf_to_mars(AT_US)[2] == pytest.approx([0.44611232, -0.406714717, 0.797224521], abs=2e-9)


def test_rotation_keeps_lengths_and_handedness():
    turns = icrf_to_mars(AT_US + np.arange(10) * US_PER_DAY)
    assert np.abs(turns @ np.swapaxes(turns, -1, -2) - np.eye(3)).max() < 1e-14
    assert np.linalg.det(turns) == pytest.approx(np.ones(10))


def test_vertical_is_the_normal_of_the_ellipsoid():
    """A site at areocentric 39 deg has areographic latitude atan(tan 39 * (a/b)^2) = 39.3312 deg."""
    site = Site("arcadia", 39.0, 192.0)
    assert np.degrees(np.arcsin(horizon(site).up[2])) == pytest.approx(39.3312, abs=1e-4)
    x, y, z = site_position_km(site)
    assert (x**2 + y**2) / 3396.19**2 + z**2 / 3376.20**2 == pytest.approx(1.0, abs=1e-14)
    assert np.degrees(np.arctan2(z, np.hypot(x, y))) == pytest.approx(39.0, abs=1e-12)
    assert np.degrees(np.arctan2(y, x)) % 360.0 == pytest.approx(192.0, abs=1e-12)


@pytest.mark.parametrize("seen", [earth_azimuth_elevation_deg, sun_azimuth_elevation_deg])
def test_arrays_give_the_same_as_single_instants(seen):
    us = AT_US + np.arange(30, dtype=np.int64) * 3_333_333_333
    azimuths_deg, elevations_deg = seen(JEZERO, us)
    one_by_one = [seen(JEZERO, int(one)) for one in us]
    assert [one[0] for one in one_by_one] == pytest.approx(azimuths_deg.tolist(), abs=1e-9)
    assert [one[1] for one in one_by_one] == pytest.approx(elevations_deg.tolist(), abs=1e-9)
    assert all(type(value) is float for value in one_by_one[0])


def test_a_longitude_west_is_the_same_place_as_its_turn_east():
    west = Site("west", 18.4447, 77.4508 - 360.0 + 180.0)
    east = Site("east", 18.4447, 77.4508 + 180.0)
    assert earth_azimuth_elevation_deg(west, AT_US) == pytest.approx(earth_azimuth_elevation_deg(east, AT_US))


@pytest.mark.parametrize(
    ("latitude_deg", "longitude_deg", "said"),
    [
        (91.0, 0.0, "site nowhere: latitude 91.0 deg is beyond a pole"),
        (float("nan"), 0.0, "site nowhere: latitude nan deg"),
        (0.0, 361.0, "site nowhere: longitude 361.0 deg is off the circle"),
        (0.0, float("inf"), "site nowhere: longitude inf deg"),
    ],
)
def test_a_site_off_the_planet_is_refused(latitude_deg, longitude_deg, said):
    with pytest.raises(ValueError, match=said):
        Site("nowhere", latitude_deg, longitude_deg)


def test_instant_outside_2010_to_2050_is_refused():
    with pytest.raises(OutsideEphemeris, match="2051-06-01"):
        earth_azimuth_elevation_deg(JEZERO, utc_to_us("2051-06-01"))
