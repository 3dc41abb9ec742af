"""Bundles against RFC 9173's primary block with derived CRCs, pyd3tn both ways, cbor2, and damaged bytes."""

import struct
from collections.abc import Callable

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyd3tn import bundle7
from pyd3tn.helpers import UNIX_TO_DTN_OFFSET

from twin.pipeline.wire.bundle import NULL_ENDPOINT, Block, Bundle, BundleError, decode, encode, forward
from twin.pipeline.wire.crc import crc16_x25, crc32c

PAYLOAD = b"Ready to generate a 32-byte payload"
# RFC 9173 A.1: destination ipn:1.2, source and report-to ipn:2.1, created [0, 40], lifetime 1 000 000 ms.
RFC_9173 = Bundle((2, 1), (1, 2), (2, 1), 0, 40, 1_000_000, PAYLOAD, age_ms=300, must_not_fragment=False)
PRIMARY_X25 = "89070001820282010282028202018202820201820018281a000f424042b16f"
PRIMARY_CRC32C = "89070002820282010282028202018202820201820018281a000f42404483fc981b"
PAYLOAD_X25 = "8601010001" + "5823" + PAYLOAD.hex() + "425114"
PAYLOAD_CRC32C = "8601010002" + "5823" + PAYLOAD.hex() + "448f2b7e50"

VITALS = Bundle((10, 1), (20, 2), (10, 0), 1_047_340_805_000, 3, 86_400_000, bytes(range(100)))
FULL = VITALS._replace(age_ms=1234, hop_limit=30, hop_count=2, previous_node=(15, 0))

u64 = st.integers(0, 2**64 - 1)
endpoints = st.tuples(u64, u64)
named = endpoints.filter(lambda endpoint: endpoint != NULL_ENDPOINT)


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    extra = [
        Block(
            type=draw(st.sampled_from((2, 9, 11, 192, 2**40))),
            number=n,
            flags=draw(st.sampled_from((0, 1, 2, 8))),
            crc_type=draw(st.sampled_from((0, 1, 2))),
            content=draw(st.binary(max_size=9)),
        )
        for n in draw(st.lists(st.integers(2, 300), unique=True, max_size=3))
    ]
    return Bundle(
        source=draw(named),
        destination=draw(endpoints),
        report_to=draw(endpoints),
        created_ms=draw(st.integers(1, 2**64 - 1)),
        sequence=draw(u64),
        lifetime_ms=draw(u64),
        payload=draw(st.binary(max_size=300)),
        age_ms=draw(st.none() | u64),
        hop_limit=draw(st.none() | st.integers(1, 255)),
        must_not_fragment=draw(st.booleans()),
        crc_type=draw(st.sampled_from((1, 2))),
        other_flags=draw(st.sampled_from((0, 0x2, 0x20, 0x4040, 0x20000))),
        previous_node=draw(st.none() | named),
        extra=tuple(extra),
    )


def raw_block(fields: list[object], crc_type: int = 2) -> bytes:
    """A block of any fields, with a right CRC: what a careless or hostile peer could send."""
    if crc_type == 0:
        return cbor2.dumps(fields)
    blank = b"\x44\x00\x00\x00\x00" if crc_type == 2 else b"\x42\x00\x00"
    body = bytes((0x80 | (len(fields) + 1),)) + b"".join(map(cbor2.dumps, fields))
    if crc_type == 2:
        return body + cbor2.dumps(struct.pack(">I", crc32c(body + blank)))
    return body + cbor2.dumps(struct.pack(">H", crc16_x25(body + blank)))


def raw_bundle(*blocks: bytes, created_ms: int = 1000) -> bytes:
    primary = raw_block([7, 4, 2, [2, [1, 2]], [2, [2, 1]], [1, 0], [created_ms, 0], 5000])
    return b"\x9f" + primary + b"".join(blocks) + b"\xff"


PLAIN = raw_block([1, 1, 0, 2, b"x"])
AGE = raw_block([7, 2, 0, 2, b"\x05"])


# Written here


@pytest.mark.parametrize(
    ("crc_type", "primary", "payload"),
    [(1, PRIMARY_X25, PAYLOAD_X25), (2, PRIMARY_CRC32C, PAYLOAD_CRC32C)],
)
def test_blocks_agree_with_the_rfc_9173_example(crc_type: int, primary: str, payload: str) -> None:
    """The example has no age although it is created at 0, so an age block stands between the two."""
    written = encode(RFC_9173._replace(crc_type=crc_type)).hex()
    assert written.startswith("9f" + primary)
    assert written.endswith(payload + "ff")
    assert decode(bytes.fromhex(written)) == RFC_9173._replace(crc_type=crc_type)


@pytest.mark.parametrize("crc_type", [1, 2])
def test_pyd3tn_reads_every_field_of_our_bundles(crc_type: int) -> None:
    bundle = FULL._replace(crc_type=crc_type, created_ms=1_047_340_805_123)
    data = encode(bundle)
    theirs = bundle7.Bundle.parse(data)
    primary = theirs.primary_block
    assert str(primary.source) == "ipn:10.1"
    assert str(primary.destination) == "ipn:20.2"
    assert str(primary.report_to) == "ipn:10.0"
    assert list(primary.creation_time) == [bundle.created_ms, bundle.sequence]
    assert primary.lifetime == bundle.lifetime_ms
    assert primary.bundle_proc_flags == bundle7.BundleProcFlag.MUST_NOT_BE_FRAGMENTED
    assert primary.crc_type == crc_type
    assert primary.crc_provided == primary.calculate_crc()
    content = {block.block_type: cbor2.loads(block.data) for block in theirs.blocks}
    assert content[bundle7.BlockType.BUNDLE_AGE] == 1234
    assert content[bundle7.BlockType.HOP_COUNT] == [30, 2]
    assert content[bundle7.BlockType.PREVIOUS_NODE] == [2, [15, 0]]
    assert theirs.payload_block.data == bundle.payload
    for block in (*theirs.blocks, theirs.payload_block):
        assert block.crc_type == crc_type
        assert block.crc_provided == block.calculate_crc()
    assert bytes(theirs) == data


def test_pyd3tn_reads_the_null_endpoint() -> None:
    theirs = bundle7.Bundle.parse(encode(VITALS._replace(report_to=NULL_ENDPOINT)))
    assert str(theirs.primary_block.report_to) == "dtn:none"


@given(bundles())
@settings(deadline=None)
def test_a_bundle_reads_back(bundle: Bundle) -> None:
    data = encode(bundle)
    assert decode(data) == bundle
    assert encode(decode(data)) == data
    assert bundle.id == (bundle.source, bundle.created_ms, bundle.sequence)


@given(bundles())
@settings(deadline=None, max_examples=50)
def test_every_block_is_canonical_cbor(bundle: Bundle) -> None:
    data = encode(bundle)
    blocks = [cbor2.dumps(block, canonical=True) for block in cbor2.loads(data)]
    assert data == b"\x9f" + b"".join(blocks) + b"\xff"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"created_ms": 0}, "creation time 0 needs an age_ms"),
        ({"created_ms": -1}, "-1 is negative"),
        ({"sequence": 2**64}, "does not fit the 64 bits"),
        ({"lifetime_ms": -5}, "-5 is negative"),
        ({"destination": (2**64, 0)}, "does not fit the 64 bits"),
        ({"age_ms": -1}, "-1 is negative"),
        ({"crc_type": 0}, "CRC type 0: the primary block needs 1"),
        ({"hop_limit": 0}, "hop limit 0: must be 1 to 255"),
        ({"hop_limit": 256}, "hop limit 256: must be 1 to 255"),
        ({"other_flags": 1}, "other_flags 0x1: 0x1 and 0x4"),
        ({"other_flags": 0x4002}, "must not ask for reports"),
        ({"source": NULL_ENDPOINT, "must_not_fragment": False}, "must be marked must-not-fragment"),
        ({"extra": (Block(200, 1, 0, 0, b""),)}, "must differ and start at 2"),
        ({"extra": (Block(200, 2, 0, 0, b""), Block(201, 2, 0, 0, b""))}, "must differ and start at 2"),
        ({"extra": (Block(7, 2, 0, 0, b"\x00"),)}, "have fields of their own"),
    ],
)
def test_values_that_no_bundle_holds_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        encode(VITALS._replace(**change))  # type: ignore[arg-type]


# Written elsewhere


@pytest.mark.parametrize("crc_primary", [bundle7.CRCType.CRC16, bundle7.CRCType.CRC32])
@pytest.mark.parametrize("crc_other", list(bundle7.CRCType))
def test_bundles_written_by_pyd3tn_are_read(crc_primary: int, crc_other: int) -> None:
    data = bundle7.serialize_bundle7(
        "ipn:10.1",
        "ipn:20.2",
        PAYLOAD,
        report_to_eid="ipn:10.0",
        crc_type_primary=crc_primary,
        creation_timestamp=UNIX_TO_DTN_OFFSET + 1_047_340_805.5,
        sequence_number=9,
        lifetime=3600,
        flags=bundle7.BundleProcFlag.MUST_NOT_BE_FRAGMENTED | bundle7.BundleProcFlag.REPORT_DELIVERY,
        hop_limit=30,
        hop_count=4,
        bundle_age=12,
        previous_node_eid="ipn:15.0",
        crc_type_canonical=crc_other,
    )
    assert decode(data) == Bundle(
        source=(10, 1),
        destination=(20, 2),
        report_to=(10, 0),
        created_ms=1_047_340_805_500,
        sequence=9,
        lifetime_ms=3_600_000,
        payload=PAYLOAD,
        age_ms=12_000,
        hop_limit=30,
        hop_count=4,
        crc_type=crc_primary,
        other_flags=0x020000,
        previous_node=(15, 0),
    )


def test_a_source_without_a_clock_is_read_by_its_age() -> None:
    data = bundle7.serialize_bundle7("ipn:1.1", "ipn:2.1", b"", creation_timestamp=0, sequence_number=77, bundle_age=5)
    bundle = decode(data)
    assert (bundle.created_ms, bundle.sequence, bundle.age_ms) == (0, 77, 5000)
    assert bundle.report_to == NULL_ENDPOINT


@pytest.mark.parametrize(
    ("flags", "kept"),
    [(0x00, True), (0x01, True), (0x02, True), (0x10, False), (0x12, False)],
)
def test_an_unknown_block_is_kept_or_discarded_as_it_asks(flags: int, kept: bool) -> None:
    """Block processing control flags of RFC 9171 4.2.4; 192 and up are for private use."""
    unknown = raw_block([192, 5, flags, 0, b"?"], crc_type=0)
    data = raw_bundle(unknown, PLAIN)
    assert decode(data).extra == ((Block(192, 5, flags, 0, b"?"),) if kept else ())
    assert forward(data) == (data if kept else raw_bundle(PLAIN))


@pytest.mark.parametrize("read", [decode, forward])
def test_an_unknown_block_can_delete_the_bundle(read: Callable[[bytes], object]) -> None:
    with pytest.raises(BundleError, match="block of type 192: unknown here, and asks to delete the bundle"):
        read(raw_bundle(raw_block([192, 5, 0x04, 2, b"?"]), PLAIN))


def primary(*fields: object, crc_type: int = 2) -> bytes:
    return b"\x9f" + raw_block(list(fields), crc_type) + PLAIN + b"\xff"


EIDS: tuple[object, ...] = ([2, [1, 2]], [2, [2, 1]], [1, 0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "bundle starting nowhere: must start with an indefinite array"),
        (b"\x82" + encode(VITALS)[1:], "bundle starting 82890704: must start with an indefinite array"),
        (b"\x9f" * 100_000, "primary block: cut off, or not as in"),
        (b"\x9f" + b"\x99\xff\xff" * 50_000, "primary block: cut off, or not as in"),
        (b"\x06\x1a" * 20, "must start with an indefinite array"),
        (primary(6, 4, 2, *EIDS, [1, 0], 5), "primary block: version 06, must be 07"),
        (primary(7, 4, 0, *EIDS, [1, 0], 5, crc_type=0), "primary block: without CRC"),
        (primary(7, 1, 2, *EIDS, [1, 0], 5, 0, 99), "primary block: of a fragment"),
        (primary(7, 1, 2, *EIDS, [1, 0], 5), "marked as fragment, yet without offset"),
        (primary(7, 4, 3, *EIDS, [1, 0], 5), "not as in RFC 9171 4.3.1"),
        (primary(7, 4, 1, *EIDS, [1, 0], 5), "primary block: CRC mismatch"),
        (primary(7, 4, 2, [1, "//mars/"], *EIDS[1:], [1, 0], 5), "with ipn endpoints"),
        (primary(7, 4, 2, [2, [1, -2]], *EIDS[1:], [1, 0], 5), "not as in"),
        (primary(7, 4, 2, *EIDS, [1, 2**64], 5), "not as in"),
        (primary(7, 4, 2, *EIDS, [1, 0], 5.0), "not as in"),
        (primary(7, 0, 2, [2, [1, 2]], [1, 0], [1, 0], [1, 0], 5), "anonymous bundle"),
        (primary(7, 0x4002, 2, *EIDS, [1, 0], 5), "must not ask for reports"),
        (raw_bundle(PLAIN, created_ms=0), "creation time 0 without a Bundle Age block"),
        (raw_bundle(), "block at byte .*: not a canonical block"),
        (raw_bundle(AGE), "not a canonical block"),
        (raw_bundle(PLAIN, PLAIN), "payload block: must be the last block"),
        (raw_bundle(PLAIN, AGE), "payload block: must be the last block"),
        (raw_bundle(raw_block([1, 2, 0, 2, b"x"])), "payload block: has number 2, must have 1"),
        (raw_bundle(raw_block([7, 1, 0, 2, b"\x05"]), PLAIN), "number 1 is reserved or taken"),
        (raw_bundle(raw_block([192, 0, 0, 2, b""]), PLAIN), "number 0 is reserved or taken"),
        (raw_bundle(raw_block([192, 3, 0, 2, b""]), raw_block([193, 3, 0, 2, b""]), PLAIN), "number 3 is"),
        (raw_bundle(AGE, raw_block([7, 3, 0, 2, b"\x05"]), PLAIN), "block of type 7: occurs twice"),
        (raw_bundle(raw_block([7, 2, 0, 2, b"\x18\x05"]), PLAIN), "bundle age 1805: not an unsigned number"),
        (raw_bundle(raw_block([7, 2, 0, 2, b"\x05\x05"]), PLAIN), "bundle age 0505"),
        (raw_bundle(raw_block([10, 2, 0, 2, b"\x82\x00\x00"]), PLAIN), "hop limit 0: must be 1 to 255"),
        (raw_bundle(raw_block([10, 2, 0, 2, b"\x81\x05"]), PLAIN), "hop count 8105: not"),
        (raw_bundle(raw_block([6, 2, 0, 2, b"\x81" * 5000]), PLAIN), "neither dtn:none nor ipn"),
        (raw_bundle(raw_block([1, 1, 0, 3, b"x"])), "not a canonical block"),
        (raw_bundle(raw_block([1, 1, 0, 0, b"x"])), "with a CRC that it does not announce"),
        (raw_bundle(raw_block([1, 1, 0, 2, b"x"], crc_type=0)), "without the CRC that it announces"),
        (raw_bundle(raw_block([1, 1, 0, 2, b"x"], crc_type=1)), "without the CRC that it announces"),
        (raw_bundle(raw_block([1, 1, 0, 2, "x"])), "not a canonical block"),
        (raw_bundle(PLAIN[:5] + b"\x5b\x7f" + b"\xff" * 7 + PLAIN[6:]), "cut off"),
        (raw_bundle(PLAIN)[:-1], "the closing ff is missing"),
        (raw_bundle(PLAIN) + b"\x00\x00", "2 bytes follow its end"),
    ],
)
def test_malformed_bundles_are_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        decode(data)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("8907", "891807"),
        ("82028201", "8202821801"),
        ("1903e8", "1a000003e8"),
        ("191388", "1b0000000000001388"),
    ],
)
def test_longer_forms_of_numbers_in_the_primary_block_are_refused(short: str, long: str) -> None:
    """With the CRC made right, so that only the form can be the reason."""
    data = raw_bundle(PLAIN).hex()
    cut = data.index("44", data.index("191388"))  # where the CRC begins, after the lifetime
    fields, rest = data[2:cut].replace(short, long, 1), data[cut + 2 + 8 :]
    assert long in fields
    crc = crc32c(bytes.fromhex(fields + "4400000000"))
    with pytest.raises(BundleError, match=r"deterministic CBOR|version 18, must be 07"):
        decode(bytes.fromhex(f"9f{fields}44{crc:08x}{rest}"))


@pytest.mark.parametrize("crc_type", [1, 2])
def test_every_flipped_bit_is_noticed(crc_type: int) -> None:
    data = encode(FULL._replace(crc_type=crc_type, payload=b"pulse"))
    for position in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            with pytest.raises(BundleError):
                decode(bytes(damaged))


def test_every_truncation_is_noticed() -> None:
    data = encode(FULL)
    for size in range(len(data)):
        with pytest.raises(BundleError):
            decode(data[:size])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 3))
def test_any_blocks_after_the_primary_raise_bundle_error_only(noise: bytes, number: int) -> None:
    data = raw_bundle(noise, *([PLAIN] * number))
    for read in (decode, forward):
        try:
            read(data)
        except BundleError:
            continue


# Passed on


def test_forwarding_ages_counts_and_forgets_the_previous_node() -> None:
    data = forward(encode(FULL), added_age_ms=70_000)
    assert decode(data) == FULL._replace(age_ms=71_234, hop_count=3, previous_node=None)
    assert bundle7.Bundle.parse(data).payload_block.data == FULL.payload


def test_forwarding_leaves_primary_block_and_payload_block_alone() -> None:
    before, after = encode(FULL), forward(encode(FULL), added_age_ms=1)
    bare = encode(VITALS)
    payload_at = bare.index(b"\x86\x01\x01")
    for data in (before, after):
        assert data.startswith(bare[:payload_at])
        assert data.endswith(bare[payload_at:])
    assert after != before


def test_forwarding_a_bundle_without_age_or_hops_returns_the_same_bytes() -> None:
    data = encode(VITALS)
    assert forward(data, added_age_ms=99) == data


def test_forwarding_keeps_unknown_blocks_as_they_are() -> None:
    extra = (Block(192, 9, 1, 0, b"z"), Block(2**40, 300, 0, 1, b"\xff" * 30))
    bundle = FULL._replace(extra=extra)
    assert decode(forward(encode(bundle))) == bundle._replace(hop_count=3, previous_node=None)


def test_a_bundle_beyond_its_hop_limit_is_not_forwarded() -> None:
    data = encode(VITALS._replace(hop_limit=2))
    for _ in range(2):
        data = forward(data)
    with pytest.raises(BundleError, match="hop count: the bundle has made 2 of 2 hops; delete it"):
        forward(data)


@pytest.mark.parametrize("added_age_ms", [1, -(2**64)])
def test_an_age_beyond_64_bits_is_not_passed_on(added_age_ms: int) -> None:
    with pytest.raises(BundleError, match="bundle age"):
        forward(encode(VITALS._replace(age_ms=2**64 - 1)), added_age_ms=added_age_ms)


def test_a_damaged_age_is_not_passed_on() -> None:
    data = bytearray(encode(VITALS._replace(age_ms=1234)))
    data[data.index(b"\x19\x04\xd2") + 1] ^= 1
    with pytest.raises(BundleError, match=r"type 7\): CRC mismatch"):
        forward(bytes(data))


@pytest.mark.parametrize("data", [b"", b"\x9f", encode(FULL)[:60], b"\x9f\xff"])
def test_forwarding_what_is_no_bundle_raises_bundle_error(data: bytes) -> None:
    with pytest.raises(BundleError):
        forward(data)
