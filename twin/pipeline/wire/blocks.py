"""Canonical blocks of a BPv7 bundle: every block but the primary one (RFC 9171 4.3.2).

    block = [type, number, flags, CRC type, content]            without CRC, array of 5
    block = [type, number, flags, CRC type, content, CRC]       with CRC, array of 6

The CRC covers the block's own encoding with the CRC's bytes set to zero; it stands last, so it is computed
over what comes before and a constant tail, without copying the content. All numbers must be in shortest
form (RFC 9171 4).

| type | block | content | RFC 9171 |
|---|---|---|---|
| 1 | payload, number 1, the last block | application data | 4.3.3 |
| 6 | previous node | endpoint id | 4.4.1 |
| 7 | bundle age | uint [ms] | 4.4.2 |
| 10 | hop count | [limit 1..255, count] | 4.4.3 |
| 11, 12 | integrity, confidentiality | abstract security block | RFC 9172 |

| flag | a node that cannot process the block | |
|---|---|---|
| 0x04 | deletes the whole bundle | 4.2.4 |
| 0x10 | discards it | |
| neither | keeps it | |

0x01 asks to repeat the block in every fragment, 0x02 for a status report, which nodes here do not send. (pyd3tn 0.14
still numbers these flags as a draft did.)
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from twin.pipeline.wire.cbor import BYTES, UINT, UNSIGNED, head, number
from twin.pipeline.wire.crc import crc16_x25, extend_crc32c

PAYLOAD = 1
PREVIOUS_NODE = 6
BUNDLE_AGE = 7
HOP_COUNT = 10
INTEGRITY = 11
CONFIDENTIALITY = 12

PRIMARY_NUMBER = 0
PAYLOAD_NUMBER = 1
"""Numbers that these two blocks always have; the primary block's is not written (RFC 9171 4.1)."""

REPLICATE_IN_FRAGMENTS = 0x01
DELETE_BUNDLE_IF_UNKNOWN = 0x04
DISCARD_BLOCK_IF_UNKNOWN = 0x10

NULL_ENDPOINT = (0, 0)
"""dtn:none, also written ipn:0.0 (RFC 9758 3.4.1): nobody."""

ENDPOINT = rb"\x82(?:\x01\x00|\x02\x82" + UINT + UINT + rb")"
"""Pattern of an endpoint id: dtn:none or ipn:<node>.<service> (RFC 9171 4.2.5.1)."""

_BLOCK = re.compile(
    rb"([\x85\x86]" + UINT + UINT + UINT + rb"[\x00-\x02])"
    rb"([\x40-\x57]|\x58[\x18-\xff]|\x59(?!\x00)..|\x5a(?!\x00\x00)....|\x5b(?!\x00{4}).{8})",
    re.DOTALL,
)
_FIXED = re.compile(rb"([\x85\x86])(" + UINT + rb")(" + UINT + rb")(" + UINT + rb")(.)", re.DOTALL)
_ENDPOINT = re.compile(rb"\x82(?:\x01\x00|\x02\x82(" + UINT + rb")(" + UINT + rb"))", re.DOTALL)
_AGE = re.compile(UINT, re.DOTALL)
_HOPS = re.compile(rb"\x82(" + UINT + rb")(" + UINT + rb")", re.DOTALL)

Endpoint = tuple[int, int]


class BundleError(ValueError):
    """Bytes that are no acceptable bundle, or values that no bundle can hold."""


class Crc(NamedTuple):
    """One CRC type: the function, the CBOR byte string head before its value, and its length [bytes]."""

    extend: Callable[[int, bytes], int]
    mark: bytes
    size: int
    blank: bytes


CRCS = {
    1: Crc(lambda crc, data: crc16_x25(data, crc), b"\x42", 2, b"\x42\x00\x00"),
    2: Crc(extend_crc32c, b"\x44", 4, b"\x44\x00\x00\x00\x00"),
}
"""CRC types (RFC 9171 4.2.1); type 0 is none."""


class Block(NamedTuple):
    """One canonical block; `content` is what stands in its byte string."""

    type: int
    number: int
    flags: int
    crc_type: int
    content: bytes


def seal_crc(crc_type: int, before: bytes, content: bytes = b"") -> bytes:
    """The CRC element that ends a block whose encoding so far is `before` + `content`; empty for type 0."""
    if crc_type == 0:
        return b""
    extend, mark, size, blank = CRCS[crc_type]
    if content:
        return mark + extend(extend(extend(0, before), content), blank).to_bytes(size, "big")
    return mark + extend(0, before + blank).to_bytes(size, "big")


def encode_block(block: Block) -> bytes:
    """Write an extension block.

    Raises:
        ValueError: A number is negative or does not fit 64 bits.
    """
    block_type, block_number, flags, crc_type, content = block
    encoded = b"".join(
        (
            b"\x86" if crc_type else b"\x85",
            head(UNSIGNED, block_type),
            head(UNSIGNED, block_number),
            head(UNSIGNED, flags),
            head(UNSIGNED, crc_type),
            head(BYTES, len(content)),
            content,
        )
    )
    return encoded + seal_crc(crc_type, encoded)


def read_block(data: bytes, start: int) -> tuple[Block, int]:
    """Read the block at `start` and check its CRC.

    Returns:
        The block, and the position after it.

    Raises:
        BundleError: There is no block in shortest form, it is cut off, or its CRC does not match.
    """
    block_type, block_number, flags, crc_type, content, end = read_fields(data, start)
    return Block(block_type, block_number, flags, crc_type, content), end


def read_fields(data: bytes, start: int) -> tuple[int, int, int, int, bytes, int]:
    """`read_block` for a node that takes thousands a second: type, number, flags, CRC type, content and position."""
    match = _BLOCK.match(data, start)
    if match is None:
        raise BundleError(f"block at byte {start}: not a canonical block in deterministic CBOR, or cut off")
    begin = match.end()
    fixed, size = match.groups()
    has_crc, block_type, block_number, flags, crc_type = _read_fixed(fixed)
    content_end = begin + (size[0] & 0x1F if len(size) == 1 else int.from_bytes(size[1:], "big"))
    content = data[begin:content_end]
    if crc_type:
        extend, mark, crc_bytes, blank = CRCS[crc_type]
        end = content_end + 1 + crc_bytes
        found = data[content_end:end]
        if not has_crc or end > len(data) or found[:1] != mark:
            raise BundleError(f"block at byte {start}: cut off, or without the CRC that it announces")
        if extend(extend(extend(0, data[start:begin]), content), blank) != int.from_bytes(found[1:], "big"):
            raise BundleError(f"block at byte {start} (type {block_type}): CRC mismatch")
    else:
        end = content_end
        if has_crc or end > len(data):
            raise BundleError(f"block at byte {start}: cut off, or with a CRC that it does not announce")
    return block_type, block_number, flags, crc_type, content, end


@lru_cache(maxsize=1024)
def _read_fixed(fixed: bytes) -> tuple[bool, int, int, int, int]:
    """Whether a CRC is announced by the array's length, type, number, flags and CRC type: the same for most blocks."""
    match = _FIXED.fullmatch(fixed)
    if match is None:
        raise BundleError(f"block head {fixed.hex()}: not deterministic CBOR")
    array, block_type, block_number, flags, crc_type = match.groups()
    return array == b"\x86", number(block_type), number(block_number), number(flags), crc_type[0]


def encode_endpoint(endpoint: Endpoint) -> bytes:
    """Write an ipn endpoint id; the null endpoint as dtn:none."""
    if endpoint == NULL_ENDPOINT:
        return b"\x82\x01\x00"
    node, service = endpoint
    return b"\x82\x02\x82" + head(UNSIGNED, node) + head(UNSIGNED, service)


def decode_endpoint(content: bytes) -> Endpoint:
    """Read an endpoint id that fills `content`."""
    match = _ENDPOINT.fullmatch(content)
    if match is None:
        raise BundleError(f"endpoint {content[:40].hex()}: neither dtn:none nor ipn:<node>.<service>")
    node, service = match.groups()
    return (number(node), number(service)) if node is not None else NULL_ENDPOINT


def encode_age(age_ms: int) -> bytes:
    """Content of a Bundle Age block, age in ms."""
    try:
        return head(UNSIGNED, age_ms)
    except ValueError as error:
        raise BundleError(f"bundle age {age_ms} ms: {error}") from error


def decode_age(content: bytes) -> int:
    """Age [ms] that fills `content`."""
    if _AGE.fullmatch(content) is None:
        raise BundleError(f"bundle age {content[:20].hex()}: not an unsigned number in shortest form")
    return number(content)


def encode_hops(limit: int, count: int) -> bytes:
    """Content of a Hop Count block."""
    if not 1 <= limit <= 255:
        raise BundleError(f"hop limit {limit}: must be 1 to 255 (RFC 9171 4.4.3)")
    return b"\x82" + head(UNSIGNED, limit) + head(UNSIGNED, count)


def decode_hops(content: bytes) -> tuple[int, int]:
    """Hop limit and count that fill `content`."""
    match = _HOPS.fullmatch(content)
    if match is None:
        raise BundleError(f"hop count {content[:20].hex()}: not [limit, count] in shortest form")
    limit, count = number(match[1]), number(match[2])
    if not 1 <= limit <= 255:
        raise BundleError(f"hop limit {limit}: must be 1 to 255 (RFC 9171 4.4.3)")
    return limit, count
