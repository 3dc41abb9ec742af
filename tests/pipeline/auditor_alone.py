"""One auditor over both stores; Mars and the gateway are stand-ins."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any

from earth_world import EarthWorld
from pipeline_parts import AUDITOR, EARTH, EDGE, PEER, S, log_of, signed_by, signer, verifier

from twin.pipeline.facts import AckMade
from twin.pipeline.machine import Effect, Received, Send, SetTimer, Started, TimerFired, WriteHead
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import (
    Attestation,
    BackupCopied,
    BackupProved,
    Checkpoint,
    CheckpointOffer,
    Head,
    HeadMoved,
    LookAgain,
    Message,
    RowsWrong,
    audit_part,
    decode,
    encode,
    encode_signed,
)
from twin.trace import Injected

REMIND, REMIND_US = "remind", 3_600 * S
TABLE, BACKUP = "table", "backup"


class AuditorAlone(EarthWorld):
    """`EarthWorld` whose gateway writes what Mars signs at once, and forgets nothing."""

    nodes = (AUDITOR,)

    def __init__(self) -> None:
        self.checkpoints: dict[str, tuple[int, tuple[Head, ...], bytes]] = {}
        super().__init__()

    def start_gateway(self) -> None:
        self.term += 1
        self.table.lead(self.term)
        self.desk = GatewayForAuditor(self)
        self.start(EARTH, self.desk)

    def restart(self, node: str) -> None:
        if node == AUDITOR:
            self.start_auditor()

    def mars_sends(self, random: Random, share: float = 1.0) -> None:
        """Frames become rows, and edges publish what they have signed."""
        for stream in sorted(self.mars.signed):
            if random.random() < share:
                self.desk.store(stream)
        for edge in (EDGE, PEER):
            self.tell_auditor(CheckpointOffer(self.checkpoint(edge), ()))

    def checkpoint(self, edge: str) -> bytes:
        """An edge's newest checkpoint: heads of its own stream and of all devices', chained to the one before."""
        others = {author.device for name, author in self.mars.edges.items() if name != edge}
        signed = {stream: of for stream, of in sorted(self.mars.signed.items()) if stream.device not in others}
        heads = tuple(Head(stream, len(of), log_of(of).root()) for stream, of in signed.items())
        counter, before, raw = self.checkpoints.get(edge, (-1, (), b""))
        if heads != before:
            previous = hashlib.sha256(raw).digest() if raw else b""
            raw = encode(signed_by(edge, Checkpoint(edge, counter + 1, self.now_us, previous, heads)))
            self.checkpoints[edge] = (counter + 1, heads, raw)
        return raw

    def tell_auditor(self, *messages: Message) -> None:
        self.messages += [(AUDITOR, Received(EARTH, encode(message))) for message in messages]

    def forge(self, random: Random) -> None:
        """Somebody writes rows that no device signed, moves the head over them, and shows a head of them."""
        self.saw(AUDITOR, Injected("checkpoint forgery", "down", b""))
        stream = random.choice(sorted(self.mars.signed) or [StreamId(1, 1000)])
        size = len(self.mars.signed.get(stream, ())) + 1 + random.randrange(3)
        heads = (Head(stream, size, hashlib.sha256(b"no such log").digest()),)
        lie = encode_signed(Checkpoint(EDGE, 1 << 40, self.now_us, b"", heads), signer("stranger"))
        self.tell_auditor(HeadMoved(stream, size), BackupCopied(stream, size), CheckpointOffer(lie, ()))

    def home(self) -> bool:
        """All rows stand, are attested and proved in the backup."""
        for stream, signed in self.mars.signed.items():
            if self.desk.attested.get(stream, 0) != len(signed) or self.desk.proved.get(stream, 0) != len(signed):
                return False
            for medium in (self.table, self.backup):
                if medium.rows(stream, 0, len(signed), self.now_us) != tuple(signed):
                    return False
        return True


class GatewayForAuditor:
    """Writes rows and heads, copies what is attested into the backup, and puts right what is called wrong."""

    def __init__(self, world: AuditorAlone) -> None:
        self._world = world
        self.proved: dict[StreamId, int] = {stream: a.size for stream, a in world.backup.attestations().items()}
        self.attested = dict(self.proved)
        self._acks = 0

    def handle(self, event: Any, now_us: int) -> list[Effect]:
        """Take one event."""
        out: list[Effect] = []
        if isinstance(event, Started | TimerFired):
            out.append(SetTimer(REMIND, now_us + REMIND_US))
            self._remind(out)
        elif isinstance(event, Received):
            self._hear(decode(event.data), out)
        return out

    def store(self, stream: StreamId) -> None:
        """All that is signed of a stream stands in the table, and is visible."""
        signed = self._world.mars.signed[stream]
        size = self._world.heads.get(stream, 0)
        self._put(TABLE, stream, range(size, len(signed)))
        if len(signed) > size:
            self._world.carry_out_request(WriteHead(0, stream, len(signed), self._world.term))
        self._world.tell_auditor(HeadMoved(stream, len(signed)))

    def _put(self, store: str, stream: StreamId, indices: Any) -> None:
        signed = self._world.mars.signed[stream]
        self._world.put_rows(store, tuple((RecordId(*stream, index), signed[index]) for index in indices))

    def _remind(self, out: list[Effect]) -> None:
        for stream, size in sorted(self._world.heads.items()):
            self._tell(HeadMoved(stream, size), out)
            if self.attested.get(stream, 0) > self.proved.get(stream, 0):
                self._copy(stream, out)

    def _copy(self, stream: StreamId, out: list[Effect]) -> None:
        size = self.attested[stream]
        self._put(BACKUP, stream, range(self.proved.get(stream, 0), size))
        self._tell(BackupCopied(stream, size), out)

    def _hear(self, message: Message, out: list[Effect]) -> None:
        match message:
            case Attestation(stream, size, root, _, signature) if size <= self._world.heads.get(stream, 0):
                assert verifier(AUDITOR).verify(audit_part(stream, size, root), signature)
                self.attested[stream] = max(size, self.attested.get(stream, 0))
                self._ack(stream)
                self._copy(stream, out)
            case RowsWrong(stream, indices, store):
                known = [index for index in indices if index < len(self._world.mars.signed.get(stream, ()))]
                if known:
                    self._put(store, stream, known)
                    self._tell(LookAgain(stream, tuple(known), store), out)
                    self._tell(HeadMoved(stream, self._world.heads.get(stream, 0)), out)
            case BackupProved(stream, size, ok):
                if ok:
                    self.proved[stream] = max(size, self.proved.get(stream, 0))
                    self._ack(stream)
                elif size <= self.attested.get(stream, 0):
                    self._put(BACKUP, stream, range(self.proved.get(stream, 0), size))

    def _ack(self, stream: StreamId) -> None:
        """What Mars would be told now."""
        verified = self.attested.get(stream, 0)
        root = log_of(self._world.mars.signed[stream][:verified]).root()
        self._acks += 1
        trim = min(verified, self.proved.get(stream, 0))
        self._world.saw(EARTH, AckMade(stream, verified, trim, root, self._world.term, self._acks))

    def _tell(self, message: Message, out: list[Effect]) -> None:
        out.append(Send(AUDITOR, encode(message)))
