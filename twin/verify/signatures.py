"""Checks signatures with `cryptography` and `hmac` directly, and finds the key that an epoch's frames answer to.

A device's epochs answer to its registered key, unless a closing frame that verifies names the epoch and its key.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from twin.run_registry import VerifyingKey
from twin.verify.frames import ClosingBody, MalformedError, parse_frame, read_closing

SIGNATURE_BYTES: Final = {"ed25519": 64, "hmac-sha256": 32}
KEY_BYTES: Final = 32


class Key:
    """The verifying end of one key."""

    def __init__(self, suite: str, public: bytes) -> None:
        if suite not in SIGNATURE_BYTES:
            raise MalformedError(f"signature suite {suite!r} is unknown")
        if len(public) != KEY_BYTES:
            raise MalformedError(f"{suite} key of {len(public)} bytes")
        self.suite = suite
        self.public = public

    @classmethod
    def of(cls, registered: VerifyingKey) -> Key:
        """A key of the registry."""
        return cls(registered.suite, registered.key)

    @property
    def signature_bytes(self) -> int:
        """Length of its signatures."""
        return SIGNATURE_BYTES[self.suite]

    @cached_property
    def _ed25519(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.public)

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `message`."""
        if self.suite == "hmac-sha256":
            return hmac.compare_digest(hmac.digest(self.public, message, "sha256"), signature)
        try:
            self._ed25519.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Closed(NamedTuple):
    """How an epoch ends: its last index, and what follows."""

    final_index: int
    body: ClosingBody


class EpochKeys(NamedTuple):
    """Of one device: key and end of each epoch that closing frames speak of; any other has the registered key."""

    registered: Key
    successors: Mapping[int, Key]
    closed: Mapping[int, Closed]

    def of(self, epoch: int) -> Key:
        """The key that an epoch's frames answer to."""
        return self.successors.get(epoch, self.registered)


def follow_rotations(registered: Key, closings: Mapping[int, Sequence[bytes]]) -> EpochKeys:
    """Follow a device's closing frames from epoch to epoch.

    Args:
        closings: Epoch -> frames of the kind closing that stand in it, not verified yet.
    """
    successors: dict[int, Key] = {}
    closed: dict[int, Closed] = {}
    waiting = sorted(closings)
    named = {epoch for frames in closings.values() for frame in frames for epoch in _named_by(frame)}
    while waiting:
        # an epoch that is named waits for whoever names it; if nobody valid does, it has the registered key
        epoch = next((e for e in waiting if e not in named or e in successors), waiting[0])
        waiting.remove(epoch)
        end = _end_of(successors.get(epoch, registered), closings[epoch])
        if end is not None:
            closed[epoch] = end
            following = end.body
            if following.next_suite in SIGNATURE_BYTES and len(following.next_public) == KEY_BYTES:
                successors[following.next_epoch] = Key(following.next_suite, following.next_public)
    return EpochKeys(registered, successors, closed)


def _named_by(frame: bytes) -> list[int]:
    bodies = [_body(frame, signature_bytes) for signature_bytes in SIGNATURE_BYTES.values()]
    return [body.next_epoch for body in bodies if body is not None]


def _end_of(key: Key, frames: Sequence[bytes]) -> Closed | None:
    for data in frames:
        body = _body(data, key.signature_bytes)
        if body is None:
            continue
        frame = parse_frame(data, key.signature_bytes)
        if frame.index == body.final_index and key.signed(frame.signed, frame.signature):
            return Closed(frame.index, body)
    return None


def _body(frame: bytes, signature_bytes: int) -> ClosingBody | None:
    try:
        return read_closing(parse_frame(frame, signature_bytes).body)
    except MalformedError:
        return None
