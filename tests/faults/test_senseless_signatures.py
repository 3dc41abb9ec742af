"""Frames and words under right signatures: the signature holds, and nobody may take them for that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twin.faults.babble import NOBODY, Listener, Role, Word
from twin.faults.forgery import leaf_of
from twin.faults.senseless_signatures import (
    ALERT_OF_NOTHING,
    OFFERED,
    SENSELESS_BODIES,
    SENT,
    Signers,
    senseless_ack,
    senseless_frame,
    senseless_receipt,
    senselessly_signed,
)
from twin.pipeline.ledger.stream import problem_with_signatures
from twin.pipeline.machine import Report
from twin.pipeline.nodes.witness import Witness
from twin.pipeline.wire.body import FrameError, decode_alert, decode_samples
from twin.pipeline.wire.frame import ALERT, CLOSING, SAMPLES, Frame, frame_body, peek_kind, peek_record, seal
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.key_book import KeyBook, KnownDevice
from twin.pipeline.wire.messages import (
    Ack,
    Checkpoint,
    CheckpointOffer,
    Closings,
    Cosign,
    Cosigned,
    FrameOffer,
    Head,
    Hello,
    decode,
    encode,
    signed_part,
)
from twin.pipeline.wire.signing import SUITES, signer, verifier

DEVICE, EDGE, SUITE = 1 << 63, 9, "hmac-sha256"
STREAM, HASH = StreamId(DEVICE, 7), bytes(32)
KEYS = {
    name: signer(SUITE, bytes((number,)) * 32) for number, name in enumerate(("device", "edge-2", "earth", "auditor"))
}
VERIFIERS = {name: verifier(SUITE, key.public) for name, key in KEYS.items()}
SIGNERS = Signers({DEVICE: KEYS["device"], EDGE: KEYS["edge-2"]}, KEYS, frozenset((EDGE,)), "earth")
SIZE = SUITES[SUITE].signature_bytes
FRAME = seal(Frame(*STREAM, 4, SAMPLES, 77, b""), apid=3, packet_count=4, signer=KEYS["device"])
ALERT_FRAME = seal(Frame(EDGE, 5, 4, ALERT, 77, b""), apid=3, packet_count=4, signer=KEYS["edge-2"])
ACK = Ack(STREAM, 5, HASH, (HASH,), 3, ((1, 2),), 5, 77, 1, 2, bytes(SIZE), bytes(SIZE))
CHECKPOINT = Checkpoint("edge-2", 3, 77, HASH, (Head(STREAM, 5, HASH),), b"", bytes(SIZE))
OFFER = CheckpointOffer(encode(CHECKPOINT), ((2, (HASH,)),))
ON_MARS = Listener("edge-1", Role.EDGE, ("edge-2", "vitals-1"), ())


def book() -> KeyBook:
    return KeyBook(
        {
            DEVICE: KnownDevice("vitals-1", VERIFIERS["device"], SIZE),
            EDGE: KnownDevice("edge-2", VERIFIERS["edge-2"], SIZE),
        }
    )


def frames(of: bytes, kinds: tuple[int, ...], count: int = 300) -> list[bytes]:
    random = np.random.default_rng(3)
    return [senseless_frame(of, kinds, SIGNERS, random) for _ in range(count)]


@pytest.mark.parametrize("of", [FRAME, ALERT_FRAME], ids=["device", "edge"])
def test_every_frame_is_signed_and_goes_on_or_begins_anew(of: bytes) -> None:
    own = peek_record(of)
    records = set()
    for frame in frames(of, OFFERED):
        record = peek_record(frame)
        assert book().problem_with(frame, record) is None
        records.add(record)
    anew = RecordId(own.device, own.epoch ^ 1, 0)
    assert records == {own._replace(index=5), anew, anew._replace(device=EDGE)}


def test_no_body_can_be_read_and_all_of_them_are_drawn() -> None:
    bodies: dict[int, set[bytes]] = {SAMPLES: set(), CLOSING: set(), ALERT: set()}
    for frame in frames(FRAME, OFFERED, 600):
        bodies[peek_kind(frame)].add(frame_body(frame, SIZE))
    assert bodies == {SAMPLES: set(SENSELESS_BODIES[SAMPLES]), CLOSING: set(SENSELESS_BODIES[CLOSING])} | {
        ALERT: {*SENSELESS_BODIES[ALERT], ALERT_OF_NOTHING}
    }
    for body in SENSELESS_BODIES[SAMPLES]:
        with pytest.raises(FrameError):
            decode_samples(body)
    for body in SENSELESS_BODIES[ALERT]:
        with pytest.raises(FrameError):
            decode_alert(body)


def test_no_closing_frame_names_a_key() -> None:
    for frame in frames(FRAME, (CLOSING,)):
        found = book()
        with pytest.raises(FrameError):
            found.learn(frame, peek_record(frame))
        assert not found.closings


def test_an_edge_signs_no_alert_that_could_be_told() -> None:
    for frame in frames(ALERT_FRAME, SENT):
        assert peek_kind(frame) in SENT
        assert frame_body(frame, SIZE) != ALERT_OF_NOTHING


def test_an_ack_is_newer_signed_by_the_gateway_and_by_no_auditor() -> None:
    random = np.random.default_rng(3)
    acks = [senseless_ack(ACK, SIGNERS, random) for _ in range(40)]
    assert {(ack.verified, ack.counter) for ack in acks} == {(5, 3), (4, 3)}
    problems = {problem_with_signatures(ack, VERIFIERS["earth"], VERIFIERS["auditor"]) for ack in acks}
    assert problems == {"auditor's signature"}


def test_a_receipt_is_signed_by_nobody() -> None:
    receipt: Any = decode(senseless_receipt(SIGNERS))
    assert not VERIFIERS["earth"].verify(signed_part(receipt), receipt.signature)


@pytest.mark.parametrize("heads", [CHECKPOINT.heads, ()], ids=["a head", "no head"])
def test_no_witness_follows_the_checkpoint(heads: tuple[Head, ...]) -> None:
    class Settings:
        name = "edge-1"
        authors = {"edge-2": VERIFIERS["edge-2"]}  # noqa: RUF012 - stands in for a NamedTuple

    offer = OFFER._replace(checkpoint=encode(CHECKPOINT._replace(heads=heads)), proofs=OFFER.proofs[: len(heads)])
    reasons = set()
    random = np.random.default_rng(3)
    heard = (Word("edge-2", "edge-1", encode(offer)),)
    for _ in range(40):
        said = senselessly_signed(ON_MARS, heard, SIGNERS, random)
        assert said is not None
        other: Any = decode(said.data)
        entry, effects = Witness(Settings()).follow(other)  # type: ignore[arg-type]
        assert entry is None
        reasons |= {effect.fact.reason for effect in effects if isinstance(effect, Report)}  # type: ignore[union-attr]
    others = {"two heads of one stream"} if heads else set()
    assert reasons == {
        "one proof per head is needed",
        "author unknown",
        "the heads at rest are not those that were followed here",
        *others,
    }


def said_of(word: Any, source: str, listener: Listener = ON_MARS, destination: str = "edge-1") -> Any:
    random = np.random.default_rng(3)
    heard = (Word(source, destination, encode(word)),)
    return [senselessly_signed(listener, heard, SIGNERS, random) for _ in range(20)]


@pytest.mark.parametrize("word", [ACK, OFFER], ids=["ack", "checkpoint"])
def test_a_signed_word_becomes_another_in_the_name_of_who_said_it(word: Any) -> None:
    for said in said_of(word, "edge-2"):
        assert (said.source, said.leaf) == ("edge-2", b"")
        assert type(decode(said.data)) is type(word)
        assert decode(said.data) != word


def test_of_an_offered_frame_another_offer_or_a_closing_frame_is_made_and_named_by_its_leaf() -> None:
    found = said_of(FrameOffer(FRAME), "vitals-1")
    kinds = set()
    for said in found:
        message: Any = decode(said.data)
        (frame,) = (message.frame,) if isinstance(message, FrameOffer) else message.frames
        assert (said.source, said.leaf) == ("vitals-1", leaf_of(frame))
        assert frame != FRAME
        kinds.add((type(message), peek_kind(frame)))
    assert kinds >= {(FrameOffer, SAMPLES), (FrameOffer, ALERT), (Closings, CLOSING)}


def test_the_auditor_is_told_of_a_checkpoint_and_cosignatures_of_nobody() -> None:
    auditor = Listener("auditor", Role.AUDITOR, ("earth",), ())
    cosign = Cosign("edge-1", 3, "edge-2", HASH, ((STREAM, 5),), (), b"", bytes(SIZE))
    found: set[Any] = set()
    for said in (*said_of(OFFER, "earth", auditor, "auditor"), *said_of(cosign, "edge-2", auditor)):
        word: Any = decode(said.data)
        (raw,) = word.cosigns if isinstance(word, Cosigned) else (word.checkpoint,)
        signed: Any = decode(raw)
        assert said.source == "earth"
        assert VERIFIERS["edge-2"].verify(signed_part(signed), signed.signature)
        found.add(signed._replace(signature=cosign.signature))
    assert found == {
        CHECKPOINT._replace(author=NOBODY),
        cosign._replace(author=NOBODY),
        cosign._replace(witness=NOBODY),
    }


def test_the_auditor_is_told_closing_frames_by_the_gateway_and_a_device_acks_of_its_own() -> None:
    auditor = Listener("auditor", Role.AUDITOR, ("earth",), ())
    assert {(said.source, type(decode(said.data))) for said in said_of(FrameOffer(FRAME), "vitals-1", auditor)} == {
        ("earth", Closings)
    }
    device = Listener("vitals-1", Role.DEVICE, ("edge-1",), ())
    assert set(said_of(ACK, "edge-1", device)) == {None}, "it was told to another"
    assert {type(decode(said.data)) for said in said_of(ACK, "edge-1", device, "vitals-1")} == {Ack}


@pytest.mark.parametrize("word", [Hello(STREAM), Closings((FRAME,))], ids=["hello", "closings"])
def test_other_words_do_not_lend_themselves(word: Any) -> None:
    assert set(said_of(word, "vitals-1")) == {None}
