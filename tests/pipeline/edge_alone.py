"""One edge with its disk, its antenna and its crew; devices, the other edge and Earth are stand-ins."""

from __future__ import annotations

import hashlib
from random import Random
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

from driven import Driven
from earth_for_edge import EarthForEdge
from oracles import Oracles
from pipeline_parts import (
    EARTH,
    EDGE,
    EDGE_DEVICES,
    ENDPOINTS,
    LIFETIME,
    PEER,
    T0,
    WATCH,
    S,
    edge_settings,
    signer,
)
from stand_ins import DeviceForEdge, PeerForEdge

from twin.faults.disk import ERROR
from twin.guarantees.alarm_truth import DeviceRules
from twin.guarantees.limit_rules import LimitRule
from twin.hosts.models.disk import Disk
from twin.pipeline.ledger.merkle import leaf_hash
from twin.pipeline.machine import (
    Annunciate,
    Append,
    BundleArrived,
    CrewAcknowledged,
    DropJournal,
    HopKeyInstalled,
    LinkChanged,
    Received,
    Sync,
    Transmit,
    TransmitFailed,
    Transmitted,
    TruncateJournal,
)
from twin.pipeline.nodes.edge import Edge
from twin.pipeline.transport.protector import HopKeySettings, HopPeer
from twin.pipeline.wire.frame import SAMPLES, Frame, Samples, encode_samples, seal
from twin.pipeline.wire.identity import AlertKey, RecordId
from twin.pipeline.wire.messages import FrameOffer, Hello, LastWitnessed, MessageError, decode, encode
from twin.trace import AlarmSounded, Injected, Radiated

DEVICES = {"device-1": 1, "device-2": 2}
RATES = (60, 60, 60, 20, 200)  # heart rates [1/min]: calm, or beyond a limit
PLAUSIBLE = (20, 300)
LIMITS = (
    LimitRule("heart_rate_bpm.low", 0, 41, None, 1, PLAUSIBLE, (42, PLAUSIBLE[1])),
    LimitRule("heart_rate_bpm.high", 0, None, 130, 1, PLAUSIBLE, (PLAUSIBLE[0], 129)),
)
FSYNC_US, DISK_BYTES_PER_S = 1_000, 100_000_000


class Flush(NamedTuple):
    """A flush that the disk has under way."""

    function: Any
    args: tuple[Any, ...]


class EdgeAlone(Driven):
    """An edge of `kind` in its habitat."""

    nodes = (EDGE,)
    kind: ClassVar[type[Edge]] = Edge

    def __init__(self) -> None:
        rules = {name: DeviceRules(number, LIMITS, None, 0) for name, number in DEVICES.items()}
        signers = {**DEVICES, EDGE: EDGE_DEVICES[EDGE]}
        carriers = dict.fromkeys(DEVICES.values(), (EDGE,))
        super().__init__(Oracles(signers, rules, carriers, secrets=(b"heart_rate_bpm", *map(str.encode, DEVICES))))
        self.usable = True
        self.flush_fails = False
        self.hop_keys = {EDGE: {0: bytes(32)}, EARTH: {0: bytes(32)}}
        self.said: set[tuple[AlertKey, str]] = set()
        self.pressed: set[AlertKey] = set()
        self.disk = Disk(self._host(), EDGE, FSYNC_US, DISK_BYTES_PER_S, faults=self._faults())  # type: ignore[arg-type]
        self.earth = EarthForEdge(EDGE, self.hop_keys[EARTH], self.saw)
        self.devices = {name: DeviceForEdge(name, number, EDGE, self.saw) for name, number in DEVICES.items()}
        for name, stand_in in ((EARTH, self.earth), (PEER, PeerForEdge(PEER)), *self.devices.items()):
            self.start(name, stand_in)
        self.restart(EDGE)

    @property
    def edge(self) -> Any:
        return self.machines.get(EDGE)

    def _host(self) -> Any:
        """What the model of a disk needs of a host."""
        world = self

        class Host(SimpleNamespace):
            env = property(lambda _: SimpleNamespace(_now=world.now_us))
            now_us = property(lambda _: world.now_us)

        return Host(
            trace=SimpleNamespace(emit=self.oracles.saw),
            call_at=lambda _at_us, function, *args: self.requests.append(
                (EDGE, self.lives[EDGE], Flush(function, args))
            ),
            incarnation=lambda node: self.lives[node],
            is_up=lambda node: node in self.machines,
            deliver=self.deliver,
        )

    def _faults(self) -> Any:
        return SimpleNamespace(outcome=lambda _at_us: ERROR if self.flush_fails else None)

    def settings(self) -> Any:
        settings = edge_settings(EDGE)
        alarms = settings.alarms._replace(watches=dict.fromkeys(DEVICES.values(), WATCH))
        peers = (HopPeer(EARTH, ENDPOINTS[EARTH], dict(self.hop_keys[EDGE])),)
        return settings._replace(alarms=alarms, hop_keys=HopKeySettings(peers, LIFETIME))

    def restart(self, node: str) -> None:
        self.start(node, self.kind.recover(self.settings(), self.disk.contents(), self.disk.start))
        if not self.usable:
            self.deliver(node, LinkChanged(EARTH, False))

    def crash(self, node: str, random: Random) -> None:
        if node in self.machines:
            self.disk.crash(random.random())
        super().crash(node, random)

    # ------------------------------------------------------------ effects

    def take(self, node: str, effect: Any) -> None:
        match effect:
            case Append():
                self.disk.append(effect)
            case Sync():
                self.disk.sync(effect)
            case TruncateJournal():
                self.disk.truncate(effect)
            case DropJournal():
                self.disk.drop(effect)
            case Annunciate(alert, priority, state):
                self._sound(alert, priority, state)
            case _:
                super().take(node, effect)

    def _sound(self, alert: AlertKey, priority: int, state: str) -> None:
        if state == "active" and alert in self.pressed:
            self.messages.append((EDGE, CrewAcknowledged(alert)))
        if not {(alert, state), (alert, "cleared")} & self.said:
            self.said.add((alert, state))
            self.saw("crew", AlarmSounded(tuple(alert), priority, state))

    def outcome(self, node: str, effect: Any, random: Random, bad: float) -> Any:
        wrong = random.random() < bad
        match effect:
            case Flush(function, args):
                self.flush_fails = wrong
                function(*args)
                return None
            case Transmit(number, neighbour, data):
                if wrong or not self.usable:
                    return TransmitFailed(number, neighbour, "refused")
                self.saw(node, Radiated(f"{node}->{neighbour}", data))
                self.messages.append((neighbour, BundleArrived(node, data)))
                return Transmitted(number, neighbour)
        raise AssertionError(f"{node} asked for {effect}")

    def corrupted(self, event: Any, random: Random) -> Any:
        """A datagram's checksum notices what no signature covers."""
        changed = super().corrupted(event, random)
        if not isinstance(event, Received):
            return changed
        try:
            message = decode(changed.data)
        except MessageError:
            return changed
        same = isinstance(message, FrameOffer) and message.frame == getattr(decode(event.data), "frame", None)
        return None if same or isinstance(message, Hello | LastWitnessed) else changed

    # ------------------------------------------------------------ what may happen

    def work(self, random: Random) -> None:
        what = random.random()
        if what < 0.6:
            self.measure(random)
        elif what < 0.7:
            self.forge(random)
        elif what < 0.8:
            self.press()
        else:
            self.acknowledge(random.random(), random.randrange(3))

    def measure(self, random: Random) -> None:
        """A device closes a frame and offers it."""
        device = self.devices[random.choice(sorted(DEVICES))]
        device.seal(random.choice(RATES), self.now_us)
        self._offer(device)

    def rotate(self, name: str) -> None:
        """A device closes its epoch with the frame that names the next key."""
        self.devices[name].close()
        self._offer(self.devices[name])

    def _offer(self, device: DeviceForEdge) -> None:
        for effect in device.offers():
            self.take(device.name, effect)

    def press(self) -> None:
        """The crew acknowledges all that sounds."""
        for alert, state in sorted(self.said):
            if state == "active" and alert not in self.pressed:
                self.pressed.add(alert)
                self.deliver(EDGE, CrewAcknowledged(alert))

    def stow(self, stowed: bool) -> None:
        """The antenna is stowed or not."""
        self.usable = not stowed
        self.deliver(EDGE, LinkChanged(EARTH, self.usable))

    def acknowledge(self, trim_share: float = 1.0, back: int = 0) -> None:
        """Earth acks what it has."""
        for data in self.earth.bundles(self.now_us, trim_share, back):
            self.messages.append((EDGE, BundleArrived(EARTH, data)))

    def install(self, side: str) -> None:
        """An operator installs the next hop key on one side."""
        number = len(self.hop_keys[side])
        key = hashlib.sha256(b"hop %d" % number).digest()
        self.hop_keys[side][number] = key
        if side == EARTH:
            self.earth.install(number, key)
        else:
            self.deliver(EDGE, HopKeyInstalled(EARTH, number, key))

    def forge(self, random: Random) -> None:
        """Somebody offers a frame that no device signed, or one signed with a key that was given up."""
        device = self.devices[random.choice(sorted(DEVICES))]
        stream, key = random.choice([(device.author.stream, "stranger"), *device.given_up])
        if key != "stranger" and not (self.edge and self.edge.ledger.keys.is_closed(stream)):
            return  # as far as the edge can know, that may be the device itself
        record = RecordId(*stream, len(device.frames.get(stream, ())))
        if random.random() < 0.5:
            record = RecordId(device.number, random.getrandbits(64), 0)
        body = encode_samples(Samples(T0, S, ("heart_rate_bpm",), ((250,),)))
        frame = seal(Frame(*record, SAMPLES, T0, body), apid=1, packet_count=0, signer=signer(key))
        self.saw(EDGE, Injected("frame forgery", "local", leaf_hash(frame)))
        self.deliver(EDGE, Received(device.name, encode(FrameOffer(frame, random.random() < 0.5))))

    # ------------------------------------------------------------ healing

    def mend(self) -> None:
        super().mend()
        if not self.usable:
            self.stow(False)

    def chores(self, _random: Random) -> None:
        for device in self.devices.values():
            self._offer(device)
        self.acknowledge()

    def home(self) -> bool:
        """Earth has backed up all that devices signed and all alerts, and the edge knows and has trimmed."""
        for device in self.devices.values():
            if any(device.accepted.get(stream, 0) < len(frames) for stream, frames in device.frames.items()):
                return False
        for stream in self.edge.streams.values():
            if stream.verified < stream.size or stream.frames:
                return False
        return not self.earth.owed
