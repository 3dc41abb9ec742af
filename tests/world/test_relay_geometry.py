"""Windows over sites, past Mars and between orbiters: closed forms, published fractions, and scans at 2 s."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.world.elements import Elements
from twin.world.ephemeris import OutsideEphemeris
from twin.world.mars import Site
from twin.world.orbits import AREOSTATIONARY_RADIUS_KM, AreostationaryOrbit, KeplerOrbit
from twin.world.relay_geometry import crosslinks, distance_km, light_time_us, look_at, passes, sees_body
from twin.world.timescales import SOL_US, US_PER_DAY, utc_to_us
from twin.world.windows import elevation_crossings

EPOCH_US = utc_to_us("2033-03-10T00:00:00Z")
JEZERO = Site("jezero", 18.4447, 77.4508)
MRO_LIKE = KeplerOrbit(Elements.circular(EPOCH_US, 3696.19, 93.0, 43.871705, 0.0))
FINE_US = 2_000_000


class Scanned:
    """An orbit whose every second instant is looked at."""

    scan_step_us = FINE_US

    def __init__(self, orbit):
        self.position_km = orbit.position_km


@pytest.mark.parametrize(
    ("epoch", "raan_deg", "latitude_deg", "earth", "sun"),
    [
        ("2033-03-10", 43.871705, 0.0, 0.634613, 0.679734),
        ("2033-09-20", 148.523801, 120.0, 1.000000, 0.683152),
        ("2032-11-20", 350.056247, 240.0, 0.638303, 0.672461),
    ],
)
def test_relay_sees_earth_and_the_sun_as_long_as_spice_says(epoch, raan_deg, latitude_deg, earth, sun):
    """Fractions of five sols in the header of reference/relay_earth_visibility.csv."""
    start_us = utc_to_us(epoch)
    orbit = KeplerOrbit(Elements.circular(start_us, 3696.19, 93.0, raan_deg, latitude_deg))
    for body, fraction in (("earth", earth), ("sun", sun)):
        windows = sees_body(orbit, body, start_us, start_us + 5 * SOL_US)
        assert sum(end - start for start, end in windows) / (5 * SOL_US) == pytest.approx(fraction, abs=2e-6)


LOW_ORBITS = st.builds(
    lambda height_km, e, *angles: KeplerOrbit(Elements(EPOCH_US, (3396.19 + height_km) / (1.0 - e), e, *angles)),
    st.floats(100.0, 2000.0),
    st.sampled_from([0.0, 0.05, 0.4, 0.7]),
    st.floats(0.0, 180.0),
    st.floats(0.0, 360.0),
    st.floats(0.0, 360.0),
    st.floats(0.0, 360.0),
)


@settings(max_examples=25, deadline=None)
@given(LOW_ORBITS, st.floats(-90.0, 90.0), st.floats(0.0, 360.0), st.sampled_from([0.0, 10.0, 30.0, 60.0]))
def test_no_pass_and_no_gap_hides_between_the_steps_of_a_scan(orbit, latitude_deg, longitude_deg, least_deg):
    site, end_us = Site("anywhere", latitude_deg, longitude_deg), EPOCH_US + US_PER_DAY
    other = KeplerOrbit(Elements(EPOCH_US, 6000.0, 0.3, 75.0, 0.0, 0.0, 0.0))
    fine = Scanned(orbit)
    pairs = [
        (passes(orbit, site, EPOCH_US, end_us, least_deg), passes(fine, site, EPOCH_US, end_us, least_deg)),
        (sees_body(orbit, "earth", EPOCH_US, end_us), sees_body(fine, "earth", EPOCH_US, end_us)),
        (
            crosslinks(orbit, other, EPOCH_US, end_us, 50.0, 4000.0),
            crosslinks(fine, other, EPOCH_US, end_us, 50.0, 4000.0),
        ),
    ]
    for found, true in pairs:
        # What a scan may miss by its own account: 1 s, and what lies within a step of the range's ends.
        assert well_inside(found, end_us, orbit.scan_step_us) == pytest.approx(
            well_inside(true, end_us, orbit.scan_step_us), abs=1000
        )


def well_inside(windows, end_us, margin_us):
    """Edges of windows longer than a second whose gaps are, too, away from the ends of the range."""
    joined = []
    for start_us, set_us in windows:
        if joined and start_us - joined[-1][1] <= 1_000_000:
            joined[-1] = (joined[-1][0], set_us)
        else:
            joined.append((start_us, set_us))
    first_us, last_us = EPOCH_US + 3 * margin_us, end_us - 3 * margin_us
    edges = [edge for window in joined if window[1] - window[0] > 1_000_000 for edge in window]
    return np.array([edge for edge in edges if first_us < edge < last_us])


@pytest.mark.parametrize("seconds", [20, 4])
def test_pass_shorter_than_a_step_of_the_scan_is_found(seconds):
    """The least elevation is set so that the day's highest pass is over it for a few seconds only."""
    assert MRO_LIKE.scan_step_us > 50_000_000
    us = EPOCH_US + np.arange(0, 86_400_000_000, 500_000, dtype=np.int64)
    elevation_deg = look_at(MRO_LIKE, JEZERO, us)[1]
    top = int(np.argmax(elevation_deg))
    least_deg = float(max(elevation_deg[top - seconds], elevation_deg[top + seconds]))
    ((rise_us, set_us),) = passes(MRO_LIKE, JEZERO, EPOCH_US, EPOCH_US + US_PER_DAY, least_deg)
    assert rise_us < us[top] < set_us
    assert set_us - rise_us < seconds * 1_000_000 + 500_000


def test_orbits_that_never_rise_or_never_set():
    stands, hides = AreostationaryOrbit(77.4508), AreostationaryOrbit(257.4508)
    end_us = EPOCH_US + 3 * US_PER_DAY
    assert passes(stands, JEZERO, EPOCH_US, end_us, 10.0) == [(EPOCH_US, end_us)]
    assert passes(hides, JEZERO, EPOCH_US, end_us, 10.0) == []
    equatorial = KeplerOrbit(Elements.circular(EPOCH_US, 3796.19, 0.0, 0.0, 0.0))
    assert passes(equatorial, Site("pole", 90.0, 0.0), EPOCH_US, end_us, 0.0) == []


def test_overhead_pass_is_as_long_as_geometry_says():
    """An equatorial relay over an equatorial site: above 0 deg while within acos(R/a) of it, in relative motion."""
    shape = Elements.circular(EPOCH_US, 3796.19, 0.0, 0.0, 0.0)
    (first, second, *_) = passes(KeplerOrbit(shape), Site("equator", 0.0, 180.0), EPOCH_US, EPOCH_US + US_PER_DAY, 0.0)
    rates = shape.secular_rates()
    relative = rates.node + rates.periapsis + rates.anomaly - math.radians(350.891982) / 86_400.0
    assert (second[1] - second[0]) / 1e6 == pytest.approx(2.0 * math.acos(3396.19 / 3796.19) / relative, abs=0.01)
    assert (second[0] - first[0]) / 1e6 == pytest.approx(2.0 * math.pi / relative, abs=0.01)


def test_flat_mask_gives_the_passes_of_its_elevation():
    end_us = EPOCH_US + 5 * SOL_US
    flat = passes(MRO_LIKE, JEZERO, EPOCH_US, end_us, lambda azimuth_deg: np.full_like(azimuth_deg, 10.0))
    assert flat == passes(MRO_LIKE, JEZERO, EPOCH_US, end_us, 10.0)
    assert len(flat) == 15


def test_hill_in_the_west_cuts_passes_where_they_are_behind_it():
    def hill(azimuth_deg):
        return np.where((azimuth_deg > 180.0) & (azimuth_deg < 360.0), 25.0, 10.0)

    end_us = EPOCH_US + 5 * SOL_US
    over_hill = passes(MRO_LIKE, JEZERO, EPOCH_US, end_us, hill)
    us = np.arange(EPOCH_US, end_us, 1_000_000, dtype=np.int64)
    azimuth_deg, elevation_deg, _ = look_at(MRO_LIKE, JEZERO, us)
    seen = elevation_deg >= hill(azimuth_deg)
    inside = np.zeros_like(seen)
    for rise_us, set_us in over_hill:
        inside |= (us >= rise_us) & (us <= set_us)
    assert 0 < seen.sum() < (elevation_deg >= 10.0).sum()
    assert np.array_equal(inside, seen)


def test_crosslink_of_areostationary_relays_is_a_matter_of_their_distance_in_longitude():
    """Two at radius r see each other while 2 acos(R/r) apart or less: 160.87 deg for R = 3396.19 km."""
    end_us = EPOCH_US + US_PER_DAY
    limit_deg = 2.0 * math.degrees(math.acos(3396.19 / AREOSTATIONARY_RADIUS_KM))
    assert limit_deg == pytest.approx(160.87, abs=0.01)
    west = AreostationaryOrbit(0.0)
    near, far = AreostationaryOrbit(limit_deg - 0.01), AreostationaryOrbit(limit_deg + 0.01)
    assert crosslinks(west, near, EPOCH_US, end_us) == [(EPOCH_US, end_us)]
    assert crosslinks(west, far, EPOCH_US, end_us) == []
    assert crosslinks(west, near, EPOCH_US, end_us, atmosphere_km=10.0) == []
    apart_km = 2.0 * AREOSTATIONARY_RADIUS_KM * math.sin(math.radians(limit_deg - 0.01) / 2.0)
    assert distance_km(west, near, np.array([EPOCH_US]))[0] == pytest.approx(apart_km)
    assert crosslinks(west, near, EPOCH_US, end_us, range_max_km=apart_km - 0.1) == []
    assert crosslinks(west, near, EPOCH_US, end_us, range_max_km=apart_km + 0.1) == [(EPOCH_US, end_us)]


def test_crosslink_is_the_same_from_both_sides():
    other = KeplerOrbit(Elements(EPOCH_US, 5736.19, 0.37, 75.0, 200.0, 90.0, 0.0))
    span = (EPOCH_US, EPOCH_US + 2 * US_PER_DAY, 80.0, 5000.0)
    forth, back = np.array(crosslinks(MRO_LIKE, other, *span)), np.array(crosslinks(other, MRO_LIKE, *span))
    assert len(forth) > 5
    assert np.abs(forth - back).max() <= 1000


def test_two_at_one_place_see_each_other():
    end_us = EPOCH_US + US_PER_DAY
    assert crosslinks(MRO_LIKE, MRO_LIKE, EPOCH_US, end_us, 100.0, 1.0) == [(EPOCH_US, end_us)]


def test_range_limit_cuts_where_the_distance_says():
    other = KeplerOrbit(Elements(EPOCH_US, 5736.19, 0.37, 75.0, 200.0, 90.0, 0.0))
    end_us = EPOCH_US + 2 * US_PER_DAY
    in_sight = crosslinks(MRO_LIKE, other, EPOCH_US, end_us)
    near = elevation_crossings(lambda us: -distance_km(MRO_LIKE, other, us), EPOCH_US, end_us, -3000.0, FINE_US)
    both = crosslinks(MRO_LIKE, other, EPOCH_US, end_us, range_max_km=3000.0)
    edges = {edge for window in (*in_sight, *near) for edge in window}
    assert both
    assert all(min(abs(edge - known) for known in edges) <= 1000 for window in both for edge in window)


def test_light_time_over_a_range():
    assert light_time_us(np.array([0.0, 299_792.458, 17_241.66])).tolist() == [0, 1_000_000, 57_512]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"atmosphere_km": -1.0}, "crosslink: height of the air -1.0 km is negative; give 0 or more"),
        ({"range_max_km": -1.0}, "crosslink: range -1.0 km is negative; give 0 or more, or none for no limit"),
    ],
)
def test_negative_limits_of_a_crosslink_are_refused(limits, said):
    with pytest.raises(ValueError, match=said):
        crosslinks(MRO_LIKE, AreostationaryOrbit(0.0), EPOCH_US, EPOCH_US + US_PER_DAY, **limits)


def test_range_that_ends_before_it_starts_or_leaves_the_ephemeris_is_refused():
    for windows in (
        lambda: passes(MRO_LIKE, JEZERO, EPOCH_US, EPOCH_US - 1, 10.0),
        lambda: sees_body(MRO_LIKE, "sun", EPOCH_US, EPOCH_US - 1),
        lambda: crosslinks(MRO_LIKE, AreostationaryOrbit(0.0), EPOCH_US, EPOCH_US - 1),
    ):
        with pytest.raises(ValueError, match=r"windows: end \d+ us is before start \d+ us; swap them"):
            windows()
    with pytest.raises(OutsideEphemeris, match="2051-01-01"):
        sees_body(MRO_LIKE, "earth", EPOCH_US, utc_to_us("2051-01-01"))
    start_us = utc_to_us("2010-01-01")
    assert sees_body(AreostationaryOrbit(0.0), "earth", start_us, start_us + 10)


def test_two_windows_of_one_year_are_those_of_its_parts():
    """Nodes of what moves slowly do not depend on the range that is asked for."""
    late_us = EPOCH_US + 300 * US_PER_DAY + 12_345
    year = passes(MRO_LIKE, JEZERO, EPOCH_US, late_us + 5 * US_PER_DAY, 10.0)
    part = passes(MRO_LIKE, JEZERO, late_us, late_us + 5 * US_PER_DAY, 10.0)
    assert np.abs(np.array(year[-len(part) :]) - np.array(part)).max() <= 1000
