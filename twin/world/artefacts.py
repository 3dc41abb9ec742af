"""What lies between a body and the numbers: leads that fall off, movement, a frozen front end.

Each trouble takes rows as the sensor would have reported them and changes some. It draws a fixed number of random words
per sample from a stream of its own, so the result does not depend on how rows are cut into blocks, and adding one
trouble moves no sample that it does not mean. `Troubled` lays several over a source, in the order given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from twin.channels import CHANNELS, NO_READING
from twin.world.walks import Ints, raw

LEADS: Final[tuple[tuple[str, ...], ...]] = (
    ("heart_rate_bpm", "rr_interval_ms", "respiration_rpm"),  # electrodes: ECG and impedance pneumography
    ("spo2_pct",),  # finger clip
    ("systolic_mmhg", "diastolic_mmhg"),  # cuff
    ("temperature_ddegc",),  # probe
)
_WORD: Final = 1 << 32
_SECOND_US: Final = 1_000_000
_HOUR_S: Final = 3_600

# Assumed: each lead comes off once in two days and stays off for half a minute to ten minutes; movement that a clip or
# an electrode picks up begins once in twenty minutes of activity above 100 mg and lasts 2 to 17 s.
_NATURAL_LEAD_OFF_S: Final = 48 * _HOUR_S
_LEAD_OFF_S: Final = 30, 600
_NATURAL_MOTION_S: Final = 1_200
_ACTIVE_MG: Final = 100
_MOTION_S: Final = 2, 17


class Source(Protocol):
    """Whatever yields rows of samples in order."""

    channels: tuple[str, ...]
    period_us: int

    def block(self, first_sample: int, count: int) -> Ints:
        """Samples in counts, shape (count, channels), asked for in order."""
        ...


class Trouble(Protocol):
    """One thing that changes rows on their way out of the sensor."""

    def change(self, at_us: Ints, rows: Ints, channels: tuple[str, ...]) -> None:
        """Change rows in place; `at_us` are their instants after the start [us], shape (n,)."""
        ...


class Troubled:
    """A source seen through its troubles."""

    def __init__(self, source: Source, troubles: Sequence[Trouble]) -> None:
        self._source = source
        self._troubles = troubles
        self.channels = source.channels
        self.period_us = source.period_us

    def block(self, first_sample: int, count: int) -> Ints:
        """Samples in counts, shape (count, channels), asked for in order; `NO_READING` where a lead is off."""
        rows = self._source.block(first_sample, count)
        if count:
            at_us = np.arange(first_sample, first_sample + count, dtype=np.int64) * self.period_us
            for trouble in self._troubles:
                trouble.change(at_us, rows, self.channels)
        return rows


def lead_of(channel: str) -> tuple[str, ...]:
    """The channels that fall silent together with this one."""
    return next((lead for lead in LEADS if channel in lead), (channel,))


class LeadOff:
    """A lead is off during a window [us after the start]; `channel` None takes every measured channel with it."""

    def __init__(self, start_us: int, end_us: int, channel: str | None = None) -> None:
        self._start_us, self._end_us = start_us, end_us
        self._lead = None if channel is None else lead_of(channel)

    def change(self, at_us: Ints, rows: Ints, channels: tuple[str, ...]) -> None:
        """See `Trouble`."""
        first, end = np.searchsorted(at_us, (self._start_us, self._end_us))
        for column, name in enumerate(channels):
            off = name in self._lead if self._lead is not None else _has_lead(name)
            if off:
                rows[first:end, column] = NO_READING


class Stuck:
    """The front end freezes during a window: what it measured last before stands; entries of people still arrive."""

    def __init__(self, start_us: int, end_us: int) -> None:
        self._start_us, self._end_us = start_us, end_us
        self._last: Ints | None = None

    def change(self, at_us: Ints, rows: Ints, channels: tuple[str, ...]) -> None:
        """See `Trouble`."""
        first, end = map(int, np.searchsorted(at_us, (self._start_us, self._end_us)))
        if first > 0:
            self._last = rows[first - 1].copy()
        if first == end:
            return
        if self._last is None:
            self._last = rows[0].copy()  # frozen from its first sample on
        for column, name in enumerate(channels):
            if not CHANNELS[name].entered:
                rows[first:end, column] = self._last[column]


class Motion:
    """Movement during a window: each sample begins a burst of `_MOTION_S` with probability `rate`."""

    def __init__(self, start_us: int, end_us: int, rate: float, random: np.random.Generator) -> None:
        self._start_us, self._end_us = start_us, end_us
        self._threshold = round(rate * _WORD)
        self._bursts = _Bursts(random, *_MOTION_S)

    def change(self, at_us: Ints, rows: Ints, channels: tuple[str, ...]) -> None:
        """See `Trouble`."""
        first, end = np.searchsorted(at_us, (self._start_us, self._end_us))
        here = slice(int(first), int(end))
        if first == end:
            return
        moved, words = self._bursts.over(at_us[here], np.full(int(end - first), self._threshold, dtype=np.int64))
        moved &= at_us[here] < self._end_us
        _shake(rows[here], channels, moved, words)


class NaturalMotion:
    """Movement that happens by itself, the more the person is active."""

    def __init__(self, period_us: int, random: np.random.Generator) -> None:
        self._threshold = min(_WORD, _WORD * period_us // (_NATURAL_MOTION_S * _SECOND_US))
        self._bursts = _Bursts(random, *_MOTION_S)

    def change(self, at_us: Ints, rows: Ints, channels: tuple[str, ...]) -> None:
        """See `Trouble`."""
        if "activity_mg" in channels:
            active = rows[:, channels.index("activity_mg")] > _ACTIVE_MG
            moved, words = self._bursts.over(at_us, active * self._threshold)
            _shake(rows, channels, moved, words)


class NaturalLeadOff:
    """Leads that fall off by themselves and are put back; each lead on its own."""

    def __init__(self, period_us: int, random: np.random.Generator) -> None:
        self._threshold = min(_WORD, _WORD * period_us // (_NATURAL_LEAD_OFF_S * _SECOND_US))
        self._bursts = [_Bursts(own, *_LEAD_OFF_S) for own in random.spawn(len(LEADS))]

    def change(self, at_us: Ints, rows: Ints, channels: tuple[str, ...]) -> None:
        """See `Trouble`."""
        likely = np.full(len(at_us), self._threshold, dtype=np.int64)
        for lead, bursts in zip(LEADS, self._bursts, strict=True):
            off, _ = bursts.over(at_us, likely)
            if off.any():
                for name in lead:
                    if name in channels:
                        rows[off, channels.index(name)] = NO_READING


class _Bursts:
    """Spans that begin at random samples and last a random time; one word per sample."""

    def __init__(self, random: np.random.Generator, shortest_s: int, longest_s: int) -> None:
        self._random = random
        self._shortest_us = shortest_s * _SECOND_US
        self._spread_us = (longest_s - shortest_s) * _SECOND_US
        self._until_us = -1  # end of the burst under way

    def over(self, at_us: Ints, thresholds: Ints) -> tuple[np.ndarray, np.ndarray]:
        """Which samples lie in a burst, and the words drawn.

        Args:
            at_us: Instants [us], shape (n,).
            thresholds: A burst begins where the word's low half lies below, of 2^32; shape (n,).
        """
        words = raw(self._random, len(at_us))
        inside = at_us < self._until_us
        for begin in np.flatnonzero((words & 0xFFFF_FFFF).astype(np.int64) < thresholds):
            begin_us = int(at_us[begin])
            length_us = self._shortest_us + (self._spread_us * (int(words[begin]) >> 48) >> 16)
            self._until_us = max(self._until_us, begin_us + length_us)
            inside[begin : int(np.searchsorted(at_us, self._until_us))] = True
        return inside, words


def _has_lead(name: str) -> bool:
    return not CHANNELS[name].entered and name != "activity_mg"


def _shake(rows: Ints, channels: tuple[str, ...], moved: np.ndarray, words: np.ndarray) -> None:
    """Spikes of movement: activity up; saturation down; heart rate and respiration off, and RR with the heart rate.

    Assumed sizes: 200 to 711 mg, SpO2 5 to 36 points low, heart rate 20 to 147 high, respiration 4 to 19 high.
    """
    if not moved.any():
        return
    word = words[moved].astype(np.int64)
    shifts = {
        "activity_mg": 200 + (word >> 32 & 511),
        "spo2_pct": -5 - (word >> 32 & 31),
        "heart_rate_bpm": 20 + (word >> 37 & 127),
        "respiration_rpm": 4 + (word >> 44 & 15),
    }
    for name, shift in shifts.items():
        if name in channels:
            column = channels.index(name)
            _replace(rows, moved, column, np.clip(rows[moved, column] + shift, *CHANNELS[name].range))
    if "rr_interval_ms" in channels and "heart_rate_bpm" in channels:
        beats = np.maximum(rows[moved, channels.index("heart_rate_bpm")], 1)
        intervals = np.clip(60_000 // beats, *CHANNELS["rr_interval_ms"].range)
        _replace(rows, moved, channels.index("rr_interval_ms"), intervals)


def _replace(rows: Ints, where: np.ndarray, column: int, values: Ints) -> None:
    """Put values in place of readings; where there was none, there is none."""
    rows[where, column] = np.where(rows[where, column] == NO_READING, NO_READING, values)
