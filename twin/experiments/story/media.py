"""Journals on Mars and stores on Earth: what was appended and not yet flushed, which rows were asked for and came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from twin.experiments.story.ear import Ear, Heard
from twin.experiments.story.letters import MAIN, SIDE, Said
from twin.pipeline.machine import (
    Append,
    Effect,
    Event,
    ReadRows,
    RowsRead,
    RowsWritten,
    StoreRefused,
    StoreSilent,
    SyncFailed,
    WriteRows,
)
from twin.pipeline.wire.identity import RecordId
from twin.trace import RowStored, Trace


class Media:
    """Follows the records of `ears` to disks and tables."""

    def __init__(self, ears: Mapping[str, Ear]) -> None:
        self._ears = ears
        self._writes: dict[tuple[str, int], list[tuple[Ear, Heard, RecordId]]] = {}
        self._reads: dict[tuple[str, int], ReadRows] = {}
        self._unsynced: dict[tuple[str, RecordId], list[tuple[Ear, Heard]]] = {}

    def attach(self, trace: Trace) -> None:
        """Listen to the stores of a run."""
        trace.subscribe(RowStored, self._stored)

    def observe(self, now_us: int, node: str, event: Event, effects: list[Effect]) -> None:
        """A machine took an event, and asks for these effects."""
        if isinstance(event, RowsWritten | StoreRefused | StoreSilent):
            self._written(now_us, node, event)
        elif isinstance(event, RowsRead):
            self._read(now_us, node, event)
        elif isinstance(event, SyncFailed):
            for ear, _ in self.cut_off(node):
                ear.note(now_us, node, Said(f"flush fails: {event.reason}", "failed flushes", MAIN))
        for effect in effects:
            if isinstance(effect, WriteRows):
                self._writes_rows(now_us, node, effect)
            elif isinstance(effect, ReadRows):
                self._reads[node, effect.id] = effect
            elif isinstance(effect, Append):
                self._appends(now_us, node, effect)

    def _appends(self, now_us: int, node: str, effect: Append) -> None:
        """Until a flush, what is appended is not on disk."""
        for ear in self._ears.values():
            for record in (RecordId(*record) for record in effect.records):
                if record in ear.subject.follows:
                    said = Said(f"appends record {record.index}, not flushed", "appends", SIDE)
                    self._unsynced.setdefault((node, record), []).append((ear, ear.note(now_us, node, said)))

    def flushed(self, node: str, records: Iterable[tuple[int, int, int]]) -> None:
        """What is on disk is told as such, and no more as appended."""
        for record in records:
            for ear, heard in self._unsynced.pop((node, RecordId(*record)), ()):
                ear.heard.remove(heard)

    def cut_off(self, node: str) -> list[tuple[Ear, Heard]]:
        """What was appended there is gone."""
        places = [place for place in self._unsynced if place[0] == node]
        return [one for place in places for one in self._unsynced.pop(place)]

    # ------------------------------------------------------------ stores

    def _writes_rows(self, now_us: int, node: str, effect: WriteRows) -> None:
        for ear in self._ears.values():
            for record in (record for record, _ in effect.rows if record in ear.subject.follows):
                heard = ear.message(now_us, node, effect.store, Said(f"row {record.index}", "row writes", MAIN))
                self._writes.setdefault((node, effect.id), []).append((ear, heard, record))

    def _stored(self, at_us: int, _node: str, fact: RowStored) -> None:
        for requests in self._writes.values():
            for _, heard, record in requests:
                if heard.end_us is None and heard.target == fact.store and record == fact.record:
                    heard.end_us = at_us
        for ear in self._ears.values():
            if fact.replaced and fact.replaced != fact.leaf and RecordId(*fact.record) in ear.subject.follows:
                ear.note(at_us, fact.store, Said(f"row {fact.record[2]} gets other bytes", "changed rows", MAIN))

    def _written(self, now_us: int, node: str, event: RowsWritten | StoreRefused | StoreSilent) -> None:
        for _, heard, record in self._writes.pop((node, event.id), ()):
            if heard.end_us is not None:
                continue
            heard.end_us = now_us
            if isinstance(event, StoreRefused):
                heard.lost = event.reason
            elif isinstance(event, StoreSilent):
                heard.lost = "no answer"
            elif record in event.unprocessed:
                heard.lost = "unprocessed"

    def _read(self, now_us: int, node: str, event: RowsRead) -> None:
        request = self._reads.pop((node, event.id), None)
        if request is None:
            return
        for ear in self._ears.values():
            for record in sorted(ear.subject.follows):
                if record.stream != request.stream or not request.first <= record.index < request.end:
                    continue
                held = event.frames[record.index - request.first] is not None
                said = Said(f"row {record.index} {'read' if held else 'is missing'}", "row reads")
                ear.message(now_us, request.store, node, said).end_us = now_us
