"""What every machine has to live with, as rules for Hypothesis: a world in any weather, and a clear sky at last.

| weather | rule |
|---|---|
| late, lost, twice, out of order, corrupted | `time_passes`, `a_busy_day`, `messages_are_lost_doubled_and_shuffled` |
| said again, by whomever | `somebody_says_it_again` |
| effects that complete or fail, in any order | `time_passes` |
| timers that fire | `time_passes`, `all_is_quiet` |
| a crash at any moment, between two effects too | `it_crashes`, `it_will_crash_between_two_effects` |

After each rule the guarantees hold (`oracles`). In the end everything works again, and whatever was promised must come.
`make test` runs each state machine for a few seconds, always the same; `--hypothesis-profile campaign` runs them long.
"""

from __future__ import annotations

from random import Random
from typing import ClassVar

import pytest
from driven import Driven
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

SEEDS = st.integers(0, 1 << 32)
LITTLE_OR_MUCH = st.sampled_from([0.0, 0.1, 0.4])
HEAL_HOURS = 26
EVENTS_MAX = 20_000
NEVER_HOME = "something never came home"


class Weather(RuleBasedStateMachine):
    """Rules that every machine has to live with; a subclass names its world and adds what is its own."""

    world_of: ClassVar[type[Driven]]
    heals: ClassVar[bool] = True
    heal_hours: ClassVar[int] = HEAL_HOURS
    events_max: ClassVar[int] = EVENTS_MAX

    @initialize()
    def begin(self) -> None:
        self.world = self.world_of()

    @rule(seed=SEEDS, steps=st.sampled_from([5, 40, 200]), bad=LITTLE_OR_MUCH)
    def time_passes(self, seed: int, steps: int, bad: float) -> None:
        self.world.live(Random(seed), steps, bad)

    @rule(seed=SEEDS, bad=LITTLE_OR_MUCH)
    def a_busy_day(self, seed: int, bad: float) -> None:
        self.what_is_down_comes_up()
        self.world.live(Random(seed), 100, bad, busy=True)

    @rule(seconds=st.sampled_from([1, 60, 1500, 4000]))
    def all_is_quiet(self, seconds: int) -> None:
        self.world.advance(self.world.now_us + seconds * 1_000_000)

    @rule(seed=SEEDS, share=st.sampled_from([0.0, 0.5, 1.0]))
    def messages_are_lost_doubled_and_shuffled(self, seed: int, share: float) -> None:
        copies = self.world.messages * 2
        Random(seed).shuffle(copies)
        self.world.messages = copies[: int(share * len(copies))]

    @rule(seed=SEEDS)
    def somebody_says_it_again(self, seed: int) -> None:
        self.world.say_again(Random(seed))

    @rule(effects=st.integers(0, 6))
    def it_will_crash_between_two_effects(self, effects: int) -> None:
        self.world.crash_after = effects

    @rule(seed=SEEDS)
    def it_crashes(self, seed: int) -> None:
        random = Random(seed)
        self.world.crash(random.choice(self.world.nodes), random)

    @rule()
    def what_is_down_comes_up(self) -> None:
        for node in self.world.nodes:
            if node not in self.world.machines:
                self.world.restart(node)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.world.oracles.hold()
            if self.heals:
                self.heal()
        finally:
            self.world.close()

    def heal(self) -> None:
        """From now on everything works: what was promised comes, and without much ado."""
        before = self.world.events
        assert self.world.heal(self.heal_hours), NEVER_HOME
        assert self.world.events - before < self.events_max, "much ado about little"
        self.world.oracles.close()


def bounded(examples: int, steps: int = 25) -> settings:
    """What `make test` runs of a state machine: always the same. Under the profile `campaign`, what that says."""
    if settings.get_current_profile_name() == "campaign":
        return settings(settings.get_profile("campaign"), stateful_step_count=2 * steps)
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def assert_caught(
    machine: type[Weather], breaks: str, examples: int = 200, heals: bool = False, **changes: object
) -> None:
    """A state machine whose node has a bug finds it within so many examples.

    Args:
        breaks: the guarantee, or `NEVER_HOME`, in what it says.
        heals: whether everything is made to heal in the end, for what shows in no other way.
        changes: attributes of the world's class that plant the bug.
    """
    world = type("Planted", (machine.world_of,), changes)
    planted = type("Planted", (machine,), {"world_of": world, "heals": heals or breaks == NEVER_HOME})
    bound = settings(
        bounded(examples),
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    with pytest.raises(AssertionError, match=breaks):
        run_state_machine_as_test(planted, settings=bound)
