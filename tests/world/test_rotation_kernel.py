"""Mars's rotation against the text of the kernel (reference/mars_rotation_pck11.txt)."""

from __future__ import annotations

import pytest
from kernel_text import angle_deg, kernel

from twin.world import mars
from twin.world.timescales import tdb_s_past_j2000, utc_to_us


@pytest.mark.parametrize("utc", ["2010-01-01T12:00:00Z", "2026-06-01T00:00:00Z", "2033-03-10T07:30:00Z", "2045-12-31"])
def test_pole_and_meridian_are_those_of_the_kernel(utc: str) -> None:
    us = utc_to_us(utc)
    days = tdb_s_past_j2000(us) / 86_400.0
    ra_deg, dec_deg, meridian_deg = (float(angle) for angle in mars.pole_and_meridian_deg(us))
    assert ra_deg == pytest.approx(angle_deg("POLE_RA", "sin", days), abs=1e-9)
    assert dec_deg == pytest.approx(angle_deg("POLE_DEC", "cos", days), abs=1e-9)
    assert meridian_deg == pytest.approx(angle_deg("PM", "sin", days), rel=1e-13, abs=1e-7)


def test_the_ellipsoid_is_that_of_the_kernel() -> None:
    assert kernel("BODY499_RADII") == [mars.EQUATORIAL_RADIUS_KM, mars.EQUATORIAL_RADIUS_KM, mars.POLAR_RADIUS_KM]
