"""A frame: one CCSDS Space Packet (CCSDS 133.0-B) that a device signs once and everybody keeps as signed.

    | primary header 6 | secondary header 30 | user data: CBOR body | signature |
                         ^ data field: at most 65 536 octets                    ^ over everything before it

| secondary header, big endian | type | |
|---|---|---|
| format version | u8 | 1 |
| kind | u8 | 1 samples, 2 closing, 3 alert |
| device, epoch | u64, u64 | identity |
| index | u32 | counts the epoch's frames from 0 |
| generated | i64 | device clock at the last sample, house time [us] |

APID and the 14-bit packet count are transport, never identity. The primary header is packed by the library
`spacepackets` (1.5 us); `peek_record` reads the fixed positions with struct alone (0.4 us). Bodies are in `body.py`.
"""

from struct import Struct
from struct import error as StructError  # noqa: N812 - the library's own name says nothing here
from typing import NamedTuple

from spacepackets.ccsds.spacepacket import PacketType, SpacePacketHeader

from twin.pipeline.wire.body import (
    INDEX_MAX,
    NO_READING,
    Alert,
    Closing,
    FrameError,
    Samples,
    decode_alert,
    decode_closing,
    decode_samples,
    encode_alert,
    encode_closing,
    encode_samples,
)
from twin.pipeline.wire.identity import RecordId
from twin.pipeline.wire.signing import Signer, Verifier

__all__ = [
    "ALERT",
    "CLOSING",
    "INDEX_MAX",
    "NO_READING",
    "SAMPLES",
    "Alert",
    "Closing",
    "Frame",
    "FrameError",
    "Samples",
    "decode_alert",
    "decode_closing",
    "decode_samples",
    "encode_alert",
    "encode_closing",
    "encode_samples",
    "frame_body",
    "open_frame",
    "peek_kind",
    "peek_record",
    "seal",
    "verify_frame",
]

FORMAT_VERSION = 1
SAMPLES = 1
CLOSING = 2
ALERT = 3
KINDS = {SAMPLES: "samples", CLOSING: "closing", ALERT: "alert"}

APID_MAX = 0x7FE
"""0x7FF marks idle packets (CCSDS 133.0-B)."""
PACKET_COUNT_MODULUS = 1 << 14
DATA_FIELD_BYTES_MAX = 1 << 16
HEADER_BYTES = 36
"""Primary and secondary header together."""
PRIMARY_BYTES = 6

_SECONDARY = Struct(">BBQQIq")
_PEEK = Struct(">HHHBBQQI")
_GENERATED = Struct(">q")
_PACKET_ID = 0x0800
"""Version 0, telemetry, secondary header; the APID follows."""


class Frame(NamedTuple):
    """What a frame says; `kind` is `SAMPLES` or `CLOSING`, `generated_us` device clock at the last sample."""

    device: int
    epoch: int
    index: int  # type: ignore[assignment]  # the field's name, not tuple.index, is what is wanted
    kind: int
    generated_us: int
    body: bytes


def seal(frame: Frame, *, apid: int, packet_count: int, signer: Signer) -> bytes:
    """Pack and sign a frame.

    Args:
        frame: What to say.
        apid: Application process identifier, 0 to 2046.
        packet_count: Packets sent on this APID so far; goes on the wire modulo 16384.
        signer: Signs everything before the signature.

    Raises:
        FrameError: A value does not fit its field, the kind is unknown, or the data field is over 65 536
        octets.
    """
    device, epoch, index, kind, generated_us, body = frame
    if index > INDEX_MAX:
        raise FrameError(f"frame index {index}: an epoch ends at {INDEX_MAX}; close it and open a new one before")
    if kind not in KINDS:
        raise FrameError(f"frame kind {kind}: unknown; kinds are {KINDS}")
    if not 0 <= apid <= APID_MAX:
        raise FrameError(f"APID {apid}: must be 0 to {APID_MAX} (11 bits, 2047 marks idle packets)")
    data_field_bytes = HEADER_BYTES - PRIMARY_BYTES + len(body) + signer.signature_bytes
    if data_field_bytes > DATA_FIELD_BYTES_MAX:
        raise FrameError(
            f"frame data field of {data_field_bytes} octets: a Space Packet holds {DATA_FIELD_BYTES_MAX}; "
            "put fewer samples in a frame"
        )
    primary = SpacePacketHeader(
        packet_type=PacketType.TM,
        apid=apid,
        seq_count=packet_count % PACKET_COUNT_MODULUS,
        data_len=data_field_bytes - 1,
        sec_header_flag=True,
    )
    try:
        secondary = _SECONDARY.pack(FORMAT_VERSION, kind, device, epoch, index, generated_us)
    except StructError as error:
        raise FrameError(
            f"frame ({device}, {epoch}, {index}) at {generated_us} us: device and epoch are 64-bit and index "
            f"32-bit, none negative, and the time is a signed 64-bit number ({error})"
        ) from error
    unsigned = bytes(primary.pack()) + secondary + body
    return unsigned + signer.sign(unsigned)


def open_frame(data: bytes, signature_bytes: int) -> Frame:
    """Read a frame of a suite whose signatures are `signature_bytes` long; does not verify the signature.

    Raises:
        FrameError: too short for a signature, or refused by `peek_record`.
    """
    record = peek_record(data)
    if len(data) < HEADER_BYTES + signature_bytes:
        raise FrameError(
            f"frame of {len(data)} bytes: shorter than its headers and a signature of {signature_bytes} bytes"
        )
    (generated_us,) = _GENERATED.unpack_from(data, HEADER_BYTES - _GENERATED.size)
    return Frame(*record, peek_kind(data), generated_us, frame_body(data, signature_bytes))


def verify_frame(data: bytes, verifier: Verifier, signature_bytes: int) -> bool:
    """Whether the last `signature_bytes` of `data` sign what stands before them."""
    split = len(data) - signature_bytes
    return split >= HEADER_BYTES and verifier.verify(data[:split], data[split:])


def peek_kind(data: bytes) -> int:
    """Kind of a frame that `peek_record` has accepted."""
    return data[PRIMARY_BYTES + 1]


def frame_body(data: bytes, signature_bytes: int) -> bytes:
    """Body of a frame that was verified."""
    return data[HEADER_BYTES : len(data) - signature_bytes]


def peek_record(data: bytes) -> RecordId:
    """Read a frame's identity from its fixed positions, without checking body or signature.

    Raises:
        FrameError: Too short, or the fixed fields are not those of a frame.
    """
    if len(data) < HEADER_BYTES:
        raise FrameError(f"frame of {len(data)} bytes: shorter than its headers ({HEADER_BYTES} bytes)")
    packet_id, sequence, length, version, kind, device, epoch, index = _PEEK.unpack_from(data)
    no_idle_telemetry = _PACKET_ID <= packet_id <= _PACKET_ID | APID_MAX
    unsegmented = sequence >> 14 == 0b11
    if not (no_idle_telemetry and unsegmented and version == FORMAT_VERSION and kind in KINDS):
        raise FrameError(f"frame starting {data[:8].hex()}: not a frame of format version {FORMAT_VERSION}")
    if length + 1 != len(data) - PRIMARY_BYTES:
        raise FrameError(f"frame of {len(data)} bytes: its header announces {length + 1 + PRIMARY_BYTES} bytes")
    return RecordId(device, epoch, index)
