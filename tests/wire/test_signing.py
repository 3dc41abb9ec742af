"""Signature suites against RFC 8032 7.1 and RFC 4231, and against what a forger would try."""

import hashlib
import hmac

import pytest

from twin.pipeline.wire.signing import SUITES, signer, verifier

SECRET = bytes(range(32))


def test_ed25519_agrees_with_rfc_8032_test_2() -> None:
    key = signer("ed25519", bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert key.public.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def test_hmac_agrees_with_the_textbook_formula() -> None:
    """RFC 2104: H(K ^ opad || H(K ^ ipad || text)), written out."""
    key = SECRET + bytes(32)
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + b"text").digest()
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).digest()
    assert signer("hmac-sha256", SECRET).sign(b"text") == outer


@pytest.mark.parametrize("suite", SUITES)
def test_a_signature_holds_for_its_message_and_key_only(suite: str) -> None:
    ours, theirs = signer(suite, SECRET), signer(suite, b"\x01" * 32)
    check = verifier(suite, ours.public)
    signature = ours.sign(b"message")
    assert ours.suite == suite
    assert len(signature) == ours.signature_bytes == SUITES[suite].signature_bytes
    assert check.verify(b"message", signature)
    assert ours.sign(b"message") == signature
    assert not check.verify(b"massage", signature)
    assert not check.verify(b"message", theirs.sign(b"message"))


@pytest.mark.parametrize("suite", SUITES)
def test_a_malformed_signature_is_false_and_raises_nothing(suite: str) -> None:
    ours = signer(suite, SECRET)
    check = verifier(suite, ours.public)
    good = ours.sign(b"message")
    flipped = bytes((good[0] ^ 1,)) + good[1:]
    for bad in (b"", good[:-1], good + b"\x00", bytes(len(good)), b"\xff" * len(good), flipped):
        assert check.verify(b"message", bad) is False


def test_a_hmac_verifier_is_made_from_the_shared_secret() -> None:
    assert signer("hmac-sha256", SECRET).public == SECRET
    assert hmac.compare_digest(signer("hmac-sha256", SECRET).sign(b""), hmac.digest(SECRET, b"", "sha256"))


def test_an_unknown_suite_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"signature suite 'rsa': unknown; use one of ed25519, hmac-sha256"):
        signer("rsa", SECRET)
    with pytest.raises(ValueError, match="'rsa': unknown"):
        verifier("rsa", SECRET)


@pytest.mark.parametrize("suite", SUITES)
def test_a_key_of_another_length_is_refused(suite: str) -> None:
    with pytest.raises(ValueError, match=f"{suite} secret of 31 bytes: must be 32 bytes"):
        signer(suite, SECRET[:-1])
    with pytest.raises(ValueError, match=f"{suite} public key of 33 bytes: must be 32 bytes"):
        verifier(suite, SECRET + b"\x00")
