"""Turning points of Mars in Earth's sky: against SPICE's extremes, and against astropy's longitudes."""

import warnings

import numpy as np
import pytest
from astropy.coordinates import get_body
from astropy.time import Time
from astropy.utils import data, iers

from twin.world.apparitions import CLOSEST, CONJUNCTION, FARTHEST, OPPOSITION, turning_points
from twin.world.ephemeris import OutsideEphemeris
from twin.world.timescales import US_PER_DAY, US_PER_S, us_to_utc, utc_to_us

POINTS = turning_points(utc_to_us("2026-01-01"), utc_to_us("2046-01-01"))


def of(name):
    return np.array([at_us for at_us, what in POINTS if what == name])


@pytest.mark.parametrize(("kind", "name"), [("closest", CLOSEST), ("farthest", FARTHEST)])
def test_extremes_of_distance_are_those_of_spice(accuracy, kind, name):
    """The table is good to about a minute; 8 s are measured. It holds every second one."""
    found_us = of(name)
    rows = [row for row in accuracy.read("light_time_extremes") if row["kind"] == kind]
    assert len(rows) == 5
    for row in rows:
        assert np.abs(found_us - utc_to_us(row["utc"])).min() < 60 * US_PER_S


def test_conjunctions_are_the_minima_of_sep_of_spice(accuracy):
    """6 s, of a minimum that SPICE's header gives to 1 s."""
    found_us = of(CONJUNCTION)
    for row in accuracy.read("conjunction"):
        assert np.abs(found_us - utc_to_us(row["min_utc"])).min() < 8 * US_PER_S


def test_oppositions_are_where_astropy_sees_mars_and_sun_in_opposite_longitudes():
    """One by one within 0.014 deg, which is the builtin ephemeris's own error; without bias, which is aberration's.

    Light time without aberration would be 0.0114 deg off at every opposition: 41 arcsec, 12 minutes.
    """
    off_deg = []
    with (
        iers.conf.set_temp("auto_download", False),
        data.conf.set_temp("allow_internet", False),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # of dubious years, and of Earth's rotation, which longitudes do not need
        for at_us in of(OPPOSITION).tolist():
            instant = Time(us_to_utc(at_us)[:-1], scale="utc")
            apart_deg = _longitude_deg("mars", instant) - _longitude_deg("sun", instant)
            off_deg.append(apart_deg % 360.0 - 180.0)
    assert len(off_deg) == 9
    assert np.abs(off_deg).max() < 0.015
    assert abs(np.mean(off_deg)) < 0.004


def _longitude_deg(body, instant):
    x, y, z = get_body(body, instant).cartesian.xyz.value
    obliquity = np.radians(84_381.406 / 3600.0)
    return np.degrees(np.arctan2(np.cos(obliquity) * y + np.sin(obliquity) * z, x))


@pytest.mark.parametrize("name", [CONJUNCTION, OPPOSITION, CLOSEST, FARTHEST])
def test_each_comes_once_in_a_synodic_period(name):
    """780 d on average; up to 850 d from one greatest distance to the next, because they are flat."""
    apart_days = np.diff(of(name)) / US_PER_DAY
    assert apart_days.size >= 8
    assert apart_days.mean() == pytest.approx(779.94, abs=10.0)
    assert (apart_days > 750).all()
    assert (apart_days < 850).all()


def test_the_ends_of_a_range_are_no_turning_points():
    middle_us = int(of(OPPOSITION)[0])
    assert turning_points(middle_us + US_PER_DAY, middle_us + 300 * US_PER_DAY) == [
        point for point in POINTS if middle_us + US_PER_DAY < point[0] < middle_us + 300 * US_PER_DAY
    ]
    assert turning_points(utc_to_us("2033-03-10"), utc_to_us("2033-03-20")) == []


def test_a_range_beyond_2050_is_refused():
    with pytest.raises(OutsideEphemeris, match="2051"):
        turning_points(utc_to_us("2050-01-01"), utc_to_us("2051-06-01"))
