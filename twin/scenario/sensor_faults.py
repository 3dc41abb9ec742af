"""Troubles of sensors by script: ground truth for what is no illness.

What they do to samples stands in `twin.world.artefacts`, what they do to deliveries in `twin.hosts.models.sensor`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from twin.scenario.fields import DurationUs, Part, PositiveDurationUs, Ratio, setting

DeviceName = Annotated[str, Field(pattern=r"^[a-z]+(-[1-9][0-9]*){1,2}$", max_length=32)]


class _OnSensor(Part):
    """A trouble of one device during a span."""

    kind: str
    device: DeviceName = Field(description="The device, such as vitals-2 or air-1.")
    at_us: DurationUs = Field(description="When it sets in.")
    for_us: PositiveDurationUs = Field(description="How long it lasts.")


class LeadOff(_OnSensor):
    """A lead is off: no readings in its channels."""

    kind: Literal["lead_off"]
    channel: str | None = setting(
        None,
        "One channel of the lead that is off; the lead's others go with it. null: all leads.",
        source="assumed: the monitor is taken off",
    )


class MotionArtefact(_OnSensor):
    """Movement: bursts of spikes in oxygen saturation, heart rate and respiration, together with activity."""

    kind: Literal["motion_artefact"]
    rate: Ratio = setting("5 %", "Probability that a sample begins a burst.", source="assumed: one burst in 20 s")


class SensorStuck(_OnSensor):
    """The front end freezes: what it measured last is reported on and on."""

    kind: Literal["sensor_stuck"]


class SensorDuplicate(_OnSensor):
    """Blocks of samples are delivered to the device twice."""

    kind: Literal["sensor_duplicate"]
    rate: Ratio = setting("100 %", "Probability for each block.", source="assumed: each of them")


class SensorLate(_OnSensor):
    """Blocks of samples are delivered to the device late, in their order."""

    kind: Literal["sensor_late"]
    delay_us: PositiveDurationUs = setting("5 s", "How late.", source="assumed: a bus that is reset")
    rate: Ratio = setting("100 %", "Probability for each block.", source="assumed: each of them")


SensorFault = LeadOff | MotionArtefact | SensorStuck | SensorDuplicate | SensorLate
SENSOR_FAULTS: Final = (LeadOff, MotionArtefact, SensorStuck, SensorDuplicate, SensorLate)
