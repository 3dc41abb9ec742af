"""Dust opacity over time, from a quiet background, storms and measured curves.

A `Storm` lifts the optical depth tau linearly from the background to its peak; then the excess decays::

    tau(t) = b + (p - b) (t - onset) / growth            onset <= t < onset + growth
    tau(t) = b + (p - b) exp(-(t - onset - growth) / decay)              afterwards

Growth is linear because a storm is known by its onset, its peak and the days between; a straight line adds
no fourth number and its crossing of a threshold has a closed form. Decay is exponential because dust settles
in proportion to what still hangs in the air (Pollack et al. 1979, J. Geophys. Res. 84, 2929: Viking).

A `Curve` is what was measured: points, straight lines between them, no cloud before the first and after the last.
Where clouds overlap the highest tau wins: two clouds are not two layers of the same sky.

Nothing here fades a radio link. X-band passes through dust, at Ka-band the link takes its loss from the opacity; all
else that a storm does are the effects that a scenario states.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_MS_US = 1_000


@dataclass(frozen=True, slots=True)
class Storm:
    """One dust storm.

    Args:
        onset_us: When the opacity begins to rise, house time [us].
        peak_tau: Optical depth at the peak, 0 or more.
        growth_us: From onset to peak [us]; 0 is a step.
        decay_us: e-folding time of the excess after the peak [us], above 0.

    Raises:
        ValueError: A value is outside its range.
    """

    onset_us: int
    peak_tau: float
    growth_us: int
    decay_us: int

    def __post_init__(self) -> None:
        _require_tau("storm peak_tau", self.peak_tau)
        if self.growth_us < 0:
            raise ValueError(f"storm growth {self.growth_us} us: a growth is 0 or more; use 0 for a step")
        if self.decay_us <= 0:
            raise ValueError(f"storm decay {self.decay_us} us: a decay is above 0; use 1 ms for a sharp end")

    @property
    def over_us(self) -> int:
        """When a tenth of the excess is left [us], rounded to 1 ms: an exponential has no other end."""
        return self.onset_us + self.growth_us + _whole_ms(self.decay_us * math.log(10.0))


@dataclass(frozen=True, slots=True)
class Curve:
    """Opacity as measured or drawn, by points.

    Args:
        at_us: Instants, house time [us], 2 or more, each after the one before.
        tau: Optical depth at each, 0 or more.

    Raises:
        ValueError: Points are missing, out of order or impossible.
    """

    at_us: tuple[int, ...]
    tau: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.at_us) != len(self.tau) or len(self.at_us) < 2:
            counted = f"{len(self.at_us)} instants and {len(self.tau)} opacities"
            raise ValueError(f"opacity curve with {counted}: a curve has two points or more; give one tau per instant")
        for before_us, after_us in pairwise(self.at_us):
            if after_us <= before_us:
                raise ValueError(f"opacity curve: {after_us} us comes after {before_us} us; put the points in order")
        for tau in self.tau:
            _require_tau("opacity curve tau", tau)

    @property
    def peak_tau(self) -> float:
        """The highest opacity."""
        return max(self.tau)


Cloud = Storm | Curve


class Air(NamedTuple):
    """All dust over a place: `opacity(at_us, *air)` and `windows_above(tau, start_us, end_us, *air)`."""

    background_tau: float
    clouds: tuple[Cloud, ...]


def opacity(
    at_us: int | npt.NDArray[np.int64], background_tau: float, clouds: Iterable[Cloud]
) -> npt.NDArray[np.float64]:
    """Optical depth of the dust at the zenith.

    Args:
        at_us: Instants, house time [us], any shape.
        background_tau: Optical depth with no cloud, 0 or more.
        clouds: Any number of storms and curves.

    Returns:
        Optical depth, the shape of `at_us` (zero-dimensional for one instant).

    Raises:
        ValueError: The background is negative or not finite.
    """
    _require_tau("background_tau", background_tau)
    at = np.asarray(at_us, dtype=np.int64)
    highest = np.full(at.shape, float(background_tau))
    for cloud in clouds:
        if cloud.peak_tau > background_tau:  # what stays below the background is not seen
            tau = _curve_tau(at, cloud) if isinstance(cloud, Curve) else _storm_tau(at, background_tau, cloud)
            highest = np.maximum(highest, tau)
    return highest


def _storm_tau(at: npt.NDArray[np.int64], background_tau: float, storm: Storm) -> npt.NDArray[np.float64]:
    since_onset_us = (at - storm.onset_us).astype(np.float64)
    past_peak_us = since_onset_us - storm.growth_us
    rising = since_onset_us / storm.growth_us if storm.growth_us else np.ones(at.shape)
    falling = np.exp(-np.maximum(past_peak_us, 0.0) / storm.decay_us)
    share = np.where(since_onset_us < 0.0, 0.0, np.where(past_peak_us < 0.0, rising, falling))
    return np.asarray(background_tau + (storm.peak_tau - background_tau) * share)


def _curve_tau(at: npt.NDArray[np.int64], curve: Curve) -> npt.NDArray[np.float64]:
    points_us = np.asarray(curve.at_us, dtype=np.int64) - curve.at_us[0]
    return np.asarray(np.interp(at - curve.at_us[0], points_us, curve.tau, left=0.0, right=0.0))


def windows_above(
    threshold_tau: float, start_us: int, end_us: int, background_tau: float, clouds: Sequence[Cloud]
) -> list[tuple[int, int]]:
    """Intervals in which the opacity is above a threshold, in closed form.

    Args:
        threshold_tau: Optical depth, 0 or more; "above" excludes it.
        start_us, end_us: Where to look, house time [us], end after start.
        background_tau: Optical depth with no cloud, 0 or more.
        clouds: Any number of storms and curves, in any order.

    Returns:
        Disjoint (start_us, end_us) in order, crossings rounded to 1 ms, clipped to the asked interval.

    Raises:
        ValueError: A tau is negative or not finite, or the end is not after the start.
    """
    _require_tau("threshold_tau", threshold_tau)
    _require_tau("background_tau", background_tau)
    if end_us <= start_us:
        raise ValueError(f"opacity windows: end {end_us} us is not after start {start_us} us; swap them")
    if background_tau > threshold_tau:
        return [(start_us, end_us)]
    spans: list[tuple[int, int]] = []
    for cloud in clouds:
        if isinstance(cloud, Curve):
            spans += _spans_of_curve(threshold_tau, cloud)
        else:
            spans.append(_span_above(threshold_tau, end_us, background_tau, cloud))
    clipped = sorted((max(a, start_us), min(b, end_us)) for a, b in spans)
    merged: list[tuple[int, int]] = []
    for begin_us, finish_us in clipped:
        if finish_us <= begin_us:
            continue
        if merged and begin_us <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], finish_us))
        else:
            merged.append((begin_us, finish_us))
    return merged


def _span_above(threshold_tau: float, end_us: int, background_tau: float, storm: Storm) -> tuple[int, int]:
    """One storm's crossing up and down; empty (start = end) when its peak stays at or below the threshold."""
    if storm.peak_tau <= threshold_tau:
        return storm.onset_us, storm.onset_us
    share = (threshold_tau - background_tau) / (storm.peak_tau - background_tau)
    up_us = storm.onset_us + _whole_ms(storm.growth_us * share)
    if share == 0.0:
        return up_us, max(up_us, end_us)  # an exponential never comes back to the background itself
    down_us = storm.onset_us + storm.growth_us + _whole_ms(-storm.decay_us * math.log(share))
    return up_us, down_us


def _spans_of_curve(threshold_tau: float, curve: Curve) -> list[tuple[int, int]]:
    """A curve's crossings up and down, in order; one that is above at its first or last point begins or ends there."""
    edges_us = [curve.at_us[0]] if curve.tau[0] > threshold_tau else []
    points = zip(curve.at_us, curve.tau, strict=True)
    for (before_us, before_tau), (after_us, after_tau) in pairwise(points):
        if (before_tau > threshold_tau) != (after_tau > threshold_tau):
            share = (threshold_tau - before_tau) / (after_tau - before_tau)
            edges_us.append(before_us + _whole_ms((after_us - before_us) * share))
    if curve.tau[-1] > threshold_tau:
        edges_us.append(curve.at_us[-1])
    return list(zip(edges_us[::2], edges_us[1::2], strict=True))


def _whole_ms(span_us: float) -> int:
    # Coarse on purpose: the last bit of a logarithm differs between machines, a millisecond does not.
    return round(span_us / _MS_US) * _MS_US


def _require_tau(what: str, tau: float) -> None:
    if not (math.isfinite(tau) and tau >= 0.0):
        raise ValueError(f"{what} {tau}: an optical depth is finite and 0 or more; quiet air is about 0.5")
