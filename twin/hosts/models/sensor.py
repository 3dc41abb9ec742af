"""A sensor front end with a FIFO and comparators: delivers a block of samples when the FIFO's watermark or a
comparator is reached.

The world is a pure function of time, so the front end can look ahead in its own block and schedule one callback per
delivery. Reprogrammed comparators judge the samples that are still to come: the look-ahead is repeated.

| comparator of a channel | |
|---|---|
| armed | fires once the channel has been outside [low, high] for `hold` samples in a row |
| fired | silent until a sample lies inside, or until comparators are programmed: then it counts anew |

A sample without a reading lies below every `low`. A device that is down takes nothing: the FIFO is lost with it, and
sampling goes on when it programs the sensor again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import ArmSensor, SamplesReady, SetComparators
from twin.trace import Generated

_NEVER_LOW, _NEVER_HIGH = -(1 << 62), 1 << 62


class Source(Protocol):
    """What the front end measures."""

    channels: tuple[str, ...]
    period_us: int

    def block(self, first_sample: int, count: int) -> np.ndarray:
        """Samples as integers, shape (count, channels), asked for in order."""
        ...


class Hiccup(NamedTuple):
    """Deliveries of a span [house time, us] that come twice or late, each with probability `rate`.

    Args:
        delay_us: How late; 0: not late but twice.
        random: A stream of its own.
    """

    from_us: int
    until_us: int
    rate: float
    delay_us: int
    random: np.random.Generator

    def strikes(self, now_us: int) -> bool:
        """Whether it meets the delivery made now."""
        return self.from_us <= now_us < self.until_us and float(self.random.random()) < self.rate


def house_clock(at_us: int) -> int:
    """The clock of a device that is right."""
    return at_us


class Sensor:
    """Front end of one device; silent from `end_us` on.

    Args:
        source: What it measures; sample i is taken at `start_us + i * period`.
        start_us: instant of sample 0.
        clock: the device's clock at a house instant.
        hiccups: what happens to deliveries.
    """

    def __init__(
        self,
        host: SimulatedHost,
        node: str,
        source: Source,
        start_us: int,
        end_us: int,
        clock: Callable[[int], int] = house_clock,
        hiccups: Sequence[Hiccup] = (),
    ) -> None:
        self._host = host
        self._node = node
        self._source = source
        self._start_us = start_us
        self._end_us = end_us
        self._clock = clock
        self._hiccups = hiccups
        self._period_us = source.period_us
        self._next = 0  # the sample that the FIFO begins with
        self._held = np.empty((0, len(source.channels)), dtype=np.int64)  # from there on, looked ahead
        self._judged = 0  # so many of them have passed the comparators
        self._plan = 0  # callbacks of an earlier plan are void
        self._bus_free_us = start_us

    def arm(self, effect: ArmSensor) -> None:
        """Begin to fill an empty FIFO as the device has programmed it; samples before now are lost.

        Raises:
            ValueError: Another period than the source's, or comparators for another number of channels.
        """
        if effect.period_us != self._period_us:
            raise ValueError(
                f"{self._node}: armed with a period of {effect.period_us} us, and its source has {self._period_us} us; "
                "make both from one setting"
            )
        self._watermark = effect.watermark
        self._comparators = Comparators(effect.low, effect.high, effect.hold, len(self._source.channels))
        since_us = max(0, self._host.now_us - self._start_us)
        self._drop(-(-since_us // self._period_us) - self._next)
        self._judged = 0
        self._bus_free_us = self._host.now_us
        self._look_ahead()

    def set_comparators(self, effect: SetComparators) -> None:
        """Judge the samples from now on by other windows."""
        taken = -(-(self._host.now_us - self._start_us) // self._period_us) - self._next
        taken = min(max(taken, self._judged), len(self._held))
        self._comparators.pass_by(self._held[self._judged : taken])
        self._judged = taken
        self._comparators.change(effect.low, effect.high, effect.hold)
        self._look_ahead()

    def _drop(self, count: int) -> None:
        """Lose the next samples."""
        if count <= 0:
            return
        beyond = count - len(self._held)
        self._held = self._held[count:]
        first = self._next + count - beyond
        while beyond > 0:
            step = min(beyond, 3_600)
            self._source.block(first, step)
            first += step
            beyond -= step
        self._next += count

    def _look_ahead(self) -> None:
        """Find the next delivery and schedule it."""
        self._plan += 1
        last = (self._end_us - 1 - self._start_us) // self._period_us
        count = min(self._watermark, last + 1 - self._next)
        if count <= 0:
            return
        if len(self._held) < count:
            more = self._source.block(self._next + len(self._held), self._watermark)
            self._held = np.concatenate((self._held, more))
        fires = self._comparators.first(self._held[self._judged : count])
        if fires is not None:
            count = self._judged + fires + 1
        at_us = self._start_us + (self._next + count - 1) * self._period_us
        self._host.call_at(max(at_us, self._host.now_us), self._deliver, count, self._plan)

    def _deliver(self, count: int, plan: int) -> None:
        if plan != self._plan or not self._host.is_up(self._node):
            return
        host = self._host
        self._comparators.pass_by(self._held[self._judged : count])
        self._judged = 0
        rows = tuple(map(tuple, self._held[:count].tolist()))
        start_us = self._start_us + self._next * self._period_us
        self._held = self._held[count:]
        self._next += count
        host.trace.emit(host.now_us, self._node, Generated(start_us, self._period_us, rows))
        ready = SamplesReady(self._clock(start_us), rows)
        if self._hiccups:
            self._with_hiccups(ready)
        else:
            host.deliver(self._node, ready)
        if plan == self._plan:  # else the device has reprogrammed the sensor meanwhile
            self._look_ahead()

    def _with_hiccups(self, ready: SamplesReady) -> None:
        """Deliver twice or late, in order: what is late holds up what comes after it."""
        now_us = self._host.now_us
        struck = [hiccup for hiccup in self._hiccups if hiccup.strikes(now_us)]
        self._bus_free_us = max(self._bus_free_us, now_us + sum(hiccup.delay_us for hiccup in struck))
        for _ in range(1 + sum(hiccup.delay_us == 0 for hiccup in struck)):
            if self._bus_free_us > now_us:
                life = self._host.incarnation(self._node)
                self._host.call_at(self._bus_free_us, self._deliver_late, ready, life)
            else:
                self._host.deliver(self._node, ready)

    def _deliver_late(self, ready: SamplesReady, life: int) -> None:
        if self._host.incarnation(self._node) == life:
            self._host.deliver(self._node, ready)


class Comparators:
    """Window comparators of all channels, with what they remember between samples."""

    def __init__(self, low: tuple[int | None, ...], high: tuple[int | None, ...], hold: int, channels: int) -> None:
        self._outside = np.zeros(channels, dtype=np.int64)  # samples in a row
        self._armed = np.ones(channels, dtype=bool)
        self._low = np.full(channels, _NEVER_LOW, dtype=np.int64)
        self._high = np.full(channels, _NEVER_HIGH, dtype=np.int64)
        self.change(low, high, hold)

    def change(self, low: tuple[int | None, ...], high: tuple[int | None, ...], hold: int) -> None:
        """Set windows (`None`: no bound); a channel whose window stays keeps its memory, unless it had fired.

        Raises:
            ValueError: Bounds for another number of channels, or a hold below 1.
        """
        if not len(low) == len(high) == len(self._low) or hold < 1:
            raise ValueError(
                f"comparators: {len(low)} low and {len(high)} high bounds, a hold of {hold}: {len(self._low)} channels "
                "need a low and a high bound each, and a hold is 1 or more"
            )
        new_low = np.array([_NEVER_LOW if bound is None else bound for bound in low], dtype=np.int64)
        new_high = np.array([_NEVER_HIGH if bound is None else bound for bound in high], dtype=np.int64)
        changed = (new_low != self._low) | (new_high != self._high) | ~self._armed
        self._outside[changed] = 0
        self._armed[changed] = True
        self._low, self._high, self._hold = new_low, new_high, hold

    def first(self, rows: np.ndarray) -> int | None:
        """Which of these next rows makes a comparator fire first; nothing is remembered."""
        fires = [self._pass(column, out)[0] for column, out in self._crossings(rows)]
        return min((index for index in fires if index is not None), default=None)

    def pass_by(self, rows: np.ndarray) -> None:
        """Let rows pass, and remember."""
        if len(rows):
            remembered = [(column, *self._pass(column, out)[1:]) for column, out in self._crossings(rows)]
            self._outside[:] = 0
            self._armed[:] = True
            for column, outside, armed in remembered:
                self._outside[column] = outside
                self._armed[column] = armed

    def _crossings(self, rows: np.ndarray) -> Iterator[tuple[int, list[bool]]]:
        """Columns with a sample outside the window, and which ones are."""
        out = (rows < self._low) | (rows > self._high)
        if out.any():
            for column in np.flatnonzero(out.any(axis=0)).tolist():
                yield column, out[:, column].tolist()

    def _pass(self, column: int, out: list[bool]) -> tuple[int | None, int, bool]:
        """First row at which the comparator fires, and its memory after the last."""
        outside, armed, hold = int(self._outside[column]), bool(self._armed[column]), self._hold
        fires = None
        for index, beyond in enumerate(out):
            if not beyond:
                outside, armed = 0, True
                continue
            outside += 1
            if armed and outside >= hold:
                armed = False
                if fires is None:
                    fires = index
        return fires, outside, armed
