"""Signature suites: who vouches for these bytes.

| suite | signs in | verifies in | signature | what it proves |
|---|---|---|---|---|
| ed25519 (RFC 8032) | 26 us | 82 us | 64 bytes | origin, to anyone who holds the public key |
| hmac-sha256 (RFC 2104) | 2 us | 2 us | 32 bytes | that a holder of the shared secret wrote it |

`hmac-sha256` is for sensors without the power for curves. Whoever can verify it can also forge it: its
"public" key **is** the shared secret and must be handled as one. Machines receive signers and verifiers as
constructor arguments and never ask which suite they hold.
"""

import hmac
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_BYTES = 32
"""Length of every secret and public key of both suites."""


class Signer(Protocol):
    """Makes signatures with one key."""

    @property
    def suite(self) -> str:
        """Name of the suite, a key of `SUITES`."""
        ...

    @property
    def signature_bytes(self) -> int:
        """Length of every signature [bytes]."""
        ...

    @property
    def public(self) -> bytes:
        """What a verifier needs; for `hmac-sha256` the shared secret itself."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign `message`; the same message always gives the same signature."""
        ...


class Verifier(Protocol):
    """Checks signatures of one key."""

    def same_key(self, public: bytes) -> bool:
        """Whether `public` (`Signer.public`) is this verifier's key."""
        ...

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` stands for `message`; a bad one, of any length, is False and raises nothing."""
        ...


SIGNATURES_REMEMBERED = 4096
"""A frame, ack or head is verified wherever it comes by, and again when it is sent again; the answer never changes.
Some megabytes, and an hour or two of a clinic.
"""


class Suite(NamedTuple):
    """How to make both ends of a suite; `signature_bytes` is the length of its signatures."""

    signer: Callable[[bytes], Signer]
    verifier: Callable[[bytes], Verifier]
    signature_bytes: int


class _Ed25519Signer:
    __slots__ = ("public", "sign")

    suite = "ed25519"
    signature_bytes = 64

    public: bytes
    sign: Callable[[bytes], bytes]

    def __init__(self, secret: bytes) -> None:
        key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.sign = key.sign


@lru_cache(maxsize=256)
def _public_key(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


@lru_cache(maxsize=SIGNATURES_REMEMBERED)
def _is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        _public_key(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


class _Ed25519Verifier:
    __slots__ = ("_public",)

    def __init__(self, public: bytes) -> None:
        _public_key(public)  # a key that is none is refused here
        self._public = public

    def same_key(self, public: bytes) -> bool:
        return hmac.compare_digest(self._public, public)

    def verify(self, message: bytes, signature: bytes) -> bool:
        return _is_signed(self._public, message, signature)


class _HmacSha256:
    __slots__ = ("public",)

    suite = "hmac-sha256"
    signature_bytes = 32

    def __init__(self, secret: bytes) -> None:
        self.public = secret

    def sign(self, message: bytes) -> bytes:
        return hmac.digest(self.public, message, "sha256")

    def same_key(self, public: bytes) -> bool:
        return hmac.compare_digest(self.public, public)

    def verify(self, message: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(hmac.digest(self.public, message, "sha256"), signature)


SUITES: dict[str, Suite] = {
    "ed25519": Suite(_Ed25519Signer, _Ed25519Verifier, 64),
    "hmac-sha256": Suite(_HmacSha256, _HmacSha256, 32),
}


def signer(suite: str, secret: bytes) -> Signer:
    """Make the signing end of `suite` from its secret, shape (32,) bytes.

    Raises:
        ValueError: The suite is unknown or the secret is not 32 bytes long.
    """
    return _suite(suite).signer(_key(suite, "secret", secret))


def verifier(suite: str, public: bytes) -> Verifier:
    """Make the verifying end of `suite` from `Signer.public`, shape (32,) bytes; for hmac the shared secret.

    Raises:
        ValueError: The suite is unknown or the key is not 32 bytes long.
    """
    return _suite(suite).verifier(_key(suite, "public key", public))


def _suite(name: str) -> Suite:
    suite = SUITES.get(name)
    if suite is None:
        raise ValueError(f"signature suite {name!r}: unknown; use one of {', '.join(SUITES)}")
    return suite


def _key(suite: str, role: str, key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError(f"{suite} {role} of {len(key)} bytes: must be {KEY_BYTES} bytes of raw key material")
    return key
