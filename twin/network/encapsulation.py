"""From the information rate of a link to the rate of bundle bytes: what headers and markers take.

A bundle is one LTP block, cut into segments; each segment travels in an encapsulation packet; packets follow one
another through transfer frames, across their borders; each frame is led in by a marker::

    bundle -> [LTP header | part of bundle] ... -> [packet header | segment] ... -> [marker | frame header | packets]

The code's parity is not counted here: a link's rate is counted in information bits (``link_budget``). The marker is,
at the length of as many information bits; behind Reed-Solomon that is 4 bits too much in 9,000.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Framing(NamedTuple):
    """A transfer frame [bytes]: its whole length, what is no packet data in it, and the marker before it."""

    frame_bytes: int
    overhead_bytes: int
    marker_bytes: int


TM_8920: Final = Framing(1115, 6 + 4 + 2, 4)
"""CCSDS 132.0-B: 8920 bits; primary header, operational control field, error control; marker of CCSDS 131.0-B."""

SEGMENT_BYTES_MAX: Final = 1_400
"""Bundle bytes in one LTP segment. assumed: ION's usual setting, an Ethernet frame less its headers."""
ENGINE_ID: Final = 1_000
SESSION_NUMBER: Final = 100_000
"""assumed: what stands in an LTP header after some weeks; 2 and 3 bytes as self-delimiting numbers (SDNV)."""

_PACKET_HEADERS = ((255, 2), (65_535, 4), (2**32 - 1, 8))


def sdnv_bytes(number: int) -> int:
    """Length of a self-delimiting number [bytes]: seven bits to a byte (RFC 6256)."""
    if number < 0:
        raise ValueError(f"SDNV: {number}: a self-delimiting number is 0 or more; encode its magnitude")
    return max(1, -(-number.bit_length() // 7))


def ltp_header_bytes(offset: int, length: int, *, checkpoint: bool) -> int:
    """Header of an LTP data segment [bytes] for ``length`` bytes at ``offset`` of a block.

    Control byte, session, empty extensions, client service, offset, length; a checkpoint adds its own serial number and
    that of the report it answers, 2 bytes each: RFC 5326 has them start at random below 2^14.

    Source:
        RFC 5326, sections 3.1 and 3.2.
    """
    session = sdnv_bytes(ENGINE_ID) + sdnv_bytes(SESSION_NUMBER)
    return 1 + session + 1 + 1 + sdnv_bytes(offset) + sdnv_bytes(length) + (4 if checkpoint else 0)


def packet_header_bytes(data_bytes: int) -> int:
    """Header of an encapsulation packet [bytes], by the length field that its whole length needs (CCSDS 133.1-B)."""
    if data_bytes < 1:
        raise ValueError(f"encapsulation packet: {data_bytes} bytes of data: a packet carries at least 1; send none")
    for packet_bytes_max, header_bytes in _PACKET_HEADERS:
        if data_bytes + header_bytes <= packet_bytes_max:
            return header_bytes
    raise ValueError(f"encapsulation packet: {data_bytes} bytes of data do not fit in 2^32 - 1; cut the bundle smaller")


def packed_bytes(bundle_bytes: int, segment_bytes_max: int = SEGMENT_BYTES_MAX) -> int:
    """Bytes that a bundle takes inside frames, as LTP segments in encapsulation packets.

    Raises:
        ValueError: an empty bundle or an empty segment.
    """
    if bundle_bytes < 1 or segment_bytes_max < 1:
        raise ValueError(
            f"bundle of {bundle_bytes} bytes in segments of {segment_bytes_max}: both are at least 1; give their sizes"
        )
    total = 0
    for offset in range(0, bundle_bytes, segment_bytes_max):
        length = min(segment_bytes_max, bundle_bytes - offset)
        last = offset + length == bundle_bytes
        segment = ltp_header_bytes(offset, length, checkpoint=last) + length
        total += packet_header_bytes(segment) + segment
    return total


def bundle_rate_bps(
    information_rate_bps: int, bundle_bytes: int, framing: Framing, segment_bytes_max: int = SEGMENT_BYTES_MAX
) -> int:
    """Rate [bit/s] at which bytes of bundles pass a link when frames are full, rounded down to whole bits.

    Args:
        information_rate_bps: what the decoder delivers, markers included.
        bundle_bytes: size of a bundle.
        framing: the frames that carry it.
        segment_bytes_max: bundle bytes in one LTP segment.

    Raises:
        ValueError: frames with no room for data, or sizes below 1.
    """
    room_bytes = framing.frame_bytes - framing.overhead_bytes
    if room_bytes < 1:
        raise ValueError(
            f"frame of {framing.frame_bytes} bytes: {framing.overhead_bytes} bytes of headers leave no room for data; "
            "lengthen the frame"
        )
    # Whole numbers all the way, so that a rate is the same on every processor.
    sent_per_frame = framing.frame_bytes + framing.marker_bytes
    packed = packed_bytes(bundle_bytes, segment_bytes_max)
    return information_rate_bps * room_bytes * bundle_bytes // (sent_per_frame * packed)
