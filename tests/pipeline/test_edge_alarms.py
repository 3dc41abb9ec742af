"""The edge's clinic: the crew before the medium, Earth after it, the same alerts on both edges and after a crash."""

from __future__ import annotations

from typing import Any

import pytest
from pipeline_parts import (
    AUDITOR,
    EARTH,
    EDGE,
    EDGE_DEVICES,
    ENDPOINTS,
    LIFETIME,
    PEER,
    T0,
    WATCH,
    Author,
    Medium,
    S,
    acks_bundle,
    edge_settings,
    facts,
    log_of,
    make_ack,
    of,
    open_plan,
    payloads,
    run_syncs,
    said,
    settled_edge,
    signed_by,
    signer,
    timers,
    why_rejected,
)

from twin.pipeline.facts import Adopted, AlarmRaised, AlertSealed, ReceiptLearned
from twin.pipeline.machine import (
    Annunciate,
    Append,
    BundleArrived,
    CrewAcknowledged,
    Effect,
    PlanChanged,
    Received,
    Started,
    Sync,
    Synced,
    TimerFired,
    Transmit,
    Transmitted,
)
from twin.pipeline.nodes.alarm_desk import ESCALATE, AlarmSettings
from twin.pipeline.nodes.downlink import FLUSH
from twin.pipeline.nodes.edge import CHECKPOINT, Edge
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address, Mailer
from twin.pipeline.transport.sync import SyncSettings
from twin.pipeline.wire.frame import (
    CLOSING,
    Samples,
    decode_alert,
    encode_closing,
    encode_samples,
    open_frame,
    peek_record,
)
from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.pipeline.wire.messages import (
    Accept,
    Ack,
    Acks,
    FrameOffer,
    Frames,
    Hello,
    Receipt,
    ReceiptsTaken,
    audit_part,
    encode,
)

DEVICE = 1
ESCALATE_AFTER = 120 * S
HIGH, LOW = "heart_rate_bpm.high", "heart_rate_bpm.low"


def settings_of(name: str = EDGE, **changes):
    alarms = AlarmSettings(EDGE_DEVICES[name], 900, signer(name), {1: WATCH, 2: WATCH}, ESCALATE_AFTER)
    return edge_settings(name, alarms=alarms, **changes)


def entropy(start: int) -> bytes:
    return bytes([start]) * 32


def new_edge(name: str = EDGE, start: int = 1, **changes) -> Edge:
    edge = settled_edge(settings_of(name, **changes), b"")
    edge.handle(Started(entropy(start)), T0)
    return edge


class Monitor(Author):
    """A device whose frames hold these heart rates."""

    def __init__(self, device: int = DEVICE) -> None:
        super().__init__(device, f"device-{device}")

    def beats(self, *rates: int) -> bytes:
        rows = tuple((rate,) for rate in rates)
        return self.seal(encode_samples(Samples(T0 + self.index * 60 * S, S, ("heart_rate_bpm",), rows)))


def offer(edge: Edge, frame: bytes, now_us: int = T0) -> list[Effect]:
    return edge.handle(Received("device-1", encode(FrameOffer(frame))), now_us)


def heard(effects: list[Effect]) -> list[tuple[str, str]]:
    """What the crew is told: rule and state."""
    return [(tell.alert.rule, tell.state) for tell in of(effects, Annunciate)]


def restarted(medium: Medium, start: int = 2, now_us: int = T0 + S, name: str = EDGE) -> tuple[Edge, list[Effect]]:
    """The edge comes back with what its medium holds."""
    edge = settled_edge(settings_of(name), medium.synced, medium.start)
    return edge, run_syncs(edge, edge.handle(Started(entropy(start)), now_us), now_us, medium)


def crossing() -> tuple[bytes, bytes]:
    monitor = Monitor()
    return monitor.beats(70, 71, 72), monitor.beats(70, 140)


KEY = AlertKey(DEVICE, 1000, 1, HIGH)

# ------------------------------------------------------------ the crew first, then the medium, then Earth


def test_the_local_alarm_precedes_the_medium() -> None:
    calm, high = crossing()
    edge = new_edge()
    run_syncs(edge, offer(edge, calm))
    effects = offer(edge, high)
    kinds = [type(effect) for effect in effects]
    assert heard(effects) == [(HIGH, "active")]
    assert kinds.index(Annunciate) < kinds.index(Sync)
    assert facts(effects, AlarmRaised) == [AlarmRaised(KEY, 1, 3)]


def test_the_crew_is_told_even_while_the_medium_does_not_answer() -> None:
    calm, high = crossing()
    edge = new_edge()
    offer(edge, calm)  # its sync is never answered
    effects = offer(edge, high)
    assert of(effects, Sync) == []
    assert heard(effects) == [(HIGH, "active")]


def test_earth_is_told_only_when_the_alerts_own_frame_is_durable() -> None:
    calm, high = crossing()
    edge, medium = new_edge(), Medium()
    run_syncs(edge, offer(edge, calm), T0, medium)
    effects = offer(edge, high)
    appended = [record for append in of(effects, Append) for record in append.records]
    assert [record.device for record in appended] == [DEVICE, EDGE_DEVICES[EDGE]]
    assert of(effects, Transmit) == []
    assert facts(effects, AlertSealed) == []
    effects = edge.handle(Synced(of(effects, Sync)[0].id), T0)
    assert facts(effects, AlertSealed) == [AlertSealed(KEY, appended[1])]
    (sent,) = [message for message in payloads(effects) if isinstance(message, Frames)]
    assert [peek_record(frame) for frame in sent.frames] == [appended[1]]


def test_an_alert_says_what_a_person_must_know_and_nothing_of_who_it_is() -> None:
    calm, high = crossing()
    edge = new_edge()
    effects = run_syncs(edge, offer(edge, calm)) + run_syncs(edge, offer(edge, high))
    frame = next(frame for message in payloads(effects) if isinstance(message, Frames) for frame in message.frames)
    alert = decode_alert(open_frame(frame, 32).body)
    assert (alert.alert, alert.row, alert.priority) == (KEY, 1, 3)
    assert alert.text == "heart rate 140 1/min above 130 1/min"


# ------------------------------------------------------------ crashes


def test_a_crash_between_the_frame_and_its_alert_derives_the_alert_anew() -> None:
    calm, high = crossing()
    edge, medium = new_edge(), Medium()
    run_syncs(edge, offer(edge, calm), T0, medium)
    frame_entry, alert_entry = of(offer(edge, high), Append)
    medium.synced += frame_entry.data + alert_entry.data[: len(alert_entry.data) // 2]
    again, effects = restarted(medium)
    assert heard(effects) == [(HIGH, "active")]
    assert facts(effects, AlarmRaised) == [AlarmRaised(KEY, 1, 3)]
    (sealed,) = facts(effects, AlertSealed)
    assert (sealed.alert, sealed.record.index) == (KEY, 0)
    assert again.alarms.own.epoch == sealed.record.epoch


def test_an_alert_on_the_medium_is_neither_written_nor_raised_twice_but_the_crew_hears_it_again() -> None:
    calm, high = crossing()
    edge, medium = new_edge(), Medium()
    before = run_syncs(edge, offer(edge, calm), T0, medium) + run_syncs(edge, offer(edge, high), T0, medium)
    _, effects = restarted(medium)
    assert heard(effects) == [(HIGH, "active")]
    assert facts(effects, AlarmRaised) == []
    assert facts(effects, AlertSealed) == facts(before, AlertSealed)


def test_what_a_snapshot_holds_of_the_board_is_announced_again() -> None:
    calm, high = crossing()
    edge, medium = new_edge(), Medium()
    run_syncs(edge, offer(edge, calm), T0, medium)
    run_syncs(edge, offer(edge, high), T0, medium)
    run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0 + S), T0 + S, medium)
    again, effects = restarted(medium, now_us=T0 + 2 * S)
    assert heard(effects) == [(HIGH, "active")]
    assert heard(again.handle(CrewAcknowledged(KEY), T0 + 3 * S)) == [(HIGH, "acknowledged")]


def test_each_start_opens_a_new_epoch_of_the_own_stream() -> None:
    monitor = Monitor()
    edge, medium = new_edge(start=1), Medium()
    epochs = []
    for start, rates in enumerate(((140, 140), (70, 70), (30, 30)), start=2):
        effects = run_syncs(edge, offer(edge, monitor.beats(*rates)), T0, medium)
        epochs += [sealed.record for sealed in facts(effects, AlertSealed)]
        edge, _ = restarted(medium, start)
    assert [record.index for record in epochs] == [0, 0]
    assert [record.epoch for record in epochs] == [int.from_bytes(entropy(start)[:8], "big") for start in (1, 3)]


def own_ack(stream: StreamId, frames: list[bytes], **more: Any) -> Ack:
    """Earth's ack of these frames of an edge's own stream."""
    log = log_of(frames)
    audit = signer(AUDITOR).sign(audit_part(stream, log.size, log.root()))
    return make_ack(frames, stream=stream, audit=audit, **more)


def test_what_an_edge_holds_of_a_stream_that_it_takes_up_on_earths_word_it_sends_when_earth_has_lost_it() -> None:
    monitor = Monitor()
    edge, medium = new_edge(), Medium()
    run_syncs(edge, offer(edge, monitor.beats(70, 140)), T0, medium)
    before = medium.synced
    run_syncs(edge, offer(edge, monitor.beats(30, 30)), T0, medium)
    own = edge.alarms.own
    first, *others = sealed = list(edge.streams[own].frames.values())
    assert others
    medium.synced = before  # rolled back to when it held only the first

    edge, _ = restarted(medium, start=2)
    rotten = own_ack(own, sealed, gaps=((0, 1),))
    effects = run_syncs(edge, edge.handle(BundleArrived(EARTH, acks_bundle(rotten)), T0 + S), T0 + S, medium)
    assert facts(effects, Adopted) == [Adopted(own, len(sealed))]
    assert first in frames_in(effects + drain(edge))

    edge, effects = restarted(medium, start=3)  # and after a crash as well
    assert facts(effects, Adopted) == [Adopted(own, len(sealed))]
    again = own_ack(own, sealed, gaps=((0, 1),), counter=1, made_us=T0 + 60 * S)
    effects = run_syncs(edge, edge.handle(BundleArrived(EARTH, acks_bundle(again)), T0 + 60 * S), T0 + 60 * S, medium)
    assert first in frames_in(effects + drain(edge))

    safe = own_ack(own, sealed, trim=len(sealed), counter=2)
    run_syncs(edge, edge.handle(BundleArrived(EARTH, acks_bundle(safe)), T0 + 60 * S), T0 + 60 * S, medium)
    assert edge.streams[own].frames == {}


# ------------------------------------------------------------ epochs of the device


def test_when_a_device_begins_anew_what_was_open_ends_and_what_holds_is_told_anew() -> None:
    monitor, edge, medium = Monitor(), new_edge(), Medium()
    run_syncs(edge, offer(edge, monitor.beats(70, 140)), T0, medium)
    edge.handle(CrewAcknowledged(AlertKey(DEVICE, 1000, 0, HIGH)), T0)
    monitor.epoch, monitor.index = 5000, 0
    effects = run_syncs(edge, offer(edge, monitor.beats(70, 140)), T0, medium)
    assert [(tell.alert.epoch, tell.state) for tell in of(effects, Annunciate)] == [(1000, "cleared"), (5000, "active")]
    assert heard(offer(edge, monitor.beats(70, 70))) == [(HIGH, "latched")]
    again, effects = restarted(medium)  # one signal per rule: the old alert gives way to the new one
    assert [(tell.alert.epoch, tell.state) for tell in of(effects, Annunciate)][-1] == (5000, "active")
    assert heard(again.handle(CrewAcknowledged(AlertKey(DEVICE, 5000, 0, HIGH)), T0)) == [(HIGH, "acknowledged")]


def test_a_new_key_continues_the_rules() -> None:
    monitor, edge = Monitor(), new_edge()
    run_syncs(edge, offer(edge, monitor.beats(70, 140)))
    run_syncs(edge, offer(edge, monitor.close()))
    assert heard(run_syncs(edge, offer(edge, monitor.beats(150, 150)))) == []
    (over,) = of(offer(edge, monitor.beats(70, 70)), Annunciate)
    assert (over.alert, over.state) == (AlertKey(DEVICE, 1000, 0, HIGH), "latched")


def late_after_a_new_beginning(medium: Medium) -> tuple[Edge, Monitor, bytes]:
    """A device began anew with an alarm; a calm frame of the epoch before, which never arrived, turns up behind it."""
    monitor, edge = Monitor(), new_edge()
    run_syncs(edge, offer(edge, monitor.beats(70, 71)), T0, medium)
    late = monitor.beats(72, 73)
    monitor.epoch, monitor.index = 5000, 0
    assert heard(run_syncs(edge, offer(edge, monitor.beats(70, 140)), T0, medium)) == [(HIGH, "active")]
    return edge, monitor, late


def test_a_late_frame_of_an_epoch_that_is_over_ends_no_alarm_but_is_kept() -> None:
    edge, monitor, late = late_after_a_new_beginning(Medium())
    effects = run_syncs(edge, offer(edge, late))
    assert heard(effects) == []
    assert said(effects, "device-1") == [Hello(StreamId(DEVICE, 0)), Accept(StreamId(DEVICE, 1000), 2)]
    assert heard(run_syncs(edge, offer(edge, monitor.beats(70, 70)))) == [(HIGH, "latched")]


@pytest.mark.parametrize("snapshot", [False, True])
def test_an_edge_that_restarts_still_knows_which_epoch_is_over(snapshot: bool) -> None:
    medium = Medium()
    edge, monitor, late = late_after_a_new_beginning(medium)
    if snapshot:
        run_syncs(edge, edge.handle(TimerFired(CHECKPOINT), T0 + S), T0 + S, medium)
    again, _ = restarted(medium)
    assert heard(run_syncs(again, offer(again, late))) == []
    assert heard(run_syncs(again, offer(again, monitor.beats(70, 70)))) == [(HIGH, "latched")]


def test_a_device_that_names_its_epoch_is_believed() -> None:
    """The edge saw a frame of an old epoch for the first time, and held the living one to be over."""
    monitor, edge = Monitor(), new_edge()
    old = monitor.beats(60, 61)
    monitor.epoch, monitor.index = 5000, 0
    run_syncs(edge, offer(edge, monitor.beats(70, 71)))
    run_syncs(edge, offer(edge, old))
    effects = run_syncs(edge, offer(edge, monitor.beats(72, 73)))
    assert Hello(StreamId(DEVICE, 0)) in said(effects, "device-1")
    edge.handle(Received("device-1", encode(Hello(monitor.stream))), T0)
    assert heard(run_syncs(edge, offer(edge, monitor.beats(70, 140)))) == [(HIGH, "active")]
    assert heard(run_syncs(edge, edge.handle(Received("device-1", encode(Hello(monitor.stream))), T0))) == []


def test_a_closing_frame_that_comes_late_does_not_take_the_rules_from_the_epoch_it_names() -> None:
    monitor, edge = Monitor(), new_edge()
    run_syncs(edge, offer(edge, monitor.beats(70, 71)))
    tail = monitor.beats(72, 73)
    body = encode_closing(monitor.index, 1001, "hmac-sha256", signer(monitor.key).public)  # it keeps its key,
    closing = monitor.seal(body, CLOSING)
    monitor.epoch, monitor.index = 1001, 0
    run_syncs(edge, offer(edge, monitor.beats(70, 140)))  # so the next epoch is taken before it is announced
    run_syncs(edge, offer(edge, tail))
    assert heard(run_syncs(edge, offer(edge, closing))) == []
    assert heard(run_syncs(edge, offer(edge, monitor.beats(70, 70)))) == [(HIGH, "latched")]


# ------------------------------------------------------------ home and standby


def test_home_and_standby_find_the_same_alerts_under_the_same_keys() -> None:
    monitor = Monitor()
    frames = [monitor.beats(*rates) for rates in ((70, 140), (150, 150), (70, 70), (35, 35), (70, 131))]
    told = {}
    for number, name in enumerate((EDGE, PEER), start=1):
        edge = new_edge(name, number, carries=frozenset() if name == PEER else frozenset((1, 2)))
        effects = [effect for frame in frames for effect in run_syncs(edge, offer(edge, frame))]
        told[name] = [(tell.alert, tell.state) for tell in of(effects, Annunciate)]
        own = [sealed.record.device for sealed in facts(effects, AlertSealed)]
        assert own == [EDGE_DEVICES[name]] * 3, "each writes into its own stream, carrier or not"
    assert told[EDGE] == told[PEER]
    assert [key.index for key, state in told[EDGE] if state == "active"] == [0, 3, 4]


def test_a_standby_sends_its_alerts_although_it_does_not_carry_the_device() -> None:
    calm, high = crossing()
    edge = new_edge(PEER, carries=frozenset())
    effects = run_syncs(edge, offer(edge, calm)) + run_syncs(edge, offer(edge, high))
    (sent,) = [message for message in payloads(effects) if isinstance(message, Frames)]
    assert [peek_record(frame).device for frame in sent.frames] == [EDGE_DEVICES[PEER]]


# ------------------------------------------------------------ people


def test_nobody_answers_and_the_alarm_escalates_once() -> None:
    calm, high = crossing()
    edge = new_edge()
    run_syncs(edge, offer(edge, calm))
    assert timers(offer(edge, high, T0 + 5 * S))[ESCALATE] == T0 + 5 * S + ESCALATE_AFTER
    assert heard(edge.handle(TimerFired(ESCALATE), T0 + 5 * S + ESCALATE_AFTER)) == [(HIGH, "escalated")]
    assert heard(edge.handle(TimerFired(ESCALATE), T0 + 9 * S + ESCALATE_AFTER)) == []


def test_an_acknowledged_alarm_does_not_escalate_and_clears_when_its_condition_ends() -> None:
    monitor = Monitor()
    edge = new_edge()
    run_syncs(edge, offer(edge, monitor.beats(70, 140)))
    key = AlertKey(DEVICE, 1000, 0, HIGH)
    assert heard(edge.handle(CrewAcknowledged(key), T0 + S)) == [(HIGH, "acknowledged")]
    assert heard(edge.handle(CrewAcknowledged(key), T0 + S)) == []
    assert heard(edge.handle(TimerFired(ESCALATE), T0 + ESCALATE_AFTER)) == []
    assert heard(offer(edge, monitor.beats(70, 70))) == [(HIGH, "cleared")]


def test_an_alarm_that_nobody_acknowledged_is_latched_until_somebody_does() -> None:
    monitor = Monitor()
    edge = new_edge()
    run_syncs(edge, offer(edge, monitor.beats(70, 140)))
    assert heard(offer(edge, monitor.beats(70, 70))) == [(HIGH, "latched")]
    assert heard(edge.handle(CrewAcknowledged(AlertKey(DEVICE, 1000, 0, HIGH)), T0 + S)) == [(HIGH, "cleared")]


def test_a_button_for_an_alert_that_is_not_there_does_nothing() -> None:
    assert heard(new_edge().handle(CrewAcknowledged(KEY), T0)) == []


# ------------------------------------------------------------ Earth's receipts


def receipt_bundle(alert: AlertKey, by: str = EARTH) -> bytes:
    receipt = Receipt(alert, T0 + 600 * S, b"")
    signed = encode(signed_by(by, receipt))
    return Mailer(Address(ENDPOINTS[EARTH], LIFETIME)).bundle(ENDPOINTS[EDGE], encode(Acks((), (), (signed,))), T0)


def test_the_surgeons_receipt_is_shown_once_and_answered_each_time() -> None:
    calm, high = crossing()
    edge = new_edge()
    run_syncs(edge, offer(edge, calm))
    run_syncs(edge, offer(edge, high))
    drain(edge)
    for shown in ([(HIGH, "seen on Earth")], []):
        effects = edge.handle(BundleArrived(EARTH, receipt_bundle(KEY)), T0 + 1200 * S)
        assert facts(effects, ReceiptLearned) == [ReceiptLearned(KEY)]
        assert heard(effects) == shown
        assert payloads(effects + drain(edge)) == [ReceiptsTaken((KEY,))]


def test_a_receipt_that_the_gateway_did_not_sign_is_refused() -> None:
    effects = new_edge().handle(BundleArrived(EARTH, receipt_bundle(KEY, by="intruder")), T0)
    assert why_rejected(effects) == "gateway's signature"
    assert facts(effects, ReceiptLearned) == []


def drain(edge: Edge) -> list[Effect]:
    """Let the antenna finish what it radiates, until it is free; what it radiated behind the first."""
    done: list[Effect] = []
    while (under_way := edge.downlink.way.under_way) is not None:
        done += edge.handle(Transmitted(under_way, EARTH), T0 + 60 * S)
    return done


# ------------------------------------------------------------ before bulk


@pytest.mark.parametrize("window_bytes", [None, 400])
def test_an_alert_goes_before_the_bulk_that_waits_and_outside_the_window(window_bytes: int | None) -> None:
    monitor = Monitor()
    sync = SyncSettings(bundle_bytes_max=1_000, turnaround_us=5 * S, margin_us=15 * S, window_bytes=window_bytes)
    edge = new_edge(sync=sync, plan=open_plan(), bundle_wait_us=0)
    radiated: list[Effect] = []
    for _ in range(12):
        radiated += run_syncs(edge, offer(edge, monitor.beats(*range(60, 90))))
    radiated += edge.handle(TimerFired(FLUSH), T0)
    (first,) = of(radiated, Transmit)
    assert all(peek_record(frame).device == DEVICE for frame in frames_in(radiated))
    radiated = run_syncs(edge, offer(edge, monitor.beats(70, 140)))
    assert of(radiated, Transmit) == []  # the antenna is busy with one bundle
    effects = edge.handle(Transmitted(first.id, EARTH), T0 + S)
    (alert,) = frames_in(effects)
    assert peek_record(alert).device == EDGE_DEVICES[EDGE]


def frames_in(effects: list[Effect]) -> list[bytes]:
    return [frame for message in payloads(effects) if isinstance(message, Frames) for frame in message.frames]


def test_an_alert_waits_for_a_contact_and_then_goes_first() -> None:
    monitor = Monitor()
    edge = new_edge(plan=ContactPlan([]))
    for rates in ((60, 61), (62, 63), (70, 140)):
        assert of(run_syncs(edge, offer(edge, monitor.beats(*rates))), Transmit) == []
    edge.handle(TimerFired(FLUSH), T0 + S)
    (alert,) = frames_in(edge.handle(PlanChanged(open_plan()), T0 + 60 * S))
    assert peek_record(alert).device == EDGE_DEVICES[EDGE]
    (bulk,) = [frames for frames in [frames_in(drain(edge))] if frames]
    assert [peek_record(frame).index for frame in bulk] == [0, 1, 2]
