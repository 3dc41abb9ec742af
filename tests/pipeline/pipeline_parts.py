"""What the tests of this folder share: keys, settings, a contact plan, acks made by hand, and a medium for journals."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, TypeVar

from in_clear import in_clear

from twin.pipeline.clinic.watch import Watch, WatchedChannel
from twin.pipeline.facts import Rejected
from twin.pipeline.ledger.merkle import MerkleLog, leaf_hash
from twin.pipeline.machine import (
    Append,
    DropJournal,
    Effect,
    Report,
    SamplesReady,
    Send,
    SetTimer,
    Started,
    Sync,
    Synced,
    Transmit,
    TruncateJournal,
)
from twin.pipeline.nodes.ack_desk import EdgeOnMars
from twin.pipeline.nodes.alarm_desk import AlarmSettings
from twin.pipeline.nodes.auditor import AuditorSettings
from twin.pipeline.nodes.device import Device, DeviceSettings
from twin.pipeline.nodes.edge import Edge, EdgeSettings
from twin.pipeline.nodes.gateway import Gateway, GatewaySettings
from twin.pipeline.nodes.notary import NotarySettings
from twin.pipeline.nodes.stored import NOTHING_STORED, Stored
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.pipeline.transport.mailer import Address, Mailer
from twin.pipeline.transport.protector import HopKeySettings, HopPeer
from twin.pipeline.transport.sync import SyncSettings
from twin.pipeline.wire.bundle import decode as decode_bundle
from twin.pipeline.wire.frame import (
    ALERT,
    CLOSING,
    SAMPLES,
    Alert,
    Frame,
    Samples,
    encode_alert,
    encode_closing,
    encode_samples,
)
from twin.pipeline.wire.frame import seal as seal_frame
from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.pipeline.wire.key_book import KnownDevice
from twin.pipeline.wire.messages import (
    Ack,
    Acks,
    Attestation,
    Frames,
    Gap,
    Message,
    audit_part,
    decode,
    encode,
    signed_part,
)
from twin.pipeline.wire.signing import Signer, Verifier
from twin.pipeline.wire.signing import signer as make_signer
from twin.pipeline.wire.signing import verifier as make_verifier

S = 1_000_000
DAY = 86_400 * S
T0 = 1_000 * DAY
OWLT = 600 * S
RATE_BPS = 1_000_000
EDGE, PEER, EARTH, AUDITOR = "edge-1", "edge-2", "earth", "auditor"
ENDPOINTS = {EDGE: (1, 1), PEER: (2, 1), EARTH: (9, 1)}
EDGE_DEVICES = {EDGE: 101, PEER: 102}
LIFETIME = 10 * DAY
ENTROPY = bytes(range(1, 33))

T = TypeVar("T")


def signer(name: str) -> Signer:
    """A key of its own for every name; symmetric, because these tests sign much."""
    return make_signer("hmac-sha256", hashlib.sha256(name.encode()).digest())


def verifier(name: str) -> Verifier:
    return make_verifier("hmac-sha256", signer(name).public)


# ------------------------------------------------------------ reading effects


def of(effects: Iterable[Effect], kind: type[T]) -> list[T]:
    """The effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def facts(effects: Iterable[Effect], kind: type[T]) -> list[T]:
    """The reported facts of one kind."""
    return [report.fact for report in of(effects, Report) if isinstance(report.fact, kind)]


def said(effects: Iterable[Effect], to: str) -> list[Message]:
    """The datagrams for one destination, decoded."""
    return [decode(send.data) for send in of(effects, Send) if send.destination == to]


def payloads(effects: Iterable[Effect]) -> list[Message]:
    """The payloads of the bundles radiated."""
    return [decode(decode_bundle(transmit.data).payload) for transmit in of(effects, Transmit)]


def timers(effects: Iterable[Effect]) -> dict[str, int]:
    """The timers set, by name."""
    return {timer.name: timer.at_us for timer in of(effects, SetTimer)}


def why_rejected(effects: Iterable[Effect]) -> str:
    """The reason of the only rejection."""
    (rejected,) = facts(effects, Rejected)
    return rejected.reason


# ------------------------------------------------------------ parts


def contact(
    source: str, destination: str, start_us: int, end_us: int, rate_bps: int = RATE_BPS, owlt_us: int = OWLT
) -> Contact:
    return Contact(source, destination, start_us, end_us, rate_bps, ((start_us, owlt_us),))


def open_plan(*edges: str) -> ContactPlan:
    """Both directions open for ten days."""
    names = edges or (EDGE, PEER)
    return ContactPlan(
        [contact(edge, EARTH, T0, T0 + 10 * DAY) for edge in names]
        + [contact(EARTH, edge, T0, T0 + 10 * DAY) for edge in names]
    )


WATCH = Watch(
    (WatchedChannel("heart_rate_bpm", "heart rate", "1/min", Fraction(1), (20, 300), 70, low=41, high=130),), hold=1
)


def device_settings(device: int = 1, **changes: Any) -> DeviceSettings:
    settings = DeviceSettings(
        device=device,
        apid=100 + device,
        edges=(EDGE,),
        channels=("heart_rate_bpm",),
        sample_period_us=S,
        samples_per_frame=3,
        watch=WATCH,
        retry_us=10 * S,
        local_window=4,
        signer=signer(f"device-{device}"),
        gateway=verifier(EARTH),
        auditor=verifier(AUDITOR),
    )
    return settings._replace(**changes)


def known_devices(*devices: int) -> dict[int, KnownDevice]:
    """Registered signers: these devices, and the edges as writers of alerts."""
    known = {device: KnownDevice(f"device-{device}", verifier(f"device-{device}"), 32) for device in devices or (1, 2)}
    return known | {number: KnownDevice(name, verifier(name), 32) for name, number in EDGE_DEVICES.items()}


def hop_keys(*peers: str) -> HopKeySettings:
    """One key towards each peer."""
    return HopKeySettings(tuple(HopPeer(peer, ENDPOINTS[peer], {0: bytes(32)}) for peer in peers), LIFETIME)


def edge_settings(name: str = EDGE, **changes: Any) -> EdgeSettings:
    peer = PEER if name == EDGE else EDGE
    settings = EdgeSettings(
        name=name,
        earth=EARTH,
        plan=open_plan(),
        devices=known_devices(),
        carries=frozenset((1, 2)),
        notary=NotarySettings(
            name,
            signer(name),
            {peer: verifier(peer), AUDITOR: verifier(AUDITOR)},
            {peer: verifier(peer)},
            AUDITOR,
            verifier(EARTH),
            verifier(AUDITOR),
        ),
        alarms=AlarmSettings(EDGE_DEVICES[name], 900, signer(name), {}, 120 * S),
        address=Address(ENDPOINTS[name], LIFETIME),
        earth_endpoint=ENDPOINTS[EARTH],
        sync=SyncSettings(bundle_bytes_max=64_000, turnaround_us=5 * S, margin_us=15 * S),
        bundle_wait_us=S,
        checkpoint_period_us=600 * S,
        hop_keys=hop_keys(EARTH),
    )
    return settings._replace(**changes)


def edge_in_clear(settings: EdgeSettings, durable: bytes = b"", start: int = 0) -> Edge:
    """An edge whose bundles can be read and written without keys."""
    return in_clear(Edge.recover(settings, durable, start))


def gateway_in_clear(settings: GatewaySettings, stored: Stored = NOTHING_STORED) -> Gateway:
    """A gateway whose bundles can be read and written without keys."""
    return in_clear(Gateway.recover(settings, stored))


def settled_edge(settings: EdgeSettings, durable: bytes = b"", start: int = 0) -> Edge:
    """An edge whose peers have answered what they know of it; its bundles are in clear."""
    edge = edge_in_clear(settings, durable, start)
    edge.notary.settle()
    return edge


def gateway_settings(**changes: Any) -> GatewaySettings:
    settings = GatewaySettings(
        name=EARTH,
        auditor=AUDITOR,
        term=1,
        plan=open_plan(),
        address=Address(ENDPOINTS[EARTH], LIFETIME),
        edges=(EdgeOnMars(EDGE, ENDPOINTS[EDGE]), EdgeOnMars(PEER, ENDPOINTS[PEER])),
        devices=known_devices(),
        signer=signer(EARTH),
        batch_rows=25,
        writes_under_way_max=4,
        ack_delay_us=2 * S,
        backoff_us=50_000,
        backup_period_us=3_600 * S,
        bundle_bytes_max=64_000,
        surgeon_retry_us=5 * S,
        hop_keys=hop_keys(EDGE, PEER),
    )
    return settings._replace(**changes)


def auditor_settings(**changes: Any) -> AuditorSettings:
    settings = AuditorSettings(
        name=AUDITOR,
        gateways=(EARTH,),
        devices=known_devices(),
        authors={EDGE: verifier(EDGE), PEER: verifier(PEER)},
        signer=signer(AUDITOR),
        read_rows_max=10,
        retry_us=50_000,
        scrub_period_us=6 * 3_600 * S,
    )
    return settings._replace(**changes)


# ------------------------------------------------------------ frames and acks


def rows(count: int = 3) -> tuple[tuple[int, ...], ...]:
    return tuple((60 + n,) for n in range(count))


def started_device(settings: DeviceSettings | None = None) -> Device:
    machine = Device(settings or device_settings())
    machine.handle(Started(ENTROPY), T0)
    return machine


_blocks = itertools.count()


def samples() -> SamplesReady:
    """A sensor's block like no other: its device takes each once."""
    return SamplesReady(T0 + next(_blocks) * 3 * S, rows())


def sealed(machine: Device, count: int = 1) -> list[bytes]:
    """Let a device seal frames; their bytes."""
    first = machine.stream.size
    for index in range(first, first + count):
        machine.handle(SamplesReady(T0 + index * 3 * S, rows()), T0 + (index + 1) * 3 * S)
    return [machine.stream.frames[index] for index in range(first, first + count)]


def frames_of(device: int, count: int) -> list[bytes]:
    """The first frames of a device's only epoch."""
    return sealed(started_device(device_settings(device)), count)


def stream_of(device: int = 1) -> StreamId:
    return StreamId(device, int.from_bytes(ENTROPY[:8], "big"))


def log_of(frames: Sequence[bytes]) -> MerkleLog:
    log = MerkleLog()
    log.extend(leaf_hash(frame) for frame in frames)
    return log


def make_ack(
    frames: Sequence[bytes],
    trim: int = 0,
    counter: int = 0,
    term: int = 1,
    gaps: tuple[Gap, ...] = (),
    made_us: int = T0,
    device: int = 1,
    **forged: Any,
) -> Ack:
    """Earth's ack of all these frames; `forged` fields are changed before the gateway signs, `signature` after."""
    stream, size, root, frontier, audit = attestation(frames, device)
    complete_to = max([size, *(end for _, end in gaps)])
    ack = Ack(stream, size, root, frontier, trim, gaps, complete_to, made_us, term, counter, audit)
    signature = forged.pop("signature", None)
    ack = ack._replace(**forged)
    return ack._replace(signature=signature) if signature else signed_by(EARTH, ack)


def signed_by(name: str, message: T) -> T:
    """A message with the signature of this node."""
    return message._replace(signature=signer(name).sign(signed_part(message)))


def attestation(frames: Sequence[bytes], device: int = 1) -> Attestation:
    """The auditor's statement of all these frames."""
    log, stream = log_of(frames), stream_of(device)
    signature = signer(AUDITOR).sign(audit_part(stream, log.size, log.root()))
    return Attestation(stream, log.size, log.root(), log.frontier(), signature)


def acks_bundle(*acks: Ack, cosigns: tuple[bytes, ...] = (), edge: str = EDGE, now_us: int = T0) -> bytes:
    mailer = Mailer(Address(ENDPOINTS[EARTH], LIFETIME))
    return mailer.bundle(ENDPOINTS[edge], encode(Acks(tuple(encode(ack) for ack in acks), cosigns)), now_us)


def frames_bundle(frames: Sequence[bytes], edge: str = EDGE, now_us: int = T0) -> bytes:
    return Mailer(Address(ENDPOINTS[edge], LIFETIME)).bundle(ENDPOINTS[EARTH], encode(Frames(tuple(frames))), now_us)


class Author:
    """Signs frames of any kind in one stream after another, without a device machine."""

    def __init__(self, device: int, key: str) -> None:
        self.device = device
        self.key = key
        self.name = key
        self.epoch = device * 1000
        self.index = 0

    @property
    def stream(self) -> StreamId:
        return StreamId(self.device, self.epoch)

    def seal(self, body: bytes | None = None, kind: int = SAMPLES) -> bytes:
        """The next frame of the epoch."""
        if body is None:
            body = encode_samples(Samples(T0 + self.index, S, ("heart_rate_bpm",), rows()))
        frame = Frame(self.device, self.epoch, self.index, kind, T0 + self.index, body)
        self.index += 1
        return seal_frame(frame, apid=self.device % 2000, packet_count=self.index, signer=signer(self.key))

    def close(self) -> bytes:
        """The epoch's last frame; what comes next is of the next epoch and signed with another key."""
        next_key = f"{self.name}/{self.epoch + 1}"
        body = encode_closing(self.index, self.epoch + 1, "hmac-sha256", signer(next_key).public)
        frame = self.seal(body, CLOSING)
        self.epoch, self.index, self.key = self.epoch + 1, 0, next_key
        return frame

    def alert(self, alert: AlertKey, text: str = "SpO2 low") -> bytes:
        """The next frame of an edge's own stream."""
        return self.seal(encode_alert(Alert(alert, 0, 3, text)), ALERT)


# ------------------------------------------------------------ a medium


class Medium:
    """The journal's disk: `synced` bytes survive a crash, of `cache` only a torn part."""

    def __init__(self) -> None:
        self.synced = b""
        self.cache = b""
        self.start = 0
        self.asked: list[int] = []

    def carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Append(data, _):
                    self.cache += data
                case Sync(sync_id):
                    self.asked.append(sync_id)
                    self.synced += self.cache
                    self.cache = b""
                case TruncateJournal(length):
                    self.synced = self.synced[: length - self.start]
                case DropJournal(before):
                    self.synced = self.synced[before - self.start :]
                    self.start = before


def run_syncs(edge: Edge, effects: list[Effect], now_us: int = T0, medium: Medium | None = None) -> list[Effect]:
    """Answer every sync that the effects ask for, and those of the answers; all effects in order."""
    medium = medium or Medium()
    done = list(effects)
    medium.carry_out(effects)
    while medium.asked:
        more = edge.handle(Synced(medium.asked.pop(0)), now_us)
        medium.carry_out(more)
        done += more
    return done
