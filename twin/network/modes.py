"""A radio's list of rates, and when it uses which, as its signal rises and falls.

A radio does not follow its signal continuously: it has a list of modes, and hysteresis keeps it from changing between
two of them all the time::

    up to a mode      where C/N0 rises to  threshold + margin + hysteresis, or starts there
    down from a mode  where C/N0 falls below its threshold; the next mode down takes over

Below the lowest mode nothing is sent. Instants of a change are rounded to 1 ms, because logarithms differ in their last
bit between processors, and that must not reach a contact plan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from twin.network.visibility import Window
from twin.pipeline.transport.contact_plan import Contact
from twin.world.timescales import FloatArray, IntArray
from twin.world.windows import in_blocks, instants

_MS_US = 1000
_FALL, _RISE = 0, 1  # at one instant a fall is taken before a rise


class Mode(NamedTuple):
    """A rate [bit/s] and the lowest C/N0 that carries it [dB-Hz], without margin."""

    rate_bps: int
    threshold_dbhz: float


class Segment(NamedTuple):
    """A time in which one rate is used [us, us, bit/s]."""

    start_us: int
    end_us: int
    rate_bps: int


class Switching(NamedTuple):
    """How carefully a radio goes up, both in dB."""

    margin_db: float
    hysteresis_db: float


def modes_of(rates_bps: Iterable[int], needed_ebn0_db: float) -> tuple[Mode, ...]:
    """Modes for rates under one code, lowest first; ``needed_ebn0_db`` as in ``link_budget``, without margin.

    Raises:
        ValueError: a rate that is not positive.
    """
    rates = sorted(set(rates_bps))
    if rates and rates[0] <= 0:
        raise ValueError(f"modes: rate {rates[0]} bit/s must be above 0; drop it")
    return tuple(Mode(rate_bps, 10.0 * math.log10(rate_bps) + needed_ebn0_db) for rate_bps in rates)


def rate_segments(
    modes: Sequence[Mode],
    cn0_dbhz: Callable[[IntArray], FloatArray],
    windows: Sequence[Window],
    step_us: int,
    switching: Switching,
) -> list[list[Segment]]:
    """Which rate is used when, one list for each window.

    Args:
        modes: the radio's modes, rates and thresholds ascending.
        cn0_dbhz: C/N0 [dB-Hz] at instants, shapes (n,) to (n,); continuous within a window.
        windows: when the ends see each other [us], in any order; a radio begins each anew.
        step_us: step of the scan [us], short beside the time in which C/N0 goes up and down again.
        switching: margin and hysteresis.

    Returns:
        Segments in order of time; segments of one window touch where the rate changes and leave out the times below the
        lowest mode.

    Raises:
        ValueError: modes that do not ascend, a step that is not positive, or a negative hysteresis or margin.
    """
    _require_ascending(modes)
    if step_us <= 0:
        raise ValueError(f"modes: step {step_us} us must be positive; give the length of one scan step")
    if switching.margin_db < 0.0 or switching.hysteresis_db < 0.0:
        raise ValueError(
            f"modes: margin {switching.margin_db:g} dB and hysteresis {switching.hysteresis_db:g} dB are 0 or more; "
            "give them as positive losses"
        )
    if not windows or not modes:
        return [[] for _ in windows]
    grid_us, owner, level_dbhz = _scan(cn0_dbhz, windows, step_us)
    down_dbhz = np.array([mode.threshold_dbhz for mode in modes])
    up_dbhz = down_dbhz + (switching.margin_db + switching.hysteresis_db)
    changes = _changes(cn0_dbhz, grid_us, owner, level_dbhz, down_dbhz, up_dbhz)
    first = np.searchsorted(owner, np.arange(len(windows)))
    at_start = (np.searchsorted(up_dbhz, level_dbhz[first], side="right") - 1).tolist()
    return [
        _follow(modes, window, mode, changes[number])
        for number, (window, mode) in enumerate(zip(windows, at_start, strict=True))
    ]


def split_contact(contact: Contact, segments: Iterable[Segment]) -> list[Contact]:
    """A contact as several that touch, one for each rate; times without a rate are left out."""
    return [contact._replace(start_us=s.start_us, end_us=s.end_us, rate_bps=s.rate_bps) for s in segments]


def volume_bits(segments: Iterable[Segment]) -> int:
    """Whole bits that segments carry."""
    return sum((segment.end_us - segment.start_us) * segment.rate_bps for segment in segments) // 1_000_000


def _scan(
    cn0_dbhz: Callable[[IntArray], FloatArray], windows: Sequence[Window], step_us: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Instants of all windows with the summits between them, the window each belongs to, and C/N0 there."""
    grids = []
    for start_us, end_us in windows:
        if end_us < start_us:
            raise ValueError(f"modes: window ends at {end_us} us before it starts at {start_us} us; swap them")
        grids.append(instants(start_us, end_us, step_us))
    owner = np.repeat(np.arange(len(grids)), [len(grid) for grid in grids])
    grid_us = np.concatenate(grids)
    level_dbhz = in_blocks(cn0_dbhz, grid_us)
    # Where three neighbours an equal step apart bend over, the summit of their parabola joins the scan.
    left, middle, right = level_dbhz[:-2], level_dbhz[1:-1], level_dbhz[2:]
    equal = (np.diff(grid_us)[:-1] == step_us) & (np.diff(grid_us)[1:] == step_us) & (owner[2:] == owner[:-2])
    place = np.flatnonzero(equal & ((middle - left) * (middle - right) >= 0.0) & (2.0 * middle != left + right))
    bend_db = (2.0 * middle - left - right)[place]
    summits_us = grid_us[place + 1] + np.rint(0.5 * (right - left)[place] / bend_db * step_us).astype(np.int64)
    all_us = np.append(grid_us, summits_us)
    all_owner = np.append(owner, owner[place + 1])
    all_dbhz = np.append(level_dbhz, in_blocks(cn0_dbhz, summits_us))
    order = np.lexsort((all_us, all_owner))
    return all_us[order], all_owner[order], all_dbhz[order]


def _changes(
    cn0_dbhz: Callable[[IntArray], FloatArray],
    grid_us: IntArray,
    owner: IntArray,
    level_dbhz: FloatArray,
    down_dbhz: FloatArray,
    up_dbhz: FloatArray,
) -> list[list[tuple[int, int, int]]]:
    """For each window (instant, fall or rise, mode) of every crossing that can change a mode, in order.

    Falls are taken highest mode first (its number is negated for that), rises lowest first.
    """
    inside = owner[1:] == owner[:-1]
    places, limits_dbhz, kinds, numbers = [], [], [], []
    for kind, limits in ((_FALL, down_dbhz), (_RISE, up_dbhz)):
        for number, limit_dbhz in enumerate(limits.tolist()):
            above = level_dbhz >= limit_dbhz
            turned = above[:-1] & ~above[1:] if kind == _FALL else ~above[:-1] & above[1:]
            found = np.flatnonzero(inside & turned)
            places.append(found)
            limits_dbhz.append(np.full(len(found), limit_dbhz))
            kinds += [kind] * len(found)
            numbers += [-number if kind == _FALL else number] * len(found)
    place = np.concatenate(places)
    falling = np.array(kinds, dtype=np.int64) == _FALL
    limit = np.concatenate(limits_dbhz)
    low_us, high_us = grid_us[place], grid_us[place + 1]
    first_us, last_us = low_us, high_us
    while low_us.size and (high_us - low_us).max() > 1:
        middle_us = (low_us + high_us) // 2
        same_side = (in_blocks(cn0_dbhz, middle_us) >= limit) == falling
        low_us, high_us = np.where(same_side, middle_us, low_us), np.where(same_side, high_us, middle_us)
    rounded_us = np.clip((high_us + _MS_US // 2) // _MS_US * _MS_US, first_us, last_us)
    by_window: list[list[tuple[int, int, int]]] = [[] for _ in range(int(owner[-1]) + 1)]
    for window, *change in zip(owner[place].tolist(), rounded_us.tolist(), kinds, numbers, strict=True):
        by_window[window].append((change[0], change[1], change[2]))
    return [sorted(changes) for changes in by_window]


def _follow(modes: Sequence[Mode], window: Window, mode: int, changes: list[tuple[int, int, int]]) -> list[Segment]:
    """Segments of one window, from its first mode (-1 for none) and its crossings."""
    segments = []
    since_us = window[0]
    for at_us, kind, signed in changes:
        number = abs(signed)
        after = number - 1 if kind == _FALL and number == mode else max(mode, number) if kind == _RISE else mode
        if after != mode:
            if mode >= 0 and at_us > since_us:
                segments.append(Segment(since_us, at_us, modes[mode].rate_bps))
            since_us, mode = at_us, after
    if mode >= 0 and window[1] > since_us:
        segments.append(Segment(since_us, window[1], modes[mode].rate_bps))
    return segments


def _require_ascending(modes: Sequence[Mode]) -> None:
    for below, above in pairwise(modes):
        if not (below.rate_bps < above.rate_bps and below.threshold_dbhz < above.threshold_dbhz):
            raise ValueError(
                f"modes: {above.rate_bps} bit/s at {above.threshold_dbhz:g} dB-Hz follows {below.rate_bps} bit/s at "
                f"{below.threshold_dbhz:g} dB-Hz; rates and thresholds both ascend, drop the mode that gains nothing"
            )
