"""Collects each record's journey, hop by hop transmissions and age of information from the trace, and streams them to
tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twin.experiments.tables import TableWriter
from twin.hosts.models.hops import HopAccount
from twin.pipeline.facts import Accepted, AckLearned, AckMade, Attested, BundleSent, FrameSealed
from twin.trace import Entry, Generated, HeadVisible, HopDelivered, HopLost, RowStored, Trace

Key = tuple[int, int]
ACCEPTED, SENT, ROUNDS, DURABLE, VISIBLE, ATTESTED, ACKED, LEARNED = range(2, 10)


class _Stream:
    __slots__ = ("age_area", "age_from_us", "age_max_us", "marks", "newest_us", "open", "sealed", "started_us")

    def __init__(self) -> None:
        self.open: dict[int, list[int | None]] = {}
        self.marks = [0] * 10
        self.sealed = 0
        self.newest_us: int | None = None
        self.age_from_us = 0
        self.started_us = 0
        self.age_area = 0
        self.age_max_us = 0


class Journeys:
    """Rows of `records`, one per record, written when its device has learned of it; ages of information per stream.

    Args:
        names: device id -> name; devices: node name -> device id.
    """

    def __init__(self, folder: Path, names: Mapping[int, str]) -> None:
        self._names = names
        self._devices = {name: device for device, name in names.items()}
        self._table = TableWriter(folder, "records")
        self._streams: dict[Key, _Stream] = {}
        self.samples = 0
        self.frames = 0
        self.bundles = 0
        self.outstanding = 0

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        trace.subscribe(Generated, self._on_generated)
        trace.subscribe(FrameSealed, self._on_sealed)
        trace.subscribe(Accepted, lambda at, _n, f: self._mark(ACCEPTED, f.stream, f.end, at))
        trace.subscribe(BundleSent, self._on_sent)
        trace.subscribe(RowStored, self._on_stored)
        trace.subscribe(HeadVisible, self._on_visible)
        trace.subscribe(Attested, lambda at, _n, f: self._mark(ATTESTED, f.stream, f.size, at))
        trace.subscribe(AckMade, lambda at, _n, f: self._mark(ACKED, f.stream, f.verified, at))
        trace.subscribe(AckLearned, self._on_learned)

    def _of(self, stream: tuple[int, ...]) -> _Stream:
        key = (stream[0], stream[1])
        found = self._streams.get(key)
        if found is None:
            found = self._streams[key] = _Stream()
        return found

    def _mark(self, stage: int, stream: tuple[int, ...], size: int, at_us: int) -> None:
        """Everything below `size` has reached a stage."""
        of = self._of(stream)
        for index in range(of.marks[stage], size):
            row = of.open.get(index)
            if row is not None:
                row[stage] = at_us
        of.marks[stage] = max(of.marks[stage], size)

    def _on_generated(self, _at_us: int, _node: str, fact: Generated) -> None:
        self.samples += len(fact.rows)

    def _on_sealed(self, at_us: int, _node: str, fact: FrameSealed) -> None:
        of = self._of(fact.record)
        if fact.record.index < of.sealed:
            return  # an edge says after a crash what it had said before
        of.open[fact.record.index] = [fact.generated_us, at_us, None, None, 0, None, None, None, None, None]
        of.sealed = fact.record.index + 1
        self.frames += 1
        self.outstanding += 1

    def _on_sent(self, at_us: int, _node: str, fact: BundleSent) -> None:
        self.bundles += 1
        for record, _ in fact.records:
            row = self._of(record).open.get(record.index)
            if row is not None:
                row[SENT] = at_us if row[SENT] is None else row[SENT]
                row[ROUNDS] = (row[ROUNDS] or 0) + 1

    def _on_stored(self, at_us: int, _node: str, fact: RowStored) -> None:
        row = self._of(fact.record).open.get(fact.record[2])
        if fact.store == "table" and row is not None and row[DURABLE] is None:
            row[DURABLE] = at_us

    def _on_visible(self, at_us: int, _node: str, fact: HeadVisible) -> None:
        of = self._of(fact.stream)
        newest = of.open.get(fact.size - 1)
        self._mark(VISIBLE, fact.stream, fact.size, at_us)
        if newest is None or newest[0] is None:
            return
        self._grow(of, at_us)
        if of.newest_us is None:
            of.started_us = at_us
        of.newest_us = newest[0]

    def _grow(self, of: _Stream, at_us: int) -> None:
        """Age rises at one second per second since the last visible event: add the trapezoid."""
        if of.newest_us is not None:
            before_us, now_us = of.age_from_us - of.newest_us, at_us - of.newest_us
            of.age_area += (before_us + now_us) * (at_us - of.age_from_us) // 2
            of.age_max_us = max(of.age_max_us, now_us)
        of.age_from_us = at_us

    def _on_learned(self, at_us: int, node: str, fact: AckLearned) -> None:
        if self._devices.get(node) != fact.stream.device:
            return
        of = self._of(fact.stream)
        first = of.marks[LEARNED]
        self._mark(LEARNED, fact.stream, fact.verified, at_us)
        for index in range(first, fact.verified):
            self._write(fact.stream, index, of.open.pop(index))
            self.outstanding -= 1

    def _write(self, stream: tuple[int, ...], index: int, row: list[int | None]) -> None:
        self._table.row(self._names[stream[0]], f"{stream[1]:016x}", index, *row)

    def close(self, at_us: int) -> None:
        """Write the records whose journey is not over."""
        for stream, of in sorted(self._streams.items()):
            self._grow(of, at_us)
            for index, row in of.open.items():
                self._write(stream, index, row)
        self._table.close()

    def ages_s(self) -> dict[int, tuple[float | None, float | None]]:
        """Mean and largest age of information on Earth by device, from the first visible record on."""
        found: dict[int, tuple[float | None, float | None]] = {}
        for (device, _), of in sorted(self._streams.items()):
            span_us = of.age_from_us - of.started_us
            if of.newest_us is None or span_us <= 0:
                found[device] = (None, None)
            else:
                found[device] = (of.age_area / span_us / 1e6, of.age_max_us / 1e6)
        return found


class Transmissions:
    """Rows of `transmissions`: every copy on a scheduled link; local datagrams are only counted (by `conservation`)."""

    def __init__(self, folder: Path, hops: Iterable[HopAccount]) -> None:
        self._table = TableWriter(folder, "transmissions")
        self._hops = {hop.link: hop for hop in hops}

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        trace.read(self._read)

    def _read(self, entries: Sequence[Entry]) -> None:
        hops = self._hops
        rows: list[tuple[Any, ...]] = []
        for at_us, node, fact in entries:
            kind = type(fact)
            if kind is HopDelivered:
                link, number, size, sent_us = fact
                if link in hops:
                    rows.append((number, hops[link].source, node, "bundle", size, sent_us, at_us, "delivered", ""))
            elif kind is HopLost:
                link, number, size, sent_us, cause = fact
                if link in hops:
                    rows.append((number, hops[link].source, node, "bundle", size, sent_us, at_us, "lost", cause))
        self._table.rows(rows)

    def close(self) -> None:
        """Write what is still in flight."""
        for _, hop in sorted(self._hops.items()):
            for number, (sent_us, size) in hop.open.items():
                self._table.row(number, hop.source, hop.destination, "bundle", size, sent_us, None, "in_flight", "")
        self._table.close()
