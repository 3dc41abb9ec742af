"""Names, numbers and keys of a run, all derived from its seed: the same scenario and seed give the same signatures."""

from __future__ import annotations

from typing import NamedTuple

from twin.channels import CHANNELS_OF
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
    """One device: name, pseudonymous 64-bit id, home edge and standby, APID, group's periods and sample count, first
    keys, kind, and whom it watches (`crew` 0: the habitat).
    """

    name: str
    device: int
    edges: tuple[str, ...]
    apid: int
    sample_period_us: int
    samples_per_frame: int
    keys: KeyPair
    kind: str
    crew: int

    @property
    def home(self) -> str:
        """The edge that carries its stream."""
        return self.edges[0]

    @property
    def channels(self) -> tuple[str, ...]:
        """Columns of its samples."""
        return CHANNELS_OF[self.kind]


def key_pair(seed: int, suite: str, name: str) -> KeyPair:
    """Key of a node; never leaves the run, and is no secret: anyone with the seed has it."""
    secret = stream(seed, "key", name).bytes(32)
    own = signer(suite, secret)
    return KeyPair(own, verifier(suite, own.public))


def devices_of(scenario: HabitatScenario) -> list[DeviceIdentity]:
    """Every device of the habitat (`Habitat.device_slots`), homes dealt out over the edge nodes in turn; the next
    edge is the standby.
    """
    edges = scenario.habitat.edge_names
    return [
        DeviceIdentity(
            name,
            int.from_bytes(stream(scenario.seed, "device-id", name).bytes(8), "big"),
            tuple(dict.fromkeys((edges[number % len(edges)], edges[(number + 1) % len(edges)]))),
            number,
            group.sample_period_us,
            group.samples_per_frame,
            key_pair(scenario.seed, scenario.pipeline.suite, name),
            group.kind,
            crew,
        )
        for number, (name, crew, group) in enumerate(scenario.habitat.device_slots)
    ]


def entropy(seed: int, node: str, incarnation: int) -> bytes:
    """The 32 random bytes that a host hands to a starting machine."""
    return stream(seed, "entropy", node, str(incarnation)).bytes(32)


def edge_device(seed: int, edge: str) -> int:
    """Pseudonymous id under which an edge signs its alerts."""
    return int.from_bytes(stream(seed, "device-id", edge).bytes(8), "big")


def hop_key(seed: int, edge: str, number: int) -> bytes:
    """Symmetric key number `number` between an edge and Earth, 32 bytes."""
    return stream(seed, "hop-key", edge, str(number)).bytes(32)


def edge_endpoint(number: int) -> tuple[int, int]:
    """Bundle endpoint of the n-th edge node, counted from 1: `ipn:(10 + n).1`."""
    return 10 + number, 1


def relay_endpoint(number: int) -> tuple[int, int]:
    """Bundle endpoint of the n-th relay, counted from 1: `ipn:(100 + n).1`."""
    return 100 + number, 1
