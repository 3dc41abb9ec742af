"""How much of a margin may be lost before a comparison fails."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from twin.margins.margin import PPM
from twin.scenario.errors import ScenarioError, shown
from twin.units import Dimension, QuantityError, parse_quantity

DEFAULT: Final = "5 %"
"""One seed is one story: whatever changes the order of events moves its worst case a little, for better or worse. With
0 % every such change would fail and people would learn to write the baseline anew unread; a real loss takes a bite."""

_SHARE: Final = Dimension("tolerance", {"%": Fraction(1, 100)}, DEFAULT)


def tolerance_ppm(text: str) -> int:
    """A share of the earlier margin, such as `5 %`, in ppm.

    Raises:
        ScenarioError: no share from 0 to 100 %.
    """
    subject, remedy = f"tolerance {shown(text)}", f"write it like {DEFAULT}"
    try:
        share = parse_quantity(text, _SHARE)
    except QuantityError as error:
        raise ScenarioError(subject, error.rule, "--tolerance", error.remedy) from None
    if share > 1:
        raise ScenarioError(subject, "lies from 0 to 100 %: who lost all is broken", "--tolerance", remedy)
    return round(share * PPM)
