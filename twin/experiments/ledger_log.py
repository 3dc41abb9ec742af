"""Counts the ledger on Mars against the table on Earth, and follows each checkpoint to its last cosignature."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twin.experiments.tables import TableWriter
from twin.pipeline.facts import Attested, HeadCosigned, HeadSigned
from twin.trace import MadeDurable, Trace
from twin.world.timescales import us_to_utc

Key = tuple[int, int]


class _Checkpoint:
    """Heads that an edge signed at one instant, and who has signed past all of them."""

    __slots__ = ("at_us", "by", "counter", "earth_us", "frames", "heads", "mars_us")

    def __init__(self, counter: int, at_us: int) -> None:
        self.counter = counter
        self.at_us = at_us
        self.heads: dict[Key, int] = {}
        self.frames = 0
        self.by: set[str] = set()
        self.mars_us: int | None = None
        self.earth_us: int | None = None


class LedgerLog:
    """Rows of `checkpoints`, each written when every witness has signed past it; counts per stream.

    A witness covers a checkpoint when it has cosigned, of the same author, a head at least as large of each stream
    that the checkpoint moved: later heads are proved consistent with earlier ones.

    Args:
        folder: where tables go.
        edges: nodes that sign checkpoints, and witness each other's.
        auditor: the witness on Earth.
    """

    def __init__(self, folder: Path, edges: Sequence[str], auditor: str) -> None:
        self._table = TableWriter(folder, "checkpoints")
        self._auditor = auditor
        self._witnesses = {edge: {*edges, auditor} - {edge} for edge in edges}
        self._open: dict[str, deque[_Checkpoint]] = {edge: deque() for edge in edges}
        self._made = dict.fromkeys(edges, 0)
        self._cosigned: dict[tuple[str, str], dict[Key, int]] = {}
        self._durable: dict[Key, int] = {}
        self._signed: dict[Key, int] = {}
        self._signed_on_mars: dict[Key, int] = {}
        self._signed_on_earth: dict[Key, int] = {}
        self._audited: dict[Key, int] = {}
        self._last_us: dict[str, int] = {}
        self.checkpoints = 0
        self.cosigned_by_all = 0

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        trace.subscribe(MadeDurable, self._on_durable)
        trace.subscribe(HeadSigned, self._on_signed)
        trace.subscribe(HeadCosigned, self._on_cosigned)
        trace.subscribe(Attested, self._on_attested)

    def _on_durable(self, _at_us: int, node: str, fact: MadeDurable) -> None:
        if node in self._open:
            for device, epoch, index in fact.records:
                _raise(self._durable, (device, epoch), index + 1)

    def _on_signed(self, at_us: int, node: str, fact: HeadSigned) -> None:
        """Heads signed by one edge at one instant are one checkpoint."""
        checkpoints = self._open[node]
        if not checkpoints or checkpoints[-1].at_us != at_us:
            checkpoints.append(_Checkpoint(self._made[node], at_us))
            self._made[node] += 1
            self.checkpoints += 1
        checkpoints[-1].heads[fact.stream] = fact.size
        checkpoints[-1].frames += fact.size - fact.previous
        _raise(self._signed, fact.stream, fact.size)

    def _on_cosigned(self, at_us: int, node: str, fact: HeadCosigned) -> None:
        past = self._cosigned.setdefault((fact.author, node), {})
        _raise(past, fact.stream, fact.size)
        earth = node == self._auditor
        _raise(self._signed_on_earth if earth else self._signed_on_mars, fact.stream, fact.size)
        self._last_us["earth" if earth else "mars"] = at_us
        witnesses = self._witnesses[fact.author]
        checkpoints = self._open[fact.author]
        for checkpoint in checkpoints:
            if node in checkpoint.by:
                continue
            if any(past.get(stream, 0) < size for stream, size in checkpoint.heads.items()):
                break  # later checkpoints have larger heads
            checkpoint.by.add(node)
            if earth:
                checkpoint.earth_us = at_us
            elif checkpoint.mars_us is None:
                checkpoint.mars_us = at_us
        while checkpoints and checkpoints[0].by >= witnesses:
            self.cosigned_by_all += 1
            self._write(fact.author, checkpoints.popleft())

    def _on_attested(self, at_us: int, _node: str, fact: Attested) -> None:
        _raise(self._audited, fact.stream, fact.size)
        self._last_us["audit"] = at_us

    def _write(self, author: str, c: _Checkpoint) -> None:
        self._table.row(
            author, c.counter, c.at_us, len(c.heads), c.frames, c.mars_us, c.earth_us, len(c.by),
            len(self._witnesses[author]),
        )  # fmt: skip

    def close(self) -> None:
        """Write the checkpoints that some witness has yet to sign."""
        for author, checkpoints in self._open.items():
            for checkpoint in checkpoints:
                self._write(author, checkpoint)
        self._table.close()

    # ------------------------------------------------------------ what it comes to

    @property
    def waiting(self) -> bool:
        """Whether Earth has yet to cosign something that an edge holds for good."""
        return any(self._signed_on_earth.get(stream, 0) < size for stream, size in self._durable.items())

    def block(self, rows: int) -> dict[str, Any]:
        """The `ledger` block of `result.json`; `rows` were counted in the table itself."""
        return {
            "frames": _sum(self._durable.values()),
            "rows": rows,
            "streams": len(self._durable),
            "checkpoints": self.checkpoints,
            "cosigned_by_all": self.cosigned_by_all,
            "frames_signed": _sum(self._signed.values()),
            "frames_cosigned_mars": _sum(self._signed_on_mars.values()),
            "frames_cosigned_earth": _sum(self._signed_on_earth.values()),
            "rows_audited": _sum(self._audited.values()),
            "last_cosigned_mars_utc": _utc(self._last_us, "mars"),
            "last_cosigned_earth_utc": _utc(self._last_us, "earth"),
            "last_audited_utc": _utc(self._last_us, "audit"),
        }


def _raise(sizes: dict[Key, int], stream: Key, size: int) -> None:
    if size > sizes.get(stream, 0):
        sizes[stream] = size


def _sum(sizes: Iterable[int]) -> int:
    return sum(sizes)


def _utc(last_us: Mapping[str, int], what: str) -> str | None:
    return us_to_utc(last_us[what]) if what in last_us else None
