"""Troubles of sensors by script: ground truth for what is no illness.

What they do to samples stands in `twin.world.artefacts`, what they do to deliveries in `twin.hosts.models.sensor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from twin.channels import CHANNELS, CHANNELS_OF
from twin.scenario.errors import Key, RuleError, listed
from twin.scenario.fault_parts import ForAWhile
from twin.scenario.fields import PositiveDurationUs, Ratio, setting

if TYPE_CHECKING:
    from twin.scenario.model import HabitatScenario

DeviceName = Annotated[str, Field(pattern=r"^[a-z]+(-[1-9][0-9]*){1,2}$", max_length=32)]


class _OnSensor(ForAWhile):
    """A trouble of one device during a span."""

    kind: str
    device: DeviceName = Field(description="The device, such as vitals-2 or air-1.")

    @property
    def place(self) -> str:
        """Where it acts, as the report names it."""
        return self.device


class LeadOff(_OnSensor):
    """A lead is off: no readings in its channels."""

    kind: Literal["lead_off"]
    channel: str | None = setting(
        None,
        "One channel of the lead that is off; the lead's others go with it. null: all leads.",
        source="assumed: the monitor is taken off",
    )

    @property
    def detail(self) -> str:
        return self.channel or "all leads"


class MotionArtefact(_OnSensor):
    """Movement: bursts of spikes in oxygen saturation, heart rate and respiration, together with activity."""

    kind: Literal["motion_artefact"]
    rate: Ratio = setting("5 %", "Probability that a sample begins a burst.", source="assumed: one burst in 20 s")

    @property
    def detail(self) -> str:
        return f"{self.rate * 100:g} %"


class SensorStuck(_OnSensor):
    """The front end freezes: what it measured last is reported on and on."""

    kind: Literal["sensor_stuck"]


class SensorDuplicate(_OnSensor):
    """Blocks of samples are delivered to the device twice."""

    kind: Literal["sensor_duplicate"]
    rate: Ratio = setting("100 %", "Probability for each block.", source="assumed: each of them")

    @property
    def detail(self) -> str:
        return f"{self.rate * 100:g} %"


class SensorLate(_OnSensor):
    """Blocks of samples are delivered to the device late, in their order."""

    kind: Literal["sensor_late"]
    delay_us: PositiveDurationUs = setting("5 s", "How late.", source="assumed: a bus that is reset")
    rate: Ratio = setting("100 %", "Probability for each block.", source="assumed: each of them")

    @property
    def detail(self) -> str:
        return f"{self.rate * 100:g} %"


SensorFault = LeadOff | MotionArtefact | SensorStuck | SensorDuplicate | SensorLate
SENSOR_FAULTS: Final = (LeadOff, MotionArtefact, SensorStuck, SensorDuplicate, SensorLate)


def check_sensor_fault(scenario: HabitatScenario, fault: SensorFault, key: Key) -> None:
    """Raise `RuleError` where a trouble names a device or a lead that is not there."""
    groups = {slot.name: slot.group for slot in scenario.habitat.device_slots}
    if fault.device not in groups:
        raise RuleError("unknown device", listed(groups, fault.device), (*key, "device"))
    if isinstance(fault, LeadOff) and fault.channel is not None:
        channels = CHANNELS_OF[groups[fault.device].kind]
        measured = [name for name in channels if not CHANNELS[name].entered and name != "activity_mg"]
        if fault.channel not in measured:
            raise RuleError("no lead of this device", listed(measured, fault.channel), (*key, "channel"))
