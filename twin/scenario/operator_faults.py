"""What operators do to a running system: keys are replaced on both sides or on one, rows are deleted before their time,
and an edge node is started with a wrong list of devices.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from twin.scenario.fault_parts import AtInstant, ForAWhile
from twin.scenario.fields import DurationUs, NodeName, PositiveDurationUs, setting
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


class EarlyRetention(AtInstant):
    """A retention job deletes rows of a store on Earth that must be kept: all that were stored `older_than` before."""

    kind: Literal["early_retention"]
    store: Literal["table", "backup"] = setting("table", "Where.", source="assumed: the copy that costs more")
    older_than_us: PositiveDurationUs = Field(description="Rows that were stored so long before are deleted.")

    @property
    def place(self) -> str:
        return self.store

    @property
    def detail(self) -> str:
        return f"rows older than {format_duration(self.older_than_us)} deleted"


class WrongConfig(ForAWhile):
    """An edge node is restarted with a configuration that does not know a device, and later with the right one."""

    kind: Literal["wrong_config"]
    node: NodeName = Field(description="The edge node: edge-1 to edge-N.")
    device: NodeName = Field(description="The device that it does not know, for example vitals-1.")
    down_us: PositiveDurationUs = setting("1 min", "How long each restart takes.", source="assumed: a small computer")

    @property
    def place(self) -> str:
        return self.node

    @property
    def detail(self) -> str:
        return f"does not know {self.device}"


OperatorFault = HopKeyRotation | DeviceKeyRotation | EarlyRetention | WrongConfig
