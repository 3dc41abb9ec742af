"""Moves the head items of streams: one write per stream at a time, each under the leader's term."""

from __future__ import annotations

from collections.abc import Iterator

from twin.pipeline.machine import Effect, WriteHead
from twin.pipeline.nodes.backoff import Backoff
from twin.pipeline.nodes.stream_on_earth import StreamOnEarth
from twin.pipeline.wire.identity import StreamId


class HeadMover:
    """Head writes under way; `ids` and `backoff` are the machine's."""

    def __init__(self, term: int, ids: Iterator[int], backoff: Backoff) -> None:
        self._term = term
        self._ids = ids
        self._backoff = backoff
        self._under_way: dict[int, StreamId] = {}

    def move(self, stream: StreamOnEarth, out: list[Effect]) -> None:
        """Ask for the stream's head to stand at what is stored, unless it does or is on its way."""
        if stream.stored > stream.visible and stream.head_under_way is None and not self._backoff.waiting:
            request = next(self._ids)
            stream.head_under_way = stream.stored
            self._under_way[request] = stream.id
            out.append(WriteHead(request, stream.id, stream.stored, self._term, stream.edge))

    def answered(self, request: int) -> StreamId | None:
        """Whose head was written or refused; None if it is no request of this part."""
        return self._under_way.pop(request, None)
