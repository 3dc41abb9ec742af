"""Sealed bundles whose inside makes no sense: under the right key, and yet nothing that could be believed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twin.faults.forgery import leaf_of
from twin.faults.senseless_seals import Senseless, senseless_seal
from twin.faults.senseless_signatures import Signers
from twin.faults.stray_answers import STRAY, stray_answer
from twin.pipeline.machine import HopKeyInstalled
from twin.pipeline.transport.hop_keys import hop_keys
from twin.pipeline.transport.mailer import Address
from twin.pipeline.transport.protector import HopKeySettings, HopPeer, Protector
from twin.pipeline.transport.sealed_mailer import SealedMailer
from twin.pipeline.wire.blocks import BundleError
from twin.pipeline.wire.frame import SAMPLES, Frame, seal
from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.pipeline.wire.messages import (
    Ack,
    Acks,
    CheckpointOffer,
    Cosigned,
    Frames,
    KeyNotice,
    Message,
    MessageError,
    MismatchNotice,
    Receipt,
    ReceiptsTaken,
    decode,
    encode,
)
from twin.pipeline.wire.signing import signer

EDGE, EARTH = (11, 1), (1, 1)
NOW_US = 1_000_000_000_000_000
KEYS = {number: bytes((number,)) * 32 for number in (3, 4)}
STREAM, HASH, SIGNATURE = StreamId(1 << 63, 7), bytes(32), bytes(64)
SIGNER = signer("hmac-sha256", bytes(32))
SIGNERS = Signers({STREAM.device: SIGNER}, {"earth": SIGNER}, frozenset(), "earth")
FRAMES = tuple(
    seal(Frame(*STREAM, index, SAMPLES, 77, bytes(20)), apid=1, packet_count=index, signer=SIGNER) for index in (0, 1)
)
ACK = encode(Ack(STREAM, 5, HASH, (HASH,), 3, ((1, 2),), 5, 77, 1, 2, SIGNATURE, SIGNATURE))
RECEIPT = encode(Receipt(AlertKey(*STREAM, 4, "SpO2"), 77, SIGNATURE))
MESSAGES: tuple[Message, ...] = (
    Frames(FRAMES),
    Acks((ACK,), (), (RECEIPT,)),
    Cosigned((ACK,)),
    CheckpointOffer(b"checkpoint", ((2, (HASH,)), (0, ()))),
    MismatchNotice(STREAM, 5, HASH),
    KeyNotice(3, bytes(range(8))),
    ReceiptsTaken((AlertKey(*STREAM, 4, "SpO2"),)),
)


def mailer(here: tuple[int, int], there: tuple[int, int], number: int) -> SealedMailer:
    peers = (HopPeer("peer", there, {number: KEYS[number]}),)
    found = SealedMailer(Address(here, 3_600_000_000), Protector.of(here, HopKeySettings(peers, 3_600_000_000)))
    found.started(bytes((here[0],)) * 32)
    return found


def seals(message: Message, count: int, number: int = 3) -> list[Senseless]:
    random = np.random.default_rng(5)
    bundle = mailer(EDGE, EARTH, number).bundle(EARTH, encode(message), NOW_US)
    keys = [hop_keys(KEYS[of], of, EDGE, EARTH) for of in KEYS]
    return [senseless_seal(bundle, keys, SIGNERS, random) for _ in range(count)]


def inside(data: bytes, number: int = 3) -> Any:
    """The word that Earth finds in a bundle, or why it takes none."""
    try:
        return decode(mailer(EARTH, EDGE, number).open(data, NOW_US).payload)
    except (BundleError, MessageError) as problem:
        return str(problem)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_what_is_sealed_is_another_word_or_none(message: Message) -> None:
    words = [inside(found.data) for found in seals(message, 200)]
    refused = [word for word in words if isinstance(word, str)]
    assert 60 <= len(refused) < 200
    assert message not in words
    assert not any("opens under no hop key" in word for word in refused)


def test_of_the_signed_parts_of_a_word_one_is_another_and_the_rest_stays() -> None:
    for word in (inside(found.data) for found in seals(MESSAGES[1], 300)):
        if isinstance(word, Acks):
            changed = [part for part in (*word.acks, *word.receipts) if part not in (ACK, RECEIPT)]
            assert len(changed) == 1
            assert len(word.acks) == 1
            assert len(word.receipts) == 1 + (word.acks[0] == ACK and word.receipts[0] == RECEIPT)


def test_an_altered_frame_is_named_by_its_leaf() -> None:
    named = 0
    for found in seals(MESSAGES[0], 300):
        word = inside(found.data)
        frames = word.frames if isinstance(word, Frames) else ()
        leaves = [leaf_of(frame) for frame in frames if frame not in FRAMES]
        assert [found.leaf] == (leaves or [b""])
        named += bool(leaves)
    assert named > 20


def test_each_integrity_block_but_the_agreed_one_is_refused_for_what_it_is() -> None:
    reasons = {word for found in seals(MESSAGES[2], 1500) if isinstance(word := inside(found.data), str)}
    for part in (
        "must be the source's, of the payload, with SHA-256 and full scope",
        "its target, block 9, is missing",
        "not of context 1",
        "keyed hash of block 1 does not match",
        "is not one keyed hash",
        "SHA variant 9",
        "scope flags 8",
        "with parameters unknown there",
    ):
        assert any(part in reason for reason in reasons), (part, reasons)


def test_the_key_in_use_is_found_among_all_and_none_is_made_up() -> None:
    assert all("hop key" not in str(inside(found.data, 4)) for found in seals(MESSAGES[0], 50, number=4))
    bundle = mailer(EDGE, EARTH, 3).bundle(EARTH, b"", NOW_US)
    random = np.random.default_rng(1)
    with pytest.raises(BundleError, match="under none of 1 hop keys"):
        senseless_seal(bundle, [hop_keys(KEYS[4], 4, EDGE, EARTH)], SIGNERS, random)
    with pytest.raises(BundleError):
        senseless_seal(bundle[:-1], [hop_keys(KEYS[3], 3, EDGE, EARTH)], SIGNERS, random)


@pytest.mark.parametrize("role", STRAY)
def test_strays_are_of_every_sort_and_slips_only_where_there_are_hop_keys(role: Any) -> None:
    random = np.random.default_rng(3)
    alone = {stray_answer(role, None, random) for _ in range(400)}
    assert alone == set(STRAY[role])
    beside_a_peer = {stray_answer(role, "earth", random) for _ in range(400)}
    slips = beside_a_peer - alone
    assert [type(slip) for slip in slips] == [HopKeyInstalled] * 3
