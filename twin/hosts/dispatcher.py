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


class Dispatcher:
    """Runs machines by name; a name without a machine is a node that is down, and events for it vanish.

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

    def deliver(self, node: str, event: Event) -> bool:
        """Hand over an event; False if the node is down."""
        machine = self.machines.get(node)
        if machine is None:
            return False
        self.events += 1
        now_us = self._clock()
        effects = machine.handle(event, now_us)
        if self._observer is not None:
            self._observer(node, event, now_us, effects)
        carriers = self._carriers
        for effect in effects:
            kind = type(effect)
            if kind is Report:
                self._facts(now_us, node, effect[0])
            else:
                carriers[kind](node, effect)
        return True
