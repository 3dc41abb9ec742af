"""Every kind of fault that a habitat may list, alone: it changes what happens in its own way; all guarantees hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from twin.experiments.outcome import write_result
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.pipeline.facts import EpochClosed, FrameSealed, HopKeyUsed, Rejected
from twin.result import Result
from twin.scenario import json_schema, parse_scenario
from twin.trace import (
    Crashed,
    DisturbanceBegan,
    DisturbanceEnded,
    Generated,
    HopDelivered,
    HopLost,
    HopSent,
    Injected,
    MediumHolds,
    RowRotted,
    RowsRefused,
    StoreRestored,
    SurgeonTold,
)

# DSS-14 sees Mars from 09:36 to 17:23 UTC: the hour and its acks are in view. The patient gives the channel something
# to say.
SCENARIO = """
name: alone
start: 2033-03-10T10:00:00Z
duration: 40 min
seed: 5
habitat:
  site: jezero
  crew: 2
  devices: [{kind: vitals_monitor, sample_period: 20 s, frame_period: 1 min}]
  edge_nodes: 2
pipeline: {suite: hmac-sha256, backup_period: 10 min}
episodes: [{kind: hypoxia, crew: 1, at: 8 min, for: 15 min}]
guarantees: [convergence: {rounds: 5}]
"""
CRASH = "{kind: edge_crash, node: edge-1, at: 20 min, down: 1 min}"


class Story(NamedTuple):
    """A finished run: its verdicts, and all that happened but for the calendar of faults as (instant, node, fact)."""

    result: Result
    entries: list[tuple[int, str, Any]]

    def all(self, kind: type[Any]) -> list[Any]:
        return [fact for _, _, fact in self.entries if type(fact) is kind]


def tell(faults: str, folder: Path) -> Story:
    scenario = parse_scenario(SCENARIO + faults, "alone.yaml")
    folder.mkdir()
    mission = prepare(scenario, folder)
    entries: list[tuple[int, str, Any]] = []
    mission.host.trace.read(
        lambda batch: entries.extend(e for e in batch if type(e[2]) not in (DisturbanceBegan, DisturbanceEnded))
    )
    write_result(scenario, mission, drive(mission, Progress(mission, quiet=True)), folder)
    return Story(Result.load(folder), entries)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return tell("", tmp_path_factory.mktemp("calm") / "run")


# ------------------------------------------------------------ marks: what a kind of fault leaves in the trace


def lost(story: Story, _calm: Story) -> bool:
    return bool(story.all(HopLost))


def doubled(story: Story, _calm: Story) -> bool:
    sent = [(at_us, node, fact.link) for at_us, node, fact in story.entries if type(fact) is HopSent]
    return len(sent) > len(set(sent))


def overtaken(story: Story, _calm: Story) -> bool:
    order: dict[str, list[int]] = {}
    for fact in story.all(HopDelivered):
        order.setdefault(fact.link, []).append(fact.hop)
    return any(hops != sorted(hops) for hops in order.values())


def slower(story: Story, calm: Story) -> bool:
    def longest_us(one: Story) -> int:
        return max(at - f.sent_us for at, _, f in one.entries if type(f) is HopDelivered and f.link == "edge-1->earth")

    return longest_us(story) > longest_us(calm) + 100_000


def injected(story: Story, _calm: Story) -> bool:
    return bool(story.all(Injected)) and bool(story.all(Rejected))


def said_again(story: Story, _calm: Story) -> bool:
    return bool(story.all(Injected))


def crashed(*nodes: str) -> Callable[[Story, Story], bool]:
    def mark(story: Story, _calm: Story) -> bool:
        return {node for _, node, fact in story.entries if type(fact) is Crashed} == set(nodes)

    return mark


def somebody_crashed(story: Story, _calm: Story) -> bool:
    return bool(story.all(Crashed))


def medium_changed(story: Story, _calm: Story) -> bool:
    return bool(story.all(MediumHolds))


def stamped_otherwise(story: Story, calm: Story) -> bool:
    def stamps(one: Story) -> list[int]:
        return [fact.generated_us for fact in one.all(FrameSealed)]

    return stamps(story) != stamps(calm)


def refused(story: Story, _calm: Story) -> bool:
    return bool(story.all(RowsRefused))


def deleted(story: Story, _calm: Story) -> bool:
    return any(fact.gone for fact in story.all(RowRotted))


def rotted(story: Story, _calm: Story) -> bool:
    return bool(story.all(RowRotted))


def restored(story: Story, _calm: Story) -> bool:
    return bool(story.all(StoreRestored))


def surgeon_heard_later(story: Story, calm: Story) -> bool:
    def first_us(one: Story) -> int:
        return min(at_us for at_us, _, fact in one.entries if type(fact) is SurgeonTold)

    return first_us(story) > first_us(calm)


def key_given_up(story: Story, _calm: Story) -> bool:
    return [fact.reason for fact in story.all(EpochClosed)] == ["key"]


def hop_key_used(story: Story, calm: Story) -> bool:
    return {fact.number for fact in story.all(HopKeyUsed)} > {fact.number for fact in calm.all(HopKeyUsed)}


def measured_otherwise(story: Story, calm: Story) -> bool:
    def rows(one: Story) -> list[Any]:
        return [fact.rows for fact in one.all(Generated)]

    return rows(story) != rows(calm)


def anything(story: Story, calm: Story) -> bool:
    return story.entries != calm.entries


ALONE: dict[str, tuple[str, Callable[[Story, Story], bool]]] = {
    "bundle_loss": ("link: down, rate: 20 %", lost),
    "burst_loss": ("link: down, enter: 10 %, leave: 30 %", lost),
    "bundle_duplication": ("link: down, rate: 30 %", doubled),
    "bundle_reorder": ("link: down, rate: 30 %, delay: 30 s", overtaken),
    "bundle_corruption": ("link: down, rate: 20 %", anything),
    "bundle_truncation": ("link: down, rate: 20 %", anything),
    "link_outage": ("link: down, at: 12 min, for: 5 min", lost),
    "rate_change": ("link: down, at: 5 min, for: 20 min, factor: 0.01", slower),
    "pass_cut": ("link: down, at: 30 min", lost),
    "stale_plan": ("at: 10 min, for: 10 min, shift: 30 min", anything),
    "frame_forgery": ("device: vitals-1, at: 15 min", injected),
    "bundle_forgery": ("link: up, at: 15 min", injected),
    "bundle_replay": ("link: down, at: 25 min, delay: 10 min", said_again),
    "frame_replay": ("device: vitals-1, at: 25 min, delay: 10 min", said_again),
    "edge_crash": ("node: edge-1, at: 15 min, down: 3 min", crashed("edge-1")),
    "device_crash": ("device: vitals-1, at: 15 min, down: 3 min", crashed("vitals-1")),
    "earth_crash": ("node: gateway, at: 15 min, down: 3 min", crashed("earth")),
    "crash_at_effect": ("node: any, rate: 1 %, until: 30 min, down: 20 s", somebody_crashed),
    "fsync_error": ("node: edge-1, at: 15 min, for: 2 min", anything),
    "fsync_lie": ("node: edge-1, at: 15 min, for: 10 min", anything),
    "disk_full": ("node: edge-1, at: 15 min, for: 5 min", anything),
    "bit_rot": ("node: edge-1, at: 19 min", anything),
    "disk_swap": ("node: edge-1, at: 15 min, down: 2 min", medium_changed),
    "snapshot_rollback": ("node: edge-1, at: 25 min, age: 10 min", medium_changed),
    "clock_step": ("node: vitals-1, at: 15 min, by: -3 s", stamped_otherwise),
    "clock_drift": ("node: vitals-1, rate: 200 ppm, from: 5 min, until: 30 min", stamped_otherwise),
    "slow_cpu": ("node: edge-1, at: 10 min, for: 10 min, delay: 500 ms", anything),
    "rolling_upgrade": ("at: 10 min, every: 3 min, down: 1 min", crashed("edge-1", "edge-2", "earth", "auditor")),
    "table_throttling": ("at: 10 min, for: 10 min, write_capacity: 0.05 rows/s", refused),
    "table_unprocessed": ("rate: 30 %", refused),
    "table_timeout": ("rate: 20 %", anything),
    "table_stale_read": ("rate: 50 %, age: 10 s", anything),
    "row_rot": ("at: 30 min", rotted),
    "table_restore": ("at: 30 min, down: 2 min", restored),
    "stale_leader": ("at: 15 min, for: 10 min", anything),
    "channel_down": ("at: 1 min, for: 30 min", surgeon_heard_later),
    "channel_busy": ("at: 1 min, for: 30 min, retry_after: 30 s", surgeon_heard_later),
    "hop_key_rotation": ("at: 15 min, apart: 2 min", hop_key_used),
    "device_key_rotation": ("device: vitals-1, at: 15 min", key_given_up),
    "early_retention": ("store: table, at: 35 min, older_than: 10 min", deleted),
    "wrong_config": ("node: edge-1, device: vitals-1, at: 10 min, for: 15 min", crashed("edge-1")),
    "lead_off": ("device: vitals-2, at: 10 min, for: 5 min", measured_otherwise),
    "motion_artefact": ("device: vitals-2, at: 10 min, for: 10 min, rate: 50 %", measured_otherwise),
    "sensor_stuck": ("device: vitals-2, at: 10 min, for: 10 min", measured_otherwise),
    "sensor_duplicate": ("device: vitals-2, at: 10 min, for: 10 min", anything),
    "sensor_late": ("device: vitals-2, at: 10 min, for: 10 min, delay: 10 s", anything),
}

AT_A_RESTART = {"fsync_lie", "bit_rot"}
"""Kinds that nobody can notice until an edge reads its medium again."""


@pytest.mark.parametrize("kind", ALONE)
def test_it_happens_and_every_guarantee_holds(kind: str, calm: Story, tmp_path: Path) -> None:
    settings, mark = ALONE[kind]
    also, before = "", calm
    if kind in AT_A_RESTART:
        also, before = f", {CRASH}", tell(f"faults: [{CRASH}]\n", tmp_path / "before")
    story = tell(f"faults: [{{kind: {kind}, {settings}}}{also}]\n", tmp_path / "run")
    assert story.entries != before.entries, "nothing happened"
    assert mark(story, before), "it left no mark of its own"
    assert {g.key: g.evidence for g in story.result.guarantees if g.verdict == "broken"} == {}


def test_the_calm_run_holds_and_shows_no_mark(calm: Story) -> None:
    assert {g.key: g.evidence for g in calm.result.guarantees if g.verdict == "broken"} == {}
    shown = {kind for kind, (_, mark) in ALONE.items() if mark(calm, calm)}
    assert shown == set()


def test_every_kind_has_its_case() -> None:
    mapping = json_schema()["$defs"]["HabitatScenario"]["properties"]["faults"]["items"]["discriminator"]["mapping"]
    assert set(mapping) == set(ALONE)
