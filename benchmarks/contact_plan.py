"""Contact plan of a Martian year, four orbiters and six shared antennas: seconds and memory, beside their floors.

    python benchmarks/contact_plan.py [--days 687] [--runs 3]

Seconds are medians over runs, each in a process of its own. Their floor is the bare sky, timed in the same process: by
numpy, the elevations and clearances that the plan needs, at the instants of its first scan alone, with no crossing
found and nothing planned. Above both stands a naive planner that asks for one instant after the other, extrapolated
from a sample. Memory is the largest resident set while planning, less that before; its floor is what the finished plan
holds. The split is a run of its own, with a stopwatch around the functions in `PARTS`.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from twin.experiments import earth_service, link_rates, sky_plan
from twin.experiments.relay_orbits import relays_of
from twin.network import planner, relay_planner
from twin.scenario import HabitatScenario, load_scenario
from twin.world import ephemeris, mars, relay_geometry, stations
from twin.world.slow_sky import MarsTurn, SeenFromMars
from twin.world.timescales import IntArray
from twin.world.windows import in_blocks, instants

SCENARIO = Path(__file__).parent / "four-orbiters-year.yaml"
PLANET_STEP_US = 600_000_000  # of the scan for what rises and sets (twin/world/horizon_mask.py)
SAMPLE = 100

PARTS: dict[str, tuple[tuple[ModuleType, str], ...]] = {
    "passes": ((relay_planner, "relay_passes"),),
    "occultations": ((sky_plan, "sees_body"),),
    "stations": ((earth_service, "station_windows"),),
    "direct to Earth": ((earth_service, "down_windows"), (earth_service, "up_windows")),
    "tracks": ((earth_service, "plan_tracks"), (earth_service, "grants_of")),
    "rates": ((link_rates, "pass_segments"),),
    "light times of contacts": ((relay_planner, "light_knots"), (planner, "light_knots")),
    "plan, indexed": ((sky_plan, "ContactPlan"),),
}
REST = "the rest: conjunctions, closures, contacts"


class Question(NamedTuple):
    """What the first scan asks of the sky, and every how many microseconds."""

    of_many: Callable[[IntArray], Any]
    step_us: int


def questions(scenario: HabitatScenario) -> list[Question]:
    """One per relay for passes and for occultations, per station, and three ways for the site and each station."""
    site, span = sky_plan.site_of(scenario), sky_plan.span_of(scenario)
    asked = []
    turn, earth = MarsTurn(*span), SeenFromMars("earth", *span)
    for relay in relays_of(scenario, span).values():
        orbit = relay.orbit
        look = relay_geometry._Look(orbit, site, *span)

        def clearance_km(us: IntArray, orbit: Any = orbit) -> Any:
            from_km = orbit.position_km(us)
            return relay_geometry._clearance_km(from_km, earth.at(us) - from_km, turn.pole(us), 0.0)

        asked += [Question(look.elevation_deg, orbit.scan_step_us), Question(clearance_km, orbit.scan_step_us)]
    for name in scenario.network.stations:
        station = stations.DSN_STATIONS[name]

        def here_deg(us: IntArray, station: Any = station) -> Any:
            return stations.mars_azimuth_elevation_deg(station, us)[1]

        def there_deg(us: IntArray, here_deg: Any = here_deg) -> Any:
            return here_deg(us + ephemeris.owlt_down_sent_us(us))

        def down_deg(us: IntArray) -> Any:
            return mars.earth_azimuth_elevation_deg(site, us)[1]

        def up_deg(us: IntArray) -> Any:
            return mars.earth_azimuth_elevation_deg(site, us + ephemeris.owlt_up_us(us))[1]

        # For relays; for the habitat's own antenna down, and up.
        asked += [Question(one, PLANET_STEP_US) for one in (here_deg, there_deg, down_deg, here_deg, up_deg)]
    return asked


def bare_sky(scenario: HabitatScenario) -> tuple[float, float, int]:
    """Seconds at once by numpy, seconds one by one (extrapolated), and how many instants."""
    span = sky_plan.span_of(scenario)
    at_once_s = one_by_one_s = 0.0
    total = 0
    for of_many, step_us in questions(scenario):
        us = instants(*span, step_us)
        begun = time.perf_counter()
        in_blocks(of_many, us)
        at_once_s += time.perf_counter() - begun
        singles = us[:: max(1, us.size // SAMPLE)][:SAMPLE]
        begun = time.perf_counter()
        for number in range(len(singles)):
            of_many(singles[number : number + 1])
        one_by_one_s += (time.perf_counter() - begun) / len(singles) * us.size
        total += us.size
    return at_once_s, one_by_one_s, total


@contextmanager
def timed_parts(spent_s: dict[str, float]) -> Iterator[None]:
    """Time the functions of `PARTS` inside; what is inside another part counts for the inner one only."""
    stack = [REST]
    since_s = time.perf_counter()

    def turn() -> None:
        nonlocal since_s
        now_s = time.perf_counter()
        spent_s[stack[-1]] = spent_s.get(stack[-1], 0.0) + now_s - since_s
        since_s = now_s

    def around(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function, updated=())
        def timed(*args: Any, **kwargs: Any) -> Any:
            turn()
            stack.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                turn()
                stack.pop()

        return timed

    saved = [(part, module, name, getattr(module, name)) for part, places in PARTS.items() for module, name in places]
    for part, module, name, function in saved:
        setattr(module, name, around(part, function))
    try:
        yield
    finally:
        turn()
        for _, module, name, function in saved:
            setattr(module, name, function)


def measure(kind: str, days: float) -> dict[str, Any]:
    """One kind of run in this process."""
    scenario = load_scenario(SCENARIO, [f"duration={days} day"])
    assert isinstance(scenario, HabitatScenario)
    if kind == "held":
        tracemalloc.start()
        plan = sky_plan.plan_of(scenario)
        gc.collect()
        return {"held_mb": tracemalloc.get_traced_memory()[0] / 1e6, "contacts": len(plan.contacts)}
    if kind == "split":
        spent_s: dict[str, float] = {}
        with timed_parts(spent_s):
            sky_plan.plan_of(scenario)
        return spent_s
    short = load_scenario(SCENARIO, ["duration=1 day"])
    assert isinstance(short, HabitatScenario)
    sky_plan.plan_of(short)  # tables are read once in a process
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    sky_plan.plan_of(scenario)
    plan_s = time.perf_counter() - begun
    peak_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
    floor_s, naive_s, asked = bare_sky(scenario)
    return {"plan_s": plan_s, "peak_mb": peak_mb, "floor_s": floor_s, "naive_s": naive_s, "instants": asked}


def in_a_process(kind: str, days: float) -> dict[str, Any]:
    """A measurement in a process of its own."""
    command = [sys.executable, __file__, "--measure", kind, "--days", str(days)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print seconds, memory and the split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=687, help="length of the scenario (default 687)")
    parser.add_argument("--runs", type=int, default=3, help="runs (default 3)")
    parser.add_argument("--measure", choices=("time", "held", "split"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.days)))
        return
    runs = [in_a_process("time", arguments.days) for _ in range(arguments.runs)]
    held = in_a_process("held", arguments.days)
    plan_s, floor_s, naive_s, peak_mb = (
        statistics.median(run[key] for run in runs) for key in ("plan_s", "floor_s", "naive_s", "peak_mb")
    )
    over_floor = statistics.median(run["plan_s"] / run["floor_s"] for run in runs)
    under_naive = statistics.median(run["naive_s"] / run["plan_s"] for run in runs)
    print(f"{arguments.days:g} days, 4 orbiters, 6 antennas: {held['contacts']:,} contacts")
    print(f"plan                {plan_s:8.1f} s    {over_floor:.1f} x the bare sky")
    print(f"bare sky, numpy     {floor_s:8.1f} s    {runs[0]['instants']:,} instants")
    print(f"one after the other {naive_s:8.0f} s    {under_naive:,.0f} x the plan, extrapolated")
    print(
        f"peak memory         {peak_mb:8.0f} MB   {peak_mb / held['held_mb']:.1f} x the plan's {held['held_mb']:.0f} MB"
    )
    split = in_a_process("split", arguments.days)
    for part, seconds in sorted(split.items(), key=lambda item: -item[1]):
        print(f"    {part:34s} {seconds:6.2f} s  {seconds / sum(split.values()):6.1%}")


if __name__ == "__main__":
    main()
