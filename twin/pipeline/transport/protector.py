"""Protects a node's bundles to its peers and opens theirs: key rings by peer, one row of initialization vectors.

    vector = 8 random bytes of this start, 32-bit counter

The host draws the bytes anew at every start, so no vector comes twice, not even after a snapshot of the node's medium
was restored. The counter ends at 2^32 vectors, two per bundle, and the node then refuses to send until it is restarted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from twin.pipeline.facts import HopKeyUsed
from twin.pipeline.transport.hop_keys import KeyRing
from twin.pipeline.wire.blocks import BundleError, Endpoint
from twin.pipeline.wire.bpsec import Sealed, seal
from twin.pipeline.wire.messages import KeyNotice

ENTROPY_BYTES = 32
_PREFIX = slice(8, 16)
_COUNTER_END = 1 << 32


class HopPeer(NamedTuple):
    """A node with which bundles are exchanged, and the hop keys of 32 bytes, by number, that an operator installed."""

    name: str
    endpoint: Endpoint
    keys: Mapping[int, bytes]


class HopKeySettings(NamedTuple):
    """Hop keys of one node; `grace_us` is how long a peer must have used a newer key before older ones are retired."""

    peers: tuple[HopPeer, ...]
    grace_us: int


class Protector:
    """Seals and opens bundles of one node.

    Args:
        here: the node's own endpoint.
        rings: one per peer with which the node exchanges bundles.
    """

    def __init__(self, here: Endpoint, rings: Iterable[KeyRing]) -> None:
        self._here = here
        self._by_endpoint = {ring.there: ring for ring in rings}
        self._by_name = {ring.peer: ring for ring in self._by_endpoint.values()}
        self._prefix: bytes | None = None
        self._counter = 0

    @classmethod
    def of(cls, here: Endpoint, settings: HopKeySettings) -> Protector:
        """The protector of a node that starts."""
        return cls(here, (KeyRing(p.name, here, p.endpoint, p.keys, settings.grace_us) for p in settings.peers))

    def started(self, entropy: bytes) -> None:
        """Begin a new row of vectors; `entropy` is that of the event `Started`.

        Raises:
            ValueError: not 32 bytes, or those of the start before.
        """
        if len(entropy) != ENTROPY_BYTES or entropy[_PREFIX] == self._prefix:
            raise ValueError(f"entropy of {len(entropy)} bytes: must be {ENTROPY_BYTES} fresh ones at every start")
        self._prefix = entropy[_PREFIX]
        self._counter = 0

    def ring(self, peer: str) -> KeyRing:
        """The keys shared with the peer of this name.

        Raises:
            ValueError: there is no such peer.
        """
        ring = self._by_name.get(peer)
        if ring is None:
            raise ValueError(f"hop keys towards {peer}: no such peer; there are {', '.join(self._by_name) or 'none'}")
        return ring

    def seal(self, primary: bytes, destination: Endpoint, payload: bytes) -> bytes:
        """The protected bundle of this primary block and payload.

        Raises:
            BundleError: no key for this destination, not started, or the vectors of this start are used up.
        """
        ring = self._by_endpoint.get(destination)
        if ring is None:
            raise BundleError(f"bundle for ipn:{destination[0]}.{destination[1]}: no hop keys towards it")
        keys = ring.sealing_keys()
        return seal(primary, self._here, payload, keys, self._vector(), self._vector())

    def open(self, sealed: Sealed, now_us: int) -> bytes:
        """Payload of a protected bundle for this node.

        Raises:
            BundleError: from a node without keys here, under a key not held, or changed.
        """
        source = sealed.flow.source
        ring = self._by_endpoint.get(source)
        if ring is None:
            raise BundleError(f"bundle of ipn:{source[0]}.{source[1]}: no hop keys towards it")
        return ring.open(sealed, now_us)

    def heard(self, source: Endpoint, notice: KeyNotice) -> str | None:
        """Take the notice that stood in the bundle opened last, which came from `source`; what is wrong with it."""
        return self._by_endpoint[source].heard(notice)

    def take_notices(self) -> list[tuple[KeyRing, KeyNotice]]:
        """Notices that are due now, each to the peer of its ring."""
        due = [(ring, ring.take_notice()) for ring in self._by_endpoint.values()]
        return [(ring, notice) for ring, notice in due if notice is not None]

    def take_news(self) -> list[HopKeyUsed]:
        """Which peers are sent to under another key since the last call."""
        return [fact for ring in self._by_endpoint.values() for fact in ring.take_news()]

    def _vector(self) -> bytes:
        if self._prefix is None:
            raise BundleError("no bundle can be protected before the node was started with fresh entropy")
        if self._counter >= _COUNTER_END:
            raise BundleError("the initialization vectors of this start are used up: restart the node")
        vector = self._prefix + self._counter.to_bytes(4, "big")
        self._counter += 1
        return vector
