"""Puts payloads into bundles of this node in clear, and takes them out of bundles in clear (RFC 9171)."""

from __future__ import annotations

from typing import NamedTuple

from twin.pipeline.wire.blocks import CONFIDENTIALITY, INTEGRITY, Block
from twin.pipeline.wire.bundle import CRC32C, NO_EXTENSIONS, BundleError, Flow, encode_flow, encode_payload, read
from twin.pipeline.wire.dtn_time import dtn_ms_from_us, last_us_of

EndpointId = tuple[int, int]
BundleId = tuple[int, int, int]


class Address(NamedTuple):
    """Where a node's bundles come from and how long they live: `ipn` endpoints, lifetime in microseconds."""

    here: EndpointId
    lifetime_us: int


class Mailer:
    """Numbers this node's bundles; a retransmission is a new bundle.

    Creation time and sequence number together are unique over restarts and steps of the clock, as far as `started`
    brings random bytes; else as long as the clock does not fall back by a restart's time.

    Args:
        address: where bundles come from, and how long they live.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.last_id = (0, 0, 0)
        self.last_expiry_us = 0
        self._sequence = 0
        self._lifetime_ms = address.lifetime_us // 1000
        self._flows: dict[EndpointId, bytes] = {}

    def started(self, entropy: bytes) -> None:
        """Begin a row of sequence numbers with the bytes of the event `Started`."""
        self._sequence = int.from_bytes(entropy[16:20], "big")

    def bundle(self, destination: EndpointId, payload: bytes, now_us: int, lifetime_us: int | None = None) -> bytes:
        """A new bundle with this payload; its identity is in `last_id` (node, creation time in DTN ms, sequence), the
        last instant at which it is good in `last_expiry_us`. It lives as long as the address says unless told.

        Raises:
            BundleError: it is to be sealed and cannot be (`Protector.seal`).
        """
        created_ms = dtn_ms_from_us(now_us)
        lifetime_ms = self._lifetime_ms if lifetime_us is None else lifetime_us // 1000
        flow = self._flows.get(destination)
        if flow is None:
            here = self.address.here
            flow = self._flows[destination] = encode_flow(Flow(0, True, CRC32C, destination, here, here))
        data = self._write(flow, destination, payload, created_ms, lifetime_ms)
        self.last_id = (self.address.here[0], created_ms, self._sequence)
        self.last_expiry_us = last_us_of(created_ms + lifetime_ms)
        self._sequence += 1
        return data

    def _write(self, flow: bytes, _destination: EndpointId, payload: bytes, created_ms: int, lifetime_ms: int) -> bytes:
        return encode_payload(flow, created_ms, self._sequence, lifetime_ms, payload)


def read_clear(data: bytes, here: EndpointId, now_us: int) -> tuple[Flow, bytes, BundleId, int, bool]:
    """What the bundle in clear in `data` holds, for whomever it is: its flow, payload, identity as in `Mailer.last_id`,
    the last instant at which it is good (by its age where nobody knows when it was made), and whether it has
    extension blocks.

    Raises:
        BundleError: damaged or expired; protected, for the node at `here`.
    """
    flow, created_ms, sequence, lifetime_ms, extensions, payload = read(data)
    if created_ms:
        expiry_us = last_us_of(created_ms + lifetime_ms)
    else:
        expiry_us = now_us + 1000 * (lifetime_ms - (extensions.age_ms or 0))
    if now_us > expiry_us:
        raise BundleError(f"bundle of {created_ms} ms outlived its lifetime of {lifetime_ms} ms")
    if extensions.extra and flow.destination[0] == here[0]:
        _refuse_sealed(extensions.extra)
    has_blocks = extensions is not NO_EXTENSIONS
    return flow, payload, (flow.source[0], created_ms, sequence), expiry_us, has_blocks


def _refuse_sealed(extra: tuple[Block, ...]) -> None:
    if any(block.type in (INTEGRITY, CONFIDENTIALITY) for block in extra):
        raise BundleError("bundle: protected (BPSec), and this node holds no keys")
