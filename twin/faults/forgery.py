"""Forged frames, acks and bundles: well-formed in every byte, and signed with a key that does not count."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from twin.pipeline.wire.bundle import Bundle, Endpoint, encode
from twin.pipeline.wire.dtn_time import dtn_ms_from_us
from twin.pipeline.wire.frame import SAMPLES, Frame, Samples, encode_samples, seal
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import Ack
from twin.pipeline.wire.signing import Signer

LIFETIME_MS = 7 * 86_400_000
TERM_OF_A_LIAR = 1 << 30


class Victim(NamedTuple):
    """A device that forgeries pretend to come from, and what an eavesdropper knows of it.

    `signer` holds the key that the device was registered with; it is worth something to a forger once it was given up.
    """

    name: str
    device: int
    apid: int
    home: str
    channels: tuple[str, ...]
    signer: Signer


def leaf_of(frame: bytes) -> bytes:
    """Leaf hash of a frame (RFC 9162 2.1.1)."""
    return hashlib.sha256(b"\x00" + frame).digest()


def forged_frame(victim: Victim, record: RecordId, at_us: int, row: tuple[int, ...], signer: Signer) -> bytes:
    """A frame of one sample under an identity that its device never used."""
    body = encode_samples(Samples(at_us, 1_000_000, victim.channels, (row,)))
    frame = Frame(*record, SAMPLES, at_us, body)
    return seal(frame, apid=victim.apid, packet_count=record.index, signer=signer)


def forged_ack(stream: StreamId, size: int, at_us: int, signer: Signer) -> Ack:
    """An ack that claims that Earth has verified and backed up `size` records: who believes it deletes them."""
    root = hashlib.sha256(b"forged" + size.to_bytes(8, "big")).digest()
    signature = signer.sign(root)
    return Ack(stream, size, root, (root,), size, (), size, at_us, TERM_OF_A_LIAR, 1, signature, signature)


def forged_bundle(source: Endpoint, destination: Endpoint, payload: bytes, at_us: int, sequence: int) -> bytes:
    """A bundle with good checksums and no security blocks."""
    return encode(Bundle(source, destination, source, dtn_ms_from_us(at_us), sequence, LIFETIME_MS, payload))
