"""First light: simulated seconds per wall second, and what the world and the host add per frame, in bare-SimPy
callbacks.

    python benchmarks/first_light.py [--runs 3]

The profile (cProfile, one more run) groups time by room of the house. A bare-SimPy callback is one timeout with one
callback on an empty environment, measured in the same process.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import simpy

from twin.experiments.mission import Mission
from twin.experiments.outcome import Outcome
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.scenario import load_scenario

SCENARIO = Path(__file__).parent.parent / "scenarios" / "first-light.yaml"
CALLBACKS = 200_000

# where a function's file lies -> what its time is spent on
ROOMS = (
    ("pipeline/wire/signing", "signatures"),
    ("pipeline/", "pipeline machines and wire"),
    ("world/", "world"),
    ("guarantees/", "checkers"),
    ("experiments/", "tables and collectors"),
    ("trace.py", "trace"),
    ("faults/", "host and faults"),
    ("hosts/", "host and faults"),
    ("simpy/", "SimPy"),
)


def callback_s() -> float:
    """Seconds per callback on bare SimPy."""
    env = simpy.Environment()
    left = CALLBACKS

    def again(_: object) -> None:
        nonlocal left
        left -= 1
        if left:
            env.timeout(1).callbacks.append(again)

    env.timeout(1).callbacks.append(again)
    begun = time.perf_counter()
    env.run()
    return (time.perf_counter() - begun) / CALLBACKS


def one_run(suite: str, profile: cProfile.Profile | None = None) -> tuple[Mission, Outcome]:
    """One run with a signature suite."""
    with tempfile.TemporaryDirectory() as folder:
        mission = prepare(load_scenario(SCENARIO, [f"pipeline.suite={suite}"]), Path(folder))
        gc.collect()
        if profile is not None:
            profile.enable()
        outcome = drive(mission, Progress(mission, quiet=True))
        if profile is not None:
            profile.disable()
    return mission, outcome


def rooms_of(profile: cProfile.Profile) -> dict[str, float]:
    """Own time by room; a built-in's time counts for the room of its caller."""
    found: dict[str, float] = {}
    stats: dict[Any, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    for (path, _, _), (_, _, own_s, _, callers) in stats.items():
        shares = [(path, own_s)] if path != "~" else [(caller[0], timing[2]) for caller, timing in callers.items()]
        for where, seconds in shares:
            room = next((name for part, name in ROOMS if part in where.replace("\\", "/")), "libraries")
            found[room] = found.get(room, 0.0) + seconds
    return found


def main() -> None:
    """Print speeds and the profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs per suite (default 3)")
    runs = parser.parse_args().runs
    unit_s = statistics.median(callback_s() for _ in range(3))
    print(f"bare SimPy callback: {unit_s * 1e6:.2f} us")
    for suite in ("ed25519", "hmac-sha256"):
        walls = []
        for _ in range(runs):
            mission, outcome = one_run(suite)
            walls.append(outcome.wall_s)
        wall_s = statistics.median(walls)
        simulated_s = (outcome.end_us - mission.start_us) / 1e6
        frames = mission.counts()["frames"]
        print(
            f"{suite:12s} {simulated_s / wall_s:9,.0f} simulated s per s   {frames / wall_s:7,.0f} frames/s   "
            f"{wall_s / frames / unit_s:6.0f} callbacks and {mission.host.events / frames:.1f} events a frame"
        )
    profile = cProfile.Profile()
    mission, outcome = one_run("ed25519", profile)
    frames = mission.counts()["frames"]
    rooms = rooms_of(profile)
    total_s = sum(rooms.values())
    print(f"\nprofile with ed25519, per frame ({frames} frames; profiling itself slows Python code most):")
    for name, seconds in sorted(rooms.items(), key=lambda item: -item[1]):
        per_frame_s = seconds / frames
        row = f"{per_frame_s * 1e6:7.1f} us  {seconds / total_s:6.1%}  {per_frame_s / unit_s:6.1f} callbacks"
        print(f"  {name:28s} {row}")


if __name__ == "__main__":
    main()
