"""Who babbles to bundle nodes: keeps the last bundle to each destination over each link, and says senseless ones.

What is said is `twin.faults.babbled_in_clear`'s, and `twin.faults.stray_answers`'; here stands where it listens, and to
whom.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from twin.experiments.babbling import schedule_babble
from twin.faults.babble import ANSWER, FIELDS
from twin.faults.babbled_in_clear import NO_SERVICE, WAYS, Hearer, senseless
from twin.faults.stray_answers import stray_to_bundle_node
from twin.hosts.models.space_link import SpaceLink
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.wire.blocks import Endpoint
from twin.pipeline.wire.primary import read_primary
from twin.randomness import one_of
from twin.scenario.model import BareScenario
from twin.scenario.stranger_faults import Babble


class NodeBabbler:
    """Schedules all babble of a resolved scenario; it listens only where there is some.

    Args:
        links: by transmitting and receiving node; numbers: of the nodes, as in their endpoints.
    """

    def __init__(
        self,
        host: SimulatedHost,
        scenario: BareScenario,
        links: Mapping[tuple[str, str], SpaceLink],
        numbers: Mapping[str, int],
    ) -> None:
        self._host = host
        self._scenario = scenario
        self._links = links
        self._numbers = numbers
        self._heard: dict[tuple[tuple[str, str], Endpoint], bytes] = {}
        if schedule_babble(host, scenario, self._say):
            for pair, link in links.items():
                link.watchers.append(partial(self._hears, pair))

    def _hears(self, pair: tuple[str, str], data: bytes) -> None:
        destination = read_primary(data)[0].destination
        if destination[1] != NO_SERVICE:  # else it is babble that somebody passed on
            self._heard[pair, destination] = data

    def _say(self, fault: Babble, random: np.random.Generator) -> None:
        """Say one thing now, if anything was heard that lends itself to it."""
        node, number = fault.node, self._numbers[fault.node]
        neighbours = [pair for pair in sorted(self._links) if pair[1] == node]
        way = one_of((*WAYS, ANSWER), random)
        if way == ANSWER:
            self._host.deliver(node, stray_to_bundle_node(one_of(neighbours, random)[0], random))
            return
        choices = [self._heard[key] for key in sorted(self._heard) if way != FIELDS or key[1][0] == number]
        if not choices:
            return
        data = one_of(choices, random)
        pair = one_of(neighbours, random)
        self._links[pair].inject(fault.kind, senseless(way, data, self._hearer(node), random))

    def _hearer(self, node: str) -> Hearer:
        others = tuple(number for name, number in self._numbers.items() if name != node)
        flows = enumerate(self._scenario.traffic, start=1)
        return Hearer(self._numbers[node], others, tuple(n for n, flow in flows if flow.from_node == node))
