"""Identities: what they are called in text."""

from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId


def test_text_form_is_the_documented_one() -> None:
    assert str(StreamId(0x1F, 0xABCDEF)) == "dev-000000000000001f/ep-0000000000abcdef"
    assert str(RecordId(0x1F, 0xABCDEF, 42)) == "dev-000000000000001f/ep-0000000000abcdef/42"
    assert str(AlertKey(0x1F, 0xABCDEF, 42, "spo2 low")) == "dev-000000000000001f/ep-0000000000abcdef/42/spo2 low"
