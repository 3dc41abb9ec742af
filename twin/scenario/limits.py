"""Limits of alarms, channel by channel: below `low` or above `high` is an alarm, null is no limit.

Defaults are the bands of NEWS2 that score 3 alone, and what a cabin at sea-level pressure is kept within. They are
assumptions of a simulation, not advice: a clinician sets limits for a person.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal, NamedTuple

from twin.channels import CHANNELS
from twin.scenario.errors import Key, RuleError
from twin.scenario.fields import (
    SUFFIXES,
    Part,
    PressureMmHg,
    PressurePa,
    RatePerMin,
    SaturationPct,
    TemperatureDegC,
    setting,
    yaml_key,
)
from twin.units import Dimension, format_quantity

_NEWS2 = "Royal College of Physicians 2017, NEWS2: beyond it the parameter scores 3"
_CABIN = "assumed: the band in which the International Space Station is kept, 14.2 to 14.9 psi"
_OXYGEN = "NASA-STD-3000 (1995): operational range of a sea-level cabin"
_LIFE = "assumed: beyond it somebody has to come at once"

Priority = Literal["low", "medium", "high"]
_PRIORITY = "Priority of the alarm, in the terms of IEC 60601-1-8."


class HeartRateLimits(Part):
    """Heart rate."""

    low_per_min: RatePerMin | None = setting("41 /min", "Alarm below. null: none.", source=_NEWS2)
    high_per_min: RatePerMin | None = setting("130 /min", "Alarm above. null: none.", source=_NEWS2)
    priority: Priority = setting("high", _PRIORITY, source=_LIFE)


class SpO2Limits(Part):
    """Oxygen saturation."""

    low_pct: SaturationPct | None = setting("92 %", "Alarm below. null: none.", source=_NEWS2)
    high_pct: SaturationPct | None = setting(None, "Alarm above. null: none.", source="assumed: too much is no alarm")
    priority: Priority = setting("high", _PRIORITY, source=_LIFE)


class RespirationLimits(Part):
    """Respiration rate."""

    low_per_min: RatePerMin | None = setting("9 /min", "Alarm below. null: none.", source=_NEWS2)
    high_per_min: RatePerMin | None = setting("24 /min", "Alarm above. null: none.", source=_NEWS2)
    priority: Priority = setting("high", _PRIORITY, source=_LIFE)


class SystolicLimits(Part):
    """Systolic blood pressure."""

    low_mmhg: PressureMmHg | None = setting("91 mmHg", "Alarm below. null: none.", source=_NEWS2)
    high_mmhg: PressureMmHg | None = setting("219 mmHg", "Alarm above. null: none.", source=_NEWS2)
    priority: Priority = setting("high", _PRIORITY, source=_LIFE)


class DiastolicLimits(Part):
    """Diastolic blood pressure."""

    low_mmhg: PressureMmHg | None = setting(
        None, "Alarm below. null: none.", source="assumed: NEWS2 does not look at it"
    )
    high_mmhg: PressureMmHg | None = setting(
        None, "Alarm above. null: none.", source="assumed: NEWS2 does not look at it"
    )
    priority: Priority = setting("medium", _PRIORITY, source="assumed: it changes slowly")


class TemperatureLimits(Part):
    """Core temperature."""

    low_degc: TemperatureDegC | None = setting("35.1 degC", "Alarm below. null: none.", source=_NEWS2)
    high_degc: TemperatureDegC | None = setting(
        "39 degC", "Alarm above. null: none.", source="Royal College of Physicians 2017, NEWS2: its last band"
    )
    priority: Priority = setting("medium", _PRIORITY, source="assumed: it changes slowly")


class CabinPressureLimits(Part):
    """Total pressure of the cabin."""

    low_pa: PressurePa | None = setting("979 hPa", "Alarm below. null: none.", source=_CABIN)
    high_pa: PressurePa | None = setting("1027 hPa", "Alarm above. null: none.", source=_CABIN)
    priority: Priority = setting("high", _PRIORITY, source=_LIFE)


class PpO2Limits(Part):
    """Partial pressure of oxygen."""

    low_pa: PressurePa | None = setting("19.5 kPa", "Alarm below. null: none.", source=_OXYGEN)
    high_pa: PressurePa | None = setting("23.1 kPa", "Alarm above. null: none.", source=_OXYGEN)
    priority: Priority = setting("high", _PRIORITY, source=_LIFE)


class PpCO2Limits(Part):
    """Partial pressure of carbon dioxide."""

    low_pa: PressurePa | None = setting(None, "Alarm below. null: none.", source="assumed: too little is no alarm")
    high_pa: PressurePa | None = setting(
        "800 Pa",
        "Alarm above. null: none.",
        source="assumed: twice the hourly average of NASA-STD-3001 Volume 2, V2 6004 (3 mmHg, 400 Pa)",
    )
    priority: Priority = setting("high", _PRIORITY, source=_LIFE)


Limits = (
    HeartRateLimits
    | SpO2Limits
    | RespirationLimits
    | SystolicLimits
    | DiastolicLimits
    | TemperatureLimits
    | CabinPressureLimits
    | PpO2Limits
    | PpCO2Limits
)

# Narrower than the sensor's range where a device reports what nobody has (assumed; IEC 60601-2-27 asks heart rate
# meters for 30 to 200 /min in adults). A breathing rate of 0 is apnoea and must alarm.
_PLAUSIBLE: Final[dict[str, tuple[int, int]]] = {
    "heart_rate_bpm": (20, 250),
    "spo2_pct": (30, 100),
    "respiration_rpm": (0, 70),
    "systolic_mmhg": (40, 255),
    "diastolic_mmhg": (20, 200),
    "temperature_ddegc": (250, 440),
}


def plausible(channel: str) -> tuple[int, int]:
    """Least and greatest count that a person or a cabin can have."""
    return _PLAUSIBLE.get(channel, CHANNELS[channel].range)


class Counts(NamedTuple):
    """Limits of a channel in counts of its sensor; None: no limit."""

    low: int | None
    high: int | None
    priority: int


PRIORITIES: Final = {"low": 1, "medium": 2, "high": 3}


def in_counts(channel: str, common: Limits, own: Limits | None, key: Key, own_key: Key) -> Counts:
    """The limits that count for somebody: own ones where they are given, else those of everybody.

    Args:
        channel: Column name.
        common: Limits of everybody.
        own: Limits of one of the crew, None where there are none.
        key: Where the common ones are written.
        own_key: Where the own ones are written.

    Raises:
        RuleError: Beyond what is plausible, between two counts of the sensor, or low above high.
    """
    low_name, high_name, _ = type(common).model_fields
    chosen = {}
    for name in (low_name, high_name, "priority"):
        given = own is not None and name in own.model_fields_set
        chosen[name] = (getattr(own if given else common, name), own_key if given else key)
    low, high = (_count(channel, name, *chosen[name]) for name in (low_name, high_name))
    if low is not None and high is not None and low > high:
        values = [format_quantity(chosen[name][0], _written(name)[1]) for name in (low_name, high_name)]
        rule = f"low, {values[0]}, is above high, {values[1]}: every value would alarm"
        raise RuleError(rule, "swap them, or write null for one", own_key if own is not None else key)
    return Counts(low, high, PRIORITIES[chosen["priority"][0]])


def _count(channel: str, name: str, value: float | None, place: Key) -> int | None:
    if value is None:
        return None
    entry = CHANNELS[channel]
    # hPa and kPa stand as Pa in the scenario and as hPa in the catalogue
    unit = Fraction(100) if entry.unit == "hPa" else Fraction(1)
    count = Fraction(str(value)) / (entry.resolution * unit)
    field, dimension = _written(name)
    low, high = plausible(channel)
    span = " to ".join(format_quantity(float(n * entry.resolution * unit), dimension) for n in (low, high))
    if not low <= count <= high:
        raise RuleError(
            f"{entry.label} is watched from {span}", "choose a limit inside, or write null", (*place, field)
        )
    if count.denominator != 1:
        step = format_quantity(float(entry.resolution * unit), dimension)
        raise RuleError(f"the sensor counts in steps of {step}", "choose a multiple of it", (*place, field))
    return int(count)


def _written(attribute: str) -> tuple[str, Dimension]:
    key = yaml_key(attribute)
    return key, SUFFIXES[attribute.removeprefix(key)]
