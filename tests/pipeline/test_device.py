"""The device machine, driven by hand: frames signed once, local retries, and acks that must prove themselves."""

from __future__ import annotations

import pytest
from pipeline_parts import (
    EDGE,
    ENTROPY,
    T0,
    S,
    device_settings,
    facts,
    frames_of,
    log_of,
    make_ack,
    of,
    rows,
    said,
    samples,
    sealed,
    started_device,
    stream_of,
    timers,
    verifier,
    why_rejected,
)

from twin.pipeline.facts import AckLearned, FrameSealed, Rejected, RootMismatch, Trimmed
from twin.pipeline.ledger.merkle import leaf_hash
from twin.pipeline.machine import ArmSensor, CancelTimer, Received, SamplesReady, Started, TimerFired, Transmitted
from twin.pipeline.nodes.device import Device
from twin.pipeline.wire.frame import decode_samples, open_frame, peek_record, verify_frame
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Accept, Expect, FrameOffer, Hello, encode
from twin.pipeline.wire.signing import signer as make_signer
from twin.pipeline.wire.signing import verifier as make_verifier

RETRY = f"retry:{EDGE}:{stream_of().epoch:016x}"


def offered(effects):
    return [message.frame for message in said(effects, EDGE) if isinstance(message, FrameOffer)]


def hear(device: Device, message, now_us: int = T0, source: str = EDGE):
    return device.handle(Received(source, encode(message)), now_us)


def state(device: Device):
    stream = device.stream
    return (
        device.epochs[-1].lanes[EDGE].accepted,
        stream.size,
        stream.trim,
        stream.verified,
        stream.log.base,
        dict(stream.frames),
    )


def test_a_started_device_arms_its_sensor_and_says_hello():
    device = Device(device_settings())
    effects = device.handle(Started(ENTROPY), T0)
    assert of(effects, ArmSensor) == [ArmSensor(S, 3, (41,), (130,))]
    assert said(effects, EDGE) == [Hello(stream_of())]


def test_each_start_opens_a_new_epoch_that_counts_from_zero():
    device = started_device()
    sealed(device, 3)
    device.handle(Started(bytes(32)), T0 + 100 * S)
    assert device.stream.id == StreamId(1, 0)
    assert peek_record(sealed(device)[0]).index == 0
    assert device.epochs[-1].lanes[EDGE].accepted == 0


@pytest.mark.parametrize("suite", ["ed25519", "hmac-sha256"])
def test_a_frame_says_what_was_measured_and_carries_the_devices_signature(suite):
    key = make_signer(suite, bytes(32))
    device = started_device(device_settings(signer=key))
    effects = device.handle(SamplesReady(T0, rows()), T0 + 2 * S)
    (data,) = offered(effects)
    assert verify_frame(data, make_verifier(suite, key.public), key.signature_bytes)
    frame = open_frame(data, key.signature_bytes)
    assert frame.generated_us == T0 + 2 * S
    assert decode_samples(frame.body).rows == rows()
    (fact,) = facts(effects, FrameSealed)
    assert (fact.leaf, fact.samples, fact.size_bytes) == (leaf_hash(data), 3, len(data))


def test_a_comparators_block_closes_the_frame_early():
    device = started_device()
    effects = device.handle(SamplesReady(T0, rows(1)), T0)
    assert facts(effects, FrameSealed)[0].samples == 1
    assert len(offered(effects)) == 1


def test_an_index_is_never_used_twice():
    device = started_device()
    frames = sealed(device, 6)
    hear(device, Expect(stream_of(), 2))
    frames += sealed(device, 2)
    assert [peek_record(frame).index for frame in frames] == list(range(8))


def test_a_resend_is_the_same_bytes():
    device = started_device()
    first = offered(device.handle(SamplesReady(T0, rows()), T0))
    again = offered(device.handle(TimerFired(RETRY), T0 + 10 * S))
    assert again == first


def test_no_more_frames_than_the_window_wait_for_an_accept():
    device = started_device()
    effects = [device.handle(samples(), T0) for _ in range(7)]
    assert sum(len(offered(part)) for part in effects) == 4
    more = hear(device, Accept(stream_of(), 3))
    assert [peek_record(frame).index for frame in offered(more)] == [4, 5, 6]


def test_retries_back_off_and_an_answer_resets_them():
    device = started_device()
    assert timers(device.handle(samples(), T0)) == {RETRY: T0 + 10 * S}
    waits = [timers(device.handle(TimerFired(RETRY), T0))[RETRY] - T0 for _ in range(6)]
    assert waits == [20 * S, 40 * S, 80 * S, 160 * S, 160 * S, 160 * S]
    device.handle(samples(), T0)
    assert timers(hear(device, Accept(stream_of(), 1)))[RETRY] == T0 + 10 * S


def test_nothing_is_retried_once_all_is_accepted():
    device = started_device()
    sealed(device, 2)
    effects = hear(device, Accept(stream_of(), 2))
    assert of(effects, CancelTimer) == [CancelTimer(RETRY)]
    assert timers(effects) == {}


def test_expect_moves_back_to_what_an_edge_lost_with_its_unsynced_tail():
    device = started_device()
    frames = sealed(device, 4)
    hear(device, Accept(stream_of(), 3))
    effects = hear(device, Expect(stream_of(), 1))
    assert offered(effects) == frames[1:]
    assert device.epochs[-1].lanes[EDGE].accepted == 1


def test_expect_skips_what_the_edge_holds_but_only_accept_says_that_it_is_durable():
    """An edge counts frames in its cache when it says what it expects; a crash loses them."""
    device = started_device()
    frames = sealed(device, 3)
    assert offered(hear(device, Expect(stream_of(), 2))) == frames[2:]
    assert device.epochs[-1].lanes[EDGE].accepted == 0
    assert offered(device.handle(TimerFired(RETRY), T0 + 10 * S)) == frames


def test_one_lost_datagram_costs_one_window_not_its_square():
    """Every frame behind a lost one makes the edge ask for it; the question is answered once per retry time."""
    device = started_device()
    sealed(device, 4)
    answers = [offered(hear(device, Expect(stream_of(), 0), T0 + n)) for n in range(3)]
    assert [len(answer) for answer in answers] == [4, 0, 0]
    assert len(offered(hear(device, Expect(stream_of(), 0), T0 + 10 * S))) == 4


def test_an_old_accept_moves_nothing_back():
    device = started_device()
    sealed(device, 3)
    hear(device, Accept(stream_of(), 3))
    assert offered(hear(device, Accept(stream_of(), 1))) == []
    assert device.epochs[-1].lanes[EDGE].accepted == 3


@pytest.mark.parametrize("answer", [Accept, Expect])
def test_an_answer_beyond_what_was_sealed_is_refused(answer):
    device = started_device()
    sealed(device, 2)
    before = state(device)
    assert why_rejected(hear(device, answer(stream_of(), 3))) == "beyond what was sealed"
    assert state(device) == before


def test_an_ack_trims_below_trim_and_keeps_the_rest():
    device = started_device()
    frames = sealed(device, 6)
    effects = hear(device, make_ack(frames[:5], trim=3))
    assert facts(effects, AckLearned) == [AckLearned(stream_of(), 5, 3, 1)]
    assert facts(effects, Trimmed) == [Trimmed(stream_of(), 3)]
    assert list(device.stream.frames) == [3, 4, 5]


def test_what_earth_has_verified_is_accepted_whatever_became_of_the_accept():
    """Otherwise a retry would reach for frames that the same ack has trimmed."""
    device = started_device()
    frames = sealed(device, 6)
    effects = hear(device, make_ack(frames[:5], trim=5))
    assert device.epochs[-1].lanes[EDGE].accepted == 5
    assert offered(effects) == frames[5:]
    assert offered(device.handle(TimerFired(RETRY), T0 + 60 * S)) == frames[5:]


def test_an_edge_that_asks_below_trim_gets_the_ack_whose_frontier_it_can_go_on_from():
    device = started_device()
    frames = sealed(device, 4)
    ack = make_ack(frames[:3], trim=2)
    hear(device, ack)
    effects = hear(device, Expect(stream_of(), 0))
    assert said(effects, EDGE)[0] == ack
    assert offered(effects) == frames[3:]


FRAMES = frames_of(1, 5)
BAD_ACKS = {
    "gateway's signature": make_ack(FRAMES[:4], trim=1, counter=2, signature=bytes(32)),
    "auditor's signature": make_ack(FRAMES[:4], trim=1, counter=2, audit=bytes(32)),
    "counts outside what this node holds or was told before": make_ack([*FRAMES, FRAMES[0]], counter=2),
    "not newer than the last": make_ack(FRAMES[:4], counter=1),
}


@pytest.mark.parametrize("reason", BAD_ACKS)
def test_an_ack_that_proves_nothing_changes_nothing(reason):
    device = started_device()
    sealed(device, 5)
    hear(device, make_ack(FRAMES[:2], trim=1, counter=1))
    before = state(device)
    assert why_rejected(hear(device, BAD_ACKS[reason])) == reason
    assert state(device) == before


@pytest.mark.parametrize(
    ("verified", "trim", "reason"),
    [
        (1, 1, "verified fell within a term"),
        (3, 0, "counts outside what this node holds or was told before"),
        (3, 4, "counts outside what this node holds or was told before"),
    ],
    ids=["verified falls", "trim falls", "trim beyond verified"],
)
def test_counts_of_acks_never_fall_within_a_term(verified, trim, reason):
    device = started_device()
    sealed(device, 5)
    hear(device, make_ack(FRAMES[:2], trim=1))
    before = state(device)
    effects = hear(device, make_ack(FRAMES[:verified], trim=trim, counter=1))
    assert why_rejected(effects) == reason
    assert state(device) == before


def test_a_higher_term_counts_more_than_a_higher_counter():
    device = started_device()
    sealed(device, 5)
    hear(device, make_ack(FRAMES[:2], term=2, counter=0))
    assert why_rejected(hear(device, make_ack(FRAMES[:3], term=1, counter=9))) == "not newer than the last"
    assert facts(hear(device, make_ack(FRAMES[:3], term=3, counter=0)), AckLearned)


def test_an_ack_with_another_root_is_a_mismatch_and_trims_nothing():
    device = started_device()
    sealed(device, 5)
    other = [*FRAMES[:2], b"not what the device signed"]
    assert log_of(other).root() != log_of(FRAMES[:3]).root()
    before = state(device)
    effects = hear(device, make_ack(other, trim=3))
    assert facts(effects, RootMismatch) == [RootMismatch(stream_of(), 3)]
    assert state(device) == before


@pytest.mark.parametrize(
    "message",
    [Accept(StreamId(1, 7), 1), Expect(StreamId(2, stream_of().epoch), 0), make_ack(frames_of(2, 2), device=2)],
    ids=["another epoch", "another device", "another device's ack"],
)
def test_messages_of_another_stream_are_refused(message):
    device = started_device()
    sealed(device, 2)
    before = state(device)
    assert why_rejected(hear(device, message)) == "another stream or epoch"
    assert state(device) == before


def test_only_the_devices_own_edges_are_listened_to():
    device = started_device()
    sealed(device, 2)
    assert "not from its edges: edge-2" in why_rejected(hear(device, Accept(stream_of(), 2), source="edge-2"))
    assert device.epochs[-1].lanes[EDGE].accepted == 0


@pytest.mark.parametrize("data", [b"", b"\x00", encode(Hello(stream_of())), b"\x81\xc4\x82\x61a\x61b"])
def test_bytes_that_are_no_answer_have_no_effect_but_a_count(data):
    device = started_device()
    sealed(device, 2)
    before = state(device)
    effects = device.handle(Received(EDGE, data), T0)
    assert len(effects) == 1
    assert facts(effects, Rejected)
    assert state(device) == before


def test_an_event_of_another_machine_is_refused():
    assert why_rejected(started_device().handle(Transmitted(0, "earth"), T0)) == "not an event of a device"


def test_a_device_checks_acks_with_the_keys_that_it_was_given():
    device = started_device(device_settings(gateway=verifier("another gateway")))
    sealed(device, 2)
    assert why_rejected(hear(device, make_ack(FRAMES[:2]))) == "gateway's signature"


def test_a_block_that_the_sensor_delivers_twice_becomes_one_frame():
    device = started_device()
    block = samples()
    device.handle(block, T0)
    assert why_rejected(device.handle(block, T0)) == "the block that was delivered last"
    assert device.stream.size == 1
    device.handle(samples(), T0)
    assert device.stream.size == 2
