"""Interpolation between states: exact for polynomials of its degree, whatever the steps between states."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.world.elements import Elements
from twin.world.orbits import KeplerOrbit
from twin.world.tabulated_orbit import Segment, TableError, TabulatedOrbit

STEPS_S = st.lists(st.integers(20, 200), min_size=11, max_size=20)


def polynomial(degree, us):
    """Around (5000, 0, 0) km: x = 5000 + t, y = t^degree, z = 2 - t^degree, t in kiloseconds."""
    t = np.asarray(us)[..., np.newaxis] / 1e9
    constant, slope, bend = np.array([5000.0, 0.0, 2.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, -1.0])
    position_km = constant + slope * t + bend * t**degree
    return position_km, (slope + bend * degree * t ** (degree - 1)) / 1e3


@given(
    STEPS_S, st.sampled_from([("lagrange", k) for k in (1, 2, 3, 4, 7, 10)] + [("hermite", k) for k in (1, 3, 5, 9)])
)
def test_polynomials_of_the_degree_are_met_everywhere(steps_s, asked):
    method, degree = asked
    us = np.cumsum([0, *steps_s]) * 1_000_000
    orbit = TabulatedOrbit("x", [Segment(us, *polynomial(degree, us), method, degree, 0, int(us[-1]))])
    between_us = np.linspace(0, us[-1], 300).astype(np.int64)
    true_km = polynomial(degree, between_us)[0]
    if asked == ("hermite", 1):
        # The straight line from the state before: only there it is exact.
        between_us, true_km = us, polynomial(1, us)[0]
    assert orbit.position_km(between_us) == pytest.approx(true_km, abs=1e-8)


@pytest.mark.parametrize(("method", "degree"), [("lagrange", 4), ("hermite", 7)])
def test_states_themselves_come_back(method, degree):
    source = KeplerOrbit(Elements(0, 6000.0, 0.4, 60.0, 10.0, 20.0, 30.0))
    us = np.arange(0, 20 * 60_000_000, 60_000_000, dtype=np.int64)
    speed = source.position_km(us + 500_000) - source.position_km(us - 500_000)
    orbit = TabulatedOrbit("x", [Segment(us, source.position_km(us), speed, method, degree, 0, int(us[-1]))])
    assert orbit.position_km(us) == pytest.approx(source.position_km(us), abs=1e-9)
    # Periapsis and speed there follow from any state.
    assert orbit.scan_step_us == pytest.approx(source.scan_step_us, rel=0.01)


def test_a_table_needs_a_segment():
    with pytest.raises(TableError, match="there is no segment; give at least one"):
        TabulatedOrbit("x", [])


def test_a_suborbital_table_is_scanned_at_the_finest_step():
    us = np.array([0, 60_000_000])
    states = np.array([[3500.0, 0.0, 0.0], [3510.0, 0.0, 0.0]])
    for velocity in (np.zeros((2, 3)), np.array([[0.1, 0.2, 0.0]] * 2)):
        orbit = TabulatedOrbit("x", [Segment(us, states, velocity, "lagrange", 1, 0, 60_000_000)])
        assert orbit.scan_step_us == 5_000_000
