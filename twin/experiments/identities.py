"""Names, numbers and keys of a run, all derived from its seed: the same scenario and seed give the same signatures."""

from __future__ import annotations

from typing import NamedTuple

from twin.pipeline.wire.signing import Signer, Verifier, signer, verifier
from twin.randomness import stream
from twin.scenario.model import HabitatScenario

EARTH, AUDITOR = "earth", "auditor"
EARTH_ENDPOINT = (1, 1)


class KeyPair(NamedTuple):
    """A signer and the verifier that others hold of it."""

    signer: Signer
    verifier: Verifier


class DeviceIdentity(NamedTuple):
    """One device: name, pseudonymous 64-bit id, home edge, APID, group's periods and sample count."""

    name: str
    device: int
    home: str
    apid: int
    sample_period_us: int
    samples_per_frame: int
    keys: KeyPair


def key_pair(seed: int, suite: str, name: str) -> KeyPair:
    """Key of a node; never leaves the run, and is no secret: anyone with the seed has it."""
    secret = stream(seed, "key", name).bytes(32)
    own = signer(suite, secret)
    return KeyPair(own, verifier(suite, own.public))


def devices_of(scenario: HabitatScenario) -> list[DeviceIdentity]:
    """Every device of the habitat, homes dealt out over the edge nodes in turn.

    Names count within a group, so that a larger group moves no device of another: `vitals-1`, `vitals-2`, ..., and
    `vitals-2-1`, ... in the second group.
    """
    found: list[DeviceIdentity] = []
    edges = scenario.habitat.edge_names
    for place, group in enumerate(scenario.habitat.devices, start=1):
        total = group.count * (scenario.habitat.crew if group.per == "crew" else 1)
        for number in range(1, total + 1):
            name = f"vitals-{number}" if place == 1 else f"vitals-{place}-{number}"
            found.append(
                DeviceIdentity(
                    name,
                    int.from_bytes(stream(scenario.seed, "device-id", name).bytes(8), "big"),
                    edges[len(found) % len(edges)],
                    len(found),
                    group.sample_period_us,
                    group.samples_per_frame,
                    key_pair(scenario.seed, scenario.pipeline.suite, name),
                )
            )
    return found


def entropy(seed: int, node: str, incarnation: int) -> bytes:
    """The 8 random bytes that a host hands to a starting machine."""
    return stream(seed, "entropy", node, str(incarnation)).bytes(8)


def edge_endpoint(number: int) -> tuple[int, int]:
    """Bundle endpoint of the n-th edge node, counted from 1: `ipn:(10 + n).1`."""
    return 10 + number, 1
