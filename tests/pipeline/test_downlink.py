"""The edge machine towards Earth: what goes into bundles, when, and what comes after loss, failure and silence."""

from __future__ import annotations

from pipeline_parts import (
    DAY,
    EARTH,
    EDGE,
    ENDPOINTS,
    OWLT,
    RATE_BPS,
    T0,
    Medium,
    S,
    acks_bundle,
    contact,
    edge_settings,
    facts,
    frames_of,
    make_ack,
    of,
    payloads,
    run_syncs,
    settled_edge,
    stream_of,
    timers,
)

from twin.pipeline.facts import AckLearned, BundleSent
from twin.pipeline.machine import (
    BundleArrived,
    LinkChanged,
    PlanChanged,
    Received,
    SetTimer,
    Started,
    TimerFired,
    Transmit,
    TransmitFailed,
    Transmitted,
)
from twin.pipeline.nodes.downlink import CONTACT, EXPIRY, FLUSH
from twin.pipeline.nodes.edge import CHECKPOINT, Edge
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.sync import ACK_BYTES, SyncSettings
from twin.pipeline.wire.bpsec import SEALING_BYTES_MAX
from twin.pipeline.wire.bundle import decode as decode_bundle
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Ack, CheckpointOffer, FrameOffer, Frames, encode

FRAMES = frames_of(1, 12)
SYNC = SyncSettings(bundle_bytes_max=64_000, turnaround_us=5 * S, margin_us=15 * S)
ANSWER = 2 * OWLT + 5 * S + 15 * S + ACK_BYTES * 8 * S // RATE_BPS
"""From the last bit of a bundle to the expiry of its timer, where Earth can answer at once."""


def edge_with(count: int, now_us: int = T0, **changes) -> Edge:
    """An edge with frames of device 1 that waits for the end of the bundle wait."""
    edge, medium = settled_edge(edge_settings(**changes), b""), Medium()
    edge.handle(Started(), now_us)
    for frame in FRAMES[:count]:
        run_syncs(edge, edge.handle(Received("device-1", encode(FrameOffer(frame))), now_us), now_us, medium)
    return edge


def flushed(edge: Edge, now_us: int):
    return edge.handle(TimerFired(FLUSH), now_us)


def sent_frames(effects) -> list[bytes]:
    return [frame for message in payloads(effects) if isinstance(message, Frames) for frame in message.frames]


def left(edge: Edge, effects, now_us: int):
    """Say that the transmission in these effects has left."""
    (transmit,) = of(effects, Transmit)
    return edge.handle(Transmitted(transmit.id, EARTH), now_us)


def acked(edge: Edge, ack: Ack, now_us: int):
    return edge.handle(BundleArrived(EARTH, acks_bundle(ack, now_us=now_us)), now_us)


def test_the_first_record_of_a_batch_waits_for_others():
    edge = edge_with(0)
    effects = []
    for n in range(3):
        effects += run_syncs(edge, edge.handle(Received("device-1", encode(FrameOffer(FRAMES[n]))), T0 + n), T0 + n)
    assert [timer for timer in of(effects, SetTimer) if timer.name == FLUSH] == [SetTimer(FLUSH, T0 + S)]
    assert of(effects, Transmit) == []
    effects = flushed(edge, T0 + S)
    assert sent_frames(effects) == FRAMES[:3]
    (fact,) = facts(effects, BundleSent)
    assert (fact.destination, fact.round) == (EARTH, 0)
    assert [record.index for record, _ in fact.records] == [0, 1, 2]


def test_a_bundle_is_addressed_to_earth_and_names_its_sender_and_lifetime():
    edge = edge_with(1)
    (transmit,) = of(flushed(edge, T0 + S), Transmit)
    bundle = decode_bundle(transmit.data)
    assert (bundle.source, bundle.destination) == (ENDPOINTS[EDGE], ENDPOINTS[EARTH])
    assert bundle.lifetime_ms == 10 * DAY // 1000


def test_a_bundle_holds_no_more_bytes_of_frames_than_it_may_and_the_rest_follows():
    room = 3 * (len(FRAMES[0]) + 3)
    edge = edge_with(7, sync=SYNC._replace(bundle_bytes_max=room + 10))
    sizes = []
    effects = flushed(edge, T0 + S)
    while of(effects, Transmit):
        sizes.append(len(sent_frames(effects)))
        effects = left(edge, effects, T0 + S)
    assert sizes == [3, 3, 1]


def test_a_frame_larger_than_a_bundle_should_be_goes_alone():
    edge = edge_with(3, sync=SYNC._replace(bundle_bytes_max=10))
    effects = flushed(edge, T0 + S)
    assert sent_frames(effects) == FRAMES[:1]
    assert sent_frames(left(edge, effects, T0 + S)) == FRAMES[1:2]


def test_only_one_transmission_is_under_way():
    edge = edge_with(2)
    flushed(edge, T0 + S)
    effects = run_syncs(edge, edge.handle(Received("device-1", encode(FrameOffer(FRAMES[2]))), T0 + S), T0 + S)
    assert of(effects, Transmit) == []
    assert of(flushed(edge, T0 + 2 * S), Transmit) == []


def test_outside_contacts_nothing_is_sent_and_the_next_contact_is_waited_for():
    start, end = T0 + 1000 * S, T0 + 2000 * S
    plan = ContactPlan([contact(EDGE, EARTH, start, end), contact(EARTH, EDGE, start, end)])
    edge = edge_with(2, plan=plan)
    effects = flushed(edge, T0 + S)
    assert of(effects, Transmit) == []
    assert timers(effects) == {CONTACT: start}
    assert timers(edge.handle(TimerFired("nothing"), T0 + 2 * S)) == {}, "the timer is set once"
    assert sent_frames(edge.handle(TimerFired(CONTACT), start)) == FRAMES[:2]


def test_what_does_not_fit_the_end_of_a_contact_waits_for_the_next():
    one_frame_us = (len(FRAMES[0]) + 3 + 160) * 8 * S // RATE_BPS
    end = T0 + S + 2 * one_frame_us
    plan = ContactPlan(
        [
            contact(EDGE, EARTH, T0, end),
            contact(EDGE, EARTH, T0 + DAY, T0 + 2 * DAY),
            contact(EARTH, EDGE, T0, T0 + DAY),
        ]
    )
    edge = edge_with(6, plan=plan)
    effects = flushed(edge, T0 + S)
    first = sent_frames(effects)
    assert 0 < len(first) < 6
    (transmit,) = of(effects, Transmit)
    airtime = -(-len(transmit.data) * 8 * S // RATE_BPS)
    assert T0 + S + airtime <= end
    effects = left(edge, effects, T0 + S + airtime)
    assert of(effects, Transmit) == []
    assert timers(effects)[CONTACT] == T0 + DAY


def test_an_unacked_bundle_is_sent_again_when_its_timer_expires_and_not_before():
    edge = edge_with(2)
    expiry = T0 + S + ANSWER
    assert timers(left(edge, flushed(edge, T0 + S), T0 + S)) == {EXPIRY: expiry}
    assert of(edge.handle(TimerFired(EXPIRY), expiry - 1), Transmit) == []
    effects = edge.handle(TimerFired(EXPIRY), expiry)
    assert sent_frames(effects) == FRAMES[:2]
    assert facts(effects, BundleSent)[0].round == 1


def test_nothing_is_sent_again_once_it_is_acked():
    edge = edge_with(2)
    left(edge, flushed(edge, T0 + S), T0 + S)
    assert facts(acked(edge, make_ack(FRAMES[:2]), T0 + 1300 * S), AckLearned)
    assert of(edge.handle(TimerFired(EXPIRY), T0 + S + ANSWER), Transmit) == []


def test_a_gap_that_an_ack_names_is_sent_again_at_once_if_the_bundle_should_have_arrived():
    edge = edge_with(5, sync=SYNC._replace(bundle_bytes_max=2 * (len(FRAMES[0]) + 3)))
    effects = flushed(edge, T0 + S)
    for _ in range(3):
        effects = left(edge, effects, T0 + S)
    early = make_ack(FRAMES[:2], gaps=((2, 4),), made_us=T0 + S + OWLT)
    assert of(acked(edge, early, T0 + 1300 * S), Transmit) == []
    late = make_ack(FRAMES[:2], gaps=((2, 4),), counter=1, made_us=T0 + S + OWLT + 1)
    assert sent_frames(acked(edge, late, T0 + 1301 * S)) == FRAMES[2:4]


def test_timers_stand_still_while_the_own_antenna_cannot_hear():
    edge = edge_with(2)
    left(edge, flushed(edge, T0 + S), T0 + S)
    edge.handle(LinkChanged(EARTH, False), T0 + 100 * S)
    expiry = T0 + S + ANSWER
    assert of(edge.handle(TimerFired(EXPIRY), expiry), Transmit) == []
    edge.handle(LinkChanged(EARTH, True), T0 + 5100 * S)
    assert of(edge.handle(TimerFired(EXPIRY), expiry + 5000 * S - 1), Transmit) == []
    assert sent_frames(edge.handle(TimerFired(EXPIRY), expiry + 5000 * S)) == FRAMES[:2]


def test_an_unusable_antenna_radiates_nothing_and_wakes_when_it_is_back():
    edge = edge_with(2)
    edge.handle(LinkChanged(EARTH, False), T0)
    effects = flushed(edge, T0 + S)
    assert of(effects, Transmit) == []
    assert timers(effects) == {}
    assert sent_frames(edge.handle(LinkChanged(EARTH, True), T0 + 10 * S)) == FRAMES[:2]


def test_without_a_planned_return_contact_no_timer_runs():
    plan = ContactPlan([contact(EDGE, EARTH, T0, T0 + DAY)])
    edge = edge_with(2, plan=plan)
    assert timers(left(edge, flushed(edge, T0 + S), T0 + S)) == {}


def test_a_new_plan_sets_the_timers_anew():
    edge = edge_with(2, plan=ContactPlan([contact(EDGE, EARTH, T0, T0 + DAY)]))
    left(edge, flushed(edge, T0 + S), T0 + S)
    effects = edge.handle(PlanChanged(edge_settings().plan), T0 + 2 * S)
    assert timers(effects) == {EXPIRY: T0 + S + ANSWER}


def test_a_new_plan_may_open_a_contact_at_once():
    edge = edge_with(2, plan=ContactPlan())
    assert timers(flushed(edge, T0 + S)) == {}
    assert sent_frames(edge.handle(PlanChanged(edge_settings().plan), T0 + 2 * S)) == FRAMES[:2]


def test_a_failed_transmission_is_tried_again_after_a_pause_and_loses_nothing():
    edge = edge_with(2)
    now = T0 + S
    effects = flushed(edge, now)
    for _ in range(3):
        (transmit,) = of(effects, Transmit)
        effects = edge.handle(TransmitFailed(transmit.id, EARTH, "no contact"), now)
        assert of(effects, Transmit) == [], "a plan that is wrong must not become a loop at one instant"
        assert timers(effects) == {CONTACT: now + 10 * S}
        now += 10 * S
        effects = edge.handle(TimerFired(CONTACT), now)
        assert sent_frames(effects) == FRAMES[:2]
        assert facts(effects, BundleSent)[0].round == 0


def test_answers_about_a_transmission_from_before_a_restart_are_ignored():
    edge = edge_with(2)
    flushed(edge, T0 + S)
    for event in (Transmitted(77, EARTH), TransmitFailed(77, EARTH, "no contact")):
        assert edge.handle(event, T0 + S) == []


def test_a_notice_and_a_checkpoint_that_never_left_are_sent_again():
    edge = edge_with(2)
    other = [FRAMES[0], FRAMES[3]]
    effects = acked(edge, make_ack(other), T0)
    (notice,) = payloads(effects)
    edge.handle(TransmitFailed(of(effects, Transmit)[0].id, EARTH, "no contact"), T0)
    effects = edge.handle(TimerFired(CONTACT), T0 + 10 * S)
    assert payloads(effects) == [notice]
    left(edge, effects, T0 + 10 * S)

    edge = edge_with(2)
    effects = run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0), T0)
    (offer,) = payloads(effects)
    assert isinstance(offer, CheckpointOffer)
    edge.handle(TransmitFailed(of(effects, Transmit)[0].id, EARTH, "no contact"), T0)
    assert payloads(edge.handle(TimerFired(CONTACT), T0 + 10 * S)) == [offer]


def test_mail_that_does_not_fit_the_rest_of_a_contact_does_not_hold_up_frames():
    frame_us = (len(FRAMES[0]) + 3 + 160 + SEALING_BYTES_MAX + 40) * 8 * S // RATE_BPS
    plan = ContactPlan([contact(EDGE, EARTH, T0, T0 + S + frame_us), contact(EARTH, EDGE, T0, T0 + DAY)])
    edge = edge_with(1, plan=plan)
    edge.downlink.post("large", bytes(5000))
    assert sent_frames(flushed(edge, T0 + S)) == FRAMES[:1]


def test_a_closed_window_is_opened_by_an_ack():
    size = len(FRAMES[0]) + 3
    edge = edge_with(6, sync=SYNC._replace(window_bytes=2 * size))
    effects = left(edge, flushed(edge, T0 + S), T0 + S)
    assert of(effects, Transmit) == []
    assert set(timers(effects)) == {EXPIRY}
    assert sent_frames(acked(edge, make_ack(FRAMES[:2]), T0 + 1300 * S)) == FRAMES[2:4]


def test_after_a_restart_everything_unverified_goes_again():
    edge, medium = edge_with(0), Medium()
    for frame in FRAMES[:5]:
        run_syncs(edge, edge.handle(Received("device-1", encode(FrameOffer(frame))), T0), T0, medium)
    run_syncs(edge, acked(edge, make_ack(FRAMES[:3], trim=1), T0), T0, medium)
    again = settled_edge(edge_settings(), medium.synced)
    assert sent_frames(again.handle(Started(), T0 + S)) == FRAMES[3:5]


def test_frames_of_several_devices_share_a_bundle_in_the_order_in_which_they_became_durable():
    edge, medium = edge_with(0), Medium()
    mixed = [frame for pair in zip(frames_of(2, 3), FRAMES[:3], strict=True) for frame in pair]
    for frame in mixed:
        source = "device-1" if frame in FRAMES else "device-2"
        run_syncs(edge, edge.handle(Received(source, encode(FrameOffer(frame))), T0), T0, medium)
    effects = flushed(edge, T0 + S)
    assert sent_frames(effects) == mixed
    (fact,) = facts(effects, BundleSent)
    assert {StreamId(record.device, record.epoch) for record, _ in fact.records} == {stream_of(1), stream_of(2)}
