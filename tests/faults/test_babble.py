"""Senseless words and bundles: none is such that whom it is said to must believe it, or could."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from twin.faults.babble import CUT, NOBODY, TAIL, WORD_WAYS, Listener, Role, Said, Word, babble, noise
from twin.faults.babbled_bundles import ALTERATIONS, altered, from_elsewhere, take_apart
from twin.faults.forgery import leaf_of
from twin.pipeline.transport.mailer import Address
from twin.pipeline.transport.protector import HopKeySettings, HopPeer, Protector
from twin.pipeline.transport.sealed_mailer import SealedMailer
from twin.pipeline.wire.blocks import BundleError
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import (
    Accept,
    Ack,
    Attestation,
    BackupCopied,
    BackupProved,
    Checkpoint,
    CheckpointOffer,
    Closings,
    Cosign,
    Cosigned,
    Expect,
    FrameOffer,
    Head,
    HeadMoved,
    Hello,
    LastWitnessed,
    LookAgain,
    MessageError,
    MismatchNotice,
    RowsWrong,
    decode,
    encode,
)

STREAM, HASH, SIGNATURE = StreamId(1 << 63, 7), bytes(32), bytes(64)
FRAME = bytes(range(200))
ACK = Ack(STREAM, 5, HASH, (HASH,), 3, ((1, 2),), 5, 77, 1, 2, SIGNATURE, SIGNATURE)
CHECKPOINT = encode(Checkpoint("edge-1", 3, 77, HASH, (Head(STREAM, 5, HASH),), b"", SIGNATURE))
COSIGN = Cosign("edge-1", 3, "edge-2", HASH, ((STREAM, 5),), (), b"", SIGNATURE)
HEARD = tuple(
    Word(source, destination, encode(message))
    for source, destination, messages in (
        ("vitals-1", "edge-1", (FrameOffer(FRAME), Hello(STREAM), ACK, Closings((FRAME, FRAME[::-1])))),
        ("edge-1", "vitals-1", (Accept(STREAM, 5), Expect(STREAM, 5), ACK, Hello(STREAM._replace(epoch=0)))),
        ("edge-2", "edge-1", (CheckpointOffer(CHECKPOINT, ((2, (HASH,)),)), LastWitnessed("edge-1"), COSIGN)),
        ("auditor", "earth", (Attestation(STREAM, 5, HASH, (HASH,), SIGNATURE), RowsWrong(STREAM, (1,)), COSIGN)),
        ("auditor", "earth", (BackupProved(STREAM, 5, True),)),
        ("earth", "auditor", (HeadMoved(STREAM, 5), BackupCopied(STREAM, 5), LookAgain(STREAM, (1,), "table"))),
        ("earth", "auditor", (Closings((FRAME,)), CheckpointOffer(CHECKPOINT, ()), Cosigned((encode(COSIGN),)))),
        ("earth", "auditor", (MismatchNotice(STREAM, 5, HASH),)),
    )
    for message in messages
)
TRUE = {word.data for word in HEARD}
LISTENERS = (
    Listener("vitals-1", Role.DEVICE, ("edge-1", "edge-2"), ("edge-3", "vitals-2")),
    Listener("edge-1", Role.EDGE, ("edge-2", "edge-3", "vitals-1", "vitals-2"), ("vitals-1", "vitals-2")),
    Listener("earth", Role.GATEWAY, ("auditor",), ()),
    Listener("auditor", Role.AUDITOR, ("earth",), ()),
)
BELIEVED: dict[Role, tuple[type[Any], ...]] = {
    Role.DEVICE: (Accept, Expect),
    Role.EDGE: (Hello, LastWitnessed),
    Role.GATEWAY: (Attestation, RowsWrong, BackupProved, Cosign),
    Role.AUDITOR: (HeadMoved, BackupCopied, LookAgain, MismatchNotice),
}
"""Words that a role believes of a neighbour without any signature over them."""


def draws(listener: Listener, way: str, count: int) -> list[Said]:
    random = np.random.default_rng(7)
    found = [babble(way, listener, HEARD, random) for _ in range(count)]
    return [said for said in found if said is not None]


def message_of(data: bytes) -> Any:
    try:
        return decode(data)
    except MessageError:
        return None


@pytest.mark.parametrize("listener", LISTENERS, ids=lambda listener: listener.name)
@pytest.mark.parametrize("way", WORD_WAYS)
def test_no_neighbour_says_an_unsigned_word_that_could_be_believed(way: str, listener: Listener) -> None:
    found = draws(listener, way, 400)
    assert len(found) == 400
    for said in found:
        message = message_of(said.data)
        if said.source not in listener.neighbours or not isinstance(message, BELIEVED[listener.role]):
            continue
        if isinstance(message, Accept | Expect):
            assert message.next_index > 1 << 32, "a device may have sealed so many"
        elif isinstance(message, Hello | LastWitnessed | Cosign):
            speakers = {word.source for word in HEARD if word.data == said.data}
            assert said.source in listener.others, "who has a say here would have lied"
            assert said.source not in speakers != set()
        else:
            assert message.stream.device != STREAM.device


@pytest.mark.parametrize("listener", LISTENERS, ids=lambda listener: listener.name)
def test_each_way_is_what_its_name_says(listener: Listener) -> None:
    by_way = {way: draws(listener, way, 300) for way in WORD_WAYS}
    for way in WORD_WAYS:
        true = [said for said in by_way[way] if said.data in TRUE]
        assert len(true) == (300 if way in ("stranger", "misaddressed") else 0), way
    assert all(said.source == NOBODY or said.source in listener.others for said in by_way["stranger"])
    assert all(said.source in listener.neighbours for said in by_way["misaddressed"])
    for way in (CUT, TAIL):
        whole = [said for said in by_way[way] if message_of(said.data) is None]
        assert len(whole) >= 150, "most of it cannot even be read"
        assert {said.source for said in whole} <= set(listener.neighbours)
    reasons = Counter(type(message_of(said.data)).__name__ for said in by_way["fields"])
    assert reasons["NoneType"] >= 100


def test_only_a_frame_that_nobody_signed_is_held_against_the_rows() -> None:
    edge = LISTENERS[1]
    for way in WORD_WAYS:
        for said in draws(edge, way, 300):
            message = message_of(said.data)
            changed = isinstance(message, FrameOffer) and message.frame != FRAME
            assert said.leaf == (leaf_of(message.frame) if changed else b"")
    assert any(said.leaf for said in draws(edge, CUT, 300))


def test_nothing_is_said_before_anything_was_heard() -> None:
    for listener in LISTENERS:
        for way in WORD_WAYS:
            assert babble(way, listener, (), np.random.default_rng(1)) is None


# ------------------------------------------------------------ bundles

NOW_US = 10**15


def mailer(here: tuple[int, int], peer: str, there: tuple[int, int]) -> SealedMailer:
    keys = HopKeySettings((HopPeer(peer, there, {1: bytes(32)}),), 10**9)
    found = SealedMailer(Address(here, 10**13), Protector.of(here, keys))
    found.started(bytes(range(32)))
    return found


EARTH, EDGE = mailer((1, 1), "edge-1", (11, 1)), mailer((11, 1), "earth", (1, 1))
BUNDLE = EDGE.bundle((1, 1), b"what was said", NOW_US)


def refusal(data: bytes) -> str:
    with pytest.raises(BundleError) as found:
        EARTH.open(data, NOW_US)
    return str(found.value)


def test_the_bundle_itself_is_taken() -> None:
    assert EARTH.open(BUNDLE, NOW_US).payload == b"what was said"


@pytest.mark.parametrize("name", ALTERATIONS)
def test_a_bundle_altered_in_one_of_its_blocks_is_refused(name: str) -> None:
    data = ALTERATIONS[name](take_apart(BUNDLE))
    assert data != BUNDLE
    assert refusal(data)


def test_what_is_wrong_with_bundles_has_many_names() -> None:
    reasons = {refusal(alter(take_apart(BUNDLE))) for alter in ALTERATIONS.values()}
    assert len(reasons) >= 48
    assert sum("primary block" in reason for reason in reasons) >= 7
    assert sum("security block" in reason for reason in reasons) >= 12
    assert sum("confidentiality block" in reason for reason in reasons) >= 10


def test_a_bundle_of_nobody_is_refused_for_its_source() -> None:
    assert refusal(from_elsewhere(BUNDLE)) == "bundle of ipn:99.1: no hop keys towards it"


def test_every_noise_in_a_bundle_is_refused() -> None:
    random = np.random.default_rng(3)
    for way in (CUT, TAIL, "changed"):
        assert all(refusal(noise(way, BUNDLE, random)) for _ in range(300))
    assert len({altered(BUNDLE, ALTERATIONS, random) for _ in range(100)}) > 30
