"""A device and its two edges: every frame goes to both, one of them carries the stream, and either may be lost."""

from __future__ import annotations

from pipeline_parts import (
    EARTH,
    EDGE,
    ENTROPY,
    PEER,
    T0,
    Medium,
    S,
    acks_bundle,
    device_settings,
    edge_in_clear,
    edge_settings,
    facts,
    frames_of,
    make_ack,
    of,
    run_syncs,
    said,
    samples,
    settled_edge,
    stream_of,
    why_rejected,
)

from twin.pipeline.facts import Accepted, Adopted, BundleSent
from twin.pipeline.ledger import journal
from twin.pipeline.machine import Append, BundleArrived, Received, Started, TimerFired
from twin.pipeline.nodes.device import Device
from twin.pipeline.nodes.downlink import FLUSH
from twin.pipeline.wire.messages import Accept, Ack, Expect, FrameOffer, Hello, encode

HOME_TIMER = f"retry:{EDGE}:{stream_of().epoch:016x}"


def device() -> Device:
    machine = Device(device_settings(edges=(EDGE, PEER)))
    machine.handle(Started(ENTROPY), T0)
    return machine


def measure(machine: Device, count: int = 1, now_us: int = T0):
    out = []
    for _ in range(count):
        out += machine.handle(samples(), now_us)
    return out


def hear(machine: Device, source: str, message, now_us: int = T0):
    return machine.handle(Received(source, encode(message)), now_us)


def offers(effects, to: str) -> list[FrameOffer]:
    return [message for message in said(effects, to) if isinstance(message, FrameOffer)]


def test_every_frame_goes_to_both_edges_and_home_is_asked_to_carry():
    effects = measure(device())
    assert [offer.carry for offer in offers(effects, EDGE)] == [True]
    assert [offer.carry for offer in offers(effects, PEER)] == [False]
    assert offers(effects, EDGE)[0].frame == offers(effects, PEER)[0].frame


def test_one_edge_may_lag_behind_the_other():
    machine = device()
    measure(machine, 4)
    hear(machine, EDGE, Accept(stream_of(), 4))
    effects = measure(machine)
    assert len(offers(effects, EDGE)) == 1
    assert offers(effects, PEER) == [], "its window of four is full"


def test_the_standby_carries_once_home_has_left_two_repetitions_unanswered():
    machine = device()
    measure(machine)
    hear(machine, PEER, Accept(stream_of(), 1))
    machine.handle(TimerFired(HOME_TIMER), T0 + 10 * S)
    effects = machine.handle(TimerFired(HOME_TIMER), T0 + 30 * S)
    assert [offer.carry for offer in offers(effects, PEER)] == [True]
    assert all(not offer.carry for offer in offers(effects, EDGE))
    assert [offer.carry for offer in offers(measure(machine), PEER)] == [True]


def test_home_carries_again_as_soon_as_it_answers():
    machine = device()
    measure(machine)
    hear(machine, PEER, Accept(stream_of(), 1))
    for n in range(2):
        machine.handle(TimerFired(HOME_TIMER), T0 + n * 30 * S)
    effects = hear(machine, EDGE, Expect(stream_of(), 0))
    assert [offer.carry for offer in offers(effects, PEER)] == [False]
    assert offers(effects, EDGE)[-1].carry


def test_a_device_with_one_edge_waits_for_it():
    machine = Device(device_settings())
    machine.handle(Started(ENTROPY), T0)
    measure(machine)
    for n in range(5):
        assert offers(machine.handle(TimerFired(HOME_TIMER), T0 + n * 100 * S), EDGE)[0].carry


def test_an_ack_is_handed_on_to_the_other_edge():
    machine = device()
    measure(machine, 2)
    ack = make_ack(list(machine.stream.frames.values()))
    assert said(hear(machine, EDGE, ack), PEER) == [ack]
    assert said(hear(machine, PEER, make_ack(list(machine.stream.frames.values()), counter=1)), EDGE) != []


# ------------------------------------------------------------ the edge's side


def frames(count: int) -> list[bytes]:
    machine = device()
    measure(machine, count)
    return list(machine.stream.frames.values())


def give(edge, frame: bytes, carry: bool, medium: Medium):
    return run_syncs(edge, edge.handle(Received("device-1", encode(FrameOffer(frame, carry))), T0), T0, medium)


def sent(effects) -> list[int]:
    return [record.index for fact in facts(effects, BundleSent) for record, _ in fact.records]


def test_a_standby_keeps_what_it_accepts_and_sends_nothing():
    edge, medium = settled_edge(edge_settings(carries=frozenset())), Medium()
    effects = give(edge, frames(1)[0], False, medium)
    effects += edge.handle(TimerFired(FLUSH), T0 + S)
    assert facts(effects, Accepted) == [Accepted(stream_of(), 0, 1)]
    assert sent(effects) == []


def test_a_standby_that_is_to_carry_sends_all_that_earth_has_not_verified():
    edge, medium = settled_edge(edge_settings(carries=frozenset())), Medium()
    held = frames(4)
    for frame in held[:3]:
        give(edge, frame, False, medium)
    run_syncs(edge, edge.handle(Received("device-1", encode(make_ack(held[:1]))), T0), T0, medium)
    assert sent(give(edge, held[3], True, medium)) == [1, 2]
    assert edge.downlink.sync.queued == 1, "the new frame, while the antenna is busy"


def test_a_repeated_frame_changes_who_carries():
    edge, medium = settled_edge(edge_settings(carries=frozenset())), Medium()
    held = frames(2)
    for frame in held:
        give(edge, frame, False, medium)
    assert sent(give(edge, held[1], True, medium)) == [0, 1]


def test_an_edge_takes_no_frame_before_its_peers_have_said_what_they_know_of_it():
    from twin.pipeline.nodes.peer_desk import SETTLE

    edge = edge_in_clear(edge_settings(), b"")
    edge.handle(Started(ENTROPY), T0)
    offer = Received("device-1", encode(FrameOffer(frames(1)[0], True)))
    assert of(edge.handle(offer, T0), Append) == []
    edge.handle(TimerFired(SETTLE), T0 + 2 * S)
    assert of(edge.handle(offer, T0 + 2 * S), Append) != []


# ------------------------------------------------------------ a stream that was lost


def test_an_emptied_edge_takes_a_stream_up_at_the_frontier_of_earths_ack():
    machine = device()
    measure(machine, 6)
    held = list(machine.stream.frames.values())
    ack = make_ack(held[:5], trim=3)
    hear(machine, EDGE, ack)
    edge, medium = settled_edge(edge_settings()), Medium()
    out = give(edge, held[5], True, medium)
    assert said(out, "device-1") == [Expect(stream_of(), 0)]
    answer = hear(machine, EDGE, Expect(stream_of(), 0))
    done = []
    for message in said(answer, EDGE):
        done += run_syncs(edge, edge.handle(Received("device-1", encode(message)), T0), T0, medium)
    assert [message for message in said(answer, EDGE) if isinstance(message, Ack)] == [ack]
    assert facts(done, Adopted) == [Adopted(stream_of(), 5)]
    assert edge.streams[stream_of()].size == 6
    assert edge.streams[stream_of()].log.root() == machine.stream.log.root()
    again = settled_edge(edge_settings(), medium.synced)
    assert again.streams[stream_of()].log.root() == machine.stream.log.root()
    assert facts(again.handle(Started(ENTROPY), T0), Adopted) == [Adopted(stream_of(), 5)]  # said again at each start


def test_what_earth_lost_below_where_home_took_the_stream_up_is_sent_by_the_standby():
    """Earth answers home alone, which holds nothing that this ack could be checked by."""
    machine = device()
    measure(machine, 6)
    held = list(machine.stream.frames.values())
    standby = settled_edge(edge_settings(PEER, carries=frozenset()))
    home, medium = settled_edge(edge_settings()), Medium()
    for frame in held:
        give(standby, frame, False, Medium())
    adopted = make_ack(held[:5], trim=3)
    hear(machine, EDGE, adopted)
    run_syncs(standby, standby.handle(Received("device-1", encode(adopted)), T0))
    run_syncs(home, home.handle(Received("device-1", encode(adopted)), T0), T0, medium)
    give(home, held[5], True, medium)
    restored = make_ack(held[:3], trim=3, term=2)
    heard = run_syncs(home, home.handle(BundleArrived(EARTH, acks_bundle(restored)), T0), T0, medium)
    assert said(heard, "device-1") == [restored]
    assert said(hear(machine, EDGE, restored), PEER) == [restored]
    assert sent(standby.handle(Received("device-1", encode(restored)), T0)) == [3, 4, 5]
    for edge in (home, settled_edge(edge_settings(), medium.synced)):
        stream = edge.streams[stream_of()]
        assert (stream.verified, list(stream.frames)) == (3, [5])


def test_below_where_a_stream_was_taken_up_an_ack_needs_both_signatures():
    edge = settled_edge(edge_settings())
    held = frames(5)
    run_syncs(edge, edge.handle(Received("device-1", encode(make_ack(held, trim=3))), T0))
    for forged in ({"signature": bytes(32)}, {"audit": bytes(32)}):
        edge.handle(Received("device-1", encode(make_ack(held[:3], trim=3, term=2, **forged))), T0)
        assert edge.streams[stream_of()].verified == 5


def test_an_ack_is_no_reason_to_skip_what_the_device_can_still_send():
    edge, medium = settled_edge(edge_settings()), Medium()
    held = frames(5)
    give(edge, held[0], True, medium)
    effects = edge.handle(Received("device-1", encode(make_ack(held, trim=1))), T0)
    assert facts(effects, Adopted) == []
    assert edge.streams[stream_of()].size == 1


def test_an_ack_that_proves_nothing_is_not_adopted():
    edge = settled_edge(edge_settings())
    for forged in ({"signature": bytes(32)}, {"audit": bytes(32)}, {"frontier": (bytes(32),)}, {"root": bytes(32)}):
        effects = edge.handle(Received("device-1", encode(make_ack(frames(4), trim=2, **forged))), T0)
        assert facts(effects, Adopted) == []
        assert edge.streams == {}


def test_only_the_streams_own_device_may_hand_an_ack_on():
    edge = settled_edge(edge_settings())
    effects = edge.handle(Received("device-2", encode(make_ack(frames(4), trim=2))), T0)
    assert facts(effects, Adopted) == []


def test_what_was_adopted_is_in_the_journal_before_anything_that_follows():
    edge, medium = settled_edge(edge_settings()), Medium()
    held = frames(6)
    run_syncs(edge, edge.handle(Received("device-1", encode(make_ack(held[:5], trim=3))), T0), T0, medium)
    give(edge, held[5], True, medium)
    kinds = [entry.kind for entry in journal.scan(medium.synced)[0]]
    assert kinds == [journal.ADOPTED, journal.FRAME]


def test_a_greeting_is_answered_with_what_is_held():
    edge, medium = settled_edge(edge_settings()), Medium()
    give(edge, frames(1)[0], True, medium)
    effects = edge.handle(Received("device-1", encode(Hello(stream_of()))), T0)
    assert said(effects, "device-1") == [Expect(stream_of(), 1)]


def test_an_edge_takes_up_no_stream_of_a_device_that_is_not_its_own():
    """A gateway that has just started tells every edge of every stream."""
    ack = make_ack(frames_of(1, 5), trim=3)
    stranger = settled_edge(edge_settings(carries=frozenset({2})))
    out = stranger.handle(BundleArrived(EARTH, acks_bundle(ack)), T0)
    assert facts(out, Adopted) == []
    assert why_rejected(out) == "a stream that this edge does not carry"
    assert stream_of() not in stranger.streams
    home = settled_edge(edge_settings(carries=frozenset({1})))
    assert facts(run_syncs(home, home.handle(BundleArrived(EARTH, acks_bundle(ack)), T0)), Adopted)
    standby = settled_edge(edge_settings(carries=frozenset({2})))
    assert facts(run_syncs(standby, standby.handle(Received("device-1", encode(ack)), T0)), Adopted)
