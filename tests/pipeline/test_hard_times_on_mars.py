"""Media fail and come back old, rotten or empty, devices crash and change keys, alarms sound, and somebody forges and
repeats: then everything works again, and Earth has every prefix that an edge holds, and every alert. At every step the
guarantees hold (`oracles`).
"""

from __future__ import annotations

from random import Random

from hard_world import HardWorld
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from pipeline_parts import EDGE, PEER
from small_world import HOMES
from solitude import bounded

HEAL_HOURS = 12
EVENTS_MAX = 20_000
DEVICES = st.sampled_from(sorted(HOMES))
EDGES = st.sampled_from([EDGE, PEER])
SEEDS = st.integers(0, 1 << 32)


class HardTimes(RuleBasedStateMachine):
    """Every rule is something that may happen."""

    @initialize()
    def begin(self) -> None:
        self.world = HardWorld()

    @rule(
        seed=SEEDS,
        seconds=st.sampled_from([1, 60, 1500, 4000]),
        bad=st.sampled_from([0.0, 0.05, 0.3]),
        steps=st.sampled_from([3, 40, 400]),
        measure=st.booleans(),
    )
    def time_passes(self, seed: int, seconds: int, bad: float, steps: int, measure: bool) -> None:
        self.world.live(Random(seed), seconds, bad, steps, measure)

    @rule(device=DEVICES, rate=st.sampled_from([60, 20, 200]))
    def a_frame_is_sealed(self, device: int, rate: int) -> None:
        self.world.seal(device, rate)

    @rule(device=DEVICES)
    def a_device_restarts(self, device: int) -> None:
        self.world.restart_device(device)

    @rule(device=DEVICES)
    def a_device_gets_another_key(self, device: int) -> None:
        self.world.rotate(device)

    @rule()
    def the_crew_acknowledges(self) -> None:
        self.world.acknowledge()

    @rule(edge=EDGES, share=st.floats(0, 1))
    def an_edge_crashes(self, edge: str, share: float) -> None:
        if edge in self.world.machines:
            self.world.crash_edge(edge, share)

    @rule(edge=EDGES)
    def an_edge_returns(self, edge: str) -> None:
        if edge not in self.world.machines:
            self.world.start_edge(edge)

    @rule(edge=EDGES)
    def an_image_is_kept(self, edge: str) -> None:
        self.world.keep_image(edge)

    @rule(edge=EDGES, how=st.sampled_from(["empty", "old", "rotten"]), seed=SEEDS)
    def a_medium_is_replaced(self, edge: str, how: str, seed: int) -> None:
        self.world.replace_medium(edge, how, Random(seed))

    @rule(stowed=st.booleans())
    def the_antenna_is_stowed_or_not(self, stowed: bool) -> None:
        self.world.stow(stowed)

    @rule(device=DEVICES, seed=SEEDS)
    def somebody_forges(self, device: int, seed: int) -> None:
        self.world.forge(device, Random(seed))

    @rule(seed=SEEDS)
    def somebody_says_it_again(self, seed: int) -> None:
        self.world.repeat(Random(seed))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        before = world.events
        assert world.heal(lambda: False, 1) is False
        assert world.heal(world.home, HEAL_HOURS), "Earth lacks what an edge holds"
        assert world.events - before < EVENTS_MAX, "much ado about little"
        if not world.media_replaced:
            world.oracles.close()
            accepted = {a for a in world.raised if a.index < world.accepted.get(a.record.stream, 0)}
            assert accepted <= set(world.put), "an alert is lost"


TestHardTimes = HardTimes.TestCase
TestHardTimes.settings = bounded(40)


def test_a_device_that_starts_while_its_closing_frame_waits_for_the_disk_is_heard_again():
    """Both edges know the next key from a closing frame that is not synced; its device starts with the one before."""
    world = HardWorld()
    world.heal(lambda: False, 1)
    world.seal(1)
    world.rotate(1)
    while world.messages:
        world.deliver(*world.messages.pop(0))
    world.restart_device(1)
    world.seal(1)
    machine = world.machines["device-1"]
    assert world.heal(lambda: all(epoch.stream.verified == epoch.stream.size for epoch in machine.epochs), HEAL_HOURS)
