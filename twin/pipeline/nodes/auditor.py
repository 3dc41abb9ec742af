"""Earth's auditor: reads rows back, checks what their devices signed, and signs (stream, size, root). Its own machine, its own key.

It reads only the table, the backup and the ledger, never the gateway's memory: what the gateway sends it is a hint where to look. Roots come
from a log of leaves that it hashed itself. It also is the witness on Earth: it cosigns an edge's checkpoint once the rows below every head stand in
the table and hash to that head's root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

from twin.pipeline.facts import Attested, HeadCosigned, Rejected, RootMismatch
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
    SetTimer,
    Started,
    StoreRefused,
    TimerFired,
    WriteAttestation,
)
from twin.pipeline.nodes.edge import KnownDevice
from twin.pipeline.wire.frame import FrameError, peek_record, verify_frame
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import (
    Attestation,
    BackupCopied,
    BackupProved,
    Checkpoint,
    CheckpointOffer,
    Cosign,
    HeadMoved,
    MessageError,
    MismatchNotice,
    RowsWrong,
    audit_part,
    decode,
    encode,
    signed_part,
)
from twin.pipeline.wire.signing import Signer, Verifier

RETRY = "retry"
TABLE, BACKUP = "table", "backup"


class AuditorSettings(NamedTuple):
    """What the auditor is configured with; `read_rows_max` bounds one read, `retry_us` is the wait after a refusal."""

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
    """One stream: `log` of leaves read back, `backup` likewise from the backup, and what is to be read next."""

    __slots__ = ("attested", "backup", "backup_target", "cosigned", "id", "log", "reading", "recheck", "target")

    def __init__(self, stream: StreamId) -> None:
        self.id = stream
        self.log = MerkleLog()
        self.backup = MerkleLog()
        self.target = 0
        self.backup_target = 0
        self.attested = 0
        self.cosigned = 0
        self.recheck: int | None = None
        self.reading = False


class Auditor:
    """The machine of the auditor."""

    def __init__(self, settings: AuditorSettings) -> None:
        self.settings = settings
        self.streams: dict[StreamId, _Audit] = {}
        self._ids = count()
        self._requests: dict[int, ReadRows] = {}
        self._writing: dict[int, Attestation] = {}
        self._refused_writes: list[WriteAttestation] = []
        self._writes: dict[int, WriteAttestation] = {}
        self._checkpoints: dict[str, tuple[Checkpoint, bytes]] = {}
        self._cosigned: dict[str, int] = {}

    @classmethod
    def recover(cls, settings: AuditorSettings, durable: tuple[ProvedStream, ...] = ()) -> Auditor:
        """Rebuild the machine from the attestations that stand beside the heads."""
        auditor = cls(settings)
        for state in durable:
            audit = auditor._audit(state.attestation.stream)
            audit.log = MerkleLog(state.attestation.size, state.attestation.frontier)
            audit.backup = MerkleLog(state.backed, state.backed_frontier)
            audit.target = audit.attested = state.attestation.size
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
                self._writes.pop(request)
                out.append(Send(self.settings.gateway, encode(self._writing.pop(request))))
            case StoreRefused(request, _):
                self._refused(request, now_us, out)
            case TimerFired():
                self._again(out)
            case Started():
                pass  # it acts when the gateway says where to look
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of an auditor")))
        return out

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
                audit = self._audit(stream)
                audit.target = max(audit.target, size)
                self._read(audit, out)
            case BackupCopied(stream, size):
                audit = self._audit(stream)
                audit.backup_target = max(audit.backup_target, min(size, audit.log.size))
                self._read(audit, out)
            case MismatchNotice(stream, _, _):
                audit = self._audit(stream)
                audit.recheck = audit.log.base
                self._read(audit, out)
            case CheckpointOffer(raw):
                self._checkpoint(raw, out)
            case _:
                out.append(Report(Rejected(type(message).__name__, "not for an auditor")))

    # ------------------------------------------------------------ reading back

    def _read(self, audit: _Audit, out: list[Effect]) -> None:
        """Ask for the next rows of a stream: what was read before and is doubted, new rows, then the backup's."""
        if audit.reading:
            return
        if audit.recheck is not None and audit.recheck < audit.log.size:
            store, first, end = TABLE, audit.recheck, audit.log.size
        elif audit.log.size < audit.target:
            store, first, end = TABLE, audit.log.size, audit.target
        elif audit.backup.size < audit.backup_target:
            store, first, end = BACKUP, audit.backup.size, audit.backup_target
        else:
            return
        audit.reading = True
        request = ReadRows(next(self._ids), store, audit.id, first, min(end, first + self.settings.read_rows_max))
        self._requests[request.id] = request
        out.append(request)

    def _rows_read(self, request_id: int, frames: tuple[bytes | None, ...], out: list[Effect]) -> None:
        request = self._requests.pop(request_id)
        audit = self.streams[request.stream]
        audit.reading = False
        if request.store == BACKUP:
            self._check_backup(audit, frames, out)
        elif audit.recheck is not None:
            self._check_again(audit, frames, out)
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
        if audit.log.size > audit.attested and audit.log.size >= audit.target:
            self._attest(audit, out)

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
        size = audit.log.size
        frontier = tuple(audit.log.frontier())
        root = root_of_frontier(frontier, size)
        signature = self.settings.signer.sign(audit_part(audit.id, size, root))
        audit.attested = size
        request = WriteAttestation(next(self._ids), audit.id, size, root, frontier, signature)
        self._writes[request.id] = request
        self._writing[request.id] = Attestation(audit.id, size, root, frontier, signature)
        out.append(Report(Attested(audit.id, size, root)))
        out.append(request)
        self._try_cosign(out)

    def _check_again(self, audit: _Audit, frames: tuple[bytes | None, ...], out: list[Effect]) -> None:
        """Rows below the head against the leaves hashed when they were first read."""
        first = audit.recheck or 0
        wrong = tuple(
            index
            for index, frame in enumerate(frames, start=first)
            if index >= audit.log.base and (frame is None or leaf_hash(frame) != audit.log.leaf(index))
        )
        if wrong:
            out.append(Send(self.settings.gateway, encode(RowsWrong(audit.id, wrong))))
        after = first + len(frames)
        audit.recheck = after if after < audit.log.size and not wrong else None

    def _check_backup(self, audit: _Audit, frames: tuple[bytes | None, ...], out: list[Effect]) -> None:
        for frame in frames:
            if frame is None:
                break
            audit.backup.append(leaf_hash(frame))
        size = audit.backup.size
        whole = size >= audit.backup_target
        if whole and audit.backup.root() == audit.log.root(size):
            audit.backup.trim(size)
            out.append(Send(self.settings.gateway, encode(BackupProved(audit.id, size, True))))
            self._forget_leaves(audit)
        elif whole or None in frames:
            out.append(Report(RootMismatch(audit.id, size)))
            out.append(Send(self.settings.gateway, encode(BackupProved(audit.id, size, False))))
            audit.backup = MerkleLog(audit.backup.base, tuple(audit.backup.frontier(audit.backup.base)))
            audit.backup_target = audit.backup.base

    def _forget_leaves(self, audit: _Audit) -> None:
        """Leaves are needed for the backup's root and for the next checkpoint's heads."""
        floor = min(audit.backup.size, audit.cosigned)
        if floor > audit.log.base:
            audit.log.trim(floor)

    # ------------------------------------------------------------ witness on Earth

    def _checkpoint(self, raw: bytes, out: list[Effect]) -> None:
        try:
            checkpoint = decode(raw)
        except MessageError as problem:
            out.append(Report(Rejected("checkpoint", str(problem))))
            return
        author = self.settings.authors.get(checkpoint.author) if isinstance(checkpoint, Checkpoint) else None
        if author is None or not isinstance(checkpoint, Checkpoint):
            out.append(Report(Rejected("checkpoint", "author unknown")))
        elif not author.verify(signed_part(checkpoint), checkpoint.signature):
            out.append(Report(Rejected("checkpoint", "signature")))
        elif checkpoint.counter > self._cosigned.get(checkpoint.author, -1):
            held = self._checkpoints.get(checkpoint.author)
            if held is None or checkpoint.counter > held[0].counter:
                self._checkpoints[checkpoint.author] = (checkpoint, raw)
            self._try_cosign(out)

    def _try_cosign(self, out: list[Effect]) -> None:
        """Cosign each held checkpoint whose rows have all been read back."""
        for author, (checkpoint, raw) in sorted(self._checkpoints.items()):
            audits = [self.streams.get(head.stream) for head in checkpoint.heads]
            if any(a is None or a.log.size < h.size for a, h in zip(audits, checkpoint.heads, strict=True)):
                continue
            del self._checkpoints[author]
            if any(head.size < self.streams[head.stream].log.base for head in checkpoint.heads):
                continue  # older than what is still remembered here; a newer one will come
            for head in checkpoint.heads:
                if self.streams[head.stream].log.root(head.size) != head.root:
                    out.append(Report(RootMismatch(head.stream, head.size)))
                    break
            else:
                self._cosign(checkpoint, raw, out)

    def _cosign(self, checkpoint: Checkpoint, raw: bytes, out: list[Effect]) -> None:
        self._cosigned[checkpoint.author] = checkpoint.counter
        for head in checkpoint.heads:
            audit = self.streams[head.stream]
            audit.cosigned = head.size
            out.append(Report(HeadCosigned(checkpoint.author, head.stream, head.size, head.root)))
            self._forget_leaves(audit)
        sizes = tuple((head.stream, head.size) for head in checkpoint.heads)
        digest = hashlib.sha256(raw).digest()
        unsigned = Cosign(checkpoint.author, checkpoint.counter, self.settings.name, digest, sizes)
        signature = self.settings.signer.sign(signed_part(unsigned))
        out.append(Send(self.settings.gateway, encode(unsigned._replace(signature=signature))))

    # ------------------------------------------------------------ refusals

    def _refused(self, request: int, now_us: int, out: list[Effect]) -> None:
        if request in self._requests:
            self.streams[self._requests.pop(request).stream].reading = False
        elif request in self._writes:
            self._refused_writes.append(self._writes[request])
        out.append(SetTimer(RETRY, now_us + self.settings.retry_us))

    def _again(self, out: list[Effect]) -> None:
        out.extend(self._refused_writes)
        self._refused_writes.clear()
        for audit in self.streams.values():
            self._read(audit, out)
