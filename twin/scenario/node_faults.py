"""Faults of nodes: crashes, disks, clocks, slow processors, upgrades."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from twin.scenario.errors import RuleError
from twin.scenario.fault_parts import AtInstant, AtOrByChance, ByChance, During, ForAWhile, WithDown
from twin.scenario.fields import DriftPpm, NodeName, PositiveDurationUs, ShiftUs, setting
from twin.units import format_duration

EdgeName = NodeName
ANY_NODE = "any"


class _OnNode(AtInstant):
    node: NodeName = Field(description="The node: edge-1 to edge-N, gateway, auditor, or a device.")

    @property
    def place(self) -> str:
        return self.node


class EdgeCrash(WithDown):
    """An edge computer stops; what it had not synced to its disk is lost; it returns after `down`."""

    kind: Literal["edge_crash"]
    node: EdgeName = Field(description="The edge computer, edge-1 to edge-N.")

    @property
    def place(self) -> str:
        return self.node

    @property
    def detail(self) -> str:
        return "unsynced tail lost"


class DeviceCrash(WithDown):
    """A medical device stops and samples nothing; it returns after `down`."""

    kind: Literal["device_crash"]
    device: NodeName = Field(description="The device, for example vitals-1.")

    @property
    def place(self) -> str:
        return self.device

    @property
    def detail(self) -> str:
        return "no samples while down"


class EarthCrash(WithDown):
    """The ingest leader or the auditor on Earth stops; it returns after `down`."""

    kind: Literal["earth_crash"]
    node: Literal["gateway", "auditor"] = Field(description="Which of the two.")

    @property
    def place(self) -> str:
        return self.node

    @property
    def detail(self) -> str:
        return "memory lost"


class CrashAtEffect(ByChance):
    """A node stops between two effects of one event: what it had begun to do is half done.

    Without `until` it ends with the generation of data.
    """

    kind: Literal["crash_at_effect"]
    node: NodeName = Field(description="edge-1 to edge-N, gateway, auditor, a device, or any.")
    down_us: PositiveDurationUs = setting("1 min", "How long the node is down.", source="assumed: a watchdog's reboot")

    @property
    def place(self) -> str:
        return "any node" if self.node == ANY_NODE else self.node

    @property
    def cease_us(self) -> int | None:
        return None if self.until_us is None else self.until_us + self.down_us

    @property
    def detail(self) -> str:
        return f"{self.rate * 100:g} % of effects"


class FsyncError(AtOrByChance):
    """A flush of an edge's disk fails: what it was to write is not on the medium, and the edge is told."""

    kind: Literal["fsync_error"]
    node: EdgeName = Field(description="The edge computer.")

    @property
    def place(self) -> str:
        return self.node


class FsyncLie(AtOrByChance):
    """A flush of an edge's disk is answered and not done: a crash before the next honest one loses it."""

    kind: Literal["fsync_lie"]
    node: EdgeName = Field(description="The edge computer.")

    @property
    def place(self) -> str:
        return self.node


class DiskFull(ForAWhile):
    """An edge's disk takes no more bytes."""

    kind: Literal["disk_full"]
    node: EdgeName = Field(description="The edge computer.")

    @property
    def place(self) -> str:
        return self.node


class BitRot(AtInstant):
    """A bit of an edge's journal flips at rest."""

    kind: Literal["bit_rot"]
    node: EdgeName = Field(description="The edge computer.")

    @property
    def place(self) -> str:
        return self.node


class DiskSwap(WithDown):
    """An edge stops, and returns with a new, empty medium."""

    kind: Literal["disk_swap"]
    node: EdgeName = Field(description="The edge computer.")

    @property
    def place(self) -> str:
        return self.node

    @property
    def detail(self) -> str:
        return "new empty medium"


class SnapshotRollback(WithDown):
    """An edge stops, and returns with its medium as it was `age` before."""

    kind: Literal["snapshot_rollback"]
    node: EdgeName = Field(description="The edge computer.")
    age_us: PositiveDurationUs = Field(description="How old the snapshot is.")
    down_us: PositiveDurationUs = setting("1 min", "How long the node is down.", source="assumed: a snapshot's restore")

    @property
    def place(self) -> str:
        return self.node

    @property
    def earliest_us(self) -> int:
        return self.age_us

    @property
    def detail(self) -> str:
        return f"medium as {format_duration(self.age_us)} before"


class ClockStep(_OnNode):
    """A node's clock jumps; it stays off by that."""

    kind: Literal["clock_step"]
    by_us: ShiftUs = Field(description="How far: -3 s sets it back.")

    @property
    def detail(self) -> str:
        return f"by {format_duration(self.by_us)}"


class ClockDrift(During):
    """A node's clock runs fast (or, negative, slow); what it has gained stays when it runs right again."""

    kind: Literal["clock_drift"]
    node: NodeName = Field(description="The node: edge-1 to edge-N, gateway, auditor, or a device.")
    rate_ppm: DriftPpm = Field(description="Microseconds gained per second.")

    @property
    def place(self) -> str:
        return self.node

    @property
    def detail(self) -> str:
        return f"{self.rate_ppm:g} ppm"


class SlowCpu(ForAWhile):
    """A node takes `delay` longer for everything that reaches it."""

    kind: Literal["slow_cpu"]
    node: NodeName = Field(description="The node: edge-1 to edge-N, gateway, auditor, or a device.")
    delay_us: PositiveDurationUs = Field(description="How much later it deals with each event.")

    @property
    def place(self) -> str:
        return self.node

    @property
    def detail(self) -> str:
        return f"each event {format_duration(self.delay_us)} later"


class RollingUpgrade(AtInstant):
    """Nodes restart one after the other, `every` apart, each for `down`: edges, then gateway and auditor."""

    kind: Literal["rolling_upgrade"]
    every_us: PositiveDurationUs = Field(description="From one node's restart to the next one's.")
    down_us: PositiveDurationUs = Field(description="How long each node is down.")
    nodes: Literal["edges", "earth", "all"] = setting("all", "Which nodes.", source="assumed: the whole system")

    @property
    def place(self) -> str:
        return {"edges": "edge nodes", "earth": "Earth", "all": "edge nodes and Earth"}[self.nodes]

    @property
    def detail(self) -> str:
        return f"each {format_duration(self.down_us)}, {format_duration(self.every_us)} apart"

    @model_validator(mode="after")
    def _one_at_a_time(self) -> RollingUpgrade:
        if self.down_us >= self.every_us:
            raise RuleError("takes the next node down before the last one is back", "raise `every`", ("every",))
        return self


NodeFault = (
    EdgeCrash
    | DeviceCrash
    | EarthCrash
    | CrashAtEffect
    | FsyncError
    | FsyncLie
    | DiskFull
    | BitRot
    | DiskSwap
    | SnapshotRollback
    | ClockStep
    | ClockDrift
    | SlowCpu
    | RollingUpgrade
)
DiskFault = FsyncError | FsyncLie | DiskFull | BitRot | DiskSwap | SnapshotRollback
