"""Deterministic CBOR pieces against RFC 8949 Appendix A and cbor2's canonical encoder."""

import re

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.pipeline.wire.cbor import ARRAY, BYTES, INT, TEXT, UINT, UNSIGNED, head, number, read_string

APPENDIX_A = [
    (0, "00"),
    (1, "01"),
    (10, "0a"),
    (23, "17"),
    (24, "1818"),
    (25, "1819"),
    (100, "1864"),
    (1000, "1903e8"),
    (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"),
    (-18446744073709551616, "3bffffffffffffffff"),
    (-1, "20"),
    (-10, "29"),
    (-100, "3863"),
    (-1000, "3903e7"),
]
uint = re.compile(UINT, re.DOTALL)
integer = re.compile(INT, re.DOTALL)


@pytest.mark.parametrize(("value", "hexadecimal"), APPENDIX_A)
def test_numbers_of_appendix_a(value: int, hexadecimal: str) -> None:
    data = bytes.fromhex(hexadecimal)
    assert integer.fullmatch(data) is not None
    assert number(data) == value
    assert (uint.fullmatch(data) is not None) == (value >= 0)
    if value >= 0:
        assert head(UNSIGNED, value) == data


def test_strings_and_arrays_of_appendix_a() -> None:
    assert read_string(bytes.fromhex("4401020304"), 0, BYTES) == (bytes((1, 2, 3, 4)), 5)
    assert read_string(bytes.fromhex("6449455446"), 0, TEXT) == (b"IETF", 5)
    nested = head(ARRAY, 3) + b"\x01" + head(ARRAY, 2) + b"\x02\x03" + head(ARRAY, 2) + b"\x04\x05"
    assert nested.hex() == "8301820203820405"


@given(st.integers(-(2**64), 2**64 - 1))
def test_shortest_form_is_that_of_cbor2(value: int) -> None:
    data: bytes = cbor2.dumps(value, canonical=True)
    assert integer.fullmatch(data) is not None
    assert number(data) == value
    if value >= 0:
        assert head(UNSIGNED, value) == data


@pytest.mark.parametrize(
    "long_form",
    ["1817", "190018", "1900ff", "1a0000ffff", "1b00000000ffffffff", "3817", "3900ff", "f97e00", "1c"],
)
def test_longer_forms_are_no_numbers(long_form: str) -> None:
    assert integer.fullmatch(bytes.fromhex(long_form)) is None
    assert uint.fullmatch(bytes.fromhex(long_form)) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("580401020304", "no byte string in shortest form at byte 0"),
        ("5f4101ff", "no byte string"),
        ("6401020304", "no byte string"),
        ("", "no byte string"),
        ("44010203", "1 bytes are missing"),
        ("5affffffff00", "4294967294 bytes are missing"),
    ],
)
def test_bad_strings_are_refused(data: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_string(bytes.fromhex(data), 0, BYTES)


def test_numbers_beyond_64_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit the 64 bits"):
        head(UNSIGNED, 1 << 64)
    with pytest.raises(ValueError, match="-1 is negative"):
        head(UNSIGNED, -1)
