"""A small real run that others ask, verify and tamper with: two hours with alerts, a new key, losses and a restart."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.experiments.run import run
from twin.scenario import parse_scenario

# DSS-14 sees Mars from 09:36 to 17:23 UTC, so all of it and its acks are in view
SCENARIO = """
name: asked
start: 2033-03-10T10:00:00Z
duration: 2 h
seed: 7
habitat:
  site: jezero
  crew: 2
  devices:
    - {kind: vitals_monitor, sample_period: 20 s, frame_period: 60 s, artefacts: true}
    - {kind: air_monitor, sample_period: 20 s, frame_period: 60 s}
  edge_nodes: 2
pipeline: {suite: SUITE}
episodes:
  - {kind: hypoxia, crew: 2, at: 30 min, for: 40 min}
faults:
  - {kind: disk_swap, node: edge-2, at: 40 min, down: 5 min}
  - {kind: device_key_rotation, device: vitals-1, at: 1 h}
  - {kind: earth_crash, node: gateway, at: 70 min, down: 3 min}
  - {kind: snapshot_rollback, node: edge-1, at: 85 min, age: 15 min, down: 2 min}
"""


def make_real_run(folder: Path, suite: str, faults: str = "") -> Path:
    """Run it; `faults` replace its own where given."""
    text = SCENARIO.replace("SUITE", suite)
    if faults:
        text = text[: text.index("faults:")] + faults
    run(parse_scenario(text), folder)
    return folder


@contextmanager
def copied(folder: Path, to: Path) -> Iterator[sqlite3.Connection]:
    """The store of a copy of a run's folder, open for whoever means harm; the copy is `to`."""
    to.mkdir()
    (to / "mars").mkdir()
    for name in ("earth.sqlite", "registry.json", "mars/persons.json"):
        shutil.copy(folder / name, to / name)
    with sqlite3.connect(to / "earth.sqlite") as store:
        yield store
    store.close()
