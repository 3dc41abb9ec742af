"""Quantities at the border: text with a unit outside, integers and SI inside.

A quantity is one number and one unit, `10 min` or `2.5 Mbit/s`. The number is read as an exact fraction,
so `0.1 s` is 100000 us and `1 sol` is 88775244000 us with nothing rounded away by binary floats.
Durations become whole microseconds, bit rates whole bit/s, sizes whole bytes; lengths, powers, angles and
ratios become floats in metre, watt, degree and one. A number without a unit is refused wherever two units
could be meant.

Prefixes are decimal (`kB` is 1000 bytes, IEC 80000-13); `KiB`, `MiB` and `GiB` are the binary ones.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Final

SECOND_US: Final = 1_000_000
# Mean solar day of Mars, 88775.244 s (Allison & McEwen 2000, Planet. Space Sci. 48, 215), whole microseconds.
SOL_US: Final = 88_775_244_000

_MAGNITUDE_MAX: Final = 2**62  # in the dimension's own base unit: no instant or counter of the house overflows
_QUANTITY: Final = re.compile(r"\s*([+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,2})?)\s*([^\s\d+.\-][^\s]*)?\s*")
_READ_ONLY: Final = {"KiB", "MiB", "GiB"}  # accepted, never written: decimal prefixes are the house's own
_NOT_FINITE: Final = re.compile(r"\s*[+-]?\.?(?:inf(?:inity)?|nan)\b.*", re.IGNORECASE | re.DOTALL)


class QuantityError(ValueError):
    """A text that is not a quantity of the wanted dimension: the rule it breaks, and what to write."""

    def __init__(self, rule: str, remedy: str) -> None:
        super().__init__(f"{rule}; {remedy}")
        self.rule = rule
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Dimension:
    """What a quantity measures: its units in terms of the base unit, and what else is accepted."""

    name: str
    units: Mapping[str, Fraction]
    example: str
    whole: bool = False
    bare: bool = False
    signed: bool = False

    @property
    def one(self) -> str:
        """Its name after its article: `a length`, `an angle`."""
        return f"{'an' if self.name[0] in 'aeiou' else 'a'} {self.name}"


def _table(**factors: int | str) -> dict[str, Fraction]:
    return {unit.replace("_per_", "/"): Fraction(factor) for unit, factor in factors.items()}


DURATION: Final = Dimension(
    "duration",
    _table(us=1, ms=10**3, s=SECOND_US, min=60 * SECOND_US, h=3600 * SECOND_US, day=86400 * SECOND_US, sol=SOL_US),
    "10 min",
    whole=True,
)
SHIFT: Final = Dimension("shift", DURATION.units, "-3 s", whole=True, signed=True)
BIT_RATE: Final = Dimension(
    "bit rate",
    _table(bit_per_s=1, kbit_per_s=10**3, Mbit_per_s=10**6, Gbit_per_s=10**9),
    "2 Mbit/s",
    whole=True,
)
SIZE: Final = Dimension(
    "size", _table(B=1, kB=10**3, MB=10**6, GB=10**9, KiB=2**10, MiB=2**20, GiB=2**30), "10 kB", whole=True
)
BYTE_RATE: Final = Dimension(
    "byte rate", _table(B_per_s=1, kB_per_s=10**3, MB_per_s=10**6, GB_per_s=10**9), "50 MB/s", whole=True
)
ROW_RATE: Final = Dimension("row rate", {"rows/s": Fraction(1)}, "1000 rows/s", bare=True)
LENGTH: Final = Dimension("length", _table(m=1, km=1000), "3 m")
POWER: Final = Dimension("power", _table(W=1, kW=1000), "100 W")
ANGLE: Final = Dimension("angle", _table(deg=1), "10 deg", signed=True)
COORDINATE: Final = Dimension("coordinate", _table(deg=1), "18.4447", bare=True, signed=True)
SATURATION: Final = Dimension("saturation", {"%": Fraction(1)}, "92 %")
VITAL_RATE: Final = Dimension("rate of a vital sign", {"/min": Fraction(1)}, "130 /min")
TEMPERATURE: Final = Dimension("temperature", _table(degC=1), "38.5 degC")
BLOOD_PRESSURE: Final = Dimension("blood pressure", _table(mmHg=1), "90 mmHg")
PRESSURE: Final = Dimension("pressure", _table(Pa=1, hPa=100, kPa=1000), "19.5 kPa")
GAIN: Final = Dimension("gain", _table(dB=1), "25 dB", signed=True)
MARGIN: Final = Dimension("margin", GAIN.units, "3 dB")
DRIFT: Final = Dimension("drift", {"ppm": Fraction(1)}, "50 ppm", signed=True)
RATIO: Final = Dimension("ratio", {"%": Fraction(1, 100)}, "1 % or 0.01", bare=True)


def parse_quantity(text: object, dimension: Dimension) -> int | float:
    """Read one quantity.

    Args:
        text: A number and a unit; a bare number only where the dimension has no unit to choose.
        dimension: What is expected.

    Returns:
        The value in the dimension's base unit (us, bit/s, B, B/s, rows/s, m, W, deg, dB, ppm, 1): an int for whole
        dimensions, rounded half to even, else a float.

    Raises:
        QuantityError: Not a quantity, wrong or missing unit, negative, not finite, or too large.
    """
    value = _exact(text, dimension)
    if value < 0 and not dimension.signed:
        raise QuantityError(f"{dimension.one} is not negative", f"write it like {dimension.example}")
    if abs(value) > _MAGNITUDE_MAX:
        raise QuantityError(f"{dimension.one} this large does not fit", f"write it like {dimension.example}")
    if not dimension.whole:
        return float(value)
    whole = round(value)
    if whole == 0 and value != 0:
        raise QuantityError(
            f"{dimension.one} is a whole number of {next(iter(dimension.units))}",
            "write 0 or a larger value",
        )
    return whole


def _exact(text: object, dimension: Dimension) -> Fraction:
    example = f"write it like {dimension.example}"
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        if not math.isfinite(text):
            raise QuantityError(f"{dimension.one} is a finite number", example)
        if not dimension.bare:
            raise QuantityError(f"{dimension.one} needs a unit", f"{example} (units: {_units(dimension)})")
        return Fraction(str(text))  # the decimal that was written, not its binary neighbour
    if not isinstance(text, str):
        raise QuantityError(f"{dimension.one} is a number with a unit", example)
    if _NOT_FINITE.fullmatch(text):
        raise QuantityError(f"{dimension.one} is a finite number", example)
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise QuantityError(f"{dimension.one} is one number and one unit", example)
    number, unit = Fraction(match[1]), match[2]
    if unit is None:
        if not dimension.bare:
            raise QuantityError(f"{dimension.one} needs a unit", f"{example} (units: {_units(dimension)})")
        return number
    if unit not in dimension.units:
        raise QuantityError(f"'{unit}' is not a unit of {dimension.name}", _unit_remedy(unit, dimension))
    return number * dimension.units[unit]


def _units(dimension: Dimension) -> str:
    return ", ".join(dimension.units)


def _unit_remedy(unit: str, dimension: Dimension) -> str:
    by_lower = {known.lower(): known for known in dimension.units}
    near = difflib.get_close_matches(unit.lower(), by_lower, n=1)
    hint = f"did you mean {by_lower[near[0]]}? " if near else ""
    return f"{hint}use one of {_units(dimension)}"


def format_duration(duration_us: int) -> str:
    """Write a duration exactly, in the unit that reads best: `20 min`, `1.5 sol`, `2.5 s`."""
    return format_quantity(duration_us, DURATION)


def format_quantity(value: float, dimension: Dimension) -> str:
    """Write a value so that `parse_quantity` reads it back.

    Args:
        value: In the dimension's base unit, finite.
        dimension: Decides the units to choose from.

    Returns:
        Number and unit: the largest unit that gives a whole number up to 999, else at most three decimals,
        else the base unit (seconds for durations). Ratios in percent, coordinates without a unit.
    """
    exact = Fraction(str(value))
    if dimension is COORDINATE:
        return _decimal(exact)
    largest_first = sorted(
        ((unit, factor) for unit, factor in dimension.units.items() if unit not in _READ_ONLY),
        key=lambda pair: -pair[1],
    )
    amounts = [(exact / factor, unit) for unit, factor in largest_first]
    for amount, unit in amounts:
        if amount.denominator == 1 and 1 <= abs(amount) <= 999:
            return f"{_decimal(amount)} {unit}"
    for amount, unit in amounts:
        if abs(amount) >= 1 and (amount * 1000).denominator == 1:
            return f"{_decimal(amount)} {unit}"
    unit = "s" if dimension is DURATION else next(iter(dimension.units))
    return f"{_decimal(exact / dimension.units[unit])} {unit}"


def _decimal(amount: Fraction) -> str:
    if amount.denominator == 1:
        return str(amount.numerator)
    with localcontext(prec=60):
        return f"{Decimal(amount.numerator) / Decimal(amount.denominator):f}"
