"""A sensor front end with a FIFO and comparators: delivers a block of samples when the FIFO's watermark or a
comparator is reached.

The world is a pure function of time, so the front end can look ahead in its own block and schedule one callback per
delivery.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import ArmSensor, SamplesReady
from twin.trace import Generated


class Vitals(Protocol):
    """What the front end measures."""

    def block(self, first_sample: int, count: int) -> np.ndarray:
        """Samples as integers, shape (count, channels), asked for in order."""
        ...


class Sensor:
    """Front end of one device; silent from `end_us` on.

    Args:
        start_us: instant of sample 0.
    """

    def __init__(self, host: SimulatedHost, node: str, vitals: Vitals, start_us: int, end_us: int) -> None:
        self._host = host
        self._node = node
        self._vitals = vitals
        self._start_us = start_us
        self._end_us = end_us
        self._next = 0

    def arm(self, effect: ArmSensor) -> None:
        """Begin to fill the FIFO as the device has programmed it."""
        self._low = np.array([-(1 << 62) if v is None else v for v in effect.low], dtype=np.int64)
        self._high = np.array([(1 << 62) if v is None else v for v in effect.high], dtype=np.int64)
        self._period_us = effect.period_us
        self._watermark = effect.watermark
        self._held = np.empty((0, len(effect.low)), dtype=np.int64)
        self._inside = True
        self._plan_delivery()

    def _plan_delivery(self) -> None:
        last = (self._end_us - 1 - self._start_us) // self._period_us
        count = min(self._watermark, last + 1 - self._next)
        if count <= 0:
            return
        if len(self._held) < count:
            more = self._vitals.block(self._next + len(self._held), self._watermark)
            self._held = np.concatenate((self._held, more))
        block = self._held[:count]
        crossed = np.flatnonzero(((block < self._low) | (block > self._high)).any(axis=1))
        if self._inside and crossed.size:
            # the comparator fires on the crossing, not for every sample beyond it
            count = int(crossed[0]) + 1
            self._inside = False
        elif not crossed.size:
            self._inside = True
        at_us = self._start_us + (self._next + count - 1) * self._period_us
        self._host.call_at(at_us, self._deliver, count)

    def _deliver(self, count: int) -> None:
        rows = tuple(map(tuple, self._held[:count].tolist()))
        start_us = self._start_us + self._next * self._period_us
        self._held = self._held[count:]
        self._next += count
        self._host.trace.emit(self._host.now_us, self._node, Generated(start_us, self._period_us, rows))
        self._host.deliver(self._node, SamplesReady(start_us, rows))
        self._plan_delivery()
