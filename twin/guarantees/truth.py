"""The truth about streams: what was signed, what is durable, what stands in the stores. Every checker holds machines
against it.

Exact maps are kept only from `trim` on, for which rows are in table, backup and acks; below it a stream is known by
counts and roots. Memory therefore follows the backlog, not the mission. An edge's own stream of alerts is a stream
like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from twin.guarantees.alert_register import AlertRegister
from twin.guarantees.roots import StreamRoots
from twin.pipeline.facts import AckMade, Adopted, FrameSealed
from twin.trace import Crashed, MadeDurable, MediumHolds, RowRotted, RowStored, StoreRestored, Trace

Key = tuple[int, int]


class Rot(NamedTuple):
    """A row that was changed at rest, or deleted (`gone`): since when, and the leaf hash of what its device signed, or
    None where that is forgotten.
    """

    since_us: int
    leaf: bytes | None
    gone: bool = False


class StreamTruth:
    """One stream.

    Attributes:
        sealed: records signed; leaves, generated_us, sizes: by index from `kept` on.
        generated_us: the true instant at which a record was signed, whatever its device's clock said.
        durable: contiguous records on each node's medium; `durable_ever`: the most that any medium ever held.
        adopted: where a node took the stream up on Earth's word: it counts the records below, and holds no more of them
            than `held_before`, contiguous records on its medium when it did so.
        contiguous, ahead: rows per store, below and beyond the first gap.
        verified, trim: the highest that Earth ever stated, `trim` only with a right root and as far as the backup's
            rows really go.
        forgotten: records below it are not in the memory of the node that signed them any more.
    """

    __slots__ = (
        "adopted",
        "ahead",
        "contiguous",
        "durable",
        "durable_ever",
        "forgotten",
        "generated_us",
        "held_before",
        "kept",
        "leaves",
        "roots",
        "sealed",
        "sizes",
        "trim",
        "verified",
    )

    def __init__(self) -> None:
        self.sealed = 0
        self.leaves: dict[int, bytes] = {}
        self.generated_us: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.roots = StreamRoots()
        self.durable: dict[str, int] = {}
        self.durable_ever = 0
        self.adopted: dict[str, int] = {}
        self.held_before: dict[str, int] = {}
        self.contiguous: dict[str, int] = {"table": 0, "backup": 0}
        self.ahead: dict[str, set[int]] = {"table": set(), "backup": set()}
        self.verified = 0
        self.trim = 0
        self.forgotten = 0
        self.kept = 0

    @property
    def rows(self) -> int:
        """Rows in the table."""
        return self.contiguous["table"] + len(self.ahead["table"])

    def stands_in(self, store: str, index: int) -> bool:
        """Whether the record's row stands in a store."""
        return index < self.contiguous[store] or index in self.ahead[store]

    def held(self, index: int) -> bool:
        """Whether some medium on Mars, or the memory of the node that signed it, still holds the record."""
        adopted, before = self.adopted, self.held_before
        return index >= self.forgotten or any(
            index < before.get(node, 0) or adopted.get(node, 0) <= index < size for node, size in self.durable.items()
        )

    @property
    def end(self) -> int:
        """Where the records end that the node that signed them, or any medium on Mars, has to show for itself."""
        return self.sealed if self.sealed > self.forgotten else max(self.durable.values(), default=0)

    def gone(self, index: int) -> bool:
        """Whether nothing holds the record, on Mars or on Earth."""
        return not self.held(index) and not self.stands_in("table", index)

    def destroyed(self, index: int) -> bool:
        """Whether the record stood on media and is gone with all of them."""
        return index < self.durable_ever and self.gone(index)


class Truth:
    """Follows the trace before any checker does.

    Args:
        owners: node name -> device id of what signs records there; its memory is gone when the node crashes.
    """

    def __init__(self, owners: Mapping[str, int] | None = None) -> None:
        self.streams: dict[Key, StreamTruth] = {}
        self.alerts = AlertRegister()
        self.rotten: dict[tuple[str, tuple[int, int, int]], Rot] = {}
        self._owners = {} if owners is None else owners
        self._floors: list[Callable[[Key], int]] = []

    def watch(self, trace: Trace) -> None:
        """Subscribe; must be called before any checker's `watch`."""
        trace.subscribe(FrameSealed, self._sealed)
        trace.subscribe(MadeDurable, self._durable)
        trace.subscribe(MediumHolds, self._medium)
        trace.subscribe(Adopted, self._adopted)
        trace.subscribe(Crashed, self._crashed)
        trace.subscribe(RowStored, self._stored)
        trace.subscribe(RowRotted, self._rotted)
        trace.subscribe(StoreRestored, self._restored)
        trace.subscribe(AckMade, self._acked)

    @property
    def rows(self) -> int:
        """Rows in the table, over all streams."""
        return sum(truth.rows for truth in self.streams.values())

    @property
    def rows_at_rest(self) -> int:
        """Rows that stand in the table: those that were deleted behind everybody's back and not put back do not."""
        return self.rows - sum(rot.gone for (store, _), rot in self.rotten.items() if store == "table")

    def of(self, stream: tuple[int, ...]) -> StreamTruth:
        """Truth about a stream, empty if nobody has signed a frame of it."""
        key = (stream[0], stream[1])
        truth = self.streams.get(key)
        if truth is None:
            truth = self.streams[key] = StreamTruth()
        return truth

    # ------------------------------------------------------------ on Mars

    def _sealed(self, at_us: int, _node: str, fact: FrameSealed) -> None:
        truth = self.of(fact.record)
        index = fact.record.index
        if index == truth.sealed:  # a second signature under an index is judged by no_equivocation, not believed here
            truth.sealed = index + 1
            truth.leaves[index] = fact.leaf
            truth.generated_us[index] = at_us
            truth.sizes[index] = fact.size_bytes
            truth.roots.add(fact.leaf)

    def _durable(self, _at_us: int, node: str, fact: MadeDurable) -> None:
        for device, epoch, index in fact.records:
            truth = self.of((device, epoch))
            if index == truth.durable.get(node, 0):
                truth.durable[node] = index + 1
                truth.durable_ever = max(truth.durable_ever, index + 1)

    def _medium(self, _at_us: int, node: str, fact: MediumHolds) -> None:
        holds = {(device, epoch): size for device, epoch, size in fact.streams}
        for key, truth in self.streams.items():
            truth.durable.pop(node, None)
            if key in holds:
                truth.durable[node] = holds[key]
            if holds.get(key, 0) < truth.adopted.get(node, 0):
                del truth.adopted[node], truth.held_before[node]  # the medium is one of before

    def _adopted(self, _at_us: int, node: str, fact: Adopted) -> None:
        """What Earth has verified needs no medium on Mars, so a node may count on from there, and no further."""
        truth = self.of(fact.stream)
        size = min(fact.size, truth.verified)
        durable = truth.durable.get(node, 0)
        if size > durable:
            truth.held_before.setdefault(node, durable)
            truth.durable[node] = truth.adopted[node] = size

    def _crashed(self, _at_us: int, node: str, _fact: Crashed) -> None:
        device = self._owners.get(node)
        if device is not None:
            for (owner, _), truth in self.streams.items():
                if owner == device:
                    truth.forgotten = truth.sealed

    # ------------------------------------------------------------ on Earth

    def _stored(self, _at_us: int, _node: str, fact: RowStored) -> None:
        device, epoch, index = fact.record
        truth = self.of((device, epoch))
        ahead = truth.ahead[fact.store]
        at = truth.contiguous[fact.store]
        if index < at or index in ahead:
            return
        ahead.add(index)
        while at in ahead:
            ahead.discard(at)
            at += 1
        truth.contiguous[fact.store] = at

    def _rotted(self, at_us: int, _node: str, fact: RowRotted) -> None:
        place = (fact.store, fact.record)
        leaf = fact.leaf or self.of(fact.record).leaves.get(fact.record[2])
        since = self.rotten.get(place, Rot(at_us, leaf))
        self.rotten[place] = since._replace(gone=since.gone or fact.gone)

    def _restored(self, at_us: int, _node: str, fact: StoreRestored) -> None:
        """The table is what the backup was, rotten rows included."""
        holds = {(device, epoch): size for device, epoch, size in fact.streams}
        for key, truth in self.streams.items():
            truth.contiguous["table"] = holds.get(key, 0)
            truth.ahead["table"].clear()
        copied = [(record, rot) for (store, record), rot in self.rotten.items() if store == "backup"]
        for place in [place for place in self.rotten if place[0] == "table"]:
            del self.rotten[place]
        for record, rot in copied:
            if record[2] < holds.get((record[0], record[1]), 0):
                self.rotten["table", record] = rot._replace(since_us=at_us)

    def _acked(self, _at_us: int, _node: str, fact: AckMade) -> None:
        truth = self.of(fact.stream)
        truth.verified = max(truth.verified, min(fact.verified, truth.contiguous["table"]))
        if truth.roots.at(fact.verified) != fact.root and fact.verified >= truth.roots.kept:
            return  # nobody may act on it
        truth.trim = max(truth.trim, min(fact.trim, truth.contiguous["backup"]))

    # ------------------------------------------------------------ what may be forgotten

    def keep_from(self, floor: Callable[[Key], int]) -> None:
        """A checker still needs the exact maps of a stream from `floor(stream)` on."""
        self._floors.append(floor)

    def watch_last(self, trace: Trace) -> None:
        """Forget what nobody needs any more; must be called after every checker's `watch`."""
        self.alerts.watch_last(trace)
        trace.subscribe(AckMade, self._forget)
        trace.subscribe(RowStored, self._mended)

    def _forget(self, _at_us: int, _node: str, fact: AckMade) -> None:
        key = (fact.stream.device, fact.stream.epoch)
        truth = self.of(key)
        floor = min([truth.trim, *(of(key) for of in self._floors)])
        if floor <= truth.kept:
            return
        for index in range(truth.kept, floor):
            for exact in (truth.leaves, truth.generated_us, truth.sizes):
                exact.pop(index, None)
        truth.kept = floor
        # a node that is down comes back with the head of what its medium holds
        truth.roots.forget(floor, truth.durable.values())

    def _mended(self, _at_us: int, _node: str, fact: RowStored) -> None:
        if self.rotten:
            rot = self.rotten.get((fact.store, fact.record))
            if rot is not None and fact.leaf == rot.leaf:
                del self.rotten[fact.store, fact.record]
