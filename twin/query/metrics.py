"""Names by which people ask for a channel: its own, the same without its unit, and a few that clinics use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twin.channels import CHANNELS
from twin.scenario.errors import ScenarioError, listed, shown

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


def channels_of(metric: str, worn: Sequence[str]) -> tuple[str, ...]:
    """The channels that a metric names.

    Args:
        metric: As a person wrote it.
        worn: Channels that the devices asked have.

    Raises:
        ScenarioError: nothing is called so, or these devices do not report it.
    """
    word = metric.strip().lower().replace("-", "_")
    found = (word,) if word in CHANNELS else _CLINIC.get(word) or _SHORT.get(word)
    offered = [name.rpartition("_")[0] for name in worn if name in CHANNELS]
    if found is None:
        raise ScenarioError(f"metric {shown(metric)}", "unknown metric", "--metric", listed(offered, word))
    missing = [name for name in found if name not in worn]
    if missing:
        rule = f"no device asked reports {missing[0]}"
        raise ScenarioError(f"metric {shown(metric)}", rule, "--metric", listed(offered))
    return found
