"""Which key an epoch answers to, through chains of closing frames and through lies about them."""

from __future__ import annotations

import hashlib

from twin.pipeline.wire.frame import CLOSING, Frame, encode_closing, seal
from twin.pipeline.wire.signing import Signer
from twin.pipeline.wire.signing import signer as make_signer
from twin.verify.signatures import EpochKeys, Key, follow_rotations

DEVICE = 7


def signer(number: int, suite: str = "ed25519") -> Signer:
    return make_signer(suite, hashlib.sha256(bytes([number])).digest())


def closing(epoch: int, following: int, own: Signer, later: Signer, final: int = 3, index: int = 3) -> bytes:
    body = encode_closing(final, following, later.suite, later.public)
    return seal(Frame(DEVICE, epoch, index, CLOSING, 0, body), apid=1, packet_count=0, signer=own)


def follow(closings: dict[int, list[bytes]], registered: Signer) -> EpochKeys:
    return follow_rotations(Key(registered.suite, registered.public), closings)


def test_a_chain_of_rotations_is_followed_whatever_the_epochs_are_called() -> None:
    chain = {
        9: [closing(9, 4, signer(1), signer(2))],
        4: [closing(4, 6, signer(2), signer(3, "hmac-sha256"))],
        6: [closing(6, 1, signer(3, "hmac-sha256"), signer(4))],
    }
    keys = follow(chain, signer(1))
    assert [keys.of(epoch).public for epoch in (9, 4, 6, 1)] == [
        signer(1).public,
        signer(2).public,
        signer(3, "hmac-sha256").public,
        signer(4).public,
    ]
    assert keys.of(6).suite == "hmac-sha256"
    assert {epoch: end.final_index for epoch, end in keys.closed.items()} == {9: 3, 4: 3, 6: 3}


def test_a_closing_signed_with_another_key_names_nothing() -> None:
    keys = follow({9: [closing(9, 4, signer(5), signer(6))]}, signer(1))
    assert keys.of(4).public == signer(1).public
    assert not keys.closed


def test_a_closing_that_does_not_stand_at_its_final_index_names_nothing() -> None:
    keys = follow({9: [closing(9, 4, signer(1), signer(2), final=3, index=2)]}, signer(1))
    assert not keys.successors


def test_a_forged_closing_does_not_hide_the_true_one() -> None:
    keys = follow({9: [closing(9, 4, signer(5), signer(6)), closing(9, 4, signer(1), signer(2))]}, signer(1))
    assert keys.of(4).public == signer(2).public


def test_epochs_that_name_each_other_end_and_the_registered_key_begins() -> None:
    keys = follow({1: [closing(1, 2, signer(1), signer(2))], 2: [closing(2, 1, signer(2), signer(3))]}, signer(1))
    assert keys.of(2).public == signer(2).public
    assert set(keys.closed) == {1, 2}
