"""Frames against spacepackets' own decoder, the CCSDS 133.0-B vector, cbor2, and damaged bytes."""

from collections.abc import Callable

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacepackets.ccsds.spacepacket import PacketType, SequenceFlags, SpacePacketHeader

from twin.pipeline.wire.frame import (
    CLOSING,
    SAMPLES,
    Closing,
    Frame,
    FrameError,
    Samples,
    decode_closing,
    decode_samples,
    encode_closing,
    encode_samples,
    open_frame,
    peek_record,
    seal,
    verify_frame,
)
from twin.pipeline.wire.identity import RecordId
from twin.pipeline.wire.signing import SUITES, Signer, signer, verifier

SECRET = bytes(range(32))
HMAC = signer("hmac-sha256", SECRET)
HEART = Samples(1_047_340_805_000_000, 1_000_000, ("hr_bpm", "spo2_pct"), ((72, 98), (-1, 300), (70_000, 0)))
FRAME = Frame(0x0123456789ABCDEF, 2**64 - 1, 41, SAMPLES, -5, encode_samples(HEART))

u64 = st.integers(0, 2**64 - 1)
i64 = st.integers(-(2**63), 2**63 - 1)
frames = st.builds(
    Frame,
    device=u64,
    epoch=u64,
    index=st.integers(0, 2**32 - 1),
    kind=st.sampled_from((SAMPLES, CLOSING)),
    generated_us=i64,
    body=st.binary(max_size=60),
)


@st.composite
def samples(draw: st.DrawFn) -> Samples:
    width = draw(st.integers(1, 30))
    row = st.tuples(*[i64] * width)
    names = st.lists(st.text(max_size=30), min_size=width, max_size=width)
    rows = draw(st.lists(row, min_size=1, max_size=30))
    return Samples(draw(i64), draw(u64), tuple(draw(names)), tuple(rows))


def sealed(frame: Frame = FRAME, by: Signer = HMAC) -> bytes:
    return seal(frame, apid=0x123, packet_count=7, signer=by)


def test_primary_header_agrees_with_the_ccsds_vector() -> None:
    """TM, APID 0x123, unsegmented, count 0x2abc and 35 octets of data give 0123eabc0022.

    That packet has no secondary header and is shorter than any frame, so those two fields differ in ours.
    """
    plain = SpacePacketHeader(PacketType.TM, apid=0x123, seq_count=0x2ABC, data_len=34)
    assert bytes(plain.pack()).hex() == "0123eabc0022"
    data = seal(FRAME._replace(body=b""), apid=0x123, packet_count=0x2ABC, signer=HMAC)
    assert data[:6].hex() == "0923eabc" + f"{30 + 32 - 1:04x}"


def test_fields_stand_where_the_format_says() -> None:
    data = sealed()
    assert data[6:36].hex() == "0101" + "0123456789abcdef" + "f" * 16 + "00000029" + "f" * 15 + "b"
    assert data[36:-32] == FRAME.body
    assert data[-32:] == HMAC.sign(data[:-32])


def test_spacepackets_reads_our_header() -> None:
    data = sealed()
    header = SpacePacketHeader.unpack(data)
    assert (header.packet_type, header.apid, header.seq_count) == (PacketType.TM, 0x123, 7)
    assert header.seq_flags is SequenceFlags.UNSEGMENTED
    assert header.sec_header_flag
    assert header.packet_len == len(data)


@settings(deadline=None)
@given(frames, st.sampled_from(list(SUITES)))
def test_a_frame_reads_back(frame: Frame, suite: str) -> None:
    by = signer(suite, SECRET)
    data = sealed(frame, by)
    assert open_frame(data, by.signature_bytes) == frame
    assert peek_record(data) == RecordId(frame.device, frame.epoch, frame.index)
    assert verify_frame(data, verifier(suite, by.public), by.signature_bytes)


@pytest.mark.parametrize("suite", SUITES)
def test_every_octet_of_a_frame_is_signed(suite: str) -> None:
    by = signer(suite, SECRET)
    check = verifier(suite, by.public)
    data = sealed(by=by)
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        assert not verify_frame(bytes(damaged), check, by.signature_bytes)
    assert not verify_frame(data, verifier(suite, signer(suite, b"\x07" * 32).public), by.signature_bytes)


def test_fragments_of_a_frame_do_not_verify() -> None:
    data, check = sealed(), verifier("hmac-sha256", SECRET)
    for size in (0, 1, 31, 32, 67, len(data) - 1):
        assert not verify_frame(data[:size], check, 32)
    assert not verify_frame(HMAC.sign(b""), check, 32)  # a signature over nothing is no frame


@pytest.mark.parametrize(("count", "on_wire"), [(0, 0), (16383, 16383), (16384, 0), (10**9, 2560)])
def test_packet_count_wraps_at_14_bits(count: int, on_wire: int) -> None:
    data = seal(FRAME, apid=1, packet_count=count, signer=HMAC)
    assert SpacePacketHeader.unpack(data).seq_count == on_wire
    assert open_frame(data, 32) == FRAME


def test_index_overflow_is_refused_with_the_remedy() -> None:
    assert peek_record(sealed(FRAME._replace(index=2**32 - 1))).index == 2**32 - 1
    with pytest.raises(FrameError, match="index 4294967296: an epoch ends at 4294967295; close it and open"):
        sealed(FRAME._replace(index=2**32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"index": -1}, "none negative"),
        ({"device": 2**64}, "device and epoch are 64-bit"),
        ({"epoch": -1}, "none negative"),
        ({"generated_us": 2**63}, "signed 64-bit"),
        ({"kind": 4}, "frame kind 4: unknown"),
        ({"body": bytes(65536 - 30 - 32 + 1)}, "data field of 65537 octets: a Space Packet holds 65536"),
    ],
)
def test_values_that_no_field_holds_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(FrameError, match=message):
        sealed(FRAME._replace(**change))  # type: ignore[arg-type]


@pytest.mark.parametrize("apid", [-1, 0x7FF, 0x800])
def test_apids_of_idle_packets_and_beyond_are_refused(apid: int) -> None:
    with pytest.raises(FrameError, match=f"APID {apid}: must be 0 to 2046"):
        seal(FRAME, apid=apid, packet_count=0, signer=HMAC)


def test_the_largest_data_field_fits() -> None:
    full = FRAME._replace(body=bytes(65536 - 30 - 32))
    assert open_frame(sealed(full), 32) == full


def with_octets(data: bytes, position: int, octets: bytes) -> bytes:
    return data[:position] + octets + data[position + len(octets) :]


@pytest.mark.parametrize("read", [peek_record, lambda data: open_frame(data, 32)], ids=["peek", "open"])
@pytest.mark.parametrize(
    ("position", "values"),
    [(0, "29 19 01 0fff"), (2, "40 80 00"), (6, "00 02"), (7, "00 04")],
    ids=["packet id", "sequence flags", "format version", "kind"],
)
def test_a_wrong_header_field_is_refused(position: int, values: str, read: Callable[[bytes], object]) -> None:
    for octets in values.split():
        damaged = with_octets(sealed(), position, bytes.fromhex(octets))
        with pytest.raises(FrameError, match=f"starting {damaged[:8].hex()}: not a frame of format version 1"):
            read(damaged)


@pytest.mark.parametrize("read", [peek_record, lambda data: open_frame(data, 32)], ids=["peek", "open"])
def test_another_length_than_announced_is_refused(read: Callable[[bytes], object]) -> None:
    with pytest.raises(FrameError, match="its header announces"):
        read(with_octets(sealed(), 4, b"\x7f"))


def test_the_last_apid_before_the_idle_one_is_read() -> None:
    data = seal(FRAME, apid=0x7FE, packet_count=0, signer=HMAC)
    assert open_frame(data, 32) == FRAME


def test_cut_and_extended_frames_are_refused() -> None:
    data = sealed()
    for size in range(len(data)):
        with pytest.raises(FrameError):
            open_frame(data[:size], 32)
        with pytest.raises(FrameError):
            peek_record(data[:size])
    with pytest.raises(FrameError, match="announces"):
        open_frame(data + b"\x00", 32)
    with pytest.raises(FrameError, match=r"shorter than its headers and a signature of \d+ bytes"):
        open_frame(data, len(data) - 35)


@settings(max_examples=50, deadline=None)
@given(samples())
def test_samples_read_back_and_are_what_cbor2_writes_canonically(some: Samples) -> None:
    body = encode_samples(some)
    assert decode_samples(body) == some
    assert body == cbor2.dumps([some.start_us, some.period_us, some.channels, some.rows], canonical=True)


@pytest.mark.parametrize(
    "bad",
    [
        HEART._replace(rows=()),
        HEART._replace(channels=()),
        HEART._replace(channels=("c",) * 256, rows=((0,) * 256,)),
        HEART._replace(rows=((1, 2), (3,))),
        HEART._replace(rows=((1, 2.5),)),
        HEART._replace(rows=((1, True),)),
        HEART._replace(rows=((1, 2**64),)),
        HEART._replace(rows=((0, 0),) * 65536),
        HEART._replace(period_us=-1),
        HEART._replace(start_us=2**70),
    ],
)
def test_samples_that_no_reader_accepts_are_not_written(bad: Samples) -> None:
    with pytest.raises(FrameError, match="samples: "):
        encode_samples(bad)


START = "84" + "01" + "02"


@pytest.mark.parametrize(
    "body",
    [
        "",
        START + "8161610a",
        START + "816161" + "8181" + "1817",  # 23 in two bytes
        START + "816161" + "9f8101ff",  # indefinite rows
        START + "816161" + "818101" + "00",  # trailing byte
        START + "816161" + "828101",  # one row of two missing
        START + "816161" + "8181c48200" + "01",  # decimal tag
        START + "816161" + "8181c249" + "01" * 9,  # bignum tag
        START + "816161" + "8181" + "f93c00",  # float
        START + "8161ff" + "818101",  # name that is not UTF-8
        START + "816a6161" + "818101",  # name beyond its end
        START + "81" * 300,  # nested arrays
        START + "99ffff" * 200,  # nested large arrays
        "9b7fffffffffffffff",
    ],
)
def test_hostile_bodies_are_refused(body: str) -> None:
    with pytest.raises(FrameError, match="samples: "):
        decode_samples(bytes.fromhex(body))


@given(st.integers(0, 2**32 - 1), u64, st.text(max_size=30), st.binary(max_size=64))
def test_closing_reads_back(final_index: int, next_epoch: int, suite: str, public: bytes) -> None:
    body = encode_closing(final_index, next_epoch, suite, public)
    assert decode_closing(body) == Closing(final_index, next_epoch, suite, public)
    assert body == cbor2.dumps([final_index, next_epoch, suite, public], canonical=True)
    for damaged in (body + b"\x00", body[:-1], b"\x85" + body[1:]):
        with pytest.raises(FrameError, match="closing: "):
            decode_closing(damaged)


def test_closing_with_an_index_beyond_32_bits_is_refused() -> None:
    with pytest.raises(FrameError, match="final index 4294967296 is beyond 4294967295"):
        encode_closing(2**32, 1, "ed25519", bytes(32))
