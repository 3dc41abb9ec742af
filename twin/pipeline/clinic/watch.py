"""What one device's stream is watched for: plain settings, the same for the device and for every edge.

Values are counts of the sensor: count * resolution is the value in the channel's unit. Times are samples, so that
nothing here depends on a clock.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from twin.pipeline.clinic.news2 import inner_edges

LOW_PRIORITY = 1
MEDIUM_PRIORITY = 2
HIGH_PRIORITY = 3


class WatchedChannel(NamedTuple):
    """One column of the sample rows.

    Args:
        name: Column name.
        label: What people call it, in alarm texts.
        unit: Unit as people write it.
        resolution: One count [unit].
        plausible: Least and greatest count that a person or a cabin can have; what lies outside is no reading.
        nominal: A count of rest, inside `plausible`; edges at or below it guard against falling, those above against
            rising. Nothing has fired while a channel has not left the band around it.
        low: Alarm while below this count; None: no limit.
        high: Alarm while above this count; None: no limit.
        priority: Of the limits.
        hysteresis: Counts by which a value must come back over an edge before that counts as being back.
        slope: Greatest plausible change from one sample to the next [counts]; None: no artefacts are told.
        staleness: Samples after which a value without a successor is missing.
        parameter: Parameter of NEWS2, empty for none.
        lead: Whether missing readings mean that a lead fell off; else a value that became stale is told.
    """

    name: str
    label: str
    unit: str
    resolution: Fraction
    plausible: tuple[int, int]
    nominal: int
    low: int | None = None
    high: int | None = None
    priority: int = HIGH_PRIORITY
    hysteresis: int = 1
    slope: int | None = None
    staleness: int = 15
    parameter: str = ""
    lead: bool = False

    @property
    def watched(self) -> bool:
        """Whether any rule reads the channel."""
        return bool(self.parameter) or self.lead or self.low is not None or self.high is not None


class Watch(NamedTuple):
    """Settings of the rules for one device.

    Args:
        channels: One per column, in order.
        spo2_scale: 1, or 2 for a person whose target is 88 to 92 %.
        hold: Samples in a row that a band must hold before it counts, at least 1.
        motion: Name of the accelerometer's channel, empty for none.
        moving: Count from which the accelerometer shows motion.
        artefact: Samples in a row that may be taken for an artefact; then they are believed.
        settle: Least rows of a frame that lies wholly back over an edge, and by that ends hysteresis.
    """

    channels: tuple[WatchedChannel, ...]
    spo2_scale: int = 1
    hold: int = 3
    motion: str = ""
    moving: int = 0
    artefact: int = 10
    settle: int = 30

    def edges(self, channel: WatchedChannel) -> tuple[int, ...]:
        """Inner edges of a channel, ascending, each the first count of the band above it."""
        scored = inner_edges(channel.parameter, channel.resolution, self.spo2_scale) if channel.parameter else ()
        limits = [channel.low] if channel.low is not None else []
        if channel.high is not None:
            limits.append(channel.high + 1)
        low, high = channel.plausible
        return tuple(sorted({edge for edge in (*scored, *limits) if low < edge <= high}))

    def check(self) -> None:
        """Refuse settings under which an alarm could be late or never clear.

        Raises:
            ValueError: What is wrong, and with which channel.
        """
        if self.hold < 1 or self.artefact < 0:
            raise ValueError(f"watch: hold {self.hold} and artefact {self.artefact} are counts of samples, hold from 1")
        names = [channel.name for channel in self.channels]
        if len(dict.fromkeys(names)) != len(names) or (self.motion and self.motion not in names):
            raise ValueError(f"watch: channels {', '.join(names)} must differ and hold {self.motion or 'nothing else'}")
        for channel in self.channels:
            low, high = channel.plausible
            if not low <= channel.nominal <= high:
                raise ValueError(f"watch: {channel.name} rests at {channel.nominal}, outside {low} to {high}")
            if channel.hysteresis < 0 or channel.staleness <= self.hold + self.artefact:
                # a value that went stale within an artefact could raise a score with no comparator to tell the device
                raise ValueError(
                    f"watch: {channel.name} goes stale after {channel.staleness} samples; hold and artefact take "
                    f"{self.hold + self.artefact}, and its hysteresis is {channel.hysteresis}"
                )
            limits = (channel.low, channel.high)
            if any(limit is not None and not low <= limit <= high for limit in limits):
                raise ValueError(
                    f"watch: {channel.name} has limits {limits} outside what is plausible, {low} to {high}"
                )
