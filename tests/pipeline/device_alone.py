"""One device, its sensor and its key; two edges and Earth are stand-ins."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any, ClassVar

from driven import Driven
from oracles import Oracles
from pipeline_parts import AUDITOR, EARTH, EDGE, PEER, device_settings, signed_by, signer
from stand_ins import Earth, EdgeForDevice

from twin.pipeline.facts import Accepted, EpochClosed
from twin.pipeline.machine import ArmSensor, KeyReplaced, Received, SamplesReady, SetComparators
from twin.pipeline.nodes.device import Device
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Accept, Expect, Hello, MessageError, audit_part, decode, encode
from twin.trace import Injected

DEVICE, NUMBER = "device-1", 1
INDEX_MAX = 6
STRANGER = "edge-9"
FORGERIES = ("of no gateway", "of no auditor", "of another log", "of another epoch", "replayed", "stranger", "beyond")


class DeviceAlone(Driven):
    """A device of `kind` in its habitat.

    Attributes:
        clock_off_us: how far the device's clock is off.
        signer: the key of its next start; `pending` is one that an operator has given it since, `closed` are the
            epochs that ended for that.
    """

    nodes = (DEVICE,)
    kind: ClassVar[type[Device]] = Device

    def __init__(self) -> None:
        super().__init__(Oracles({DEVICE: NUMBER}))
        self.earth = Earth(self.saw)
        self.edges = {name: EdgeForDevice(name, self.saw) for name in (EDGE, PEER)}
        self.signer = signer(DEVICE)
        self.pending: Any = None
        self.closed: list[StreamId] = []
        self.rotations = 0
        self.clock_off_us = 0
        self.blocks: list[SamplesReady] = []
        self.acks: list[bytes] = []
        for name, edge in self.edges.items():
            self.start(name, edge)
        self.restart(DEVICE)

    @property
    def device(self) -> Any:
        return self.machines.get(DEVICE)

    def crash(self, node: str, random: Random) -> None:
        """It stops. What it had said arrives now or never, and its key store asks edges which of its keys they know.

        Without both a device could begin anew under a key that an edge has just learned to be given up, and be refused
        until it starts once more: a known weakness, for whose cure edges would have to say what they refuse.
        """
        super().crash(node, random)
        mine = [m for m in self.messages if getattr(m[1], "source", "") == DEVICE]
        self.messages = [m for m in self.messages if m not in mine]
        self.heard = [m for m in self.heard if getattr(m[1], "source", "") != DEVICE]
        for message in mine:
            if random.random() < 0.5:
                self.deliver(*message)
        self._compare_notes()
        if self.pending is not None and self.closed and self.edges[EDGE].knows_closed(self.closed[-1]):
            self.signer, self.pending = self.pending, None

    def restart(self, node: str) -> None:
        settings = device_settings(NUMBER, edges=(EDGE, PEER), signer=self.signer, index_max=INDEX_MAX)
        self.blocks.clear()
        self.start(node, self.kind(settings))
        if self.pending is not None:
            self.deliver(node, KeyReplaced(self.pending))

    def local_us(self, node: str) -> int:
        return self.now_us + (self.clock_off_us if node == DEVICE else 0)

    def take(self, node: str, effect: Any) -> None:
        if not isinstance(effect, ArmSensor | SetComparators):
            super().take(node, effect)

    def corrupted(self, event: Any, random: Random) -> Any:
        """A datagram's checksum notices what no signature covers."""
        changed = super().corrupted(event, random)
        try:
            unsigned = isinstance(decode(changed.data), Accept | Expect | Hello)
        except MessageError:
            return changed
        return None if unsigned else changed

    def check(self, _node: str, fact: Any) -> None:
        match fact:
            case EpochClosed(record, _, "key"):
                self.closed.append(record.stream)
            case Accepted(stream, _, end) if self.pending is not None and stream in self.closed:
                # the secure element takes the new key once an edge holds the frame that names it
                if end == self.oracles.truth.of(stream).sealed:
                    self.signer, self.pending = self.pending, None

    # ------------------------------------------------------------ what may happen

    def measure(self, again: bool = False) -> None:
        """The sensor delivers a block, or the last one twice."""
        if self.device is None:
            return
        if not (again and self.blocks):
            self.blocks.append(SamplesReady(self.local_us(DEVICE) + len(self.blocks), ((60,), (61,), (62,))))
        self.deliver(DEVICE, self.blocks[-1])

    def work(self, random: Random) -> None:
        what = random.random()
        if what < 0.6:
            self.measure()
        elif what < 0.7:
            self.forge(random.choice(FORGERIES), random)
        else:
            self.gather()
            self.acknowledge(random.random(), random.randrange(3))

    def rotate(self) -> None:
        """An operator gives the device another key."""
        if self.pending is None and self.device is not None:
            self.rotations += 1
            self.pending = signer(f"{DEVICE}/{self.rotations}")
            self.closed.clear()
            self.deliver(DEVICE, KeyReplaced(self.pending))

    def gather(self) -> None:
        """What edges hold has come to Earth."""
        for edge in self.edges.values():
            for stream, frames in edge.frames.items():
                for index, frame in frames.items():
                    if self.earth.table.get(stream, {}).get(index) != frame:
                        self.earth.store(frame)

    def lose_the_table(self) -> None:
        """Earth's table is lost; not where both edges had taken a stream up above its backup, who could not fill it."""
        self.gather()
        for stream, rows in self.earth.table.items():
            held = {index for edge in self.edges.values() for index in edge.frames.get(stream, {})}
            if not held.issuperset(range(self.earth.trims.get(stream, 0), len(rows))):
                return
        self.earth.lose_the_table()

    def acknowledge(self, trim_share: float = 1.0, back: int = 0) -> None:
        """Earth acks, and edges pass it on."""
        for stream in sorted(self.earth.table):
            data = encode(self.earth.ack(stream, self.now_us, trim_share, back))
            self.acks.append(data)
            self.messages += [(DEVICE, Received(edge, data)) for edge in self.edges]

    def lose_an_edge(self, name: str) -> None:
        """An edge comes back with an empty medium, and says so."""
        self.gather()  # or records would be destroyed that were accepted, which is nobody's fault here
        self._compare_notes()  # a closing frame that all have lost is nobody's to follow
        self.edges[name].forget()
        self._compare_notes()
        self.messages.append((DEVICE, Received(name, encode(Hello(StreamId(NUMBER, 0))))))

    def _compare_notes(self) -> None:
        """Edges tell each other of the closing frames that they know."""
        for edge in self.edges.values():
            for other in self.edges.values():
                edge.learn(other.closings)

    def forge(self, how: str, random: Random) -> None:
        """Somebody says what Earth never said, or says it again."""
        if self.device is None:
            return
        data, source = self._said(how, random), STRANGER if how == "stranger" else EDGE
        self.saw(DEVICE, Injected(f"{how} ack", "local", b""))
        self.deliver(DEVICE, Received(source, data))

    def _said(self, how: str, random: Random) -> bytes:
        if how == "beyond" or not self.acks:
            stream = self.device.stream
            return encode(Accept(stream.id, stream.size + 1 + random.randrange(5)))
        data = random.choice(self.acks)
        ack: Any = decode(data)
        newer = ack._replace(counter=ack.counter + 1_000_000)
        if how == "of no gateway":
            return encode(newer._replace(trim=newer.verified))
        if how == "of no auditor":
            return encode(signed_by(EARTH, newer._replace(audit=bytes(32))))
        if how == "of another epoch":
            lie = newer._replace(stream=self.device.stream.id)
            return encode(signed_by(STRANGER if lie.stream == ack.stream else EARTH, lie))
        if how == "of another log":  # both of Earth's keys sign it, and the rows are not what the device signed
            stream, root = self.device.stream, hashlib.sha256(ack.root).digest()
            audit = signer(AUDITOR).sign(audit_part(stream.id, stream.size, root))
            lie = newer._replace(stream=stream.id, verified=stream.size, trim=stream.trim, root=root, audit=audit)
            return encode(signed_by(EARTH, lie))
        return data

    # ------------------------------------------------------------ healing

    def chores(self, _random: Random) -> None:
        self.gather()
        self.acknowledge()

    def home(self) -> bool:
        """Earth has what edges hold; both have accepted and Earth has backed up what was signed in this life."""
        held = [(stream, index) for edge in self.edges.values() for stream, of in edge.frames.items() for index in of]
        if any(index not in self.earth.table.get(stream, {}) for stream, index in held):
            return False
        (last, *others) = reversed(self.device.epochs)
        if others or last.stream.frames or last.stream.verified < last.stream.size:
            return False
        return all(lane.done for lane in last.lanes.values())
