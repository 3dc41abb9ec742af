"""Resident memory over the post-import baseline, a short run against a long one: the difference stays within 5 MB.

    python benchmarks/memory.py [--of spine clinic]

Each length runs in its own process: imports, then the baseline, then the whole run with checkers, tables and
percentiles; the peak is the largest resident set sampled each simulated hour and at the end. The quick signature and a
small crew keep the long runs short. The spine is first-light with one crew member, its backlog that of every night.
The clinic is first-sol with two, and every sol brings again what happens there: the storm's silence aside, an episode,
an edge's crash, losses, new hop keys, and replays of frames and bundles. Its stations see Mars down to the horizon, so
that they leave no gap: the gaps of a higher limit move through the sols, and with them the backlog that is held, and
that would be measured instead. With `--sols` it can be followed for longer.

Beside the resident set stands the heap in use (glibc's mallinfo2) when a sol holds least, which is what a run really
keeps: the rest is what the allocator has not given back.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SCENARIOS = Path(__file__).parent.parent / "scenarios"
SMALL = ["pipeline.suite=hmac-sha256", "weather.dust.storms=[]"]
HOUR_US = 3_600_000_000
SOL_HOURS = 24.6597
LIMIT_MB = 5.0


class Subject(NamedTuple):
    """What is run, for how many sols at least and at most."""

    scenario: str
    overrides: Callable[[int], list[str]]
    sols: tuple[int, int]


def spine(sols: int) -> list[str]:
    """No clinic, no fault."""
    return [*SMALL, f"duration={sols} sol", "habitat.crew=1", "faults=[]"]


def clinic(sols: int) -> list[str]:
    """Every sol the same troubles at the same hours."""
    episodes: list[str] = []
    faults = ["{kind: bundle_loss, link: down, rate: 1 %}", "{kind: bundle_duplication, link: down, rate: 0.5 %}"]
    for sol in range(sols):
        hour = sol * SOL_HOURS
        episodes.append(f"{{kind: hypoxia, crew: 2, at: {hour + 12.2:.3f} h, for: 40 min}}")
        faults += [
            f"{{kind: edge_crash, node: edge-2, at: {hour + 12.083:.3f} h, down: 20 min}}",
            f"{{kind: hop_key_rotation, at: {hour + 14.5:.3f} h, side: both, apart: 10 min}}",
            f"{{kind: frame_replay, device: vitals-1, at: {hour + 15.2:.3f} h, delay: 30 min}}",
            f"{{kind: bundle_replay, link: down, at: {hour + 16:.3f} h, delay: 1 h}}",
        ]
    return [
        *SMALL, f"duration={sols} sol", "habitat.crew=2",
        "network.direct_to_earth.station_min_elevation=0 deg",
        f"episodes=[{', '.join(episodes)}]", f"faults=[{', '.join(faults)}]",
    ]  # fmt: skip


SUBJECTS = {
    "spine": Subject("first-light.yaml", spine, (10, 100)),
    "clinic": Subject("first-sol.yaml", clinic, (5, 20)),
}


def resident_mb() -> float:
    """Resident set of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("no VmRSS in /proc/self/status: this benchmark needs Linux")


class _Heap(ctypes.Structure):
    """glibc's `struct mallinfo2`: bytes mapped apart and bytes in use are two of its ten counters."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "a", "b", "uordblks", "c", "d")
    ]


def heap_mb() -> float:
    """Bytes in use of this process's heap."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Heap
    heap = mallinfo2()
    return float(heap.uordblks + heap.hblkhd) / 2**20


def measure(subject: Subject, sols: int) -> None:
    """Run so many sols and print baseline and peak as JSON."""
    from twin.experiments.outcome import write_result
    from twin.experiments.progress import Progress
    from twin.experiments.run import drive, prepare
    from twin.scenario import load_scenario

    path = SCENARIOS / subject.scenario
    with tempfile.TemporaryDirectory() as warm:  # a short run first: what is loaded lazily belongs to the baseline
        scenario = load_scenario(path, subject.overrides(1))
        mission = prepare(scenario, Path(warm))
        write_result(scenario, mission, drive(mission, Progress(mission, quiet=True)), Path(warm), {})
    del mission, scenario
    gc.collect()
    baseline_mb = resident_mb()
    with tempfile.TemporaryDirectory() as folder:
        scenario = load_scenario(path, subject.overrides(sols))
        mission = prepare(scenario, Path(folder))

        by_hour_mb: list[float] = []
        heap_by_hour_mb: list[float] = []

        def sample() -> None:
            by_hour_mb.append(resident_mb() - baseline_mb)
            heap_by_hour_mb.append(heap_mb())
            mission.host.call_in(HOUR_US, sample)

        mission.host.call_at(mission.start_us, sample)
        outcome = drive(mission, Progress(mission, quiet=True))
        write_result(scenario, mission, outcome, Path(folder), {})
        peak_mb = baseline_mb + max(*by_hour_mb, resident_mb() - baseline_mb)
        rows = mission.counts()["rows"]
    found = {"rows": rows, "wall_s": outcome.wall_s, "baseline_mb": baseline_mb, "peak_mb": peak_mb}
    hours = range(0, len(by_hour_mb), 25)
    highest = [round(max(by_hour_mb[hour : hour + 25]), 1) for hour in hours]
    kept = [round(min(heap_by_hour_mb[hour : hour + 25]), 1) for hour in hours]
    print(json.dumps({**found, "by_sol_mb": highest, "heap_by_sol_mb": kept}))


def main() -> None:
    """Print a row per length and the differences; exit 1 if one is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), help="which runs (default both)")
    parser.add_argument("--sols", nargs=2, type=int, metavar=("SHORT", "LONG"), help="other lengths than the subject's")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(SUBJECTS[arguments.of[0]], arguments.measure)
        return
    over = False
    for name in arguments.of:
        grown = []
        for sols in arguments.sols or SUBJECTS[name].sols:
            command = [sys.executable, __file__, "--of", name, "--measure", str(sols)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            grown.append(found["peak_mb"] - found["baseline_mb"])
            print(
                f"{name:6s} {sols:4d} sols  {found['rows']:7,d} rows  baseline {found['baseline_mb']:6.1f} MB  "
                f"peak over it {grown[-1]:5.1f} MB  ({found['wall_s']:.0f} s)",
                flush=True,
            )
            print(f"       peak over it by sol: {found['by_sol_mb']} MB", flush=True)
            print(f"       heap in use by sol, at its least: {found['heap_by_sol_mb']} MB", flush=True)
        difference_mb = grown[1] - grown[0]
        print(f"{name:6s} difference {difference_mb:+.1f} MB (limit {LIMIT_MB:.0f} MB)", flush=True)
        over = over or difference_mb > LIMIT_MB
    if over:
        sys.exit(1)


if __name__ == "__main__":
    main()
