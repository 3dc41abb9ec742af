"""What the tests of faults share: a host with machines that only note what reaches them, and a trace that is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import Effect, Event
from twin.trace import Trace


class Noter:
    """A machine that notes (event, now) and answers each event with what `answers` says for its type."""

    def __init__(self, answers: Mapping[type[Any], list[Effect]] | None = None) -> None:
        self.heard: list[tuple[Event, int]] = []
        self._answers = answers or {}

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        self.heard.append((event, now_us))
        return list(self._answers.get(type(event), []))

    def times(self, kind: type[Any]) -> list[int]:
        return [now_us for event, now_us in self.heard if type(event) is kind]

    def all(self, kind: type[Any]) -> list[Any]:
        return [event for event, _ in self.heard if type(event) is kind]


class World:
    """A host at instant 0 whose facts are kept as (instant, node, fact)."""

    def __init__(self) -> None:
        self.facts: list[tuple[int, str, Any]] = []
        self.trace = Trace()
        self.trace.read(self.facts.extend)
        self.host = SimulatedHost(0, self.trace)

    def start(self, *names: str, make: Callable[[], Noter] = Noter) -> list[Noter]:
        machines = [make() for _ in names]
        for name, machine in zip(names, machines, strict=True):
            self.host.start(name, machine)
        return machines

    def run(self, until_us: int | None = None) -> None:
        self.host.env.run(until_us)

    def of(self, kind: type[Any]) -> list[tuple[int, str, Any]]:
        self.trace.flush()
        return [entry for entry in self.facts if type(entry[2]) is kind]
