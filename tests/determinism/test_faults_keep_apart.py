"""One fault of any kind, added to a run: what others measure and sign stays as it was, and so does what other faults
draw.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from every_fault import FAULTS, at_random, kind_of, kinds_of_the_schema, listed
from numpy.random import Generator

from twin.channels import AIR, CHANNELS, VITALS
from twin.experiments.disturbances import flush_faults, link_faults
from twin.experiments.run import prepare
from twin.faults.resolve import resolve
from twin.pipeline.facts import AlarmRaised, FrameSealed
from twin.randomness import stream
from twin.scenario import HabitatScenario, parse_scenario
from twin.scenario.fault_parts import AtInstant
from twin.trace import Crashed, DisturbanceBegan, DisturbanceEnded, Generated
from twin.world.artefacts import lead_of

Name = tuple[str, ...]

# DSS-14 sees Mars from 09:36 UTC on. The crash shows what a medium really holds, the patient sounds alarms.
HEAD = """\
name: apart
start: 2033-03-10T10:00:00Z
duration: 36 min
seed: 5
habitat:
  site: jezero
  crew: 2
  devices:
    - {kind: vitals_monitor, per: crew, sample_period: 20 s, frame_period: 1 min, artefacts: true}
    - {kind: air_monitor, per: habitat, sample_period: 20 s, frame_period: 2 min}
  edge_nodes: 2
network: {stations: [DSS-14], relays: [{name: tgo, orbit: tgo-like}]}
pipeline: {suite: hmac-sha256, backup_period: 10 min}
episodes: [{kind: hypoxia, crew: 2, at: 6 min, for: 15 min}]
"""
CRASH = "kind: edge_crash, node: edge-1, at: 24 min, down: 1 min"
CHANCES = (
    "kind: bundle_loss, link: up, rate: 20 %",
    "kind: burst_loss, link: local, enter: 5 %, leave: 50 %",
    "kind: bundle_replay, link: up, rate: 20 %, delay: 1 min",
    "kind: crash_at_effect, node: edge-2, rate: 0.2 %, down: 20 s",
    "kind: fsync_error, node: edge-2, rate: 10 %",
    "kind: frame_replay, device: vitals-2, rate: 20 %, delay: 1 min",
    "kind: table_timeout, rate: 10 %",
    "kind: motion_artefact, device: vitals-2, at: 2 min, for: 30 min",
    "kind: sensor_duplicate, device: air-1, at: 2 min, for: 30 min, rate: 30 %",
    "kind: row_rot, at: random",
)
"""What draws in every run, so that something can be moved."""

BY_CHANCE = (
    *(fault for fault in FAULTS if "link: down, rate: " in fault and "replay" not in fault),
    "kind: burst_loss, link: down, enter: 10 %, leave: 30 %",
    "kind: fsync_error, node: edge-1, rate: 20 %",
    "kind: fsync_lie, node: edge-1, rate: 20 %",
)
"""What strikes a transmission of one link or a flush of one disk."""

SEED = 5
CHANNELS_BY_DEVICE = {"vitals-1": VITALS, "vitals-2": VITALS, "air-1": AIR}
DEVICES = set(CHANNELS_BY_DEVICE)
SPAN_US = (20 * 60_000_000, 28 * 60_000_000)
"""Of the faults of sensors that change samples, after the start."""

SHAKEN = {"activity_mg", "spo2_pct", "heart_rate_bpm", "respiration_rpm", "rr_interval_ms"}
"""Channels that movement reaches."""

CAUSES = {"air", "artefact", "crash", "entropy", "episode", "fault", "vitals"}
"""First words of the streams that something draws from while a run is under way."""

CONSEQUENCES = {"crash", "entropy", "key", "hop-key"}
"""First words of the streams that belong to a node's next life or to a next key."""

MEASURED = {name for name in VITALS if not CHANNELS[name].entered}


class Streams:
    """The random streams that were asked for, by name."""

    def __init__(self) -> None:
        self.asked: dict[Name, list[Generator]] = {}

    def give(self, seed: int, *name: str) -> Generator:
        """In the place of `randomness.stream`."""
        found = stream(seed, *name)
        self.asked.setdefault(name, []).append(found)
        return found

    def positions(self) -> dict[Name, list[Any]]:
        """How far each was drawn from."""
        return {name: [random.bit_generator.state["state"] for random in asked] for name, asked in self.asked.items()}

    def drawn(self) -> set[Name]:
        """Names under which anything was drawn."""
        fresh = {name: stream(SEED, *name).bit_generator.state["state"] for name in self.asked}
        return {name for name, positions in self.positions().items() if any(p != fresh[name] for p in positions)}


@contextmanager
def watched_streams() -> Iterator[Streams]:
    """Whoever asks for a random stream is noted."""
    streams = Streams()
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("twin.") and getattr(module, "stream", None) is stream:
                patch.setattr(module, "stream", streams.give)
        yield streams


class Found(NamedTuple):
    """A run: its facts but for the calendar's, the kinds that began, and its random streams."""

    start_us: int
    facts: list[Any]
    began: set[str]
    streams: Streams

    def of(self, kind: type[Any], node: str) -> list[Any]:
        """Facts of one kind at one node, with their instants."""
        return [entry for entry in self.facts if type(entry[2]) is kind and entry[1] == node]

    def samples(self, device: str) -> dict[int, tuple[int, ...]]:
        """What a device measured, by instant after the start."""
        return {
            fact.start_us + number * fact.period_us - self.start_us: row
            for _, _, fact in self.of(Generated, device)
            for number, row in enumerate(fact.rows)
        }


def parsed(*faults: str) -> HabitatScenario:
    scenario = parse_scenario(HEAD + listed(*faults))
    assert isinstance(scenario, HabitatScenario)
    return scenario


def run(folder: Path, *faults: str) -> Found:
    """Run until the devices fall silent."""
    facts: list[Any] = []
    with watched_streams() as streams:
        mission = prepare(parsed(*faults), folder)
        mission.host.trace.read(facts.extend)
        mission.host.env.run(mission.generation_end_us)
    mission.host.trace.flush()
    for close in mission.closers:
        close(mission.host.now_us)
    began = {entry[2].kind for entry in facts if type(entry[2]) is DisturbanceBegan}
    others = [entry for entry in facts if type(entry[2]) not in (DisturbanceBegan, DisturbanceEnded)]
    return Found(mission.start_us, others, began, streams)


@pytest.fixture(scope="module", name="before")
def run_before(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return run(tmp_path_factory.mktemp("before"), *CHANCES, CRASH)


@pytest.fixture(scope="module", params=FAULTS, name="fault")
def each_fault(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", name="after")
def run_after(fault: str, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """The same run with one fault more, before all others on the list."""
    return run(tmp_path_factory.mktemp("after"), fault, *CHANCES, CRASH)


def setting(fault: str, name: str) -> str:
    """What a written fault says under a name; empty: nothing."""
    return dict(part.split(": ", 1) for part in fault.split(", ")).get(name, "")


def test_no_kind_is_left_out() -> None:
    assert {kind_of(fault) for fault in FAULTS} == kinds_of_the_schema()


def test_the_run_holds_what_could_be_moved(before: Found) -> None:
    """Else the tests below would show less than they say."""
    for device in DEVICES:
        assert len(before.samples(device)) > 90
        assert len(before.of(FrameSealed, device)) > 14
    assert any(type(fact) is AlarmRaised for _, _, fact in before.facts)
    assert {node for _, node, fact in before.facts if type(fact) is Crashed} == {"edge-1", "edge-2"}
    assert {kind_of(fault) for fault in CHANCES} <= {name[1] for name in before.streams.drawn() if name[0] == "fault"}


def test_an_added_fault_acts(fault: str, before: Found, after: Found) -> None:
    assert kind_of(fault) in after.began
    # With Earth in view nobody goes over the relay, and its safe mode must not be felt (test_habitat_relays shows it).
    assert (after.facts != before.facts) == (kind_of(fault) != "relay_safe_mode")


def test_an_added_fault_leaves_other_devices_alone(fault: str, before: Found, after: Found) -> None:
    others = DEVICES - {setting(fault, "device"), setting(fault, "node")}
    if setting(fault, "node") == "any":
        others = set()
    for device in others:
        for kind in (Generated, FrameSealed):
            assert after.of(kind, device) == before.of(kind, device)


def test_an_added_fault_changes_samples_only_where_it_says(fault: str, before: Found, after: Found) -> None:
    kind = kind_of(fault)
    channel = setting(fault, "channel")
    reached = {
        "lead_off": set(lead_of(channel)) if channel else MEASURED - {"activity_mg"},
        "motion_artefact": SHAKEN,
        "sensor_stuck": MEASURED,
    }.get(kind, set())
    changed = set()
    for device in DEVICES:
        then, now = before.samples(device), after.samples(device)
        if "crash" not in kind:
            assert now.keys() == then.keys()
        assert len(now) > 60
        assert now.keys() <= then.keys()  # a device that is down measures nothing
        for at_us, row in now.items():
            for name, one, other in zip(CHANNELS_BY_DEVICE[device], then[at_us], row, strict=True):
                if one != other:
                    assert device == setting(fault, "device")
                    assert SPAN_US[0] <= at_us < SPAN_US[1]
                    changed.add(name)
    assert changed <= reached
    assert bool(changed) == bool(reached)


def test_an_added_fault_draws_from_streams_of_its_own(fault: str, before: Found, after: Found) -> None:
    """Every other cause asks for the stream that it had before, and no two ask for one stream."""
    own = ("fault", kind_of(fault))
    for name in before.streams.asked.keys() ^ after.streams.asked.keys():
        assert name[:2] == own or name[0] in CONSEQUENCES
    if "%" in fault:
        assert {name for name in after.streams.drawn() - before.streams.drawn() if name[:2] == own}
    for name, asked in after.streams.asked.items():
        assert len(asked) == 1 or name[0] not in CAUSES, name


def after_many(faults: tuple[str, ...]) -> dict[Name, list[Any]]:
    """How far each stream was drawn from after many transmissions and flushes at the same instants."""
    scenario = resolve(parsed(*faults))
    with watched_streams() as streams:
        link = link_faults(scenario, "down", "edge-1->earth")
        flushes = flush_faults(scenario, "edge-1")
        for at_us in range(scenario.start_us, scenario.end_us, 2_000_000):
            link.fates(at_us)
            flushes.outcome(at_us)
    assert streams.drawn() == streams.asked.keys()
    return streams.positions()


def test_faults_that_meet_the_same_transmissions_and_flushes_draw_alone() -> None:
    together = after_many(BY_CHANCE)
    alone = [after_many((fault,)) for fault in BY_CHANCE]
    assert [len(streams) for streams in alone] == [1] * len(BY_CHANCE)
    assert together == {name: positions for streams in alone for name, positions in streams.items()}


def test_a_random_instant_is_the_same_whatever_else_may_happen() -> None:
    faults = [at_random(fault) for fault in FAULTS]
    every = resolve(parsed(*faults)).faults
    drawn = {fault.at_us for fault in every if isinstance(fault, AtInstant)} - {None}
    assert len(drawn) == sum("at: random" in fault for fault in faults)
    for kind in sorted(kinds_of_the_schema()):
        without = resolve(parsed(*(fault for fault in faults if kind_of(fault) != kind))).faults
        assert without == tuple(fault for fault in every if fault.kind != kind)
