"""A gateway in any weather: a store that refuses, leaves out and does not answer, rot, the loss of the table, a leader
that goes on after it was superseded, a surgeon's channel that is down; and frames that nobody signed.
"""

from __future__ import annotations

from random import Random

import planted_on_earth as earth
import pytest
from earth_weather import WeatherOnEarth
from gateway_alone import GatewayAlone
from hypothesis.stateful import rule
from solitude import NEVER_HOME, SEEDS, assert_caught, bounded

from twin.pipeline.nodes.ack_maker import AckMaker
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.nodes.head_mover import HeadMover


class GatewayWeather(WeatherOnEarth):
    world_of = GatewayAlone

    @rule(seed=SEEDS)
    def another_gateway_leads_and_the_one_before_goes_on(self, seed: int) -> None:
        self.world.supersede(Random(seed))

    @rule(seed=SEEDS)
    def somebody_forges(self, seed: int) -> None:
        self.world.forge(Random(seed))


TestGateway = GatewayWeather.TestCase
TestGateway.settings = bounded(25)


@pytest.mark.parametrize(
    ("kind", "breaks"),
    [
        (earth.CountsUnprocessedAsStored, "stream_order"),
        (earth.RetriesUnderANewKey, "exactly_once"),
        (earth.KeysAlertsByTheirEdge, "exactly_once"),
        (earth.FlipsABit, "integrity"),
        (earth.DropsUnprocessed, NEVER_HOME),
        (earth.KnowsRowsByDevice, NEVER_HOME),
        (earth.ForgetsWhomToTell, NEVER_HOME),
    ],
)
def test_a_gateway_with_a_bug_is_caught(kind: type[Gateway], breaks: str) -> None:
    assert_caught(GatewayWeather, breaks, gateway=kind)


@pytest.mark.parametrize(
    ("owner", "name", "bug", "breaks"),
    [
        (HeadMover, "move", earth.shows_too_much, "stream_order"),
        (AckMaker, "make", earth.lets_trim_what_is_verified, "safe_trim"),
    ],
)
def test_a_gateway_with_a_broken_part_is_caught(
    owner: type, name: str, bug: object, breaks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, bug)
    assert_caught(GatewayWeather, breaks)
