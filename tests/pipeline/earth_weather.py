"""The rules of Earth's stores in any weather, for whoever works on them."""

from __future__ import annotations

from random import Random

from earth_world import EarthWorld
from hypothesis import strategies as st
from hypothesis.stateful import rule
from solitude import SEEDS, Weather


class WeatherOnEarth(Weather):
    """Every rule is something that may happen."""

    world_of = EarthWorld
    world: EarthWorld

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

    @rule()
    def somebody_reads(self) -> None:
        self.world.read()

    @rule(seed=SEEDS)
    def a_row_rots(self, seed: int) -> None:
        self.world.rot(Random(seed))

    @rule(seed=SEEDS)
    def the_table_is_lost(self, seed: int) -> None:
        self.world.lose_the_table(Random(seed))
