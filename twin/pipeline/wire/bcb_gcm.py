"""Block Confidentiality Blocks with authenticated encryption: security context 2, BCB-AES-GCM (RFC 9173 4).

| parameter | id | value | without it |
|---|---|---|---|
| initialization vector | 1 | 12 bytes here | refused |
| AES variant | 2 | 1 A128GCM, 3 A256GCM | 3 |
| wrapped key | 3 | AES key wrap of the key; opened by whoever holds the key for it | key agreed beforehand |
| scope flags | 4 | `asb.SCOPE_...` | 7 |

The target's content is replaced by ciphertext of the same length; the one result, id 1, is the tag of 16 bytes over
that and `asb.bound`. A target carries no CRC (4.8.1). Vector and key are the block's, so a block with two targets
uses one pair twice, as the example A.4 does; `encrypt` takes one target and makes one block.
"""

from collections.abc import Mapping
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twin.pipeline.wire.asb import SCOPE_ALL, Pairs, Security, bound, decode_security, encode_security, one_value
from twin.pipeline.wire.blocks import (
    CONFIDENTIALITY,
    DISCARD_BLOCK_IF_UNKNOWN,
    PAYLOAD,
    PRIMARY_NUMBER,
    REPLICATE_IN_FRAGMENTS,
    Block,
    BundleError,
    Endpoint,
)

CONTEXT = 2
A128GCM, A256GCM = 1, 3
IV_BYTES = 12
TAG_BYTES = 16

_VARIANTS = (A128GCM, A256GCM)
_IV, _VARIANT, _WRAPPED_KEY, _SCOPE = 1, 2, 3, 4
_TAG = 1


class Confidentiality(NamedTuple):
    """What a confidentiality block says: per target number its tag, and how they were made."""

    source: Endpoint
    tags: tuple[tuple[int, bytes], ...]
    iv: bytes
    variant: int
    scope: int
    wrapped_key: bytes | None


def encrypt(
    cipher: AESGCM,
    block: Block,
    source: Endpoint,
    target: Block,
    primary: bytes,
    iv: bytes,
    variant: int = A256GCM,
    scope: int = SCOPE_ALL,
    wrapped_key: bytes | None = None,
) -> tuple[Block, Block]:
    """`block`, whose content does not matter, as the confidentiality block of `target`, and the target encrypted.

    Raises:
        BundleError: the target still has a CRC or is a confidentiality block, or the block's flags are not allowed.
    """
    sealed = cipher.encrypt(iv, target.content, bound(scope, primary, target, block))
    said = Confidentiality(source, ((target.number, sealed[-TAG_BYTES:]),), iv, variant, scope, wrapped_key)
    _check_target(block, target)
    return block._replace(content=encode(said)), target._replace(content=sealed[:-TAG_BYTES])


def encode(said: Confidentiality) -> bytes:
    """Content of the block that says this."""
    wrapped: Pairs = () if said.wrapped_key is None else ((_WRAPPED_KEY, said.wrapped_key),)
    parameters: Pairs = ((_IV, said.iv), (_VARIANT, said.variant), *wrapped, (_SCOPE, said.scope))
    numbers = tuple([number for number, _ in said.tags])
    results = tuple([((_TAG, tag),) for _, tag in said.tags])
    return encode_security(Security(numbers, CONTEXT, said.source, parameters, results))


def decode(content: bytes) -> Confidentiality:
    """What a confidentiality block with this content says.

    Raises:
        BundleError: this is no such block.
    """
    security = decode_security(content)
    parameters = dict(security.parameters)
    iv = parameters.pop(_IV, None)
    variant = parameters.pop(_VARIANT, A256GCM)
    wrapped_key = parameters.pop(_WRAPPED_KEY, None)
    scope = parameters.pop(_SCOPE, SCOPE_ALL)
    if security.context != CONTEXT or parameters:
        raise BundleError("confidentiality block: not of context 2 (BCB-AES-GCM), or with parameters unknown there")
    if not isinstance(iv, bytes) or len(iv) != IV_BYTES:
        raise BundleError(f"confidentiality block: no initialization vector of {IV_BYTES} bytes")
    if not isinstance(variant, int) or variant not in _VARIANTS:
        raise BundleError(f"confidentiality block: AES variant {variant!r:.20} is neither 1 nor 3")
    if not isinstance(scope, int) or scope & ~SCOPE_ALL:
        raise BundleError(f"confidentiality block: scope flags {scope!r:.20} are not among 0 to 7")
    if wrapped_key is not None and not isinstance(wrapped_key, bytes):
        raise BundleError("confidentiality block: its wrapped key is no byte string")
    tags = []
    for number, results in zip(security.targets, security.results, strict=True):
        tag = one_value(results, _TAG, "authentication tag")
        if len(tag) != TAG_BYTES:
            raise BundleError(f"confidentiality block: an authentication tag of {len(tag)} bytes, not {TAG_BYTES}")
        tags.append((number, tag))
    return Confidentiality(security.source, tuple(tags), iv, variant, scope, wrapped_key)


def decrypt(
    cipher: AESGCM, block: Block, said: Confidentiality, blocks: Mapping[int, Block], primary: bytes
) -> tuple[Block, ...]:
    """The targets of `block`, which says `said`, in clear; `blocks` are the bundle's, by number.

    Raises:
        BundleError: key or bytes are not those of the encryption, a target is missing or must not be one.
    """
    clear = []
    for number, tag in said.tags:
        target = blocks.get(number)
        if target is None or number == PRIMARY_NUMBER:
            raise BundleError(f"confidentiality block {block.number}: its target, block {number}, is missing")
        _check_target(block, target)
        try:
            content = cipher.decrypt(said.iv, target.content + tag, bound(said.scope, primary, target, block))
        except InvalidTag as problem:
            raise BundleError(
                f"confidentiality block {block.number}: block {number} was changed, or this is not its key"
            ) from problem
        clear.append(target._replace(content=content))
    return tuple(clear)


def _check_target(block: Block, target: Block) -> None:
    """Rules of RFC 9172 3.8 and RFC 9173 4.8.1."""
    if target.type == CONFIDENTIALITY:
        raise BundleError("confidentiality block: targets another (RFC 9172 3.8)")
    if target.crc_type:
        raise BundleError(f"confidentiality block: its target, block {target.number}, has a CRC (RFC 9173 4.8.1)")
    if block.flags & DISCARD_BLOCK_IF_UNKNOWN:
        raise BundleError("confidentiality block: asks to be discarded where it is unknown (RFC 9172 3.8)")
    if target.type == PAYLOAD and not block.flags & REPLICATE_IN_FRAGMENTS:
        raise BundleError("confidentiality block: of a payload, yet not in every fragment (RFC 9172 3.8)")
