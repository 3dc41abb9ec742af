"""What the rules watch on a device: a scenario's clinic in counts and samples.

The traits of channels are assumptions of an engineer, sized on the sensors of `twin.channels` and on how fast a body
can change; they are no clinical advice.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from twin.channels import CHANNELS, CHANNELS_OF
from twin.guarantees.alarm_truth import DeviceRules
from twin.guarantees.limit_rules import LimitRule
from twin.guarantees.score_rules import Score, ScoredColumn
from twin.pipeline.clinic.news2 import SPO2
from twin.pipeline.clinic.watch import Watch, WatchedChannel
from twin.scenario.limits import Counts, plausible
from twin.scenario.model import HabitatScenario

SECOND_US: Final = 1_000_000
ALARM_WITHIN_US: Final = 5 * SECOND_US
"""From the crossing to the local alarm (issue 3)."""
WAY_US: Final = SECOND_US  # granted for signing, the local network and the edge
ARTEFACT_US: Final = 10 * SECOND_US  # how long motion may hide a change
SETTLE_US: Final = 30 * SECOND_US
STALE_US: Final = 15 * SECOND_US  # a sampled value: longer than an artefact and a hold
STALE_CUFF_US: Final = 3_600 * SECOND_US  # four readings of a cuff missed
STALE_ENTRY_US: Final = 12 * 3_600 * SECOND_US  # RCP 2017, chart 4: at least every 12 hours where the score is 0
MOVING_MG: Final = 150  # below the 200 mg that shake a clip, above rest

MOTION: Final = "activity_mg"


class Trait(NamedTuple):
    """How a channel is watched: see `WatchedChannel`; counts of its sensor, slope in counts per second."""

    nominal: int
    hysteresis: int
    parameter: str = ""
    lead: bool = False
    slope_per_s: int | None = None
    stale_us: int = STALE_US


# Nominal values lie in the band of NEWS2 that scores 0; for the cabin they are its set points. Saturation: without any
# breath it falls by 0.16 +- 0.05 % a second (Stewart et al. 2005, Med. Sci. Sports Exerc. 37, 1871); 1 % is six times
# that. The other slopes are assumed.
_TRAITS: Final[dict[str, Trait]] = {
    "heart_rate_bpm": Trait(70, 3, "heart_rate", lead=True, slope_per_s=8),
    "rr_interval_ms": Trait(850, 0),
    "spo2_pct": Trait(97, 1, SPO2, lead=True, slope_per_s=1),
    "respiration_rpm": Trait(16, 1, "respiration_rate", lead=True, slope_per_s=1),
    "systolic_mmhg": Trait(120, 3, "systolic_bp", stale_us=STALE_CUFF_US),
    "diastolic_mmhg": Trait(75, 3, stale_us=STALE_CUFF_US),
    "temperature_ddegc": Trait(370, 1, "temperature", lead=True),
    "consciousness_acvpu": Trait(0, 0, "consciousness", stale_us=STALE_ENTRY_US),
    "oxygen_flow_dlpm": Trait(0, 0, "oxygen", stale_us=STALE_ENTRY_US),
    MOTION: Trait(10, 0),
    "cabin_pressure_hpa": Trait(1013, 3, lead=True),
    "ppo2_dapa": Trait(2120, 10, lead=True),
    "ppco2_pa": Trait(300, 20, lead=True),
}
_SCALE_2_NOMINAL: Final = 90  # of the target, 88 to 92 %
_PEOPLES_UNITS: Final = {"mm[Hg]": "mmHg", "Cel": "degC", "{ACVPU}": "", "m[g]": "mg"}
_NO_LIMITS: Final = Counts(None, None, 3)


def hold_samples(hold_us: int, period_us: int) -> int:
    """Samples in a row that a condition must hold: as long as asked for, and never so long that an alarm is late.

    The first sample beyond a limit and the one that makes the alarm lie `hold - 1` periods apart, and then the frame
    is on its way.
    """
    at_most = 1 + (ALARM_WITHIN_US - WAY_US) // period_us
    return min(max(1, -(-hold_us // period_us)), at_most)


def watch_of(scenario: HabitatScenario, kind: str, crew: int, period_us: int) -> Watch:
    """The watch on one device, for the device (`Comparators`) and for every edge that carries it (`AlarmRules`).

    Args:
        scenario: Says limits, scales and how long a condition must hold.
        kind: Kind of device, which decides the columns.
        crew: Whom it watches, from 1; 0: the habitat.
        period_us: From one sample to the next [us].
    """
    clinic = scenario.clinic
    limits = clinic.limits_of(crew)
    scale = clinic.spo2_scale(crew)
    hold = hold_samples(clinic.hold_us, period_us)
    artefact = ARTEFACT_US // period_us
    names = CHANNELS_OF[kind]
    return Watch(
        channels=tuple(
            _channel(name, limits.get(name, _NO_LIMITS), scale, period_us, hold + artefact + 1) for name in names
        ),
        spo2_scale=scale,
        hold=hold,
        motion=MOTION if MOTION in names else "",
        moving=MOVING_MG,
        artefact=artefact,
        settle=max(2 * hold, SETTLE_US // period_us),
    )


def rules_of(device: int, watch: Watch) -> DeviceRules:
    """The limits and the score among a device's rules, as checkers evaluate them by themselves."""
    rules = []
    for column, channel in enumerate(watch.channels):
        least, most = channel.plausible
        if channel.low is not None:
            back = (channel.low + channel.hysteresis, most)
            name = f"{channel.name}.low"
            rules.append(LimitRule(name, column, channel.low, None, watch.hold, channel.plausible, back))
        if channel.high is not None:
            back = (least, channel.high - channel.hysteresis)
            name = f"{channel.name}.high"
            rules.append(LimitRule(name, column, None, channel.high, watch.hold, channel.plausible, back))
    names = [channel.name for channel in watch.channels]
    motion = names.index(watch.motion) if watch.motion else None
    scored = tuple(
        ScoredColumn(
            c.parameter, k, c.resolution, c.plausible, c.nominal, c.hysteresis, c.staleness, c.slope is not None
        )
        for k, c in enumerate(watch.channels)
        if c.parameter
    )
    score = Score(scored, watch.spo2_scale, watch.hold) if scored else None
    return DeviceRules(device, tuple(rules), motion, watch.moving, score)


def _channel(name: str, limits: Counts, scale: int, period_us: int, stale_min: int) -> WatchedChannel:
    channel, trait = CHANNELS[name], _TRAITS[name]
    span = plausible(name)
    nominal = _SCALE_2_NOMINAL if trait.parameter == SPO2 and scale == 2 else trait.nominal
    if limits.low is not None:
        nominal = max(nominal, min(limits.low + trait.hysteresis, span[1]))
    if limits.high is not None:
        nominal = min(nominal, max(limits.high - trait.hysteresis, span[0]))
    slope = trait.slope_per_s
    return WatchedChannel(
        name=name,
        label=channel.label,
        unit=_PEOPLES_UNITS.get(channel.unit, channel.unit),
        resolution=channel.resolution,
        plausible=span,
        nominal=nominal,
        low=limits.low,
        high=limits.high,
        priority=limits.priority,
        hysteresis=trait.hysteresis,
        slope=None if slope is None else -(-slope * period_us // SECOND_US),
        staleness=max(stale_min, trait.stale_us // period_us),
        parameter=trait.parameter,
        lead=trait.lead,
    )
