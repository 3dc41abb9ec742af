"""The simulated host: SimPy's clock, and models that carry effects out.

One message costs one or two scheduled callbacks, never a process. At one instant inputs (arrivals, completions) come
before timers, and otherwise in the order in which they were scheduled, so that a run is a function of its scenario
and seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy
from simpy.events import NORMAL, URGENT, Event

from twin.hosts.dispatcher import Carrier, Dispatcher, Observer
from twin.pipeline.machine import CancelTimer, Machine, SetTimer, Started, TimerFired
from twin.trace import Crashed, Restarted, Trace


def _run(event: Any) -> None:
    event.function(*event.args)


class _Call(Event):
    """One scheduled callback; what all have in common stands on the class, so that making one costs two attributes."""

    callbacks = (_run,)  # type: ignore[assignment]  # SimPy only iterates over it
    _ok = True
    _value = None

    def __init__(self, function: Callable[..., Any], args: Any) -> None:
        self.function = function
        self.args = args


class HouseTime(simpy.Environment):
    """SimPy's environment on integer microseconds."""

    _now: int


class SimulatedHost:
    """Nodes, timers and the clock of one run; models register the carriers of their effects in `carriers`.

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
        self._incarnation: dict[str, int] = {}
        self._timers: dict[tuple[str, str], object] = {}

    @property
    def events(self) -> int:
        """Events handed to machines so far."""
        return self.dispatcher.events

    @property
    def now_us(self) -> int:
        """The house instant."""
        return int(self.env.now)

    # ------------------------------------------------------------ scheduling

    def call_in(self, delay_us: int, function: Callable[..., Any], *args: Any) -> None:
        """Call `function(*args)` after a delay, before timers that are due at the same instant."""
        self.env.schedule(_Call(function, args), URGENT, delay_us)

    def call_at(self, at_us: int, function: Callable[..., Any], *args: Any) -> None:
        """Call `function(*args)` at an instant that is not past."""
        env = self.env
        env.schedule(_Call(function, args), URGENT, at_us - env._now)

    def _set_timer(self, node: str, effect: SetTimer) -> None:
        token = object()
        self._timers[node, effect.name] = token
        delay_us = max(0, effect.at_us - self.env._now)
        self.env.schedule(_Call(self._fire, (node, effect.name, token)), NORMAL, delay_us)

    def _cancel_timer(self, node: str, effect: CancelTimer) -> None:
        self._timers.pop((node, effect.name), None)

    def _fire(self, node: str, name: str, token: object) -> None:
        if self._timers.get((node, name)) is token:
            del self._timers[node, name]
            self.deliver(node, TimerFired(name))

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
