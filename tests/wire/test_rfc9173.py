"""RFC 9173 Appendix A: our canonical blocks are those of the examples, and the examples' security results follow from
them.

The pipeline carries security blocks unread so far; what is shown here is that the encodings which BPSec will sign and
encrypt are right to the byte. Values: RFC 9173 A.1 to A.4, cross-checked with NASA-AMMOS/BSL.
"""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from twin.pipeline.wire.blocks import Block, encode_block
from twin.pipeline.wire.bundle import Bundle, BundleError, decode, encode
from twin.pipeline.wire.cbor import BYTES, head

PAYLOAD = b"Ready to generate a 32-byte payload"
PRIMARY = bytes.fromhex("88070000820282010282028202018202820201820018281a000f4240")
MAC_KEY = bytes.fromhex("1a2b" * 8)
CONTENT_KEY = bytes.fromhex("71776572747975696f70617364666768")
WRAPPING_KEY = bytes.fromhex("6162636465666768696a6b6c6d6e6f70")
IV = bytes.fromhex("5477656c7665313231323132")
A1_MAC = (
    "3bdc69b3a34a2b5d3a8554368bd1e808f606219d2a10a846eae3886ae4ecc83c"
    "4ee550fdfb1cc636b904e2f1a73e303dcd4b6ccece003e95e8164dcc89a156e1"
)


def as_string(content: bytes) -> bytes:
    """A CBOR byte string."""
    return head(BYTES, len(content)) + content


def mac(digest: str, text: bytes) -> str:
    return hmac.digest(MAC_KEY, text, digest).hex()


def test_the_payload_block_is_that_of_the_examples() -> None:
    expected = "85010100005823526561647920746f2067656e657261746520612033322d62797465207061796c6f6164"
    assert encode_block(Block(1, 1, 0, 0, PAYLOAD)).hex() == expected


def test_a1_integrity_of_the_payload() -> None:
    assert mac("sha512", b"\x00" + as_string(PAYLOAD)) == A1_MAC
    content = bytes.fromhex("810101018202820201828201078203008181820158" + "40" + A1_MAC)
    assert encode_block(Block(11, 2, 0, 0, content)).hex() == "850b0200005856" + content.hex()


def test_a2_confidentiality_of_the_payload() -> None:
    assert aes_key_wrap(WRAPPING_KEY, CONTENT_KEY).hex() == "69c411276fecddc4780df42c8a2af89296fabf34d7fae700"
    sealed = AESGCM(CONTENT_KEY).encrypt(IV, PAYLOAD, b"\x00")
    assert sealed[:-16].hex() == "3a09c1e63fe23a7f66a59c7303837241e070b02619fc59c5214a22f08cd70795e73e9a"
    assert sealed[-16:].hex() == "efa4b5ac0108e3816c5606479801bc04"


def test_a3_integrity_of_primary_and_age_block() -> None:
    assert mac("sha256", b"\x00" + as_string(PRIMARY)) == (
        "cac6ce8e4c5dae57988b757e49a6dd1431dc04763541b2845098265bc817241b"
    )
    age = encode_block(Block(7, 2, 0, 0, bytes.fromhex("19012c")))
    assert age.hex() == "85070200004319012c"
    assert mac("sha256", b"\x00" + age[-4:]) == "3ed614c0d97f49b3633627779aa18a338d212bf3c92b97759d9739cd50725596"


def test_a4_integrity_and_confidentiality_with_full_scope() -> None:
    signed = b"\x07" + PRIMARY + bytes.fromhex("0101000b0300") + as_string(PAYLOAD)
    assert mac("sha384", signed) == (
        "f75fe4c37f76f046165855bd5ff72fbfd4e3a64b4695c40e2b787da005ae819f0a2e30a2e8b325527de8aefb52e73d71"
    )
    associated = b"\x07" + PRIMARY + bytes.fromhex("0101000c0201")
    sealed = AESGCM(CONTENT_KEY * 2).encrypt(IV, PAYLOAD, associated)
    assert sealed[:-16].hex() == "90eab6457593379298a8724e16e61f837488e127212b59ac91f8a86287b7d07630a122"
    assert sealed[-16:].hex() == "d2c51cb2481792dae8b21d848cede99b"


def test_a_bundle_whose_primary_block_has_no_crc_is_refused_until_an_integrity_block_is_read() -> None:
    example = b"\x9f" + PRIMARY + encode_block(Block(1, 1, 0, 0, PAYLOAD)) + b"\xff"
    with pytest.raises(BundleError):
        decode(example)


def test_security_blocks_pass_unread() -> None:
    integrity = Block(11, 3, 0, 0, hashlib.sha256(b"abstract security block").digest())
    bundle = Bundle((2, 1), (1, 2), (2, 1), 1000, 0, 10**6, PAYLOAD, extra=(integrity,))
    assert decode(encode(bundle)).extra == (integrity,)
