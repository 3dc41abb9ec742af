"""Mars's rotation against the text of the kernel (reference/mars_rotation_pck11.txt), read and evaluated anew."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from twin.world import mars
from twin.world.timescales import tdb_s_past_j2000, utc_to_us

TEXT = (Path(__file__).parents[1] / "reference" / "mars_rotation_pck11.txt").read_text()


def kernel(name: str) -> list[float]:
    """Numbers of one variable of the kernel."""
    (values,) = re.findall(rf"^{name}\s*=\s*\(([^)]*)\)", TEXT, re.MULTILINE)
    return [float(word) for word in values.split()]


def angle_deg(body: str, wave: str, days: float) -> float:
    """Pole or prime meridian by the convention that the file's head tells."""
    centuries = days / 36_525.0
    constant, rate, _ = kernel(f"BODY499_{body}")
    term = constant + rate * (days if body == "PM" else centuries)
    phases = kernel("BODY4_NUT_PREC_ANGLES")
    for number, amplitude in enumerate(kernel(f"BODY499_NUT_PREC_{body.removeprefix('POLE_')}")):
        a, b, c = phases[3 * number : 3 * number + 3]
        phase = math.radians(a + b * centuries + c * centuries**2)
        term += amplitude * (math.cos(phase) if wave == "cos" else math.sin(phase))
    return term


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
