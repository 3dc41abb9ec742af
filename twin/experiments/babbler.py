"""Who babbles: keeps what was said last on both planets, and says senseless things made of it.

What it says is that of `twin.faults`: `babble`, `babbled_bundles`, `senseless_signatures`, `senseless_seals` and
`stray_answers`; here stands where it listens, and who is whose neighbour.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from twin.experiments.babbling import schedule_babble
from twin.experiments.identities import AUDITOR, EARTH, EARTH_ENDPOINT, edge_endpoint
from twin.experiments.operators import Operators
from twin.faults.babble import (
    ANSWER,
    BLOCK,
    MISADDRESSED,
    NOISES,
    SEALED,
    SIGNED,
    STRANGER,
    WORD_WAYS,
    Listener,
    Role,
    Said,
    Word,
    babble,
    noise,
)
from twin.faults.babbled_bundles import ALTERATIONS, altered, from_elsewhere
from twin.faults.senseless_seals import senseless_seal
from twin.faults.senseless_signatures import Signers, senselessly_signed
from twin.faults.stray_answers import stray_answer
from twin.hosts.models.local_network import LocalNetwork
from twin.hosts.models.space_link import SpaceLink
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.transport.hop_keys import hop_keys
from twin.pipeline.wire.blocks import Endpoint
from twin.pipeline.wire.bpsec import HopKeys
from twin.pipeline.wire.primary import read_primary
from twin.randomness import one_of
from twin.scenario.fault_rules import AUDITOR_NODE, GATEWAY
from twin.scenario.model import HabitatScenario
from twin.scenario.stranger_faults import Babble

OF_BUNDLES: Final = (BLOCK, BLOCK, BLOCK, SEALED, SEALED)
"""What is wrong with a bundle has many places, so a node that takes bundles hears of its blocks this often."""
WAYS: Final[dict[Role, tuple[str, ...]]] = {
    Role.DEVICE: (*WORD_WAYS, SIGNED, ANSWER),
    Role.EDGE: (*WORD_WAYS, SIGNED, SIGNED, ANSWER, *OF_BUNDLES),
    Role.GATEWAY: (*WORD_WAYS, ANSWER, *OF_BUNDLES),
    Role.AUDITOR: (*WORD_WAYS, SIGNED, ANSWER),
}
"""What each role is told."""
_ON_BUNDLES_TOO: Final = (*NOISES, STRANGER, MISADDRESSED)


class Earshot(NamedTuple):
    """Where a babbler listens and speaks: the networks of both planets, links by (source, destination), edges, the
    edges of each device, and those who hold the hop keys and who sign.
    """

    mars: LocalNetwork
    earth: LocalNetwork
    space: Mapping[tuple[str, str], SpaceLink]
    edges: tuple[str, ...]
    devices: Mapping[str, tuple[str, ...]]
    operators: Operators
    signers: Signers


class Babbler:
    """Schedules all babble of a resolved scenario; it listens only where there is some."""

    def __init__(self, host: SimulatedHost, scenario: HabitatScenario, earshot: Earshot) -> None:
        self._host = host
        self._earshot = earshot
        self._words: dict[tuple[str, int], Word] = {}
        self._bundles: dict[tuple[str, str], bytes] = {}
        if schedule_babble(host, scenario, self._say):
            for network in (earshot.mars, earshot.earth):
                network.watchers.append(self._hears)
            for pair, link in earshot.space.items():
                link.watchers.append(partial(self._bundles.__setitem__, pair))

    # ------------------------------------------------------------ what was said

    def _hears(self, source: str, destination: str, data: bytes) -> None:
        """The newest word of each code to each node is kept; codes stand in the second byte, from 24 on as 24."""
        self._words[destination, data[1]] = Word(source, destination, data)

    def _listener(self, node: str) -> Listener:
        """A node by the name that scenarios use: who counts there, and who does not."""
        edges, devices = self._earshot.edges, self._earshot.devices
        if node == GATEWAY:
            return Listener(EARTH, Role.GATEWAY, (AUDITOR,), ())
        if node == AUDITOR_NODE:
            return Listener(AUDITOR, Role.AUDITOR, (EARTH,), ())
        if node in devices:
            strange = [name for name in (*edges, *devices) if name != node and name not in devices[node]]
            return Listener(node, Role.DEVICE, devices[node], tuple(strange))
        near = [name for name in (*edges, *devices) if name != node]
        return Listener(node, Role.EDGE, tuple(near), tuple(devices))

    # ------------------------------------------------------------ what is said of it

    def _say(self, fault: Babble, random: np.random.Generator) -> None:
        """Say one thing now, if anything was heard that lends itself to it."""
        listener = self._listener(fault.node)
        takes_bundles = listener.role in (Role.EDGE, Role.GATEWAY)
        way = one_of(WAYS[listener.role], random)
        of_a_bundle = way in OF_BUNDLES or (takes_bundles and way in _ON_BUNDLES_TOO and random.random() < 0.5)
        if way == ANSWER:
            self._answer(listener, random)
        elif of_a_bundle:
            self._say_bundle(fault.kind, way, listener, random)
        else:
            words = [self._words[key] for key in sorted(self._words)]
            signers = self._earshot.signers
            said = (
                senselessly_signed(listener, words, signers, random)
                if way == SIGNED
                else babble(way, listener, words, random)
            )
            self._say_word(fault.kind, listener, said)

    def _say_word(self, kind: str, listener: Listener, said: Said | None) -> None:
        if said is not None:
            on_earth = listener.role in (Role.GATEWAY, Role.AUDITOR)
            network = self._earshot.earth if on_earth else self._earshot.mars
            network.inject(kind, said.source, listener.name, said.data, said.leaf)

    def _answer(self, listener: Listener, random: np.random.Generator) -> None:
        """The node's own host tells it what it never asked for."""
        peers = {Role.EDGE: (EARTH,), Role.GATEWAY: self._earshot.edges}.get(listener.role, ())
        peer = one_of(peers, random) if peers else None
        self._host.deliver(listener.name, stray_answer(listener.role, peer, random))

    def _say_bundle(self, kind: str, way: str, listener: Listener, random: np.random.Generator) -> None:
        """A bundle that came for the listener, altered, or one that was for another, whole."""
        here = self._endpoint(listener.name)
        foreign = way == MISADDRESSED
        pairs = [pair for pair in sorted(self._bundles) if (_destination(self._bundles[pair]) != here) == foreign]
        links = [pair for pair in sorted(self._earshot.space) if pair[1] == listener.name]
        if not pairs or not links:
            return
        pair = one_of(pairs, random)
        data, leaf = self._bundles[pair], b""
        if way == BLOCK:
            data = altered(data, ALTERATIONS, random)
        elif way == SEALED:
            data, leaf = senseless_seal(data, self._keys_of(data), self._earshot.signers, random)
        elif way == STRANGER:
            data = from_elsewhere(data)
        elif not foreign:
            data = noise(way, data, random)
        self._earshot.space[pair if pair in links else links[0]].inject(kind, data, leaf)

    def _keys_of(self, bundle: bytes) -> list[HopKeys]:
        """Every hop key between source and destination of a bundle that an operator ever installed on either side."""
        flow = read_primary(bundle)[0]
        edges = self._earshot.edges
        edge = next(name for name in edges if self._endpoint(name) in (flow.source, flow.destination))
        keys = {number: key for held in self._earshot.operators.hop_keys.values() for number, key in held[edge].items()}
        return [hop_keys(keys[number], number, flow.source, flow.destination) for number in sorted(keys)]

    def _endpoint(self, node: str) -> Endpoint:
        return EARTH_ENDPOINT if node == EARTH else edge_endpoint(self._earshot.edges.index(node) + 1)


def _destination(bundle: bytes) -> Endpoint:
    return read_primary(bundle)[0].destination
