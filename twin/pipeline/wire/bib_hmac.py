"""Block Integrity Blocks with keyed hashes: security context 1, BIB-HMAC-SHA2 (RFC 9173 3).

| parameter | id | value | without it |
|---|---|---|---|
| SHA variant | 1 | 5 SHA-256, 6 SHA-384, 7 SHA-512 | 6 |
| wrapped key | 2 | AES key wrap of the key; opened by whoever holds the key for it | key agreed beforehand |
| scope flags | 3 | `asb.SCOPE_...` | 7 |

The one result, id 1, is the whole hash, over `asb.bound` and the target as a CBOR byte string. A target other than
the primary block carries no CRC (3.8.1). An integrity block targets no security block (RFC 9172 3.7).
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from twin.pipeline.wire.asb import SCOPE_ALL, Pairs, Security, bound, decode_security, encode_security, one_value
from twin.pipeline.wire.blocks import CONFIDENTIALITY, INTEGRITY, PRIMARY_NUMBER, Block, BundleError, Endpoint
from twin.pipeline.wire.cbor import BYTES, head

CONTEXT = 1
SHA256, SHA384, SHA512 = 5, 6, 7

_DIGESTS = {SHA256: "sha256", SHA384: "sha384", SHA512: "sha512"}
_VARIANT, _WRAPPED_KEY, _SCOPE = 1, 2, 3
_HMAC = 1


class Integrity(NamedTuple):
    """What an integrity block says: who vouches for which blocks (0 is the primary block), and how."""

    source: Endpoint
    targets: tuple[int, ...]
    variant: int
    scope: int


def sign(
    key: bytes,
    block: Block,
    source: Endpoint,
    targets: Sequence[Block | None],
    primary: bytes,
    variant: int = SHA256,
    scope: int = SCOPE_ALL,
    wrapped_key: bytes | None = None,
) -> Block:
    """`block`, whose content does not matter, as the integrity block of `targets`, of which None is the primary block.

    Raises:
        BundleError: a target that still has a CRC or is a security block.
    """
    results: list[Pairs] = []
    for target in targets:
        _check_target(target)
        results.append(((_HMAC, _hash(key, variant, scope, primary, target, block)),))
    parameters: Pairs = ((_VARIANT, variant), (_SCOPE, scope))
    if wrapped_key is not None:
        parameters = ((_VARIANT, variant), (_WRAPPED_KEY, wrapped_key), (_SCOPE, scope))
    numbers = tuple([PRIMARY_NUMBER if target is None else target.number for target in targets])
    return block._replace(content=encode_security(Security(numbers, CONTEXT, source, parameters, tuple(results))))


def verify(key: bytes, block: Block, blocks: Mapping[int, Block], primary: bytes) -> Integrity:
    """What the integrity block says, once every hash in it is found right; `blocks` are the bundle's, by number.

    Raises:
        BundleError: a hash does not match, a target is missing, or this is no such block.
    """
    security = decode_security(block.content)
    variant, scope = _read_parameters(security)
    for number, results in zip(security.targets, security.results, strict=True):
        target = None
        if number != PRIMARY_NUMBER:
            target = blocks.get(number)
            if target is None:
                raise BundleError(f"integrity block {block.number}: its target, block {number}, is missing")
        _check_target(target)
        found = one_value(results, _HMAC, "keyed hash")
        if not hmac.compare_digest(found, _hash(key, variant, scope, primary, target, block)):
            raise BundleError(f"integrity block {block.number}: keyed hash of block {number} does not match")
    return Integrity(security.source, security.targets, variant, scope)


def _read_parameters(security: Security) -> tuple[int, int]:
    """SHA variant and scope flags."""
    parameters = dict(security.parameters)
    variant = parameters.pop(_VARIANT, SHA384)
    scope = parameters.pop(_SCOPE, SCOPE_ALL)
    parameters.pop(_WRAPPED_KEY, None)
    if security.context != CONTEXT or parameters:
        raise BundleError("integrity block: not of context 1 (BIB-HMAC-SHA2), or with parameters unknown there")
    if not isinstance(variant, int) or variant not in _DIGESTS:
        raise BundleError(f"integrity block: SHA variant {variant!r:.20} is none of 5, 6, 7")
    if not isinstance(scope, int) or scope & ~SCOPE_ALL:
        raise BundleError(f"integrity block: scope flags {scope!r:.20} are not among 0 to 7")
    return variant, scope


def _hash(key: bytes, variant: int, scope: int, primary: bytes, target: Block | None, block: Block) -> bytes:
    content = primary if target is None else target.content
    text = b"".join((bound(scope, primary, target, block), head(BYTES, len(content)), content))
    return hmac.digest(key, text, _DIGESTS[variant])


def _check_target(target: Block | None) -> None:
    if target is not None:
        if target.type in (INTEGRITY, CONFIDENTIALITY):
            raise BundleError("integrity block: targets a security block (RFC 9172 3.7)")
        if target.crc_type:
            raise BundleError(f"integrity block: its target, block {target.number}, has a CRC (RFC 9173 3.8.1)")
