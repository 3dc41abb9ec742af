"""Judges frames that came from Mars, before anything of them is stored: who signed them, and are they new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from twin.pipeline.nodes.alert_desk import AlertDesk
from twin.pipeline.nodes.stored import learn_closings
from twin.pipeline.nodes.stream_on_earth import StreamOnEarth
from twin.pipeline.wire.frame import ALERT, FrameError, peek_kind, peek_record
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.key_book import KeyBook


class Arrived(NamedTuple):
    """A frame that its device signed; `repeated` if its row is stored or on its way to the store."""

    record: RecordId
    repeated: bool


class Refused(NamedTuple):
    """A frame that must have no effect."""

    reason: str


class Intake:
    """What every frame passes first; it learns the keys that closing frames name."""

    def __init__(self, book: KeyBook, alerts: AlertDesk, streams: Mapping[StreamId, StreamOnEarth]) -> None:
        self._book = book
        self._alerts = alerts
        self._streams = streams
        self._closings: tuple[bytes, ...] = ()

    def restore(self, closings: tuple[bytes, ...]) -> None:
        """Learn the closing frames in the table; one whose key is named by a frame that is still to come waits."""
        self._closings = closings
        learn_closings(self._book, closings)

    def judge(self, edge: str, frame: bytes) -> Arrived | Refused:
        """Judge a frame that `edge` brought.

        A frame of an epoch whose key is not known yet, because its closing frame is late, is refused: it comes again.
        """
        try:
            record = peek_record(frame)
            stream = self._streams.get(record.stream)
            repeated = stream is not None and stream.holds(record.index)
            if stream is not None and repeated and edge == stream.edge:
                return Arrived(record, True)  # judged before; a forged repeat only has its sender hear from us
            problem = self._book.problem_with(frame, record)
            if problem is not None:
                return Refused(problem)
            if peek_kind(frame) == ALERT:
                self._alerts.read(frame, record)
            self._learn(frame, record)
        except FrameError as problem:
            return Refused(str(problem))
        return Arrived(record, repeated)

    def is_signed(self, record: RecordId, frame: bytes) -> bool:
        """Whether a row read from a store carries its device's signature under this very key.

        A closing frame may be read here first: its row was rotten when this gateway started.
        """
        try:
            if peek_record(frame) != record or self._book.problem_with(frame, record) is not None:
                return False
            self._learn(frame, record)
        except FrameError:
            return False
        return True

    def _learn(self, frame: bytes, record: RecordId) -> None:
        """Note what a good frame says of keys; if it names one, closing frames that waited for it may be good too."""
        if self._book.learn(frame, record) is not None:
            learn_closings(self._book, self._closings)
