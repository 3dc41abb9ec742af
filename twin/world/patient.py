"""Vital signs of one crew member, sample by sample, as a monitor on the body sees them.

Each measured channel is a baseline of the person, a circadian swing of one sol, a share of the person's effort, its
own slow wander and the sensor's jitter (`vital_model`); episodes add their courses (`episodes`). Effort is what
exertion exceeds rest by, and people rest at night. The RR interval is derived: 60000 / heart rate, swinging with each
breath (respiratory sinus arrhythmia) and from beat to beat. Blood pressure comes from a cuff every 15 min and holds
until the next reading. Consciousness and supplemental oxygen are entered by a person: alert and none unless an episode
says otherwise.

All arithmetic is in integers, in blocks of fixed length (`walks` says why).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from twin.channels import CHANNELS, VITALS
from twin.world.episodes import Course, Truth
from twin.world.vital_model import (
    BEAT_SIGMA_MS,
    BREATH_SWING,
    CUFF_SHIFT,
    CUFF_US,
    EXERTION_SHIFT,
    KNOT_US,
    TRAITS,
    WANDER_SHIFT,
)
from twin.world.walks import NOISE_SIGMA, ONE, Ints, Sampled, Walk, between, circadian, fixed, noise, sine

_SLOWEST_HEART: Final = 20 << 16  # the monitor's lowest rate bounds the division


class Vitals(Sampled):
    """The vital signs of one person, as one monitor samples them without gaps.

    Args:
        generator: This person's own random stream (`twin.randomness.stream`); its children are drawn from.
        period_us: From one sample to the next [us], above 0; sample i stands i * period_us after the start.
        phase_us: Local time at sample 0, from local midnight [us]; any integer, taken modulo one sol.
        courses: What befalls the person; each draws from a stream of its own.

    Raises:
        ValueError: The period is not above 0.
    """

    CHANNELS: Final[tuple[str, ...]] = VITALS

    def __init__(
        self, generator: np.random.Generator, period_us: int, phase_us: int = 0, courses: Sequence[Course] = ()
    ) -> None:
        super().__init__("vitals", VITALS, period_us)
        self._phase_us = phase_us
        self._courses = courses
        person, exertion, effort_at_cuff, self._beat, *own = generator.spawn(4 + 2 * len(TRAITS))
        self._baselines = {name: between(person, *trait.baseline) for name, trait in TRAITS.items()}
        self._exertion = Walk(exertion, KNOT_US, 1.0, EXERTION_SHIFT)
        self._effort_at_cuff = Walk(effort_at_cuff, CUFF_US, 1.0, CUFF_SHIFT)
        self._jitters = dict(zip(TRAITS, own[1::2], strict=True))
        self._wanders = {
            name: Walk(stream, CUFF_US, trait.wander, CUFF_SHIFT)
            if trait.by_cuff
            else Walk(stream, KNOT_US, trait.wander, WANDER_SHIFT)
            for (name, trait), stream in zip(TRAITS.items(), own[::2], strict=True)
        }
        self._breath = 0  # phase at the next block, whole breaths are 2^32
        self._breath_step = (period_us << 32) // 60_000_000

    def _compute(self, at_us: Ints) -> Ints:
        truth = self._undisturbed(at_us)
        for course in self._courses:
            course.act(truth)
        rows = np.zeros((len(at_us), len(VITALS)), dtype=np.int64)
        values = truth.values
        values["rr_interval_ms"] = self._rr_interval(truth)
        for column, name in enumerate(VITALS):
            value = values[name]
            trait = TRAITS.get(name)
            if trait is not None and trait.jitter:
                value = value + noise(self._jitters[name], len(at_us)) * fixed(trait.jitter) // NOISE_SIGMA
            rows[:, column] = np.clip(value + ONE // 2 >> 16, *CHANNELS[name].range)
        return rows

    def _undisturbed(self, at_us: Ints) -> Truth:
        cuff_us = at_us // CUFF_US * CUFF_US
        day, cuff_day = circadian(at_us + self._phase_us), circadian(cuff_us + self._phase_us)
        effort = _waking(self._exertion.straight(at_us), day)
        cuff_effort = _waking(self._effort_at_cuff.held(at_us), cuff_day)
        values: dict[str, Ints] = {}
        for name, trait in TRAITS.items():
            wander = self._wanders[name]
            value = self._baselines[name] + (wander.held(at_us) if trait.by_cuff else wander.straight(at_us))
            value += (cuff_day if trait.by_cuff else day) * fixed(trait.circadian) >> 16
            value += (cuff_effort if trait.by_cuff else effort) * fixed(trait.effort) >> 16
            values[name] = value
        values["consciousness_acvpu"] = np.zeros(len(at_us), dtype=np.int64)
        values["oxygen_flow_dlpm"] = np.zeros(len(at_us), dtype=np.int64)
        phase = self._breath + np.cumsum(self.breaths(values["respiration_rpm"]))
        self._breath = int(phase[-1]) & 0xFFFF_FFFF
        return Truth(at_us, cuff_us, values, phase, np.zeros(len(at_us), dtype=np.int64), self.breaths)

    def breaths(self, respiration: Ints) -> Ints:
        """What each sample period adds to the phase of breathing at a rate [1/min, fixed point]."""
        phase: Ints = (respiration >> 8) * self._breath_step >> 8
        return phase

    def _rr_interval(self, truth: Truth) -> Ints:
        mean = (60_000 << 32) // np.maximum(truth.values["heart_rate_bpm"], _SLOWEST_HEART)
        swing = (mean >> 8) ** 2 // BREATH_SWING
        interval: Ints = mean + (swing * sine((truth.breath & 0xFFFF_FFFF) >> 15) >> 16)
        interval += noise(self._beat, len(mean)) * fixed(BEAT_SIGMA_MS) // NOISE_SIGMA
        interval += (mean >> 8) * truth.irregular >> 8
        return interval


def _waking(exertion: Ints, day: Ints) -> Ints:
    """Effort: what exertion exceeds rest by, all of it from about 12 h to 22 h, none from about 2 h to 8 h (asleep)."""
    awake = np.clip(ONE * 3 // 4 + day, 0, ONE)
    effort: Ints = np.maximum(exertion, 0) * awake >> 16
    return effort
