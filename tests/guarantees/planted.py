"""The register of planted bugs, and the small loop in which each is run: which guarantee must see it, and which must
not.

Numbers are those of the project's list of planted bugs (0: not listed). A bug that needs a lie of somebody else to show
(a witness that follows a shrunken head needs an author who shows one) names that accomplice, and its guarantee must
hold while only the accomplice lies.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import planted_on_earth as earth
import planted_on_mars as mars
import pytest
from recordings import write_recordings

from twin.experiments import earth_site
from twin.experiments.mission import Roles
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.guarantees.verdict import Verdict
from twin.hosts.models import earth_medium
from twin.hosts.models.earth_medium import Medium
from twin.hosts.models.hops import HopAccount
from twin.hosts.models.table import Table
from twin.pipeline.clinic import levels, news2, rules, watch
from twin.pipeline.ledger import merkle, proof
from twin.pipeline.ledger.stream import Stream
from twin.pipeline.nodes import gateway
from twin.pipeline.nodes.ack_maker import AckMaker
from twin.pipeline.nodes.earth_witness import EarthWitness
from twin.pipeline.nodes.edge_intake import EdgeIntake
from twin.pipeline.nodes.edge_journal import EdgeJournal
from twin.pipeline.nodes.head_mover import HeadMover
from twin.pipeline.nodes.stream_on_earth import StreamOnEarth
from twin.pipeline.nodes.witness import Witness
from twin.pipeline.transport import sync
from twin.pipeline.transport.protector import Protector
from twin.scenario import parse_scenario

# DSS-14 sees Mars from 09:36 to 17:23 UTC: the hour and a half and its acks are in view.
SCENARIO = """
name: planted
start: 2033-03-10T10:00:00Z
duration: 90 min
seed: 5
habitat:
  site: jezero
  crew: 2
  devices:
    - {kind: vitals_monitor, per: crew, sample_period: 20 s, frame_period: 2 min}
  edge_nodes: 3
pipeline: {suite: hmac-sha256, backup_period: 20 min, checkpoint_period: 5 min, scrub_period: 20 min}
earth: {table: {write_capacity: 20 rows/s}}
episodes:
  - {kind: hypoxia, crew: 2, at: 25 min, for: 30 min}
guarantees:
  - durability
  - no_equivocation
  - no_loss
  - exactly_once
  - stream_order
  - integrity: {scrub: 20 min, bound: 2 owlt + contact_wait + 1 R + 5 min}
  - append_only
  - convergence: {rounds: 3}
  - freshness: {bound: owlt + frame_period + contact_wait + 2 R + 5 min}
  - feedback_closure: {bound: 2 owlt + frame_period + 2 contact_wait + 3 R + 20 min}
  - alert_latency: {bound: owlt + contact_wait + 2 R + 60 s, mars: 3 min}
  - safe_trim
  - anti_replay
  - monotonic_reads
  - clock_honesty
  - confidentiality
  - bounded_resources: {retransmissions: 8, device_frames: 50, edge_frames: 90}
  - conservation
"""
FAULTS = """
faults:
  - {kind: bundle_loss, link: down, rate: 8 %}
  - {kind: bundle_duplication, link: down, rate: 5 %}
  - {kind: edge_crash, node: edge-1, at: 50 min, down: 3 min}
  - {kind: table_throttling, at: 60 min, for: 5 min, write_capacity: 0.2 rows/s}
  - {kind: device_key_rotation, device: vitals-1, at: 30 min}
  - {kind: hop_key_rotation, at: 20 min, side: both, apart: 2 min}
  - {kind: frame_forgery, device: vitals-1, at: 15 min}
  - {kind: frame_forgery, device: vitals-1, key: given_up, epoch: same, at: 40 min}
  - {kind: frame_forgery, device: vitals-1, key: given_up, epoch: new, at: 42 min}
  - {kind: frame_forgery, link: down, device: vitals-2, at: 44 min}
  - {kind: bundle_forgery, link: up, at: 46 min}
  - {kind: frame_replay, device: vitals-1, at: 38 min, delay: 15 min}
  - {kind: bundle_replay, link: down, at: 62 min, delay: 20 min}
  - {kind: bundle_replay, link: up, at: 70 min, delay: 20 min}
"""
MORE = {
    "base": "",
    "fsync": "  - {kind: fsync_error, node: edge-2, rate: 10 %}\n",
    "torn": "  - {kind: crash_at_effect, node: edge-2, rate: 1 %, from: 10 min, until: 70 min, down: 20 s}\n",
    "rollback": "  - {kind: snapshot_rollback, node: edge-2, at: 48 min, age: 25 min}\n",
    "device": "  - {kind: device_crash, device: vitals-2, at: 20 min, down: 1 min}\n",
    "clock": "  - {kind: clock_step, node: vitals-2, at: 22 min, by: -10 min}\n",
    "rot": "  - {kind: row_rot, store: table, at: 30 min}\n  - {kind: row_rot, store: table, at: 62 min}\n",
    "restore": "  - {kind: table_restore, at: 66 min, down: 1 min}\n",
    "leader": "  - {kind: stale_leader, at: 40 min, for: 20 min}\n",
    "timeout": "  - {kind: table_timeout, rate: 20 %}\n",
    "twice": "  - {kind: bundle_duplication, link: down, rate: 60 %}\n"
    "  - {kind: table_throttling, at: 70 min, for: 10 min, write_capacity: 0.02 rows/s}\n",
    "wrap": "",
    "burst": "  - {kind: bundle_loss, link: down, rate: 12 %, until: 60 min}\n",
    "score": "",
    "blip": "",
    "silence": "  - {kind: link_outage, link: up, at: 5 min, for: 110 min, announced: true}\n",
}
"""What a variant of the scenario adds to the faults."""
RECORDED = ("score", "blip")
"""Variants in which people are recorded; in the second often enough that a condition must hold for several samples."""
READER_US = 60_000_000
"""A reader looks every minute, so that the short run sees what a session sees in hours."""

Patch = pytest.MonkeyPatch


class Put(NamedTuple):
    """Replaces attributes."""

    places: tuple[tuple[Any, str, object], ...]

    def __call__(self, patch: Patch) -> None:
        for owner, name, value in self.places:
            patch.setattr(owner, name, value)


def put(*places: tuple[Any, str, object]) -> Put:
    """Replace attributes: owner, name and value."""
    return Put(places)


SOUND = Roles()


class Bug(NamedTuple):
    """A planted bug: what must break and what may, everything else must hold; where it is planted.

    `needs` names the variant of the scenario in which it can show.
    """

    number: int
    name: str
    breaks: frozenset[str]
    may: frozenset[str] = frozenset()
    roles: Roles = SOUND
    plant: Put | None = None
    needs: str = "base"
    accomplice: Roles | None = None

    @property
    def outside(self) -> str:
        """Modules in which it is planted that are no part of the pipeline: models of the world and their books."""
        owners = [owner for owner, _, _ in self.plant.places] if self.plant else []
        modules = {owner.__name__ if isinstance(owner, ModuleType) else owner.__module__ for owner in owners}
        return ", ".join(sorted(module for module in modules if not module.startswith("twin.pipeline.")))


def scenario_text(variant: str) -> str:
    """The scenario with the faults that a variant adds."""
    text = SCENARIO + FAULTS + MORE[variant]
    if variant == "wrap":
        text = text.replace("{suite: hmac-sha256,", "{suite: hmac-sha256, packet_count: 16370,")
    if variant in RECORDED:  # nobody falls ill by script, see `recordings`
        before, _, after = text.partition("episodes:\n")
        text = f"{before}clinic: {{crew: [{{member: 2, spo2_scale: 2}}]}}\n{after.partition(chr(10))[2]}"
    if variant == "blip":
        text = text.replace("sample_period: 20 s", "sample_period: 1 s")
    if variant == "silence":  # nothing is lost, so nothing need be sent twice
        quiet = [line for line in text.splitlines() if "bundle_loss" not in line and "edge_crash" not in line]
        text = (
            "\n".join(quiet).replace("retransmissions: 8, device_frames: 50, edge_frames: 90", "retransmissions: 1")
            + "\n"
        )
    if variant == "restore":  # takes rows away that had come, so that no other round may be lost
        text = "\n".join(line for line in text.splitlines() if "bundle_loss" not in line) + "\n"
        text = text.replace(
            "  - safe_trim\n", "  - safe_trim\n  - recovery: {bound: 2 owlt + 2 contact_wait + 2 R + 10 min}\n"
        )
    return text


def fly(folder: Path, variant: str, roles: Roles = SOUND) -> dict[str, Verdict]:
    """Run a variant of the small loop into a new folder; the verdicts by guarantee."""
    folder.mkdir(parents=True)
    text = scenario_text(variant)
    if variant in RECORDED:
        text = text.replace("frame_period: 2 min}", f"frame_period: 2 min, replay: {write_recordings(folder.parent)}}}")
    scenario = parse_scenario(text)
    mission = prepare(scenario, folder, roles)
    drive(mission, Progress(mission, quiet=True))
    listed = set(scenario.listed_guarantees)
    return {checker.key: checker.verdict(checker.key in listed) for checker in mission.checkers}


def fly_bug(folder: Path, bug: Bug, patch: Patch) -> dict[str, Verdict]:
    """Run the small loop with a bug planted."""
    watch_readers(patch)
    if bug.plant is not None:
        bug.plant(patch)
    return fly(folder, bug.needs, bug.roles)


def watch_readers(patch: Patch) -> None:
    """Let readers look often."""
    patch.setattr(earth_site, "READ_EVERY_US", READER_US)


def broken(verdicts: dict[str, Verdict]) -> set[str]:
    """Which guarantees are broken."""
    return {key for key, verdict in verdicts.items() if verdict.verdict == "broken"}


def of(*keys: str) -> frozenset[str]:
    """A set of guarantees."""
    return frozenset(keys)


LATE = of("convergence", "freshness", "feedback_closure", "no_loss", "alert_latency", "recovery", "bounded_resources")
"""What does not come in time, and is kept too long, when something does not come at all."""
MEDIUM = of("no_equivocation", "append_only", "alert_latency")
"""What else rests on the medium."""
DECEIVED = of("no_equivocation", "append_only", "exactly_once", "integrity", "safe_trim")
"""What else a record breaks that its device never signed."""

VECTORS = {
    4: "tests/wire/test_frame.py::test_packet_count_wraps_at_14_bits",
    9: "tests/ledger/test_merkle.py::test_roots_of_the_eight_published_leaves",
    21: "tests/ledger/test_merkle.py::test_roots_of_the_eight_published_leaves",
}
"""Bugs that a published vector kills as well."""

PLANTED = (
    Bug(1, "ack before fsync", of("durability"), roles=Roles(edge=mars.AcceptsBeforeFsync)),
    Bug(
        0,
        "a failed fsync taken for success",
        of("durability"),
        MEDIUM,
        Roles(edge=mars.TakesFailureForSuccess),
        needs="fsync",
    ),
    Bug(2, "send before fsync", of("no_equivocation"), MEDIUM, Roles(edge=mars.SendsBeforeFsync)),
    Bug(
        17, "index restarts after reboot", of("no_equivocation"), LATE, Roles(device=mars.IndexRestarts), needs="device"
    ),
    Bug(0, "index follows the clock", of("no_equivocation"), LATE, Roles(device=mars.SignsByItsClock), needs="clock"),
    Bug(3, "dedup key without epoch", of("no_loss"), LATE, Roles(gateway=earth.KnowsRowsByDevice)),
    Bug(
        3,
        "table key without epoch",
        of("exactly_once"),
        LATE | of("integrity", "stream_order", "monotonic_reads"),
        plant=put((earth_medium, "key", earth.key_without_epoch)),
    ),
    Bug(
        4,
        "off by one at the 14-bit wrap",
        of("feedback_closure"),
        LATE,
        Roles(edge=mars.KnowsFramesByTheirCount),
        needs="wrap",
    ),
    Bug(5, "reorder on retransmit", of("stream_order"), LATE, plant=put((gateway, "StreamOnEarth", earth.CountsRows))),
    Bug(
        6,
        "clock used without light-time correction",
        of("bounded_resources"),
        plant=put((sync, "answer_us", mars.answers_at_once)),
    ),
    Bug(
        7,
        "replay accepted after key rotation",
        of("anti_replay"),
        LATE | DECEIVED,
        Roles(edge=mars.AcceptsReplayAfterRotation),
    ),
    Bug(0, "a forged frame accepted", of("anti_replay"), LATE | DECEIVED, Roles(edge=mars.AcceptsForgeries)),
    Bug(
        0, "a replayed ack accepted", of("anti_replay"), LATE, plant=put((Stream, "problem_with", mars.takes_old_acks))
    ),
    Bug(8, "duplicate alert after failover", of("exactly_once"), LATE, Roles(gateway=earth.KeysAlertsByTheirEdge)),
    Bug(
        8,
        "duplicate alert: put unconditionally",
        of("exactly_once"),
        of("anti_replay"),
        plant=put((Medium, "put_alert", earth.puts_unconditionally)),
    ),
    Bug(
        9,
        "Merkle without domain separation",
        of("append_only", "feedback_closure"),
        LATE | of("safe_trim"),
        plant=put(
            (merkle, "sha256", mars.without_domain_separation), (proof, "sha256", mars.without_domain_separation)
        ),
    ),
    Bug(
        21,
        "odd Merkle leaf duplicated",
        of("append_only", "feedback_closure"),
        LATE | of("safe_trim"),
        plant=put((merkle, "fold", mars.doubles_the_odd_one), (proof, "fold", mars.doubles_the_odd_one)),
    ),
    Bug(
        13,
        "gap list cut silently",
        of("feedback_closure"),
        plant=put((StreamOnEarth, "gaps", earth.cuts_gaps)),
        needs="burst",
    ),
    Bug(10, "UnprocessedItems dropped", of("no_loss"), LATE, Roles(gateway=earth.DropsUnprocessed)),
    Bug(
        11,
        "UnprocessedItems counted as stored",
        of("stream_order"),
        LATE,
        Roles(gateway=earth.CountsUnprocessedAsStored),
    ),
    Bug(12, "alert lost between put and emit", of("alert_latency"), roles=Roles(gateway=earth.ForgetsWhomToTell)),
    Bug(0, "nobody on Mars hears of an alarm", of("alert_latency"), roles=Roles(edge=mars.NeverSounds)),
    Bug(
        0,
        "no aggregate of NEWS2 alarms",
        of("alert_latency"),
        plant=put((rules.AggregateRule, "judge", mars.says_nothing)),
        needs="score",
    ),
    Bug(
        0,
        "no single 3 of NEWS2 calls for a review",
        of("alert_latency"),
        plant=put((rules.SingleRule, "judge", mars.says_nothing)),
        needs="score",
    ),
    Bug(
        0,
        "a systolic pressure of 90 scores 2",
        of("alert_latency"),
        plant=put(*mars.chart_with("systolic_bp", (90, 101, 111, 220))),
        needs="score",
    ),
    Bug(
        0,
        "a respiration of 21 scores 0",
        of("alert_latency"),
        plant=put(*mars.chart_with("respiration_rate", (9, 12, 22, 25))),
        needs="score",
    ),
    Bug(
        0,
        "a temperature of 38.0 scores 1",
        of("clock_honesty"),
        plant=put(*mars.chart_with("temperature", (351, 361, 380, 391))),
        needs="score",
    ),
    Bug(
        0,
        "SpO2 scale 2 scores like scale 1",
        of("alert_latency", "clock_honesty"),
        plant=put((watch, "inner_edges", mars.edges_of_scale_1), (news2, "_bands", mars.bands_of_scale_1)),
        needs="score",
    ),
    Bug(
        0,
        "a missing input of NEWS2 scores 0",
        of("alert_latency"),
        plant=put((rules.Points, "last", rules.Points.known)),
        needs="score",
    ),
    Bug(
        0,
        "NEWS2 alarms at one sample",
        of("clock_honesty"),
        plant=put((levels, "Level", mars.ScoresAtOnce)),
        needs="blip",
    ),
    Bug(
        14,
        "timer not suspended in an outage",
        of("bounded_resources"),
        plant=put((sync, "answer_us", mars.waits_for_no_contact)),
        needs="silence",
    ),
    # the other edge carries what has fallen silent, so that it comes late and not never
    Bug(15, "timer not re-armed", of("freshness"), LATE | of("bounded_resources"), Roles(edge=mars.NeverSendsAgain)),
    Bug(
        0,
        "a device is not heard under its next key",
        of("convergence"),
        LATE,
        plant=put((EdgeIntake, "_take", mars.hears_no_next_epoch)),
    ),
    Bug(0, "the auditor falls silent", of("convergence"), LATE, Roles(auditor=earth.FallsSilent)),
    Bug(
        16,
        "torn journal tail accepted",
        of("durability"),
        LATE | MEDIUM,
        plant=put((EdgeJournal, "cut_torn_tail", mars.keeps_the_torn_tail)),
        needs="torn",
    ),
    Bug(
        18,
        "ack root not checked",
        of("safe_trim"),
        LATE,
        Roles(auditor=earth.SignsAWrongRoot),
        put((Stream, "problem_with", mars.takes_any_root)),
        accomplice=Roles(auditor=earth.SignsAWrongRoot),
    ),
    Bug(
        19,
        "ack of another epoch accepted",
        of("feedback_closure"),
        LATE | of("safe_trim", "anti_replay"),
        Roles(device=mars.TakesAcksOfAnyEpoch),
    ),
    Bug(20, "trim at acked, not verified: on a device", of("safe_trim"), LATE, Roles(device=mars.TrimsWhatIsVerified)),
    Bug(
        20,
        "trim at acked, not verified: on Earth",
        of("safe_trim", "recovery"),
        LATE,
        plant=put((AckMaker, "make", earth.lets_trim_what_is_verified)),
        needs="restore",
    ),
    Bug(
        22,
        "shrunken tree head accepted",
        of("append_only"),
        LATE,
        Roles(edge=mars.ShowsOldHeads),
        put((Witness, "_refused", mars.follows_whatever), (EarthWitness, "_keeps_streams", lambda *_: True)),
        accomplice=Roles(edge=mars.ShowsOldHeads),
    ),
    Bug(
        0,
        "own chain forgotten with a snapshot",
        of("append_only"),
        LATE,
        Roles(edge=mars.ForgetsItsChain),
        needs="rollback",
    ),
    Bug(
        23,
        "duplicate key in a batch, error swallowed",
        of("no_loss"),
        LATE,
        Roles(gateway=earth.SwallowsDuplicateKeys),
        needs="twice",
    ),
    Bug(
        24,
        "timeout after success retried under a new key",
        of("exactly_once"),
        LATE | of("integrity"),
        Roles(gateway=earth.RetriesUnderANewKey),
        needs="timeout",
    ),
    Bug(
        25,
        "stale leader writes",
        of("stream_order"),
        LATE | of("monotonic_reads"),
        plant=put((Medium, "put_head", earth.fences_nobody)),
        needs="leader",
    ),
    Bug(26, "IV counter restored from a snapshot", of("confidentiality"), roles=Roles(edge=mars.RestoresItsVectors)),
    Bug(
        0, "bundles in clear", of("confidentiality"), LATE, Roles(edge=mars.RadiatesInClear, gateway=earth.ReadsInClear)
    ),
    Bug(
        0,
        "one vector for two blocks",
        of("confidentiality"),
        plant=put((Protector, "_vector", earth.one_vector_for_two)),
    ),
    Bug(0, "rows left out of batches", of("no_loss"), LATE | of("stream_order"), Roles(gateway=earth.LosesEveryFifth)),
    Bug(0, "a bit flips on the way to the table", of("integrity"), LATE, Roles(gateway=earth.FlipsABit)),
    Bug(
        0,
        "rot is not reported",
        of("integrity", "convergence"),
        LATE,
        Roles(auditor=earth.LeavesRotAlone),
        needs="rot",
    ),
    Bug(
        0,
        "the head is moved past the rows",
        of("stream_order"),
        LATE,
        plant=put((HeadMover, "move", earth.shows_too_much)),
    ),
    Bug(0, "heads held back", of("freshness"), LATE, plant=put((HeadMover, "move", earth.holds_heads_back))),
    Bug(0, "the first record waits for hours", of("freshness"), LATE, Roles(edge=mars.GathersForHours)),
    Bug(
        0,
        "Earth acks what is stored",
        of("feedback_closure"),
        LATE | of("safe_trim"),
        plant=put((AckMaker, "make", earth.acks_what_is_stored)),
    ),
    Bug(
        0,
        "after a restore nothing is sent anew",
        of("recovery"),
        LATE,
        plant=put((Stream, "problem_with", mars.knows_no_terms)),
        needs="restore",
    ),
    Bug(
        0,
        "a restored table keeps its term",
        of("monotonic_reads"),
        LATE | of("stream_order"),
        plant=put((earth_site.EarthSite, "restore", earth.restores_the_old_term)),
        needs="restore",
    ),
    Bug(
        0,
        "a reader is served by a replica",
        of("monotonic_reads"),
        plant=put((Table, "versions", earth.reads_a_replica)),
    ),
    Bug(0, "an alarm names another row", of("clock_honesty"), roles=Roles(edge=mars.NamesAnotherRow)),
    Bug(
        0,
        "an alarm's row goes by the clock",
        of("clock_honesty"),
        roles=Roles(edge=mars.CountsRowsByTime),
        needs="clock",
    ),
    Bug(0, "a device never trims", of("bounded_resources"), LATE, Roles(device=mars.NeverTrims)),
    Bug(
        0,
        "a link loses without a word",
        of("conservation"),
        plant=put((HopAccount, "lost", earth.loses_without_a_word)),
    ),
    Bug(0, "a copy arrives twice", of("conservation"), plant=put((HopAccount, "arrived", earth.arrives_twice))),
)
