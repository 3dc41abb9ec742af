"""What a gateway tells the auditor: hints where to look."""

from __future__ import annotations

from collections.abc import Iterable

from twin.pipeline.machine import Effect, Send
from twin.pipeline.nodes.stream_on_earth import StreamOnEarth
from twin.pipeline.wire.frame import peek_record
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.key_book import KeyBook
from twin.pipeline.wire.messages import BackupCopied, Closings, HeadMoved, LookAgain, Message, encode


class AuditorDesk:
    """The auditor, as one gateway reaches it by name; `book` holds the closing frames that the gateway knows."""

    def __init__(self, name: str, book: KeyBook) -> None:
        self._name = name
        self._book = book

    def _tell(self, message: Message, out: list[Effect]) -> None:
        out.append(Send(self._name, encode(message)))

    def head_moved(self, stream: StreamOnEarth, out: list[Effect]) -> None:
        """There are rows to be read."""
        self._tell(HeadMoved(stream.id, stream.visible), out)

    def copied(self, stream: StreamId, size: int, out: list[Effect]) -> None:
        """Rows below `size` stand in the backup."""
        self._tell(BackupCopied(stream, size), out)

    def look_again(self, store: str, stream: StreamId, indices: tuple[int, ...], out: list[Effect]) -> None:
        """Rows below the head were written again, or are rotten."""
        self._tell(LookAgain(stream, indices, store), out)

    def name_keys(self, streams: Iterable[StreamOnEarth], out: list[Effect]) -> None:
        """Show the closing frames stored behind a gap: the auditor reads below heads, and knows no key without."""
        ahead = {RecordId(*stream.id, index) for stream in streams for index in stream.ahead}
        frames = [frame for frame in self._book.closings if peek_record(frame) in ahead] if ahead else []
        if frames:
            self._tell(Closings(tuple(frames)), out)
