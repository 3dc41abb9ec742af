"""Any weather on Earth, then a clear sky: whatever crashes, refuses, rots or is lost, rows and alerts come home.

Hypothesis drives gateways and auditor over the stores' real medium (`earth_world`). While it does, heads never fall
nor outrun the rows, no root differs from what was signed, no count in an ack falls within its term, and nothing is
acked as backed up that the backup does not hold. When everything works again, every row is visible, attested, acked and
backed up, both stores hold what was signed and nothing else, and every alert was told and answered.
"""

from __future__ import annotations

from random import Random

from earth_world import GHOST, EarthWorld
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from pipeline_parts import AUDITOR, EARTH

HEAL_HOURS = 26  # three scrubs and what they ask for
EVENTS_MAX = 20_000
SEEDS = st.integers(0, 1 << 32)
NODES = st.sampled_from([EARTH, AUDITOR, GHOST])


class Weather(RuleBasedStateMachine):
    """Every rule is something that may happen."""

    @initialize()
    def begin(self) -> None:
        self.world = EarthWorld()

    @rule(seed=SEEDS, frames=st.integers(1, 12))
    def mars_measures(self, seed: int, frames: int) -> None:
        random = Random(seed)
        for _ in range(frames):
            self.world.mars.measure(random)
        self.world.mars_sends(random)

    @rule(seed=SEEDS, share=st.sampled_from([0.3, 1.0]))
    def mars_sends_again(self, seed: int, share: float) -> None:
        self.world.mars_sends(Random(seed), share)
        self.world.surgeon_answers()

    @rule(seed=SEEDS, steps=st.sampled_from([5, 40, 300]), bad=st.sampled_from([0.0, 0.1, 0.4]))
    def time_passes(self, seed: int, steps: int, bad: float) -> None:
        self.world.live(Random(seed), steps, bad)

    @rule(effects=st.integers(0, 6))
    def somebody_will_crash_between_two_effects(self, effects: int) -> None:
        self.world.crash_after = effects

    @rule(node=NODES, seed=SEEDS)
    def a_node_crashes(self, node: str, seed: int) -> None:
        self.world.crash(node, Random(seed))

    @rule(node=NODES)
    def a_node_restarts(self, node: str) -> None:
        if node not in self.world.machines:
            self.world.restart(node)

    @rule(seed=SEEDS)
    def another_gateway_leads_and_the_one_before_goes_on(self, seed: int) -> None:
        self.world.supersede(Random(seed))

    @rule(seed=SEEDS)
    def a_row_rots(self, seed: int) -> None:
        self.world.rot(Random(seed))

    @rule(seed=SEEDS)
    def the_table_is_lost(self, seed: int) -> None:
        self.world.lose_the_table(Random(seed))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        before = self.world.events
        assert self.world.heal(HEAL_HOURS), "something never came home"
        assert self.world.events - before < EVENTS_MAX, "much ado about little"
        self.world.close()


TestWeather = Weather.TestCase
TestWeather.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_leader_that_meets_a_rotten_closing_frame_learns_the_keys_behind_it_when_it_is_mended():
    """Two epochs of a device are closed; the row that names the second key is rotten as another leader starts."""
    state = Weather()
    state.begin()
    for frames, seed in ((3, 0), (2, 0), (10, 4_494_299)):
        state.mars_measures(frames=frames, seed=seed)
    state.time_passes(bad=0.0, seed=0, steps=300)
    state.a_row_rots(seed=1 << 32)
    state.another_gateway_leads_and_the_one_before_goes_on(seed=0)
    state.mars_measures(frames=1, seed=0)
    state.teardown()


def test_in_fair_weather_everything_is_home_after_one_backup():
    world = EarthWorld()
    random = Random(3)
    for _ in range(60):
        world.mars.measure(random)
    assert world.mars.alerts
    assert world.heal(3)
    assert set(world.told.values()) == {1}, "each alert is told once when nothing goes wrong"
    world.close()
