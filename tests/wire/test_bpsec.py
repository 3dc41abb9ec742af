"""Protected bundles: read back, checked against another implementation of the crypto, refused after any change."""

import hmac
from enum import IntEnum

import cbor2
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from pyd3tn import bundle7

from twin.pipeline.wire import bcb_gcm, bib_hmac
from twin.pipeline.wire.blocks import Block, encode_block, read_block
from twin.pipeline.wire.bpsec import SEALING_BYTES_MAX, HopKeys, Sealed, WrongKeyError, read_sealed, seal, unseal
from twin.pipeline.wire.bundle import BundleError, Flow, decode, encode_flow, encode_payload, forward
from twin.pipeline.wire.primary import encode_primary, end_of_primary

MAC, AES = bytes(range(32)), bytes(range(32, 64))
KEYS = HopKeys(MAC, AESGCM(AES))
EDGE, EARTH = (11, 1), (1, 1)
FLOW = Flow(0, True, 2, EARTH, EDGE, EDGE)
CREATED_MS, SEQUENCE, LIFETIME_MS = 1_046_563_200_000, 9, 86_400_000
IVS = (b"payload's iv", b"the bib's iv")
VITALS = b"heart rate 71, oxygen saturation 97"


def sealed_bundle(payload: bytes = VITALS, flow: Flow = FLOW, ivs: tuple[bytes, bytes] = IVS) -> bytes:
    return seal(encode_primary(flow, CREATED_MS, SEQUENCE, LIFETIME_MS), flow.source, payload, KEYS, *ivs)


def open_up(data: bytes) -> bytes:
    return unseal(read_sealed(data), KEYS)


def parts(data: bytes) -> tuple[bytes, list[Block]]:
    """Primary block and other blocks of a bundle."""
    position = end_of_primary(data)
    primary = data[1:position]
    blocks = []
    while data[position] != 0xFF:
        block, position = read_block(data, position)
        blocks.append(block)
    return primary, blocks


def joined(primary: bytes, blocks: list[Block]) -> bytes:
    return b"\x9f" + primary + b"".join(map(encode_block, blocks)) + b"\xff"


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_a_payload_comes_out_as_it_went_in(payload: bytes) -> None:
    sealed = read_sealed(sealed_bundle(payload))
    assert unseal(sealed, KEYS) == payload
    assert (sealed.flow, sealed.created_ms, sealed.lifetime_ms) == (FLOW, CREATED_MS, LIFETIME_MS)
    assert (sealed.payload_said.iv, sealed.integrity_said.iv) == IVS


def test_the_layout_is_that_of_the_rfcs_computed_here_once_more() -> None:
    """With a general CBOR encoder, hmac and AES-GCM, by RFC 9173 3.7, 3.8, 4.7 and 4.8."""
    primary = encode_primary(FLOW, CREATED_MS, SEQUENCE, LIFETIME_MS)
    payload_header, bib_header = cbor2.dumps(1) * 2 + b"\x00", cbor2.dumps(11) + b"\x02\x00"
    text = b"\x07" + primary + payload_header + bib_header + cbor2.dumps(VITALS)
    source = [2, [11, 1]]

    def sequence(*items: object) -> bytes:
        return b"".join(map(cbor2.dumps, items))

    mac = hmac.digest(MAC, text, "sha256")
    bib = sequence([1], 1, 1, source, [[1, 5], [3, 7]], [[[1, mac]]])
    aead = AESGCM(AES)
    over_payload = aead.encrypt(IVS[0], VITALS, b"\x07" + primary + payload_header + b"\x0c\x03\x01")
    over_bib = aead.encrypt(IVS[1], bib, b"\x07" + primary + bib_header + b"\x0c\x04\x00")

    def confidentiality(target: int, iv: bytes, tag: bytes) -> bytes:
        return sequence([target], 2, 1, source, [[1, iv], [2, 3], [4, 7]], [[[1, tag]]])

    expected = [
        [12, 3, 1, 0, confidentiality(1, IVS[0], over_payload[-16:])],
        [12, 4, 0, 0, confidentiality(2, IVS[1], over_bib[-16:])],
        [11, 2, 0, 0, over_bib[:-16]],
        [1, 1, 0, 0, over_payload[:-16]],
    ]
    assert sealed_bundle() == b"\x9f" + primary + b"".join(map(cbor2.dumps, expected)) + b"\xff"


def test_no_byte_of_the_payload_stands_in_clear() -> None:
    data = sealed_bundle(b"\xa5" * 64)
    assert b"\xa5\xa5\xa5" not in data


def test_pyd3tn_reads_the_outer_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is told that types 11 and 12 exist: the list of pyd3tn 0.14 ends at 10."""
    known = {kind.name: kind.value for kind in bundle7.BlockType}
    monkeypatch.setattr(bundle7, "BlockType", IntEnum("BlockType", known | {"BIB": 11, "BCB": 12}))
    data = sealed_bundle()
    theirs = bundle7.Bundle.parse(data)
    primary = theirs.primary_block
    assert (str(primary.source), str(primary.destination)) == ("ipn:11.1", "ipn:1.1")
    assert primary.crc_provided == primary.calculate_crc()
    assert [(int(block.block_type), block.block_number) for block in theirs.blocks] == [(12, 3), (12, 4), (11, 2)]
    assert len(theirs.payload_block.data) == len(VITALS)
    assert bytes(theirs) == data


def test_a_node_without_keys_passes_a_protected_bundle_on_as_it_is() -> None:
    data = sealed_bundle()
    assert forward(data) is not None
    assert forward(data) == data
    assert [block.type for block in decode(data).extra] == [12, 12, 11]


def test_blocks_that_relays_add_do_not_break_the_protection() -> None:
    primary, blocks = parts(sealed_bundle())
    hops = Block(10, 7, 0, 2, bytes.fromhex("82181e01"))
    previous = Block(6, 8, 0, 2, bytes.fromhex("8202820f00"))
    assert open_up(joined(primary, [hops, *blocks[:-1], previous, blocks[-1]])) == VITALS


@pytest.mark.parametrize("payload", [b"", VITALS, bytes(70_000)])
@pytest.mark.parametrize("node", [1, 2**64 - 1])
def test_protection_adds_at_most_what_is_planned_for(payload: bytes, node: int) -> None:
    flow = Flow(0, True, 2, (node, node), (node, node), (node, node))
    plain = encode_payload(encode_flow(flow), CREATED_MS, SEQUENCE, LIFETIME_MS, payload)
    added = len(sealed_bundle(payload, flow)) - len(plain)
    assert added <= SEALING_BYTES_MAX
    assert node == 1 or added == SEALING_BYTES_MAX


# ------------------------------------------------------------ changed on the way


def test_every_flipped_bit_is_refused() -> None:
    data = sealed_bundle()
    for position in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            with pytest.raises(BundleError):
                open_up(bytes(damaged))


def test_every_truncation_is_refused() -> None:
    data = sealed_bundle()
    for size in range(len(data)):
        with pytest.raises(BundleError):
            open_up(data[:size])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_bundles_raise_bundle_error_only(data: st.DataObject) -> None:
    whole = sealed_bundle(data.draw(st.binary(max_size=40)))
    octets = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(octets)))
        end = min(start + data.draw(st.integers(0, 3)), len(octets))
        octets[start:end] = data.draw(st.binary(max_size=4))
    if bytes(octets) != whole:
        with pytest.raises(BundleError):
            open_up(bytes(octets))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from((11, 12)), st.integers(2, 4), st.binary(max_size=80), st.integers(0, 3))
def test_any_security_block_raises_bundle_error_only(kind: int, number: int, content: bytes, place: int) -> None:
    primary, blocks = parts(sealed_bundle())
    blocks[place : place + (place < 3)] = [Block(kind, number, 1, 0, content)]
    with pytest.raises(BundleError):
        open_up(joined(primary, blocks))


def test_another_key_is_told_from_a_change() -> None:
    sealed = read_sealed(sealed_bundle())
    for keys in (HopKeys(MAC, AESGCM(MAC)), HopKeys(AES, AESGCM(bytes(32)))):
        with pytest.raises(WrongKeyError, match="was changed, or this is not its key"):
            unseal(sealed, keys)
    with pytest.raises(BundleError, match="keyed hash of block 1 does not match") as found:
        unseal(sealed, HopKeys(AES, KEYS.cipher))
    assert not isinstance(found.value, WrongKeyError)


def test_blocks_of_two_bundles_do_not_mix() -> None:
    one, other = (
        sealed_bundle(b"first", ivs=(b"a" * 12, b"b" * 12)),
        sealed_bundle(b"other", ivs=(b"c" * 12, b"d" * 12)),
    )
    primary, mine = parts(one)
    theirs = parts(other)[1]
    assert open_up(joined(primary, theirs)) == b"other"  # the two have one primary block: same bundle, sent twice
    for place in range(4):
        mixed = [*mine]
        mixed[place] = theirs[place]
        with pytest.raises(BundleError):
            open_up(joined(primary, mixed))
    later = encode_primary(FLOW, CREATED_MS + 1, SEQUENCE, LIFETIME_MS)
    with pytest.raises(WrongKeyError):
        open_up(joined(later, mine))


# ------------------------------------------------------------ other layouts


def forged(
    change_bcb: dict[str, object] | None = None, sign_as: tuple[int, int] = EDGE, variant: int = 5, scope: int = 7
) -> bytes:
    """A bundle by someone who holds the keys and keeps to another layout."""
    primary = encode_primary(FLOW, CREATED_MS, SEQUENCE, LIFETIME_MS)
    clear = Block(1, 1, 0, 0, VITALS)
    bib = bib_hmac.sign(MAC, Block(11, 2, 0, 0, b""), sign_as, [clear], primary, variant, scope)
    options: dict[str, object] = {"source": EDGE, "iv": IVS[0]} | (change_bcb or {})
    over_payload, payload = bcb_gcm.encrypt(
        KEYS.cipher,
        Block(12, 3, 1, 0, b""),
        target=clear,
        primary=primary,
        **options,  # type: ignore[arg-type]
    )
    over_bib, bib = bcb_gcm.encrypt(KEYS.cipher, Block(12, 4, 0, 0, b""), EDGE, bib, primary, IVS[1])
    return joined(primary, [over_payload, over_bib, bib, payload])


def test_the_forger_can_write_our_layout() -> None:
    assert forged() == sealed_bundle()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (forged({"iv": IVS[1]}), "one initialization vector for two blocks"),
        (forged({"source": (12, 1)}), "must be the source's, of one block, with A256GCM"),
        (forged({"variant": 1}), "with A256GCM"),
        (forged({"scope": 6}), "full scope"),
        (forged({"wrapped_key": bytes(40)}), "an agreed key"),
        (forged(sign_as=(12, 1)), "integrity block: must be the source's"),
        (forged(variant=7), "with SHA-256"),
        (forged(scope=3), "and full scope"),
    ],
)
def test_other_parameters_are_refused_even_under_the_right_keys(data: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        open_up(data)


def layouts() -> dict[str, tuple[bytes, str]]:
    primary, (over_payload, over_bib, bib, payload) = parts(sealed_bundle())
    unknown = encode_primary(FLOW, 0, SEQUENCE, LIFETIME_MS)
    age = Block(7, 9, 0, 2, b"\x05")
    both = "not protected by one integrity block and a confidentiality block of each"
    return {
        "in clear": (joined(primary, [payload]), "unprotected"),
        "only an age": (joined(primary, [age, payload]), both),
        "payload only": (joined(primary, [over_payload, payload]), both),
        "no integrity": (joined(primary, [over_payload, over_bib, payload]), both),
        "integrity in clear": (joined(primary, [over_payload, bib, payload]), both),
        "integrity only": (joined(primary, [over_bib, bib, payload]), both),
        "no creation time": (joined(unknown, [age, over_payload, over_bib, bib, payload]), "needs a creation time"),
        "nothing after": (joined(primary, [over_payload, over_bib, bib, payload])[:-1], "closing ff is missing"),
        "payload with CRC": (joined(primary, [over_payload, over_bib, bib, payload._replace(crc_type=2)]), "has a CRC"),
        "payload's number": (joined(primary, [over_payload, over_bib, bib, payload._replace(number=5)]), "must have 1"),
    }


@pytest.mark.parametrize("case", layouts())
def test_other_layouts_are_refused(case: str) -> None:
    data, message = layouts()[case]
    with pytest.raises(BundleError, match=message):
        open_up(data)


def test_reading_needs_no_key_and_keeps_no_more_than_the_bundle() -> None:
    sealed = read_sealed(sealed_bundle(bytes(1000)))
    assert isinstance(sealed, Sealed)
    held = sum(len(block.content) for block in (sealed.payload, sealed.integrity)) + len(sealed.primary)
    assert held < 1000 + 150
