"""Horizon masks: straight between points, through north as well, and what they take from windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.world.horizon_mask import FLAT, HorizonMask, clear_windows
from twin.world.windows import elevation_crossings

DAY_US = 86_400_000_000
HILL = HorizonMask(((10.0, 4.0), (90.0, 20.0), (350.0, 2.0)))

points = st.lists(
    st.tuples(st.floats(0.0, 359.9), st.floats(-20.0, 60.0)), min_size=1, max_size=8, unique_by=lambda point: point[0]
).map(lambda unsorted: tuple(sorted(unsorted)))


def turning(us):
    """A body at 30 deg elevation at noon in the south, that goes once around in a day."""
    turn = us / DAY_US
    return 360.0 * turn % 360.0, 30.0 - 60.0 * np.abs(2.0 * (turn % 1.0) - 1.0)


def test_between_two_points_the_horizon_is_straight():
    assert HILL(50.0) == pytest.approx(12.0)
    assert HILL(np.array([10.0, 30.0, 90.0, 220.0])) == pytest.approx([4.0, 8.0, 20.0, 11.0])


def test_the_line_runs_through_north():
    assert HILL(np.array([355.0, 0.0, 5.0])) == pytest.approx([2.5, 3.0, 3.5])
    assert HILL(360.0) == HILL(0.0)


@given(mask=points.map(HorizonMask), azimuth_deg=st.floats(0.0, 360.0))
def test_a_horizon_lies_between_its_lowest_and_highest_point_and_meets_each(mask, azimuth_deg):
    heights_deg = [elevation_deg for _, elevation_deg in mask.points]
    assert min(heights_deg) - 1e-9 <= mask(azimuth_deg) <= max(heights_deg) + 1e-9
    for at_deg, height_deg in mask.points:
        assert mask(at_deg) == pytest.approx(height_deg, abs=1e-9)


@given(mask=points.map(HorizonMask), azimuths_deg=st.lists(st.floats(0.0, 360.0), min_size=1, max_size=5))
def test_arrays_give_the_same_as_single_azimuths(mask, azimuths_deg):
    together = mask(np.array(azimuths_deg))
    assert together.shape == (len(azimuths_deg),)
    assert [mask(azimuth_deg) for azimuth_deg in azimuths_deg] == together.tolist()


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ((), "horizon mask: has no points; give at least one"),
        (((0.0, 5.0), (360.0, 5.0)), "point 1: azimuth 360.0 deg is not from 0 to below 360"),
        (((-1.0, 5.0),), "point 0: azimuth -1.0 deg is not from 0"),
        (((float("nan"), 5.0),), "point 0: azimuth nan deg is not from 0"),
        (((0.0, 90.0),), "point 0: elevation 90.0 deg is not from -90 to below 90"),
        (((0.0, float("nan")),), "point 0: elevation nan deg is not from -90"),
        (((20.0, 5.0), (10.0, 5.0)), "point 1: azimuth 10.0 deg does not rise above 20.0 deg; sort the points"),
        (((20.0, 5.0), (20.0, 6.0)), "point 1: azimuth 20.0 deg does not rise above 20.0 deg"),
    ],
)
def test_an_impossible_mask_is_refused_with_its_point(points, said):
    with pytest.raises(ValueError, match=said):
        HorizonMask(points)


@pytest.mark.parametrize("height_deg", [-5.0, 0.0, 12.5])
@pytest.mark.parametrize("least_deg", [-90.0, 0.0, 10.0])
def test_a_flat_mask_is_an_elevation(height_deg, least_deg):
    plain = elevation_crossings(lambda us: turning(us)[1], 0, 2 * DAY_US, max(height_deg, least_deg), 600_000_000)
    assert clear_windows(turning, HorizonMask(((0.0, height_deg),)), 0, 2 * DAY_US, least_deg) == plain
    assert (
        clear_windows(turning, HorizonMask(((7.0, height_deg), (9.0, height_deg))), 0, 2 * DAY_US, least_deg) == plain
    )


def test_a_hill_moves_a_rise_to_where_the_body_clears_it():
    """In the east the body at azimuth a has elevation a / 3 - 30; behind the hill's top the mask is 144 - 0.8 a."""
    hill = HorizonMask(((100.0, 14.0), (150.0, 24.0), (180.0, 0.0)))
    ((rise_us, set_us),) = clear_windows(turning, hill, 0, DAY_US, 10.0)
    assert rise_us == pytest.approx(DAY_US / 360 * 174 * 15 / 17, abs=1000)
    # In the west the mask stays below 10 deg, where the body sets at azimuth 240.
    assert set_us == DAY_US * 240 // 360


def test_a_peak_of_one_degree_is_not_stepped_over():
    tower = HorizonMask(((179.5, 0.0), (180.0, 40.0), (180.5, 0.0)))
    before, after = clear_windows(turning, tower, 287_000_000, DAY_US, 5.0)  # so that no coarse step meets south
    # The tower stands above 30 deg within 0.125 deg of south: a minute of the turning to both sides, a little less.
    assert after[0] - before[1] == pytest.approx(0.25 / 360 * DAY_US, rel=0.02)


def test_flat_hides_nothing_above_the_plane():
    assert FLAT(123.0) == 0.0
    assert FLAT.flat_deg == 0.0
    assert HILL.flat_deg is None
