"""protection: microseconds to protect and to open a bundle, beside a bundle in clear.

python benchmarks/protection.py [--payload 10000] [--runs 5]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

from twin.pipeline.transport.hop_keys import KeyRing
from twin.pipeline.transport.mailer import Address, Mailer, read_clear
from twin.pipeline.transport.protector import Protector
from twin.pipeline.transport.sealed_mailer import SealedMailer

NOW_US = 1_046_563_232_000_000
DAY_US = 86_400_000_000
EDGE, EARTH = (11, 1), (1, 1)
BUNDLES = 2000


def in_clear() -> tuple[Mailer, Callable[[bytes], bytes]]:
    """An edge's mailer, and how Earth reads its bundles."""
    return Mailer(Address(EDGE, DAY_US)), lambda data: read_clear(data, EARTH, NOW_US)[1]


def protected() -> tuple[Mailer, Callable[[bytes], bytes]]:
    """An edge's mailer, and how Earth opens its bundles."""
    made = []
    for name, here, there in (("earth", EDGE, EARTH), ("edge", EARTH, EDGE)):
        ring = KeyRing(name, here, there, {0: bytes(32)}, grace_us=DAY_US)
        mailer = SealedMailer(Address(here, DAY_US), Protector(here, [ring]))
        mailer.started(bytes((here[0],)) * 32)
        made.append(mailer)
    return made[0], lambda data: made[1].open(data, NOW_US).payload


def best_us(work: Callable[[], object], runs: int) -> float:
    """The fastest of some runs, per bundle."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        for _ in range(BUNDLES):
            work()
        times.append((time.perf_counter() - begun) / BUNDLES * 1e6)
    return min(times)


def main() -> None:
    """Print one line per kind of bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payload", type=int, default=10_000, help="bytes (default 10000)")
    parser.add_argument("--runs", type=int, default=5, help="runs, of which the fastest counts (default 5)")
    options = parser.parse_args()
    payload = bytes(options.payload)
    for kind, (edge, read) in (("in clear ", in_clear()), ("protected", protected())):
        data = edge.bundle(EARTH, payload, NOW_US)
        if read(data) != payload:
            raise SystemExit("the payload did not come out as it went in")
        write_us = best_us(partial(edge.bundle, EARTH, payload, NOW_US), options.runs)
        open_us = best_us(partial(read, data), options.runs)
        print(f"{kind}   {len(data):7,} bytes   write {write_us:5.1f} us   open {open_us:5.1f} us")


if __name__ == "__main__":
    main()
