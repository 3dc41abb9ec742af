"""Any weather on Earth, then a clear sky: whatever crashes, refuses, rots or is lost, rows and alerts come home.

Hypothesis drives gateways and auditor over the stores' real medium (`earth_world`); what they state and what the stores
do is held against the guarantees. When everything works again, every row is visible, attested, acked and backed up,
both stores hold what was signed and nothing else, and every alert was told and answered.
"""

from __future__ import annotations

from random import Random

from earth_weather import WeatherOnEarth
from earth_world import EarthWorld
from hypothesis.stateful import rule
from solitude import SEEDS, bounded


class EarthWeather(WeatherOnEarth):
    """Both machines, and a leader that goes on after it was superseded."""

    @rule(seed=SEEDS)
    def another_gateway_leads_and_the_one_before_goes_on(self, seed: int) -> None:
        self.world.supersede(Random(seed))


TestEarth = EarthWeather.TestCase
TestEarth.settings = bounded(60)


def test_a_leader_that_meets_a_rotten_closing_frame_learns_the_keys_behind_it_when_it_is_mended():
    """Two epochs of a device are closed; the row that names the second key is rotten as another leader starts."""
    state = EarthWeather()
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
    world.oracles.close()
    checked = world.oracles.checked()
    assert all(checked[key] for key in ("no_loss", "exactly_once", "stream_order", "integrity", "feedback_closure"))
    world.close()
