"""What the tests of runs share: a small scenario within a pass, and a run that keeps facts of its trace."""

import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from twin.experiments.outcome import write_result
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.result import Result
from twin.scenario import Scenario, load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"

# DSS-14 sees Mars from 09:36 to 17:23 UTC, so the whole hour and its acks are in view.
SMALL = """
name: small
start: 2033-03-10T10:00:00Z
duration: 1 h
seed: 5
habitat:
  site: jezero
  crew: 2
  devices:
    - {kind: vitals_monitor, per: crew, sample_period: 5 s, frame_period: 60 s}
  edge_nodes: 2
guarantees:
  - durability
  - no_equivocation
  - no_loss
  - exactly_once
  - stream_order
  - integrity
  - append_only
  - convergence: {rounds: 3}
  - freshness: {bound: owlt + frame_period + bundle_wait + contact_wait + 3 R + 3 min}
  - feedback_closure: {bound: 2 owlt + frame_period + 2 contact_wait + 3 R + 5 min}
  - safe_trim
  - conservation
"""

# Forty minutes of it with backups, for tests that add one fault to it; they give the guarantees themselves.
SHORT = """
name: short
start: 2033-03-10T10:00:00Z
duration: 40 min
seed: 5
habitat:
  site: jezero
  crew: 2
  devices: [{kind: vitals_monitor, sample_period: 20 s, frame_period: 1 min}]
  edge_nodes: 2
pipeline: {suite: hmac-sha256, backup_period: 10 min}
"""
# Gives the channel something to say: the crew's surgeon is told within the pass.
PATIENT = "episodes: [{kind: hypoxia, crew: 1, at: 8 min, for: 15 min}]\n"


class Flight(NamedTuple):
    """A finished run: its result, and the facts that were asked for as (instant, node, fact) by type."""

    result: Result
    facts: dict[type[Any], list[tuple[int, str, Any]]]


def write_small(folder: Path, more: str = "") -> Path:
    """The small scenario as a file, with `more` YAML at its end."""
    path = folder / "small.yaml"
    path.write_text(SMALL + more)
    return path


def fly(scenario: Scenario, folder: Path, *kinds: type[Any]) -> Flight:
    """Run a scenario into a new folder and keep facts of these kinds."""
    folder.mkdir()
    mission = prepare(scenario, folder)
    facts: dict[type[Any], list[tuple[int, str, Any]]] = defaultdict(list)
    for kind in kinds:
        mission.host.trace.subscribe(kind, lambda at_us, node, fact: facts[type(fact)].append((at_us, node, fact)))
    write_result(scenario, mission, drive(mission, Progress(mission, quiet=True)), folder, {})
    return Flight(Result.load(folder), facts)


def fly_small(folder: Path, faults: str, *kinds: type[Any], seed: int | None = None) -> Flight:
    """Run the small scenario with these faults, a YAML list."""
    scenario = load_scenario(write_small(folder, f"faults: {faults}\n"), seed=seed)
    return fly(scenario, folder / "run", *kinds)


def rows_on_earth(folder: Path) -> list[tuple[str, str, int, bytes]]:
    """Every row of Earth's store by key: device, epoch, index, frame."""
    with sqlite3.connect(folder / "earth.sqlite") as store:
        rows = store.execute("SELECT device, epoch, idx, frame FROM frames ORDER BY 1, 2, 3").fetchall()
    store.close()
    return rows
