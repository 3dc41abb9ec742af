"""Speed of hunts on their reference workload: seeds an hour and core, mission seconds a second, per signature suite.

    python benchmarks/hunt.py [--seeds 40]

A seed is drawn, run and judged, in one process; none may break anything. Times are processor time, the floor is a
callback in bare SimPy (one timeout with one callback) in the same process. The targets are those that a prototype of
the protocol without signatures over content, keys between planets, alarms or checkers reached on such a machine.

The second line says how much of a seed is spent inside OpenSSL (hashes, keyed hashes, ciphers, signatures): no program
that computes the same bytes is faster than that alone.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from pathlib import Path
from typing import Final

import simpy

from twin.hunt.draw import draw
from twin.hunt.trial import trial
from twin.scenario import read_plain, scenario_of

SCENARIO: Final = Path(__file__).resolve().parent.parent / "scenarios" / "bench" / "hunt.yaml"
TARGETS: Final = {"hmac-sha256": 185_000, "ed25519": 25_000}
"""Seeds an hour and core."""
CALLBACKS: Final = 200_000
OPENSSL: Final = ("_hashlib.", "bindings._rust.openssl", "HASH")
"""Parts of the names of its functions."""
SEEDS_PROFILED: Final = 4


def callback_s() -> float:
    """Processor time of a callback in bare SimPy [s]."""
    env = simpy.Environment()

    def again(_: object) -> None:
        env.timeout(1).callbacks.append(again)

    again(None)
    begun = time.process_time()
    env.run(until=CALLBACKS)
    return (time.process_time() - begun) / CALLBACKS


def hunted(suite: str, seeds: range) -> float:
    """Draw, run and judge seeds; how long a mission lasts [s]."""
    document = read_plain(SCENARIO, [f"pipeline.suite={suite}"])
    scenario = scenario_of(document, str(SCENARIO))
    for seed in seeds:
        broken = trial(draw(document, scenario, seed))
        if broken is not None:
            raise SystemExit(f"seed {seed}: {broken.text}")
    return scenario.duration_us / 1e6


def seed_s(suite: str, seeds: int) -> tuple[float, float]:
    """Processor time of a seed [s], and how long its mission lasts [s]."""
    hunted(suite, range(1, 2))  # what is computed once a process
    begun = time.process_time()
    mission_s = hunted(suite, range(1, seeds + 1))
    return (time.process_time() - begun) / seeds, mission_s


def cryptography_s(suite: str, seeds: int) -> float:
    """Processor time that OpenSSL alone takes for a seed [s]: the own time of its functions under a profiler."""
    with cProfile.Profile() as profile:
        hunted(suite, range(1, seeds + 1))
    functions = pstats.Stats(profile).get_stats_profile().func_profiles
    return sum(of.tottime for name, of in functions.items() if any(part in name for part in OPENSSL)) / seeds


def main() -> int:
    """Print a line per suite; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description="Speed of hunts.")
    parser.add_argument("--seeds", type=int, default=40)
    options = parser.parse_args()
    floor_s = callback_s()
    missed = False
    for suite, target in TARGETS.items():
        took_s, mission_s = seed_s(suite, options.seeds)
        rate = 3600 / took_s
        missed = missed or rate < target
        print(
            f"{suite}: {rate:,.0f} seeds an hour and core (target {target:,}), {mission_s / took_s:,.0f} mission "
            f"seconds a second, {took_s / floor_s:,.0f} callbacks of bare SimPy a seed"
        )
        crypto_s = cryptography_s(suite, SEEDS_PROFILED)
        print(f"  of it {crypto_s * 1e3:.0f} ms a seed inside OpenSSL: alone {3600 / crypto_s:,.0f} seeds an hour")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
