"""Courses of illness and accident: what an episode adds to a crew member's vital signs, as ground truth.

An episode lasts `for_us` from its first deviation to the last: every channel rises from nothing, holds, and is back at
nothing when the episode ends, so that no sample outside moves. Blood pressure, which a cuff reads every 15 min and the
monitor holds, is read once more at the end. What people enter (consciousness, supplemental oxygen) comes some minutes
after what they see, each delay drawn from the episode's own random stream.

| kind | course at severity 1 |
|---|---|
| hypoxia | SpO2 -18 %, heart rate +20, respiration +9, new confusion; oxygen after minutes halves the deficit |
| sepsis | T +2.4 degC, heart rate +54, respiration +12, pressure -34/-22 mmHg, SpO2 -4 %, new confusion |
| arrhythmia | heart rate +103 within seconds, intervals irregular by 20 %, pressure -18/-8 mmHg |
| decompression | SpO2 follows the cabin's ppO2 (`decompression`), heart rate +18, respiration +6; masks after minutes |
| hypothermia | T -3 degC, heart rate -8, respiration -2, activity +60 mg (shivering); confusion from severity 1.3 |

Sources. Hypoxia: about one beat more for each percent of desaturation, Slutsky & Rebuck 1978, Am. J. Physiol. 234,
H129. Sepsis: respiration >= 22, systolic <= 100, altered mentation, Singer et al. 2016, JAMA 315, 801; fever and pulse
come first, pressure last (assumed). Arrhythmia: atrial fibrillation with rapid ventricular response, January et al.
2014, Circulation 130, e199. Hypothermia: stage HT I, 35 to 32 degC, is conscious and shivers, Durrer, Brugger & Syme
2003, High Alt. Med. Biol. 4, 99. Sizes and times that these do not give are assumed; papers were cited from memory.

Severity scales the sizes, not the times.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np

from twin.world import decompression
from twin.world.walks import NOISE_SIGMA, ONE, Ints, fixed, noise

MINUTE_US: Final = 60_000_000


class Truth(NamedTuple):
    """A block of what is true of a person, which courses change in place.

    Args:
        at_us: Instants after the start [us], shape (n,).
        cuff_us: Instant of the cuff reading that holds at each.
        values: Counts by channel, fixed point.
        breath: Phase of breathing, a whole breath is 2^32.
        irregular: Relative deviation of RR intervals, fixed point.
        breaths: Phase per sample at a breathing rate.
    """

    at_us: Ints
    cuff_us: Ints
    values: dict[str, Ints]
    breath: Ints
    irregular: Ints
    breaths: Callable[[Ints], Ints]


class Episode(NamedTuple):
    """One scripted episode: times after the start [us], severity in thousandths."""

    kind: str
    at_us: int
    for_us: int
    severity_permille: int


class Change(NamedTuple):
    """What a channel does at severity 1: its size in counts, and by which share of the onset it comes later."""

    size: float
    lag: Fraction = Fraction(0)


class Plan(NamedTuple):
    """Course of one kind: onset and recovery as shares of the duration, each with its longest time; the changes.

    Args:
        confusion: From which severity (thousandths) the person is newly confused, None for never.
        oxygen: Supplemental oxygen that the crew gives [0.1 L/min]; it takes `relief` of the SpO2 deficit away.
        irregular: Sigma of RR intervals, relative.
    """

    onset: Fraction
    onset_max_us: int
    recovery: Fraction
    recovery_max_us: int
    changes: dict[str, Change]
    confusion: int | None = None
    oxygen: int = 0
    relief: float = 0.0
    irregular: float = 0.0


_LATER: Final = Fraction(1, 2)
_HOUR_US: Final = 60 * MINUTE_US
_PLANS: Final[dict[str, Plan]] = {
    "hypoxia": Plan(
        Fraction(1, 4),
        5 * MINUTE_US,
        Fraction(1, 4),
        10 * MINUTE_US,
        {"spo2_pct": Change(-18), "heart_rate_bpm": Change(20), "respiration_rpm": Change(9)},
        confusion=700,
        oxygen=60,
        relief=0.5,
    ),
    "sepsis": Plan(
        Fraction(2, 5),
        6 * _HOUR_US,
        Fraction(1, 5),
        4 * _HOUR_US,
        {
            "temperature_ddegc": Change(24),
            "heart_rate_bpm": Change(54),
            "respiration_rpm": Change(12, _LATER / 2),
            "spo2_pct": Change(-4, _LATER),
            "systolic_mmhg": Change(-34, _LATER),
            "diastolic_mmhg": Change(-22, _LATER),
        },
        confusion=700,
        oxygen=20,
        relief=0.4,
    ),
    "arrhythmia": Plan(
        Fraction(1, 100),
        2_000_000,
        Fraction(1, 100),
        2_000_000,
        {"heart_rate_bpm": Change(103), "systolic_mmhg": Change(-18), "diastolic_mmhg": Change(-8)},
        irregular=0.2,
    ),
    "decompression": Plan(
        decompression.FALL,
        decompression.FALL_MAX_US,
        decompression.RESTORE,
        decompression.RESTORE_MAX_US,
        {"heart_rate_bpm": Change(18), "respiration_rpm": Change(6)},
        oxygen=100,
        relief=0.7,
    ),
    "hypothermia": Plan(
        Fraction(1, 2),
        3 * _HOUR_US,
        Fraction(1, 4),
        3 * _HOUR_US,
        {
            "temperature_ddegc": Change(-30),
            "heart_rate_bpm": Change(-8),
            "respiration_rpm": Change(-2),
            "activity_mg": Change(60),
        },
        confusion=1300,
    ),
}
KINDS: Final = tuple(_PLANS)


class Course:
    """One episode of one person.

    Args:
        random: The stream of this episode and this person, which nothing else draws from.
    """

    def __init__(self, episode: Episode, random: np.random.Generator) -> None:
        self._at_us = episode.at_us
        self._for_us = episode.for_us
        self._kind = episode.kind
        self._severity = episode.severity_permille
        self._plan = plan = _PLANS[episode.kind]
        self._random = random
        self._onset_us = max(1, min(int(plan.onset * self._for_us), plan.onset_max_us))
        self._recovery_us = max(1, min(int(plan.recovery * self._for_us), plan.recovery_max_us))
        # What people enter follows what is there by some minutes, or sooner where the whole episode is short.
        slowest_us = min(6 * MINUTE_US, self._for_us // 6)
        self._notice_us, self._treat_us, self._clear_us = (self._delay(slowest_us) for _ in range(3))
        self._breath = 0

    def _delay(self, slowest_us: int) -> int:
        share = int(self._random.bit_generator.random_raw()) >> 48
        return slowest_us // 3 + (2 * slowest_us // 3 * share >> 16)

    def act(self, truth: Truth) -> None:
        """Add the course to a block of what is true."""
        into_us = truth.at_us - self._at_us
        first, end = np.searchsorted(into_us, (0, self._for_us))
        if first == end:
            return
        here = slice(int(first), int(end))
        into_us = into_us[here]
        values = truth.values
        values["oxygen_flow_dlpm"][here] += self._entered(into_us, self._treat_us) * (self._plan.oxygen << 16)
        deficit = ONE - (self._relieved(into_us) * fixed(self._plan.relief) >> 16)
        for name, change in self._plan.changes.items():
            at_us = truth.cuff_us[here] - self._at_us if name in ("systolic_mmhg", "diastolic_mmhg") else into_us
            added = self._grown(at_us, change.lag) * (fixed(change.size) * self._severity // 1000) >> 16
            if name == "spo2_pct":
                added = added * deficit >> 16
            elif name == "respiration_rpm":
                self._breathe(truth, here, added)
            values[name][here] += added
        if self._kind == "decompression":
            fall = decompression.saturation_change(into_us, self._for_us, self._severity)
            values["spo2_pct"][here] += fall * deficit >> 16
        if self._plan.confusion is not None and self._severity >= self._plan.confusion:
            confused = self._entered(into_us, self._notice_us) << 16
            values["consciousness_acvpu"][here] = np.maximum(values["consciousness_acvpu"][here], confused)
        if self._plan.irregular:
            beats = noise(self._random, len(into_us)) * fixed(self._plan.irregular) // NOISE_SIGMA
            truth.irregular[here] += beats

    def _grown(self, into_us: Ints, lag: Fraction = Fraction(0)) -> Ints:
        """How much of a change is there: a trapezoid, fixed point, 0 at both ends."""
        begin_us = int(lag * self._onset_us)
        rising = _ramp(into_us - begin_us, self._onset_us)
        falling = _ramp(self._for_us - into_us, self._recovery_us)
        return np.minimum(rising, falling)

    def _entered(self, into_us: Ints, delay_us: int) -> Ints:
        """1 from some time after the onset is complete until some time into the recovery, else 0."""
        begin_us = self._onset_us + delay_us
        end_us = self._for_us - self._recovery_us + min(self._clear_us, self._recovery_us)
        return ((into_us >= begin_us) & (into_us < end_us)).astype(np.int64)

    def _relieved(self, into_us: Ints) -> Ints:
        """How far supplemental oxygen has worked: all of it two minutes after it is given; it is not taken back."""
        return _ramp(into_us - self._onset_us - self._treat_us, 2 * MINUTE_US)

    def _breathe(self, truth: Truth, here: slice, added: Ints) -> None:
        phase = self._breath + np.cumsum(truth.breaths(added))
        truth.breath[here] += phase
        self._breath = int(phase[-1])


def _ramp(into_us: Ints, length_us: int) -> Ints:
    return (np.clip(into_us, 0, length_us) << 16) // length_us
