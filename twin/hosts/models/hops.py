"""Accounts of one hop: every copy that leaves is delivered or lost with a cause, or still in flight."""

from __future__ import annotations

from typing import Any

from twin.hosts.simulated import SimulatedHost
from twin.trace import HopDelivered, HopLost, HopSent


class HopAccount:
    """Numbers the copies on one directed link and says what became of them; `in_flight` is the link's own count."""

    def __init__(self, host: SimulatedHost, source: str, destination: str) -> None:
        self._host = host
        self.link = f"{source}->{destination}"
        self.source = source
        self.destination = destination
        self.in_flight = 0
        self._next = 0

    def sent(self, size_bytes: int) -> int:
        """A copy leaves; its number on this link."""
        number = self._next
        self._next += 1
        self.in_flight += 1
        self._host.trace.emit(self._host.env._now, self.source, HopSent(self.link, number, size_bytes))
        return number

    def arrived(self, number: int, event: Any) -> None:
        """The copy is there: deliver it, or lose it because nobody is up to take it."""
        host = self._host
        self.in_flight -= 1
        if host.is_up(self.destination):
            host.trace.emit(host.env._now, self.destination, HopDelivered(self.link, number))
            host.deliver(self.destination, event)
        else:
            host.trace.emit(host.env._now, self.destination, HopLost(self.link, number, "node_down"))

    def lost(self, number: int, cause: str) -> None:
        """The copy will never arrive."""
        self.in_flight -= 1
        self._host.trace.emit(self._host.env._now, self.destination, HopLost(self.link, number, cause))
