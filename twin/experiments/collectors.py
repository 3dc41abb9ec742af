"""What is written down of a habitat's run while it goes: records, copies, alarms, backlog, and their counts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twin.experiments.clinic_log import ClinicLog
from twin.experiments.journeys import Journeys, Transmissions
from twin.experiments.machine_settings import MachineSettings
from twin.experiments.percentiles import latency_by_stream
from twin.experiments.tables import TableWriter
from twin.experiments.vitals_log import WatchedDevice
from twin.guarantees.truth import Truth
from twin.hosts.models.hops import HopAccount
from twin.pipeline.facts import Accepted, Trimmed
from twin.pipeline.wire.identity import StreamId
from twin.trace import Trace


class Collectors:
    """Tables of one run.

    Args:
        tables: folder of the tables.
        settings: who is in the run.
        hops: accounts of the links whose copies are listed.
        truth: what is sealed and stored, read for backlog and counts.
    """

    def __init__(self, tables: Path, settings: MachineSettings, hops: Iterable[HopAccount], truth: Truth) -> None:
        self._tables = tables
        self._settings = settings
        self._truth = truth
        scenario, devices = settings.scenario, settings.devices
        watched = [WatchedDevice(d.name, d.device, d.crew, d.channels) for d in devices]
        self.journeys = Journeys(tables, {number: name for name, number in settings.signers.items()})
        self.clinic = ClinicLog(tables, watched, settings.edges, scenario.start_us, scenario.end_us)
        self._transmissions = Transmissions(tables, hops)
        self._backlog = TableWriter(tables, "backlog")
        self._kept: dict[str, dict[StreamId, list[int]]] = {edge: {} for edge in settings.edges}

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        self.journeys.watch(trace)
        self._transmissions.watch(trace)
        self.clinic.watch(trace)
        trace.subscribe(Accepted, lambda _at, node, fact: self._keep(node, fact.stream, fact.end, 0))
        trace.subscribe(Trimmed, lambda _at, node, fact: self._keep(node, fact.stream, 0, fact.below))

    def _keep(self, node: str, stream: StreamId, end: int, below: int) -> None:
        """An edge keeps a stream up to `end`, and has deleted what lies below `below`."""
        if node in self._kept:
            of = self._kept[node].setdefault(stream, [0, 0])
            of[:] = max(of[0], end), max(of[1], below)

    def sample_backlog(self, at_us: int) -> None:
        """Write what each edge is home to and Earth has not stored, records and their size in bytes; and how many
        records it keeps, its own and those that it stands by for, until Earth says that they are safe.
        """
        settings = self._settings
        waiting = {edge: [0, 0] for edge in settings.edges}
        home = {d.device: d.home for d in settings.devices}
        home |= {number: edge for edge, number in settings.edge_devices.items()}
        for (device, _), of in self._truth.streams.items():
            at = of.contiguous["table"]
            count = waiting[home[device]]
            count[0] += of.sealed - at - len(of.ahead["table"])
            count[1] += sum(size for index, size in of.sizes.items() if index >= at)
        for edge, (records, size) in waiting.items():
            kept = sum(max(0, end - below) for end, below in self._kept[edge].values())
            self._backlog.row(at_us, edge, records, size, kept)

    @property
    def waiting(self) -> bool:
        """Whether a record's ack, or Earth's cosignature of it, is still to come."""
        return self.journeys.outstanding > 0 or self.clinic.ledger_log.waiting

    def counts(self) -> dict[str, int]:
        """The `counts` block."""
        return {
            "samples": self.journeys.samples,
            "frames": self.journeys.frames,
            "bundles": self.journeys.bundles,
            "rows": self._truth.rows,
            "alerts": self.clinic.alerts,
        }

    def streams(self) -> dict[str, dict[str, Any]]:
        """The `streams` block. Ages are of devices alone: alerts are no signal, and that of the newest says nothing."""
        ages_s = self.journeys.ages_s()
        return latency_by_stream(
            self._tables / "records.parquet",
            {name: f"{number:016x}" for name, number in self._settings.signers.items()},
            {d.name: ages_s.get(d.device, (None, None)) for d in self._settings.devices},
        )

    def close(self, at_us: int) -> None:
        """Write what is left."""
        self.journeys.close(at_us)
        self._transmissions.close()
        self.clinic.close(at_us)
        self._backlog.close()
