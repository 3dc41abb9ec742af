"""Writes `result.json`; everything in it but `provenance` is a function of scenario and seed."""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from twin import __version__
from twin.experiments.mission import Mission
from twin.guarantees.verdict import BROKEN, Verdict
from twin.result_schema import SCHEMA
from twin.result_story import Story
from twin.scenario.assumptions import assumptions
from twin.scenario.digest import digest
from twin.scenario.guarantees import BOUNDED
from twin.scenario.model import HabitatScenario, Scenario
from twin.world.ephemeris import in_force
from twin.world.timescales import us_to_utc

PACKAGES = (
    "simpy", "numpy", "scipy", "astropy", "cbor2", "cryptography", "google-crc32c", "pydantic", "pyarrow",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a run ended: whether it was cut short, its wall time, and the house instant of its last event."""

    interrupted: bool
    wall_s: float
    end_us: int


def replay_command(scenario: Scenario) -> str:
    """The command that runs the same scenario with the same seed."""
    if scenario.origin is None:
        return f"twin run <the scenario {scenario.name}> --seed {scenario.seed}"
    return scenario.origin.command(scenario.seed)


def write_result(
    scenario: Scenario, mission: Mission, outcome: Outcome, folder: Path, stories: Mapping[str, Story]
) -> None:
    """Write `result.json` into the run's folder; `stories` tell what broke, by guarantee."""
    listed = set(scenario.listed_guarantees)
    verdicts = [checker.verdict(checker.key in listed and not outcome.interrupted) for checker in mission.checkers]
    replay = replay_command(scenario)
    document = {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "description": scenario.description,
        "scenario_digest": digest(scenario),
        "seed": scenario.seed,
        "start_utc": us_to_utc(mission.start_us),
        "generation_end_utc": us_to_utc(mission.generation_end_us),
        "end_utc": us_to_utc(outcome.end_us),
        "site": mission.site,
        "verdict": _overall(verdicts, outcome),
        "interrupted": outcome.interrupted,
        "guarantees": [_guarantee(verdict, replay, _expression(scenario, verdict), stories) for verdict in verdicts],
        "counts": {**mission.counts(), "transmissions": mission.conservation.totals},
        "losses": dict(sorted(mission.conservation.causes.items())),
        "records": mission.records(),
        "streams": mission.streams(),
        "clinic": mission.clinic(),
        "ledger": mission.ledger(),
        "storms": mission.storms,
        "longest_silence_s": mission.longest_silence_s,
        "storage": mission.storage(),
        "trace_hash": mission.host.trace.digest(),
        "sim_s": (outcome.end_us - mission.start_us) / 1e6,
        "assumptions": [
            {"key": a.key, "value": a.value_text, "source": a.source, "given": a.given} for a in assumptions(scenario)
        ],
        "replay": replay,
        "yaml": scenario.origin.text if stories and scenario.origin is not None else None,
        "provenance": {
            "version": __version__,
            "wall_s": outcome.wall_s,
            "events": mission.host.events,
            "trace_entries": mission.host.trace.entries,
            "python": platform.python_version(),
            "platform": f"{sys.platform} {platform.machine()}",
            "ephemeris": _ephemeris() if isinstance(scenario, HabitatScenario) else None,
            "packages": _packages(),
            "made_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }
    text = json.dumps(_plain(document), indent=1, allow_nan=False)
    (folder / "result.json").write_text(text + "\n", encoding="utf-8")


@cache
def _packages() -> dict[str, str]:
    return {name: metadata.version(name) for name in PACKAGES}


def _ephemeris() -> dict[str, str]:
    """What the sky was computed from."""
    table = in_force()
    return {"name": table.name, "sha256": table.sha256}


def _overall(verdicts: list[Verdict], outcome: Outcome) -> str:
    if any(verdict.verdict == BROKEN for verdict in verdicts):
        return "broken"
    return "incomplete" if outcome.interrupted else "held"


def _expression(scenario: Scenario, verdict: Verdict) -> str | None:
    """The bound as the scenario writes it, for what was held against one."""
    choice = scenario.guarantee(verdict.key)
    if verdict.unit != "s" or not isinstance(choice, BOUNDED):
        return None
    return choice.bound.text


def _guarantee(v: Verdict, replay: str, expression: str | None, stories: Mapping[str, Story]) -> dict[str, Any]:
    evidence = None
    if v.evidence is not None:
        evidence = {
            "record": v.evidence.record,
            "at_utc": us_to_utc(v.evidence.at_us),
            "where": v.evidence.where,
            "what": v.evidence.what,
            "replay": replay,
        }
    found = {
        "key": v.key,
        "verdict": v.verdict,
        "reason": v.reason,
        "checked": v.checked,
        "pending": v.pending,
        "bound": v.bound,
        "observed": v.observed,
        "unit": v.unit,
        "margin": v.margin,
        "expression": expression,
        "evidence": evidence,
    }
    if v.worst is not None:
        found["worst"] = {"record": v.worst.record, "at_utc": us_to_utc(v.worst.at_us), "where": v.worst.where}
    if v.key in stories:
        found["story"] = stories[v.key].model_dump()
    if v.terms:
        found["terms"] = [{"name": name, "value_s": value} for name, value in v.terms]
    return found


def _plain(value: Any) -> Any:
    """Numbers that do not exist become null."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
