"""Any weather, then a clear sky: after arbitrary loss, doubling, reordering, crashes and refusals everything
converges.

Hypothesis drives devices, edges, gateway and auditor by hand (`small_world`). While it does, every guarantee holds that
a checker can judge without a clock. When everything works again, within bounded time and events,
Earth holds exactly the frames that were signed.
"""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from pipeline_parts import AUDITOR, EARTH, EDGE, PEER, S
from small_world import HOMES, World
from solitude import bounded

HEAL_HOURS = 8
EVENTS_MAX = 6_000
DEVICES = st.sampled_from(sorted(HOMES))
EDGES = st.sampled_from([EDGE, PEER])


def verified_everywhere(world: World) -> bool:
    """Earth has all rows, and edge and device know it."""
    for stream, frames in world.sealed.items():
        edge, device = world.machines[HOMES[stream.device]], world.machines[f"device-{stream.device}"]
        if stream not in edge.streams or edge.streams[stream].verified < len(frames):
            return False
        if device.stream.verified < len(frames):
            return False
    return True


def trimmed_everywhere(world: World) -> bool:
    """The backup has all rows, and Mars has deleted its frames."""
    for stream in world.sealed:
        edge, device = world.machines[HOMES[stream.device]], world.machines[f"device-{stream.device}"]
        if edge.streams.get(stream) is None or edge.streams[stream].frames or device.stream.frames:
            return False
    return True


class Weather(RuleBasedStateMachine):
    """Every rule is something that may happen."""

    @initialize(last=st.sampled_from(["gateway", "auditor", "edges", "nobody"]))
    def begin(self, last: str) -> None:
        self.world = World()
        self.last = last

    def restart(self, who: str) -> None:
        """Restart nodes when all is quiet: no new frame will cover up what they forget."""
        if who == "gateway":
            self.world.change_leader()
        elif who == "auditor":
            self.world.restart_auditor()
        elif who == "edges":
            for edge in (EDGE, PEER):
                self.world.crash_edge(edge, 0.5)

    @rule(
        seed=st.integers(0, 1 << 32),
        seconds=st.sampled_from([1, 60, 700, 1500, 4000]),
        bad=st.sampled_from([0.0, 0.05, 0.3]),
        steps=st.sampled_from([3, 40, 400, 1500]),
        measure=st.booleans(),
    )
    def time_passes(self, seed: int, seconds: int, bad: float, steps: int, measure: bool) -> None:
        self.world.live(Random(seed), seconds, bad, steps, measure)

    @rule(device=DEVICES)
    def a_frame_is_sealed(self, device: int) -> None:
        self.world.seal(device)

    @rule(share=st.sampled_from([0.0, 0.5, 1.0]), seed=st.integers(0, 1 << 32))
    def what_is_under_way_is_lost_or_doubled(self, share: float, seed: int) -> None:
        random = Random(seed)
        copies = self.world.messages * 2
        random.shuffle(copies)
        self.world.messages = copies[: int(share * len(copies))]

    @rule(edge=EDGES, share=st.floats(0, 1))
    def an_edge_crashes(self, edge: str, share: float) -> None:
        if edge in self.world.machines:
            self.world.crash_edge(edge, share)

    @rule(edge=EDGES)
    def an_edge_restarts(self, edge: str) -> None:
        if edge not in self.world.machines:
            self.world.start_edge(edge)

    @rule()
    def another_gateway_leads(self) -> None:
        self.world.change_leader()

    @rule()
    def the_auditor_restarts(self) -> None:
        self.world.restart_auditor()

    @rule(stowed=st.booleans())
    def the_antenna_is_stowed_or_not(self, stowed: bool) -> None:
        self.world.stow(stowed)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        before = world.events
        assert world.heal(lambda: verified_everywhere(world), HEAL_HOURS), "Mars does not know that Earth has all"
        self.restart(self.last)
        assert world.heal(lambda: trimmed_everywhere(world), HEAL_HOURS), "Mars does not trim"
        assert world.events - before < EVENTS_MAX, "much ado about little"
        rows = {key[1:]: frame for key, frame in world.rows.items() if key[0] == "table"}
        assert rows == {(of, n): frame for of, frames in world.sealed.items() for n, frame in enumerate(frames)}
        for stream, frames in world.sealed.items():
            assert world.heads[stream][0] == len(frames)
            assert world.attestations["table", stream].size == len(frames)
        for edge in (EDGE, PEER):
            sync = world.machines[edge].downlink.sync
            assert not sync.waiting
            assert sync._flights == []
        world.oracles.close()
        assert not world.machines[EARTH].fenced
        assert all(audit.backup.size == audit.log.size for audit in world.machines[AUDITOR].streams.values())


TestWeather = Weather.TestCase
TestWeather.settings = bounded(150)


def test_in_fair_weather_everything_is_home_after_one_round_and_trimmed_after_one_backup():
    world = World()
    for n in range(30):
        world.seal(1 + n % 2)
    assert world.heal(lambda: verified_everywhere(world), 1)
    assert world.heal(lambda: trimmed_everywhere(world), 3)
    assert world.events < 800


def test_leaves_and_journals_do_not_grow_with_the_mission():
    """Checkpoints are cosigned on Mars and on Earth, so leaves, journals and memories of old records go."""
    world = World()
    sizes = []
    for day in range(4):
        for _ in range(40):
            world.seal(1)
            world.seal(2)
            world.heal(lambda: False, 0)
            world.advance(world.now_us + 60 * S)
        assert world.heal(lambda: verified_everywhere(world), 2)
        assert world.heal(lambda: trimmed_everywhere(world), 3)
        world.heal(lambda: False, 3)
        edge = world.machines[EDGE]
        (stream,) = (s for s in edge.streams.values() if s.id.device == 1)
        assert stream.log.base == stream.size == 40 * (day + 1)
        audit = world.machines[AUDITOR].streams[stream.id]
        assert audit.log.base == audit.log.size == stream.size
        sizes.append(len(world.disks[EDGE].durable))
    assert max(sizes) < 4_000, "a snapshot of two streams, not the 40 kB of frames that were in it"
