"""Small scenarios with everything in them, run here or in a process of their own, and all that such a run leaves."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from twin.experiments.run import run
from twin.scenario import parse_scenario

ROOT = Path(__file__).parents[2]

# Earth has risen at Jezero at about 08:27 UTC (tests/reference/site_visibility.csv); the storm stows the antenna.
HABITAT = """\
name: small-habitat
start: 2033-03-10T09:00:00Z
duration: 2 h
seed: 5
habitat:
  site: jezero
  crew: 2
  devices: [{kind: vitals_monitor, per: crew, sample_period: 5 s, frame_period: 60 s}]
  edge_nodes: 2
network:
  stations: [DSS-14, DSS-43, DSS-63]
  relays: [{name: tgo, orbit: tgo-like}]
weather:
  dust:
    storms:
      - {onset: 80 min, peak_tau: 4.0, growth: 5 min, decay: 1 h, effects: [{kind: antenna_stow, above_tau: 3.5}]}
pipeline: {backup_period: 20 min, checkpoint_period: 5 min}
faults:
  - {kind: edge_crash, node: edge-1, at: 50 min, down: 7 min}
  - {kind: bundle_loss, link: down, rate: 10 %}
  - {kind: bundle_duplication, link: down, rate: 10 %}
  - {kind: bundle_reorder, link: down, rate: 10 %, delay: 30 s}
  - {kind: bundle_loss, link: local, rate: 5 %}
  - {kind: table_throttling, at: 30 min, for: 20 min, write_capacity: 1 rows/s}
  - {kind: relay_safe_mode, relay: tgo, at: 65 min, for: 10 min}
guarantees:
  - freshness: {bound: owlt + contact_wait + 3 R + 5 min}
  - feedback_closure: {bound: 2 owlt + 2 contact_wait + ack_delay + far_end_allowance + 3 R + 5 min}
"""

BARE = """\
name: small-chain
duration: 4 h
seed: 5
network:
  nodes: [S, R, D]
  contacts:
    - {from: S, to: R, start: 0 s, end: 20 min, rate: 1 Mbit/s, owlt: 400 s, every: 30 min, count: 7, both_ways: true}
    - {from: R, to: D, start: 5 min, end: 25 min, rate: 1 Mbit/s, owlt: 5 s, every: 30 min, count: 7, both_ways: true}
traffic:
  - {from: S, to: D, size: 4 kB, period: 20 s, count: 100}
  - {from: D, to: S, size: 1 kB, period: 60 s, count: 20}
pipeline: {ack_every: 10}
faults:
  - {kind: bundle_loss, link: S->R, rate: 5 %}
  - {kind: bundle_duplication, link: R->D, rate: 5 %}
  - {kind: bundle_reorder, link: R->S, rate: 20 %, delay: 60 s}
"""

ELSEWHERE = """
import sys
from pathlib import Path
from twin.experiments.run import run
from twin.scenario import load_scenario
for scenario in sys.argv[2:]:
    run(load_scenario(scenario), Path(sys.argv[1]) / Path(scenario).stem)
"""


def run_here(text: str, folder: Path) -> Path:
    """Run a scenario in this process; the run's folder."""
    run(parse_scenario(text, "small.yaml"), folder)
    return folder


def run_elsewhere(scenarios: list[Path], folder: Path, prelude: str = "", **environment: str) -> list[Path]:
    """Run scenario files one after the other in another process, after a `prelude`; the runs' folders."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", prelude + ELSEWHERE, str(folder), *map(str, scenarios)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, f"exit {found.returncode}: {found.stderr}"
    return [folder / scenario.stem for scenario in scenarios]


def document(folder: Path) -> dict[str, Any]:
    """`result.json` of a run."""
    found: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return found


def rows(folder: Path, store: str = "earth") -> dict[str, dict[int, bytes]]:
    """Frames in a store of a run, by device and index."""
    database = sqlite3.connect(folder / f"{store}.sqlite")
    found: dict[str, dict[int, bytes]] = {}
    for device, index, frame in database.execute("SELECT device, idx, frame FROM frames ORDER BY device, epoch, idx"):
        found.setdefault(device, {})[index] = frame
    database.close()
    return found


def leavings(folder: Path) -> dict[str, Any]:
    """Everything a run leaves that must not differ: the result without provenance, every table's bytes, every row."""
    result = document(folder)
    del result["provenance"]
    tables = {path.name: path.read_bytes() for path in sorted((folder / "tables").iterdir())}
    stores = {
        store: rows(folder, store) for store in ("earth", "earth-backup") if (folder / f"{store}.sqlite").exists()
    }
    return {"result": result, **tables, **stores}
