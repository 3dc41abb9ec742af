"""Frames and words under the right signatures that make no sense: their signer holds its key, and its software is
broken.

| part | what is wrong with it |
|---|---|
| frame | the next of its epoch, or the first of another, with a body that nobody reads; or an alert of a device |
| ack | verifies less than before, or not, and the auditor never signed it |
| checkpoint | names its streams twice, is of nobody, states other heads at rest, or comes with a proof too many |
| cosignature | by or for nobody |
| receipt | of nothing, and signed by nobody |

Whoever takes one must refuse it: none says a thing that could be true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from twin.faults.babble import NOBODY, SIGNED, Listener, Role, Said, Word, neighbour
from twin.faults.forgery import leaf_of
from twin.pipeline.wire.body import INDEX_MAX, Alert, encode_alert
from twin.pipeline.wire.frame import ALERT, CLOSING, SAMPLES, open_frame, peek_record, seal
from twin.pipeline.wire.identity import AlertKey
from twin.pipeline.wire.messages import (
    Ack,
    Checkpoint,
    CheckpointOffer,
    Closings,
    Cosign,
    Cosigned,
    FrameOffer,
    Receipt,
    decode,
    decode_as,
    encode,
    encode_signed,
    signed_part,
)
from twin.pipeline.wire.plain_cbor import dumps
from twin.pipeline.wire.signing import Signer
from twin.randomness import one_of

_NOTHING: Final = AlertKey(0, 0, 0, "of nothing")
_ZEROS: Final = bytes(32)  # no key, and no digest
SENSELESS_BODIES: Final[dict[int, tuple[bytes, ...]]] = {
    SAMPLES: (
        b"",
        dumps([0, 1, ["HR"], []]),
        dumps([0, 1, ["HR"], [[1, 2]]]),
        dumps([0, 1, ["HR"], [[1.5]]]),
        dumps([0, 1, ["HR"] * 24, [[1]]]),
        dumps([0, 1, ["HR", 2], [[1, 2]]]),
        b"\x84\x00\x01\x81\x61\xff\x81\x81\x00",  # a channel whose name is no text
    ),
    CLOSING: (
        b"",
        dumps([INDEX_MAX + 1, 1, "ed25519", _ZEROS]),
        dumps([0, 1, "none", _ZEROS]),
        dumps([0, 1, "ed25519", b""]),
        dumps([0, 1, "ed25519", _ZEROS]) + b"\x00",
        dumps([0, 1, _ZEROS, _ZEROS]),
    ),
    ALERT: (
        b"",
        dumps([*_NOTHING, -1, 1, ""]),
        dumps([*_NOTHING, 0, 1, ""]) + b"\x00",
        dumps([*_NOTHING, 0, 1, b""]),
    ),
}
"""By kind of frame, bodies that are none."""
ALERT_OF_NOTHING: Final = encode_alert(Alert(_NOTHING, 0, 1, "of nobody"))
"""A body that only an edge may sign."""
OFFERED: Final = (SAMPLES, CLOSING, ALERT)
SENT: Final = (CLOSING, ALERT)
"""Kinds of frames whose bodies are read where an edge takes them, and where Earth does."""
_SIGNED_WORDS: Final[dict[Role, tuple[type[Any], ...]]] = {
    Role.DEVICE: (Ack,),
    Role.EDGE: (FrameOffer, Ack, CheckpointOffer),
    Role.AUDITOR: (CheckpointOffer,),
}
"""By role, kinds of words that it takes whose parts are signed; the gateway has these in bundles only."""
_TAKES_CLOSINGS: Final = (Role.EDGE, Role.AUDITOR)


class Signers(NamedTuple):
    """Who signs what: frames by id of device or edge, words by name of node; `gateway` signs acks."""

    frames: Mapping[int, Signer]
    words: Mapping[str, Signer]
    edges: frozenset[int]
    gateway: str


def senselessly_signed(
    listener: Listener, heard: Sequence[Word], signers: Signers, random: np.random.Generator
) -> Said | None:
    """One such word to `listener`, made from one that it was told, or of a frame or cosignature that was said to
    anybody; None while nothing lends itself to it.
    """
    messages = [(word, decode(word.data)) for word in heard]
    kinds = _SIGNED_WORDS[listener.role]
    choices = [(w, message) for w, message in messages if w.destination == listener.name and isinstance(message, kinds)]
    if listener.role in _TAKES_CLOSINGS:
        choices += [(w, Closings((offer.frame,))) for w, offer in messages if isinstance(offer, FrameOffer)]
    if listener.role == Role.AUDITOR:
        choices += [(w, Cosigned((w.data,))) for w, message in messages if isinstance(message, Cosign)]
    if not choices:
        return None
    word, message = one_of(choices, random)
    source = neighbour(word, listener, random)
    match message:
        case FrameOffer(frame):
            other = senseless_frame(frame, OFFERED, signers, random)
            return Said(SIGNED, source, encode(message._replace(frame=other)), leaf_of(other))
        case Closings((frame,)):
            other = senseless_frame(frame, (CLOSING,), signers, random)
            return Said(SIGNED, source, encode(Closings((other,))), leaf_of(other))
        case Ack():
            return Said(SIGNED, source, encode(senseless_ack(message, signers, random)))
        case Cosigned((cosign,)):
            return Said(SIGNED, source, encode(Cosigned((_cosign_of_nobody(cosign, signers, random),))))
        case CheckpointOffer() if listener.role == Role.AUDITOR:  # which follows rows, and reads no proofs
            return Said(SIGNED, source, encode(_offer_of_nobody(message, signers)))
    return Said(SIGNED, source, encode(_senseless_offer(message, signers, random)))


def senseless_frame(frame: bytes, kinds: Sequence[int], signers: Signers, random: np.random.Generator) -> bytes:
    """A frame of one of `kinds` that nobody may take, of the signer of `frame`; alerts are an edge's as often."""
    kind = one_of(kinds, random)
    bodies = SENSELESS_BODIES[kind]
    device = peek_record(frame).device
    true = open_frame(frame, signers.frames[device].signature_bytes)
    if kind == ALERT and signers.edges and random.random() < 0.5:
        device = one_of(sorted(signers.edges), random)
    elif kind == ALERT and device not in signers.edges:
        bodies = (*bodies, ALERT_OF_NOTHING)
    epoch, index = true.epoch ^ 1, 0
    if device == true.device and random.random() < 0.5:
        epoch, index = true.epoch, true.index + 1
    other = true._replace(device=device, epoch=epoch, index=index, kind=kind, body=one_of(bodies, random))
    apid = int.from_bytes(frame[:2], "big") & 0x7FF
    return seal(other, apid=apid, packet_count=index, signer=signers.frames[device])


def senseless_ack(ack: Ack, signers: Signers, random: np.random.Generator) -> Ack:
    """The ack that would come next, signed by the gateway, and by no auditor."""
    less = min(ack.verified, int(random.integers(0, 2)))
    other = ack._replace(counter=ack.counter + 1, verified=ack.verified - less, audit=bytes(len(ack.audit)))
    return other._replace(signature=signers.words[signers.gateway].sign(signed_part(other)))


def senseless_receipt(signers: Signers) -> bytes:
    """A receipt for an alert of nobody, with no signature."""
    return encode(Receipt(_NOTHING, 0, bytes(signers.words[signers.gateway].signature_bytes)))


def _cosign_of_nobody(cosign: bytes, signers: Signers, random: np.random.Generator) -> bytes:
    """The witness's own words about a checkpoint of nobody, or in the name of nobody."""
    said = decode_as(Cosign, cosign)
    other = said._replace(author=NOBODY) if random.random() < 0.5 else said._replace(witness=NOBODY)
    return encode_signed(other, signers.words[said.witness])


def _offer_of_nobody(offer: CheckpointOffer, signers: Signers) -> CheckpointOffer:
    """The author's checkpoint in the name of nobody."""
    checkpoint = decode_as(Checkpoint, offer.checkpoint)
    return _offered(checkpoint._replace(author=NOBODY), checkpoint.author, offer, signers)


def _senseless_offer(offer: CheckpointOffer, signers: Signers, random: np.random.Generator) -> CheckpointOffer:
    """The author's next checkpoint, which no witness on Mars can follow."""
    checkpoint = decode_as(Checkpoint, offer.checkpoint)
    following = checkpoint._replace(counter=checkpoint.counter + 1)
    choice = random.random()
    if choice < 0.2:
        return _offer_of_nobody(offer, signers)
    if checkpoint.heads and choice < 0.6:
        twice = following._replace(heads=checkpoint.heads * 2)
        return _offered(twice, checkpoint.author, offer._replace(proofs=offer.proofs * 2), signers)
    if choice < 0.8:
        return _offered(following._replace(resting=_ZEROS), checkpoint.author, offer, signers)
    return _offered(following, checkpoint.author, offer._replace(proofs=((0, ()), *offer.proofs)), signers)


def _offered(checkpoint: Checkpoint, author: str, offer: CheckpointOffer, signers: Signers) -> CheckpointOffer:
    """This checkpoint, signed by `author`, in the place of that of an offer."""
    return offer._replace(checkpoint=encode_signed(checkpoint, signers.words[author]))
