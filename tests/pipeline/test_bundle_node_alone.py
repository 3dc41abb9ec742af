"""A bundle node in any weather: antennas that fail, wrong plans, acks that nobody made, storage that is full."""

from __future__ import annotations

from random import Random

import pytest
from bundle_node_alone import FAR, NEAR, PLANS, BundleNodeAlone, RelayAlone
from hypothesis import strategies as st
from hypothesis.stateful import rule
from solitude import NEVER_HOME, SEEDS, Weather, assert_caught, bounded

from twin.pipeline.machine import BundleArrived, Effect, Event, SetTimer, TransmitFailed
from twin.pipeline.transport.bundle_node import BundleNode
from twin.pipeline.transport.flow_source import FlowSource
from twin.pipeline.wire.messages import FlowAck


class NodeWeather(Weather):
    world_of = BundleNodeAlone
    world: BundleNodeAlone

    @rule(seed=SEEDS, payloads=st.integers(1, 12))
    def applications_offer(self, seed: int, payloads: int) -> None:
        random = Random(seed)
        for _ in range(payloads):
            self.world.offer(random.choice(self.world.flows))

    @rule()
    def a_source_near_by_sends_again(self) -> None:
        self.world.repeat()

    @rule(neighbour=st.sampled_from([NEAR, FAR]), usable=st.booleans())
    def an_antenna_fails_or_works_again(self, neighbour: str, usable: bool) -> None:
        self.world.set_link(neighbour, usable)

    @rule(believed=st.sampled_from(PLANS))
    def another_plan_is_loaded(self, believed: object) -> None:
        self.world.believe(believed)

    @rule(seed=SEEDS)
    def somebody_acks_what_never_arrived(self, seed: int) -> None:
        self.world.forge(Random(seed))


class RelayWeather(NodeWeather):
    world_of = RelayAlone


TestNode = NodeWeather.TestCase
TestNode.settings = bounded(25)
TestRelay = RelayWeather.TestCase
TestRelay.settings = bounded(25)


class NeverLooksAgain(BundleNode):
    """The timer of a group is never set."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        return [e for e in out if not (isinstance(e, SetTimer) and e.name.startswith("overdue"))]


class DeliversTwice(BundleNode):
    """What comes twice is delivered twice."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, BundleArrived):
            for incoming in self._sink._incoming.values():
                if incoming.size % 5 == 4:
                    incoming.size -= 1
        return super().handle(event, now_us)


def believes_any_ack(self: FlowSource, ack: FlowAck, _out: list[Effect]) -> None:
    """Neither key nor checksum of an ack is looked at."""
    outgoing = self._outgoing[ack.flow]
    outgoing.acked_up_to(min(ack.verified, outgoing.size))


class ForgetsWhatFailed(BundleNode):
    """A transmission that was refused is under way for ever."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        return [] if isinstance(event, TransmitFailed) else super().handle(event, now_us)


@pytest.mark.parametrize(
    ("weather", "kind", "breaks"),
    [
        (NodeWeather, DeliversTwice, "exactly_once|stream_order"),
        (NodeWeather, NeverLooksAgain, NEVER_HOME),
        (NodeWeather, ForgetsWhatFailed, NEVER_HOME),
        (RelayWeather, ForgetsWhatFailed, NEVER_HOME),
    ],
)
def test_a_node_with_a_bug_is_caught(weather: type[NodeWeather], kind: type[BundleNode], breaks: str) -> None:
    assert_caught(weather, breaks, kind=kind)


def test_a_source_that_believes_any_ack_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FlowSource, "acked", believes_any_ack)
    assert_caught(NodeWeather, NEVER_HOME)
