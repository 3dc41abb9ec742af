"""Abstract security block: what stands in every BPSec block (RFC 9172 3.6), and what both of its services cover.

    content = targets, context id, flags, security source, [parameters], results          a CBOR sequence
    targets = [block number, ...]          parameters = [[id, value], ...]
    results = [[[id, value], ...], ...]    one list per target, in the targets' order

Values are unsigned numbers or byte strings, which is all that the contexts of RFC 9173 need. The flags' lowest bit
says that parameters follow; without any, nothing does. Everything must be in deterministic CBOR.

A security operation is bound to more than its target's content, as far as its scope flags say (RFC 9173 3.3.3 and
4.3.4):

    bound = scope flags, [primary block], [target's type, number, flags], [security block's type, number, flags]

An integrity check runs over bound and content, an encryption takes bound as its associated data.
"""

import re
from typing import NamedTuple

from twin.pipeline.wire.blocks import (
    ENDPOINT,
    NULL_ENDPOINT,
    Block,
    BundleError,
    Endpoint,
    decode_endpoint,
    encode_endpoint,
)
from twin.pipeline.wire.cbor import ARRAY, BYTES, INT, UINT, UNSIGNED, head, number, read_string

SCOPE_PRIMARY = 0x01
SCOPE_TARGET = 0x02
SCOPE_SECURITY = 0x04
SCOPE_ALL = SCOPE_PRIMARY | SCOPE_TARGET | SCOPE_SECURITY

_UINT = re.compile(UINT, re.DOTALL)
_ARRAY = re.compile(rb"[\x80-\x97]|\x98[\x18-\xff]|\x99(?!\x00)..", re.DOTALL)
_CONTEXT = re.compile(rb"(" + INT + rb")([\x00\x01])(" + ENDPOINT + rb")", re.DOTALL)

Value = int | bytes
Pairs = tuple[tuple[int, Value], ...]


class Security(NamedTuple):
    """Content of a security block; `results` holds one group of (id, value) per target."""

    targets: tuple[int, ...]
    context: int
    source: Endpoint
    parameters: Pairs
    results: tuple[Pairs, ...]


def encode_security(security: Security) -> bytes:
    """Content of a block that holds `security`.

    Raises:
        ValueError: a number is negative or does not fit 64 bits.
        BundleError: no target, or not one group of results per target.
    """
    targets, context, source, parameters, results = security
    _check(targets, source, results)
    return b"".join(
        (
            head(ARRAY, len(targets)),
            *[head(UNSIGNED, target) for target in targets],
            head(UNSIGNED, context),
            b"\x01" if parameters else b"\x00",
            encode_endpoint(source),
            _encode_pairs(parameters) if parameters else b"",
            head(ARRAY, len(results)),
            *[_encode_pairs(group) for group in results],
        )
    )


def decode_security(content: bytes) -> Security:
    """What `content`, which it must fill, says.

    Raises:
        BundleError: it is no abstract security block in deterministic CBOR.
    """
    count, position = _read_array(content, 0)
    targets = []
    for _ in range(count):
        target, position = _read_uint(content, position)
        targets.append(target)
    match = _CONTEXT.match(content, position)
    if match is None:
        raise BundleError(f"security block: no context id, flags (0 or 1) and ipn source at byte {position}")
    context, flags, endpoint = match.groups()
    position = match.end()
    source = decode_endpoint(endpoint)
    parameters: Pairs = ()
    if flags == b"\x01":
        parameters, position = _read_pairs(content, position)
        if not parameters:
            raise BundleError("security block: says that it has parameters, and has none")
    count, position = _read_array(content, position)
    results = []
    for _ in range(count):
        group, position = _read_pairs(content, position)
        results.append(group)
    if position != len(content):
        raise BundleError(f"security block: {len(content) - position} bytes follow its results")
    _check(tuple(targets), source, tuple(results))
    return Security(tuple(targets), number(context), source, parameters, tuple(results))


def header(block: Block) -> bytes:
    """Type, number and processing flags of a block, as bound by its scope flags."""
    return head(UNSIGNED, block.type) + head(UNSIGNED, block.number) + head(UNSIGNED, block.flags)


def bound(scope: int, primary: bytes, target: Block | None, security: Block) -> bytes:
    """What a security operation covers besides its target's content.

    Args:
        scope: sum of the `SCOPE_` flags.
        primary: the primary block as it stands in the bundle.
        target: the block under protection, None for the primary block, which is not bound to itself.
        security: the security block; only its header counts.
    """
    parts = [head(UNSIGNED, scope)]
    if scope & SCOPE_PRIMARY and target is not None:
        parts.append(primary)
    if scope & SCOPE_TARGET and target is not None:
        parts.append(header(target))
    if scope & SCOPE_SECURITY:
        parts.append(header(security))
    return b"".join(parts)


def one_value(pairs: Pairs, wanted: int, what: str) -> bytes:
    """The byte string `wanted` that must be all that a target's results hold.

    Raises:
        BundleError: there is another result, or none, or it is no byte string.
    """
    if len(pairs) != 1 or pairs[0][0] != wanted or not isinstance(pairs[0][1], bytes):
        raise BundleError(f"security block: its result is not one {what}")
    return pairs[0][1]


def _check(targets: tuple[int, ...], source: Endpoint, results: tuple[Pairs, ...]) -> None:
    if not targets or len(set(targets)) < len(targets):
        raise BundleError("security block: has no target, or one twice (RFC 9172 3.6)")
    if len(results) != len(targets):
        raise BundleError(f"security block: {len(results)} groups of results for {len(targets)} targets")
    if source == NULL_ENDPOINT:
        raise BundleError("security block: its source is nobody")


def _encode_pairs(pairs: Pairs) -> bytes:
    parts = [head(ARRAY, len(pairs))]
    for key, value in pairs:
        parts.append(b"\x82" + head(UNSIGNED, key))
        parts.append(head(BYTES, len(value)) + value if isinstance(value, bytes) else head(UNSIGNED, value))
    return b"".join(parts)


def _read_pairs(content: bytes, position: int) -> tuple[Pairs, int]:
    count, position = _read_array(content, position)
    pairs: list[tuple[int, Value]] = []
    for _ in range(count):
        if content[position : position + 1] != b"\x82":
            raise BundleError(f"security block: no pair of id and value at byte {position}")
        key, position = _read_uint(content, position + 1)
        value: Value
        if content[position : position + 1] < b"\x40":
            value, position = _read_uint(content, position)
        else:
            try:
                value, position = read_string(content, position, BYTES)
            except ValueError as problem:
                raise BundleError(f"security block: {problem}") from problem
        pairs.append((key, value))
    if len({key for key, _ in pairs}) < len(pairs):
        raise BundleError("security block: a parameter or result stands twice")
    return tuple(pairs), position


def _read_uint(content: bytes, position: int) -> tuple[int, int]:
    match = _UINT.match(content, position)
    if match is None:
        raise BundleError(f"security block: no unsigned number in shortest form at byte {position}")
    return number(match[0]), match.end()


def _read_array(content: bytes, position: int) -> tuple[int, int]:
    match = _ARRAY.match(content, position)
    if match is None:
        raise BundleError(f"security block: no array in shortest form at byte {position}")
    found = match[0]
    return (found[0] & 0x1F if len(found) == 1 else int.from_bytes(found[1:], "big")), match.end()
