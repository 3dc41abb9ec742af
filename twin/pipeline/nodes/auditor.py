"""Earth's auditor: reads rows back, checks what their devices signed, and signs (stream, size, root).

It is its own machine with its own key. It reads only the table, the backup and the ledger, never the
gateway's memory: what a gateway sends it is a hint where to look. What it finds it tells every gateway that there may
be, for the one that asked may have been superseded. Roots come from a log of leaves that it hashed itself. It scrubs
old rows (`scrub`), and it is the witness on Earth (`earth_witness`).

A row of an epoch whose key is not known is not called wrong: the closing frame that names the key may be late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import NamedTuple

from twin.pipeline.facts import Attested, Rejected, RootMismatch
from twin.pipeline.ledger.merkle import MerkleLog, leaf_hash
from twin.pipeline.machine import (
    AttestationWritten,
    CheckpointKept,
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
    StoreSilent,
    TimerFired,
    WriteAttestation,
)
from twin.pipeline.nodes.audit import Audit
from twin.pipeline.nodes.backoff import RETRY, Backoff
from twin.pipeline.nodes.backup import BACKUP, TABLE
from twin.pipeline.nodes.earth_witness import EarthWitness, WitnessSettings
from twin.pipeline.nodes.requests import Requests
from twin.pipeline.nodes.scrub import Scrubber
from twin.pipeline.nodes.stored import NOTHING_STORED, Stored, learn_closings
from twin.pipeline.wire.frame import FrameError, peek_record
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.key_book import WRONG_SIGNATURE, KeyBook, KnownDevice
from twin.pipeline.wire.messages import (
    BackupCopied,
    BackupProved,
    CheckpointOffer,
    Closings,
    Cosigned,
    HeadMoved,
    LookAgain,
    Message,
    MessageError,
    MismatchNotice,
    RowsWrong,
    decode,
    encode,
)
from twin.pipeline.wire.signing import Signer, Verifier
from twin.pipeline.wire.signing import verifier as make_verifier

SCRUB, KEYS = "scrub", "keys"
KEY_PATIENCE_US = 600_000_000  # assumed: then a row that no known key signed is asked for again from Mars
MISSING_TRIES = 8  # a store that is slow to show what it took is asked again, for 13 s in all at 50 ms


class AuditorSettings(NamedTuple):
    """What the auditor is configured with; `read_rows_max` bounds one read, `retry_us` waits after a first refusal."""

    name: str
    gateways: tuple[str, ...]
    devices: Mapping[int, KnownDevice]
    authors: Mapping[str, Verifier]
    signer: Signer
    read_rows_max: int
    retry_us: int
    scrub_period_us: int


class Auditor:
    """The machine of the auditor."""

    def __init__(self, settings: AuditorSettings) -> None:
        s = self.settings = settings
        self.streams: dict[StreamId, Audit] = {}
        self._ids = count()
        self._reads: dict[int, ReadRows] = {}
        self._backoff = Backoff(s.retry_us)
        self._requests = Requests(self._ids, self._backoff)
        self._book = KeyBook(s.devices)
        self._named: set[StreamId] = set()
        self._scrubber = Scrubber(1 << (s.read_rows_max.bit_length() - 1), self._ids)
        own = make_verifier(s.signer.suite, s.signer.public)
        self._witness = EarthWitness(
            WitnessSettings(s.name, s.gateways, s.authors, s.signer, own), self._log_of, self._requests
        )

    @classmethod
    def recover(cls, settings: AuditorSettings, stored: Stored = NOTHING_STORED) -> Auditor:
        """Rebuild the machine from what it has signed and stored."""
        auditor = cls(settings)
        auditor._named = learn_closings(auditor._book, stored.closings)
        for state in stored.streams:
            auditor.streams[state.stream] = Audit.recover(state, auditor._scrubber.rows)
        auditor._witness.restore(stored.cosigns)
        return auditor

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        match event:
            case Received(source, data):
                self._receive(source, data, out)
            case RowsRead(request, frames):
                self._rows_read(request, frames, now_us, out)
            case AttestationWritten(request):
                self._attestation_written(request, out)
            case CheckpointKept(request):
                self._kept(request, out)
            case StoreRefused(request, _) | StoreSilent(request):
                self._refused(request, now_us, out)
            case TimerFired(name):
                self._timer(name, now_us, out)
            case Started():
                out.append(SetTimer(SCRUB, now_us + self.settings.scrub_period_us))
            case _:
                out.append(Report(Rejected(type(event).__name__, "not an event of an auditor")))
        if not self._backoff.waiting:
            out.extend(self._scrubber.step())
        return out

    def _log_of(self, stream: StreamId) -> MerkleLog | None:
        audit = self.streams.get(stream)
        return None if audit is None else audit.log

    # ------------------------------------------------------------ gateways

    def _receive(self, source: str, data: bytes, out: list[Effect]) -> None:
        try:
            message = decode(data)
        except MessageError as problem:
            out.append(Report(Rejected("datagram", str(problem))))
            return
        if source not in self.settings.gateways:
            out.append(Report(Rejected(type(message).__name__, "not from a gateway")))
            return
        match message:
            case HeadMoved(stream, size):
                self._head_moved(self._audit(stream), size, out)
            case BackupCopied(stream, size):
                self._backup_copied(self._audit(stream), size, out)
            case LookAgain(stream, indices, store):
                self._mended(stream, indices, store)
            case Closings(frames):
                named = learn_closings(self._book, frames)  # each proves itself by the key that it gives up
                self._named |= named
                for following in sorted(named):
                    self._look_again(following, out)
            case MismatchNotice(stream, _, _):
                if stream in self.streams:
                    self._scrubber.ask(TABLE, stream, self.streams[stream].log.size)
            case CheckpointOffer(raw):
                self._witness.take(raw, out)
                self._witness.cosign(out)
            case Cosigned(cosigns):
                self._witness.archive(cosigns, out)
            case _:
                out.append(Report(Rejected(type(message).__name__, "not for an auditor")))

    def _audit(self, stream: StreamId) -> Audit:
        audit = self.streams.get(stream)
        if audit is None:
            audit = self.streams[stream] = Audit(stream, self._scrubber.rows)
        return audit

    def _tell(self, message: Message, out: list[Effect]) -> None:
        data = encode(message)
        out.extend(Send(gateway, data) for gateway in self.settings.gateways)

    def _head_moved(self, audit: Audit, size: int, out: list[Effect]) -> None:
        if audit.proved is not None and size <= audit.proved.size:
            self._tell(audit.proved, out)  # it was lost, or the gateway is new
        audit.target = max(audit.target, size)
        self._read(audit, out)

    def _backup_copied(self, audit: Audit, size: int, out: list[Effect]) -> None:
        if size <= audit.backup.base:
            self._tell(BackupProved(audit.id, audit.backup.base, True), out)  # as above
        elif not audit.log.base <= size <= audit.log.size:
            self._tell(BackupProved(audit.id, size, False), out)  # no root is known at this size
        else:
            audit.backup_target = max(audit.backup_target, size)
            self._read(audit, out)

    def _mended(self, stream: StreamId, indices: Sequence[int], store: str) -> None:
        """Rows that were attested are looked at again; newer ones are read anyway."""
        audit = self.streams.get(stream)
        if audit is None:
            return
        limit = audit.log.size if store == TABLE else audit.backup.base
        rows = self._scrubber.rows
        for first in sorted({index // rows * rows for index in indices if index < limit}):
            self._scrubber.ask(store, stream, min(first + rows, limit), first)

    # ------------------------------------------------------------ reading back

    def _read(self, audit: Audit, out: list[Effect]) -> None:
        """Ask for the next rows of a stream: new ones, then the backup's."""
        if audit.reading or self._backoff.waiting:
            return
        if audit.log.size < audit.target and not audit.waits:
            store, first, end = TABLE, audit.log.size, audit.target
        elif audit.backup.size < audit.backup_target and audit.backing is None:
            store, first, end = BACKUP, audit.backup.size, audit.backup_target
        else:
            return
        audit.reading = True
        request = ReadRows(next(self._ids), store, audit.id, first, min(end, first + self.settings.read_rows_max))
        self._reads[request.id] = request
        out.append(request)

    def _rows_read(self, request_id: int, frames: tuple[bytes | None, ...], now_us: int, out: list[Effect]) -> None:
        part = self._scrubber.answered(request_id)
        if part is not None:
            self._scrubbed(part.store, self.streams[part.stream], part.first, frames, out)
            return
        request = self._reads.pop(request_id, None)
        if request is None:
            out.append(Report(Rejected("RowsRead", "an answer nobody waits for")))
            return
        audit = self.streams[request.stream]
        audit.reading = False
        if request.store == BACKUP:
            self._check_backup(audit, frames, out)
        else:
            self._check_new(audit, frames, now_us, out)
        self._read(audit, out)

    def _check_new(self, audit: Audit, frames: tuple[bytes | None, ...], now_us: int, out: list[Effect]) -> None:
        for frame in frames:
            index = audit.log.size
            if frame is None and audit.missing < MISSING_TRIES:
                audit.missing += 1
                out.extend(self._backoff.refused(now_us))
                break
            problem = "missing" if frame is None else self._problem(audit, index, frame, out)
            if frame is None or problem is not None:
                self._wrong_or_early(audit, index, problem == WRONG_SIGNATURE, now_us, out)
                break
            audit.append(frame)
        self._attest(audit, out)
        self._witness.cosign(out)

    def _wrong_or_early(self, audit: Audit, index: int, by_key: bool, now_us: int, out: list[Effect]) -> None:
        """A new row is not what it should be, or the key of its epoch is not known yet (`by_key`: it may be that)."""
        early = by_key and not audit.keyed and audit.id not in self._named
        audit.waits = early
        if early:
            if not any(other.waits for other in self.streams.values() if other is not audit):
                out.append(SetTimer(KEYS, now_us + KEY_PATIENCE_US))
        else:
            audit.target = index
        if not early or audit.impatient:
            self._tell(RowsWrong(audit.id, (index,)), out)
        audit.impatient = False

    def _problem(self, audit: Audit, index: int, frame: bytes, out: list[Effect]) -> str | None:
        """Why the bytes that stand in a row are not what its device signed, None if they are; learns keys from them."""
        record = RecordId(*audit.id, index)
        try:
            if peek_record(frame) != record:
                return "another record's frame"
            problem = self._book.problem_with(frame, record)
            if problem is not None:
                return problem
            following = self._book.learn(frame, record)
        except FrameError as error:
            return str(error)
        audit.keyed = True
        if following is not None:
            self._named.add(following)
            self._look_again(following, out)
        return None

    def _look_again(self, stream: StreamId, out: list[Effect]) -> None:
        audit = self.streams.get(stream)
        if audit is not None and audit.waits:
            audit.waits = False
            self._read(audit, out)

    def _attest(self, audit: Audit, out: list[Effect]) -> None:
        """Sign what was read, once all that is visible was read and the attestation before is stored.

        Before anything of a stream is signed, its name stands in the backup: a table that is restored knows then that
        it has lost a stream, and Mars hears of it.
        """
        size = audit.log.size
        if audit.writing is not None or not audit.attested < size or size < audit.target:
            return
        if not audit.registered:
            if audit.backing is None:
                self._write_backing(audit, MerkleLog(), out)
            return
        audit.writing = audit.statement(audit.log, self.settings.signer)
        out.append(Report(Attested(audit.id, size, audit.writing.root)))
        self._requests.ask(WriteAttestation(next(self._ids), TABLE, *audit.writing), out)

    def _attestation_written(self, request_id: int, out: list[Effect]) -> None:
        request = self._requests.answered(request_id, WriteAttestation)
        if request is None:
            out.append(Report(Rejected("AttestationWritten", "an answer nobody waits for")))
            return
        audit = self.streams[request.stream]
        if request.store == BACKUP:
            self._backed(audit, request.size, out)
            return
        audit.proved, audit.writing = audit.writing, None
        if audit.proved is not None:
            self._tell(audit.proved, out)
        self._attest(audit, out)

    # ------------------------------------------------------------ the second medium, and old rows

    def _check_backup(self, audit: Audit, frames: tuple[bytes | None, ...], out: list[Effect]) -> None:
        """Extend the backup's log; at the target its root must be that of the rows read from the table."""
        missing = None in frames
        audit.backup.extend(leaf_hash(frame) for frame in frames if frame is not None and not missing)
        size = audit.backup.size
        if not missing and size < audit.backup_target:
            return
        if not missing and audit.backup.root() == audit.log.root(size):
            self._write_backing(audit, audit.backup, out)
            return
        out.append(Report(RootMismatch(audit.id, size)))
        self._tell(BackupProved(audit.id, audit.backup_target, False), out)
        self._scrubber.ask(TABLE, audit.id, audit.backup_target, audit.backup.base)  # the copy may be true to rot
        audit.restart_backup()

    def _write_backing(self, audit: Audit, log: MerkleLog, out: list[Effect]) -> None:
        audit.backing = audit.statement(log, self.settings.signer)
        self._requests.ask(WriteAttestation(next(self._ids), BACKUP, *audit.backing), out)

    def _backed(self, audit: Audit, size: int, out: list[Effect]) -> None:
        audit.backing = None
        audit.registered = True
        if size:
            audit.backup.trim(size)
            self._tell(BackupProved(audit.id, size, True), out)
            self._forget_leaves(audit)
        self._attest(audit, out)
        self._read(audit, out)

    def _scrubbed(
        self, store: str, audit: Audit, first: int, frames: tuple[bytes | None, ...], out: list[Effect]
    ) -> None:
        wrong = audit.ranges.examine(
            first, frames, lambda index, frame: self._problem(audit, index, frame, out) is None
        )
        unreadable = not audit.keyed and audit.id not in self._named and None not in frames
        if wrong and not unreadable:
            self._tell(RowsWrong(audit.id, tuple(wrong), store), out)

    def _begin_scrub(self) -> None:
        """Every row below what was attested and backed up."""
        if not self._scrubber.idle:
            return
        for audit in self.streams.values():
            self._scrubber.ask(TABLE, audit.id, audit.log.size)
            self._scrubber.ask(BACKUP, audit.id, audit.backup.base)

    def _kept(self, request: int, out: list[Effect]) -> None:
        if not self._witness.kept(request, out):
            out.append(Report(Rejected("CheckpointKept", "an answer nobody waits for")))
            return
        for audit in self.streams.values():
            self._forget_leaves(audit)

    def _forget_leaves(self, audit: Audit) -> None:
        """Leaves are needed for the backup's next root and for the next checkpoint's heads."""
        audit.log.trim(min(audit.backup.base, self._witness.cosigned(audit.id)))

    # ------------------------------------------------------------ refusals and timers

    def _refused(self, request: int, now_us: int, out: list[Effect]) -> None:
        if request in self._reads:
            self.streams[self._reads.pop(request).stream].reading = False
        elif not self._requests.refused(request) and not self._scrubber.refused(request):
            out.append(Report(Rejected("StoreRefused", "of a request nobody waits for")))
            return
        out.extend(self._backoff.refused(now_us))

    def _timer(self, name: str, now_us: int, out: list[Effect]) -> None:
        if name == RETRY:
            self._backoff.over()
            self._requests.again(out)
        elif name == SCRUB:
            out.append(SetTimer(SCRUB, now_us + self.settings.scrub_period_us))
            self._begin_scrub()
        elif name == KEYS:
            for audit in self.streams.values():
                audit.impatient, audit.waits = audit.impatient or audit.waits, False
        for audit in self.streams.values():
            self._read(audit, out)
