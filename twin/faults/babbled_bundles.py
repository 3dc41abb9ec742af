"""Bundles altered in one of their blocks: each well-formed but for one thing, with good checksums, and to be refused.

They are made from a protected bundle that was really sent (`twin.pipeline.wire.bpsec`), with the pipeline's own
encoders. Whoever makes them holds no hop key: what stands encrypted stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from twin.pipeline.wire import bcb_gcm
from twin.pipeline.wire.asb import SCOPE_PRIMARY, Pairs, decode_security
from twin.pipeline.wire.bcb_gcm import A128GCM, CONTEXT, IV_BYTES, TAG_BYTES
from twin.pipeline.wire.blocks import (
    BUNDLE_AGE,
    CONFIDENTIALITY,
    DELETE_BUNDLE_IF_UNKNOWN,
    DISCARD_BLOCK_IF_UNKNOWN,
    HOP_COUNT,
    INTEGRITY,
    NULL_ENDPOINT,
    PAYLOAD,
    PREVIOUS_NODE,
    Block,
    Endpoint,
    encode_age,
    encode_block,
    encode_endpoint,
    encode_hops,
    read_block,
    seal_crc,
)
from twin.pipeline.wire.bundle import CRC32C, Flow
from twin.pipeline.wire.cbor import ARRAY, BYTES, UNSIGNED, head
from twin.pipeline.wire.primary import (
    ADMINISTRATIVE_RECORD,
    IS_FRAGMENT,
    MUST_NOT_FRAGMENT,
    REPORT_REQUESTS,
    read_primary,
)
from twin.randomness import one_of

_ELSEWHERE: Final[Endpoint] = (99, 1)
_UNKNOWN_TYPE: Final = 200
_FREE: Final = 9
"""A block number that nothing here uses."""


class Parts(NamedTuple):
    """A bundle taken apart: flow, creation time, sequence number and lifetime, and all blocks behind the primary one;
    `start` is its array head and the primary block as it stood.
    """

    start: bytes
    flow: Flow
    created_ms: int
    sequence: int
    lifetime_ms: int
    blocks: tuple[Block, ...]


Alteration = Callable[[Parts], bytes]


def take_apart(data: bytes) -> Parts:
    """The parts of a bundle.

    Raises:
        BundleError: these are not the bytes of one.
    """
    flow, created_ms, sequence, lifetime_ms, position = read_primary(data)
    start = data[:position]
    blocks = []
    while data[position : position + 1] != b"\xff":
        block, position = read_block(data, position)
        blocks.append(block)
    return Parts(start, flow, created_ms, sequence, lifetime_ms, tuple(blocks))


def altered(data: bytes, how: Mapping[str, Alteration], random: np.random.Generator) -> bytes:
    """The bundle `data` with one of these alterations."""
    return how[one_of(sorted(how), random)](take_apart(data))


def from_elsewhere(data: bytes) -> bytes:
    """The bundle `data` in the name of a source of which nobody has heard, in all of its blocks."""
    parts = take_apart(data)
    blocks = [b._replace(content=_in_its_name(b.content)) if b.type == CONFIDENTIALITY else b for b in parts.blocks]
    return join(start_of(parts, source=_ELSEWHERE), blocks)


def _in_its_name(content: bytes) -> bytes:
    return bcb_gcm.encode(bcb_gcm.decode(content)._replace(source=_ELSEWHERE))


# ------------------------------------------------------------ the primary block


def join(start: bytes, blocks: Any, end: bytes = b"\xff") -> bytes:
    return b"".join((start, *map(encode_block, blocks), end))


def start_of(
    parts: Parts,
    *,
    array: bytes = b"\x89",
    version: int = 7,
    more_flags: int = 0,
    fragments: bool = False,
    crc_type: int = CRC32C,
    crc_as: int = CRC32C,
    destination: Endpoint | None = None,
    source: Endpoint | None = None,
    created_ms: int | None = None,
    lifetime_ms: int | None = None,
) -> bytes:
    """The primary block with something else in it; `crc_as` is the type of the CRC that follows."""
    flow = parts.flow
    flags = flow.other_flags | more_flags | (0 if fragments else MUST_NOT_FRAGMENT)
    block = b"".join(
        (
            array,
            head(UNSIGNED, version),
            head(UNSIGNED, flags),
            head(UNSIGNED, crc_type),
            encode_endpoint(flow.destination if destination is None else destination),
            encode_endpoint(flow.source if source is None else source),
            encode_endpoint(flow.report_to),
            head(ARRAY, 2),
            head(UNSIGNED, parts.created_ms if created_ms is None else created_ms),
            head(UNSIGNED, parts.sequence),
            head(UNSIGNED, parts.lifetime_ms if lifetime_ms is None else lifetime_ms),
        )
    )
    return b"\x9f" + block + seal_crc(crc_as, block)


def _primary(**change: Any) -> Alteration:
    return lambda parts: join(start_of(parts, **change), parts.blocks)


def _anonymous(parts: Parts) -> bytes:
    return join(start_of(parts, source=NULL_ENDPOINT, fragments=True), parts.blocks)


def _no_array(parts: Parts) -> bytes:
    return b"\x80" + join(parts.start[1:], parts.blocks)


def _wrong_crc(parts: Parts) -> bytes:
    return join(parts.start[:-1] + bytes((parts.start[-1] ^ 1,)), parts.blocks)


# ------------------------------------------------------------ the blocks behind it


def _with(*blocks: Block) -> Alteration:
    """These blocks behind the primary one, before the bundle's own."""
    return lambda parts: join(parts.start, (*blocks, *parts.blocks))


def _raw(block: bytes) -> Alteration:
    """These bytes behind the primary block."""
    return lambda parts: parts.start + block + join(b"", parts.blocks)


def _end(end: bytes) -> Alteration:
    return lambda parts: join(parts.start, parts.blocks, end)


def _only(keep: Callable[[Block], bool]) -> Alteration:
    return lambda parts: join(parts.start, filter(keep, parts.blocks))


def _each(which: Callable[[Block], bool], **change: Any) -> Alteration:
    """Those of the bundle's blocks with other fields."""
    return lambda parts: join(parts.start, [b._replace(**change) if which(b) else b for b in parts.blocks])


def _is(kind: int) -> Callable[[Block], bool]:
    return lambda block: block.type == kind


def block_of(kind: int, content: bytes, number: int = _FREE, flags: int = 0, crc_type: int = CRC32C) -> Block:
    return Block(kind, number, flags, crc_type, content)


_AGE: Final = block_of(BUNDLE_AGE, encode_age(1))
_AGE_BYTES: Final = encode_block(_AGE)
_AGE_CLEAR_BYTES: Final = encode_block(_AGE._replace(crc_type=0))


# ------------------------------------------------------------ what protects the payload


def _over_payload(block: Block) -> bool:
    return block.type == CONFIDENTIALITY and decode_security(block.content).targets == (1,)


def _over_integrity(block: Block) -> bool:
    return block.type == CONFIDENTIALITY and not _over_payload(block)


def _pairs(*pairs: tuple[int, int | bytes]) -> bytes:
    """Parameters or results as they are written, whatever they say."""
    written = [b"\x82" + head(UNSIGNED, key) + _value(value) for key, value in pairs]
    return head(ARRAY, len(pairs)) + b"".join(written)


def _value(value: int | bytes) -> bytes:
    return head(BYTES, len(value)) + value if isinstance(value, bytes) else head(UNSIGNED, value)


def _said(
    *,
    targets: bytes = b"\x81\x01",
    context: int = CONTEXT,
    flags: int = 1,
    source: Endpoint | None = None,
    parameters: bytes | None = None,
    also: Pairs = (),
    results: bytes | None = None,
    end: bytes = b"",
) -> Alteration:
    """The payload's confidentiality block says something else; `also` are parameters beside or instead of its own."""

    def alter(parts: Parts) -> bytes:
        (block,) = filter(_over_payload, parts.blocks)
        own = decode_security(block.content)
        content = b"".join(
            (
                targets,
                head(UNSIGNED, context),
                head(UNSIGNED, flags),
                encode_endpoint(own.source if source is None else source),
                _pairs(*sorted((dict(own.parameters) | dict(also)).items())) if parameters is None else parameters,
                b"\x81" + _pairs(*own.results[0]) if results is None else results,
                end,
            )
        )
        return join(parts.start, [b._replace(content=content) if b is block else b for b in parts.blocks])

    return alter


def _one_vector(parts: Parts) -> bytes:
    """Both blocks have the vector of the payload's."""
    iv = next(bcb_gcm.decode(block.content).iv for block in parts.blocks if _over_payload(block))
    blocks = [
        b._replace(content=bcb_gcm.encode(bcb_gcm.decode(b.content)._replace(iv=iv))) if _over_integrity(b) else b
        for b in parts.blocks
    ]
    return join(parts.start, blocks)


def _changed_end(which: Callable[[Block], bool]) -> Alteration:
    """The last byte of a block's content is another."""

    def alter(parts: Parts) -> bytes:
        def end(block: Block) -> Block:
            return block._replace(content=block.content[:-1] + bytes((block.content[-1] ^ 1,)))

        return join(parts.start, [end(b) if which(b) else b for b in parts.blocks])

    return alter


_IV: Final = bytes(IV_BYTES)
_TAG: Final = bytes(TAG_BYTES)
_NO_UINT: Final = b"\x20"

OF_ANY_BUNDLE: Final[dict[str, Alteration]] = {
    # the primary block
    "array": _no_array,
    "version": _primary(version=6),
    "of a fragment": _primary(array=b"\x8b"),
    "without CRC": _primary(array=b"\x88", crc_type=0, crc_as=0),
    "CRC type": _primary(crc_type=3),
    "CRC length": _primary(crc_type=1),
    "CRC": _wrong_crc,
    "fragment flag": _primary(more_flags=IS_FRAGMENT),
    "reports of a record": _primary(more_flags=ADMINISTRATIVE_RECORD | REPORT_REQUESTS),
    "anonymous": _anonymous,
    "no creation time": _primary(created_ms=0),
    "outlived": _primary(created_ms=1, lifetime_ms=1),
    "destination": _primary(destination=_ELSEWHERE),
    "destination nobody": _primary(destination=NULL_ENDPOINT),
    # the blocks behind it
    "block number taken": _with(_AGE, block_of(HOP_COUNT, encode_hops(5, 0))),
    "block number reserved": _with(block_of(BUNDLE_AGE, encode_age(1), number=1)),
    "block twice": _with(_AGE, _AGE._replace(number=_FREE + 1)),
    "block unknown": _with(block_of(_UNKNOWN_TYPE, b"?", flags=DELETE_BUNDLE_IF_UNKNOWN)),
    "block CRC": _raw(_AGE_BYTES[:-1] + bytes((_AGE_BYTES[-1] ^ 1,))),
    "block CRC missing": _raw(_AGE_BYTES[:-5]),
    "block CRC unannounced": _raw(b"\x86" + _AGE_CLEAR_BYTES[1:] + b"\x44" + bytes(4)),
    "block number long": _raw(b"\x85\x07\x18\x09\x00\x00\x41\x01"),
    "age": _with(block_of(BUNDLE_AGE, b"\x18\x01")),
    "hops": _with(block_of(HOP_COUNT, b"\x81\x05")),
    "hop limit": _with(block_of(HOP_COUNT, b"\x82\x00\x00")),
    "previous node": _with(block_of(PREVIOUS_NODE, b"\x82\x03\x00")),
    "payload number": _each(_is(PAYLOAD), number=_FREE),
    "no payload": _only(lambda block: block.type != PAYLOAD),
    "payload amid": lambda parts: join(parts.start, (*parts.blocks, _AGE)),
    "no end": _end(b""),
    "bytes behind the end": _end(b"\xff\x00"),
}
"""What can be wrong with any bundle, each alone."""

ALTERATIONS: Final[dict[str, Alteration]] = {
    **OF_ANY_BUNDLE,
    "payload alone": _only(_is(PAYLOAD)),
    "payload first": lambda parts: join(parts.start, parts.blocks[::-1]),
    # what a security block says
    "no target": _said(targets=b"\x80"),
    "target twice": _said(targets=b"\x82\x01\x01"),
    "targets without results": _said(targets=b"\x82\x01\x02"),
    "targets no array": _said(targets=_NO_UINT),
    "target no number": _said(targets=b"\x81" + _NO_UINT),
    "security flags": _said(flags=2),
    "security source nobody": _said(source=NULL_ENDPOINT),
    "security source": _said(source=_ELSEWHERE),
    "security end": _said(end=b"\x00"),
    "no parameters": _said(parameters=_pairs()),
    "parameter twice": _said(parameters=_pairs((1, _IV), (1, _IV))),
    "parameter no pair": _said(parameters=b"\x81\x01"),
    "parameter cut off": _said(parameters=b"\x81\x82\x01\x5a\xff\xff\xff\xff"),
    "parameter unknown": _said(also=((9, 9),)),
    "context": _said(context=CONTEXT + 1),
    "no vector": _said(also=((1, 1),)),
    "vector short": _said(also=((1, _IV[1:]),)),
    "vector": _said(also=((1, _IV),)),
    "variant unknown": _said(also=((2, 2),)),
    "variant": _said(also=((2, A128GCM),)),
    "wrapped key no bytes": _said(also=((3, 1),)),
    "wrapped key": _said(also=((3, _TAG),)),
    "scope unknown": _said(also=((4, 8),)),
    "scope": _said(also=((4, SCOPE_PRIMARY),)),
    "no result": _said(results=b"\x81\x80"),
    "result no bytes": _said(results=b"\x81" + _pairs((1, 1))),
    "tag short": _said(results=b"\x81" + _pairs((1, _TAG[1:]))),
    "tag": _said(results=b"\x81" + _pairs((1, _TAG))),
    "two targets": _said(targets=b"\x82\x01\x02", results=b"\x82" + 2 * _pairs((1, _TAG))),
    "another target": _said(targets=b"\x81\x09"),
    # how they protect it
    "one vector": _one_vector,
    "no integrity block": _only(lambda block: block.type != INTEGRITY),
    "integrity in clear": _only(lambda block: not _over_integrity(block)),
    "payload in clear": _only(lambda block: not _over_payload(block)),
    "integrity": _changed_end(_is(INTEGRITY)),
    "payload": _changed_end(_is(PAYLOAD)),
    "integrity with CRC": _each(_is(INTEGRITY), crc_type=CRC32C),
    "payload with CRC": _each(_is(PAYLOAD), crc_type=CRC32C),
    "security discarded": _each(_is(CONFIDENTIALITY), flags=DISCARD_BLOCK_IF_UNKNOWN),
    "security not replicated": _each(_over_payload, flags=0),
}
"""What can be wrong with a protected bundle, each alone."""
