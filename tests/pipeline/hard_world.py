"""The small world in which everything else goes wrong: media rot, fail and come back old or empty, devices crash and
take new keys, alarms sound, and somebody forges and repeats datagrams.

Each node starts with fresh entropy, so what was signed before a crash is never signed again under the same identity.
"""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from pipeline_parts import EARTH, EDGE, PEER, T0, WATCH, S, device_settings, edge_in_clear, edge_settings, signer
from small_world import HOMES, Disk, World

from twin.pipeline.facts import (
    Accepted,
    AlarmRaised,
    EpochClosed,
    FrameSealed,
)
from twin.pipeline.machine import (
    AlertMarked,
    AlertPut,
    AlertTold,
    Annunciate,
    Append,
    CrewAcknowledged,
    KeyReplaced,
    LinkChanged,
    MarkAlertTold,
    PutAlert,
    Received,
    SamplesReady,
    Sync,
    SyncFailed,
    TellSurgeon,
    TruncateJournal,
)
from twin.pipeline.nodes.device import Device
from twin.pipeline.wire.frame import SAMPLES, Frame, Samples, encode_samples
from twin.pipeline.wire.frame import seal as seal_frame
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId
from twin.pipeline.wire.messages import FrameOffer, encode
from twin.pipeline.wire.signing import Signer
from twin.trace import AlertStored

INDEX_MAX = 6
REPLAYS_KEPT = 40


class Image(NamedTuple):
    """What a medium held at some instant."""

    durable: bytes
    start: int


class HardWorld(World):
    """`World` with media that fail, devices that restart, alarms and an intruder."""

    def __init__(self) -> None:
        self.signers: dict[int, Signer] = {number: signer(f"device-{number}") for number in HOMES}
        self.given_up: dict[int, list[tuple[StreamId, Signer]]] = {number: [] for number in HOMES}
        self.pending_key: dict[int, Signer] = {}
        self.images: dict[str, list[Image]] = {EDGE: [], PEER: []}
        self.heard: list[tuple[str, Any]] = []
        self.raised: set[AlertKey] = set()
        self.put: dict[AlertKey, int] = {}
        self.sounding: list[tuple[str, AlertKey]] = []
        self.rotations = 0
        self.accepted: dict[StreamId, int] = {}
        self.media_replaced = False
        super().__init__()

    # ------------------------------------------------------------ nodes

    def start(self, node: str, machine: Any) -> None:
        if isinstance(machine, Device):
            number = machine.settings.device
            machine = self.device(number)
        super().start(node, machine)
        number = int(node[-1]) if node.startswith("device-") else 0
        if number in self.pending_key:
            self.deliver(node, KeyReplaced(self.pending_key[number]))

    def device(self, number: int) -> Device:
        home = HOMES[number]
        standby = PEER if home == EDGE else EDGE
        return Device(device_settings(number, edges=(home, standby), signer=self.signers[number], index_max=INDEX_MAX))

    def start_edge(self, edge: str) -> None:
        disk = self.disks[edge]
        carries = frozenset(device for device, home in HOMES.items() if home == edge)
        settings = edge_settings(edge, carries=carries)
        alarms = settings.alarms._replace(watches=dict.fromkeys(HOMES, WATCH))
        machine = edge_in_clear(settings._replace(alarms=alarms), disk.durable, disk.start)
        self.read_back(edge, machine)
        self.start(edge, machine)
        if not self.usable:
            self.deliver(edge, LinkChanged(EARTH, False))

    def restart_device(self, number: int) -> None:
        name = f"device-{number}"
        self.stop(name)
        self.start(name, self.device(number))

    def rotate(self, number: int) -> None:
        if number not in self.pending_key:
            self.rotations += 1
            self.pending_key[number] = signer(f"device-{number}/{self.rotations}")
            self.deliver(f"device-{number}", KeyReplaced(self.pending_key[number]))

    # ------------------------------------------------------------ media

    def keep_image(self, edge: str) -> None:
        disk = self.disks[edge]
        self.images[edge] = [*self.images[edge][-3:], Image(disk.durable, disk.start)]

    def replace_medium(self, edge: str, how: str, random: Random) -> None:
        """The edge goes down, and comes back with another medium."""
        if edge in self.machines:
            self.crash_edge(edge, random.random())
        self.media_replaced = True
        self.replaced.add(edge)
        disk = self.disks[edge]
        if how == "empty":
            self.disks[edge] = Disk()
        elif how == "old" and self.images[edge]:
            disk.durable, disk.start = random.choice(self.images[edge])
        elif how == "rotten" and disk.durable:
            at = random.randrange(len(disk.durable))
            disk.durable = disk.durable[:at] + bytes([disk.durable[at] ^ 1]) + disk.durable[at + 1 :]

    # ------------------------------------------------------------ effects

    def deliver(self, node: str, event: Any) -> None:
        if isinstance(event, Received):
            self.heard = [*self.heard[-REPLAYS_KEPT:], (node, event)]
        super().deliver(node, event)

    def carry_out(self, node: str, effect: Any) -> None:
        match effect:
            case Annunciate(alert, _, _):
                self.sounding = [*self.sounding[-20:], (node, alert)]
            case TruncateJournal(length):
                disk = self.disks[node]
                whole = disk.durable + disk.flushing + disk.cache
                assert length >= disk.start
                held = whole[: length - disk.start]
                disk.durable, disk.cache = held[: len(disk.durable)], held[len(disk.durable) :]
                disk.flushing = b""
            case Append() if node not in self.machines:
                raise AssertionError("a node that is down appends")
            case _:
                super().carry_out(node, effect)

    def finish(self, node: str, effect: Any, refuse: bool = False) -> None:
        match effect:
            case Sync(sync_id) if refuse:
                disk = self.disks[node]
                disk.cache, disk.flushing = disk.flushing + disk.cache, b""
                self.deliver(node, SyncFailed(sync_id, "refused"))
            case PutAlert(number, alert, _):
                is_new = alert not in self.put
                self.put[alert] = self.put.get(alert, 0) + 1
                self.saw("table", AlertStored(tuple(alert), not is_new))
                self.deliver(node, AlertPut(number, is_new, not is_new))
            case TellSurgeon(number, _, _):
                self.deliver(node, AlertTold(number))
            case MarkAlertTold(number, _):
                self.deliver(node, AlertMarked(number))
            case _:
                super().finish(node, effect, refuse)

    # ------------------------------------------------------------ people

    def seal(self, device: int, rate: int = 60) -> None:
        self.deliver(f"device-{device}", SamplesReady(self.now_us, ((rate,), (rate,), (rate,))))

    def acknowledge(self) -> None:
        for node, alert in self.sounding:
            self.deliver(node, CrewAcknowledged(alert))

    def repeat(self, random: Random) -> None:
        """Somebody says again what was said before, to whom it was said."""
        if self.heard:
            self.deliver(*random.choice(self.heard))

    def forge(self, number: int, random: Random) -> None:
        """Somebody goes on with a key that an edge knows as given up, in the old epoch and in a new one."""
        body = encode_samples(Samples(T0, S, ("heart_rate_bpm",), ((250,),)))
        for edge in (EDGE, PEER):
            machine = self.machines.get(edge)
            for stream, key in self.given_up[number]:
                if machine is None or not machine.ledger.keys.is_closed(stream):
                    continue
                final = len(self.sealed[stream]) - 1
                for record in (RecordId(*stream, final + 1), RecordId(number, random.getrandbits(64), 0)):
                    frame = seal_frame(Frame(*record, SAMPLES, T0, body), apid=1, packet_count=0, signer=key)
                    offer = FrameOffer(frame, random.random() < 0.5)
                    before = {of: s.size for of, s in machine.streams.items()}
                    self.deliver(edge, Received(f"device-{number}", encode(offer)))
                    assert {of: s.size for of, s in machine.streams.items()} == before, "a forged frame was taken"

    # ------------------------------------------------------------ what must hold

    def check(self, node: str, fact: Any) -> None:
        match fact:
            case FrameSealed(record, _):
                machine = self.machines[node]
                if isinstance(machine, Device):
                    frames = self.sealed.setdefault(record.stream, [])
                    assert len(frames) == record.index
                    epoch = next(e for e in machine.epochs if e.stream.id == record.stream)
                    frames.append(epoch.stream.frames[record.index])
                elif record.stream not in self.sealed or len(self.sealed[record.stream]) == record.index:
                    own = machine.streams[record.stream]
                    self.sealed.setdefault(record.stream, []).append(own.frames[record.index])
            case EpochClosed(record, _, "key"):
                number = record.device
                self.given_up[number].append((record.stream, self.signers[number]))
            case AlarmRaised(alert, _, _):
                self.raised.add(alert)
            case Accepted(stream, _, _) if stream.device in HOMES:
                self.accepted[stream] = max(fact.end, self.accepted.get(stream, 0))
                self.accepted_closing(stream.device, stream, fact.end)

    def accepted_closing(self, number: int, stream: StreamId, end: int) -> None:
        """The secure element takes the new key once an edge holds the frame that names it."""
        key = self.pending_key.get(number)
        closed = [of for of, old in self.given_up[number] if old is self.signers[number]]
        if key is not None and stream in closed and end >= len(self.sealed[stream]):
            self.signers[number] = self.pending_key.pop(number)

    def home(self) -> bool:
        """Earth has every prefix that an edge holds, and its edges know."""
        for edge in self.disks:
            machine = self.machines[edge]
            for stream in machine.streams.values():
                if self.heads.get(stream.id, (0, 0))[0] < stream.size or stream.verified < stream.size:
                    return False
        return True
