"""RFC 9173 Appendix A.1 to A.4, both ways: our encoders write the examples' security blocks, our verifiers take them.

The examples' bundles have a primary block without CRC, which no node here takes, so the tests work on blocks.
Cross-checked with NASA-AMMOS/BSL.
"""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from twin.pipeline.wire import bcb_gcm, bib_hmac
from twin.pipeline.wire.bcb_gcm import A128GCM, A256GCM, Confidentiality
from twin.pipeline.wire.bib_hmac import SHA256, SHA384, SHA512
from twin.pipeline.wire.blocks import Block, encode_block, read_block
from twin.pipeline.wire.bundle import BundleError, decode

PAYLOAD = Block(1, 1, 0, 0, b"Ready to generate a 32-byte payload")
AGE = Block(7, 2, 0, 0, bytes.fromhex("19012c"))
PRIMARY = bytes.fromhex("88070000820282010282028202018202820201820018281a000f4240")
MAC_KEY = bytes.fromhex("1a2b" * 8)
CONTENT_KEY = bytes.fromhex("71776572747975696f70617364666768")
WRAPPING_KEY = bytes.fromhex("6162636465666768696a6b6c6d6e6f70")
IV = bytes.fromhex("5477656c7665313231323132")
SOURCE, WAYPOINT = (2, 1), (3, 0)

PRIMARY_HEX = PRIMARY.hex()
PAYLOAD_HEX = "85010100005823526561647920746f2067656e657261746520612033322d62797465207061796c6f6164"
A1_INTEGRITY = (
    "850b0200005856810101018202820201828201078203008181820158403bdc69b3a34a2b5d3a8554368bd1e808f606219d2a10a846eae388"
    "6ae4ecc83c4ee550fdfb1cc636b904e2f1a73e303dcd4b6ccece003e95e8164dcc89a156e1"
)
A2_CONFIDENTIALITY = (
    "850c02010058508101020182028202018482014c5477656c76653132313231328202018203581869c411276fecddc4780df42c8a2af89296"
    "fabf34d7fae7008204008181820150efa4b5ac0108e3816c5606479801bc04"
)
A2_PAYLOAD = "850101000058233a09c1e63fe23a7f66a59c7303837241e070b02619fc59c5214a22f08cd70795e73e9a"
A3_INTEGRITY = (
    "850b030000585c8200020101820282030082820105820300828182015820cac6ce8e4c5dae57988b757e49a6dd1431dc04763541b2845098"
    "265bc817241b81820158203ed614c0d97f49b3633627779aa18a338d212bf3c92b97759d9739cd50725596"
)
A3_CONFIDENTIALITY = (
    "850c04010058348101020182028202018382014c5477656c7665313231323132820201820400818182"
    "0150efa4b5ac0108e3816c5606479801bc04"
)
A4_INTEGRITY = (
    "850b030000584681010101820282020182820106820307818182015830f75fe4c37f76f046165855bd5ff72fbfd4e3a64b4695c40e2b787d"
    "a005ae819f0a2e30a2e8b325527de8aefb52e73d71"
)
A4_INTEGRITY_SEALED = (
    "850b0300005846438ed6208eb1c1ffb94d952175167df0902902064a2983910c4fb2340790bf420a7d1921d5bf7c4721e02ab87a93ab1e0b"
    "75cf62e4948727c8b5dae46ed2af05439b88029191"
)
A4_CONFIDENTIALITY = (
    "850c0201005849820301020182028202018382014c5477656c7665313231323132820203820407828182015022"
    "0ffc45c8a901999ecc60991dd78b2981820150d2c51cb2481792dae8b21d848cede99b"
)
A4_PAYLOAD = "8501010000582390eab6457593379298a8724e16e61f837488e127212b59ac91f8a86287b7d07630a122"


def block(hexadecimal: str) -> Block:
    """The one block in these bytes."""
    data = bytes.fromhex(hexadecimal)
    read, end = read_block(data, 0)
    assert end == len(data)
    return read


def integrity(number: int) -> Block:
    return Block(11, number, 0, 0, b"")


def confidentiality(number: int) -> Block:
    return Block(12, number, 1, 0, b"")


def test_the_plain_blocks_are_those_of_the_examples() -> None:
    assert encode_block(PAYLOAD).hex() == PAYLOAD_HEX
    assert encode_block(AGE).hex() == "85070200004319012c"


def test_a1_integrity_of_the_payload() -> None:
    signed = bib_hmac.sign(MAC_KEY, integrity(2), SOURCE, [PAYLOAD], PRIMARY, SHA512, scope=0)
    assert encode_block(signed).hex() == A1_INTEGRITY
    said = bib_hmac.verify(MAC_KEY, block(A1_INTEGRITY), {1: PAYLOAD}, PRIMARY)
    assert (said.targets, said.source) == ((1,), SOURCE)


def test_a2_confidentiality_of_the_payload_under_a_wrapped_key() -> None:
    wrapped = aes_key_wrap(WRAPPING_KEY, CONTENT_KEY)
    cipher = AESGCM(CONTENT_KEY)
    sealed, payload = bcb_gcm.encrypt(
        cipher, confidentiality(2), SOURCE, PAYLOAD, PRIMARY, IV, A128GCM, scope=0, wrapped_key=wrapped
    )
    assert encode_block(sealed).hex() == A2_CONFIDENTIALITY
    assert encode_block(payload).hex() == A2_PAYLOAD
    theirs = block(A2_CONFIDENTIALITY)
    said = bcb_gcm.decode(theirs.content)
    assert said.wrapped_key is not None
    content_key = aes_key_unwrap(WRAPPING_KEY, said.wrapped_key)
    assert bcb_gcm.decrypt(AESGCM(content_key), theirs, said, {1: block(A2_PAYLOAD)}, PRIMARY) == (PAYLOAD,)


def test_a3_integrity_of_primary_and_age_block_by_a_waypoint() -> None:
    signed = bib_hmac.sign(MAC_KEY, integrity(3), WAYPOINT, [None, AGE], PRIMARY, SHA256, scope=0)
    assert encode_block(signed).hex() == A3_INTEGRITY
    said = bib_hmac.verify(MAC_KEY, block(A3_INTEGRITY), {1: block(A2_PAYLOAD), 2: AGE}, PRIMARY)
    assert (said.targets, said.source) == ((0, 2), WAYPOINT)


def test_a3_confidentiality_of_the_payload() -> None:
    cipher = AESGCM(CONTENT_KEY)
    sealed, payload = bcb_gcm.encrypt(cipher, confidentiality(4), SOURCE, PAYLOAD, PRIMARY, IV, A128GCM, scope=0)
    assert encode_block(sealed).hex() == A3_CONFIDENTIALITY
    assert encode_block(payload).hex() == A2_PAYLOAD
    theirs = block(A3_CONFIDENTIALITY)
    assert bcb_gcm.decrypt(cipher, theirs, bcb_gcm.decode(theirs.content), {1: payload}, PRIMARY) == (PAYLOAD,)


def test_a4_integrity_with_full_scope() -> None:
    signed = bib_hmac.sign(MAC_KEY, integrity(3), SOURCE, [PAYLOAD], PRIMARY, SHA384)
    assert encode_block(signed).hex() == A4_INTEGRITY
    bib_hmac.verify(MAC_KEY, block(A4_INTEGRITY), {1: PAYLOAD}, PRIMARY)


def test_a4_confidentiality_of_payload_and_integrity_block() -> None:
    """The example seals two targets under one vector; ours seals one per block, so its two halves are compared."""
    cipher = AESGCM(CONTENT_KEY * 2)
    signed = block(A4_INTEGRITY)
    halves = [bcb_gcm.encrypt(cipher, confidentiality(2), SOURCE, part, PRIMARY, IV) for part in (signed, PAYLOAD)]
    assert [encode_block(target).hex() for _, target in halves] == [A4_INTEGRITY_SEALED, A4_PAYLOAD]
    tags = tuple(bcb_gcm.decode(half.content).tags[0] for half, _ in halves)
    both = bcb_gcm.encode(Confidentiality(SOURCE, tags, IV, A256GCM, 7, None))
    assert encode_block(confidentiality(2)._replace(content=both)).hex() == A4_CONFIDENTIALITY
    theirs = block(A4_CONFIDENTIALITY)
    found = {1: block(A4_PAYLOAD), 3: block(A4_INTEGRITY_SEALED)}
    clear = bcb_gcm.decrypt(cipher, theirs, bcb_gcm.decode(theirs.content), found, PRIMARY)
    assert clear == (signed, PAYLOAD)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({1: PAYLOAD._replace(content=b"ready")}, "keyed hash of block 1 does not match"),
        ({1: PAYLOAD._replace(flags=1)}, "keyed hash of block 1 does not match"),
        ({}, "its target, block 1, is missing"),
        ({1: PAYLOAD._replace(crc_type=2)}, "its target, block 1, has a CRC"),
        ({1: integrity(1)}, "targets a security block"),
    ],
)
def test_an_integrity_block_does_not_fit_other_blocks(changed: dict[int, Block], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        bib_hmac.verify(MAC_KEY, block(A4_INTEGRITY), changed, PRIMARY)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({1: PAYLOAD}, "block 1 was changed, or this is not its key"),
        ({1: block(A4_PAYLOAD)._replace(flags=1)}, "block 1 was changed"),
        ({3: block(A4_INTEGRITY_SEALED)}, "its target, block 1, is missing"),
        ({1: block(A4_PAYLOAD)._replace(crc_type=1)}, "its target, block 1, has a CRC"),
        ({3: confidentiality(3)}, "targets another"),
    ],
)
def test_a_confidentiality_block_does_not_fit_other_blocks(changed: dict[int, Block], message: str) -> None:
    theirs = block(A4_CONFIDENTIALITY)
    found = {1: block(A4_PAYLOAD), 3: block(A4_INTEGRITY_SEALED)} | changed
    if "missing" in message:
        found = changed
    with pytest.raises(BundleError, match=message):
        bcb_gcm.decrypt(AESGCM(CONTENT_KEY * 2), theirs, bcb_gcm.decode(theirs.content), found, PRIMARY)


@pytest.mark.parametrize(("flags", "message"), [(0x11, "asks to be discarded"), (0x00, "not in every fragment")])
def test_a_confidentiality_block_must_stay_in_the_bundle_and_in_every_fragment(flags: int, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        bcb_gcm.encrypt(AESGCM(CONTENT_KEY), Block(12, 2, flags, 0, b""), SOURCE, PAYLOAD, PRIMARY, IV)


def content_of(hexadecimal: str, old: str, new: str) -> bytes:
    """Content of a security block in which some bytes are replaced."""
    content = block(hexadecimal).content.hex()
    assert content.count(old) == 1
    return bytes.fromhex(content.replace(old, new))


BCB_HEAD = "8101020182028202018482014c"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no array in shortest form at byte 0"),
        (block(A4_CONFIDENTIALITY).content + b"\x00", "1 bytes follow its results"),
        (block(A4_CONFIDENTIALITY).content[:-1], "is cut off, 1 bytes are missing"),
        (content_of(A2_CONFIDENTIALITY, BCB_HEAD, "80" + BCB_HEAD[4:]), "has no target"),
        (content_of(A2_CONFIDENTIALITY, BCB_HEAD, "820101" + BCB_HEAD[4:]), "has no target, or one twice"),
        (content_of(A2_CONFIDENTIALITY, BCB_HEAD, "820102" + BCB_HEAD[4:]), "1 groups of results for 2 targets"),
        (content_of(A2_CONFIDENTIALITY, BCB_HEAD, "9b" + "ff" * 8 + BCB_HEAD[4:]), "no array in shortest form"),
        (content_of(A2_CONFIDENTIALITY, BCB_HEAD, "99ffff01" + BCB_HEAD[4:]), "no unsigned number"),
        (content_of(A2_CONFIDENTIALITY, BCB_HEAD, "81180102" + BCB_HEAD[6:]), "no unsigned number in shortest form"),
        (content_of(A2_CONFIDENTIALITY, BCB_HEAD, "81010101" + BCB_HEAD[8:]), "not of context 2"),
        (content_of(A2_CONFIDENTIALITY, BCB_HEAD, "81012001" + BCB_HEAD[8:]), "not of context 2"),
        (content_of(A2_CONFIDENTIALITY, BCB_HEAD, "81010202" + BCB_HEAD[8:]), r"flags \(0 or 1\)"),
        (content_of(A2_CONFIDENTIALITY, "82028202018482", "8201008482"), "its source is nobody"),
        (content_of(A2_CONFIDENTIALITY, "82020182035818", "82020282035818"), "AES variant 2 is neither 1 nor 3"),
        (content_of(A2_CONFIDENTIALITY, "82020182035818", "82014182035818"), "stands twice|cut off|no pair"),
        (content_of(A2_CONFIDENTIALITY, "8204008181", "8204088181"), "scope flags 8 are not among 0 to 7"),
        (content_of(A2_CONFIDENTIALITY, "8204008181", "8205008181"), "parameters unknown there"),
        (content_of(A2_CONFIDENTIALITY, "4c" + IV.hex(), "4b" + IV.hex()[2:]), "no initialization vector of 12 bytes"),
        (content_of(A2_CONFIDENTIALITY, "8181820150", "8181820250"), "its result is not one authentication tag"),
        (content_of(A2_CONFIDENTIALITY, "8181820150ef", "818182014f"), "tag of 15 bytes, not 16"),
        (content_of(A3_CONFIDENTIALITY, "81010201820282020183", "81010201820282020180"), "has none"),
        (content_of(A3_CONFIDENTIALITY, "82014c", "a2014c"), "no pair of id and value"),
        (content_of(A3_CONFIDENTIALITY, "8202018204", "8202618204"), "no byte string"),
    ],
)
def test_other_forms_of_a_confidentiality_block_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        bcb_gcm.decode(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (content_of(A1_INTEGRITY, "82820107", "82820104"), "SHA variant 4 is none of 5, 6, 7"),
        (content_of(A1_INTEGRITY, "820300", "820308"), "scope flags 8 are not among 0 to 7"),
        (content_of(A1_INTEGRITY, "820300", "820400"), "parameters unknown there"),
        (content_of(A1_INTEGRITY, "81010101", "81010201"), "not of context 1"),
        (content_of(A1_INTEGRITY, "8181820158", "8181820258"), "its result is not one keyed hash"),
        (content_of(A1_INTEGRITY, "82820107820300", "82820107820107"), "stands twice"),
        (content_of(A1_INTEGRITY, "81820158403b", "818201583f"), "keyed hash of block 1 does not match"),
    ],
)
def test_other_forms_of_an_integrity_block_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        bib_hmac.verify(MAC_KEY, integrity(2)._replace(content=content), {1: PAYLOAD}, PRIMARY)


def test_parameters_that_are_not_given_have_the_values_of_the_rfc() -> None:
    """SHA-384 and A256GCM, everything in scope (RFC 9173 3.3 and 4.3)."""
    bare = content_of(A4_INTEGRITY, "01820282020182820106820307", "008202820201")
    bib_hmac.verify(MAC_KEY, integrity(3)._replace(content=bare), {1: PAYLOAD}, PRIMARY)
    only_iv = content_of(A4_CONFIDENTIALITY, "8382014c" + IV.hex() + "820203820407", "8182014c" + IV.hex())
    assert bcb_gcm.decode(only_iv) == bcb_gcm.decode(block(A4_CONFIDENTIALITY).content)


def test_a_bundle_whose_primary_block_has_no_crc_is_refused() -> None:
    example = "9f" + PRIMARY_HEX + A1_INTEGRITY + PAYLOAD_HEX + "ff"
    with pytest.raises(BundleError, match="without CRC"):
        decode(bytes.fromhex(example))
