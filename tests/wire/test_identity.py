"""Identities: text forms read back, and nothing else is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.pipeline.wire.identity import U64_MAX, RecordId, StreamId

u64 = st.integers(0, U64_MAX)


def test_text_form_is_the_documented_one() -> None:
    assert str(StreamId(0x1F, 0xABCDEF)) == "dev-000000000000001f/ep-0000000000abcdef"
    assert str(RecordId(0x1F, 0xABCDEF, 42)) == "dev-000000000000001f/ep-0000000000abcdef/42"


@given(u64, u64, st.integers(0, 2**32 - 1))
def test_text_form_reads_back(device: int, epoch: int, index: int) -> None:
    record = RecordId(device, epoch, index)
    assert RecordId.parse(str(record)) == record
    assert StreamId.parse(str(record.stream)) == StreamId(device, epoch)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dev-1f/ep-ab",
        "dev-000000000000001F/ep-0000000000abcdef",
        "dev-000000000000001f/ep-0000000000abcdef\n",
        "dev-000000000000001f/ep-0000000000abcdef/1",
    ],
)
def test_other_text_is_no_stream(text: str) -> None:
    with pytest.raises(ValueError, match="expected dev-<16 hex>/ep-<16 hex>, lower case"):
        StreamId.parse(text)


@pytest.mark.parametrize("index", ["", "-1", "01", "1 ", "1" * 21])
def test_other_index_is_no_record(index: str) -> None:
    with pytest.raises(ValueError, match="/<index>"):
        RecordId.parse(f"{StreamId(1, 2)}/{index}")
