"""Noise and slow wander in integer arithmetic: what the samples of patients and air are made of.

Everything is fixed point with 16 fraction bits. Noise is the sum of four 16-bit words of the raw PCG64 output
(Irwin-Hall, 3.5 sigma at most), sines follow Bhaskara I's rational formula. No float is ever rounded to a sample, so no
choice of SIMD kernel, libm or fused multiply-add can move one across an edge.

Slow quantities are first-order autoregressions on evenly spaced knots::

    x[k+1] = (1 - 2^-m) x[k] + e[k]
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

from twin.world.timescales import SOL_US

Ints = npt.NDArray[np.int64]

ONE: Final = 1 << 16  # fixed point: one unit of whatever it is
NOISE_SIGMA: Final = 37_837  # of the sum of four uniform 16-bit words: 65536 sqrt(4 / 12)
_BLOCK_US: Final = 3_600_000_000
_BLOCK_SAMPLES_MAX: Final = 3_600
_ACROPHASE: Final = 17, 24  # heart rate and temperature peak at about 17 h of a 24 h day


class Sampled(ABC):
    """Samples of several channels, computed in blocks of fixed length whatever is asked for.

    Values therefore do not depend on how they are read, and memory does not grow with the length of the series.

    Args:
        what: Name of the source, for errors.
        channels: Names of the columns.
        period_us: From one sample to the next [us], above 0; sample i stands i * period_us after the start.

    Raises:
        ValueError: The period is not above 0.
    """

    def __init__(self, what: str, channels: tuple[str, ...], period_us: int) -> None:
        if period_us <= 0:
            raise ValueError(f"sample period {period_us} us: a period is longer than 0; 1 s is usual")
        self.channels = channels
        self.period_us = period_us
        self._what = what
        self._block_samples = max(1, min(_BLOCK_SAMPLES_MAX, _BLOCK_US // period_us))
        self._next_sample = 0
        self._ready = np.empty((0, len(channels)), dtype=np.int64)  # computed, not yet asked for
        self._computed = 0

    def block(self, first_sample: int, count: int) -> Ints:
        """Read the next samples, in order.

        Args:
            first_sample: Index of the first sample; exactly the one after those already read.
            count: How many samples, 0 or more.

        Returns:
            Counts of each channel's resolution, shape (count, channels), columns as in `channels`.

        Raises:
            ValueError: The samples asked for are not the next ones.
        """
        if first_sample != self._next_sample or count < 0:
            raise ValueError(
                f"{self._what}: {count} samples from {first_sample} on: samples are read once and in order; "
                f"ask from {self._next_sample} on, or make a new generator"
            )
        parts = [self._ready]
        held = len(self._ready)
        while held < count:
            samples = np.arange(self._computed, self._computed + self._block_samples, dtype=np.int64)
            parts.append(self._compute(samples * self.period_us))
            self._computed += self._block_samples
            held += self._block_samples
        rows = np.concatenate(parts) if len(parts) > 1 else self._ready
        self._ready = rows[count:]
        self._next_sample += count
        return rows[:count].copy()

    @abstractmethod
    def _compute(self, at_us: Ints) -> Ints:
        """The rows at the next block's instants after the start [us]."""


class Walk:
    """A first-order autoregression on evenly spaced knots, read forwards only."""

    def __init__(self, generator: np.random.Generator, spacing_us: int, sigma: float, shift: int) -> None:
        self._generator = generator
        self._spacing_us = spacing_us
        self._shift = shift
        # Stationary sigma s needs innovations of s sqrt(1 - phi^2), with phi = 1 - 2^-shift.
        self._innovation = math.isqrt(fixed(sigma) ** 2 * ((2 << shift) - 1)) >> shift
        self._first_knot = 0
        start = int(noise(generator, 1)[0]) * fixed(sigma) // NOISE_SIGMA  # stationary at once
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
            innovations = noise(self._generator, missing) * self._innovation // NOISE_SIGMA
            shift = self._shift
            more = accumulate(innovations.tolist(), lambda x, e: x - (x >> shift) + e, initial=int(self._knots[-1]))
            self._knots = np.concatenate((self._knots[:-1], np.fromiter(more, dtype=np.int64)))
        self._knots = self._knots[first_knot - self._first_knot :]
        self._first_knot = first_knot


def fixed(value: float) -> int:
    """A constant in fixed point."""
    return round(value * ONE)


def raw(generator: np.random.Generator, count: int) -> npt.NDArray[np.uint64]:
    """Raw 64-bit words, shape (count,)."""
    return np.asarray(generator.bit_generator.random_raw(count), dtype=np.uint64)


def between(generator: np.random.Generator, low: int, high: int) -> int:
    """One number drawn evenly from [low, high), fixed point."""
    word = int(generator.bit_generator.random_raw()) >> 48
    return (low << 16) + (high - low) * word


def noise(generator: np.random.Generator, count: int) -> Ints:
    """Nearly normal integers of mean 0 and sigma `NOISE_SIGMA`, shape (count,)."""
    words = raw(generator, count)
    total = (words & 0xFFFF) + (words >> 16 & 0xFFFF) + (words >> 32 & 0xFFFF) + (words >> 48)
    centred: Ints = total.astype(np.int64) - 2 * 0xFFFF
    return centred


def sine(turn: Ints) -> Ints:
    """Sine of an angle, fixed point; a whole turn is 2^17; off by 0.0017 at most (Bhaskara I)."""
    half = turn & 0xFFFF
    product = half * (ONE - half)
    value = (product << 20) // ((5 << 32) - (product << 2))
    swing: Ints = np.where(turn & ONE, -value, value)
    return swing


def circadian(local_us: Ints) -> Ints:
    """Sine of the local time, fixed point, highest at the acrophase."""
    hour, hours = _ACROPHASE
    quarter_before_peak_us = SOL_US * hour // hours - SOL_US // 4
    return sine(((local_us - quarter_before_peak_us) % SOL_US << 17) // SOL_US)
