"""Two devices, two edges, gateway, auditor, their media and their store, in memory and without a simulation
engine.

Everything that is under way lies in a list, and whoever drives the world takes out what comes next: messages
may be lost, doubled and reordered; outcomes of effects may be late and out of order but come, as the contract
of machines says. What machines state and what is seen to happen is held against the guarantees (`oracles`).
"""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any

from oracles import Oracles
from pipeline_parts import (
    AUDITOR,
    EARTH,
    EDGE,
    EDGE_DEVICES,
    PEER,
    T0,
    S,
    auditor_settings,
    device_settings,
    edge_in_clear,
    edge_settings,
    gateway_in_clear,
    gateway_settings,
    log_of,
)

from twin.pipeline.facts import Rejected, WitnessRefused
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.merkle import leaf_hash
from twin.pipeline.machine import (
    Append,
    ArmSensor,
    AttestationWritten,
    BundleArrived,
    CancelTimer,
    CheckpointKept,
    DropJournal,
    HeadWritten,
    KeepCheckpoint,
    LinkChanged,
    ReadRows,
    Received,
    Report,
    RowsRead,
    RowsWritten,
    SamplesReady,
    Send,
    SetComparators,
    SetTimer,
    Started,
    StoreRefused,
    Sync,
    Synced,
    TimerFired,
    Transmit,
    TransmitFailed,
    Transmitted,
    TruncateJournal,
    WriteAttestation,
    WriteHead,
    WriteRows,
)
from twin.pipeline.nodes.auditor import Auditor
from twin.pipeline.nodes.device import Device
from twin.pipeline.nodes.edge import Edge
from twin.pipeline.nodes.stored import Stored, StoredStream
from twin.pipeline.wire.frame import peek_record
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import Ack, Attestation, decode
from twin.trace import Crashed, HeadVisible, MadeDurable, MediumHolds, Restarted, RowStored

HOMES = {1: EDGE, 2: PEER}


class Disk:
    """A journal: bytes are durable when the outcome of a sync that was asked for after them is delivered."""

    def __init__(self) -> None:
        self.durable = b""
        self.start = 0
        self.flushing = b""
        self.cache = b""


class World:
    """Drives the machines; `messages` and `outcomes` are what is under way."""

    def __init__(self) -> None:
        self.now_us = T0
        self.oracles = Oracles({**{f"device-{number}": number for number in HOMES}, **EDGE_DEVICES})
        self.machines: dict[str, Any] = {}
        self.timers: dict[tuple[str, str], int] = {}
        self.messages: list[tuple[str, Any]] = []
        self.outcomes: list[tuple[str, Any]] = []
        self.disks = {EDGE: Disk(), PEER: Disk()}
        self.replaced: set[str] = set()  # edges that come back with another medium
        self.usable = True
        self.sealed: dict[StreamId, list[bytes]] = {}
        self.rows: dict[tuple[str, StreamId, int], bytes] = {}
        self.heads: dict[StreamId, tuple[int, int]] = {}
        self.attestations: dict[tuple[str, StreamId], Attestation] = {}
        self.events = 0
        self.starts = 0
        self.blocks = 0
        self.term = 1
        self.start(AUDITOR, Auditor.recover(auditor_settings()))
        self.start(EARTH, gateway_in_clear(gateway_settings()))
        for edge in self.disks:
            self.start_edge(edge)
        for number, home in HOMES.items():
            standby = PEER if home == EDGE else EDGE
            self.start(f"device-{number}", Device(device_settings(number, edges=(home, standby))))

    def saw(self, node: str, fact: tuple[Any, ...]) -> None:
        """Tell the checkers."""
        self.oracles.saw(self.now_us, node, fact)

    # ------------------------------------------------------------ nodes

    def start(self, node: str, machine: Any) -> None:
        self.machines[node] = machine
        self.starts += 1
        self.saw(node, Restarted(0))
        self.deliver(node, Started(hashlib.sha256(f"{node} {self.starts}".encode()).digest()))

    def start_edge(self, edge: str) -> None:
        disk = self.disks[edge]
        carries = frozenset(device for device, home in HOMES.items() if home == edge)
        machine = edge_in_clear(edge_settings(edge, carries=carries), disk.durable, disk.start)
        for stream in machine.streams.values():
            assert stream.log.root() == log_of(self.sealed[stream.id][: stream.size]).root()
        self.read_back(edge, machine)
        self.start(edge, machine)
        if not self.usable:
            self.deliver(edge, LinkChanged(EARTH, False))

    def read_back(self, edge: str, machine: Edge) -> None:
        """What an edge found on its medium: torn tails may hold more than was told, replaced media less."""
        durable = {stream: truth.durable.get(edge, 0) for stream, truth in self.oracles.truth.streams.items()}
        sizes = {tuple(stream.id): stream.size for stream in machine.streams.values()}
        if edge in self.replaced or any(sizes.get(stream, 0) < size for stream, size in durable.items()):
            self.replaced.discard(edge)
            self.saw(edge, MediumHolds(tuple((*stream, size) for stream, size in sorted(sizes.items()))))
            return
        more = [(*of, n) for of, size in sorted(sizes.items()) for n in range(durable.get(of, 0), size)]
        if more:
            self.saw(edge, MadeDurable(tuple(more)))

    def stop(self, node: str) -> None:
        if self.machines.pop(node, None) is not None:
            self.saw(node, Crashed(0, 0))
        self.outcomes = [(to, outcome) for to, outcome in self.outcomes if to != node]
        self.timers = {key: at_us for key, at_us in self.timers.items() if key[0] != node}

    def crash_edge(self, edge: str, torn_share: float) -> None:
        self.stop(edge)
        disk = self.disks[edge]
        tail = disk.flushing + disk.cache
        disk.durable += tail[: int(len(tail) * torn_share)]
        disk.flushing = disk.cache = b""

    def change_leader(self) -> None:
        """A new gateway with a higher term, from what the stores hold."""
        self.stop(EARTH)
        self.term += 1
        self.start(EARTH, gateway_in_clear(gateway_settings(term=self.term), self.stored()))

    def restart_auditor(self) -> None:
        """From what it has signed and stored."""
        self.stop(AUDITOR)
        self.start(AUDITOR, Auditor.recover(auditor_settings(), self.stored()))

    def stored(self) -> Stored:
        """What Earth's stores hold."""
        streams = tuple(
            StoredStream(
                stream,
                size,
                HOMES[stream.device],
                self.attestations.get(("table", stream)),
                self.attestations.get(("backup", stream)),
            )
            for stream, (size, _) in self.heads.items()
        )
        beyond = tuple(
            (RecordId(*stream, index), frame)
            for (store, stream, index), frame in self.rows.items()
            if store == "table" and index >= self.heads.get(stream, (0, 0))[0]
        )
        return Stored(streams, beyond=beyond)

    def stow(self, stowed: bool) -> None:
        self.usable = not stowed
        for edge in self.disks:
            if edge in self.machines:
                self.deliver(edge, LinkChanged(EARTH, not stowed))

    # ------------------------------------------------------------ what happens

    def deliver(self, node: str, event: Any) -> None:
        machine = self.machines.get(node)
        if machine is None:
            return
        self.events += 1
        for effect in machine.handle(event, self.now_us):
            self.carry_out(node, effect)

    def carry_out(self, node: str, effect: Any) -> None:
        match effect:
            case Report(fact):
                self.saw(node, fact)
                self.check(node, fact)
            case SetTimer(name, at_us):
                self.timers[node, name] = max(at_us, self.now_us)
            case CancelTimer(name):
                self.timers.pop((node, name), None)
            case Send(destination, data):
                self.messages.append((destination, Received(node, data)))
            case Append(data, _):
                self.disks[node].cache += data
            case TruncateJournal(length):
                disk = self.disks[node]
                disk.durable = disk.durable[: length - disk.start]
            case DropJournal(before):
                disk = self.disks[node]
                disk.durable, disk.start = disk.durable[before - disk.start :], before
            case Sync():
                disk = self.disks[node]
                assert not disk.flushing
                disk.flushing, disk.cache = disk.cache, b""
                self.outcomes.append((node, effect))
            case ArmSensor() | SetComparators():
                pass
            case _:
                self.outcomes.append((node, effect))

    def finish(self, node: str, effect: Any, refuse: bool = False) -> None:
        """Deliver the outcome of an effect."""
        match effect:
            case Sync(sync_id):
                disk = self.disks[node]
                for entry in journal.scan(disk.flushing)[0]:
                    if entry.kind == journal.FRAME:
                        record = peek_record(entry.payload)
                        self.saw(node, MadeDurable((tuple(record),)))
                    elif entry.kind == journal.ADOPTED:
                        ack = decode(entry.payload)
                        assert isinstance(ack, Ack)
                        assert ack.verified <= self.attestations["table", ack.stream].size, "adopted where Earth said"
                disk.durable += disk.flushing
                disk.flushing = b""
                self.deliver(node, Synced(sync_id))
            case Transmit(number, neighbour, data):
                if refuse or (not self.usable and node != EARTH):
                    self.deliver(node, TransmitFailed(number, neighbour, "refused"))
                else:
                    self.messages.append((neighbour, BundleArrived(node, data)))
                    self.deliver(node, Transmitted(number, neighbour))
            case WriteRows(number, store, rows):
                assert 0 < len(rows) <= 25
                taken = rows[: len(rows) // 2] if refuse else rows
                for record, frame in taken:
                    key = (store, record.stream, record.index)
                    replaced = leaf_hash(self.rows[key]) if key in self.rows else b""
                    self.rows[key] = frame
                    self.saw(store, RowStored(store, tuple(record), leaf_hash(frame), replaced))
                left = tuple(record for record, _ in rows[len(taken) :])
                self.deliver(node, RowsWritten(number, left) if taken else StoreRefused(number, "throttled"))
            case ReadRows(number, store, stream, first, end):
                if refuse:
                    self.deliver(node, StoreRefused(number, "throttled"))
                    return
                frames = tuple(self.rows.get((store, stream, index)) for index in range(first, end))
                self.deliver(node, RowsRead(number, frames))
            case WriteHead(number, stream, size, term):
                if refuse:
                    self.deliver(node, StoreRefused(number, "throttled"))
                    return
                if term >= self.term:
                    self.heads[stream] = (size, term)
                    self.saw("table", HeadVisible(stream, size, term))
                self.deliver(node, HeadWritten(number, term >= self.term))
            case WriteAttestation(number, store, stream, size, root, frontier, signature):
                if refuse:
                    self.deliver(node, StoreRefused(number, "throttled"))
                    return
                held = self.attestations.get((store, stream))
                assert held is None or size >= held.size
                self.attestations[store, stream] = Attestation(stream, size, root, frontier, signature)
                self.deliver(node, AttestationWritten(number))
            case KeepCheckpoint(number):
                self.deliver(node, StoreRefused(number, "throttled") if refuse else CheckpointKept(number))
            case _:
                raise AssertionError(f"{node} asked for {effect}")

    def advance(self, until_us: int) -> None:
        """Let time pass; timers that are due fire in order."""
        while self.timers:
            key = min(self.timers, key=lambda k: (self.timers[k], k))
            if self.timers[key] > until_us:
                break
            self.now_us = self.timers.pop(key)
            self.deliver(key[0], TimerFired(key[1]))
        self.now_us = max(self.now_us, until_us)

    def live(self, random: Random, seconds: int, bad: float, steps: int, measure: bool = True) -> None:
        """Time goes on, with frames every minute if any; a share `bad` of at most `steps` things goes wrong."""
        end_us = self.now_us + seconds * S
        seal_us = self.now_us if measure else end_us + 1
        for _ in range(steps):
            waiting = len(self.outcomes) + len(self.messages)
            if waiting:
                index = random.randrange(waiting) if random.random() < bad else 0
                if index < len(self.outcomes):
                    self.finish(*self.outcomes.pop(index), refuse=random.random() < bad)
                else:
                    message = self.messages.pop(index - len(self.outcomes))
                    fate = random.random()
                    if fate < bad / 2:
                        self.messages.append(message)
                    if fate < bad / 2 or fate > bad:
                        self.deliver(*message)
                self.now_us += 1000
            elif self.now_us < end_us:
                if self.now_us >= seal_us:
                    seal_us += 60 * S
                    for device in HOMES:
                        self.seal(device)
                self.advance(min(end_us, seal_us, *self.timers.values()))

    def seal(self, device: int) -> None:
        """A device's sensor delivers a block."""
        name = f"device-{device}"
        self.blocks += 1  # no two blocks are alike: a device drops what comes twice
        self.deliver(name, SamplesReady(self.now_us + self.blocks, ((60,), (61,), (62,))))
        stream = self.machines[name].stream
        self.sealed.setdefault(stream.id, []).append(stream.frames[stream.size - 1])

    # ------------------------------------------------------------ what must hold

    def check(self, node: str, fact: Any) -> None:
        """What holds of honest machines besides the guarantees."""
        match fact:
            case WitnessRefused():
                raise AssertionError(f"{node} refuses an honest edge: {fact}")
            case Rejected(what, reason):
                assert "signature" not in reason, f"{node} calls an honest {what} forged"

    # ------------------------------------------------------------ healing

    def heal(self, until: Any, hours: int) -> bool:
        """From now on everything works; True if `until()` comes true within this time."""
        for edge in self.disks:
            if edge not in self.machines:
                self.start_edge(edge)
        if not self.usable:
            self.stow(False)
        end_us = self.now_us + hours * 3600 * S
        while self.now_us < end_us:
            while self.messages or self.outcomes:
                if self.outcomes:
                    self.finish(*self.outcomes.pop(0))
                else:
                    self.deliver(*self.messages.pop(0))
                self.now_us += 1000
            if until():
                return True
            self.advance(min(self.timers.values()))
        return until()
