"""Links that carry damage, injections and other rates: every copy is accounted for."""

from __future__ import annotations

from collections import Counter

from faulty_world import World

from twin.faults.link import LinkFaults, Outage, Outages, RealRates, Rule
from twin.hosts.models.local_network import LocalNetwork
from twin.hosts.models.space_link import LinkSettings, SpaceLink, Transmitter
from twin.pipeline.machine import BundleArrived, Received, Send, Transmit, TransmitFailed, Transmitted
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.randomness import stream
from twin.trace import HopDelivered, HopLost, HopSent, Injected

SECOND_US = 1_000_000
PLAN = ContactPlan([Contact("m", "e", 0, 1000 * SECOND_US, 8000, ((0, 300 * SECOND_US),))])
ALWAYS = (0, 1 << 62)


def space(world: World, settings: LinkSettings = LinkSettings()) -> SpaceLink:  # noqa: B008 - immutable
    link = SpaceLink(world.host, "m", "e", PLAN, settings, Transmitter(), Transmitter())
    world.host.carriers[Transmit] = link.transmit
    return link


def balance(world: World) -> Counter[str]:
    return Counter({kind.__name__: len(world.of(kind)) for kind in (HopSent, HopDelivered, HopLost)})


def test_a_damaged_bundle_is_delivered_and_is_not_what_was_sent() -> None:
    world = World()
    link = space(world, LinkSettings(LinkFaults([Rule("bundle_corruption", 1.0, *ALWAYS, 0, stream(1, "x"))])))
    _, earth = world.start("m", "e")
    link.transmit("m", Transmit(1, "e", bytes(100)))
    world.run()
    (arrived,) = earth.all(BundleArrived)
    assert sum(byte.bit_count() for byte in arrived.data) == 1
    assert balance(world) == {"HopSent": 1, "HopDelivered": 1, "HopLost": 0}


def test_an_injected_bundle_counts_as_a_copy_and_is_marked() -> None:
    world = World()
    link = space(world)
    _, earth = world.start("m", "e")
    world.host.call_at(5, link.inject, "bundle_forgery", b"forged", b"leaf")
    world.run()
    assert earth.all(BundleArrived) == [BundleArrived("m", b"forged")]
    assert world.of(Injected) == [(5, "e", Injected("bundle_forgery", "m->e", b"leaf"))]
    assert balance(world) == {"HopSent": 1, "HopDelivered": 1, "HopLost": 0}


def test_an_injection_into_an_outage_or_to_a_node_that_is_down_is_lost() -> None:
    world = World()
    link = space(world, LinkSettings(arriving=Outages([Outage(0, 100, "link_outage")])))
    world.start("m")
    link.inject("bundle_forgery", b"forged")
    world.host.call_at(200, link.inject, "bundle_forgery", b"forged")
    world.run()
    assert [fact.cause for _, _, fact in world.of(HopLost)] == ["link_outage", "node_down"]
    assert balance(world) == {"HopSent": 2, "HopDelivered": 0, "HopLost": 2}


def test_a_watcher_sees_what_is_radiated_and_nothing_that_is_refused() -> None:
    world = World()
    link = space(world)
    seen: list[bytes] = []
    link.watchers.append(seen.append)
    mars, _ = world.start("m", "e")
    link.transmit("m", Transmit(1, "e", b"a"))
    link.transmit("m", Transmit(2, "e", bytes(2_000_000)))
    world.run()
    assert seen == [b"a"]
    assert len(mars.all(TransmitFailed)) == 1


def test_at_half_the_rate_a_transmission_takes_twice_as_long() -> None:
    world = World()
    link = space(world, LinkSettings(rates=RealRates([(0, 10 * SECOND_US, 0.5)])))
    mars, _ = world.start("m", "e")
    link.transmit("m", Transmit(1, "e", bytes(1000)))
    world.run()
    assert mars.times(Transmitted) == [2 * SECOND_US]


def test_a_burst_on_the_local_network_is_each_pairs_own() -> None:
    world = World()
    asked: list[tuple[str, str]] = []

    def faults_of(source: str, destination: str) -> LinkFaults:
        asked.append((source, destination))
        return LinkFaults([Rule("bundle_loss", 0.5, *ALWAYS, 0, stream(1, source, destination))])

    network = LocalNetwork(world.host, 1000, 10**9, faults_of)
    world.start("a", "b", "c")
    for _ in range(50):
        network.send("a", Send("b", b"x"))
        network.send("a", Send("c", b"x"))
    world.run()
    assert asked == [("a", "b"), ("a", "c")]
    lost = Counter(fact.link for _, _, fact in world.of(HopLost))
    assert 10 < lost["a->b"] < 40
    assert 10 < lost["a->c"] < 40
    assert [f.hop for _, _, f in world.of(HopLost) if f.link == "a->b"] != [
        f.hop for _, _, f in world.of(HopLost) if f.link == "a->c"
    ]


def test_an_injected_datagram_comes_in_the_name_of_its_victim() -> None:
    world = World()
    network = LocalNetwork(world.host, 1000, 10**9)
    (edge,) = world.start("edge-1")
    network.inject("frame_forgery", "vitals-1", "edge-1", b"forged", b"leaf")
    world.run()
    assert edge.all(Received) == [Received("vitals-1", b"forged")]
    assert world.of(Injected) == [(0, "edge-1", Injected("frame_forgery", "vitals-1->edge-1", b"leaf"))]
    assert balance(world) == {"HopSent": 1, "HopDelivered": 1, "HopLost": 0}
