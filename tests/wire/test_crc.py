"""Checksums against the catalogue's check values and the CRC32C examples of RFC 7143 A.4."""

import pytest

from twin.pipeline.wire.crc import crc16_x25, crc32c


def test_check_values_of_the_catalogue() -> None:
    assert crc16_x25(b"123456789") == 0x906E
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize(
    ("data", "printed"),
    [
        (bytes(32), "aa36918a"),
        (b"\xff" * 32, "43aba862"),
        (bytes(range(32)), "4e79dd46"),
        (bytes(reversed(range(32))), "5cdb3f11"),
    ],
)
def test_crc32c_agrees_with_rfc_7143(data: bytes, printed: str) -> None:
    """RFC 7143 prints the least significant byte first; a bundle sends the most significant one first."""
    assert crc32c(data).to_bytes(4, "little").hex() == printed


@pytest.mark.parametrize("crc", [crc16_x25, crc32c])
@pytest.mark.parametrize("cut", range(10))
def test_a_crc_can_be_continued(crc, cut: int) -> None:  # type: ignore[no-untyped-def]
    data = b"123456789"
    assert crc(data[cut:], crc(data[:cut])) == crc(data)
