"""Rotation of a device's key, and the end of its indices: a closing frame says who goes on, and nothing else does."""

from __future__ import annotations

import pytest
from pipeline_parts import (
    EDGE,
    ENTROPY,
    T0,
    Medium,
    S,
    device_settings,
    edge_settings,
    facts,
    known_devices,
    make_ack,
    run_syncs,
    said,
    samples,
    settled_edge,
    signer,
    started_device,
    verifier,
    why_rejected,
)

from twin.pipeline.facts import EpochClosed, Rejected
from twin.pipeline.machine import KeyReplaced, Received, Started, TimerFired
from twin.pipeline.nodes.device import Device
from twin.pipeline.wire.frame import (
    CLOSING,
    SAMPLES,
    Frame,
    FrameError,
    Samples,
    decode_closing,
    encode_closing,
    encode_samples,
    open_frame,
    peek_kind,
    peek_record,
    seal,
    verify_frame,
)
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.key_book import (
    BEYOND_CLOSING,
    EMPTY_EPOCHS_MAX,
    STALE_KEY,
    UNKNOWN_DEVICE,
    WRONG_SIGNATURE,
    KeyBook,
)
from twin.pipeline.wire.messages import Accept, Closings, Expect, FrameOffer, encode
from twin.pipeline.wire.signing import Signer

OLD, NEW = signer("device-1"), signer("device-1 renewed")
FIRST = StreamId(1, int.from_bytes(ENTROPY[:8], "big"))


def frame_of(stream: StreamId, index: int, key: Signer) -> bytes:
    body = encode_samples(Samples(T0, S, ("heart_rate_bpm",), ((60,),)))
    return seal(Frame(*stream, index, SAMPLES, T0, body), apid=1, packet_count=index, signer=key)


def closing_of(stream: StreamId, index: int, following: int, key: Signer, renewed: Signer) -> bytes:
    return sealed_closing(stream, index, encode_closing(index, following, renewed.suite, renewed.public), key)


def sealed_closing(stream: StreamId, index: int, body: bytes, key: Signer) -> bytes:
    return seal(Frame(*stream, index, CLOSING, T0, body), apid=1, packet_count=index, signer=key)


def rotated(count: int = 2) -> tuple[Device, list[bytes]]:
    """A device that signed `count` frames, closed its epoch, and signed one more."""
    machine = started_device()
    frames = []
    for _ in range(count):
        machine.handle(samples(), T0)
    machine.handle(KeyReplaced(NEW), T0)
    machine.handle(samples(), T0)
    for epoch in machine.epochs:
        frames += epoch.stream.frames.values()
    return machine, frames


# ------------------------------------------------------------ the device


def test_a_replaced_key_closes_the_epoch_with_the_old_one():
    machine = started_device()
    machine.handle(samples(), T0)
    effects = machine.handle(KeyReplaced(NEW), T0)
    closing = machine.epochs[0].stream.frames[1]
    assert verify_frame(closing, verifier("device-1"), 32)
    body = decode_closing(open_frame(closing, 32).body)
    assert (body.final_index, body.next_suite, body.next_public) == (1, NEW.suite, NEW.public)
    assert machine.stream.id == StreamId(1, body.next_epoch) != FIRST
    assert [fact.reason for fact in facts(effects, EpochClosed)] == ["key"]


def test_frames_after_a_rotation_count_from_zero_under_the_new_key():
    _, frames = rotated()
    assert [peek_record(frame).index for frame in frames] == [0, 1, 2, 0]
    assert verify_frame(frames[3], verifier("device-1 renewed"), 32)


def test_an_epoch_ends_when_its_indices_run_out():
    machine = started_device(device_settings(index_max=2))
    for _ in range(4):
        machine.handle(samples(), T0)
    kinds = [[peek_kind(frame) for frame in epoch.stream.frames.values()] for epoch in machine.epochs]
    assert kinds == [[SAMPLES, SAMPLES, CLOSING], [SAMPLES, SAMPLES]]
    closing = decode_closing(open_frame(machine.epochs[0].stream.frames[2], 32).body)
    assert closing.next_public == OLD.public


def test_the_packet_count_wraps_at_14_bits_and_identity_does_not():
    machine = started_device(device_settings(packet_count=16_382))
    for _ in range(4):
        machine.handle(samples(), T0)
    frames = list(machine.stream.frames.values())
    assert [int.from_bytes(frame[2:4], "big") & 0x3FFF for frame in frames] == [16_382, 16_383, 0, 1]
    assert [peek_record(frame).index for frame in frames] == [0, 1, 2, 3]


def test_epochs_of_one_start_differ_and_so_do_those_of_two_starts():
    ids = set()
    for entropy in (ENTROPY, bytes(32)):
        machine = Device(device_settings(index_max=1))
        machine.handle(Started(entropy), T0)
        for _ in range(5):
            machine.handle(samples(), T0)
        ids |= {epoch.stream.id for epoch in machine.epochs}
    assert len(ids) == 10


def test_a_later_epoch_is_offered_only_when_the_one_before_was_taken_whole():
    machine, _ = rotated()
    effects = machine.handle(Received(EDGE, encode(Accept(FIRST, 2))), T0)
    assert [m for m in said(effects, EDGE) if isinstance(m, FrameOffer)] == []
    effects = machine.handle(Received(EDGE, encode(Accept(FIRST, 3))), T0)
    (offer,) = [m for m in said(effects, EDGE) if isinstance(m, FrameOffer)]
    assert peek_record(offer.frame).stream == machine.stream.id


def test_an_old_epoch_is_forgotten_once_earth_has_all_of_it_backed_up():
    machine, frames = rotated()
    machine.handle(Received(EDGE, encode(Accept(FIRST, 3))), T0)
    machine.handle(Received(EDGE, encode(make_ack(frames[:3], trim=3))), T0)
    assert [epoch.stream.id for epoch in machine.epochs] == [machine.stream.id]
    assert machine.handle(TimerFired(f"retry:{EDGE}:{FIRST.epoch:016x}"), T0 + S) == []


# ------------------------------------------------------------ the key book


def book(strict: bool = True) -> KeyBook:
    return KeyBook(known_devices(), strict)


def learned(strict: bool = True) -> tuple[KeyBook, StreamId]:
    keys = book(strict)
    closing = closing_of(FIRST, 2, 77, OLD, NEW)
    assert keys.problem_with(closing, peek_record(closing)) is None
    assert keys.learn(closing, peek_record(closing)) == StreamId(1, 77)
    return keys, StreamId(1, 77)


@pytest.mark.parametrize("strict", [True, False])
def test_frames_of_a_closed_epoch_stay_valid_up_to_its_final_index(strict):
    keys, _ = learned(strict)
    for index, problem in [(0, None), (1, None), (3, BEYOND_CLOSING), (99, BEYOND_CLOSING)]:
        frame = frame_of(FIRST, index, OLD)
        assert keys.problem_with(frame, peek_record(frame)) == problem


@pytest.mark.parametrize(
    ("stream", "key", "strict", "problem"),
    [
        (StreamId(1, 77), NEW, True, None),
        (StreamId(1, 77), OLD, True, WRONG_SIGNATURE),
        (StreamId(1, 77), OLD, False, WRONG_SIGNATURE),
        (StreamId(1, 88), NEW, True, None),
        (StreamId(1, 88), OLD, True, STALE_KEY),
        (StreamId(1, 88), OLD, False, None),
        (StreamId(1, 88), signer("a thief"), True, WRONG_SIGNATURE),
        (StreamId(9, 1), OLD, True, UNKNOWN_DEVICE),
    ],
)
def test_who_may_sign_after_a_rotation(stream, key, strict, problem):
    keys, _ = learned(strict)
    frame = frame_of(stream, 0, key)
    assert keys.problem_with(frame, peek_record(frame)) == problem


@pytest.mark.parametrize(("strict", "problem"), [(True, STALE_KEY), (False, None)])
def test_an_epoch_that_nobody_closed_ends_with_its_key_where_order_is_known(strict, problem):
    """A device that left an epoch open has lost the rest of it: who goes on there has stolen the key."""
    keys = book(strict)
    early = frame_of(StreamId(1, 5), 0, OLD)
    keys.learn(early, peek_record(early))
    closing = closing_of(FIRST, 0, 77, OLD, NEW)
    keys.learn(closing, peek_record(closing))
    late = frame_of(StreamId(1, 5), 1, OLD)
    assert keys.problem_with(late, peek_record(late)) == problem


def test_a_thief_cannot_close_an_epoch_that_was_left_open():
    keys = book(True)
    early = frame_of(StreamId(1, 5), 0, OLD)
    keys.learn(early, peek_record(early))
    closing = closing_of(FIRST, 0, 77, OLD, NEW)
    keys.learn(closing, peek_record(closing))
    assert keys.take([closing_of(StreamId(1, 5), 1, 99, OLD, signer("a thief"))]) == []
    frame = frame_of(StreamId(1, 99), 0, signer("a thief"))
    assert keys.problem_with(frame, peek_record(frame)) == WRONG_SIGNATURE


@pytest.mark.parametrize(
    ("closing", "problem"),
    [
        (closing_of(StreamId(1, 88), 0, 99, OLD, NEW), None),
        (closing_of(StreamId(1, 88), 0, 99, OLD, signer("a thief")), STALE_KEY),
        (closing_of(StreamId(1, 88), 0, 99, OLD, OLD), STALE_KEY),
        (closing_of(StreamId(1, 88), 1, 99, OLD, NEW), STALE_KEY),
        (closing_of(StreamId(1, 88), 0, FIRST.epoch, OLD, NEW), STALE_KEY),
        (closing_of(StreamId(1, 88), 0, 99, signer("a thief"), NEW), WRONG_SIGNATURE),
        (sealed_closing(StreamId(1, 88), 0, encode_closing(7, 99, NEW.suite, NEW.public), OLD), STALE_KEY),
        (sealed_closing(StreamId(1, 88), 0, b"not CBOR", OLD), STALE_KEY),
    ],
    ids=["over", "thief's key", "old key", "not first", "epoch of old key", "thief", "later end", "garbage"],
)
def test_a_device_that_crashed_before_its_closing_frame_was_taken_may_close_its_start_at_once(closing, problem):
    """It starts with the key that it was giving up: the epoch of that start holds nothing but its end."""
    keys, following = learned()
    assert keys.problem_with(closing, peek_record(closing)) == problem
    if problem is None:
        assert keys.learn(closing, peek_record(closing)) == StreamId(1, 99)
        for stream in (following, StreamId(1, 99)):
            frame = frame_of(stream, 0, NEW)
            assert keys.problem_with(frame, peek_record(frame)) is None
        again = book()
        assert again.take(keys.closings) == [FIRST, StreamId(1, 88)]


def test_a_stolen_key_fills_no_store_with_empty_epochs():
    keys, _ = learned()
    frames = [closing_of(StreamId(1, 1000 + k), 0, 2000 + k, OLD, NEW) for k in range(EMPTY_EPOCHS_MAX + 1)]
    *taken, refused = frames
    assert keys.take(frames) == [peek_record(frame).stream for frame in taken]
    assert keys.problem_with(refused, peek_record(refused)) == STALE_KEY


def test_a_closing_frame_under_the_same_key_gives_nothing_up():
    keys = book()
    closing = closing_of(FIRST, 0, 77, OLD, OLD)
    keys.learn(closing, peek_record(closing))
    frame = frame_of(StreamId(1, 88), 0, OLD)
    assert keys.problem_with(frame, peek_record(frame)) is None


def test_a_closing_frame_that_names_no_usable_key_is_refused_and_changes_nothing():
    body = encode_closing(0, 77, "rot13", bytes(32))
    closing = seal(Frame(*FIRST, 0, CLOSING, T0, body), apid=1, packet_count=0, signer=OLD)
    keys = book()
    with pytest.raises(FrameError, match="rot13"):
        keys.learn(closing, peek_record(closing))
    assert not keys.is_closed(FIRST)
    assert keys.closings == ()


def test_a_book_is_rebuilt_from_its_closing_frames():
    keys, following = learned()
    second = closing_of(following, 0, 99, NEW, signer("third"))
    keys.learn(second, peek_record(second))
    again = book()
    assert again.take(keys.closings) == [FIRST, following]
    frame = frame_of(StreamId(1, 99), 0, signer("third"))
    assert again.problem_with(frame, peek_record(frame)) is None
    assert again.take(keys.closings) == []


def test_closing_frames_that_prove_nothing_are_passed_over():
    forged = closing_of(FIRST, 0, 77, signer("a thief"), signer("a thief"))
    keys = book()
    assert keys.take((forged, frame_of(FIRST, 0, OLD))) == []


# ------------------------------------------------------------ the edge


def give(edge, frame: bytes, medium: Medium):
    return run_syncs(edge, edge.handle(Received("device-1", encode(FrameOffer(frame))), T0), T0, medium)


def test_an_edge_follows_a_rotation_and_remembers_it_over_a_restart():
    _, frames = rotated()
    edge, medium = settled_edge(edge_settings()), Medium()
    for frame in frames:
        give(edge, frame, medium)
    assert [stream.size for stream in edge.streams.values()] == [3, 1]
    again = settled_edge(edge_settings(), medium.synced)
    for node in (edge, again):
        stale = frame_of(StreamId(1, 4711), 0, OLD)
        assert why_rejected(give(node, stale, Medium())) == STALE_KEY
        beyond = frame_of(FIRST, 3, OLD)
        assert why_rejected(give(node, beyond, Medium())) == BEYOND_CLOSING


def test_frames_of_the_next_epoch_wait_for_the_closing_frame():
    _, frames = rotated()
    edge, medium = settled_edge(edge_settings()), Medium()
    assert why_rejected(give(edge, frames[3], medium)) == WRONG_SIGNATURE
    for frame in frames:
        assert facts(give(edge, frame, medium), Rejected) == []


def test_a_peer_tells_a_starting_edge_which_keys_were_given_up():
    _, frames = rotated()
    edge, medium = settled_edge(edge_settings()), Medium()
    run_syncs(edge, edge.handle(Received("edge-2", encode(Closings((frames[2],)))), T0), T0, medium)
    assert why_rejected(give(edge, frame_of(StreamId(1, 4711), 0, OLD), medium)) == STALE_KEY
    again = settled_edge(edge_settings(), medium.synced)
    assert why_rejected(give(again, frame_of(StreamId(1, 4711), 0, OLD), Medium())) == STALE_KEY


@pytest.mark.parametrize(
    "senseless",
    [b"no frame", sealed_closing(StreamId(1, 4710), 0, b"no closing", NEW)],
    ids=["no frame", "its body is no closing"],
)
def test_a_closing_frame_beside_a_senseless_one_is_remembered_over_a_restart_too(senseless):
    """Nobody in particular says which epochs were closed, so anybody may put something beside the truth."""
    _, frames = rotated()
    edge, medium = settled_edge(edge_settings()), Medium()
    both = encode(Closings((frames[2], senseless)))
    effects = run_syncs(edge, edge.handle(Received("edge-2", both), T0), T0, medium)
    assert len(facts(effects, Rejected)) == 1
    for node in (edge, settled_edge(edge_settings(), medium.synced)):
        assert why_rejected(give(node, frame_of(StreamId(1, 4711), 0, OLD), Medium())) == STALE_KEY


def test_a_device_hands_its_closing_frames_to_an_edge_that_lost_the_stream():
    machine, frames = rotated()
    machine.handle(Received(EDGE, encode(Accept(FIRST, 3))), T0)
    machine.handle(Received(EDGE, encode(make_ack(frames[:3], trim=2))), T0)
    effects = machine.handle(Received(EDGE, encode(Expect(FIRST, 0))), T0 + 60 * S)
    assert [m for m in said(effects, EDGE) if isinstance(m, Closings)] == [Closings((frames[2],))]
