"""Earth alone: gateways, auditor and the stores' real medium, with a Mars that only sends frames and believes acks.

Whoever drives the world takes out what comes next. A node may crash between any two effects; a request that was made
then is carried out or not; an answer may be lost after the fact; rows may be left out, rot, or vanish with the table; a
gateway may be superseded while it goes on. Invariants are checked as facts are reported.
"""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar

from driven import Driven
from in_clear import in_clear
from mars_for_earth import YEARS_US, Mars
from oracles import Oracles
from pipeline_parts import (
    AUDITOR,
    EARTH,
    EDGE,
    EDGE_DEVICES,
    ENDPOINTS,
    PEER,
    T0,
    S,
    auditor_settings,
    contact,
    gateway_settings,
    signer,
)

from twin.hosts.models.earth_medium import Medium, stored_in
from twin.pipeline.ledger.merkle import leaf_hash
from twin.pipeline.machine import (
    AlertMarked,
    AlertNotTold,
    AlertPut,
    AlertTold,
    AttestationWritten,
    BundleArrived,
    CheckpointKept,
    HeadWritten,
    KeepCheckpoint,
    MarkAlertAcknowledged,
    MarkAlertTold,
    MarkReceiptTaken,
    PutAlert,
    ReadRows,
    RowsRead,
    RowsWritten,
    StoreRefused,
    StoreSilent,
    SurgeonAcknowledged,
    SurgeonHeard,
    TellSurgeon,
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
from twin.pipeline.wire.frame import SAMPLES, Frame, Samples, encode_samples
from twin.pipeline.wire.frame import seal as seal_frame
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId
from twin.pipeline.wire.messages import (
    Frames,
    Message,
    encode,
)
from twin.trace import AlertStored, HeadVisible, Injected, ReaderSaw, RowRotted, RowStored, StoreRestored

GHOST = "earth-before"
NEVER_US = 1 << 62
PLAN = ContactPlan([contact(EARTH, edge, T0, T0 + YEARS_US) for edge in (EDGE, PEER)])


class EarthWorld(Driven):
    """Gateways and auditor over both stores."""

    nodes = (AUDITOR, EARTH, GHOST)
    gateway: ClassVar[type[Gateway]] = Gateway
    auditor: ClassVar[type[Auditor]] = Auditor

    def __init__(self) -> None:
        super().__init__(Oracles({"device-1": 1, "device-2": 2, **EDGE_DEVICES}))
        self.mars = Mars(self.saw)
        self.table, self.backup = Medium(":memory:"), Medium(":memory:")
        self.heads: dict[StreamId, int] = {}
        self.rotten: dict[str, set[RecordId]] = {"table": set(), "backup": set()}
        self.term = 0
        self.told: dict[AlertKey, int] = {}
        self.unheard: set[tuple[AlertKey, str]] = set()
        self.noted: set[AlertKey] = set()
        self.start_auditor()
        self.start_gateway()

    def close(self) -> None:
        self.table.close()
        self.backup.close()

    # ------------------------------------------------------------ nodes

    def start_gateway(self) -> None:
        self.term += 1
        self.table.lead(self.term)
        settings = gateway_settings(term=self.term, plan=PLAN)
        self.start(EARTH, in_clear(self.gateway.recover(settings, stored_in(self.table, self.backup))))

    def start_auditor(self) -> None:
        settings = auditor_settings(gateways=(EARTH, GHOST))
        self.start(AUDITOR, self.auditor.recover(settings, stored_in(self.table, self.backup)))

    def restart(self, node: str) -> None:
        if node == AUDITOR:
            self.start_auditor()
        elif node == EARTH:
            self.start_gateway()

    def abandon(self, _node: str, effect: Any, random: Random) -> None:
        if random.random() < 0.7:
            self.carry_out_request(effect)

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
        streams = self.table.become(self.backup, self.term)
        self.heads = {StreamId(d, e): size for d, e, size in streams}
        self.saw("table", StoreRestored(tuple(streams)))
        self.rotten["table"].clear()
        self.start_auditor()
        self.start_gateway()

    # ------------------------------------------------------------ what happens

    def take(self, node: str, effect: Any) -> None:
        if isinstance(effect, SurgeonHeard):
            self.unheard.discard((effect.alert, node))
        else:
            super().take(node, effect)

    def corrupted(self, event: Any, random: Random) -> Any:
        """Only what comes from Mars: on Earth's own network checksums see to it."""
        return super().corrupted(event, random) if isinstance(event, BundleArrived) else None

    def outcome(self, _node: str, effect: Any, random: Random, bad: float) -> Any:
        """Carry out a request and answer it, or refuse it, or carry it out and not answer."""
        if isinstance(effect, Transmit):
            return self.radiate(effect, random, bad)
        if isinstance(effect, TellSurgeon):
            return self.tell(effect, random, bad)
        if random.random() < bad:
            return StoreRefused(effect.id, "throttled")
        answer: Any
        if isinstance(effect, WriteRows) and random.random() < bad:
            some = tuple(row for row in effect.rows if random.random() < 0.5)
            self.carry_out_request(effect._replace(rows=some))
            stored = {record for record, _ in some}
            answer = RowsWritten(effect.id, tuple(r for r, _ in effect.rows if r not in stored))
        else:
            answer = self.carry_out_request(effect)
        return StoreSilent(effect.id) if random.random() < bad else answer

    def carry_out_request(self, effect: Any) -> Any:
        medium = self.backup if getattr(effect, "store", "table") == "backup" else self.table
        match effect:
            case WriteRows(number, store, rows):
                assert len(rows) <= 25
                self.put_rows(store, rows)
                return RowsWritten(number, ())
            case ReadRows(number, _, stream, first, end):
                return RowsRead(number, medium.rows(stream, first, end, NEVER_US))
            case WriteHead(number, stream, size):
                ok = medium.put_head(effect)
                if ok:
                    self.heads[stream] = size
                    self.saw("table", HeadVisible(stream, size, effect.term))
                return HeadWritten(number, ok)
            case WriteAttestation(number):
                medium.put_attestation(effect)
                return AttestationWritten(number)
            case PutAlert(number, alert, frame):
                self.backup.put_alert(alert, frame, self.now_us)
                answer = AlertPut(number, *self.table.put_alert(alert, frame, self.now_us))
                self.saw("table", AlertStored(tuple(alert), not answer.is_new))
                return answer
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

    def put_rows(self, store: str, rows: Any) -> None:
        """Rows stand in a store from now on."""
        medium = self.backup if store == "backup" else self.table
        replaced = medium.held_before(rows)
        medium.put_rows(rows, self.now_us)
        for record, frame in rows:
            self.rotten[store].discard(record)
            self.saw(store, RowStored(store, tuple(record), leaf_hash(frame), replaced.get(record, b"")))

    def read(self) -> None:
        """A reader looks at every head."""
        for stream, size, term in self.table.versions():
            self.saw("reader", ReaderSaw(1, tuple(stream), term, size))

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

    def forge(self, random: Random) -> None:
        """Somebody who holds an edge's way to Earth sends frames that no device signed, or one after its last."""
        stream = random.choice(sorted(self.mars.signed) or [StreamId(1, 1000)])
        index = len(self.mars.signed.get(stream, ())) + random.randrange(2)
        record = RecordId(*stream, index) if random.random() < 0.7 else RecordId(1, random.getrandbits(64), 0)
        body = encode_samples(Samples(T0, S, ("heart_rate_bpm",), ((250,),)))
        frame = seal_frame(Frame(*record, SAMPLES, T0, body), apid=1, packet_count=0, signer=signer("stranger"))
        self.saw(EARTH, Injected("frame forgery", "down", leaf_hash(frame)))
        self.post(EARTH, random.choice([EDGE, PEER]), Frames((frame,)))

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
        self.saw(store, RowRotted(store, tuple(record), leaf_hash(frame)))

    def work(self, random: Random) -> None:
        what = random.random()
        if what < 0.6:
            self.mars.measure(random)
        elif what < 0.9:
            self.mars_sends(random, random.choice([0.3, 1.0]))
            self.surgeon_answers()
        else:
            self.read()

    # ------------------------------------------------------------ healing

    def home(self) -> bool:
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

    def mend(self) -> None:
        self.crash_after = None
        for node in (AUDITOR, EARTH):
            if node not in self.machines:
                self.restart(node)

    def chores(self, random: Random) -> None:
        self.mars_sends(random)
        self.surgeon_answers()
        self.read()
