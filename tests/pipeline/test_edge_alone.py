"""An edge in any weather: a disk that fails and tears, an antenna that is stowed, forged frames, hop keys that only one
side has; and alarms that the crew must hear.
"""

from __future__ import annotations

from random import Random

import planted_on_mars as mars
import pytest
from edge_alone import DEVICES, EdgeAlone
from hypothesis import strategies as st
from hypothesis.stateful import rule
from pipeline_parts import EARTH, EDGE
from solitude import NEVER_HOME, SEEDS, Weather, assert_caught, bounded

from twin.pipeline.nodes.edge import Edge
from twin.pipeline.nodes.edge_journal import EdgeJournal

DEVICE = st.sampled_from(sorted(DEVICES))


class EdgeWeather(Weather):
    world_of = EdgeAlone
    world: EdgeAlone

    @rule(seed=SEEDS, frames=st.integers(1, 8))
    def devices_measure(self, seed: int, frames: int) -> None:
        random = Random(seed)
        for _ in range(frames):
            self.world.measure(random)

    @rule(device=DEVICE)
    def a_device_gets_another_key(self, device: str) -> None:
        self.world.rotate(device)

    @rule(trim_share=st.sampled_from([0.0, 0.5, 1.0]), back=st.integers(0, 3))
    def earth_acks(self, trim_share: float, back: int) -> None:
        self.world.acknowledge(trim_share, back)

    @rule()
    def earth_loses_its_table(self) -> None:
        self.world.earth.lose_the_table()

    @rule(stowed=st.booleans())
    def the_antenna_is_stowed_or_not(self, stowed: bool) -> None:
        self.world.stow(stowed)

    @rule(side=st.sampled_from([EARTH, EDGE]))
    def an_operator_installs_a_hop_key(self, side: str) -> None:
        self.world.install(side)

    @rule()
    def the_crew_acknowledges(self) -> None:
        self.world.press()

    @rule(seed=SEEDS)
    def somebody_forges(self, seed: int) -> None:
        self.world.forge(Random(seed))


TestEdge = EdgeWeather.TestCase
TestEdge.settings = bounded(40)


@pytest.mark.parametrize(
    ("kind", "breaks"),
    [
        (mars.AcceptsBeforeFsync, "durability"),
        (mars.SendsBeforeFsync, "no_equivocation"),
        (mars.TakesFailureForSuccess, "durability|no_equivocation"),
        (mars.AcceptsForgeries, "anti_replay|no_equivocation"),
        (mars.AcceptsReplayAfterRotation, "anti_replay|no_equivocation"),
        (mars.RestoresItsVectors, "confidentiality"),
        (mars.RadiatesInClear, "confidentiality"),
        (mars.NeverSendsAgain, NEVER_HOME),
    ],
)
def test_an_edge_with_a_bug_is_caught(kind: type[Edge], breaks: str) -> None:
    assert_caught(EdgeWeather, breaks, kind=kind)


def test_an_edge_that_writes_on_behind_a_torn_tail_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EdgeJournal, "cut_torn_tail", mars.keeps_the_torn_tail)
    assert_caught(EdgeWeather, "durability|no_equivocation")


def test_an_edge_that_never_sounds_is_caught() -> None:
    """The crew is told in the end, or never."""
    assert_caught(EdgeWeather, "alert_latency", heals=True, kind=mars.NeverSounds)
