"""The loop that every host shares: hand an event to a machine, carry out its effects in order.

A dispatcher knows neither SimPy nor asyncio. It is given a clock, one carrier per kind of effect, and a place for
facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twin.pipeline.machine import Effect, Event, Machine, Report

Carrier = Callable[[str, Any], None]
FactSink = Callable[[int, str, Any], None]
Observer = Callable[[str, Event, int, list[Effect]], None]
Fuse = Callable[[str, Effect], bool]
Detour = Callable[[str, Event], bool]
LocalClock = Callable[[str, int], int]


class Dispatcher:
    """Runs machines by name; a name without a machine is a node that is down, and events for it vanish.

    Three attributes are None unless a fault needs them:

    - `local_clock(node, now_us)` is what the node's own clock shows; facts keep the true instant.
    - `detour(node, event)` may take an event over, to deliver it later (`after_detour`); True if it did.
    - `fuse(node, effect)` is asked after each effect that was carried out; True if the node has stopped, and then the
      rest of the list is not carried out.

    Args:
        clock: the house instant in microseconds.
        carriers: effect type -> `carrier(node, effect)`; every effect of `twin.pipeline.machine` but `Report` needs
            one.
        facts: takes (instant, node, fact) of every `Report`.
        observer: sees each call before its effects are carried out (transcripts, purity tests).
    """

    def __init__(
        self,
        clock: Callable[[], int],
        carriers: Mapping[type[Any], Carrier],
        facts: FactSink,
        observer: Observer | None = None,
    ) -> None:
        self._clock = clock
        self._carriers = carriers
        self._facts = facts
        self._observer = observer
        self.machines: dict[str, Machine] = {}
        self.events = 0
        self.local_clock: LocalClock | None = None
        self.detour: Detour | None = None
        self.fuse: Fuse | None = None

    def deliver(self, node: str, event: Event, after_detour: bool = False) -> bool:
        """Let a node's machine handle an event now, and carry out what it asks for; False if the node is down."""
        machine = self.machines.get(node)
        if machine is None:
            return False
        if self.detour is not None and not after_detour and self.detour(node, event):
            return True
        self.events += 1
        now_us = self._clock()
        shown_us = now_us if self.local_clock is None else self.local_clock(node, now_us)
        effects = machine.handle(event, shown_us)
        if self._observer is not None:
            self._observer(node, event, shown_us, effects)
        carriers = self._carriers
        fuse = self.fuse
        for effect in effects:
            kind = type(effect)
            if kind is Report:
                self._facts(now_us, node, effect[0])
                continue
            carriers[kind](node, effect)
            if fuse is not None and fuse(node, effect):
                break
        return True
