"""Puts payloads into bundles of this node and takes payloads out of bundles for this node (RFC 9171)."""

from __future__ import annotations

from typing import NamedTuple

from twin.pipeline.wire.bundle import CRC32C, BundleError, Flow, encode_flow, encode_payload, read
from twin.pipeline.wire.dtn_time import dtn_ms_from_us

EndpointId = tuple[int, int]


class Address(NamedTuple):
    """Where a node's bundles come from and how long they live: `ipn` endpoints, lifetime in microseconds."""

    here: EndpointId
    lifetime_us: int


class Mail(NamedTuple):
    """What a node needs of a bundle that has passed its checks."""

    source: EndpointId
    destination: EndpointId
    payload: bytes


class Mailer:
    """Numbers this node's bundles; a retransmission is a new bundle.

    Creation time and sequence number together are unique as long as the node's clock does not fall back by a
    restart's time.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.last_id = (0, 0, 0)
        self._sequence = 0
        self._lifetime_ms = address.lifetime_us // 1000
        self._flows: dict[EndpointId, bytes] = {}

    def started(self, entropy: bytes) -> None:
        """Number bundles from what the host's `Started` says, so that a restart repeats no number."""
        self._sequence = int.from_bytes(entropy[16:20], "big")

    def bundle(self, destination: EndpointId, payload: bytes, now_us: int) -> bytes:
        """A new bundle with this payload; its identity is in `last_id` (node, creation time in DTN ms, sequence)."""
        created_ms = dtn_ms_from_us(now_us)
        self.last_id = (self.address.here[0], created_ms, self._sequence)
        flow = self._flows.get(destination)
        if flow is None:
            here = self.address.here
            flow = self._flows[destination] = encode_flow(Flow(0, True, CRC32C, destination, here, here))
        data = encode_payload(flow, created_ms, self._sequence, self._lifetime_ms, payload)
        self._sequence += 1
        return data

    def check(self, data: bytes, now_us: int) -> Mail:
        """What the bundle in `data` holds, for whomever it is.

        Raises:
            BundleError: damaged or expired.
        """
        flow, created_ms, _, lifetime_ms, _, payload = read(data)
        if created_ms and dtn_ms_from_us(now_us) > created_ms + lifetime_ms:
            raise BundleError(f"bundle of {created_ms} ms outlived its lifetime of {lifetime_ms} ms")
        return Mail(flow.source, flow.destination, payload)

    def open(self, data: bytes, now_us: int) -> Mail:
        """What the bundle in `data` holds, which must be for this node.

        Raises:
            BundleError: damaged, expired, or addressed to another node.
        """
        mail = self.check(data, now_us)
        if mail.destination != self.address.here:
            raise BundleError(f"bundle for ipn:{mail.destination[0]}.{mail.destination[1]} came to another node")
        return mail
