"""Who brings a stream to Earth, and what a stream needs that its device offers no more."""

from __future__ import annotations

from pipeline_parts import (
    EDGE,
    EDGE_DEVICES,
    OWLT,
    PEER,
    T0,
    Medium,
    S,
    acks_bundle,
    device_settings,
    edge_settings,
    facts,
    frames_of,
    make_ack,
    run_syncs,
    said,
    sealed,
    settled_edge,
    signer,
    started_device,
    stream_of,
)

from twin.pipeline.facts import BundleSent, Rejected
from twin.pipeline.machine import BundleArrived, KeyReplaced, Received, Started, TimerFired
from twin.pipeline.nodes.carriage import SILENCE_US
from twin.pipeline.nodes.edge import CHECKPOINT, Edge
from twin.pipeline.transport.sync import Synchronizer, SyncSettings
from twin.pipeline.wire.frame import SAMPLES, Frame, Samples, encode_samples
from twin.pipeline.wire.frame import seal as seal_frame
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import Ack, Closings, FrameOffer, Hello, encode

FRAMES = frames_of(1, 4)
STANDBY = edge_settings(PEER, carries=frozenset())


def give(edge: Edge, frames: list[bytes], carry: bool, medium: Medium | None = None) -> list[object]:
    done: list[object] = []
    for frame in frames:
        event = Received("device-1", encode(FrameOffer(frame, carry)))
        done += run_syncs(edge, edge.handle(event, T0), T0, medium)
    return done


def standby() -> Edge:
    edge = settled_edge(STANDBY)
    edge.handle(Started(bytes(32)), T0)
    give(edge, FRAMES[:3], False)
    return edge


def test_a_forged_frame_does_not_say_who_carries():
    edge = standby()
    body = encode_samples(Samples(T0, S, ("heart_rate_bpm",), ((250,),)))
    for index in (2, 3):
        forged = seal_frame(
            Frame(*stream_of(), index, SAMPLES, T0, body), apid=1, packet_count=0, signer=signer("a thief")
        )
        assert facts(give(edge, [forged], True), Rejected)
        assert not edge.carriage.carries(stream_of())


def test_an_old_frame_said_again_does_not_say_who_carries():
    edge = standby()
    give(edge, FRAMES[:2], True)
    assert not edge.carriage.carries(stream_of())
    give(edge, FRAMES[2:3], True)
    assert edge.carriage.carries(stream_of())


def test_a_standby_carries_what_fell_silent_before_earth_had_it():
    edge = standby()
    edge.handle(TimerFired(CHECKPOINT), T0 + SILENCE_US - 1)
    assert not edge.carriage.carries(stream_of())
    effects = edge.handle(TimerFired(CHECKPOINT), T0 + SILENCE_US)
    assert edge.carriage.carries(stream_of())
    sent = {record.index for fact in facts(effects, BundleSent) for record, _ in fact.records}
    assert sent == {0, 1, 2}


def test_an_ack_of_a_silent_stream_goes_to_the_peers_that_hold_it():
    home = settled_edge(edge_settings(EDGE))
    home.handle(Started(bytes(32)), T0)
    give(home, FRAMES[:3], True)
    later = T0 + SILENCE_US
    effects = home.handle(BundleArrived("earth", acks_bundle(make_ack(FRAMES[:3], trim=2), now_us=later)), later)
    (ack,) = [message for message in said(effects, PEER) if isinstance(message, Ack)]
    edge = standby()
    run_syncs(edge, edge.handle(Received(EDGE, encode(ack)), later))
    assert list(edge.streams[stream_of()].frames) == [2]


def test_an_ack_of_a_stream_that_is_not_held_here_is_not_taken_from_a_peer():
    edge = settled_edge(STANDBY)
    edge.handle(Received(EDGE, encode(make_ack(FRAMES, trim=4))), T0)
    assert edge.streams == {}


def test_an_emptied_home_edge_asks_its_devices_for_what_they_still_hold():
    edge = settled_edge(edge_settings(EDGE, carries=frozenset((1,))))
    effects = edge.handle(Started(bytes(32)), T0)
    assert Hello(StreamId(1, 0)) in said(effects, "device-1")
    device = started_device(device_settings(1, edges=(EDGE,)))
    frames = sealed(device, 3)
    device.epochs[-1].lanes[EDGE].accept(3, [])
    effects = device.handle(Received(EDGE, encode(Hello(StreamId(1, 0)))), T0)
    assert [message.frame for message in said(effects, EDGE) if isinstance(message, FrameOffer)] == frames


def test_an_edge_that_learns_of_another_key_tells_its_peers_once_it_is_durable():
    device = started_device(device_settings(1))
    frames = sealed(device, 2)
    stream = device.stream
    device.handle(KeyReplaced(signer("device-1/2")), T0)
    closing = stream.frames[2]
    edge = settled_edge(edge_settings(EDGE))
    give(edge, frames, True)
    first = edge.handle(Received("device-1", encode(FrameOffer(closing))), T0)
    assert not [message for message in said(first, PEER) if isinstance(message, Closings)]
    rest = run_syncs(edge, first)
    assert Closings((closing,)) in said(rest, PEER)


def test_a_rotten_row_is_sent_once_per_time_of_flight():
    settings = edge_settings()
    sync = Synchronizer(settings.plan, EDGE, "earth", SyncSettings(64_000, 5 * S, 15 * S))
    record = RecordId(EDGE_DEVICES[EDGE], 5, 0)
    sync.verified[record.stream] = 3
    sync.demand(record, 100, T0)
    load = sync.next_load(10_000, T0)
    assert load is not None
    sync.sent(load, T0, T0 + OWLT)
    sync.demand(record, 100, T0 + 1)
    assert not sync.waiting, "Earth cannot have known"
    sync.demand(record, 100, T0 + 700 * S)
    assert sync.waiting


def test_an_abandoned_stream_leaves_nothing_in_the_queues():
    settings = edge_settings()
    sync = Synchronizer(settings.plan, EDGE, "earth", SyncSettings(64_000, 5 * S, 15 * S))
    mine, other = RecordId(1, 5, 0), RecordId(2, 5, 0)
    for record in (mine, other):
        sync.offer(record, 100)
    load = sync.next_load(150, T0)
    assert load is not None
    sync.sent(load, T0, T0 + OWLT)
    sync.offer(RecordId(1, 5, 1), 100, urgent=True)
    sync.abandon(mine.stream)
    assert sync.queued == 1
    left = sync.next_load(10_000, T0)
    assert left is not None
    assert left.records == (other,)
    assert sync.next_expiry_us() is None
