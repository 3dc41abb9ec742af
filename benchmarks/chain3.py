"""chain3: bundles per wall second of the twin, as a share of a bare SimPy floor measured in the same process, run by
run.

    python benchmarks/chain3.py [--runs 5]

Workload: `scenarios/bench/chain3.yaml` (S -> R -> D, 8640 bundles of 10,000 bytes over scheduled contacts). The floor
is the same workload written by hand on bare SimPy: processes, timeouts and stores that pass a number along; no
payload, no bundle, no check. JPL DTNSIM, measured beside the floor on another machine, reached 0.022 of it (1,830 of
83,800 bundles per second).
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import simpy

from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.scenario import load_scenario

SCENARIO = Path(__file__).parent.parent / "scenarios" / "bench" / "chain3.yaml"
HOURS, PER_HOUR = 24, 360
OWLT_S, AIRTIME_S, PERIOD_S, OPEN_S = 600.0, 0.08, 10.0, 1800.0


def floor_bundles_per_s() -> float:
    """The hand-written model on bare SimPy."""
    env = simpy.Environment()
    queues = [simpy.Store(env), simpy.Store(env)]
    latencies: list[float] = []

    def source() -> Generator[simpy.Event, Any, None]:
        for number in range(HOURS * PER_HOUR):
            queues[0].put((number, env.now))
            yield env.timeout(PERIOD_S)

    def arrive(hop: int, item: tuple[int, float]) -> None:
        if hop == 1:
            latencies.append(env.now - item[1])
        else:
            queues[1].put(item)

    def link(hop: int) -> Generator[simpy.Event, Any, None]:
        while True:
            item = yield queues[hop].get()
            phase = env.now % 3600.0
            if phase + AIRTIME_S > OPEN_S:
                yield env.timeout(3600.0 - phase)
            yield env.timeout(AIRTIME_S)
            arrival = env.timeout(OWLT_S, (hop, item))
            arrival.callbacks.append(lambda event: arrive(*event.value))

    env.process(source())
    env.process(link(0))
    env.process(link(1))
    begun = time.perf_counter()
    env.run(until=(HOURS + 6) * 3600.0)
    wall_s = time.perf_counter() - begun
    if len(latencies) != HOURS * PER_HOUR:
        raise SystemExit(f"the floor delivered {len(latencies)} bundles")
    return len(latencies) / wall_s


def twin_bundles_per_s() -> float:
    """The scenario through the production bundle nodes, with every checker on; from the first event to the last
    verdict.
    """
    with tempfile.TemporaryDirectory() as folder:
        mission = prepare(load_scenario(SCENARIO), Path(folder))
        outcome = drive(mission, Progress(mission, quiet=True))
        records = mission.records()
    if records["delivered"] != HOURS * PER_HOUR:
        raise SystemExit(f"the twin delivered {records}")
    return records["delivered"] / outcome.wall_s


def main() -> None:
    """Print both rates and their ratio, the median over pairs of runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="pairs of runs (default 5)")
    runs = parser.parse_args().runs
    floors, twins = [], []
    for _ in range(runs):
        gc.collect()
        floors.append(floor_bundles_per_s())
        gc.collect()
        twins.append(twin_bundles_per_s())
    ratios = [twin / floor for twin, floor in zip(twins, floors, strict=True)]
    print(f"bare SimPy floor   {statistics.median(floors):10,.0f} bundles/s")
    print(f"twin               {statistics.median(twins):10,.0f} bundles/s")
    print(
        f"share of the floor {statistics.median(ratios):10.3f}   (lowest {min(ratios):.3f}, highest {max(ratios):.3f})"
    )


if __name__ == "__main__":
    main()
