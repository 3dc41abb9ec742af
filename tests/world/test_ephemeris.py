"""Light time, distance and SEP against SPICE and the builtin theory of astropy; DE440 itself is held in tests/live."""

import numpy as np
import pytest
from astropy.coordinates import get_body_barycentric
from astropy.time import Time

from twin.world import ephemeris
from twin.world.ephemeris import (
    END_US,
    FIRST_US,
    SPEED_OF_LIGHT_KM_S,
    OutsideEphemeris,
    distance_km,
    owlt_down_sent_us,
    owlt_down_us,
    owlt_up_received_us,
    owlt_up_us,
    positions_km,
    sep_deg,
    sep_light_time_deg,
    velocities_km_s,
)
from twin.world.timescales import US_PER_DAY, US_PER_S, utc_to_us

LIGHT_TIMES = (owlt_down_us, owlt_down_sent_us, owlt_up_us, owlt_up_received_us)
EPOCHS_US = np.random.default_rng(440).integers(FIRST_US, END_US, 400)


def astropy_time(us):
    return Time(2_451_544.5, us / US_PER_DAY, format="jd", scale="tai")


def test_light_time_and_distance_agree_with_spice(accuracy):
    rows = accuracy.light_times()
    assert sum(row.compared for row in rows) == 550
    for row in rows:
        assert row.error < {"us": 2.0, "km": 0.01}[row.unit], row


def test_sep_agrees_with_spice(accuracy):
    rows = accuracy.solar_separation()
    assert len(rows) == 5
    for row in rows:
        # The table of moratoria has three decimals, the others five.
        assert row.error < (6e-4 if row.table == "moratoria" else 1e-5), row


def test_conjunctions_agree_with_spice(accuracy):
    least, crossings = accuracy.conjunctions()
    assert least.error < 1e-5
    assert crossings.compared == 40
    assert crossings.error < 1.0


@pytest.mark.filterwarnings("ignore:.*dubious year")
def test_positions_agree_with_the_builtin_theory_of_astropy():
    """The builtin theory is off by up to 61 ms of light time, so this finds gross errors, not small ones."""
    time = astropy_time(EPOCHS_US[:20])
    earth, mars = (get_body_barycentric(body, time, ephemeris="builtin") for body in ("earth", "mars"))
    apart_km = (mars - earth).norm().to_value("km")
    assert np.abs(distance_km(EPOCHS_US[:20]) - apart_km).max() < 0.1 * SPEED_OF_LIGHT_KM_S


@pytest.mark.parametrize("body", ["earth", "mars", "sun"])
def test_velocity_is_the_change_of_position(body):
    second_us = US_PER_S
    moved_km = positions_km(body, EPOCHS_US + 50 * second_us) - positions_km(body, EPOCHS_US - 50 * second_us)
    assert np.abs(velocities_km_s(body, EPOCHS_US) - moved_km / 100.0).max() < 1e-5


@pytest.mark.parametrize("light_time", LIGHT_TIMES)
def test_array_and_single_instants_give_the_same_microsecond(light_time):
    together = light_time(EPOCHS_US)
    assert together.dtype == np.int64
    assert [light_time(int(us)) for us in EPOCHS_US] == together.tolist()
    assert type(light_time(int(EPOCHS_US[0]))) is int


@pytest.mark.parametrize("angle", [sep_deg, sep_light_time_deg, distance_km])
def test_array_and_single_instants_give_the_same_angle(angle):
    together = angle(EPOCHS_US[:50])
    assert [angle(int(us)) for us in EPOCHS_US[:50]] == pytest.approx(together.tolist(), rel=1e-13)
    assert type(angle(int(EPOCHS_US[0]))) is float


def test_a_signal_has_one_light_time_whichever_end_asks():
    sent_us = EPOCHS_US[:100]
    down_us = owlt_down_sent_us(sent_us)
    assert np.abs(owlt_down_us(sent_us + down_us) - down_us).max() <= 1
    up_us = owlt_up_us(sent_us)
    assert np.abs(owlt_up_received_us(sent_us + up_us) - up_us).max() <= 1


def test_light_time_does_not_jump_where_two_polynomials_meet():
    joints_us = np.arange(utc_to_us("2033-01-01"), utc_to_us("2034-01-01"), US_PER_DAY) // US_PER_DAY * US_PER_DAY
    steps_us = owlt_down_us(joints_us + 1000) - owlt_down_us(joints_us - 1000)
    # In 2 ms the distance changes by 60 m at most: 0.2 us.
    assert np.abs(steps_us).max() <= 1


@pytest.mark.parametrize("at", ["2009-12-31T23:59:59.999Z", "2051-01-01T00:00:00Z", "1999-01-01", "2600-01-01"])
@pytest.mark.parametrize(
    "function",
    [*LIGHT_TIMES, distance_km, sep_deg, sep_light_time_deg, lambda us: positions_km("sun", us)],
)
def test_instant_outside_2010_to_2050_is_refused(function, at):
    us = utc_to_us(at)
    said = rf"{at[:10]}T.*Z is outside the ephemeris, which covers 2010-01-01 to 2050-12-31 UTC; choose a date"
    with pytest.raises(OutsideEphemeris, match=said):
        function(us)
    with pytest.raises(OutsideEphemeris, match=said):
        function(np.array([utc_to_us("2033-03-10"), us]))


def test_first_and_last_instant_are_covered_with_their_light_on_the_way():
    for us in (FIRST_US, END_US - 1):
        for light_time in LIGHT_TIMES:
            assert 180 * US_PER_S < light_time(us) < 1400 * US_PER_S
        assert 0.0 < sep_light_time_deg(us) < 180.0


def test_no_instants_give_no_light_times():
    assert ephemeris.owlt_down_us(np.array([], dtype=np.int64)).size == 0
