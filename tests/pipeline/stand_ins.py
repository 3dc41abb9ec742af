"""Stand-ins for the rest of the world: Earth as Mars sees it, and an edge as a device sees it.

They say what the sound ones would say, from less: an edge without disk, Earth without gateway and auditor. What they
do is told to the checkers like everything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from pipeline_parts import AUDITOR, EARTH, Author, S, known_devices, log_of, signed_by, signer, verifier

from twin.pipeline.facts import Accepted, AckMade, Adopted, EpochClosed, FrameSealed, HeadCosigned
from twin.pipeline.ledger.merkle import leaf_hash
from twin.pipeline.ledger.stream import problem_with_signatures
from twin.pipeline.machine import Effect, Received, Report, Send
from twin.pipeline.wire.frame import Samples, encode_samples, peek_record
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.key_book import KeyBook
from twin.pipeline.wire.messages import (
    Accept,
    Ack,
    Checkpoint,
    CheckpointOffer,
    Closings,
    Cosign,
    Expect,
    FrameOffer,
    Gap,
    Hello,
    LastWitnessed,
    audit_part,
    decode,
    encode,
)
from twin.trace import Generated, MadeDurable, MediumHolds, RowStored, StoreRestored

WINDOW = 8

Saw = Callable[[str, tuple[Any, ...]], None]


class Earth:
    """Keeps rows in table and backup, and states in acks what it has of a stream.

    Args:
        saw: takes (place, fact).
    """

    def __init__(self, saw: Saw) -> None:
        self._saw = saw
        self.table: dict[StreamId, dict[int, bytes]] = {}
        self.backup: dict[StreamId, dict[int, bytes]] = {}
        self.trims: dict[StreamId, int] = {}
        self.term = 1
        self._verified: dict[StreamId, int] = {}  # as it has said in this term
        self._counter = 0

    def store(self, frame: bytes) -> None:
        """A frame that its device signed has come."""
        record = peek_record(frame)
        self._put("table", self.table, record, frame)

    def _put(self, store: str, rows: Any, record: Any, frame: bytes) -> None:
        of = rows.setdefault(record.stream, {})
        before = of.get(record.index)
        of[record.index] = frame
        self._saw(store, RowStored(store, tuple(record), leaf_hash(frame), leaf_hash(before) if before else b""))

    def prefix(self, stream: StreamId) -> list[bytes]:
        """What it has of a stream up to the first gap."""
        rows, found = self.table.get(stream, {}), []
        while len(found) in rows:
            found.append(rows[len(found)])
        return found

    def ack(self, stream: StreamId, now_us: int, trim_share: float = 1.0, back: int = 0) -> Ack:
        """What it says of a stream now; `back` rows at its end it has not verified yet, where it may say so."""
        frames = self.prefix(stream)
        trim = self.trims.get(stream, 0)
        verified = self._verified[stream] = max(trim, self._verified.get(stream, 0), len(frames) - back)
        trim = self.trims[stream] = max(trim, int(verified * trim_share))
        for frame in frames[len(self.backup.get(stream, {})) : trim]:
            self._put("backup", self.backup, peek_record(frame), frame)
        log = log_of(frames[:verified])
        last = max(self.table.get(stream, {}), default=-1)
        gaps: tuple[Gap, ...] = () if last < len(frames) else ((len(frames), last),)
        audit = signer(AUDITOR).sign(audit_part(stream, verified, log.root()))
        self._counter += 1
        unsigned = Ack(
            stream, verified, log.root(), log.frontier(), trim, gaps, last + 1, now_us, self.term, self._counter, audit
        )
        self._saw(EARTH, AckMade(stream, verified, trim, unsigned.root, self.term, self._counter))
        return signed_by(EARTH, unsigned)

    def lose_the_table(self) -> None:
        """The table is lost, and set up anew from the backup under another leader."""
        self.term += 1
        self._verified.clear()
        # names of streams stand in the backup before anything of them is acked
        self.table = {stream: dict(self.backup.get(stream, {})) for stream in self.table}
        self._saw("table", StoreRestored(tuple((*stream, len(rows)) for stream, rows in sorted(self.table.items()))))


class EdgeForDevice:
    """An edge that takes frames in order and accepts each at once; `forget` takes its medium away."""

    def __init__(self, name: str, saw: Saw) -> None:
        self.name = name
        self._saw = saw
        self.forget()

    def forget(self) -> None:
        """It comes back with nothing."""
        self._book = KeyBook(known_devices(), strict=True)
        self.sizes: dict[StreamId, int] = {}
        self.frames: dict[StreamId, dict[int, bytes]] = {}
        self._saw(self.name, MediumHolds(()))

    def handle(self, event: Any, _now_us: int) -> list[Effect]:
        """Take one event."""
        if not isinstance(event, Received):
            return []
        message = decode(event.data)
        out: list[Effect] = []
        match message:
            case FrameOffer(frame):
                self._offered(event.source, frame, out)
            case Hello(stream):
                out.append(Send(event.source, encode(Expect(stream, self.sizes.get(stream, 0)))))
            case Closings(frames):
                self.learn(frames)
            case Ack(stream, verified) if verified > self.sizes.get(stream, 0):
                if problem_with_signatures(message, verifier(EARTH), verifier(AUDITOR)) is None:
                    self.sizes[stream] = verified
                    out.append(Report(Adopted(stream, verified)))
        return out

    @property
    def closings(self) -> tuple[bytes, ...]:
        """The closing frames that it knows."""
        return self._book.closings

    def learn(self, closings: tuple[bytes, ...]) -> None:
        """Take closing frames that somebody holds."""
        self._book.take(closings)

    def knows_closed(self, stream: StreamId) -> bool:
        """Whether it has learned that the epoch is closed, and by which key the next one is signed."""
        return self._book.is_closed(stream)

    def _offered(self, source: str, frame: bytes, out: list[Effect]) -> None:
        record = peek_record(frame)
        if self._book.problem_with(frame, record) is not None:
            return
        size = self.sizes.get(record.stream, 0)
        if record.index == size:
            self._book.learn(frame, record)
        if record.index > size:
            out.append(Send(source, encode(Expect(record.stream, size))))
            return
        if record.index == size:
            self.sizes[record.stream] = size = size + 1
            self.frames.setdefault(record.stream, {})[record.index] = frame
            out.append(Report(MadeDurable((tuple(record),))))
            out.append(Report(Accepted(record.stream, record.index, size)))
        out.append(Send(source, encode(Accept(record.stream, size))))


class DeviceForEdge:
    """A device that keeps all that it signs, and offers what its edge has not accepted."""

    def __init__(self, name: str, number: int, edge: str, saw: Saw) -> None:
        self.name = name
        self.number = number
        self.author = Author(number, name)
        self.frames: dict[StreamId, list[bytes]] = {}
        self.accepted: dict[StreamId, int] = {}
        self.given_up: list[tuple[StreamId, str]] = []
        self._edge = edge
        self._saw = saw
        self._closings: list[bytes] = []

    def seal(self, rate: int, now_us: int) -> None:
        """Three samples of this rate [1/min], and the frame that holds them."""
        rates = ((rate,),) * 3
        self._saw(self.name, Generated(now_us, S, rates))
        body = encode_samples(Samples(now_us, S, ("heart_rate_bpm",), rates))
        self._keep(self.author.seal(body), 3)

    def close(self) -> None:
        """The epoch's last frame; the next epoch has another key."""
        stream, key = self.author.stream, self.author.key
        frame = self.author.close()
        self._closings.append(frame)
        self._keep(frame, 0)
        self._saw(self.name, EpochClosed(peek_record(frame), self.author.epoch, "key"))
        self.given_up.append((stream, key))

    def _keep(self, frame: bytes, samples: int) -> None:
        record = peek_record(frame)
        self.frames.setdefault(record.stream, []).append(frame)
        self._saw(self.name, FrameSealed(record, leaf_hash(frame), 0, samples, len(frame)))

    def offers(self) -> list[Effect]:
        """What its edge has not accepted of the oldest epoch that it has not taken whole."""
        for stream, frames in self.frames.items():
            accepted = self.accepted.get(stream, 0)
            if accepted < len(frames):
                offers = [FrameOffer(frame) for frame in frames[accepted : accepted + WINDOW]]
                return [Send(self._edge, encode(said)) for said in (Closings(tuple(self._closings)), *offers)]
        return []

    def handle(self, event: Any, _now_us: int) -> list[Effect]:
        """Take one event."""
        if not isinstance(event, Received):
            return []
        match decode(event.data):
            case Accept(stream, size):
                if size > self.accepted.get(stream, 0):
                    self.accepted[stream] = size
                    return self.offers()
            case Expect(stream, size) if size < self.accepted.get(stream, 0):
                self.accepted[stream] = size
                return self.offers()
            case Hello():
                self.accepted.clear()
                return [Send(self._edge, encode(Hello(self.author.stream))), *self.offers()]
        return []


class PeerForEdge:
    """Another edge, which cosigns every checkpoint that it has not seen, and tells which was the last."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._last: dict[str, Cosign] = {}

    def handle(self, event: Any, _now_us: int) -> list[Effect]:
        """Take one event."""
        if not isinstance(event, Received):
            return []
        out: list[Effect] = []
        match decode(event.data):
            case LastWitnessed(author):
                last = self._last.get(author)
                out.append(Send(event.source, encode(LastWitnessed(author) if last is None else last)))
            case CheckpointOffer(raw):
                out += self._follow(event.source, raw)
        return out

    def _follow(self, author: str, raw: bytes) -> list[Effect]:
        checkpoint = decode(raw)
        assert isinstance(checkpoint, Checkpoint)
        last = self._last.get(author)
        if last is not None and checkpoint.counter <= last.counter:
            return [Send(author, encode(last))]
        sizes = tuple((head.stream, head.size) for head in checkpoint.heads)
        unsigned = Cosign(author, checkpoint.counter, self.name, hashlib.sha256(raw).digest(), sizes)
        self._last[author] = cosign = signed_by(self.name, unsigned)
        facts = [Report(HeadCosigned(author, head.stream, head.size, head.root)) for head in checkpoint.heads]
        return [*facts, Send(author, encode(cosign))]
