"""Building blocks of the model: quantities as field types, and the base class of every part.

The YAML key of a field is its attribute without the unit: `frame_period_us` is written `frame_period: 60
s`. Defaults are written in the scenario's own language and validated like a given value, so the JSON
Schema shows them as a person would type them. A description ends with `source: ...` wherever there is a
default.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, ClassVar, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from twin.scenario.errors import RuleError, listed
from twin.scenario.instants import parse_instant
from twin.units import (
    ANGLE,
    BIT_RATE,
    BLOOD_PRESSURE,
    BYTE_RATE,
    COORDINATE,
    DRIFT,
    DURATION,
    GAIN,
    LENGTH,
    MARGIN,
    POWER,
    PRESSURE,
    RATIO,
    ROW_RATE,
    SATURATION,
    SHIFT,
    SIZE,
    TEMPERATURE,
    VITAL_RATE,
    Dimension,
    parse_quantity,
)

# Longest suffix first; the dimension also tells a report how to write the value.
SUFFIXES: Final[dict[str, Dimension]] = {
    "_bytes_per_s": BYTE_RATE,
    "_rows_per_s": ROW_RATE,
    "_bytes": SIZE,
    "_per_min": VITAL_RATE,
    "_ratio": RATIO,
    "_degc": TEMPERATURE,
    "_mmhg": BLOOD_PRESSURE,
    "_bps": BIT_RATE,
    "_ppm": DRIFT,
    "_deg": ANGLE,
    "_pct": SATURATION,
    "_db": GAIN,
    "_km": LENGTH,
    "_pa": PRESSURE,
    "_us": DURATION,
    "_w": POWER,
    "_m": LENGTH,
}


def yaml_key(attribute: str) -> str:
    """`frame_period_us` -> `frame_period`."""
    for suffix in SUFFIXES:
        if attribute.endswith(suffix):
            return attribute.removesuffix(suffix)
    return attribute


class Part(BaseModel):
    """A frozen part of a scenario that knows all its keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, alias_generator=yaml_key, allow_inf_nan=False
    )

    # The field that tells members of a union apart where the file itself does not write it.
    tag: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        # Before anything else: a misspelt key also leaves the right one missing, and the first says more.
        if isinstance(data, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known:
                    offered = [word for word in known if word != cls.tag]
                    raise RuleError("unknown key", listed(offered, key) if offered else "drop it", (key,))
        return data


def setting(default: Any, text: str, *, source: str) -> Any:
    """A field with a default, what it means, and where the default comes from."""
    return Field(default, description=f"{text} source: {source}")


def _parser(dimension: Dimension) -> BeforeValidator:
    return BeforeValidator(partial(parse_quantity, dimension=dimension))


def _parse_km(text: object) -> float:
    return parse_quantity(text, LENGTH) / 1000


def _schema(dimension: Dimension) -> WithJsonSchema:
    sign = "[+-]?" if dimension.signed else r"\+?"
    units = "|".join(re.escape(unit) for unit in dimension.units)
    text = {
        "type": "string",
        "pattern": rf"^\s*{sign}\d+(\.\d+)?([eE][+-]?\d+)?\s*({units}){'?' if dimension.bare else ''}\s*$",
        "examples": [dimension.example],
    }
    number = {"type": "number"} if dimension.signed else {"type": "number", "minimum": 0}
    return WithJsonSchema({"anyOf": [text, number]} if dimension.bare else text)


def _check(holds: Callable[[float], bool], rule: str, remedy: str) -> AfterValidator:
    def check(value: float) -> float:
        if not holds(value):
            raise RuleError(rule, remedy)
        return value

    return AfterValidator(check)


_MORE_THAN_ZERO: Final = _check(lambda value: value > 0, "must be more than 0", "give a value above 0")

DurationUs = Annotated[int, _parser(DURATION), _schema(DURATION)]
PositiveDurationUs = Annotated[int, _parser(DURATION), _MORE_THAN_ZERO, _schema(DURATION)]
ShiftUs = Annotated[
    int,
    _parser(SHIFT),
    _check(lambda value: value != 0, "must not be 0", "write it like -3 s or 10 min"),
    _schema(SHIFT),
]
DriftPpm = Annotated[
    float,
    _parser(DRIFT),
    _check(
        lambda value: 0 < abs(value) <= 10_000, "a drift lies within 10000 ppm, and is not 0", "give for example 50 ppm"
    ),
    _schema(DRIFT),
]
BitRateBps = Annotated[int, _parser(BIT_RATE), _MORE_THAN_ZERO, _schema(BIT_RATE)]
SizeBytes = Annotated[int, _parser(SIZE), _MORE_THAN_ZERO, _schema(SIZE)]
ByteRate = Annotated[int, _parser(BYTE_RATE), _MORE_THAN_ZERO, _schema(BYTE_RATE)]
RowRate = Annotated[float, _parser(ROW_RATE), _MORE_THAN_ZERO, _schema(ROW_RATE)]
LengthM = Annotated[float, _parser(LENGTH), _MORE_THAN_ZERO, _schema(LENGTH)]
DistanceKm = Annotated[float, BeforeValidator(_parse_km), _MORE_THAN_ZERO, _schema(LENGTH)]
PowerW = Annotated[float, _parser(POWER), _MORE_THAN_ZERO, _schema(POWER)]
GainDb = Annotated[
    float,
    _parser(GAIN),
    _check(lambda value: -60 <= value <= 60, "a gain lies from -60 to 60 dB", "give for example 25 dB"),
    _schema(GAIN),
]
MarginDb = Annotated[
    float,
    _parser(MARGIN),
    _check(lambda value: value <= 60, "a margin lies from 0 to 60 dB", "give for example 3 dB"),
    _schema(MARGIN),
]
ElevationDeg = Annotated[
    float,
    _parser(ANGLE),
    _check(lambda value: 0 <= value < 90, "an elevation lies from 0 up to 90 deg", "give for example 10 deg"),
    _schema(ANGLE),
]
AngleDeg = Annotated[
    float,
    _parser(ANGLE),
    _check(lambda value: -360 <= value <= 360, "an angle lies within one turn", "give for example 43.87 deg"),
    _schema(ANGLE),
]
SeparationDeg = Annotated[
    float,
    _parser(ANGLE),
    _check(lambda value: 0 < value < 30, "an angle to the Sun lies above 0 and below 30 deg", "give for example 2 deg"),
    _schema(ANGLE),
]
LatitudeDeg = Annotated[
    float,
    _parser(COORDINATE),
    _check(
        lambda value: -90 <= value <= 90,
        "a latitude lies from -90 to 90 deg",
        "give degrees north, south negative",
    ),
    _schema(COORDINATE),
]
LongitudeDeg = Annotated[
    float,
    _parser(COORDINATE),
    _check(lambda value: -180 <= value < 360, "a longitude lies from -180 to 360 deg", "give degrees east"),
    _schema(COORDINATE),
]
AzimuthDeg = Annotated[
    float,
    _parser(COORDINATE),
    _check(lambda value: 0 <= value < 360, "an azimuth lies from 0 to below 360 deg", "count from north through east"),
    _schema(COORDINATE),
]
HorizonDeg = Annotated[
    float,
    _parser(COORDINATE),
    _check(lambda value: -90 <= value < 90, "a horizon lies from -90 to below 90 deg", "give for example 5"),
    _schema(COORDINATE),
]
Ratio = Annotated[
    float,
    _parser(RATIO),
    _check(lambda value: 0 <= value <= 1, "a ratio lies from 0 to 1", "write 1 % or 0.01"),
    _schema(RATIO),
]
SaturationPct = Annotated[float, _parser(SATURATION), _schema(SATURATION)]
RatePerMin = Annotated[float, _parser(VITAL_RATE), _schema(VITAL_RATE)]
TemperatureDegC = Annotated[float, _parser(TEMPERATURE), _schema(TEMPERATURE)]
PressureMmHg = Annotated[float, _parser(BLOOD_PRESSURE), _schema(BLOOD_PRESSURE)]
PressurePa = Annotated[float, _parser(PRESSURE), _schema(PRESSURE)]
Tau = Annotated[float, Field(strict=True, ge=0, le=50)]
InstantUs = Annotated[
    int,
    BeforeValidator(parse_instant),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}", "examples": ["2033-03-10T00:00:00Z"]}),
]
NodeName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=32)]
