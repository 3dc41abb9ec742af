"""The network of one planet: every node reaches every other, after a latency; datagrams may be lost."""

from __future__ import annotations

from twin.faults.link import LinkFaults
from twin.hosts.models.hops import HopAccount
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import Received, Send

MICROBITS_PER_BYTE = 8_000_000


class LocalNetwork:
    """Carrier of `Send`.

    Args:
        latency_us: per datagram; rate_bps: serialisation, per datagram and without queueing (a switched network).
    """

    def __init__(self, host: SimulatedHost, latency_us: int, rate_bps: int, faults: LinkFaults) -> None:
        self._host = host
        self._latency_us = latency_us
        self._rate_bps = rate_bps
        self._faults = faults
        self.hops: dict[tuple[str, str], HopAccount] = {}

    def send(self, node: str, effect: Send) -> None:
        """Carry one datagram."""
        hop = self.hops.get((node, effect.destination))
        if hop is None:
            hop = self.hops[node, effect.destination] = HopAccount(self._host, node, effect.destination)
        size = len(effect.data)
        delay_us = self._latency_us + size * MICROBITS_PER_BYTE // self._rate_bps
        for fate in self._faults.fates(self._host.env._now):
            number = hop.sent(size)
            if fate.cause is None:
                event = Received(node, effect.data)
                self._host.call_in(delay_us + fate.delay_us, hop.arrived, number, event)
            else:
                self._host.call_in(delay_us + fate.delay_us, hop.lost, number, fate.cause)
