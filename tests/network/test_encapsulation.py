"""What headers and markers take: lengths from the standards, and a packing simulated byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.network.encapsulation import (
    TM_8920,
    Framing,
    bundle_rate_bps,
    ltp_header_bytes,
    packed_bytes,
    packet_header_bytes,
    sdnv_bytes,
)


@pytest.mark.parametrize(("number", "length"), [(0, 1), (127, 1), (128, 2), (0xABC, 2), (0x1234, 2), (0x4234, 3)])
def test_self_delimiting_numbers_have_the_lengths_of_rfc_6256(number, length):
    """0xABC, 0x1234 and 0x4234 are the examples of RFC 6256, section 2."""
    assert sdnv_bytes(number) == length


@pytest.mark.parametrize(("data", "header"), [(1, 2), (253, 2), (254, 4), (65_531, 4), (65_532, 8)])
def test_packet_header_grows_with_the_length_field(data, header):
    assert packet_header_bytes(data) == header


def test_ltp_header_of_a_first_segment_and_of_a_checkpoint():
    """Control 1, engine 2, session 3, extensions 1, service 1, offset 1, length 2; serials 2 + 2."""
    assert ltp_header_bytes(0, 1400, checkpoint=False) == 11
    assert ltp_header_bytes(0, 1400, checkpoint=True) == 15


@given(st.integers(1, 300_000), st.integers(100, 60_000))
def test_a_bundle_takes_itself_and_a_header_for_each_segment(bundle, segment):
    segments = -(-bundle // segment)
    overhead = packed_bytes(bundle, segment) - bundle
    # LTP 10 to 14 bytes and 4 for the checkpoint, packets 2 or 4.
    assert 12 * segments < overhead <= 18 * segments + 4


def test_rate_is_that_of_bundles_laid_into_frames_one_after_another():
    """Lay 400 bundles of 10 kB into TM frames byte by byte and count frames."""
    packed, room = packed_bytes(10_000), TM_8920.frame_bytes - TM_8920.overhead_bytes
    frames = -(-400 * packed // room)
    seconds = frames * (TM_8920.frame_bytes + TM_8920.marker_bytes) * 8 / 1_000_000
    assert bundle_rate_bps(1_000_000, 10_000, TM_8920) == pytest.approx(400 * 10_000 * 8 / seconds, rel=3e-4)


def test_ten_kilobyte_bundles_keep_97_percent_and_alerts_of_200_bytes_keep_91():
    assert bundle_rate_bps(1_000_000, 10_000, TM_8920) / 1e6 == pytest.approx(0.973, abs=0.001)
    assert bundle_rate_bps(1_000_000, 200, TM_8920) / 1e6 == pytest.approx(0.907, abs=0.005)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: bundle_rate_bps(1000, 10, Framing(12, 12, 4)),
            r"frame of 12 bytes: 12 bytes of headers leave no room",
        ),
        (lambda: packed_bytes(0), r"bundle of 0 bytes in segments of 1400: both are at least 1"),
        (lambda: packet_header_bytes(0), r"encapsulation packet: 0 bytes of data: a packet carries at least 1"),
        (lambda: packet_header_bytes(2**32), r"4294967296 bytes of data do not fit in 2\^32 - 1; cut the bundle"),
        (lambda: sdnv_bytes(-1), r"SDNV: -1: a self-delimiting number is 0 or more"),
    ],
)
def test_impossible_sizes_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
