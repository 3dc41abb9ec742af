"""The primary block of a BPv7 bundle (RFC 9171 4.3.1).

    primary = [7, flags, CRC type, destination, source, report-to, [created, sequence], lifetime, CRC]

It must carry its CRC; only BPSec integrity over the block could take its place. Fragments, which have two
more fields, are refused: bundles here are sized to the contact before they are made.

Of one flow (flags, CRC type, endpoints) the first two dozen bytes never change. Both directions keep a
bounded memory of flows, and what is left of the block is three numbers and the CRC.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from twin.pipeline.wire.blocks import (
    CRCS,
    ENDPOINT,
    NULL_ENDPOINT,
    BundleError,
    Endpoint,
    decode_endpoint,
    encode_endpoint,
    seal_crc,
)
from twin.pipeline.wire.cbor import UINT, UNSIGNED, head, number

IS_FRAGMENT = 0x000001
ADMINISTRATIVE_RECORD = 0x000002
MUST_NOT_FRAGMENT = 0x000004
REPORT_REQUESTS = 0x004000 | 0x010000 | 0x020000 | 0x040000
"""Reception, forwarding, delivery and deletion reports (RFC 9171 4.2.3)."""

_FLOW = re.compile(rb"\x89\x07(%b)([\x01\x02])(%b)(%b)(%b)" % (UINT, ENDPOINT, ENDPOINT, ENDPOINT), re.DOTALL)
_PRIMARY = re.compile(
    rb"\x9f(\x89\x07" + UINT + rb"[\x01\x02]" + ENDPOINT * 3 + rb")"
    rb"\x82(" + UINT + rb")(" + UINT + rb")(" + UINT + rb")(\x42..|\x44....)",
    re.DOTALL,
)


class Flow(NamedTuple):
    """What all bundles of a flow share; `other_flags` are the processing flags besides must-not-fragment."""

    other_flags: int
    must_not_fragment: bool
    crc_type: int
    destination: Endpoint
    source: Endpoint
    report_to: Endpoint


def encode_primary(flow: Flow, created_ms: int, sequence: int, lifetime_ms: int) -> bytes:
    """Write a primary block with its CRC.

    Raises:
        ValueError: A number is negative or does not fit 64 bits.
        BundleError: Flags, source and CRC type do not go together.
    """
    return seal_primary(encode_flow(flow), flow.crc_type, created_ms, sequence, lifetime_ms)


def seal_primary(flow: bytes, crc_type: int, created_ms: int, sequence: int, lifetime_ms: int) -> bytes:
    """`encode_primary` with the flow encoded before, by `encode_flow`.

    Raises:
        ValueError: A number is negative or does not fit 64 bits.
    """
    block = flow + head(UNSIGNED, created_ms) + head(UNSIGNED, sequence) + head(UNSIGNED, lifetime_ms)
    return block + seal_crc(crc_type, block)


def read_primary(data: bytes) -> tuple[Flow, int, int, int, int]:
    """Read the primary block of the bundle `data` and check its CRC.

    Returns:
        Flow, creation time [DTN ms], sequence number, lifetime [ms], and the position after the block.

    Raises:
        BundleError: It is malformed, cut off or of a fragment, or its CRC is missing or wrong.
    """
    match = _PRIMARY.match(data)
    if match is None:
        raise BundleError(_why_no_primary(data))
    flow_bytes, created, sequence, lifetime, crc = match.groups()
    flow = _decode_flow(flow_bytes)
    end = match.end()
    extend, mark, size, blank = CRCS[flow[2]]
    if mark + extend(0, data[1 : end - size - 1] + blank).to_bytes(size, "big") != crc:
        raise BundleError("primary block: CRC mismatch")
    created_ms = int.from_bytes(created[len(created) > 1 :], "big")  # `unsigned`, thousands a second
    number = int.from_bytes(sequence[len(sequence) > 1 :], "big")
    return flow, created_ms, number, int.from_bytes(lifetime[len(lifetime) > 1 :], "big"), end


def end_of_primary(data: bytes) -> int:
    """Position after the primary block of a bundle whose primary block was read before.

    Raises:
        BundleError: There is no primary block.
    """
    match = _PRIMARY.match(data)
    if match is None:
        raise BundleError(_why_no_primary(data))
    return match.end()


@lru_cache(maxsize=1024)
def encode_flow(flow: Flow) -> bytes:
    """The block up to the creation timestamp's array head.

    Raises:
        BundleError: Flags, source and CRC type do not go together.
    """
    if flow.crc_type not in CRCS:
        raise BundleError(f"CRC type {flow.crc_type}: the primary block needs 1 (X-25) or 2 (CRC32C)")
    if flow.other_flags & (IS_FRAGMENT | MUST_NOT_FRAGMENT):
        raise BundleError(f"other_flags {flow.other_flags:#x}: 0x1 and 0x4 say how to fragment and are not among them")
    _check_flags(flow)
    return b"".join(
        (
            b"\x89\x07",
            head(UNSIGNED, flow.other_flags | (MUST_NOT_FRAGMENT if flow.must_not_fragment else 0)),
            head(UNSIGNED, flow.crc_type),
            encode_endpoint(flow.destination),
            encode_endpoint(flow.source),
            encode_endpoint(flow.report_to),
            b"\x82",
        )
    )


@lru_cache(maxsize=1024)
def _decode_flow(flow_bytes: bytes) -> Flow:
    match = _FLOW.fullmatch(flow_bytes)
    if match is None:
        raise BundleError(_why_no_primary(b"\x9f" + flow_bytes))
    flags = number(match[1])
    if flags & IS_FRAGMENT:
        raise BundleError("primary block: marked as fragment, yet without offset and total length")
    flow = Flow(
        flags & ~MUST_NOT_FRAGMENT,
        bool(flags & MUST_NOT_FRAGMENT),
        match[2][0],
        decode_endpoint(match[3]),
        decode_endpoint(match[4]),
        decode_endpoint(match[5]),
    )
    _check_flags(flow)
    return flow


def _check_flags(flow: Flow) -> None:
    """Rules of RFC 9171 4.2.3 between flags and source."""
    anonymous = flow.source == NULL_ENDPOINT
    if flow.other_flags & REPORT_REQUESTS and (anonymous or flow.other_flags & ADMINISTRATIVE_RECORD):
        raise BundleError("flags: an administrative record or anonymous bundle must not ask for reports")
    if anonymous and not flow.must_not_fragment:
        raise BundleError("flags: an anonymous bundle (source dtn:none) must be marked must-not-fragment")


def _why_no_primary(data: bytes) -> str:
    array, version = data[1:2], data[2:3]
    if data[:1] != b"\x9f":
        return f"bundle starting {data[:4].hex() or 'nowhere'}: must start with an indefinite array (9f)"
    if array in (b"\x8a", b"\x8b"):
        return "primary block: of a fragment; this network does not fragment"
    if array == b"\x88":
        return "primary block: without CRC; it needs one unless BPSec covers it (RFC 9171 4.3.1)"
    if array == b"\x89" and version != b"\x07":
        return f"primary block: version {version.hex() or 'missing'}, must be 07"
    return (
        "primary block: cut off, or not as in RFC 9171 4.3.1 in deterministic CBOR with ipn endpoints and a "
        "CRC of type 1 or 2"
    )
