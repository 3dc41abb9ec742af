"""Machines and stores of Earth with a planted bug, and a world that does not say what happened in it.

Numbers are those of the project's list of planted bugs; `planted` says which guarantee must see what.
"""

from __future__ import annotations

import hashlib
from typing import Any

from in_clear import in_clear

from twin.experiments.earth_site import EarthSite
from twin.experiments.power_cycles import PowerCycles
from twin.hosts.models.earth_medium import Medium
from twin.hosts.models.hops import HopAccount
from twin.hosts.models.table import Table
from twin.pipeline.facts import Attested
from twin.pipeline.machine import (
    AlertPut,
    Effect,
    Event,
    PutAlert,
    ReadRows,
    Report,
    RowsWritten,
    Send,
    StoreRefused,
    StoreSilent,
    TellSurgeon,
    WriteAttestation,
    WriteHead,
    WriteRows,
)
from twin.pipeline.nodes.ack_maker import AckMaker
from twin.pipeline.nodes.auditor import Auditor
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.nodes.head_mover import HeadMover
from twin.pipeline.nodes.intake import Arrived
from twin.pipeline.nodes.row_writer import Row
from twin.pipeline.nodes.stream_on_earth import StreamOnEarth
from twin.pipeline.transport.protector import Protector
from twin.pipeline.wire.frame import FrameError, peek_record
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.messages import RowsWrong, audit_part, decode
from twin.trace import HopDelivered

# ---------------------------------------------------------------- rows


class KnowsRowsByDevice(Gateway):
    """Bug 3: a frame is a repeat if any epoch of its device holds its index."""

    def _frame(self, edge: str, frame: bytes, now_us: int, out: list[Effect]) -> None:
        try:
            record = peek_record(frame)
        except FrameError:
            return
        others = [s for s in self.streams.values() if s.id.device == record.device and s.id != record.stream]
        if not any(other.holds(record.index) for other in others):
            super()._frame(edge, frame, now_us, out)


def key_without_epoch(stream: Any) -> tuple[str, str]:
    """Bug 3 in the table: a row's key is device and index."""
    return f"{stream[0]:016x}", f"{0:016x}"


class CountsRows(StreamOnEarth):
    """Bug 5: rows are taken for in order as they come, so what is sent again later stands in front."""

    def store(self, index: int) -> None:
        self.queued.discard(index)
        self.rotten.discard(index)
        self.stored += 1


class DropsUnprocessed(Gateway):
    """Bug 10: what the store left out is not asked for again."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, RowsWritten) and event.id in self._rows.under_way:
            left = set(event.unprocessed)
            self._rows.under_way[event.id] = tuple(row for row in self._rows.under_way[event.id] if row[0] not in left)
            event = event._replace(unprocessed=())
        elif isinstance(event, StoreRefused) and event.id in self._rows.under_way:
            self._rows.under_way[event.id] = ()
            event = RowsWritten(event.id, ())
        return super().handle(event, now_us)


class CountsUnprocessedAsStored(Gateway):
    """Bug 11: the store's `unprocessed` is not looked at."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, RowsWritten):
            event = event._replace(unprocessed=())
        elif isinstance(event, StoreRefused) and event.id in self._rows.under_way:
            event = RowsWritten(event.id, ())
        return super().handle(event, now_us)


class SwallowsDuplicateKeys(Gateway):
    """Bug 23: a row's first repeat is queued too, and a batch that the store refuses for two equal keys counts as
    done.
    """

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._repeated: set[RecordId] = set()

    def _frame(self, edge: str, frame: bytes, now_us: int, out: list[Effect]) -> None:
        found = self._intake.judge(edge, frame)
        super()._frame(edge, frame, now_us, out)
        if isinstance(found, Arrived) and found.repeated and found.record not in self._repeated:
            self._repeated.add(found.record)
            if found.record.index in self.streams[found.record.stream].queued:
                self._rows.add(found.record, frame)

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        for effect in tuple(out):
            if isinstance(effect, WriteRows) and len({key for key, _ in effect.rows}) < len(effect.rows):
                out.remove(effect)
                del self._rows.under_way[effect.id]
        return out


class RetriesUnderANewKey(Gateway):
    """Bug 24: a batch whose answer did not come is written again under other keys."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, StoreSilent) and event.id in self._rows.under_way:
            batch = self._rows.under_way[event.id]
            self._rows.under_way[event.id] = tuple(
                (key._replace(index=key.index + 1_000), frame) for key, frame in batch
            )
        return super().handle(event, now_us)


_sound_gaps = StreamOnEarth.gaps


def cuts_gaps(self: StreamOnEarth, most: int) -> tuple[Any, int]:
    """Bug 13: the ack names one gap at most, and says that its list is complete as far as ever."""
    gaps, complete_to = _sound_gaps(self, most)
    return gaps[:1], complete_to


class LosesEveryFifth(Gateway):
    """Rows are left out of batches, whatever the store says."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        for position, effect in enumerate(out):
            if isinstance(effect, WriteRows) and effect.id in self._rows.under_way:
                out[position] = effect._replace(rows=self._written(effect.rows))
        return out

    def _written(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        return tuple(row for row in rows if row[0].index % 5 != 4)


class FlipsABit(LosesEveryFifth):
    """No row is left out, but one is written with a flipped bit, after its signature was checked."""

    def _written(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        return tuple((key, frame[:-1] + bytes((frame[-1] ^ (key.index == 7),))) for key, frame in rows)


# ---------------------------------------------------------------- heads and acks


_sound_move = HeadMover.move


def shows_too_much(self: HeadMover, stream: StreamOnEarth, out: list[Effect]) -> None:
    """The head is moved past the rows that are stored."""
    _sound_move(self, stream, out)
    if out and isinstance(out[-1], WriteHead):
        out[-1] = out[-1]._replace(size=out[-1].size + 1)


def holds_heads_back(self: HeadMover, stream: StreamOnEarth, out: list[Effect]) -> None:
    """Heads move only by many rows: rows are safe and nobody sees them."""
    if stream.stored >= stream.visible + 25:
        _sound_move(self, stream, out)


_sound_ack = AckMaker.make


def acks_what_is_stored(self: AckMaker, stream_id: StreamId, now_us: int, out: list[Effect]) -> bytes | None:
    """Earth acks what it has written, not what the auditor has read back."""
    stream = self._streams[stream_id]
    proved = stream.attestation
    if proved is not None:
        stream.attestation = proved._replace(size=proved.size + 2)
    ack = _sound_ack(self, stream_id, now_us, out)
    stream.attestation = proved
    return ack


def lets_trim_what_is_verified(self: AckMaker, stream_id: StreamId, now_us: int, out: list[Effect]) -> bytes | None:
    """Bug 20 on Earth: the ack allows to delete what is verified, before it is in the backup."""
    stream = self._streams[stream_id]
    trim, stream.trim = stream.trim, stream.verified
    ack = _sound_ack(self, stream_id, now_us, out)
    stream.trim = trim
    return ack


class FallsSilent(Auditor):
    """The auditor stops reading after a while."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        if sum(audit.log.size for audit in self.streams.values()) > 50:
            out = [effect for effect in out if not isinstance(effect, ReadRows)]
        return out


class SignsAWrongRoot(Auditor):
    """From some size on the auditor signs a root that is not that of the rows."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        for position, effect in enumerate(out):
            if isinstance(effect, WriteAttestation) and effect.store == "table" and effect.size > 15:
                root = hashlib.sha256(effect.root).digest()
                signature = self.settings.signer.sign(audit_part(effect.stream, effect.size, root))
                out[position] = effect._replace(root=root, signature=signature)
                audit = self.streams[effect.stream]
                if audit.writing is not None:
                    audit.writing = audit.writing._replace(root=root, signature=signature)
            elif isinstance(effect, Report) and isinstance(effect.fact, Attested) and effect.fact.size > 15:
                out[position] = Report(effect.fact._replace(root=hashlib.sha256(effect.fact.root).digest()))
        return out


class LeavesRotAlone(Auditor):
    """A row that a scrub found wrong is not reported."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        return [e for e in out if not (isinstance(e, Send) and isinstance(decode(e.data), RowsWrong))]


_sound_put_head = Medium.put_head


def fences_nobody(self: Medium, head: WriteHead) -> bool:
    """Bug 25: the head is put whatever term stands there, and so a stale leader's comes on top."""
    self.db.execute("UPDATE leader SET term = 0")
    return _sound_put_head(self, head)


_sound_restore = EarthSite.restore


def restores_the_old_term(self: EarthSite, power: PowerCycles, down_us: int) -> None:
    """A restored table is given no term of its own, nor is its next leader."""
    _sound_restore(self, power, down_us)
    self._term = 0
    self.table.medium.db.execute("UPDATE leader SET term = 0")


_sound_versions = Table.versions


def reads_a_replica(self: Table) -> Any:
    """Every third look at the heads goes to a replica that is behind."""
    seen = self.__dict__.setdefault("_seen_before", [])
    seen.append(_sound_versions(self))
    return seen[-3] if len(seen) % 3 == 0 else seen[-1]


# ---------------------------------------------------------------- alerts


class KeysAlertsByTheirEdge(Gateway):
    """Bug 8: an alert's key holds who brought it, so what the standby brings is another alert."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        for position, effect in enumerate(out):
            if isinstance(effect, PutAlert):
                edge = peek_record(effect.frame).device
                out[position] = effect._replace(alert=effect.alert._replace(rule=f"{effect.alert.rule} {edge:016x}"))
        return out


_sound_put_alert = Medium.put_alert


def puts_unconditionally(self: Medium, alert: Any, frame: bytes, now_us: int) -> tuple[bool, bool, int | None]:
    """Bug 8 in the store: an alert is put whether its key stands there or not, and so told again."""
    _sound_put_alert(self, alert, frame, now_us)
    return True, False, None


class ForgetsWhomToTell(Gateway):
    """Bug 12: the alert stands in the table, and what would have told the surgeon is lost."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        return [e for e in out if not (isinstance(event, AlertPut) and isinstance(e, TellSurgeon))]


# ---------------------------------------------------------------- the wire


class ReadsInClear(Gateway):
    """Earth takes and sends unprotected bundles."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        in_clear(self)


def one_vector_for_two(self: Protector) -> bytes:
    """Payload and integrity block are encrypted under one vector."""
    assert self._prefix is not None
    self._counter += 1
    return self._prefix + (self._counter // 2).to_bytes(4, "big")


def loses_without_a_word(self: HopAccount, number: int, _cause: str) -> None:
    """A link loses a copy and says nothing of it."""
    del self.open[number]


def arrives_twice(self: HopAccount, number: int, event: Any) -> None:
    """A copy arrives twice, and the second is not counted as sent."""
    _sound_arrived(self, number, event)
    if number % 10 == 0 and self.destination in self._machines:
        self._emit(self._env._now, self.destination, HopDelivered(self.link, number, 1, self._env._now))
        self._deliver(self.destination, event)


_sound_arrived = HopAccount.arrived
