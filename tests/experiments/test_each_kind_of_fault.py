"""Every kind of fault that a habitat may list, alone: it leaves the mark of its kind; all guarantees hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flights import PATIENT, SHORT

from twin.experiments.outcome import write_result
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.hosts.models.disk import DISK_FULL, IO_ERROR
from twin.pipeline.facts import Accepted, AckMade, EpochClosed, FrameSealed, HopKeyUsed, Rejected
from twin.pipeline.machine import (
    Append,
    BundleArrived,
    Received,
    RowsRead,
    SamplesReady,
    StoreSilent,
    SyncFailed,
    WriteRows,
)
from twin.pipeline.wire.messages import FrameOffer, decode
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
    Restarted,
    RowRotted,
    RowsRefused,
    RowStored,
    StartedWithout,
    StoreRestored,
    SurgeonTold,
)

SCENARIO = f"{SHORT}{PATIENT}guarantees: [convergence: {{rounds: 5}}]\n"
CRASH = "{kind: edge_crash, node: edge-1, at: 20 min, down: 1 min}"
DOWN = ("edge-1->earth", "edge-2->earth")
MIN_US = 60_000_000


class Story(NamedTuple):
    """A finished run.

    Attributes:
        result: its verdicts.
        start_us: its first instant.
        entries: all that happened but for the calendar of faults, as (instant, node, fact).
        heard: all that machines were told, as (instant by the node's clock, node, event, effects).
    """

    result: Result
    start_us: int
    entries: list[tuple[int, str, Any]]
    heard: list[tuple[int, str, Any, Sequence[Any]]]

    def all(self, kind: type[Any]) -> list[Any]:
        return [fact for _, _, fact in self.entries if type(fact) is kind]

    def at(self, node: str, kind: type[Any]) -> list[Any]:
        return [fact for _, name, fact in self.entries if name == node and type(fact) is kind]

    def told(self, kind: type[Any]) -> list[tuple[int, str, Any]]:
        return [entry[:3] for entry in self.heard if type(entry[2]) is kind]


def tell(faults: str, folder: Path) -> Story:
    scenario = parse_scenario(SCENARIO + faults, "alone.yaml")
    folder.mkdir()
    entries: list[tuple[int, str, Any]] = []
    heard: list[tuple[int, str, Any, Sequence[Any]]] = []
    mission = prepare(
        scenario, folder, observer=lambda node, event, at_us, effects: heard.append((at_us, node, event, effects))
    )
    mission.host.trace.read(
        lambda batch: entries.extend(e for e in batch if type(e[2]) not in (DisturbanceBegan, DisturbanceEnded))
    )
    write_result(scenario, mission, drive(mission, Progress(mission, quiet=True)), folder, {})
    return Story(Result.load(folder), scenario.start_us, entries, heard)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return tell("", tmp_path_factory.mktemp("calm") / "run")


# ------------------------------------------------------------ marks: what a kind of fault leaves in the run
# Each takes the run with the fault and the run without, and is false for a fault that does nothing.

Mark = Callable[[Story, Story], bool]


def lost_to(cause: str) -> Mark:
    return lambda story, _calm: {fact.cause for fact in story.all(HopLost)} == {cause}


def doubled(story: Story, _calm: Story) -> bool:
    sent = [(at_us, fact.link, fact.bytes) for at_us, _, fact in story.entries if type(fact) is HopSent]
    down = [copy for copy in sent if copy[1] in DOWN]
    return len(down) > len(set(down))


def overtaken(story: Story, _calm: Story) -> bool:
    hops = [[fact.hop for fact in story.all(HopDelivered) if fact.link == link] for link in DOWN]
    return any(of_link != sorted(of_link) for of_link in hops)


def bundles_refused_by_earth(story: Story) -> list[str]:
    return [fact.reason for fact in story.at("earth", Rejected) if fact.what == "bundle"]


def changed_on_the_way(story: Story, _calm: Story) -> bool:
    """Bundles that nobody put in open under no key (BPSec)."""
    return not story.all(Injected) and any("was changed" in reason for reason in bundles_refused_by_earth(story))


def cut_on_the_way(story: Story, _calm: Story) -> bool:
    """Bundles end before their blocks do, and nothing else is wrong with any."""
    reasons = bundles_refused_by_earth(story)
    return bool(reasons) and all("cut off" in reason for reason in reasons)


def slower(story: Story, calm: Story) -> bool:
    def longest_us(one: Story) -> int:
        return max(at - f.sent_us for at, _, f in one.entries if type(f) is HopDelivered and f.link == "edge-1->earth")

    return longest_us(story) > longest_us(calm) + 100_000


def silent_between(from_min: int, until_min: int) -> Mark:
    """Mars sends Earth nothing for a while, although nothing is lost and no node is down."""

    def sent(one: Story) -> int:
        span = range(one.start_us + from_min * MIN_US, one.start_us + until_min * MIN_US)
        return sum(at_us in span for at_us, _, fact in one.entries if type(fact) is HopSent and fact.link in DOWN)

    def mark(story: Story, calm: Story) -> bool:
        return sent(story) == 0 < sent(calm) and not story.all(HopLost) and not story.all(Crashed)

    return mark


def injected_and_refused(kind: str, what: str, reason: str) -> Mark:
    """Each one that is put in is refused by whom it reaches, for this reason."""

    def mark(story: Story, _calm: Story) -> bool:
        put_in = [node for _, node, fact in story.entries if type(fact) is Injected and fact.kind == kind]
        refused = [
            node
            for _, node, fact in story.entries
            if type(fact) is Rejected and fact.what == what and reason in fact.reason
        ]
        return refused == put_in != []

    return mark


def said_again(kind: str, heard_as: type[Any], written_by: type[Any]) -> Mark:
    """Each one that is put in is heard a second time, byte for byte, and answered as a repeat: nothing is written."""

    def mark(story: Story, _calm: Story) -> bool:
        put_in = [(fact.kind, fact.link) for fact in story.all(Injected)]
        known: set[tuple[str, bytes]] = set()
        again = []
        for _, node, event, effects in story.heard:
            if type(event) is not heard_as or (heard_as is Received and type(decode(event.data)) is not FrameOffer):
                continue  # acks are handed on more than once without any fault
            link = f"{event.source}->{node}"
            if (link, event.data) in known and (kind, link) in put_in:
                again.append((kind, link))
                if not effects or any(type(effect) is written_by for effect in effects):
                    return False
            known.add((link, event.data))
        twice = any(fact.replaced == fact.leaf for fact in story.all(RowStored))
        return again == put_in != [] and not twice

    return mark


def babbled_at(node: str, times: int) -> Mark:
    """So many senseless things reach the node, most from elsewhere and some from its own host, and it refuses three of
    four at once and in the open, none of which it had to refuse before (the others are true words said again, or
    belong to nobody).
    """

    def mark(story: Story, calm: Story) -> bool:
        put_in = [at for _, at, fact in story.entries if type(fact) is Injected and fact.kind == "babble"]
        refused = len(story.at(node, Rejected)) - len(calm.at(node, Rejected))
        from_elsewhere = put_in == [node] * len(put_in) and 0.75 * times <= len(put_in) < times
        return from_elsewhere and refused >= 0.75 * times

    return mark


def crashed(*nodes: str) -> Mark:
    def mark(story: Story, _calm: Story) -> bool:
        return {node for _, node, fact in story.entries if type(fact) is Crashed} == set(nodes)

    return mark


def somebody_crashed(story: Story, _calm: Story) -> bool:
    return bool(story.all(Crashed))


def flushes_failed(reason: str) -> Mark:
    """The edge is told so, and accepts nothing until a flush succeeds."""

    def mark(story: Story, calm: Story) -> bool:
        failed = [(at_us, node) for at_us, node, event in story.told(SyncFailed) if event.reason == reason]
        if not failed:
            return False
        span = range(failed[0][0], failed[-1][0])

        def accepted(one: Story) -> int:
            return sum(at in span for at, node, fact in one.entries if type(fact) is Accepted and node == "edge-1")

        return {node for _, node in failed} == {"edge-1"} and accepted(story) == 0 < accepted(calm)

    return mark


def medium_after_crash(story: Story) -> tuple[set[tuple[int, int, int]], int]:
    """What edge-1's medium still holds by its own words, and the bytes that its next start finds there."""
    (held,) = story.at("edge-1", MediumHolds) or [MediumHolds(())]
    return set(held.streams), story.at("edge-1", Restarted)[-1].durable_bytes


def took_back_what_it_accepted(story: Story) -> bool:
    """Of some stream edge-1's medium holds less than edge-1 had told the device."""
    if not story.at("edge-1", MediumHolds):
        return False
    held = {(device, epoch): size for device, epoch, size in medium_after_crash(story)[0]}
    crash_us = next(at_us for at_us, _, fact in story.entries if type(fact) is Crashed)
    said = [f for at_us, node, f in story.entries if type(f) is Accepted and node == "edge-1" and at_us < crash_us]
    return any(fact.end > held.get((fact.stream.device, fact.stream.epoch), 0) for fact in said)


def never_written(story: Story, before: Story) -> bool:
    """A crash takes what was accepted: fewer bytes stand on the medium than without the fault, but not none."""
    found, honest = medium_after_crash(story)[1], medium_after_crash(before)[1]
    return took_back_what_it_accepted(story) and 0 < found < honest


def unreadable(story: Story, before: Story) -> bool:
    """What was accepted cannot be read although every byte of it stands on the medium."""
    return took_back_what_it_accepted(story) and medium_after_crash(story)[1] == medium_after_crash(before)[1]


def medium_empty(story: Story, _calm: Story) -> bool:
    return bool(story.all(MediumHolds)) and medium_after_crash(story) == (set(), 0)


def medium_older(story: Story, _calm: Story) -> bool:
    return took_back_what_it_accepted(story) and medium_after_crash(story)[1] > 0


def stamped_otherwise(story: Story, calm: Story) -> bool:
    def stamps(one: Story) -> list[int]:
        return [fact.generated_us for fact in one.all(FrameSealed)]

    return stamps(story) != stamps(calm)


def dealt_with_later(story: Story, _calm: Story) -> bool:
    """Edge-1 hears datagrams half a second after they came, and never at once while that lasts."""
    came = {at_us for at_us, _, fact in story.entries if type(fact) is HopDelivered and fact.link.endswith("->edge-1")}
    heard = [at_us for at_us, node, _ in story.told(Received) if node == "edge-1"]
    late = [at_us for at_us in heard if at_us not in came]
    return bool(late) and all(at_us - 500_000 in came for at_us in late)


def rows_refused(story: Story, _calm: Story) -> bool:
    return bool(story.all(RowsRefused))


def written_again(story: Story, _calm: Story) -> bool:
    """A row that stood in the table is put there once more, byte by byte, because the answer was lost."""
    silent = {node for _, node, _ in story.told(StoreSilent)}
    return "earth" in silent and any(fact.replaced == fact.leaf for fact in story.all(RowStored))


def read_before_it_was_there(story: Story, _calm: Story) -> bool:
    """The auditor is shown no row where one stands, and none was ever taken away."""
    missed = [at_us for at_us, node, event in story.told(RowsRead) if node == "auditor" and None in event.frames]
    return bool(missed) and not story.all(RowRotted) and not story.all(StoreRestored)


def stood_down(story: Story, _calm: Story) -> bool:
    """The leader before finds that it no longer leads."""
    return any(fact.what == "WriteHead" and "stands down" in fact.reason for fact in story.at("earth", Rejected))


def deleted(story: Story, _calm: Story) -> bool:
    return any(fact.gone for fact in story.all(RowRotted))


def rotted(story: Story, _calm: Story) -> bool:
    return [fact.gone for fact in story.all(RowRotted)] == [False]


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


def device_unknown(story: Story, _calm: Story) -> bool:
    """From its first start anew until its second one edge-1 takes nothing of the device."""
    wrong, right = [at_us for at_us, node, f in story.entries if type(f) is Restarted and node == "edge-1"][1:] or (
        0,
        0,
    )
    refused = [
        at_us
        for at_us, node, fact in story.entries
        if type(fact) is Rejected and node == "edge-1" and fact.reason == "device unknown or not the sender"
    ]
    (without,) = story.at("edge-1", StartedWithout) or [StartedWithout(())]
    return len(without.devices) == 1 and bool(refused) and all(wrong <= at_us < right for at_us in refused)


def measured_otherwise(story: Story, calm: Story) -> bool:
    def rows(one: Story) -> list[Any]:
        return [fact.rows for fact in one.all(Generated)]

    return rows(story) != rows(calm)


def delivered_twice(story: Story, _calm: Story) -> bool:
    """The device hears blocks twice and drops each second one."""
    dropped = [fact for fact in story.at("vitals-2", Rejected) if fact.what == "SamplesReady"]
    heard = [event for _, node, event in story.told(SamplesReady) if node == "vitals-2"]
    return 0 < len(dropped) == len(heard) - len(story.at("vitals-2", Generated))


def delivered_late(story: Story, _calm: Story) -> bool:
    """The device hears blocks 10 s after they were taken, and every other one at once."""
    taken = {at_us for at_us, node, fact in story.entries if type(fact) is Generated and node == "vitals-2"}
    late = [at_us for at_us, node, _ in story.told(SamplesReady) if node == "vitals-2" and at_us not in taken]
    return bool(late) and all(at_us - 10_000_000 in taken for at_us in late)


ALONE: dict[str, tuple[str, Mark]] = {
    "bundle_loss": ("link: down, rate: 20 %", lost_to("bundle_loss")),
    "burst_loss": ("link: down, enter: 10 %, leave: 30 %", lost_to("burst_loss")),
    "bundle_duplication": ("link: down, rate: 30 %", doubled),
    "bundle_reorder": ("link: down, rate: 30 %, delay: 30 s", overtaken),
    "bundle_corruption": ("link: down, rate: 20 %", changed_on_the_way),
    "bundle_truncation": ("link: down, rate: 20 %", cut_on_the_way),
    "link_outage": ("link: down, at: 12 min, for: 5 min", lost_to("link_outage")),
    "rate_change": ("link: down, at: 5 min, for: 20 min, factor: 0.01", slower),
    "pass_cut": ("link: down, at: 30 min", lost_to("pass_cut")),
    "stale_plan": ("at: 10 min, for: 10 min, shift: 30 min", silent_between(11, 19)),
    "frame_forgery": ("device: vitals-1, at: 15 min", injected_and_refused("frame_forgery", "frame", "signature")),
    "bundle_forgery": ("link: up, at: 15 min", injected_and_refused("bundle_forgery", "bundle", "unprotected")),
    "bundle_replay": ("link: down, at: 25 min, delay: 10 min", said_again("bundle_replay", BundleArrived, WriteRows)),
    "frame_replay": ("device: vitals-1, at: 25 min, delay: 10 min", said_again("frame_replay", Received, Append)),
    "babble": ("node: edge-1, at: 10 min, for: 10 min", babbled_at("edge-1", 30)),
    "edge_crash": ("node: edge-1, at: 15 min, down: 3 min", crashed("edge-1")),
    "device_crash": ("device: vitals-1, at: 15 min, down: 3 min", crashed("vitals-1")),
    "earth_crash": ("node: gateway, at: 15 min, down: 3 min", crashed("earth")),
    "crash_at_effect": ("node: any, rate: 1 %, until: 30 min, down: 20 s", somebody_crashed),
    "fsync_error": ("node: edge-1, at: 15 min, for: 2 min", flushes_failed(IO_ERROR)),
    "fsync_lie": ("node: edge-1, at: 15 min, for: 10 min", never_written),
    "disk_full": ("node: edge-1, at: 15 min, for: 5 min", flushes_failed(DISK_FULL)),
    "bit_rot": ("node: edge-1, at: 19 min", unreadable),
    "disk_swap": ("node: edge-1, at: 15 min, down: 2 min", medium_empty),
    "snapshot_rollback": ("node: edge-1, at: 25 min, age: 10 min", medium_older),
    "clock_step": ("node: vitals-1, at: 15 min, by: -3 s", stamped_otherwise),
    "clock_drift": ("node: vitals-1, rate: 200 ppm, from: 5 min, until: 30 min", stamped_otherwise),
    "slow_cpu": ("node: edge-1, at: 10 min, for: 10 min, delay: 500 ms", dealt_with_later),
    "rolling_upgrade": ("at: 10 min, every: 3 min, down: 1 min", crashed("edge-1", "edge-2", "earth", "auditor")),
    "table_throttling": ("at: 10 min, for: 10 min, write_capacity: 0.05 rows/s", rows_refused),
    "table_unprocessed": ("rate: 30 %", rows_refused),
    "table_timeout": ("rate: 20 %", written_again),
    "table_stale_read": ("rate: 50 %, age: 10 s", read_before_it_was_there),
    "row_rot": ("at: 30 min", rotted),
    "table_restore": ("at: 30 min, down: 2 min", restored),
    "stale_leader": ("at: 15 min, for: 10 min", stood_down),
    "channel_down": ("at: 1 min, for: 30 min", surgeon_heard_later),
    "channel_busy": ("at: 1 min, for: 30 min, retry_after: 30 s", surgeon_heard_later),
    "hop_key_rotation": ("at: 15 min, apart: 2 min", hop_key_used),
    "device_key_rotation": ("device: vitals-1, at: 15 min", key_given_up),
    "early_retention": ("store: table, at: 35 min, older_than: 10 min", deleted),
    "wrong_config": ("node: edge-1, device: vitals-1, at: 10 min, for: 15 min", device_unknown),
    "relay_safe_mode": ("relay: areo, at: 12 min, for: 5 min", lost_to("relay_safe_mode")),
    "lead_off": ("device: vitals-2, at: 10 min, for: 5 min", measured_otherwise),
    "motion_artefact": ("device: vitals-2, at: 10 min, for: 10 min, rate: 50 %", measured_otherwise),
    "sensor_stuck": ("device: vitals-2, at: 10 min, for: 10 min", measured_otherwise),
    "sensor_duplicate": ("device: vitals-2, at: 10 min, for: 10 min", delivered_twice),
    "sensor_late": ("device: vitals-2, at: 10 min, for: 10 min, delay: 10 s", delivered_late),
}

RELAYED = """network:
  direct_to_earth: null
  relays: [{name: areo, orbit: {longitude: 60}, proximity: {gain: "25 dB"}}]
"""
ON_A_RELAY = {"relay_safe_mode"}
"""Kinds that nobody can notice while Earth is reached directly."""

AT_A_RESTART = {"fsync_lie", "bit_rot"}
"""Kinds that nobody can notice until an edge reads its medium again."""


@pytest.mark.parametrize("kind", ALONE)
def test_it_happens_and_every_guarantee_holds(kind: str, calm: Story, tmp_path: Path) -> None:
    settings, mark = ALONE[kind]
    also, before, network = "", calm, ""
    if kind in AT_A_RESTART:
        also, before = f", {CRASH}", tell(f"faults: [{CRASH}]\n", tmp_path / "before")
    if kind in ON_A_RELAY:
        network, before = RELAYED, tell(RELAYED, tmp_path / "before")
    story = tell(f"{network}faults: [{{kind: {kind}, {settings}}}{also}]\n", tmp_path / "run")
    assert mark(story, before), "it left no mark of its kind"
    assert not mark(before, before), "a fault that does nothing would pass"
    assert {g.key: g.evidence for g in story.result.guarantees if g.verdict == "broken"} == {}


@pytest.mark.parametrize("kind", ["bundle_loss", "bundle_duplication", "bundle_reorder", "bundle_truncation"])
def test_gateway_and_auditor_make_good_what_their_network_does(kind: str, calm: Story, tmp_path: Path) -> None:
    delay = ", delay: 30 s" if kind == "bundle_reorder" else ""
    story = tell(f"faults: [{{kind: {kind}, link: ground, rate: 50 %{delay}, until: 30 min}}]\n", tmp_path / "run")
    assert _between(story) != _between(calm)
    assert {g.key: g.evidence for g in story.result.guarantees if g.verdict == "broken"} == {}
    assert {fact.stream: fact.verified for fact in story.all(AckMade)} == {
        fact.stream: fact.verified for fact in calm.all(AckMade)
    }


def test_a_gateway_under_a_wrong_plan_keeps_its_acks(calm: Story, tmp_path: Path) -> None:
    fault = "{kind: stale_plan, node: gateway, at: 10 min, for: 10 min, shift: 30 min}"
    story = tell(f"faults: [{fault}]\n", tmp_path / "run")
    assert _sent_up(story, 11, 19) == 0 < _sent_up(calm, 11, 19)
    assert {g.key: g.evidence for g in story.result.guarantees if g.verdict == "broken"} == {}


def _sent_up(story: Story, from_min: int, until_min: int) -> int:
    """Copies that left Earth for Mars in a span."""
    span = range(story.start_us + from_min * MIN_US, story.start_us + until_min * MIN_US)
    return sum(
        at_us in span and type(f) is HopSent and f.link.startswith("earth->edge") for at_us, _, f in story.entries
    )


def _between(story: Story) -> list[tuple[int, str]]:
    """Copies that arrived between gateway and auditor: when, and on which hop."""
    hops = ("earth->auditor", "auditor->earth")
    return [(at_us, f.link) for at_us, _, f in story.entries if type(f) is HopDelivered and f.link in hops]


def test_without_any_fault_every_guarantee_holds(calm: Story) -> None:
    assert {g.key: g.evidence for g in calm.result.guarantees if g.verdict == "broken"} == {}


def test_every_kind_has_its_case() -> None:
    mapping = json_schema()["$defs"]["HabitatScenario"]["properties"]["faults"]["items"]["discriminator"]["mapping"]
    assert set(mapping) == set(ALONE)
