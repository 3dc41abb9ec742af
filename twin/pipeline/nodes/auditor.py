"""Earth's auditor: reads rows back, checks what their devices signed, and signs (stream, size, root).

It is its own machine with its own key. It reads only the table, the backup and the ledger, never the
gateway's memory: what the gateway sends it is a hint where to look. Roots come from a log of leaves that it
hashed itself. It is also the witness on Earth (`earth_witness`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

from twin.pipeline.facts import Attested, Rejected, RootMismatch
from twin.pipeline.ledger.merkle import MerkleLog, leaf_hash, root_of_frontier
from twin.pipeline.machine import (
    AttestationWritten,
    Effect,
    Event,
    ReadRows,
    Received,
    Report,
    RowsRead,
    Send,
    Started,
    StoreRefused,
    TimerFired,
    WriteAttestation,
)
from twin.pipeline.nodes.backoff import RETRY, Backoff
from twin.pipeline.nodes.backup import BACKUP, TABLE
from twin.pipeline.nodes.earth_witness import EarthWitness, WitnessSettings
from twin.pipeline.wire.frame import FrameError, peek_record, verify_frame
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.key_book import KnownDevice
from twin.pipeline.wire.messages import (
    Attestation,
    BackupCopied,
    BackupProved,
    CheckpointOffer,
    HeadMoved,
    MessageError,
    MismatchNotice,
    RowsWrong,
    audit_part,
    decode,
    encode,
)
from twin.pipeline.wire.signing import Signer, Verifier


class AuditorSettings(NamedTuple):
    """What the auditor is configured with; `read_rows_max` bounds one read, `retry_us` waits after a first refusal."""

    name: str
    gateway: str
    devices: Mapping[int, KnownDevice]
    authors: Mapping[str, Verifier]
    signer: Signer
    read_rows_max: int
    retry_us: int


class ProvedStream(NamedTuple):
    """What stands beside a stream's head: the last attestation, and how far the backup was proved."""

    attestation: Attestation
    backed: int
    backed_frontier: tuple[bytes, ...]


class _Audit:
    """One stream: `log` of leaves read back, `backup` likewise from the backup, and what is to be read next.

    `proved` is the newest attestation that stands in the store; `writing` the one on its way there, at most
    one, so that an older one never overwrites a newer one. `backup.base` is how far the backup was proved.
    `recheck` is the next doubted row.
    """

    __slots__ = ("backup", "backup_target", "id", "log", "proved", "reading", "recheck", "target", "writing")

    def __init__(self, stream: StreamId) -> None:
        self.id = stream
        self.log = MerkleLog()
        self.backup = MerkleLog()
        self.target = 0
        self.backup_target = 0
        self.recheck: int | None = None
        self.reading = False
        self.proved: Attestation | None = None
        self.writing: Attestation | None = None

    @property
    def attested(self) -> int:
        """Rows that this auditor has signed for, stored or not."""
        newest = self.writing or self.proved
        return 0 if newest is None else newest.size


class Auditor:
    """The machine of the auditor."""

    def __init__(self, settings: AuditorSettings) -> None:
        self.settings = settings
        self.streams: dict[StreamId, _Audit] = {}
        self._ids = count()
        self._reads: dict[int, ReadRows] = {}
        self._writes: dict[int, WriteAttestation] = {}
        self._refused_writes: list[WriteAttestation] = []
        self._backoff = Backoff(settings.retry_us)
        witness = WitnessSettings(settings.name, settings.gateway, settings.authors, settings.signer)
        self._witness = EarthWitness(witness, self._log_of)

    @classmethod
    def recover(cls, settings: AuditorSettings, durable: tuple[ProvedStream, ...] = ()) -> Auditor:
        """Rebuild the machine from the attestations that stand beside the heads."""
        auditor = cls(settings)
        for state in durable:
            audit = auditor._audit(state.attestation.stream)
            audit.log = MerkleLog(state.attestation.size, state.attestation.frontier)
            audit.backup = MerkleLog(state.backed, state.backed_frontier)
            audit.proved = state.attestation
            audit.target = state.attestation.size
            audit.backup_target = state.backed
        return auditor

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        match event:
            case Received(source, data):
                self._receive(source, data, out)
            case RowsRead(request, frames):
                self._rows_read(request, frames, out)
            case AttestationWritten(request):
                self._attestation_written(request, out)
            case StoreRefused(request, _):
                self._refused(request, now_us, out)
            case TimerFired(name) if name == RETRY:
                self._again(out)
            case Started():
                pass  # it acts when the gateway says where to look
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of an auditor")))
        return out

    def _log_of(self, stream: StreamId) -> MerkleLog | None:
        audit = self.streams.get(stream)
        return None if audit is None else audit.log

    def _audit(self, stream: StreamId) -> _Audit:
        audit = self.streams.get(stream)
        if audit is None:
            audit = self.streams[stream] = _Audit(stream)
        return audit

    def _receive(self, source: str, data: bytes, out: list[Effect]) -> None:
        try:
            message = decode(data)
        except MessageError as problem:
            out.append(Report(Rejected("datagram", str(problem))))
            return
        if source != self.settings.gateway:
            out.append(Report(Rejected(type(message).__name__, "not from the gateway")))
            return
        match message:
            case HeadMoved(stream, size):
                self._head_moved(self._audit(stream), size, out)
            case BackupCopied(stream, size):
                self._backup_copied(self._audit(stream), size, out)
            case MismatchNotice(stream, _, _):
                doubted = self.streams.get(stream)
                if doubted is not None and doubted.recheck is None:
                    doubted.recheck = doubted.log.base
                    self._read(doubted, out)
            case CheckpointOffer(raw):
                self._witness.take(raw, out)
                self._cosign(out)
            case _:
                out.append(Report(Rejected(type(message).__name__, "not for an auditor")))

    def _head_moved(self, audit: _Audit, size: int, out: list[Effect]) -> None:
        if audit.proved is not None and size <= audit.proved.size:
            out.append(Send(self.settings.gateway, encode(audit.proved)))  # it was lost, or the gateway is new
        audit.target = max(audit.target, size)
        self._read(audit, out)

    def _backup_copied(self, audit: _Audit, size: int, out: list[Effect]) -> None:
        if size <= audit.backup.base:
            self._say_backup(audit, audit.backup.base, True, out)  # it was lost, or the gateway is new
        elif not audit.log.base <= size <= audit.log.size:
            self._say_backup(audit, size, False, out)  # no root is known at this size
        else:
            audit.backup_target = max(audit.backup_target, size)
            self._read(audit, out)

    def _say_backup(self, audit: _Audit, size: int, ok: bool, out: list[Effect]) -> None:
        out.append(Send(self.settings.gateway, encode(BackupProved(audit.id, size, ok))))

    # ------------------------------------------------------------ reading back

    def _read(self, audit: _Audit, out: list[Effect]) -> None:
        """Ask for the next rows of a stream: what was read before and is doubted, new rows, then the backup's."""
        if audit.reading or self._backoff.waiting:
            return
        if audit.recheck is not None:
            store, first, end = TABLE, audit.recheck, audit.log.size
        elif audit.log.size < audit.target:
            store, first, end = TABLE, audit.log.size, audit.target
        elif audit.backup.size < audit.backup_target:
            store, first, end = BACKUP, audit.backup.size, audit.backup_target
        else:
            return
        if first >= end:
            audit.recheck = None
            self._read(audit, out)
            return
        audit.reading = True
        request = ReadRows(next(self._ids), store, audit.id, first, min(end, first + self.settings.read_rows_max))
        self._reads[request.id] = request
        out.append(request)

    def _rows_read(self, request_id: int, frames: tuple[bytes | None, ...], out: list[Effect]) -> None:
        request = self._reads.pop(request_id, None)
        if request is None:
            out.append(Report(Rejected("RowsRead", "an answer nobody waits for")))
            return
        audit = self.streams[request.stream]
        audit.reading = False
        if request.store == BACKUP:
            self._check_backup(audit, frames, out)
        elif request.first < audit.log.size:
            self._check_again(audit, request.first, frames, out)
        else:
            self._check_new(audit, frames, out)
        self._read(audit, out)

    def _check_new(self, audit: _Audit, frames: tuple[bytes | None, ...], out: list[Effect]) -> None:
        for frame in frames:
            if not self._is_signed_row(audit, audit.log.size, frame):
                audit.target = audit.log.size
                out.append(Send(self.settings.gateway, encode(RowsWrong(audit.id, (audit.log.size,)))))
                break
            audit.log.append(leaf_hash(frame or b""))
        self._attest(audit, out)
        self._cosign(out)

    def _is_signed_row(self, audit: _Audit, index: int, frame: bytes | None) -> bool:
        """Whether a row stands there, names this very record, and carries its device's signature."""
        device = self.settings.devices.get(audit.id.device)
        if frame is None or device is None:
            return False
        try:
            record = peek_record(frame)
        except FrameError:
            return False  # not a frame: as wrong as any other bytes, and reported by the caller
        return record == RecordId(*audit.id, index) and verify_frame(frame, device.verifier, device.signature_bytes)

    def _attest(self, audit: _Audit, out: list[Effect]) -> None:
        """Sign what was read, once all that is visible was read and the attestation before is stored."""
        size = audit.log.size
        if audit.writing is not None or self._backoff.waiting or not audit.attested < size >= audit.target:
            return
        frontier = tuple(audit.log.frontier())
        root = root_of_frontier(frontier, size)
        signature = self.settings.signer.sign(audit_part(audit.id, size, root))
        audit.writing = Attestation(audit.id, size, root, frontier, signature)
        request = WriteAttestation(next(self._ids), audit.id, size, root, frontier, signature)
        self._writes[request.id] = request
        out.append(Report(Attested(audit.id, size, root)))
        out.append(request)

    def _attestation_written(self, request_id: int, out: list[Effect]) -> None:
        request = self._writes.pop(request_id, None)
        if request is None:
            out.append(Report(Rejected("AttestationWritten", "an answer nobody waits for")))
            return
        self._backoff.served()
        audit = self.streams[request.stream]
        audit.proved, audit.writing = audit.writing, None
        if audit.proved is not None:
            out.append(Send(self.settings.gateway, encode(audit.proved)))
        self._attest(audit, out)

    def _check_again(self, audit: _Audit, first: int, frames: tuple[bytes | None, ...], out: list[Effect]) -> None:
        """Rows below the head against the leaves hashed when they were first read."""
        wrong = tuple(
            index
            for index, frame in enumerate(frames, start=first)
            if index >= audit.log.base and (frame is None or leaf_hash(frame) != audit.log.leaf(index))
        )
        if wrong:
            out.append(Send(self.settings.gateway, encode(RowsWrong(audit.id, wrong))))
        after = first + len(frames)
        audit.recheck = after if after < audit.log.size else None

    def _check_backup(self, audit: _Audit, frames: tuple[bytes | None, ...], out: list[Effect]) -> None:
        """Extend the backup's log; at the target its root must be that of the rows read from the table."""
        missing = None in frames
        audit.backup.extend(leaf_hash(frame) for frame in frames if frame is not None and not missing)
        size = audit.backup.size
        if not missing and size < audit.backup_target:
            return
        if not missing and audit.backup.root() == audit.log.root(size):
            audit.backup.trim(size)
            self._say_backup(audit, size, True, out)
            self._forget_leaves(audit)
            return
        out.append(Report(RootMismatch(audit.id, size)))
        self._say_backup(audit, audit.backup_target, False, out)
        proved = audit.backup.base
        audit.backup = MerkleLog(proved, audit.backup.frontier(proved))
        audit.backup_target = proved

    def _cosign(self, out: list[Effect]) -> None:
        if self._witness.cosign(out):
            for audit in self.streams.values():
                self._forget_leaves(audit)

    def _forget_leaves(self, audit: _Audit) -> None:
        """Leaves are needed for the backup's next root and for the next checkpoint's heads."""
        audit.log.trim(min(audit.backup.base, self._witness.cosigned(audit.id)))

    # ------------------------------------------------------------ refusals

    def _refused(self, request: int, now_us: int, out: list[Effect]) -> None:
        if request in self._reads:
            self.streams[self._reads.pop(request).stream].reading = False
        elif request in self._writes:
            self._refused_writes.append(self._writes[request])
        out.extend(self._backoff.refused(now_us))

    def _again(self, out: list[Effect]) -> None:
        self._backoff.over()
        out.extend(self._refused_writes)
        self._refused_writes.clear()
        for audit in self.streams.values():
            self._attest(audit, out)
            self._read(audit, out)
