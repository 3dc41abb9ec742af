"""confidentiality by hand: bundles made with a plain CBOR encoder, as anyone between the planets could read them."""

import gc
import random
import weakref
from typing import Any

import cbor2
import pytest
from traces import broken, watched

from twin.guarantees.confidentiality import Confidentiality
from twin.pipeline.wire.messages import Frames, encode
from twin.trace import Radiated

SECRETS = (b"spo2_pct", b"vitals-1")
CIPHER = random.Random(1).randbytes(300)
PREFIX = b"12345678"


def iv(counter: int, prefix: bytes = PREFIX) -> bytes:
    return prefix + counter.to_bytes(4, "big")


def sequence(*items: Any) -> bytes:
    return b"".join(cbor2.dumps(item) for item in items)


def bcb(number: int, targets: list[int], vector: bytes, source: int = 11, context: int = 2) -> list[Any]:
    parameters = [[1, vector], [2, 3], [4, 7]]
    content = sequence(targets, context, 1, [2, [source, 1]], parameters, [[[1, bytes(16)]] for _ in targets])
    return [12, number, 1, 0, content]


def bib(number: int) -> list[Any]:
    return [11, number, 0, 0, random.Random(number).randbytes(60)]


def payload(content: bytes = CIPHER) -> list[Any]:
    return [1, 1, 0, 0, content]


def bundle(*blocks: list[Any], end: bytes = b"\xff") -> bytes:
    primary = [7, 4, 2, [2, [1, 1]], [2, [11, 1]], [2, [11, 1]], [1, 1], 1000, bytes(4)]
    return b"\x9f" + b"".join(cbor2.dumps(block) for block in (primary, *blocks)) + end


def sound(counter: int, prefix: bytes = PREFIX, source: int = 11, content: bytes = CIPHER) -> bytes:
    one, two = bcb(3, [1], iv(counter, prefix), source), bcb(4, [2], iv(counter + 1, prefix), source)
    return bundle(one, two, bib(2), payload(content))


def heard(*bundles: bytes) -> int:
    facts = [("edge-1", Radiated("edge-1->earth", data)) for data in bundles]
    return broken(watched(lambda _: Confidentiality(SECRETS), facts))


def test_a_bundle_that_a_relay_passes_on_has_no_new_vector_and_is_judged_in_all_else() -> None:
    facts = [("edge-1", Radiated("edge-1->relay", sound(0))), ("relay", Radiated("relay->earth", sound(0)))]
    assert broken(watched(lambda _: Confidentiality(SECRETS, ["relay"]), facts)) == 0
    assert broken(watched(lambda _: Confidentiality(SECRETS), facts)) == 1
    spoilt = ("relay", Radiated("relay->earth", bundle(payload())))
    assert broken(watched(lambda _: Confidentiality(SECRETS, ["relay"]), [*facts, spoilt])) == 1


def test_protected_bundles_with_rising_counters_hold() -> None:
    assert heard(sound(0), sound(2), sound(9), sound(0, b"87654321"), sound(0, source=12)) == 0


@pytest.mark.parametrize("data", [
    bundle(payload()),
    bundle(bcb(3, [1], iv(0)), bib(2), payload()),
    bundle(bcb(4, [2], iv(0)), bib(2), payload()),
    bundle(bcb(3, [1, 2], iv(0)), bib(2), payload()),
    bundle(bcb(3, [1], iv(0), context=1), payload()),
    bundle(bcb(3, [1], b"short"), payload()),
    bundle([12, 3, 1, 0, b"\x00"], payload()),
    bundle(bcb(3, [2], iv(0)), bib(2)),
    sound(0, content=CIPHER + b"...spo2_pct..."),
    sound(0, content=b"vitals-1"),
    sound(0, content=encode(Frames((CIPHER,)))),
    bundle(payload(), end=b""),
    b"\x01",
], ids=[
    "nothing", "clear-bib", "clear-payload", "one-iv-two-blocks", "other-context", "short-iv", "no-block", "no-payload",
    "channel", "name", "message", "cut", "number",
])  # fmt: skip
def test_what_can_be_heard_breaks_it(data: bytes) -> None:
    assert heard(data) == 1


TAGGED = bytes.fromhex("8315eec84708a6b9bca84501")  # heard in a run: a number, a simple value and a tag


LONG = [
    b"\x82\x18\x01\x58\x20" + CIPHER[:32],
    b"\x82\x01\x59\x00\x20" + CIPHER[:32],
    cbor2.dumps([1, None, CIPHER]),
    cbor2.dumps([1, 1.5, CIPHER]),
    cbor2.dumps([1, CIPHER]) + b"\x00",
    b"\x81" * 5_000,
]


@pytest.mark.parametrize(
    "cipher",
    [b"\x82\x01\xff" + CIPHER, b"\x80" + CIPHER, b"\x82\x01\x58\xff" + CIPHER[:200], TAGGED, TAGGED + CIPHER, *LONG],
    ids=["break", "empty", "cut", "short", "tag", "long-number", "long-text", "null", "float", "behind", "nest"],
)  # fmt: skip
def test_ciphertext_that_begins_like_an_array_is_no_message(cipher: bytes) -> None:
    assert heard(sound(0, content=cipher)) == 0


def test_a_vector_that_comes_again_breaks_it_even_after_a_rollback() -> None:
    assert heard(sound(4), sound(4)) == 1
    assert heard(sound(4), sound(6), sound(4)) == 1  # bug 26: the counter was restored from a snapshot
    assert heard(sound(4), sound(5)) == 1  # 5 was the BIB's
    assert heard(sound(4), bundle(bcb(3, [1], iv(9)), bcb(4, [2], iv(9)), bib(2), payload())) == 1


def test_the_memory_of_vectors_does_not_grow_with_the_bundles() -> None:
    checker = watched(lambda _: Confidentiality(SECRETS), [("e", Radiated("l", sound(2 * n))) for n in range(200)])
    assert isinstance(checker, Confidentiality)
    assert (broken(checker), len(checker._counters)) == (0, 1)


BAD_TEXT = b"\x82\x01\x78\x20" + b"\x99" * 32  # an array of a number and of text that is no UTF-8


class Kept:
    """Something that whoever listens holds."""


@pytest.mark.parametrize(
    "data", [BAD_TEXT, bundle([12, 3, 1, 0, BAD_TEXT], payload()), sound(0, content=BAD_TEXT)],
    ids=["bundle", "block", "payload"],
)  # fmt: skip
def test_bad_bytes_keep_nothing_of_the_listener_alive(data: bytes) -> None:
    def listen() -> weakref.ref[Kept]:
        kept = Kept()
        heard(data)
        return weakref.ref(kept)

    reference = listen()
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize(
    "fields", [[1, CIPHER], [7, True, "text", [-1, [CIPHER]]], [300, 70_000, 2**40, "x" * 300, list(range(30))]]
)
def test_whatever_is_made_like_a_message_breaks_it(fields: list[Any]) -> None:
    assert heard(sound(0, content=cbor2.dumps(fields))) == 1
