"""The intruder: what is forged is well-formed and worthless, what is replayed is what passed."""

from __future__ import annotations

from faulty_world import World

from twin.experiments.identities import EARTH, key_pair
from twin.experiments.intruder import Intruder, Reach
from twin.faults.forgery import Victim, leaf_of
from twin.faults.replay import HELD_MAX
from twin.faults.resolve import resolve
from twin.hosts.models.local_network import LocalNetwork
from twin.hosts.models.space_link import LinkSettings, SpaceLink, Transmitter
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.facts import EpochClosed, FrameSealed
from twin.pipeline.machine import BundleArrived, Received, Send, Transmit
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.pipeline.wire.bundle import decode as decode_bundle
from twin.pipeline.wire.frame import open_frame, peek_record, verify_frame
from twin.pipeline.wire.identity import RecordId
from twin.pipeline.wire.messages import Ack, Acks, FrameOffer, Frames, decode, encode
from twin.scenario import HabitatScenario, parse_scenario
from twin.trace import Generated, Injected

SECOND_US = 1_000_000
DEVICE = 77
HEAD = """\
name: small
start: 2033-03-10T00:00:00Z
duration: 10 h
seed: 5
habitat: {site: jezero, crew: 1, edge_nodes: 2}
faults:
"""
KEYS = key_pair(5, "ed25519", "vitals-1")
VICTIM = Victim("vitals-1", DEVICE, 3, "edge-1", ("heart_rate_bpm", "spo2_pct"), KEYS.signer)


class Stage(World):
    """A habitat's links without its machines; `vitals-1` has signed record 9 of epoch 1 at the start."""

    def __init__(self, *faults: str) -> None:
        super().__init__()
        scenario = parse_scenario(HEAD + "".join(f"  - {{{fault}}}\n" for fault in faults))
        assert isinstance(scenario, HabitatScenario)
        self.scenario = resolve(scenario)
        t = self.t = scenario.start_us
        self.host = SimulatedHost(t, self.trace)
        contacts = [
            Contact(a, b, t, t + 36_000 * SECOND_US, 10**6, ((t, SECOND_US),))
            for a, b in (("edge-1", EARTH), ("edge-2", EARTH), (EARTH, "edge-1"), (EARTH, "edge-2"))
        ]
        plan = ContactPlan(contacts)
        self.space = {
            (c.source, c.destination): SpaceLink(
                self.host, c.source, c.destination, plan, LinkSettings(), Transmitter(), Transmitter()
            )
            for c in contacts
        }
        self.local = LocalNetwork(self.host, 1000, 10**9)
        endpoints = {EARTH: (1, 1), "edge-1": (11, 1), "edge-2": (12, 1)}
        reach = Reach(self.space, self.local, ("edge-1", "edge-2"), endpoints, {"vitals-1": VICTIM})
        Intruder(self.host, self.scenario, reach)
        self.nodes = dict(
            zip(
                ("edge-1", "edge-2", EARTH, "vitals-1"),
                self.start("edge-1", "edge-2", EARTH, "vitals-1"),
                strict=True,
            )
        )
        self.trace.emit(t, "vitals-1", Generated(t, SECOND_US, ((60, 98), (61, 97))))
        self.trace.emit(t, "vitals-1", FrameSealed(RecordId(DEVICE, 1, 9), b"", t, 2, 100))

    def forged(self) -> tuple[bytes, RecordId]:
        """The one frame that reached edge-1, and its identity."""
        (event,) = self.nodes["edge-1"].all(Received)
        assert event.source == "vitals-1"
        message = decode(event.data)
        assert isinstance(message, FrameOffer)
        ((_, _, injected),) = self.of(Injected)
        assert injected == Injected("frame_forgery", "vitals-1->edge-1", leaf_of(message.frame))
        return message.frame, peek_record(message.frame)


def test_a_frame_of_a_wrong_key_follows_the_stream_and_does_not_verify() -> None:
    stage = Stage("kind: frame_forgery, device: vitals-1, at: 1 h")
    stage.run(stage.t + 3601 * SECOND_US)
    frame, record = stage.forged()
    assert record == RecordId(DEVICE, 1, 10)
    assert open_frame(frame, 64).generated_us == stage.t + 3600 * SECOND_US
    assert not verify_frame(frame, KEYS.verifier, 64)


def test_a_frame_of_a_given_up_key_verifies_and_lies_beyond_the_closing_frame() -> None:
    stage = Stage(
        "kind: device_key_rotation, device: vitals-1, at: 30 min",
        "kind: frame_forgery, device: vitals-1, at: 1 h, key: given_up",
    )
    stage.trace.emit(stage.t, "vitals-1", EpochClosed(RecordId(DEVICE, 1, 12), 2, "key"))
    stage.trace.emit(stage.t, "vitals-1", FrameSealed(RecordId(DEVICE, 2, 0), b"", stage.t, 2, 100))
    stage.run(stage.t + 3601 * SECOND_US)
    frame, record = stage.forged()
    assert record == RecordId(DEVICE, 1, 13)
    assert verify_frame(frame, KEYS.verifier, 64)


def test_a_frame_of_a_given_up_key_may_open_a_new_epoch() -> None:
    stage = Stage(
        "kind: device_key_rotation, device: vitals-1, at: 30 min",
        "kind: frame_forgery, device: vitals-1, at: 1 h, key: given_up, epoch: new",
    )
    stage.trace.emit(stage.t, "vitals-1", EpochClosed(RecordId(DEVICE, 1, 12), 2, "key"))
    stage.run(stage.t + 3601 * SECOND_US)
    frame, record = stage.forged()
    assert record.epoch not in (1, 2)
    assert record.index == 0
    assert verify_frame(frame, KEYS.verifier, 64)


def test_a_forger_waits_until_there_is_a_key_that_was_given_up() -> None:
    stage = Stage(
        "kind: device_key_rotation, device: vitals-1, at: 30 min",
        "kind: frame_forgery, device: vitals-1, at: 1 h, key: given_up",
    )
    closed = EpochClosed(RecordId(DEVICE, 1, 12), 2, "key")
    stage.host.call_at(stage.t + 4000 * SECOND_US, stage.trace.emit, 0, "vitals-1", closed)
    stage.run(stage.t + 3999 * SECOND_US)
    assert not stage.of(Injected)
    stage.run(stage.t + 4002 * SECOND_US)
    assert len(stage.of(Injected)) == 1


def test_a_forged_frame_comes_down_in_a_bundle_with_good_checksums() -> None:
    stage = Stage("kind: frame_forgery, device: vitals-1, at: 1 h, link: down")
    stage.run(stage.t + 3601 * SECOND_US)
    (event,) = stage.nodes[EARTH].all(BundleArrived)
    bundle = decode_bundle(event.data)
    assert (event.source, bundle.source, bundle.destination) == ("edge-1", (11, 1), (1, 1))
    message = decode(bundle.payload)
    assert isinstance(message, Frames)
    ((_, _, injected),) = stage.of(Injected)
    assert injected.leaf == leaf_of(message.frames[0])


def test_a_bundle_forged_on_the_way_up_claims_that_all_is_verified() -> None:
    stage = Stage("kind: bundle_forgery, link: up, at: 1 h")
    stage.run(stage.t + 3601 * SECOND_US)
    (event,) = stage.nodes["edge-1"].all(BundleArrived)
    acks = decode(decode_bundle(event.data).payload)
    assert isinstance(acks, Acks)
    ack = decode(acks.acks[0])
    assert isinstance(ack, Ack)
    assert (ack.stream, ack.verified, ack.trim) == ((DEVICE, 1), 10, 10)


def test_a_bundle_that_passed_comes_again_byte_by_byte() -> None:
    stage = Stage("kind: bundle_replay, link: down, at: 2 h, delay: 90 min")
    for second in (1700, 1801, 1900):
        effect = Transmit(second, EARTH, second.to_bytes(4, "big"))
        stage.host.call_at(stage.t + second * SECOND_US, stage.space["edge-2", EARTH].transmit, "edge-2", effect)
    stage.run(stage.t + 9000 * SECOND_US)
    arrived = [int.from_bytes(event.data, "big") for event in stage.nodes[EARTH].all(BundleArrived)]
    assert arrived == [1700, 1801, 1900, 1801]
    assert stage.of(Injected) == [
        (stage.t + (1801 + 5400) * SECOND_US, EARTH, Injected("bundle_replay", "edge-2->earth", b""))
    ]


def test_frames_are_replayed_and_other_datagrams_are_not() -> None:
    stage = Stage("kind: frame_replay, rate: 100 %, delay: 1 h")
    for data in (encode(FrameOffer(b"a frame")), b"something else"):
        stage.local.send("vitals-1", Send("edge-2", data))
        stage.local.send("edge-1", Send("edge-2", data))
    stage.run(stage.t + 7000 * SECOND_US)
    offer = encode(FrameOffer(b"a frame"))
    assert [event.data for event in stage.nodes["edge-2"].all(Received)].count(offer) == 3
    ((_, _, injected),) = stage.of(Injected)
    assert injected == Injected("frame_replay", "vitals-1->edge-2", leaf_of(b"a frame"))


def test_a_replayer_keeps_a_bounded_number_of_copies() -> None:
    stage = Stage("kind: frame_replay, rate: 100 %, delay: 1 h")
    for _ in range(HELD_MAX + 20):
        stage.local.send("vitals-1", Send("edge-2", encode(FrameOffer(b"a frame"))))
    stage.run(stage.t + 7000 * SECOND_US)
    assert len(stage.of(Injected)) == HELD_MAX
