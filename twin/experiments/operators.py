"""Operators of both planets: they replace signing keys of devices and install hop keys, and their key stores outlive
every crash.

A device's secure element keeps the old key until an edge has accepted the closing frame that names the new one. A
device that crashes before that starts with the old key again and is told once more.
"""

from __future__ import annotations

from collections.abc import Sequence

from twin.experiments.identities import EARTH, DeviceIdentity, hop_key, key_pair
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.facts import Accepted, EpochClosed
from twin.pipeline.machine import HopKeyInstalled, KeyReplaced
from twin.pipeline.wire.identity import RecordId
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
        self._rotations: dict[str, int] = {}
        self._next: dict[str, Signer] = {}
        self._closing: dict[str, RecordId] = {}
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
        """Hand a device its next key; one that is down gets it when it is up again."""
        number = self._rotations[device] = self._rotations.get(device, 0) + 1
        suite = self._scenario.pipeline.suite
        self._next[device] = key_pair(self._scenario.seed, suite, f"{device} key {number + 1}").signer
        self.tell(device)

    def tell(self, node: str) -> None:
        """A node is up: hand over what it has not taken."""
        if node in self._next:
            self._host.deliver(node, KeyReplaced(self._next[node]))

    def _closed(self, _at_us: int, node: str, fact: EpochClosed) -> None:
        if fact.reason == "key":
            self._closing[node] = fact.record

    def _accepted(self, _at_us: int, _node: str, fact: Accepted) -> None:
        name = self._ids.get(fact.stream.device)
        closing = self._closing.get(name) if name is not None else None
        if name is not None and closing is not None and closing.stream == fact.stream and closing.index < fact.end:
            del self._closing[name]
            self._signers[name] = self._next.pop(name)

    # ------------------------------------------------------------ hops

    def install_hop_key(self, side: str, number: int) -> None:
        """Install key number `number` of every edge's hop on one side."""
        for edge in self._edges:
            key = self.hop_keys[side][edge][number] = hop_key(self._scenario.seed, edge, number)
            if side == MARS:
                self._host.deliver(edge, HopKeyInstalled(EARTH, number, key))
            else:
                self._host.deliver(EARTH, HopKeyInstalled(edge, number, key))
