"""One gateway over both stores; Mars, the flight surgeon and the auditor are stand-ins."""

from __future__ import annotations

from typing import Any

from earth_world import GHOST, NEVER_US, EarthWorld
from pipeline_parts import AUDITOR, EARTH, S, log_of, signer

from twin.pipeline.facts import Attested
from twin.pipeline.ledger.merkle import MerkleLog
from twin.pipeline.machine import Effect, Received, Report, Send, SetTimer, Started, TimerFired, WriteAttestation
from twin.pipeline.nodes.auditor import SCRUB
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import (
    Attestation,
    BackupCopied,
    BackupProved,
    HeadMoved,
    LookAgain,
    Message,
    RowsWrong,
    audit_part,
    decode,
    encode,
)

SCRUB_US = 6 * 3_600 * S
TABLE, BACKUP = "table", "backup"


class GatewayAlone(EarthWorld):
    """`EarthWorld` whose auditor needs no time and does not fail."""

    nodes = (EARTH, GHOST)

    def start_auditor(self) -> None:
        self.start(AUDITOR, AuditorForGateway(self))

    def restart(self, node: str) -> None:
        if node == EARTH:
            self.start_gateway()


class AuditorForGateway:
    """Reads the stores at once when it is told to, and all of them now and then."""

    def __init__(self, world: EarthWorld) -> None:
        self._world = world

    def handle(self, event: Any, now_us: int) -> list[Effect]:
        """Take one event."""
        out: list[Effect] = []
        if isinstance(event, Started | TimerFired):
            out.append(SetTimer(SCRUB, now_us + SCRUB_US))
            self._scrub(out)
        elif isinstance(event, Received):
            self._hear(decode(event.data), out)
        return out

    def _hear(self, message: Message, out: list[Effect]) -> None:
        match message:
            case HeadMoved(stream, size):
                wrong = self._wrong(TABLE, stream, range(size))
                if wrong:
                    self._tell(RowsWrong(stream, wrong[:1]), out)
                else:
                    self._attest(stream, size, out)
            case BackupCopied(stream, size):
                attested = self._world.table.attestations().get(stream)
                known = attested is not None and size <= attested.size
                proved = known and not self._wrong(BACKUP, stream, range(size))
                if proved:
                    self._state(BACKUP, self._statement(stream, size))
                self._tell(BackupProved(stream, size, proved), out)
            case LookAgain(stream, indices, store):
                self._look(store, stream, indices, out)

    def _attest(self, stream: StreamId, size: int, out: list[Effect]) -> None:
        if stream not in self._world.backup.attestations():  # its name is to outlive the table
            self._state(BACKUP, self._statement(stream, 0))
        statement = self._statement(stream, size)
        out.append(Report(Attested(stream, size, statement.root)))
        self._state(TABLE, statement)
        self._tell(statement, out)

    def _scrub(self, out: list[Effect]) -> None:
        for store, medium in ((TABLE, self._world.table), (BACKUP, self._world.backup)):
            for stream, statement in medium.attestations().items():
                self._look(store, stream, range(statement.size), out)

    def _look(self, store: str, stream: StreamId, indices: Any, out: list[Effect]) -> None:
        wrong = self._wrong(store, stream, indices)
        if wrong:
            self._tell(RowsWrong(stream, wrong, store), out)

    def _wrong(self, store: str, stream: StreamId, indices: Any) -> tuple[int, ...]:
        medium = self._world.backup if store == BACKUP else self._world.table
        signed = self._world.mars.signed[stream]
        rows = medium.rows(stream, 0, len(signed), NEVER_US)
        return tuple(index for index in indices if rows[index] != signed[index])

    def _statement(self, stream: StreamId, size: int) -> Attestation:
        log: MerkleLog = log_of(self._world.mars.signed[stream][:size])
        signature = signer(AUDITOR).sign(audit_part(stream, size, log.root()))
        return Attestation(stream, size, log.root(), tuple(log.frontier()), signature)

    def _state(self, store: str, statement: Attestation) -> None:
        self._world.carry_out_request(WriteAttestation(0, store, *statement))

    def _tell(self, message: Message, out: list[Effect]) -> None:
        out.extend(Send(gateway, encode(message)) for gateway in (EARTH, GHOST))
