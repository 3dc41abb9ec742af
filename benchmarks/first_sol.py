"""First sol: simulated seconds per wall second, and what a frame costs, part by part.

    python benchmarks/first_sol.py [--runs 3] [--sols 1] [--suite ed25519]

Speeds are medians over runs, beside the cost of a bare-SimPy callback (one timeout with one callback on an empty
environment) of the same process. The split is a run of its own: a stopwatch with one running hand stands around the
methods named in `PARTS`, so that every instant counts for exactly one part; reading it costs about 0.2 us each time,
which is what the split is off by.
"""

from __future__ import annotations

import argparse
import functools
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import simpy

from twin.experiments.mission import Mission
from twin.experiments.outcome import Outcome
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.hosts.models.disk import Disk
from twin.hosts.models.hops import HopAccount
from twin.hosts.models.local_network import LocalNetwork
from twin.hosts.models.sensor import Sensor
from twin.hosts.models.space_link import SpaceLink
from twin.hosts.models.table import Table
from twin.pipeline.nodes.auditor import Auditor
from twin.pipeline.nodes.device import Device
from twin.pipeline.nodes.edge import Edge
from twin.pipeline.nodes.gateway import Gateway
from twin.scenario import load_scenario
from twin.trace import Trace

SCENARIO = Path(__file__).parent.parent / "scenarios" / "first-sol.yaml"
SUITES = ("ed25519", "hmac-sha256")
CALLBACKS = 200_000

PARTS: dict[str, tuple[tuple[type[Any], tuple[str, ...]], ...]] = {
    "generation": ((Sensor, ("_look_ahead", "_deliver")),),
    "device: sealing and signing": ((Device, ("handle",)),),
    "edge: verifying, rules, ledger": ((Edge, ("handle",)), (Disk, ("append", "sync", "_flushed"))),
    "links": (
        (SpaceLink, ("transmit", "_arrive")),
        (LocalNetwork, ("send",)),
        (HopAccount, ("sent", "arrived", "lost")),
    ),
    "Earth: gateway, auditor, stores": (
        (Gateway, ("handle",)),
        (Auditor, ("handle",)),
        (Table, ("_put_rows", "_get_rows", "_put_item")),
    ),
    "checkers and collectors": ((Trace, ("emit", "flush")),),
}
REST = "engine: SimPy, dispatcher"


class Stopwatch:
    """Adds up time by part; what is inside another part counts for the inner one only."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = {REST: 0.0}
        self._stack = [REST]
        self._since_s = time.perf_counter()

    def _turn(self) -> None:
        now_s = time.perf_counter()
        part = self._stack[-1]
        self.spent_s[part] = self.spent_s.get(part, 0.0) + now_s - self._since_s
        self._since_s = now_s

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed as this part."""

        @functools.wraps(function)
        def timed(*args: Any) -> Any:
            self._turn()
            self._stack.append(part)
            try:
                return function(*args)
            finally:
                self._turn()
                self._stack.pop()

        return timed


@contextmanager
def timed_parts(watch: Stopwatch) -> Iterator[None]:
    """Time the methods of `PARTS` inside."""
    saved = []
    for part, places in PARTS.items():
        for kind, names in places:
            for name in names:
                saved.append((kind, name, getattr(kind, name)))
                setattr(kind, name, watch.around(part, getattr(kind, name)))
    try:
        yield
    finally:
        for kind, name, function in saved:
            setattr(kind, name, function)


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


def one_run(suite: str, sols: int) -> tuple[Mission, Outcome]:
    """One run with a signature suite."""
    with tempfile.TemporaryDirectory() as folder:
        mission = prepare(load_scenario(SCENARIO, [f"pipeline.suite={suite}", f"duration={sols} sol"]), Path(folder))
        gc.collect()
        outcome = drive(mission, Progress(mission, quiet=True))
    return mission, outcome


def main() -> None:
    """Print speeds and the split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs per suite (default 3)")
    parser.add_argument("--sols", type=int, default=1, help="length of a run (default 1)")
    parser.add_argument("--suite", choices=SUITES, help="only this suite")
    arguments = parser.parse_args()
    unit_s = statistics.median(callback_s() for _ in range(3))
    print(f"bare SimPy callback: {unit_s * 1e6:.2f} us; first sol over {arguments.sols} sol(s)")
    for suite in (arguments.suite,) if arguments.suite else SUITES:
        walls = []
        for _ in range(arguments.runs):
            mission, outcome = one_run(suite, arguments.sols)
            walls.append(outcome.wall_s)
        wall_s = statistics.median(walls)
        simulated_s = (outcome.end_us - mission.start_us) / 1e6
        frames = mission.counts()["frames"]
        print(
            f"{suite:12s} {simulated_s / wall_s:9,.0f} simulated s per s   {frames / wall_s:7,.0f} frames/s   "
            f"{wall_s / frames / unit_s:6.0f} callbacks and {mission.host.events / frames:.1f} events a frame"
        )
        watch = Stopwatch()
        with timed_parts(watch):
            mission, _ = one_run(suite, arguments.sols)
        total_s = sum(watch.spent_s.values())
        for part, seconds in sorted(watch.spent_s.items(), key=lambda item: -item[1]):
            per_frame_s = seconds / mission.counts()["frames"]
            print(
                f"    {part:32s} {per_frame_s * 1e6:7.0f} us  {seconds / total_s:6.1%}  "
                f"{per_frame_s / unit_s:6.0f} callbacks"
            )


if __name__ == "__main__":
    main()
