"""A device gave up its key, and device and medium are lost with the epoch's last frames: the closing frame that a peer
still knows reaches Earth, so the next epoch is accepted everywhere and what is lost stays a gap for all to see. So does
one that Earth has had, and lost in both its stores.
"""

from __future__ import annotations

from random import Random

from hard_world import HardWorld
from pipeline_parts import (
    EARTH,
    EDGE,
    PEER,
    T0,
    S,
    acks_bundle,
    edge_settings,
    frames_bundle,
    gateway_in_clear,
    gateway_settings,
    make_ack,
    of,
    payloads,
    run_syncs,
    said,
    samples,
    settled_edge,
    signer,
    started_device,
)

from twin.pipeline.machine import (
    BundleArrived,
    KeyReplaced,
    Received,
    RowsWritten,
    TimerFired,
    Transmit,
    Transmitted,
    WriteHead,
    WriteRows,
)
from twin.pipeline.nodes.downlink import EXPIRY, FLUSH
from twin.pipeline.nodes.edge import Edge
from twin.pipeline.wire.frame import peek_record
from twin.pipeline.wire.messages import Closings, FrameOffer, Frames, Message, encode


def rotated() -> tuple[list[bytes], bytes, bytes]:
    """Frames of an epoch, the frame that closes it, and the first of the next."""
    device = started_device()
    for _ in range(2):
        device.handle(samples(), T0)
    device.handle(KeyReplaced(signer("device-1/2")), T0)
    device.handle(samples(), T0)
    old, new = (list(epoch.stream.frames.values()) for epoch in device.epochs)
    return old[:2], old[2], new[0]


def radiated(edge: Edge, timer: str, now_us: int) -> list[Message]:
    """What goes to Earth after a timer, all of it."""
    found, effects = [], edge.handle(TimerFired(timer), now_us)
    while transmits := of(effects, Transmit):
        found += payloads(effects)
        effects = edge.handle(Transmitted(transmits[0].id, EARTH), now_us)
    return found


def offer(edge: Edge, frame: bytes) -> None:
    run_syncs(edge, edge.handle(Received("device-1", encode(FrameOffer(frame))), T0))


def test_a_closing_frame_that_nobody_else_sends_goes_along_when_earth_does_not_answer():
    _, closing, following = rotated()
    edge = settled_edge(edge_settings())
    run_syncs(edge, edge.handle(Received(PEER, encode(Closings((closing,)))), T0))
    offer(edge, following)
    assert radiated(edge, FLUSH, T0 + S) == [Frames((following,))]
    assert radiated(edge, EXPIRY, T0 + 2000 * S) == [Frames((closing,)), Frames((following,))]


def test_a_closing_frame_that_is_part_of_a_stream_goes_with_its_stream():
    old, closing, following = rotated()
    edge = settled_edge(edge_settings())
    for frame in (*old, closing, following):
        offer(edge, frame)
    everything = Frames((*old, closing, following))
    assert radiated(edge, FLUSH, T0 + S) == [everything]
    assert radiated(edge, EXPIRY, T0 + 2000 * S) == [everything]


def test_a_closing_frame_that_earth_has_had_goes_along_when_it_does_not_answer_for_what_follows():
    old, closing, following = rotated()
    ended = [*old, closing]
    edge = settled_edge(edge_settings())
    for frame in ended:
        offer(edge, frame)
    assert radiated(edge, FLUSH, T0 + S) == [Frames(tuple(ended))]
    ack = BundleArrived(EARTH, acks_bundle(make_ack(ended, trim=3, counter=1)))
    run_syncs(edge, edge.handle(ack, T0 + 2 * S))
    assert not edge.streams[peek_record(closing).stream].frames, "trimmed: nobody has them but Earth"
    offer(edge, following)
    assert radiated(edge, FLUSH, T0 + 3 * S) == [Frames((following,))]
    assert radiated(edge, EXPIRY, T0 + 2000 * S) == [Frames((closing,)), Frames((following,))]


def test_earth_stores_a_closing_frame_behind_a_gap_and_shows_it_to_the_auditor():
    _, closing, following = rotated()
    gateway = gateway_in_clear(gateway_settings())
    bundle = BundleArrived(EDGE, frames_bundle([closing, following]))
    (write,) = of(gateway.handle(bundle, T0), WriteRows)
    assert [frame for _, frame in write.rows] == [closing, following]
    effects = gateway.handle(RowsWritten(write.id, ()), T0)
    assert said(effects, "auditor") == [Closings((closing,))]
    (head,) = of(effects, WriteHead)
    assert (head.stream, head.size) == (peek_record(following).stream, 1), "no row behind a gap is visible"
    again = gateway.handle(TimerFired("backup"), T0 + 3600 * S)
    assert said(again, "auditor") == [Closings((closing,))], "a datagram may be lost"


def test_the_next_epoch_is_verified_although_medium_and_device_took_the_end_of_the_last_with_them():
    world = HardWorld()
    world.stow(True)
    world.rotate(1)
    world.seal(1)
    world.live(Random(1), 1, 0.0, 400, False)
    world.restart_device(1)
    world.replace_medium(EDGE, "empty", Random(1))
    world.start_edge(EDGE)
    world.live(Random(1), 5, 0.0, 400, False)
    world.replace_medium(PEER, "empty", Random(1))
    world.start_edge(PEER)
    world.seal(1)
    assert world.heal(lambda: False, 1) is False
    stream = world.machines["device-1"].stream.id
    assert world.home()
    assert world.heads[stream][0] == 1
