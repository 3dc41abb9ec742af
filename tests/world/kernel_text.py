"""The text of the kernel pck00011 (reference/mars_rotation_pck11.txt), read and evaluated anew."""

from __future__ import annotations

import math
import re
from pathlib import Path

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
