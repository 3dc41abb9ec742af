"""bounded_resources: queues, retransmissions per record and wire amplification stay under their limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from twin.guarantees.by_record import ByRecord
from twin.guarantees.truth import Key, Truth
from twin.guarantees.verdict import Checker, Place, Worst, worst_at
from twin.pipeline.facts import Adopted, BundleSent, FrameSealed, Trimmed
from twin.trace import Crashed, MadeDurable, MediumHolds, Radiated, Trace

AMPLIFICATION_FROM_BYTES = 100_000
"""Before so much was signed, checkpoints and headers outweigh the records, and the ratio says nothing."""


class Limits(NamedTuple):
    """The most of each: transmissions of one record after its first by one node, bytes radiated to Earth per byte
    signed, records that a device keeps, records that an edge keeps.
    """

    retransmissions: int
    amplification: float
    device_frames: int
    edge_frames: int


class _Use(NamedTuple):
    observed: float
    limit: float
    unit: str
    place: Place

    @property
    def share(self) -> float:
        return self.observed / self.limit


class BoundedResources(Checker):
    """At every instant: records signed and not trimmed per device, records durable and not trimmed per edge,
    transmissions per record, and bytes radiated to Earth per byte signed are under their limits.

    The verdict shows the one that came nearest to its limit. A bundle that was handed to the antenna counts when it is
    radiated at that instant: an edge whose clock is off tries in vain where there is no contact, and sends nothing.

    Args:
        devices: node name -> device id of the nodes that keep their records in memory alone.
        earth: the node that the way down ends at.
    """

    key = "bounded_resources"
    not_applicable = "no record was signed"

    def __init__(self, truth: Truth, limits: Limits, devices: Mapping[str, int], earth: str) -> None:
        super().__init__()
        self._truth = truth
        self._limits = limits
        self._devices = devices
        self._down = f"->{earth}"
        self._from: dict[tuple[str, Key], int] = {}  # records below it are gone from a node
        self._end: dict[tuple[str, Key], int] = {}
        self._kept: dict[str, int] = {}
        self._sent: dict[str, ByRecord[int]] = {}  # by node, of what it still holds
        self._handed: dict[str, tuple[int, BundleSent]] = {}
        self._signed_bytes = 0
        self._radiated_bytes = 0
        self.most: dict[str, _Use] = {}

    def watch(self, trace: Trace) -> None:
        trace.subscribe(FrameSealed, self._sealed)
        trace.subscribe(MadeDurable, self._durable)
        trace.subscribe(Adopted, self._adopted)
        trace.subscribe(Trimmed, self._trimmed)
        trace.subscribe(MediumHolds, self._medium)
        trace.subscribe(Crashed, self._crashed)
        trace.subscribe(BundleSent, self._bundle)
        trace.subscribe(Radiated, self._radiated)

    # ------------------------------------------------------------ queues

    def _sealed(self, at_us: int, node: str, fact: FrameSealed) -> None:
        self._signed_bytes += fact.size_bytes
        if node in self._devices:
            stream = (fact.record.device, fact.record.epoch)
            self._stands(at_us, node, stream, fact.record.index + 1)

    def _durable(self, at_us: int, node: str, fact: MadeDurable) -> None:
        for device, epoch, index in fact.records:
            self._stands(at_us, node, (device, epoch), index + 1)

    def _stands(self, at_us: int, node: str, stream: Key, end: int) -> None:
        """A node keeps a stream's records up to `end`."""
        place = (node, stream)
        before = self._end.get(place, self._from.get(place, 0))
        if end <= before:
            return
        self._end[place] = end
        kept = self._kept[node] = self._kept.get(node, 0) + end - before
        if node in self._devices:
            self._use(at_us, node, stream, "records on a device", kept, self._limits.device_frames, "records")
        else:
            self._use(at_us, node, stream, "records on an edge", kept, self._limits.edge_frames, "records")

    def _adopted(self, _at_us: int, node: str, fact: Adopted) -> None:
        self._gone(node, (fact.stream.device, fact.stream.epoch), fact.size)

    def _trimmed(self, _at_us: int, node: str, fact: Trimmed) -> None:
        self._gone(node, (fact.stream.device, fact.stream.epoch), fact.below)

    def _gone(self, node: str, stream: Key, below: int) -> None:
        if node in self._sent:
            self._sent[node].forget(stream, below)
        place = (node, stream)
        begin = self._from.get(place, 0)
        if below > begin:
            end = self._end.get(place, begin)
            self._kept[node] = self._kept.get(node, 0) - (min(below, end) - begin)
            self._from[place] = below
            self._end[place] = max(end, below)

    def _medium(self, _at_us: int, node: str, fact: MediumHolds) -> None:
        holds = {(device, epoch): size for device, epoch, size in fact.streams}
        total = 0
        for place in [place for place in self._end if place[0] == node]:
            size = holds.get(place[1], 0)
            begin = self._from[place] = min(self._from.get(place, 0), size)
            self._end[place] = size
            total += size - begin
        self._kept[node] = total

    def _crashed(self, _at_us: int, node: str, _fact: Crashed) -> None:
        if node in self._devices:  # its memory is gone
            for place in [place for place in self._end if place[0] == node]:
                self._from[place] = self._end[place]
            self._kept[node] = 0

    # ------------------------------------------------------------ the way down

    def _bundle(self, at_us: int, node: str, fact: BundleSent) -> None:
        self._handed[node] = (at_us, fact)

    def _left(self, at_us: int, node: str, fact: BundleSent) -> None:
        sent = self._sent.setdefault(node, ByRecord())
        limit = self._limits.retransmissions
        for record, _ in fact.records:
            stream = (record.device, record.epoch)
            times = sent.get(stream, record.index)
            times = 0 if times is None else times + 1
            sent.put(stream, record.index, times)
            if times:
                self._use(at_us, node, record, "retransmissions", times, limit, "retransmissions")

    def _radiated(self, at_us: int, node: str, fact: Radiated) -> None:
        handed = self._handed.pop(node, None)
        if handed is not None and handed[0] == at_us:
            self._left(at_us, node, handed[1])
        if fact.link.endswith(self._down):
            self._radiated_bytes += len(fact.data)
            if self._signed_bytes >= AMPLIFICATION_FROM_BYTES:
                ratio = self._radiated_bytes / self._signed_bytes
                limit = self._limits.amplification
                self._use(at_us, node, fact.link, "amplification", ratio, limit, "bytes radiated per byte signed")

    # ------------------------------------------------------------ the verdict

    def _use(self, at_us: int, where: str, record: object, what: str, observed: float, limit: float, unit: str) -> None:
        self.checked += 1
        most = self.most.get(what)
        if most is not None and observed <= most.observed:
            return
        self.most[what] = _Use(observed, limit, unit, (at_us, where, record))
        if observed > limit:  # said once for each new high
            self.violate(at_us, where, record, f"{what}: {observed:g}, the limit is {limit:g}")

    def numbers(self) -> dict[str, Any]:
        if not self.most:
            return super().numbers()
        tightest = self._tightest_use()
        return {
            "bound": float(tightest.limit),
            "observed": float(tightest.observed),
            "margin": float(tightest.limit - tightest.observed),
            "unit": tightest.unit,
        }

    def worst(self) -> Worst | None:
        return worst_at(self._tightest_use().place) if self.most else None

    def _tightest_use(self) -> _Use:
        return max(self.most.values(), key=lambda use: use.share)

    def remark(self) -> str:
        return ", ".join(f"{what} {use.observed:.4g} of {use.limit:g}" for what, use in sorted(self.most.items()))
