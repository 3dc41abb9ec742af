"""What operators do to a running system: keys are replaced, on both sides or on one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from twin.scenario.fault_parts import AtInstant
from twin.scenario.fields import DurationUs, NodeName, setting
from twin.units import format_duration


class HopKeyRotation(AtInstant):
    """The key of interplanetary bundles is replaced: on Mars, and `apart` later on Earth; or on one side alone."""

    kind: Literal["hop_key_rotation"]
    side: Literal["both", "mars", "earth"] = setting("both", "Who replaces it.", source="assumed: as it should be")
    apart_us: DurationUs = setting(
        "10 min", "How much later Earth replaces it, for both sides.", source="assumed: two operators, one procedure"
    )

    @property
    def place(self) -> str:
        return {"both": "hop keys", "mars": "hop keys on Mars", "earth": "hop keys on Earth"}[self.side]

    @property
    def lasts_us(self) -> int:
        return self.apart_us if self.side == "both" else 0

    @property
    def detail(self) -> str:
        return f"Earth {format_duration(self.apart_us)} later" if self.side == "both" else "one side alone"


class DeviceKeyRotation(AtInstant):
    """A device is given another signing key; it closes its epoch with the old one."""

    kind: Literal["device_key_rotation"]
    device: NodeName = Field(description="The device, for example vitals-1.")

    @property
    def place(self) -> str:
        return self.device


OperatorFault = HopKeyRotation | DeviceKeyRotation
