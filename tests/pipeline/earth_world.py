"""Earth alone: gateways, auditor and the stores' real medium, with a Mars that only sends frames and believes acks.

Whoever drives the world takes out what comes next. A node may crash between any two effects; a request that was made
then is carried out or not; an answer may be lost after the fact; rows may be left out, rot, or vanish with the table; a
gateway may be superseded while it goes on. Invariants are checked as facts are reported.
"""

from __future__ import annotations

from random import Random
from typing import Any

from pipeline_parts import (
    AUDITOR,
    DAY,
    EARTH,
    EDGE,
    EDGE_DEVICES,
    ENDPOINTS,
    PEER,
    T0,
    Author,
    S,
    auditor_settings,
    contact,
    gateway_settings,
    log_of,
    verifier,
)

from twin.hosts.models.earth_medium import Medium, stored_in
from twin.pipeline.facts import AckMade, Attested
from twin.pipeline.machine import (
    AlertMarked,
    AlertNotTold,
    AlertPut,
    AlertTold,
    AttestationWritten,
    BundleArrived,
    CancelTimer,
    CheckpointKept,
    HeadWritten,
    KeepCheckpoint,
    MarkAlertAcknowledged,
    MarkAlertTold,
    MarkReceiptTaken,
    PutAlert,
    ReadRows,
    Received,
    Report,
    RowsRead,
    RowsWritten,
    Send,
    SetTimer,
    Started,
    StoreRefused,
    StoreSilent,
    SurgeonAcknowledged,
    SurgeonHeard,
    TellSurgeon,
    TimerFired,
    Transmit,
    TransmitFailed,
    Transmitted,
    WriteAttestation,
    WriteHead,
    WriteRows,
)
from twin.pipeline.nodes.auditor import Auditor
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address, Mailer
from twin.pipeline.wire.frame import peek_record
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId
from twin.pipeline.wire.messages import (
    Ack,
    Acks,
    Frames,
    Message,
    Receipt,
    ReceiptsTaken,
    audit_part,
    decode,
    encode,
    signed_part,
)

GHOST = "earth-before"
NEVER_US = 1 << 62
YEARS_US = 2_000 * DAY
PLAN = ContactPlan([contact(EARTH, edge, T0, T0 + YEARS_US) for edge in (EDGE, PEER)])


class Mars:
    """Signed frames by stream; deletes below `trim` of the newest ack, sends what is not verified or is a gap."""

    def __init__(self) -> None:
        self.devices = [Author(1, "device-1"), Author(2, "device-2")]
        self.edges = {edge: Author(number, edge) for edge, number in EDGE_DEVICES.items()}
        self.signed: dict[StreamId, list[bytes]] = {}
        self.held: dict[StreamId, dict[int, bytes]] = {}
        self.acks: dict[StreamId, Ack] = {}
        self.verified_by_term: dict[tuple[StreamId, int], int] = {}
        self.alerts: dict[AlertKey, set[str]] = {}
        self.receipts: dict[str, set[AlertKey]] = {EDGE: set(), PEER: set()}

    def keep(self, frame: bytes) -> None:
        record = peek_record(frame)
        self.signed.setdefault(record.stream, []).append(frame)
        self.held.setdefault(record.stream, {})[record.index] = frame

    def measure(self, random: Random) -> None:
        """A device signs a frame, now and then its epoch's last one; edges may find an alert in it."""
        device = random.choice(self.devices)
        record = RecordId(*device.stream, device.index)
        rotates = random.random() < 0.1
        self.keep(device.close() if rotates else device.seal())
        if not rotates and random.random() < 0.4:
            for edge in random.choice([[EDGE], [PEER], [EDGE, PEER]]):
                self.alert(edge, AlertKey(*record, "spo2 low"))

    def alert(self, edge: str, key: AlertKey) -> None:
        self.keep(self.edges[edge].alert(key))
        self.alerts.setdefault(key, set()).add(edge)

    def wanted(self, stream: StreamId) -> list[bytes]:
        """What Mars would send of a stream now."""
        ack = self.acks.get(stream)
        verified = 0 if ack is None else ack.verified
        gaps = () if ack is None else ack.gaps
        return [
            frame
            for index, frame in self.held[stream].items()
            if index >= verified or any(first <= index < end for first, end in gaps)
        ]

    def edge_for(self, stream: StreamId, random: Random) -> str:
        for edge, author in self.edges.items():
            if author.device == stream.device:
                return edge
        return EDGE if random.random() < 0.9 else PEER

    def hear(self, edge: str, data: bytes) -> Message | None:
        """Take a bundle of acks; the edge's answer to receipts, if there are any."""
        message = decode(Mailer(Address(ENDPOINTS[edge], YEARS_US)).open(data, T0).payload)
        assert isinstance(message, Acks)
        for raw in message.acks:
            ack = decode(raw)
            assert isinstance(ack, Ack)
            self.believe(ack)
        taken = []
        for raw in message.receipts:
            receipt = decode(raw)
            assert isinstance(receipt, Receipt)
            assert verifier(EARTH).verify(signed_part(receipt), receipt.signature)
            assert edge in self.alerts[receipt.alert], "a receipt goes to those who brought the alert"
            self.receipts[edge].add(receipt.alert)
            taken.append(receipt.alert)
        return ReceiptsTaken(tuple(taken)) if taken else None

    def believe(self, ack: Ack) -> None:
        assert verifier(EARTH).verify(signed_part(ack), ack.signature)
        assert verifier(AUDITOR).verify(audit_part(ack.stream, ack.verified, ack.root), ack.audit)
        assert ack.root == log_of(self.signed[ack.stream][: ack.verified]).root()
        before = self.acks.get(ack.stream)
        if before is not None and (ack.term, ack.counter) <= (before.term, before.counter):
            return  # older, or of a leader that was superseded
        least = self.verified_by_term.get((ack.stream, ack.term), 0)
        assert ack.verified >= least
        self.verified_by_term[ack.stream, ack.term] = ack.verified
        assert before is None or ack.trim >= before.trim
        self.acks[ack.stream] = ack
        for index in [index for index in self.held[ack.stream] if index < ack.trim]:
            del self.held[ack.stream][index]


class EarthWorld:
    """Drives the machines; `messages` and `requests` are what is under way."""

    def __init__(self) -> None:
        self.now_us = T0
        self.mars = Mars()
        self.table, self.backup = Medium(":memory:"), Medium(":memory:")
        self.machines: dict[str, Any] = {}
        self.lives: dict[str, int] = {}
        self.timers: dict[tuple[str, str], int] = {}
        self.messages: list[tuple[str, Any]] = []
        self.requests: list[tuple[str, int, Any]] = []
        self.heads: dict[StreamId, int] = {}
        self.rotten: dict[str, set[RecordId]] = {"table": set(), "backup": set()}
        self.term = 0
        self.told: dict[AlertKey, int] = {}
        self.unheard: set[tuple[AlertKey, str]] = set()
        self.crash_after: int | None = None
        self.events = 0
        self.start_auditor()
        self.start_gateway()

    def close(self) -> None:
        self.table.close()
        self.backup.close()

    # ------------------------------------------------------------ nodes

    def start(self, node: str, machine: Any) -> None:
        self.lives[node] = self.lives.get(node, 0) + 1
        self.machines[node] = machine
        self.deliver(node, Started(bytes([self.lives[node] % 256]) * 32))

    def start_gateway(self) -> None:
        self.term += 1
        self.table.lead(self.term)
        settings = gateway_settings(term=self.term, plan=PLAN)
        self.start(EARTH, Gateway.recover(settings, stored_in(self.table, self.backup)))

    def start_auditor(self) -> None:
        settings = auditor_settings(gateways=(EARTH, GHOST))
        self.start(AUDITOR, Auditor.recover(settings, stored_in(self.table, self.backup)))

    def restart(self, node: str) -> None:
        if node == AUDITOR:
            self.start_auditor()
        elif node == EARTH:
            self.start_gateway()

    def crash(self, node: str, random: Random) -> None:
        """A node stops; each request that it has made is carried out or not."""
        if self.machines.pop(node, None) is None:
            return
        self.timers = {key: at_us for key, at_us in self.timers.items() if key[0] != node}
        mine = [request for request in self.requests if request[0] == node]
        self.requests = [request for request in self.requests if request[0] != node]
        for request in mine:
            if random.random() < 0.7:
                self.carry_out_request(request[2])

    def supersede(self, random: Random) -> None:
        """The gateway is thought to be dead and goes on under another name, while a new leader starts."""
        self.crash(GHOST, random)
        if EARTH not in self.machines:
            return
        self.machines[GHOST] = self.machines.pop(EARTH)
        self.lives[GHOST] = self.lives.get(GHOST, 0) + 1
        self.timers = {(GHOST if node == EARTH else node, name): at for (node, name), at in self.timers.items()}
        self.requests = [
            (GHOST, self.lives[GHOST], effect) if node == EARTH else (node, life, effect)
            for node, life, effect in self.requests
        ]
        self.start_gateway()

    def lose_the_table(self, random: Random) -> None:
        if self.rotten["backup"]:
            return  # two faults of one row, which Mars may have deleted: lost, and no fault of the machines
        for node in (EARTH, GHOST, AUDITOR):
            self.crash(node, random)
        self.term += 1
        self.heads = {StreamId(d, e): size for d, e, size in self.table.become(self.backup, self.term)}
        self.rotten["table"].clear()
        self.start_auditor()
        self.start_gateway()

    # ------------------------------------------------------------ what happens

    def deliver(self, node: str, event: Any) -> None:
        machine = self.machines.get(node)
        if machine is None:
            return
        self.events += 1
        effects = machine.handle(event, self.now_us)
        done = effects if self.crash_after is None else effects[: self.crash_after]
        for effect in done:
            self.take(node, effect)
        if len(done) < len(effects):
            self.crash_after = None
            self.crash(node, Random(len(effects)))

    def take(self, node: str, effect: Any) -> None:
        match effect:
            case Report(fact):
                self.check(fact)
            case SetTimer(name, at_us):
                self.timers[node, name] = max(at_us, self.now_us)
            case CancelTimer(name):
                self.timers.pop((node, name), None)
            case Send(destination, data):
                self.messages.append((destination, Received(node, data)))
            case SurgeonHeard(alert):
                self.unheard.discard((alert, node))
            case _:
                self.requests.append((node, self.lives[node], effect))

    def finish(self, place: int, random: Random, bad: float) -> None:
        """Carry out a request and answer it, or refuse it, or carry it out and not answer."""
        node, life, effect = self.requests.pop(place)
        answer: Any
        if isinstance(effect, Transmit):
            answer = self.radiate(effect, random, bad)
        elif isinstance(effect, TellSurgeon):
            answer = self.tell(effect, random, bad)
        elif random.random() < bad:
            answer = StoreRefused(effect.id, "throttled")
        else:
            if isinstance(effect, WriteRows) and random.random() < bad:
                some = tuple(row for row in effect.rows if random.random() < 0.5)
                self.carry_out_request(effect._replace(rows=some))
                stored = {record for record, _ in some}
                answer = RowsWritten(effect.id, tuple(r for r, _ in effect.rows if r not in stored))
            else:
                answer = self.carry_out_request(effect)
            if random.random() < bad:
                answer = StoreSilent(effect.id)
        if life == self.lives[node]:
            self.deliver(node, answer)

    def carry_out_request(self, effect: Any) -> Any:
        medium = self.backup if getattr(effect, "store", "table") == "backup" else self.table
        match effect:
            case WriteRows(number, store, rows):
                assert len(rows) <= 25
                for record, frame in rows:
                    assert frame == self.mars.signed[record.stream][record.index], "only signed rows are written"
                    self.rotten[store].discard(record)
                medium.put_rows(rows, self.now_us)
                return RowsWritten(number, ())
            case ReadRows(number, _, stream, first, end):
                return RowsRead(number, medium.rows(stream, first, end, NEVER_US))
            case WriteHead(number, stream, size):
                ok = medium.put_head(effect)
                if ok:
                    assert size >= self.heads.get(stream, 0)
                    assert None not in medium.rows(stream, 0, size, NEVER_US)
                    self.heads[stream] = size
                return HeadWritten(number, ok)
            case WriteAttestation(number):
                medium.put_attestation(effect)
                return AttestationWritten(number)
            case PutAlert(number, alert, frame):
                self.backup.put_alert(alert, frame, self.now_us)
                return AlertPut(number, *self.table.put_alert(alert, frame, self.now_us))
            case MarkAlertTold(number, alert):
                assert self.told[alert] > 0
                self.both(lambda m: m.mark_told(alert, self.now_us))
                return AlertMarked(number)
            case MarkAlertAcknowledged(number, alert, at_us):
                self.both(lambda m: m.mark_acknowledged(alert, at_us))
                return AlertMarked(number)
            case MarkReceiptTaken(number, alert, device):
                self.both(lambda m: m.mark_taken(alert, device))
                return AlertMarked(number)
            case KeepCheckpoint(number):
                self.both(lambda m: m.keep_checkpoint(effect))
                return CheckpointKept(number)
            case Transmit() | TellSurgeon():
                return None  # of a node that has crashed: nobody hears
            case _:
                raise AssertionError(f"asked for {effect}")

    def both(self, act: Any) -> None:
        act(self.table)
        act(self.backup)

    def radiate(self, effect: Transmit, random: Random, bad: float) -> Any:
        if random.random() < bad:
            return TransmitFailed(effect.id, effect.neighbour, "refused")
        if random.random() >= bad:
            answer = self.mars.hear(effect.neighbour, effect.data)
            if answer is not None:
                self.post(EARTH, effect.neighbour, answer)
        return Transmitted(effect.id, effect.neighbour)

    def tell(self, effect: TellSurgeon, random: Random, bad: float) -> Any:
        if random.random() < bad:
            return AlertNotTold(effect.id, random.choice([0, 30 * S]))
        self.told[effect.alert] = self.told.get(effect.alert, 0) + 1
        if self.told[effect.alert] == 1:
            self.unheard.update((effect.alert, gateway) for gateway in (EARTH, GHOST))
        return AlertTold(effect.id)

    def surgeon_answers(self) -> None:
        for alert, gateway in sorted(self.unheard):
            self.messages.append((gateway, SurgeonAcknowledged(alert)))

    def mars_sends(self, random: Random, share: float = 1.0) -> None:
        """Frames that Earth is not known to hold leave for the leader, and for who was it before."""
        for stream in self.mars.held:
            frames = [frame for frame in self.mars.wanted(stream) if random.random() < share]
            random.shuffle(frames)
            edge = self.mars.edge_for(stream, random)
            for at in range(0, len(frames), 5):
                node = GHOST if GHOST in self.machines and random.random() < 0.1 else EARTH
                self.post(node, edge, Frames(tuple(frames[at : at + 5])))

    def post(self, node: str, edge: str, message: Message) -> None:
        mailer = Mailer(Address(ENDPOINTS[edge], YEARS_US))
        self.messages.append((node, BundleArrived(edge, mailer.bundle(ENDPOINTS[EARTH], encode(message), self.now_us))))

    def rot(self, random: Random) -> None:
        """A bit flips in a row at rest; never in both copies of a row that Mars may have deleted."""
        store, medium, other = random.choice([("table", self.table, "backup"), ("backup", self.backup, "table")])
        rows = medium.count_rows()
        if not rows:
            return
        record = medium.record_at(random.randrange(rows))
        if record in self.rotten[other]:
            return
        (frame,) = medium.rows(record.stream, record.index, record.index + 1, NEVER_US)
        assert frame is not None
        rotten = bytearray(frame)
        rotten[random.randrange(len(frame))] ^= 1 << random.randrange(8)
        medium.change_row(record, bytes(rotten))
        self.rotten[store].add(record)

    def advance(self, until_us: int) -> None:
        """Let time pass; timers that are due fire in order."""
        while self.timers:
            key = min(self.timers, key=lambda k: (self.timers[k], k))
            if self.timers[key] > until_us:
                break
            self.now_us = self.timers.pop(key)
            self.deliver(key[0], TimerFired(key[1]))
        self.now_us = max(self.now_us, until_us)

    def live(self, random: Random, steps: int, bad: float) -> None:
        """At most `steps` things happen, a share `bad` of them wrong."""
        for _ in range(steps):
            waiting = len(self.requests) + len(self.messages)
            if not waiting:
                self.advance(min(self.timers.values(), default=self.now_us + 60 * S))
                continue
            place = random.randrange(waiting) if random.random() < bad else 0
            if place < len(self.requests):
                self.finish(place, random, bad)
            else:
                message = self.messages.pop(place - len(self.requests))
                if random.random() >= bad:
                    self.deliver(*message)
            self.now_us += 1000

    # ------------------------------------------------------------ what must hold

    def check(self, fact: Any) -> None:
        match fact:
            case Attested(stream, size, root):
                assert root == log_of(self.mars.signed[stream][:size]).root()
            case AckMade(stream, verified, trim, _, _, _):
                assert trim <= verified
                signed = self.mars.signed[stream]
                rows = self.backup.rows(stream, 0, trim, NEVER_US)
                for index, frame in enumerate(rows):
                    assert frame == signed[index] or RecordId(*stream, index) in self.rotten["backup"]

    def everything_is_home(self) -> bool:
        """All rows visible, attested, acked and trimmed; no rot left; every alert told, answered, and over."""
        for stream, signed in self.mars.signed.items():
            ack = self.mars.acks.get(stream)
            if ack is None or ack.verified != len(signed) or ack.trim != len(signed) or ack.gaps:
                return False
            if self.heads.get(stream) != len(signed):
                return False
            for medium in (self.table, self.backup):
                if medium.rows(stream, 0, len(signed), NEVER_US) != tuple(signed):
                    return False
        if self.table.open_alerts() or any(alert not in self.told for alert in self.mars.alerts):
            return False
        return all(alert in self.mars.receipts[edge] for alert, edges in self.mars.alerts.items() for edge in edges)

    def heal(self, hours: int) -> bool:
        """From now on everything works; True if everything is home within this time."""
        self.crash_after = None
        random = Random(1)
        for node in (AUDITOR, EARTH):
            if node not in self.machines:
                self.restart(node)
        end_us = self.now_us + hours * 3600 * S
        sends_us = self.now_us
        while self.now_us < end_us:
            while self.messages or self.requests:
                if self.requests:
                    self.finish(0, random, 0.0)
                else:
                    self.deliver(*self.messages.pop(0))
                self.now_us += 1000
            if self.everything_is_home():
                return True
            if self.now_us >= sends_us:
                sends_us = self.now_us + 1200 * S
                self.mars_sends(random)
                self.surgeon_answers()
            else:
                self.advance(min(sends_us, *self.timers.values()))
        return self.everything_is_home()
