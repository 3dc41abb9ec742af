"""The catalogue's orbiters: possible orbits that do what their sources say."""

import math

import numpy as np
import pytest

from twin.scenario.catalogue import SITES
from twin.scenario.orbiters import ORBITERS, AreostationaryEntry, OrbiterEntry
from twin.world.elements import RADIUS_KM, Elements
from twin.world.mars import Site
from twin.world.orbits import AreostationaryOrbit
from twin.world.relay_geometry import look_at
from twin.world.timescales import utc_to_us


def elements(name):
    entry = ORBITERS[name]
    assert isinstance(entry, OrbiterEntry)
    return Elements(utc_to_us(entry.epoch), *entry.elements)


@pytest.mark.parametrize(
    ("name", "lowest_km", "highest_km"),
    [
        ("mro-like", 300.0, 300.0),
        ("tgo-like", 400.0, 400.0),
        ("maven-like", 180.0, 4500.0),
        ("odyssey-like", 400.0, 400.0),
    ],
)
def test_orbiters_fly_at_the_heights_of_their_sources(name, lowest_km, highest_km):
    orbit = elements(name)
    assert orbit.periapsis_km - RADIUS_KM == pytest.approx(lowest_km, abs=0.01)
    assert orbit.apoapsis_km - RADIUS_KM == pytest.approx(highest_km, abs=0.01)


def test_every_orbiter_has_its_source():
    assert list(ORBITERS) == ["mro-like", "tgo-like", "maven-like", "odyssey-like", "areostationary"]
    assert all(entry.source for entry in ORBITERS.values())


def test_odyssey_like_turns_with_the_sun():
    """One turn of the node in a tropical year of Mars, 686.973 days: a minute of local time in a year is 0.25 deg."""
    year_deg = math.degrees(elements("odyssey-like").secular_rates().node) * 86_400.0 * 686.973
    assert year_deg == pytest.approx(360.0, abs=0.25)


def test_areostationary_sees_both_sites_of_a_crew():
    entry = ORBITERS["areostationary"]
    assert isinstance(entry, AreostationaryEntry)
    at_us = np.array([utc_to_us("2033-03-10")])
    for name, least_deg in (("jezero", 26.0), ("arcadia", 11.0)):
        site = Site(name, SITES[name].latitude_deg, SITES[name].longitude_deg)
        assert look_at(AreostationaryOrbit(entry.longitude_deg), site, at_us)[1][0] > least_deg
