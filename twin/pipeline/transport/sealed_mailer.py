"""Mail under hop keys (RFC 9172): bundles of this node leave sealed, and only sealed ones are taken."""

from __future__ import annotations

from typing import NamedTuple

from twin.pipeline.transport.mailer import Address, EndpointId, Mailer
from twin.pipeline.transport.protector import Protector
from twin.pipeline.wire.bpsec import read_sealed
from twin.pipeline.wire.bundle import CRC32C, BundleError
from twin.pipeline.wire.dtn_time import dtn_ms_from_us
from twin.pipeline.wire.primary import seal_primary


class Mail(NamedTuple):
    """What a node needs of a bundle that was opened."""

    source: EndpointId
    payload: bytes


class SealedMailer(Mailer):
    """A mailer of a node that shares hop keys with its peers.

    Args:
        address: where bundles come from, and how long they live.
        protector: seals what goes out, and lets nothing unprotected in.
    """

    def __init__(self, address: Address, protector: Protector) -> None:
        super().__init__(address)
        self.protector = protector

    def started(self, entropy: bytes) -> None:
        """Begin a row of sequence numbers, and of initialization vectors, with the bytes of the event `Started`.

        Raises:
            ValueError: the protector does not take these bytes.
        """
        super().started(entropy)
        self.protector.started(entropy)

    def _write(self, flow: bytes, destination: EndpointId, payload: bytes, created_ms: int, lifetime_ms: int) -> bytes:
        primary = seal_primary(flow, CRC32C, created_ms, self._sequence, lifetime_ms)
        return self.protector.seal(primary, destination, payload)

    def open(self, data: bytes, now_us: int) -> Mail:
        """What the bundle in `data` holds, which must be for this node.

        Raises:
            BundleError: damaged, expired or for another node; unprotected, under no key held here, or changed.
        """
        sealed = read_sealed(data)
        flow, created_ms, lifetime_ms = sealed.flow, sealed.created_ms, sealed.lifetime_ms
        if dtn_ms_from_us(now_us) > created_ms + lifetime_ms:
            raise BundleError(f"bundle of {created_ms} ms outlived its lifetime of {lifetime_ms} ms")
        if flow.destination != self.address.here:
            raise BundleError(f"bundle for ipn:{flow.destination[0]}.{flow.destination[1]} came to another node")
        return Mail(flow.source, self.protector.open(sealed, now_us))
