"""Kepler orbits with secular J2 and areostationary ones, against SPICE, the laws of motion and Kepler's equation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from twin.world import elements, mars
from twin.world.elements import GM_KM3_S2, Elements
from twin.world.orbits import AREOSTATIONARY_RADIUS_KM, AreostationaryOrbit, KeplerOrbit, eccentric_anomaly
from twin.world.slow_sky import MarsTurn
from twin.world.timescales import US_PER_DAY, utc_to_us

EPOCH_US = utc_to_us("2033-03-10T00:00:00Z")
MRO_LIKE = Elements.circular(EPOCH_US, 3696.19, 93.0, 43.871705, 0.0)
SHAPES = st.builds(
    lambda periapsis_km, e, *angles: Elements(EPOCH_US, periapsis_km / (1.0 - e), e, *angles),
    st.floats(3400.0, 20_000.0),
    st.floats(0.0, 0.9),
    st.floats(0.0, 180.0),
    st.floats(0.0, 360.0),
    st.floats(0.0, 360.0),
    st.floats(0.0, 360.0),
)


def test_relay_agrees_with_spice(accuracy):
    rows = {row.quantity: row for row in accuracy.over_relays()}
    assert [row.compared for row in rows.values()] == [20, 20, 66, 33, 33, 119, 59]
    # The tables give positions and ranges to 0.1 m and 0.1 km, angles to 0.001 deg, times to 0.1 s.
    assert rows["relay's position, ICRF"].error < 3e-4
    assert rows["relay's position, IAU_MARS"].error < 3e-4
    assert rows["relay rises and sets at a site"].error < 0.06
    assert rows["relay's highest elevation"].error < 0.001
    assert rows["relay's least range"].error < 0.06
    assert rows["Mars hides earth from a relay"].error < 0.06
    assert rows["Mars hides sun from a relay"].error < 0.06


def test_areostationary_relays_agree_with_spice(accuracy):
    rows = {row.quantity: row for row in accuracy.over_areostationary()}
    assert [row.compared for row in rows.values()] == [8, 8, 8, 4, 40]
    assert rows["areostationary elevation"].error < 1e-4
    assert rows["areostationary range"].error < 0.006
    assert rows["areostationary light time"].error < 0.001
    assert rows["areostationary sees Earth"].error < 1e-6
    assert rows["Mars hides earth, areostationary"].error < 0.06


def test_rates_are_those_in_the_header_of_the_table():
    rates = MRO_LIKE.secular_rates()
    assert rates.periapsis + rates.anomaly == pytest.approx(9.186850546339e-04, rel=1e-12)
    assert math.degrees(rates.node) * 86_400.0 == pytest.approx(0.592370, abs=1e-6)


def test_molniya_like_inclination_freezes_the_periapsis_and_a_polar_orbit_its_node():
    critical = Elements(EPOCH_US, 9000.0, 0.5, math.degrees(math.asin(math.sqrt(0.8))), 0.0, 270.0, 0.0)
    assert critical.secular_rates().periapsis == pytest.approx(0.0, abs=1e-20)
    polar = Elements(EPOCH_US, 9000.0, 0.5, 90.0, 0.0, 270.0, 0.0)
    assert polar.secular_rates().node == pytest.approx(0.0, abs=1e-20)


def test_node_and_periapsis_drift_as_in_an_integration_with_j2():
    """Forty revolutions of a MAVEN-like orbit in the field of J2: slopes of the osculating angles, second order aside.

    Source of the force: Vallado, section 8.6 (recalled): the gradient of J2's potential.
    """
    shape = Elements(EPOCH_US, 5736.19, 0.376556, 75.0, 0.0, 30.0, 0.0)
    j2_strength = 1.5 * elements.J2 * GM_KM3_S2 * elements.RADIUS_KM**2

    def pull(_, state):
        x, y, z, *velocity = state
        r = math.sqrt(x * x + y * y + z * z)
        flat = 5.0 * z * z / (r * r)
        bulge = j2_strength / r**5
        point = GM_KM3_S2 / r**3
        level = bulge * (flat - 1.0) - point
        return [*velocity, level * x, level * y, (bulge * (flat - 3.0) - point) * z]

    inclination, periapsis = math.radians(75.0), math.radians(30.0)
    towards = np.array([math.cos(periapsis), math.sin(periapsis) * math.cos(inclination), 0.0])
    towards[2] = math.sin(periapsis) * math.sin(inclination)
    ahead = np.array([-math.sin(periapsis), math.cos(periapsis) * math.cos(inclination), 0.0])
    ahead[2] = math.cos(periapsis) * math.sin(inclination)
    start = [*(shape.periapsis_km * towards), *(shape.periapsis_speed_km_s * ahead)]
    revolutions, samples = 40, 60
    t = np.arange(revolutions * samples) * (2.0 * math.pi / shape.mean_motion_rad_s / samples)
    solved = solve_ivp(pull, (0.0, t[-1]), start, method="DOP853", t_eval=t, rtol=1e-10, atol=1e-9)
    position, velocity = solved.y[:3].T, solved.y[3:].T
    momentum = np.cross(position, velocity)
    apse = np.cross(velocity, momentum) / GM_KM3_S2 - position / np.linalg.norm(position, axis=1)[:, np.newaxis]
    node = np.unwrap(np.arctan2(momentum[:, 0], -momentum[:, 1]))
    to_node = np.stack([np.cos(node), np.sin(node), np.zeros_like(node)], axis=-1)
    across = np.cross(momentum / np.linalg.norm(momentum, axis=1)[:, np.newaxis], to_node)
    angle = np.unwrap(np.arctan2((apse * across).sum(axis=1), (apse * to_node).sum(axis=1)))
    rates = shape.secular_rates()
    assert np.polyfit(t, node, 1)[0] == pytest.approx(rates.node, rel=0.01)
    assert np.polyfit(t, angle, 1)[0] == pytest.approx(rates.periapsis, rel=0.02)


@given(st.floats(-1000.0, 1000.0), st.floats(0.0, 0.95))
def test_keplers_equation_is_solved_to_rounding(mean_anomaly, eccentricity):
    anomaly = float(eccentric_anomaly(np.array([mean_anomaly]), eccentricity)[0])
    residual = anomaly - eccentricity * math.sin(anomaly) - mean_anomaly
    assert abs(anomaly) <= math.pi + 1e-12
    assert math.remainder(residual, 2.0 * math.pi) == pytest.approx(0.0, abs=1e-12)


def test_keplers_equation_is_solved_for_the_longest_ellipses():
    mean_anomaly = np.linspace(-np.pi, np.pi, 100_001)
    for eccentricity in (0.95, 0.99, 0.9999):
        anomaly = eccentric_anomaly(mean_anomaly, eccentricity)
        assert np.abs(anomaly - eccentricity * np.sin(anomaly) - mean_anomaly).max() < 1e-14


@given(SHAPES)
def test_energy_and_plane_are_those_of_the_ellipse(shape):
    """Positions of one revolution obey vis-viva (speed by differences) and stay in the plane that J2 turns."""
    orbit = KeplerOrbit(shape)
    period_us = round(2.0 * math.pi / shape.mean_motion_rad_s * 1e6)
    half_us = 500_000
    us = EPOCH_US + np.linspace(0, period_us, 50).astype(np.int64)
    at_km = orbit.position_km(us)
    speed = np.linalg.norm(orbit.position_km(us + half_us) - orbit.position_km(us - half_us), axis=1)
    distance_km = np.linalg.norm(at_km, axis=1)
    assert distance_km.min() >= shape.periapsis_km * (1.0 - 1e-12)
    assert distance_km.max() <= shape.apoapsis_km * (1.0 + 1e-12)
    vis_viva = np.sqrt(GM_KM3_S2 * (2.0 / distance_km - 1.0 / shape.semi_major_axis_km))
    # J2 moves everything by some 0.3 % of the two-body rates near the surface.
    assert speed == pytest.approx(vis_viva, rel=0.01)


@given(SHAPES)
def test_areal_speed_is_constant_without_the_turn_of_the_ellipse(shape):
    """Kepler's second law about the pole of the orbit, to the 0.5 % that J2 turns meanwhile."""
    orbit = KeplerOrbit(shape)
    us = EPOCH_US + np.linspace(0, 2.0 * math.pi / shape.mean_motion_rad_s * 1e6, 50).astype(np.int64)
    before, after = orbit.position_km(us - 500_000), orbit.position_km(us + 500_000)
    momentum = np.linalg.norm(np.cross(before, after), axis=1)
    closed = math.sqrt(GM_KM3_S2 * shape.semi_major_axis_km * (1.0 - shape.eccentricity**2))
    assert momentum == pytest.approx(closed, rel=0.01)


def test_periapsis_and_node_are_where_the_elements_say():
    shape = Elements(EPOCH_US, 6000.0, 0.3, 75.0, 20.0, 90.0, 0.0)
    to_mars = mars.icrf_to_mars(EPOCH_US)
    at_km = to_mars @ KeplerOrbit(shape).position_km(EPOCH_US)
    # At 90 deg from the node the latitude is the inclination.
    assert np.linalg.norm(at_km) == pytest.approx(4200.0)
    assert math.degrees(math.asin(at_km[2] / 4200.0)) == pytest.approx(75.0)


def test_single_instants_give_the_same_as_arrays():
    us = EPOCH_US + np.arange(20, dtype=np.int64) * US_PER_DAY
    for orbit in (KeplerOrbit(MRO_LIKE), KeplerOrbit(Elements(EPOCH_US, 6000.0, 0.3, 75.0, 20.0, 90.0, 5.0))):
        alone = np.stack([orbit.position_km(int(one)) for one in us])
        assert alone == pytest.approx(orbit.position_km(us), abs=1e-9)
    fixed = AreostationaryOrbit(130.0)
    assert np.stack([fixed.position_km(int(one)) for one in us]) == pytest.approx(fixed.position_km(us), abs=1e-6)


def test_areostationary_relay_stays_over_its_longitude():
    us = EPOCH_US + np.arange(50, dtype=np.int64) * 12_345_678_901
    x, y, z = MarsTurn(int(us[0]), int(us[-1])).fixed_km(AreostationaryOrbit(-20.0).position_km(us), us)
    assert np.degrees(np.arctan2(y, x)) == pytest.approx(np.full(50, -20.0), abs=1e-6)
    assert z == pytest.approx(np.zeros(50), abs=1e-3)
    assert np.hypot(x, y) == pytest.approx(np.full(50, AREOSTATIONARY_RADIUS_KM))


def test_a_free_orbit_at_the_areostationary_radius_keeps_pace_with_mars():
    """The published radius, 20428 km, is that of a two-body orbit in one sidereal day; J2 adds 0.02 %."""
    free = Elements.circular(EPOCH_US, AREOSTATIONARY_RADIUS_KM, 0.0, 0.0, 0.0)
    assert math.degrees(free.mean_motion_rad_s) * 86_400.0 == pytest.approx(350.891982, rel=1e-4)


def test_turn_between_daily_nodes_is_that_of_the_full_series():
    us = EPOCH_US + np.arange(2000, dtype=np.int64) * 30_333_333_333
    point = np.array([3396.19, -200.0, 500.0])
    exact = mars.icrf_to_mars(us) @ point
    turned = MarsTurn(int(us[0]), int(us[-1])).fixed_km(np.tile(point, (us.size, 1)), us)
    assert np.stack(turned, axis=-1) == pytest.approx(exact, abs=1e-5)


def test_surface_of_the_elements_is_that_of_the_ellipsoid():
    assert elements.RADIUS_KM == mars.EQUATORIAL_RADIUS_KM


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"semi_major_axis_km": 300.0}, r"orbit: periapsis radius 300.00 km is not above Mars's surface, 3396.19 km"),
        ({"eccentricity": 0.1}, r"orbit: periapsis radius 3326.57 km is not above .*counted from the centre"),
        ({"eccentricity": 1.0}, "orbit: eccentricity 1.0 is not that of a closed orbit; give 0 .circle. to below 1"),
        ({"eccentricity": -0.1}, "orbit: eccentricity -0.1 "),
        ({"inclination_deg": 181.0}, "orbit: inclination 181.0 deg is not within 0 to 180 deg; give a retrograde"),
        ({"inclination_deg": -1.0}, "orbit: inclination -1.0 deg"),
        ({"semi_major_axis_km": 600_000.0}, r"apoapsis radius 600000 km is beyond .*577000 km.*lower the semi-major"),
        ({"raan_deg": math.nan}, "orbit: right ascension of the ascending node nan is not a number; give a finite"),
        ({"semi_major_axis_km": math.inf}, "orbit: semi-major axis inf is not a number"),
    ],
)
def test_impossible_orbits_are_refused(changed, said):
    possible = {
        "epoch_us": EPOCH_US, "semi_major_axis_km": 3696.19, "eccentricity": 0.0, "inclination_deg": 93.0,
        "raan_deg": 0.0, "argument_of_periapsis_deg": 0.0, "mean_anomaly_deg": 0.0,
    }  # fmt: skip
    Elements(**possible)
    with pytest.raises(ValueError, match=said):
        Elements(**possible | changed)


@pytest.mark.parametrize("longitude_deg", [361.0, math.nan])
def test_areostationary_longitude_off_the_circle_is_refused(longitude_deg):
    with pytest.raises(ValueError, match=r"orbit: longitude \S+ deg is off the circle; give 0 to 360 east"):
        AreostationaryOrbit(longitude_deg)
