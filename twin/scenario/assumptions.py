"""What a scenario rests on: every setting with its value and where the value comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from twin.scenario.bounds import BoundExpression
from twin.scenario.catalogue import SITES
from twin.scenario.errors import Key, dotted
from twin.scenario.fault_parts import RANDOM, RANDOM_US
from twin.scenario.fields import SUFFIXES, Part
from twin.scenario.guarantees import GuaranteeChoice
from twin.scenario.habitat import LandingSite
from twin.scenario.instants import format_instant
from twin.scenario.model import Scenario
from twin.units import LENGTH, RATIO, SIZE, format_quantity

GIVEN = "the scenario"
_NULL = "null: "  # a description goes on with what the absence of a value means
_BY_NAME = {"rate": RATIO, "bundle_bytes_max": SIZE}


@dataclass(frozen=True, slots=True)
class Assumption:
    """One setting: key, value as a scenario would write it, source, and whether the file gave it."""

    key: str
    value_text: str
    source: str
    given: bool


def assumptions(scenario: Scenario) -> list[Assumption]:
    """Every setting of a scenario, in the order of the model."""
    return list(_part(scenario, (), given=True))


def _part(part: Part, key: Key, *, given: bool, inherited: str = "") -> Iterator[Assumption]:
    for name, field in type(part).model_fields.items():
        text, _, source = (field.description or "").partition("source: ")
        setting = _Setting(name, (*key, field.alias or name), text, source or inherited)
        yield from _value(getattr(part, name), setting, given=given and name in part.model_fields_set)


@dataclass(frozen=True, slots=True)
class _Setting:
    name: str
    key: Key
    meaning: str
    source: str


def _value(value: Any, setting: _Setting, *, given: bool) -> Iterator[Assumption]:
    key, source = setting.key, setting.source
    if isinstance(value, LandingSite):
        text = f"{value.name} ({value.latitude_deg} N, {value.longitude_deg} E)"
        yield Assumption(dotted(key), text, SITES[value.name].source if value.name in SITES else GIVEN, given)
    elif isinstance(value, Part):
        yield from _part(value, key, given=given)
    elif isinstance(value, tuple) and value and all(isinstance(item, Part) for item in value):
        for index, item in enumerate(value):
            if isinstance(item, GuaranteeChoice):
                yield from _guarantee(item, key, given=given)
            else:
                yield from _part(item, (*key, index), given=given, inherited=source)
    elif value is not None or _NULL in setting.meaning:  # else it is an alternative that was not taken
        yield Assumption(dotted(key), _text(value, setting), GIVEN if given else source, given)


def _guarantee(choice: GuaranteeChoice, key: Key, *, given: bool) -> Iterator[Assumption]:
    options = [entry for entry in _part(choice, (*key, choice.key), given=given) if not entry.key.endswith(".key")]
    yield from options or [Assumption(dotted((*key, choice.key)), "checked", GIVEN, given)]


def _text(value: Any, setting: _Setting) -> str:
    name = setting.name
    if value is None:
        return setting.meaning.partition(_NULL)[2].rstrip(". ")
    if isinstance(value, tuple):
        return ", ".join(_number(item, name) if isinstance(item, int) else str(item) for item in value) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BoundExpression):
        return value.text
    if isinstance(value, (int, float)):
        return format_instant(int(value)) if name == "start_us" and "UTC" in setting.meaning else _number(value, name)
    return str(value) or "none"


def _number(value: float, name: str) -> str:
    if name == "at_us" and value == RANDOM_US:
        return RANDOM
    if name.endswith("_km"):
        return format_quantity(value * 1000, LENGTH)
    dimension = _BY_NAME.get(name) or next((SUFFIXES[end] for end in SUFFIXES if name.endswith(end)), None)
    return str(value) if dimension is None else format_quantity(value, dimension)
