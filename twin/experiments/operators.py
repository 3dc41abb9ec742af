"""Operators of both planets: they replace signing keys of devices and install hop keys, and their key stores outlive
every crash.

A device's secure element keeps the old key until an edge has accepted a closing frame that names the new one. A device
that crashes before that starts with the old key again and is told once more. A key is handed over when the one before
has been taken so: a device never gives up a key of which no edge knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from twin.experiments.identities import EARTH, DeviceIdentity, hop_key, key_pair
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.facts import Accepted, EpochClosed
from twin.pipeline.machine import HopKeyInstalled, KeyReplaced
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.signing import Signer
from twin.scenario.model import HabitatScenario

MARS = "mars"


class Operators:
    """Key stores of a habitat and of Earth."""

    def __init__(self, host: SimulatedHost, scenario: HabitatScenario, devices: Sequence[DeviceIdentity]) -> None:
        self._host = host
        self._scenario = scenario
        self._edges = scenario.habitat.edge_names
        self._signers = {d.name: d.keys.signer for d in devices}
        self._ids = {d.device: d.name for d in devices}
        self._asked_for: Counter[str] = Counter()
        self._handed_over: Counter[str] = Counter()
        self._next: dict[str, Signer] = {}
        self._closings: dict[str, dict[StreamId, int]] = {d.name: {} for d in devices}
        """By device: final index of each epoch that it closed to take its next key."""
        first = {edge: {0: hop_key(scenario.seed, edge, 0)} for edge in self._edges}
        self.hop_keys = {side: {edge: dict(keys) for edge, keys in first.items()} for side in (MARS, EARTH)}
        """By side and edge: the keys installed there, by number."""
        host.trace.subscribe(EpochClosed, self._closed)
        host.trace.subscribe(Accepted, self._accepted)

    # ------------------------------------------------------------ devices

    def signer_of(self, device: str) -> Signer:
        """The key that a device that starts now signs with."""
        return self._signers[device]

    def replace_device_key(self, device: str) -> None:
        """Hand a device its next key, or do so later: when it is up again, and when the one before was taken."""
        self._asked_for[device] += 1
        if device not in self._next:
            self._make_next(device)
            self.tell(device)

    def tell(self, node: str) -> None:
        """A node is up: hand over what it has not taken."""
        if node in self._next:
            self._host.deliver(node, KeyReplaced(self._next[node]))

    def _make_next(self, device: str) -> None:
        number = self._handed_over[device] = self._handed_over[device] + 1
        suite = self._scenario.pipeline.suite
        self._next[device] = key_pair(self._scenario.seed, suite, f"{device} key {number + 1}").signer

    def _closed(self, _at_us: int, node: str, fact: EpochClosed) -> None:
        if fact.reason == "key":
            self._closings[node][fact.record.stream] = fact.record.index

    def _accepted(self, _at_us: int, _node: str, fact: Accepted) -> None:
        name = self._ids.get(fact.stream.device)
        if name is None or fact.end <= self._closings[name].get(fact.stream, fact.end):
            return
        self._closings[name].clear()
        self._signers[name] = self._next.pop(name)
        if self._handed_over[name] < self._asked_for[name]:
            self._make_next(name)
            self._host.call_in(0, self.tell, name)

    # ------------------------------------------------------------ hops

    def install_hop_key(self, side: str, number: int) -> None:
        """Install key number `number` of every edge's hop on one side."""
        for edge in self._edges:
            key = self.hop_keys[side][edge][number] = hop_key(self._scenario.seed, edge, number)
            if side == MARS:
                self._host.deliver(edge, HopKeyInstalled(EARTH, number, key))
            else:
                self._host.deliver(EARTH, HopKeyInstalled(edge, number, key))
