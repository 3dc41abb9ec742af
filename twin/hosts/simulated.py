"""The simulated host: SimPy's clock, and models that carry effects out.

One message costs one or two scheduled callbacks, never a process. At one instant inputs (arrivals, completions) come
before timers, and otherwise in the order in which they were scheduled, so that a run is a function of its scenario
and seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import NORMAL, URGENT, EventPriority

from twin.faults.clock import NodeClock
from twin.hosts.dispatcher import Carrier, Dispatcher, Observer
from twin.pipeline.machine import CancelTimer, Machine, SetTimer, Started, TimerFired
from twin.pipeline.machine import Event as MachineEvent
from twin.trace import Crashed, Restarted, Trace


class HouseTime(simpy.Environment):
    """SimPy's environment on integer microseconds. Beside SimPy's events its queue holds calls, as pairs of a function
    and its arguments: a call that is due costs no event and no step of its own.
    """

    _now: int
    _queue: list[tuple[int, EventPriority, int, Any]]  # type: ignore[assignment]

    def call_at(self, at_us: int, function: Callable[..., Any], *args: Any) -> None:
        """Call `function(*args)` at an instant that is not past, before timers that are due then."""
        heappush(self._queue, (at_us, URGENT, next(self._eid), (function, args)))

    def call_in(self, delay_us: int, function: Callable[..., Any], *args: Any) -> None:
        """The same after a delay."""
        heappush(self._queue, (self._now + delay_us, URGENT, next(self._eid), (function, args)))

    def time_out(self, at_us: int, function: Callable[..., Any], *args: Any) -> None:
        """Call `function(*args)` after all inputs of that instant; of one that is past: now."""
        heappush(self._queue, (max(at_us, self._now), NORMAL, next(self._eid), (function, args)))

    def step(self) -> None:
        """Make all calls before SimPy's next event, then take that."""
        queue = self._queue
        while queue and type(queue[0][3]) is tuple:
            self._now, _, _, (function, args) = heappop(queue)
            function(*args)
        super().step()


class _Timer:
    """A timer that is set: when its node's clock must show `at_us`. Another object means another setting of it."""

    __slots__ = ("at_us",)

    def __init__(self, at_us: int) -> None:
        self.at_us = at_us


class SimulatedHost:
    """Nodes, timers and the clock of one run; models register the carriers of their effects in `carriers`.

    True time is the house's; a node whose clock is off sees another (`local_us`), and its timers follow that.

    Args:
        start_us: house instant of the first event.
        trace: takes every fact.
    """

    def __init__(self, start_us: int, trace: Trace, observer: Observer | None = None) -> None:
        self.env = HouseTime(initial_time=start_us)
        self.trace = trace
        self.carriers: dict[type[Any], Carrier] = {SetTimer: self._set_timer, CancelTimer: self._cancel_timer}
        env = self.env
        self.dispatcher = Dispatcher(lambda: env._now, self.carriers, trace.emit, observer)
        self.deliver = self.dispatcher.deliver
        self.call_at = env.call_at
        self.call_in = env.call_in
        self._incarnation: dict[str, int] = {}
        self._timers: dict[tuple[str, str], _Timer] = {}
        self._clocks: dict[str, NodeClock] = {}
        self._delays_us: dict[str, int] = {}
        self._held_up: Counter[str] = Counter()
        self._latest_us: dict[str, int] = {}

    @property
    def events(self) -> int:
        """Events handed to machines so far."""
        return self.dispatcher.events

    @property
    def now_us(self) -> int:
        """The house instant."""
        return int(self.env.now)

    # ------------------------------------------------------------ timers

    def _set_timer(self, node: str, effect: SetTimer) -> None:
        self._schedule_timer(node, effect.name, effect.at_us)

    def _schedule_timer(self, node: str, name: str, at_us: int) -> None:
        timer = _Timer(at_us)
        self._timers[node, name] = timer
        clock = self._clocks.get(node)
        true_us = at_us if clock is None else clock.true_us(at_us)
        self.env.time_out(true_us, self._fire, node, name, timer)

    def _cancel_timer(self, node: str, effect: CancelTimer) -> None:
        self._timers.pop((node, effect.name), None)

    def _fire(self, node: str, name: str, timer: _Timer) -> None:
        if self._timers.get((node, name)) is timer:
            del self._timers[node, name]
            self.deliver(node, TimerFired(name))

    # ------------------------------------------------------------ clocks that are off, processors that are slow

    def local_us(self, node: str, true_us: int) -> int:
        """What the node's clock shows at a true instant that does not lie before its last change."""
        clock = self._clocks.get(node)
        return true_us if clock is None else clock.local_us(true_us)

    def step_clock(self, node: str, by_us: int) -> None:
        """Set a node's clock on (or back) now; timers keep the reading that they wait for."""
        self._clock_of(node).step(self.now_us, by_us)
        self._clock_moved(node)

    def drift_clock(self, node: str, rate_ppb: int) -> None:
        """Let a node's clock gain so many nanoseconds per second from now on; 0 runs right."""
        self._clock_of(node).drift(self.now_us, rate_ppb)
        self._clock_moved(node)

    def _clock_of(self, node: str) -> NodeClock:
        self.dispatcher.local_clock = self.local_us
        return self._clocks.setdefault(node, NodeClock())

    def _clock_moved(self, node: str) -> None:
        for (owner, name), timer in list(self._timers.items()):
            if owner == node:
                self._schedule_timer(node, name, timer.at_us)

    def slow_down(self, node: str, delay_us: int) -> None:
        """Let everything reach the node's machine so much later, in the same order; 0 ends that."""
        self._delays_us[node] = delay_us
        self.dispatcher.detour = self._hold_up

    def _hold_up(self, node: str, event: MachineEvent) -> bool:
        now_us = self.env._now
        delay_us = self._delays_us.get(node, 0)
        if not delay_us and not self._held_up[node]:
            return False
        due_us = self._latest_us[node] = max(now_us + delay_us, self._latest_us.get(node, 0))
        self._held_up[node] += 1
        self.call_at(due_us, self._release, node, event, self.incarnation(node))
        return True

    def _release(self, node: str, event: MachineEvent, incarnation: int) -> None:
        self._held_up[node] -= 1
        if self.is_up(node) and incarnation == self.incarnation(node):
            self.deliver(node, event, after_detour=True)

    # ------------------------------------------------------------ nodes

    def is_up(self, node: str) -> bool:
        """Whether the node runs."""
        return node in self.dispatcher.machines

    def incarnation(self, node: str) -> int:
        """How often the node has been started; completions of an earlier life must not reach a later one."""
        return self._incarnation.get(node, 0)

    def start(self, node: str, machine: Machine, entropy: bytes = b"", durable_bytes: int = 0) -> None:
        """Bring a node up with a machine."""
        self._incarnation[node] = self.incarnation(node) + 1
        self.dispatcher.machines[node] = machine
        self.trace.emit(self.now_us, node, Restarted(durable_bytes))
        self.deliver(node, Started(entropy))

    def stop(self, node: str, lost_bytes: int, torn_bytes: int) -> None:
        """Take a node down: its machine and timers are gone."""
        del self.dispatcher.machines[node]
        for key in [key for key in self._timers if key[0] == node]:
            del self._timers[key]
        self.trace.emit(self.now_us, node, Crashed(lost_bytes, torn_bytes))
