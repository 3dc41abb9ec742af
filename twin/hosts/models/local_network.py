"""The network of one planet: every node reaches every other, after a latency; datagrams may be lost."""

from __future__ import annotations

from collections.abc import Callable

from twin.faults.link import LinkFaults
from twin.hosts.models.hops import HopAccount
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import Received, Send
from twin.trace import Injected

MICROBITS_PER_BYTE = 8_000_000


class LocalNetwork:
    """Carrier of `Send`.

    Args:
        latency_us: per datagram; rate_bps: serialisation, per datagram and without queueing (a switched network).
        faults_of: random faults of a directed pair (source, destination), asked once for each that is used; None: there
            are none.
    """

    def __init__(
        self,
        host: SimulatedHost,
        latency_us: int,
        rate_bps: int,
        faults_of: Callable[[str, str], LinkFaults] | None = None,
    ) -> None:
        self._host = host
        self._latency_us = latency_us
        self._rate_bps = rate_bps
        self._faults_of = faults_of
        self._faults: dict[tuple[str, str], LinkFaults] = {}
        self.hops: dict[tuple[str, str], HopAccount] = {}
        self.watchers: list[Callable[[str, str, bytes], None]] = []

    def _hop(self, source: str, destination: str) -> HopAccount:
        hop = self.hops.get((source, destination))
        if hop is None:
            hop = self.hops[source, destination] = HopAccount(self._host, source, destination)
        return hop

    def _faults_between(self, source: str, destination: str) -> LinkFaults:
        faults = self._faults.get((source, destination))
        if faults is None:
            faults = LinkFaults() if self._faults_of is None else self._faults_of(source, destination)
            self._faults[source, destination] = faults
        return faults

    def send(self, node: str, effect: Send) -> None:
        """Carry one datagram."""
        destination, data = effect
        hop = self._hop(node, destination)
        size = len(data)
        delay_us = self._delay_us(size)
        for fate in self._faults_between(node, destination).fates(self._host.env._now):
            number = hop.sent(size)
            if fate.cause is not None:
                self._host.call_in(delay_us + fate.delay_us, hop.lost, number, fate.cause)
            else:
                event = Received(node, data if fate.change is None else fate.change.of(data))
                self._host.call_in(delay_us + fate.delay_us, hop.arrived, number, event)
        for watch in self.watchers:
            watch(node, destination, data)

    def inject(self, kind: str, source: str, destination: str, data: bytes, leaf: bytes = b"") -> None:
        """Put in a datagram in the name of `source`: forged, or an earlier copy; `leaf` of the frame in it."""
        hop = self._hop(source, destination)
        number = hop.sent(len(data))
        self._host.trace.emit(self._host.now_us, destination, Injected(kind, hop.link, leaf))
        self._host.call_in(self._delay_us(len(data)), hop.arrived, number, Received(source, data))

    def _delay_us(self, size_bytes: int) -> int:
        return self._latency_us + size_bytes * MICROBITS_PER_BYTE // self._rate_bps
