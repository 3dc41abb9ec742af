"""The codec of messages: what is written is read back, and nothing else is read, whatever the bytes."""

from __future__ import annotations

from typing import Any, get_args

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.pipeline.wire import messages
from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.pipeline.wire.messages import CODES, Ack, Message, MessageError, decode, decode_as, encode, signed_part

U64 = st.integers(0, (1 << 64) - 1)
I64 = st.integers(-(1 << 63), (1 << 63) - 1)
BYTES = st.binary(max_size=40)
HASHES = st.lists(BYTES, max_size=3).map(tuple)
STREAM = st.builds(StreamId, U64, U64)
PAIR = st.tuples(U64, U64)
ALERT = st.builds(AlertKey, U64, U64, U64, st.text(max_size=8))
BY_READER = {
    messages.read_uint: U64,
    messages.read_int: I64,
    messages.read_bytes: BYTES,
    messages.read_text: st.text(max_size=8),
    messages.read_flag: st.booleans(),
    messages.read_stream: STREAM,
    messages.read_alert: ALERT,
    messages._hashes: HASHES,
}
BY_FIELD = {
    (Ack, "gaps"): st.lists(PAIR, max_size=3).map(tuple),
    (messages.Checkpoint, "heads"): st.lists(st.builds(messages.Head, STREAM, U64, BYTES), max_size=3).map(tuple),
    (messages.CheckpointOffer, "proofs"): st.lists(st.tuples(U64, HASHES), max_size=3).map(tuple),
    (messages.Cosign, "sizes"): st.lists(st.tuples(STREAM, U64), max_size=3).map(tuple),
    (messages.Cosign, "given_up"): st.lists(st.tuples(STREAM, U64), max_size=3).map(tuple),
    (messages.ReceiptsTaken, "alerts"): st.lists(ALERT, max_size=3).map(tuple),
    (messages.RowsWrong, "indices"): st.lists(U64, max_size=3).map(tuple),
    (messages.LookAgain, "indices"): st.lists(U64, max_size=3).map(tuple),
}


def strategy(kind: type[Any], readers: tuple[Any, ...]) -> st.SearchStrategy[Message]:
    named = zip(kind._fields, readers, strict=True)
    fields = [BY_FIELD[kind, name] if (kind, name) in BY_FIELD else BY_READER[reader] for name, reader in named]
    return st.tuples(*fields).map(lambda values: kind(*values))


ANY = st.one_of([strategy(kind, readers) for kind, readers in CODES.values()])


def test_every_message_has_one_code():
    assert {kind for kind, _ in CODES.values()} == set(get_args(Message))


@given(ANY)
def test_a_message_is_read_as_it_was_written(message):
    assert decode(encode(message)) == message


@given(ANY)
def test_what_is_signed_is_all_but_the_signature(message):
    if message._fields[-1] == "signature":
        assert signed_part(message) == signed_part(message._replace(signature=b"another"))
        code, *fields = cbor2.loads(signed_part(message))
        assert len(fields) == len(message) - 1
        assert CODES[code][0] is type(message)


@given(ANY, st.data())
def test_cut_or_lengthened_bytes_are_refused(message, data):
    whole = encode(message)
    with pytest.raises(MessageError):
        decode(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(MessageError):
        decode(whole + data.draw(st.binary(min_size=1, max_size=3)))


TAGGED = {
    "decimal that is none": "c48261616162",
    "decimal too large": "c4821b7fffffffffffffff01",
    "bigfloat too large": "c5821a7fffffff01",
    "date too large": "d8641b7fffffffffffffff",
    "rational by zero": "d81e820100",
    "regular expression": "d8236128",
    "shared cycle": "d81c81d81d00",
    "set of maps": "d9010281a0",
    "map as a key": "a1a00001",
    "bad UTF-8": "61ff",
    "array of 2^63": "9b7fffffffffffffff",
    "2 GB of bytes": "5a7fffffff00",
    "indefinite array": "9f00ff",
    "indefinite bytes": "5f4100ff",
    "float": "f97e00",
    "undefined": "f7",
}


@pytest.mark.parametrize("hostile", TAGGED)
def test_cbor_that_no_message_holds_is_refused(hostile):
    """A general decoder builds decimals, sets and regular expressions from tags, and their errors come through."""
    item = bytes.fromhex(TAGGED[hostile])
    for data in (item, b"\x82\x01" + item, b"\x83\x03\x82\x01\x01" + item, b"\x82\x02\x82\x01" + item):
        with pytest.raises(MessageError):
            decode(data)


def test_deep_nesting_is_refused():
    with pytest.raises(MessageError):
        decode(b"\x81" * 200_000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes are no CBOR"),
        (b"\x80", "no message with a known code"),
        (b"\x81\x18\x63", "no message with a known code"),
        (b"\x81\xf5", "no message with a known code"),
        (b"\x81\x02", "Hello has 1 fields, not 0"),
        (b"\x82\x02\x81\x01", "is no array of 2 items"),
        (b"\x82\x02\x82\x01\x20", "is no unsigned 64-bit integer"),
        (b"\x82\x02\x82\x01\x61a", "is no unsigned 64-bit integer"),
        (b"\x82\x02\x82\x01\xf5", "is no unsigned 64-bit integer"),
        (b"\x82\x02\x82\x01\xc2\x49\x01" + bytes(8), "15 bytes are no CBOR of numbers, strings, arrays and booleans"),
        (b"\x83\x01\x61a\xf5", "is no byte string"),
        (b"\x82\x02\x82\x01\x18\x05", "is not in its one encoding"),
        (b"\x83\x01\x58\x01\x00\xf5", "is not in its one encoding"),
    ],
)
def test_the_reason_says_what_was_found(data, reason):
    with pytest.raises(MessageError, match=reason):
        decode(data)


@given(ANY, st.sampled_from([kind for kind, _ in CODES.values()]))
def test_where_one_kind_is_expected_no_other_is_read(message, kind):
    data = encode(message)
    assert decode_as(type(message), data) == message
    if type(message) is not kind:
        with pytest.raises(MessageError, match=f"^{type(message).__name__} is no {kind.__name__}$"):
            decode_as(kind, data)


def test_where_one_kind_is_expected_bytes_that_are_no_message_are_refused_as_ever():
    with pytest.raises(MessageError, match="0 bytes are no CBOR"):
        decode_as(Ack, b"")
