"""Names by which people ask for a channel: its own, the same without its unit, and a few that clinics use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from twin.channels import CHANNELS
from twin.scenario.errors import ScenarioError, guessed, listed, shown

BLOOD_PRESSURE: Final = ("systolic_mmhg", "diastolic_mmhg")

_SHORT: Final = {name.rpartition("_")[0]: (name,) for name in CHANNELS}
_CLINIC: Final = {
    "hr": ("heart_rate_bpm",),
    "rr": ("respiration_rpm",),  # respiratory rate; the interval between R waves is rr_interval
    "respiratory_rate": ("respiration_rpm",),
    "temp": ("temperature_ddegc",),
    "bp": BLOOD_PRESSURE,
    "blood_pressure": BLOOD_PRESSURE,
    "acvpu": ("consciousness_acvpu",),
}
_GUESSES: Final = [word for word in (*_SHORT, *_CLINIC) if len(word) > 3]  # a shorter one is near to anything short
_ALIKE: Final = 0.75  # below it "saturation" would be taken for "respiration"
_NAMES_SHOWN: Final = 6


def channels_of(
    metric: str, worn: Sequence[str], elsewhere: Mapping[str, Sequence[str]] | None = None
) -> tuple[str, ...]:
    """The channels that a metric names.

    Args:
        metric: As a person wrote it.
        worn: Channels that the devices asked have.
        elsewhere: Name of a device that was not asked -> its channels.

    Raises:
        ScenarioError: nothing is called so, or these devices do not report it.
    """
    word = metric.strip().lower().replace("-", "_")
    found = _named(word)
    if not found:
        guess = guessed(_GUESSES, word, _ALIKE)
        hint = f"did you mean {guess}? " if guess else ""
        remedy = hint + _remedy(_named(guess), worn, elsewhere or {})
        raise ScenarioError(f"metric {shown(metric)}", "unknown metric", "--metric", remedy)
    missing = [name for name in found if name not in worn]
    if missing:
        rule = f"no device asked reports {missing[0]}"
        raise ScenarioError(f"metric {shown(metric)}", rule, "--metric", _remedy(found, worn, elsewhere or {}))
    return found


def _named(word: str) -> tuple[str, ...]:
    return (word,) if word in CHANNELS else _CLINIC.get(word) or _SHORT.get(word) or ()


def _remedy(wanted: Sequence[str], worn: Sequence[str], elsewhere: Mapping[str, Sequence[str]]) -> str:
    """Ask the device that has what is wanted; where none has, or those asked do, choose from what these offer."""
    missing = set(wanted) - set(worn)
    having = [name for name, channels in elsewhere.items() if missing and missing <= set(channels)]
    if not having:
        return listed(name.rpartition("_")[0] for name in worn if name in CHANNELS)
    more = ", ..." if len(having) > _NAMES_SHOWN else ""
    return f"ask --device {', '.join(having[:_NAMES_SHOWN])}{more}"
