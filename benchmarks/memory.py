"""Resident memory over the post-import baseline, 10 sols against 100: the difference must stay within 5 MB.

    python benchmarks/memory.py [--sols 10 100]

Each length runs in its own process: imports, then the baseline, then the whole run with checkers, tables and
percentiles; the peak is the largest resident set sampled each simulated hour and at the end. One crew member and the
quick signature keep the long run short; the backlog is that of every night.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
from pathlib import Path

SCENARIO = Path(__file__).parent.parent / "scenarios" / "first-light.yaml"
OVERRIDES = ("habitat.crew=1", "pipeline.suite=hmac-sha256", "faults=[]", "weather.dust.storms=[]")
HOUR_US = 3_600_000_000
LIMIT_MB = 5.0


def resident_mb() -> float:
    """Resident set of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("no VmRSS in /proc/self/status: this benchmark needs Linux")


def measure(sols: int) -> None:
    """Run so many sols and print baseline and peak as JSON."""
    from twin.experiments.outcome import write_result
    from twin.experiments.progress import Progress
    from twin.experiments.run import drive, prepare
    from twin.scenario import load_scenario

    with tempfile.TemporaryDirectory() as warm:  # a short run first: what is loaded lazily belongs to the baseline
        scenario = load_scenario(SCENARIO, [*OVERRIDES, "duration=1 sol"])
        mission = prepare(scenario, Path(warm))
        write_result(scenario, mission, drive(mission, Progress(mission, quiet=True)), Path(warm))
    del mission, scenario
    gc.collect()
    baseline_mb = resident_mb()
    peak_mb = baseline_mb
    with tempfile.TemporaryDirectory() as folder:
        scenario = load_scenario(SCENARIO, [*OVERRIDES, f"duration={sols} sol"])
        mission = prepare(scenario, Path(folder))

        def sample() -> None:
            nonlocal peak_mb
            peak_mb = max(peak_mb, resident_mb())
            mission.host.call_in(HOUR_US, sample)

        mission.host.call_at(mission.start_us, sample)
        outcome = drive(mission, Progress(mission, quiet=True))
        write_result(scenario, mission, outcome, Path(folder))
        peak_mb = max(peak_mb, resident_mb())
        rows = mission.counts()["rows"]
    print(
        json.dumps(
            {"sols": sols, "rows": rows, "wall_s": outcome.wall_s, "baseline_mb": baseline_mb, "peak_mb": peak_mb}
        )
    )


def main() -> None:
    """Print a row per length and the difference; exit 1 if it is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sols", type=int, nargs=2, default=(10, 100), help="the two lengths (default 10 100)")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure)
        return
    grown = []
    for sols in arguments.sols:
        command = [sys.executable, __file__, "--measure", str(sols)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        grown.append(found["peak_mb"] - found["baseline_mb"])
        print(
            f"{sols:4d} sols  {found['rows']:7,d} rows  baseline {found['baseline_mb']:6.1f} MB  "
            f"peak over it {grown[-1]:5.1f} MB  ({found['wall_s']:.0f} s)"
        )
    difference_mb = grown[1] - grown[0]
    print(f"difference {difference_mb:+.1f} MB (limit {LIMIT_MB:.0f} MB)")
    if difference_mb > LIMIT_MB:
        sys.exit(1)


if __name__ == "__main__":
    main()
