"""The radio links of a habitat: who radiates with which antenna, and what each link suffers."""

from __future__ import annotations

from typing import NamedTuple

from twin.experiments import disturbances
from twin.experiments.identities import EARTH
from twin.faults.link import Outages
from twin.hosts.models.ltp_blocks import LtpBlocks
from twin.hosts.models.space_link import HabitatAntenna, LinkSettings, SpaceLink, Transmitter
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.randomness import stream
from twin.scenario.model import HabitatScenario

PROXIMITY = "proximity"
"""What scenarios call the links between the habitat and its relays, and between relays."""


class SpaceLinks(NamedTuple):
    """Links by (source, destination), and the habitat's dish, which a storm may stow."""

    by_pair: dict[tuple[str, str], SpaceLink]
    dish: HabitatAntenna


def direction_of(pair: tuple[str, str]) -> str:
    """What scenarios call a link: down to Earth, up from it, or proximity."""
    if EARTH not in pair:
        return PROXIMITY
    return "down" if pair[1] == EARTH else "up"


def space_links(host: SimulatedHost, scenario: HabitatScenario, plan: ContactPlan) -> SpaceLinks:
    """One link for every pair of nodes that the plan connects.

    All edge nodes share the habitat's dish to Earth and its radio to relays; a relay has one antenna for each, too.
    Earth sends to each spacecraft by a transmitter of its own; where antennas are shared, the plan gives them turns.
    """
    edges = scenario.habitat.edge_names
    dish = HabitatAntenna(host, edges, EARTH)
    radios: dict[tuple[str, bool], Transmitter] = {("habitat", True): dish.transmitter}

    def place(node: str) -> str:
        return "habitat" if node in edges else node

    def radio(node: str, other: str) -> Transmitter:
        owner = f"{EARTH} to {place(other)}" if node == EARTH else place(node)
        return radios.setdefault((owner, EARTH in (node, other)), Transmitter())

    links = {}
    for pair in sorted(plan.pairs, key=lambda pair: (_ORDER.index(direction_of(pair)), pair)):
        ends = radio(*pair), radio(*reversed(pair))
        links[pair] = SpaceLink(host, *pair, plan, _settings(scenario, plan, pair), *ends)
    dish.links = [link for (source, destination), link in links.items() if source in edges and destination == EARTH]
    return SpaceLinks(links, dish)


_ORDER = ("down", "up", PROXIMITY)


def _settings(scenario: HabitatScenario, plan: ContactPlan, pair: tuple[str, str]) -> LinkSettings:
    direction = direction_of(pair)
    leaving, arriving = disturbances.surprise_outages(scenario, direction, plan.between(*pair))
    return LinkSettings(
        disturbances.link_faults(scenario, direction, "->".join(pair)),
        Outages(leaving),
        Outages(arriving),
        0 if direction == PROXIMITY else scenario.earth.ground_latency_us,
        disturbances.real_rates(scenario, direction),
        overheard=True,
        blocks=None if direction == PROXIMITY else _blocks(scenario, pair),
    )


def _blocks(scenario: HabitatScenario, pair: tuple[str, str]) -> LtpBlocks | None:
    """What LTP loses between Earth and a relay or the habitat."""
    node = next(node for node in pair if node != EARTH)
    radios = {relay.name: relay.to_earth for relay in scenario.network.relays}
    radio = radios.get(node, scenario.network.direct_to_earth)
    assert radio is not None  # else the plan had no such contact
    loss = radio.ltp.segment_loss
    return LtpBlocks(loss, stream(scenario.seed, "ltp", *pair)) if loss else None
