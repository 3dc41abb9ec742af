"""Machines of Mars with a planted bug: each class or patch changes one decision of the sound one and nothing else.

Numbers are those of the project's list of planted bugs; `planted` says which guarantee must see what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from in_clear import in_clear

from twin.pipeline.clinic import news2, watch
from twin.pipeline.clinic.level import Level
from twin.pipeline.clinic.rules import Verdict
from twin.pipeline.clinic.watch import Watch
from twin.pipeline.facts import AckLearned, AlarmRaised, Trimmed
from twin.pipeline.ledger.stream import WRONG_ROOT, Stream
from twin.pipeline.machine import Annunciate, Append, Effect, Event, Received, Report, Synced, SyncFailed
from twin.pipeline.nodes.device import Device
from twin.pipeline.nodes.device_desk import DeviceDesk
from twin.pipeline.nodes.edge import Edge
from twin.pipeline.nodes.edge_intake import EdgeIntake
from twin.pipeline.nodes.edge_journal import EdgeJournal
from twin.pipeline.nodes.edge_ledger import EdgeLedger
from twin.pipeline.nodes.notary import Notary
from twin.pipeline.nodes.witness import Witness
from twin.pipeline.transport.routing import Router
from twin.pipeline.wire.frame import peek_record
from twin.pipeline.wire.identity import RecordId
from twin.pipeline.wire.key_book import STALE_KEY, WRONG_SIGNATURE, KeyBook
from twin.pipeline.wire.messages import Ack, Checkpoint, CheckpointOffer, decode, encode, signed_part

EPOCH = bytes(range(1, 9))
VECTORS = bytes(range(100, 108))

# ---------------------------------------------------------------- the medium


def appended(effects: list[Effect]) -> list[RecordId]:
    """Records that these effects append to the journal."""
    return [record for effect in effects if isinstance(effect, Append) for record in effect.records]


class AcceptsBeforeFsync(Edge):
    """Bug 1: a frame is accepted in the list that appends it."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        for record in appended(out):
            stream = self.streams[record.stream]
            if not self.alarms.writes(record.stream):
                durable, stream.durable = stream.durable, stream.size
                self.devices.accept(stream, record.index, out)
                stream.durable = durable
        return out


class SendsBeforeFsync(Edge):
    """Bug 2: a record is offered to the antenna when it is appended."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        records = appended(out)
        if records:
            self.downlink.offer(records, now_us, out)
            self.downlink.timer("flush", now_us)
            self.downlink.pump(now_us, out)
        return out


class TakesFailureForSuccess(Edge):
    """A sync that failed is taken for one that did what it should."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        return super().handle(Synced(event.id) if isinstance(event, SyncFailed) else event, now_us)


def keeps_the_torn_tail(self: EdgeJournal) -> list[Effect]:
    """Bug 16: what a crash left behind the last whole entry is not cut, and new entries follow it."""
    self._torn = False
    return []


class ForgetsItsChain(Edge):
    """An edge that starts signs heads of what its medium holds and asks nobody: after a rollback that is less."""

    def _started(self, entropy: bytes, now_us: int, out: list[Effect]) -> None:
        self.notary.settle()
        super()._started(entropy, now_us, out)
        self.ledger.checkpoint(now_us, out)


# ---------------------------------------------------------------- devices


class IndexRestarts(Device):
    """Bug 17: a device that boots goes on with its epoch and begins at index 0."""

    def _started(self, entropy: bytes, out: list[Effect]) -> None:
        super()._started(EPOCH + entropy[8:], out)


class SignsByItsClock(Device):
    """A clock that was set back makes the next frame take the place of the one before."""

    _last_us = -1 << 62

    def _seal(self, kind: int, generated_us: int, body: bytes, samples: int, out: list[Effect]) -> None:
        if generated_us < self._last_us:
            log, held = self.stream.log, self.stream.size - 1
            self.stream.log = type(log)(held, log.frontier(held))
            del self.stream.frames[held]
        self._last_us = generated_us
        super()._seal(kind, generated_us, body, samples, out)


class TrimsWhatIsVerified(Device):
    """Bug 20: frames are deleted when they are verified, before they are in the backup."""

    def _acked(self, epoch: Any, source: str, ack: Ack, data: bytes, out: list[Effect]) -> None:
        super()._acked(epoch, source, ack, data, out)
        if epoch.stream.drop_frames(ack.verified):
            out.append(Report(Trimmed(epoch.stream.id, ack.verified)))


class TakesAcksOfAnyEpoch(Device):
    """Bug 19: an ack is looked up by its device alone, so that of a closed epoch counts for the one that follows."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        message = decode(event.data) if isinstance(event, Received) else None
        if isinstance(message, Ack) and message.stream.device == self.settings.device:
            for epoch in self.epochs:
                stream = epoch.stream
                if stream.id != message.stream and stream.size:
                    verified, trim = min(message.verified, stream.size), min(message.trim, stream.size)
                    out.append(Report(AckLearned(stream.id, verified, trim, message.term)))
                    if stream.drop_frames(trim):
                        out.append(Report(Trimmed(stream.id, trim)))
        return out


class NeverTrims(Device):
    """A device keeps every frame for ever."""

    def _acked(self, epoch: Any, source: str, ack: Ack, data: bytes, out: list[Effect]) -> None:
        super()._acked(epoch, source, ack._replace(trim=0), data, out)


# ---------------------------------------------------------------- acks


_sound_problem = Stream.problem_with


def takes_any_root(self: Stream, ack: Ack, gateway: Any, auditor: Any) -> str | None:
    """Bug 18: the acked root is not held against the own log."""
    problem = _sound_problem(self, ack, gateway, auditor)
    return None if problem == WRONG_ROOT else problem


def takes_old_acks(self: Stream, ack: Ack, gateway: Any, auditor: Any) -> str | None:
    """An ack that was said before counts again."""
    last, self.ack = self.ack, None
    problem = _sound_problem(self, ack, gateway, auditor)
    self.ack = last
    return problem


def knows_no_terms(self: Stream, ack: Ack, gateway: Any, auditor: Any) -> str | None:
    """Earth may never have less than before, not even a new leader after the loss of the table."""
    if self.ack is not None and ack.verified < self.ack.verified:
        return "verified fell"
    return _sound_problem(self, ack, gateway, auditor)


# ---------------------------------------------------------------- who signed


class TakesWhatAnyKeySigned(KeyBook):
    """Bug 7: frames are taken under a key that was given up, and beyond the end of a closed epoch."""

    def problem_with(self, frame: bytes, record: RecordId) -> str | None:
        final = self._finals.pop(record.stream, None)
        problem = super().problem_with(frame, record)
        if final is not None:
            self._finals[record.stream] = final
        return None if problem == STALE_KEY else problem


class TakesWhatNobodySigned(KeyBook):
    """Signatures are not looked at."""

    def problem_with(self, frame: bytes, record: RecordId) -> str | None:
        problem = super().problem_with(frame, record)
        return None if problem == WRONG_SIGNATURE else problem


class AcceptsReplayAfterRotation(Edge):
    """Bug 7 on the edge."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.ledger.keys = TakesWhatAnyKeySigned(settings.devices, strict=True)


class AcceptsForgeries(Edge):
    """Frames that nobody signed are appended."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.ledger.keys = TakesWhatNobodySigned(settings.devices, strict=True)


class KnowsFramesByTheirCount(Edge):
    """Bug 4: frames whose 14-bit packet count is not above the last are repeats; the wrap is expected one too late."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.intake = CountingIntake(self.ledger, self.devices)


class CountingIntake(EdgeIntake):
    """Takes frames by their packet count."""

    def __init__(self, ledger: EdgeLedger, devices: DeviceDesk) -> None:
        super().__init__(ledger, devices)
        self._counts: dict[int, int] = {}

    def _take(self, record: RecordId, frame: bytes, now_us: int, out: list[Effect]) -> None:
        count = int.from_bytes(frame[2:4], "big") & 0x3FFF
        last = self._counts.get(record.device, -1)
        if count <= last and last != 1 << 14:
            return
        super()._take(record, frame, now_us, out)
        stream = self._ledger.streams.get(record.stream)
        if stream is not None and stream.size > record.index:
            self._counts[record.device] = count


# ---------------------------------------------------------------- the ledger


_sound_checkpoint = Notary.checkpoint


class ShowsOldHeads(Edge):
    """A lie: from the third checkpoint on, witnesses are shown the heads of the first under a new counter."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        first: list[Checkpoint] = []
        shown = 0

        def checkpoint(streams: Any, now_us: int) -> Any:
            nonlocal shown
            made = _sound_checkpoint(self.notary, streams, now_us)
            if made is None:
                return None
            honest = decode(made.entry)
            first.append(honest)
            shown += 1
            if shown < 3:
                return made
            lie = honest._replace(heads=first[0].heads)
            data = encode(lie._replace(signature=settings.notary.signer.sign(signed_part(lie))))
            offer = encode(CheckpointOffer(data, tuple((0, ()) for _ in lie.heads)))
            effects = tuple(e._replace(data=offer) if hasattr(e, "data") else e for e in made.effects)
            return made._replace(effects=effects, for_earth=encode(CheckpointOffer(data, ())))

        self.notary.checkpoint = checkpoint  # type: ignore[method-assign]


def without_domain_separation(data: bytes = b"") -> Any:
    """Bug 9, on both planets: inner nodes are hashed like leaves."""
    return hashlib.sha256(b"\x00" + data[1:] if data[:1] == b"\x01" else data)


def doubles_the_odd_one(subtrees: Sequence[bytes]) -> bytes:
    """Bug 21, on both planets: a subtree without a sibling is hashed with itself."""
    node = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        node = hashlib.sha256(b"\x01" + left + hashlib.sha256(b"\x01" + node + node).digest()).digest()
    return node


def follows_whatever(self: Witness, *_: Any) -> None:
    """Bug 22: a witness signs a head that is smaller than the last it signed."""


# ---------------------------------------------------------------- towards Earth


class NeverSendsAgain(Edge):
    """Bug 15: the retransmission timer is not re-armed."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.downlink.sync.next_expiry_us = lambda: None  # type: ignore[method-assign]
        self.downlink.sync._missing = lambda *_: False  # type: ignore[method-assign]


_take = EdgeIntake._take


def hears_no_next_epoch(intake: EdgeIntake, record: RecordId, frame: bytes, now_us: int, out: list[Effect]) -> None:
    """An edge refuses, without a word, what a device signs after its first closing frame."""
    closed = {peek_record(closing).stream for closing in intake._ledger.keys.closings}
    if record.stream in closed or all(of.device != record.device for of in closed):
        _take(intake, record, frame, now_us, out)


def _light_us(back: Router, here: str, there_us: int) -> int:
    return back.plan.between(back.here, here)[0].owlt_us(there_us)


def waits_for_no_contact(back: Router, here: str, there_us: int, turnaround_us: int, _bytes: int) -> int:
    """Bug 14: a timer runs on while the far end cannot answer, as if a way back were always open."""
    return there_us + turnaround_us + _light_us(back, here, there_us)


def answers_at_once(back: Router, here: str, there_us: int, turnaround_us: int, _bytes: int) -> int:
    """Bug 6: a timer that knows no light time."""
    return there_us - _light_us(back, here, there_us) + turnaround_us


class GathersForHours(Edge):
    """The first record of a batch waits for others until nobody remembers it."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings._replace(bundle_wait_us=4 * 3_600_000_000))


class RestoresItsVectors(Edge):
    """Bug 26: every start goes on with the vectors of the first, as if they had come with a snapshot."""

    def _started(self, entropy: bytes, now_us: int, out: list[Effect]) -> None:
        super()._started(entropy[:8] + VECTORS + entropy[16:], now_us, out)


class RadiatesInClear(Edge):
    """Bundles are not protected; Earth must agree (`planted_on_earth.ReadsInClear`)."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        in_clear(self)


# ---------------------------------------------------------------- alarms


class NeverSounds(Edge):
    """An alarm is raised and sent to Earth, and nobody on Mars hears of it."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        return [effect for effect in super().handle(event, now_us) if not isinstance(effect, Annunciate)]


def says_nothing(*_: Any) -> Verdict:
    """A rule that never holds."""
    return Verdict(False, False, "")


def chart_with(parameter: str, starts: tuple[int, ...]) -> tuple[tuple[object, str, object], ...]:
    """The chart with the bands of one parameter off by one, for devices and edges."""
    bands = news2.CHART[parameter]._replace(starts=starts)
    return (news2, "CHART", {**news2.CHART, parameter: bands}), (watch, "inner_edges", news2.inner_edges.__wrapped__)


def bands_of_scale_1(parameter: str, *_: Any) -> news2.Bands:
    """Whoever is to have a saturation of 88 to 92 % is scored like everybody else."""
    return news2.CHART[parameter]


def edges_of_scale_1(parameter: str, resolution: Fraction, _scale: int) -> tuple[int, ...]:
    """The edges that belong to it."""
    return _sound_edges(parameter, resolution, 1)


_sound_edges = watch.inner_edges


class ScoresAtOnce(Level):
    """One sample is enough for the bands of a channel that has no limits."""

    __slots__ = ()

    def __init__(self, column: int, watch: Watch) -> None:
        super().__init__(column, watch)
        channel = watch.channels[column]
        if channel.parameter and channel.low is None and channel.high is None:
            self._hold = 1


class NamesAnotherRow(Edge):
    """The row of an alarm is counted from the other end of its frame."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        for position, effect in enumerate(out):
            if isinstance(effect, Report) and isinstance(effect.fact, AlarmRaised):
                out[position] = Report(effect.fact._replace(row=self._row(effect.fact, now_us)))
        return out

    def _row(self, fact: AlarmRaised, _now_us: int) -> int:
        return 5 - fact.row


class CountsRowsByTime(NamesAnotherRow):
    """An alarm's row is the age of its sample when the frame arrives, so the device's clock moves it."""

    def _row(self, fact: AlarmRaised, now_us: int) -> int:
        alert = fact.alert
        frame = self.streams[RecordId(alert.device, alert.epoch, alert.index).stream].frames[alert.index]
        generated_us = int.from_bytes(frame[28:36], "big", signed=True)
        return fact.row + (now_us - generated_us) // 20_000_000
