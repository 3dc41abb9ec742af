"""Bundles sealed under the right hop key whose inside makes no sense: a peer that holds the keys, and whose software
is broken.

What it says is senseless, not a lie: a word that cannot be read, is not for its receiver, is about what nobody knows,
or holds parts whose signatures cannot be right, or that make no sense themselves
(`senseless_signatures`); or an integrity block that is not what both sides agreed on (RFC 9173
3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from twin.faults.babble import CHANGED, CUT, NOISES, noise, other_item
from twin.faults.forgery import leaf_of
from twin.faults.senseless_signatures import SENT, Signers, senseless_ack, senseless_frame, senseless_receipt
from twin.pipeline.wire import bcb_gcm, bib_hmac
from twin.pipeline.wire.asb import SCOPE_PRIMARY, Security, decode_security, encode_security
from twin.pipeline.wire.blocks import Block, BundleError, encode_block
from twin.pipeline.wire.bpsec import HopKeys, Sealed, WrongKeyError, read_sealed, unseal
from twin.pipeline.wire.frame import peek_record
from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.pipeline.wire.messages import (
    Ack,
    Acks,
    CheckpointOffer,
    Cosigned,
    Frames,
    Hello,
    KeyNotice,
    Message,
    MessageError,
    MismatchNotice,
    ReceiptsTaken,
    decode,
    encode,
)
from twin.randomness import one_of

_MISSING: Final = 9
"""Number of a block that no bundle here has, and an id of no parameter."""
_PARTS: Final[dict[type[Any], tuple[str, ...]]] = {
    Acks: ("acks", "cosigns", "receipts"),
    Frames: ("frames",),
    Cosigned: ("cosigns",),
}
"""Fields whose items prove themselves by signatures."""
_FOR_NOBODY: Final = encode(Hello(StreamId(0, 0)))
"""A word that no bundle brings."""


class Senseless(NamedTuple):
    """A bundle that was sealed anew, and, where a frame in it was altered, the leaf that it would have."""

    data: bytes
    leaf: bytes = b""


def senseless_seal(data: bytes, keys: Sequence[HopKeys], signers: Signers, random: np.random.Generator) -> Senseless:
    """The sealed bundle `data` with something senseless in it.

    Raises:
        BundleError: it is no sealed bundle, or under none of `keys`.
    """
    sealed = read_sealed(data)
    payload, under = _opened(sealed, keys)
    if random.random() < 0.5:
        integrity = INTEGRITIES[one_of(sorted(INTEGRITIES), random)]
        return Senseless(_sealed_anew(sealed, under, noise(CUT, payload, random), integrity, random))
    senseless = _senseless(payload, signers, random)
    return Senseless(_sealed_anew(sealed, under, senseless, _agreed, random), _leaf_of_new(senseless, payload))


def _opened(sealed: Sealed, keys: Sequence[HopKeys]) -> tuple[bytes, HopKeys]:
    """The payload, and the keys that it is under."""
    for some in keys:
        try:
            return unseal(sealed, some), some
        except WrongKeyError:
            continue
    raise BundleError(f"bundle of {sealed.created_ms} ms: under none of {len(keys)} hop keys")


def _leaf_of_new(senseless: bytes, payload: bytes) -> bytes:
    try:
        before, after = decode(payload), decode(senseless)
    except MessageError:
        return b""
    if not (isinstance(before, Frames) and isinstance(after, Frames)):
        return b""
    return next((leaf_of(frame) for frame in after.frames if frame not in before.frames), b"")


# ------------------------------------------------------------ the word inside


def _senseless(payload: bytes, signers: Signers, random: np.random.Generator) -> bytes:
    message = decode(payload)
    choice = random.random()
    if choice < 0.1:
        return _FOR_NOBODY
    if choice < 0.3:
        return encode(_about_nothing(message, signers, random))
    if choice < 0.7 and any(getattr(message, name) for name in _PARTS.get(type(message), ())):
        return encode(_with_other_part(message, signers, random))
    return _unreadable(payload, random)


def _about_nothing(message: Message, signers: Signers, random: np.random.Generator) -> Message:
    """A word about what does not exist, or that nothing follows from."""
    match message:
        case Frames((frame, *_)):
            stream = peek_record(frame).stream
            return MismatchNotice(stream, 1, bytes(32))
        case MismatchNotice(stream, size, root):
            return MismatchNotice(StreamId(stream.device ^ 1, stream.epoch), size, root)
        case CheckpointOffer():
            return message._replace(proofs=message.proofs[1:])
        case Acks():
            nothing = one_of((_FOR_NOBODY, senseless_receipt(signers)), random)
            return message._replace(receipts=(*message.receipts, nothing))
        case KeyNotice(number, check):
            return KeyNotice(number, bytes(len(check)))
        case _:
            return ReceiptsTaken((AlertKey(0, 0, 0, "of nothing"),))


def _with_other_part(message: Any, signers: Signers, random: np.random.Generator) -> Message:
    """One of the parts is damaged, has other fields, is signed and makes no sense, or is a word that does not belong
    there.
    """
    names = [name for name in _PARTS[type(message)] if getattr(message, name)]
    name = one_of(names, random)
    parts = list(getattr(message, name))
    at = int(random.integers(0, len(parts)))
    changes: tuple[Callable[[bytes], bytes], ...] = (
        lambda part: noise(one_of(NOISES, random), part, random),
        lambda part: other_item(part, random),
        lambda part: _signed_anew(part, signers, random),
        lambda _: _FOR_NOBODY,
    )
    parts[at] = one_of(changes, random)(parts[at])
    other: Message = message._replace(**{name: tuple(parts)})
    return other


def _signed_anew(part: bytes, signers: Signers, random: np.random.Generator) -> bytes:
    try:
        message = decode(part)
    except MessageError:
        return senseless_frame(part, SENT, signers, random)
    return encode(senseless_ack(message, signers, random)) if isinstance(message, Ack) else senseless_receipt(signers)


def _unreadable(payload: bytes, random: np.random.Generator) -> bytes:
    found = noise(CHANGED, payload, random)
    try:
        decode(found)
    except MessageError:
        return found
    return noise(CUT, payload, random)


# ------------------------------------------------------------ how it is sealed

Integrity = Callable[[Sealed, HopKeys, Block], Block]
"""Makes the integrity block of a payload."""


def _sealed_anew(
    sealed: Sealed, keys: HopKeys, payload: bytes, integrity_of: Integrity, random: np.random.Generator
) -> bytes:
    """The bundle with this payload, under vectors that its keys have never seen."""
    clear = sealed.payload._replace(content=payload)
    integrity = integrity_of(sealed, keys, clear)
    blocks: list[Block] = []
    for over, target in ((sealed.payload_confidentiality, clear), (sealed.integrity_confidentiality, integrity)):
        iv = random.bytes(bcb_gcm.IV_BYTES)
        blocks += bcb_gcm.encrypt(keys.cipher, over, sealed.flow.source, target, sealed.primary, iv)
    over_payload, payload_block, over_integrity, integrity_block = blocks
    in_order = (over_payload, over_integrity, integrity_block, payload_block)
    return b"".join((b"\x9f", sealed.primary, *map(encode_block, in_order), b"\xff"))


def _signed(**how: Any) -> Integrity:
    """Rightly signed, in a way that was not agreed on."""

    def sign(sealed: Sealed, keys: HopKeys, clear: Block) -> Block:
        return bib_hmac.sign(keys.mac, sealed.integrity, sealed.flow.source, (clear,), sealed.primary, **how)

    return sign


_agreed: Final = _signed()


def _of_primary_too(sealed: Sealed, keys: HopKeys, clear: Block) -> Block:
    return bib_hmac.sign(keys.mac, sealed.integrity, sealed.flow.source, (clear, None), sealed.primary)


def _said(change: Callable[[Security], Security]) -> Integrity:
    """Signed as agreed, but what it says of that is another thing."""

    def sign(sealed: Sealed, keys: HopKeys, clear: Block) -> Block:
        block = _agreed(sealed, keys, clear)
        return block._replace(content=encode_security(change(decode_security(block.content))))

    return sign


def _parameter(number: int, value: int) -> Integrity:
    def change(said: Security) -> Security:
        return said._replace(parameters=tuple(sorted({**dict(said.parameters), number: value}.items())))

    return _said(change)


INTEGRITIES: Final[dict[str, Integrity]] = {
    "as agreed": _agreed,
    "another hash": _signed(variant=bib_hmac.SHA384),
    "of the payload alone": _signed(scope=0),
    "of payload and primary block": _signed(scope=SCOPE_PRIMARY),
    "with a wrapped key": _signed(wrapped_key=bytes(40)),
    "of the primary block too": _of_primary_too,
    "of another block": _said(lambda said: said._replace(targets=(_MISSING,))),
    "of another context": _said(lambda said: said._replace(context=_MISSING)),
    "of another payload": _said(lambda said: said._replace(results=(((1, bytes(32)),),))),
    "with a short hash": _said(lambda said: said._replace(results=(((1, b""),),))),
    "with two hashes": _said(lambda said: said._replace(results=(((1, bytes(32)), (2, bytes(32))),))),
    "hash unknown": _parameter(1, _MISSING),
    "scope unknown": _parameter(3, 8),
    "parameter unknown": _parameter(_MISSING, 0),
}
"""Integrity blocks that a peer with the keys may write."""
