"""The net flux against every point of the printed table, between the points, and beyond its edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.world import net_flux as module
from twin.world.net_flux import net_flux


def test_every_point_that_is_not_flagged_is_the_table_s(accuracy):
    (row,) = accuracy.through_dust()
    assert row.compared == 2 * 58 * 18 - 2
    assert row.error < 1e-12


def test_flagged_points_are_what_the_flag_says(accuracy):
    flagged = [row for row in accuracy.read("net_flux_table") if row["flag"]]
    assert len(flagged) == 2
    for row in flagged:
        seen = net_flux(float(row["zenith_deg"]), float(row["tau"]), float(row["albedo"]))
        assert seen == pytest.approx(float(row["flag"].removeprefix("probably_")), abs=1e-12)


def test_a_table_held_upside_down_misses_it(accuracy, monkeypatch):
    """The comparison can fail: zenith angles in reverse, albedos changed over."""
    table = module.printed_table()
    for flux in (table.flux[:, :, ::-1], table.flux[::-1]):
        monkeypatch.setattr(module, "printed_table", lambda flux=flux: table._replace(flux=flux))
        (row,) = accuracy.through_dust()
        assert row.error > 0.2


def test_zenith_angle_and_opacity_changed_over_are_refused():
    with pytest.raises(ValueError, match=r"^optical depth 60: "):
        net_flux(zenith_deg=0.5, tau=60.0, albedo=0.1)


@given(st.floats(0.0, 85.0), st.floats(0.1, 6.0), st.floats(0.1, 0.4), st.floats(0.0, 5.0), st.floats(0.0, 1.0))
def test_lower_sun_thicker_dust_and_brighter_ground_take_up_less(zenith_deg, tau, albedo, lower_deg, thicker):
    here = net_flux(zenith_deg, tau, albedo)
    assert 0.0 < here < 1.0 - albedo
    assert net_flux(min(zenith_deg + lower_deg, 85.0), tau, albedo) <= here + 1e-12
    assert net_flux(zenith_deg, min(tau + thicker, 6.0), albedo) <= here + 1e-12
    assert net_flux(zenith_deg, tau, 0.4) <= here + 1e-12


def test_straight_lines_over_a_point_left_out_miss_it_by_four_times_the_error_stated():
    """An error of straight lines grows with the square of the step: what is left out doubles it."""
    table = module.printed_table()
    along_deg = np.abs((table.flux[:, :, :-2] + table.flux[:, :, 2:]) / 2 - table.flux[:, :, 1:-1]) / 4
    share = (table.taus[1:-1] - table.taus[:-2]) / (table.taus[2:] - table.taus[:-2])
    between = table.flux[:, :-2] + share[:, np.newaxis] * (table.flux[:, 2:] - table.flux[:, :-2])
    assert np.abs(between - table.flux[:, 1:-1]).max() / 4 <= 0.003
    assert along_deg.max() <= 0.0091
    assert along_deg[:, table.taus >= 0.5].max() <= 0.003
    assert along_deg[:, :, table.zeniths_deg[1:-1] <= 70.0].max() <= 0.003


@pytest.mark.parametrize("albedo", [0.15, 0.2, 0.25, 0.3, 0.35])
def test_a_line_along_the_albedo_agrees_with_light_that_goes_to_and_fro(albedo):
    """Ground of albedo A under dust that sends back the share r: light grows as 1 / (1 - A r); two albedos give r."""
    table = module.printed_table()
    zeniths_deg, taus = np.meshgrid(table.zeniths_deg, table.taus)
    dark, bright = table.flux[0] / 0.9, table.flux[1] / 0.6
    back = (bright - dark) / (0.4 * bright - 0.1 * dark)
    told = (1.0 - albedo) * dark * (1.0 - 0.1 * back) / (1.0 - albedo * back)
    assert net_flux(zeniths_deg, taus, albedo) == pytest.approx(told, rel=0.01)


def test_arrays_give_the_same_as_single_values():
    zeniths_deg, taus = np.linspace(0.0, 85.0, 7), np.linspace(0.1, 6.0, 7)
    together = net_flux(zeniths_deg[:, np.newaxis], taus, 0.2)
    assert together.shape == (7, 7)
    assert together.tolist() == [[float(net_flux(z, tau, 0.2)) for tau in taus] for z in zeniths_deg]


@pytest.mark.parametrize(
    ("zenith_deg", "tau", "albedo", "said"),
    [
        (85.1, 0.5, 0.1, "zenith angle 85.1 deg: the published net flux is known from 0 to 85 deg (twin/world/data/"),
        (-1.0, 0.5, 0.1, "zenith angle -1 deg: "),
        (np.array([10.0, np.nan]), 0.5, 0.1, "zenith angle nan deg: "),
        (10.0, 0.05, 0.1, "optical depth 0.05: the published net flux is known from 0.1 to 6 (twin/world/data/"),
        (10.0, 10.8, 0.1, "optical depth 10.8: "),
        (10.0, np.array([0.5, np.inf]), 0.1, "optical depth inf: "),
        (10.0, 0.5, 0.41, "albedo 0.41: the published net flux is known from 0.1 to 0.4 (twin/world/data/"),
        (10.0, 0.5, 0.0, "albedo 0: "),
    ],
)
def test_what_is_outside_the_table_is_refused(zenith_deg, tau, albedo, said):
    with pytest.raises(ValueError, match="known from") as refused:
        net_flux(zenith_deg, tau, albedo)
    assert str(refused.value).startswith(said)
