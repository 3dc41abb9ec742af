"""Accounts of one hop: every copy that leaves is delivered or lost with a cause, or still in flight."""

from __future__ import annotations

from typing import Any

from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import made
from twin.trace import HopDelivered, HopLost, HopSent


class HopAccount:
    """Numbers the copies on one directed link and says what became of them; `open` holds (sent, bytes) of those in
    flight.
    """

    __slots__ = ("_deliver", "_emit", "_env", "_machines", "_next", "destination", "link", "open", "source")

    def __init__(self, host: SimulatedHost, source: str, destination: str) -> None:
        self._env = host.env
        self._emit = host.trace.emit
        self._deliver = host.deliver
        self._machines = host.dispatcher.machines
        self.link = f"{source}->{destination}"
        self.source = source
        self.destination = destination
        self.open: dict[int, tuple[int, int]] = {}
        self._next = 0

    @property
    def in_flight(self) -> int:
        """Copies under way, by the link's own count."""
        return len(self.open)

    def sent(self, size_bytes: int) -> int:
        """A copy leaves; its number on this link."""
        number = self._next
        self._next = number + 1
        now_us = self._env._now
        self.open[number] = (now_us, size_bytes)
        self._emit(now_us, self.source, made(HopSent, (self.link, number, size_bytes)))
        return number

    def arrived(self, number: int, event: Any) -> None:
        """The copy is there: deliver it, or lose it because nobody is up to take it."""
        destination = self.destination
        if destination not in self._machines:
            self.lost(number, "node_down")
            return
        sent_us, size = self.open.pop(number)
        self._emit(self._env._now, destination, made(HopDelivered, (self.link, number, size, sent_us)))
        self._deliver(destination, event)

    def lost(self, number: int, cause: str) -> None:
        """The copy will never arrive."""
        sent_us, size = self.open.pop(number)
        self._emit(self._env._now, self.destination, HopLost(self.link, number, size, sent_us, cause))
