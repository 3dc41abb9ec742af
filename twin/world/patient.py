"""Vital signs of a healthy crew member at rest and at light work, sample by sample.

Each channel is a baseline of the person, a circadian swing of one sol, a share of the person's exertion, its
own slow wander and the sensor's jitter. Exertion and wander are first-order autoregressive::

    x[k+1] = (1 - 2^-m) x[k] + e[k]

on knots every 16 s, straight between knots. Blood pressure comes from a cuff every 15 min and holds until the
next reading.

Everything is integer arithmetic: fixed point with 16 fraction bits, noise as the sum of four 16-bit words of
the raw PCG64 output (Irwin-Hall, 3.5 sigma at most), the circadian sine by Bhaskara I's rational formula. No
float is ever rounded to a sample, so no choice of SIMD kernel, libm or fused multiply-add can move one across
an edge.

Values are computed in blocks of fixed length whatever is asked for, so they do not depend on how they are
read, and memory does not grow with the length of the series.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

from twin.world.timescales import SOL_US

Ints = npt.NDArray[np.int64]

_ONE: Final = 1 << 16  # fixed point: one unit of a channel's resolution
_KNOT_US: Final = 16_000_000
_CUFF_US: Final = 900_000_000  # a common interval of ambulatory blood pressure monitors by day
_BLOCK_US: Final = 3_600_000_000
_BLOCK_SAMPLES_MAX: Final = 3_600
_ACROPHASE: Final = 17, 24  # heart rate and temperature peak at about 17 h of a 24 h day
_EXERTION_SHIFT: Final = 6  # 64 knots: exertion remembers itself for about 17 min
_WANDER_SHIFT: Final = 3  # 8 knots: a channel's own wander, about 2 min
_CUFF_SHIFT: Final = 2  # 4 cuff readings: about 1 h
_NOISE_SIGMA: Final = 37_837  # of the sum of four uniform 16-bit words: 65536 sqrt(4 / 12)


@dataclass(frozen=True, slots=True)
class Channel:
    """One measured quantity; all amplitudes are in units of its resolution.

    Args:
        name: Column name, unit included.
        unit: Unit in which the resolution is given.
        resolution: One count [unit].
        mdc: Reference identifier and code of ISO/IEEE 11073-10101.
        baseline: Lowest and highest personal baseline.
        circadian: Half of the swing over one sol.
        exertion: Rise per sigma of exertion.
        wander: Sigma of the channel's own slow wander.
        jitter: Sigma of the sensor's noise from sample to sample.
        range: Least and greatest count that the device reports.
        by_cuff: Read every 15 min and held, not sampled.
    """

    name: str
    unit: str
    resolution: float
    mdc: tuple[str, int]
    baseline: tuple[int, int]
    circadian: float
    exertion: float
    wander: float
    jitter: float
    range: tuple[int, int]
    by_cuff: bool = False


# Baselines: resting adults, inside the zero-score bands of NEWS2 (Royal College of Physicians 2017).
# Circadian amplitudes: after Degaute et al. 1991, Hypertension 18, 199 (pressure, heart rate) and Kraeuchi &
# Wirz-Justice 1994, Am. J. Physiol. 267, R819 (skin temperature), rounded. Codes: ISO/IEEE 11073-10101.
MODEL: Final[tuple[Channel, ...]] = (
    Channel(
        "heart_rate_bpm",
        "1/min",
        1,
        ("MDC_ECG_HEART_RATE", 147842),
        baseline=(60, 72),
        circadian=5,
        exertion=4,
        wander=1.5,
        jitter=1.0,
        range=(20, 300),
    ),
    Channel(
        "spo2_pct",
        "%",
        1,
        ("MDC_PULS_OXIM_SAT_O2", 150456),
        baseline=(97, 99),
        circadian=0.3,
        exertion=0,
        wander=0.4,
        jitter=0.3,
        range=(0, 100),
    ),
    Channel(
        "respiration_rpm",
        "1/min",
        1,
        ("MDC_RESP_RATE", 151562),
        baseline=(14, 17),
        circadian=0.7,
        exertion=0.7,
        wander=0.5,
        jitter=0.3,
        range=(0, 150),
    ),
    Channel(
        "skin_temperature_ddegc",
        "degC",
        0.1,
        ("MDC_TEMP_SKIN", 150388),
        baseline=(335, 350),
        circadian=5,
        exertion=1,
        wander=1.5,
        jitter=0.3,
        range=(0, 500),
    ),
    Channel(
        "systolic_mmhg",
        "mmHg",
        1,
        ("MDC_PRESS_BLD_NONINV_SYS", 150021),
        baseline=(116, 126),
        circadian=6,
        exertion=3,
        wander=3,
        jitter=0,
        range=(30, 260),
        by_cuff=True,
    ),
    Channel(
        "diastolic_mmhg",
        "mmHg",
        1,
        ("MDC_PRESS_BLD_NONINV_DIA", 150022),
        baseline=(68, 78),
        circadian=4,
        exertion=2,
        wander=2,
        jitter=0,
        range=(15, 220),
        by_cuff=True,
    ),
)


class Vitals:
    """The vital signs of one person, as one monitor samples them without gaps.

    Args:
        generator: This person's own random stream (`twin.randomness.stream`); its children are drawn from.
        period_us: From one sample to the next [us], above 0; sample i stands i * period_us after the start.
        phase_us: Local time at sample 0, from local midnight [us]; any integer, taken modulo one sol.

    Raises:
        ValueError: The period is not above 0.
    """

    CHANNELS: Final[tuple[str, ...]] = tuple(channel.name for channel in MODEL)

    def __init__(self, generator: np.random.Generator, period_us: int, phase_us: int = 0) -> None:
        if period_us <= 0:
            raise ValueError(f"sample period {period_us} us: a period is longer than 0; 1 s is usual")
        self._period_us = period_us
        self._phase_us = phase_us
        self._block_samples = max(1, min(_BLOCK_SAMPLES_MAX, _BLOCK_US // period_us))
        person, exertion, effort_at_cuff, self._jitter, *wanders = generator.spawn(4 + len(MODEL))
        self._baselines = [_between(person, channel.baseline) for channel in MODEL]
        self._exertion = _Walk(exertion, _KNOT_US, 1.0, _EXERTION_SHIFT)
        self._effort_at_cuff = _Walk(effort_at_cuff, _CUFF_US, 1.0, _CUFF_SHIFT)
        self._wanders = [
            _Walk(own, _CUFF_US, channel.wander, _CUFF_SHIFT)
            if channel.by_cuff
            else _Walk(own, _KNOT_US, channel.wander, _WANDER_SHIFT)
            for own, channel in zip(wanders, MODEL, strict=True)
        ]
        self._next_sample = 0
        self._ready = np.empty((0, len(MODEL)), dtype=np.int64)  # computed, not yet asked for
        self._computed = 0

    def block(self, first_sample: int, count: int) -> Ints:
        """Read the next samples, in order.

        Args:
            first_sample: Index of the first sample; exactly the one after those already read.
            count: How many samples, 0 or more.

        Returns:
            Counts of each channel's resolution, shape (count, channels), columns as in `CHANNELS`.

        Raises:
            ValueError: The samples asked for are not the next ones.
        """
        if first_sample != self._next_sample or count < 0:
            raise ValueError(
                f"vitals: {count} samples from {first_sample} on: samples are read once and in order; "
                f"ask from {self._next_sample} on, or make a new generator"
            )
        parts = [self._ready]
        held = len(self._ready)
        while held < count:
            parts.append(self._compute())
            held += len(parts[-1])
        rows = np.concatenate(parts) if len(parts) > 1 else self._ready
        self._ready = rows[count:]
        self._next_sample += count
        return rows[:count].copy()

    def _compute(self) -> Ints:
        samples = np.arange(self._computed, self._computed + self._block_samples, dtype=np.int64)
        at_us = samples * self._period_us
        day = _circadian(at_us + self._phase_us)
        exertion = self._exertion.straight(at_us)
        effort_at_cuff = self._effort_at_cuff.held(at_us)
        cuff_day = _circadian(at_us // _CUFF_US * _CUFF_US + self._phase_us)
        jitter = _noise(self._jitter, len(samples) * len(MODEL)).reshape(len(samples), len(MODEL))
        rows = np.empty(jitter.shape, dtype=np.int64)
        for column, (channel, baseline, wander) in enumerate(zip(MODEL, self._baselines, self._wanders, strict=True)):
            own = wander.held(at_us) if channel.by_cuff else wander.straight(at_us)
            total = baseline + own
            total += (cuff_day if channel.by_cuff else day) * _fixed(channel.circadian) >> 16
            total += (effort_at_cuff if channel.by_cuff else exertion) * _fixed(channel.exertion) >> 16
            total += jitter[:, column] * _fixed(channel.jitter) // _NOISE_SIGMA
            rows[:, column] = np.clip(total + _ONE // 2 >> 16, *channel.range)
        self._computed += len(samples)
        return rows


class _Walk:
    """A first-order autoregression on evenly spaced knots, read forwards only."""

    def __init__(self, generator: np.random.Generator, spacing_us: int, sigma: float, shift: int) -> None:
        self._generator = generator
        self._spacing_us = spacing_us
        self._shift = shift
        # Stationary sigma s needs innovations of s sqrt(1 - phi^2), with phi = 1 - 2^-shift.
        self._innovation = math.isqrt(_fixed(sigma) ** 2 * ((2 << shift) - 1)) >> shift
        self._first_knot = 0
        start = int(_noise(generator, 1)[0]) * _fixed(sigma) // _NOISE_SIGMA  # stationary at once
        self._knots = np.array([start], dtype=np.int64)

    def straight(self, at_us: Ints) -> Ints:
        """Values at rising instants, straight between knots."""
        knot = at_us // self._spacing_us
        self._reach(int(knot[0]), int(knot[-1]) + 1)
        into = (at_us % self._spacing_us << 16) // self._spacing_us
        low = self._knots[knot - self._first_knot]
        return low + ((self._knots[knot - self._first_knot + 1] - low) * into >> 16)

    def held(self, at_us: Ints) -> Ints:
        """Values at rising instants, each knot held until the next."""
        knot = at_us // self._spacing_us
        self._reach(int(knot[0]), int(knot[-1]))
        held: Ints = self._knots[knot - self._first_knot]
        return held

    def _reach(self, first_knot: int, last_knot: int) -> None:
        missing = last_knot - (self._first_knot + len(self._knots) - 1)
        if missing > 0:
            innovations = _noise(self._generator, missing) * self._innovation // _NOISE_SIGMA
            shift = self._shift
            more = accumulate(innovations.tolist(), lambda x, e: x - (x >> shift) + e, initial=int(self._knots[-1]))
            self._knots = np.concatenate((self._knots[:-1], np.fromiter(more, dtype=np.int64)))
        self._knots = self._knots[first_knot - self._first_knot :]
        self._first_knot = first_knot


def _fixed(value: float) -> int:
    return round(value * _ONE)


def _between(generator: np.random.Generator, bounds: tuple[int, int]) -> int:
    low, high = bounds
    word = int(generator.bit_generator.random_raw()) >> 48
    return (low << 16) + (high - low) * word


def _noise(generator: np.random.Generator, count: int) -> Ints:
    """Nearly normal integers of mean 0 and sigma `_NOISE_SIGMA`, shape (count,)."""
    raw = np.asarray(generator.bit_generator.random_raw(count), dtype=np.uint64)
    total = (raw & 0xFFFF) + (raw >> 16 & 0xFFFF) + (raw >> 32 & 0xFFFF) + (raw >> 48)
    centred: Ints = total.astype(np.int64) - 2 * 0xFFFF
    return centred


def _circadian(local_us: Ints) -> Ints:
    """Sine of the local time, fixed point, highest at the acrophase; off by 0.0017 at most (Bhaskara I)."""
    hour, hours = _ACROPHASE
    quarter_before_peak_us = SOL_US * hour // hours - SOL_US // 4
    turn = ((local_us - quarter_before_peak_us) % SOL_US << 17) // SOL_US
    half = turn & 0xFFFF
    product = half * (_ONE - half)
    sine = (product << 20) // ((5 << 32) - (product << 2))
    swing: Ints = np.where(turn >> 16, -sine, sine)
    return swing
