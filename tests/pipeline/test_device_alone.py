"""A device in any weather: restarts, keys, a clock that jumps, edges that forget, and acks that Earth never made."""

from __future__ import annotations

from random import Random

import planted_on_mars as mars
import pytest
from device_alone import FORGERIES, DeviceAlone
from hypothesis import strategies as st
from hypothesis.stateful import rule
from pipeline_parts import EDGE, PEER, S
from solitude import NEVER_HOME, SEEDS, Weather, assert_caught, bounded

from twin.pipeline.ledger.stream import Stream
from twin.pipeline.nodes.device import Device


class DeviceWeather(Weather):
    world_of = DeviceAlone
    world: DeviceAlone

    @rule(blocks=st.integers(1, 8))
    def the_sensor_delivers(self, blocks: int) -> None:
        for _ in range(blocks):
            self.world.measure()

    @rule()
    def the_sensor_delivers_a_block_twice(self) -> None:
        self.world.measure(again=True)

    @rule()
    def an_operator_hands_it_another_key(self) -> None:
        self.world.rotate()

    @rule(trim_share=st.sampled_from([0.0, 0.5, 1.0]), back=st.integers(0, 3))
    def earth_acks(self, trim_share: float, back: int) -> None:
        self.world.gather()
        self.world.acknowledge(trim_share, back)

    @rule()
    def earth_loses_its_table(self) -> None:
        self.world.lose_the_table()

    @rule(edge=st.sampled_from([EDGE, PEER]))
    def an_edge_loses_its_medium(self, edge: str) -> None:
        self.world.lose_an_edge(edge)

    @rule(seconds=st.sampled_from([-4000, -60, -1, 1, 4000]))
    def its_clock_jumps(self, seconds: int) -> None:
        self.world.clock_off_us += seconds * S

    @rule(how=st.sampled_from(FORGERIES), seed=SEEDS)
    def somebody_forges(self, how: str, seed: int) -> None:
        self.world.forge(how, Random(seed))


TestDevice = DeviceWeather.TestCase
TestDevice.settings = bounded(60)


@pytest.mark.parametrize(
    ("kind", "breaks"),
    [
        (mars.IndexRestarts, "no_equivocation"),
        (mars.SignsByItsClock, "no_equivocation"),
        (mars.TrimsWhatIsVerified, "safe_trim"),
        (mars.TakesAcksOfAnyEpoch, "anti_replay|feedback_closure"),
        (mars.NeverTrims, NEVER_HOME),
    ],
)
def test_a_device_with_a_bug_is_caught(kind: type[Device], breaks: str) -> None:
    assert_caught(DeviceWeather, breaks, kind=kind)


@pytest.mark.parametrize(
    ("problem_with", "breaks"),
    [(mars.takes_any_root, "feedback_closure"), (mars.takes_old_acks, "anti_replay")],
)
def test_a_device_that_believes_what_it_should_not_is_caught(
    problem_with: object, breaks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stream, "problem_with", problem_with)
    assert_caught(DeviceWeather, breaks)
