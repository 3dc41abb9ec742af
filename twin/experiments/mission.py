"""A run ready to start: host, checkers and collectors, and when it is over. Both kinds of scenario are built into one
of these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twin.guarantees.conservation import Conservation
from twin.guarantees.verdict import Checker
from twin.hosts.models.hops import HopAccount
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.nodes.auditor import Auditor
from twin.pipeline.nodes.device import Device
from twin.pipeline.nodes.edge import Edge
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.transport.bundle_node import BundleNode


@dataclass(frozen=True)
class Roles:
    """The machines of a run; a test plants a bug by putting another class here."""

    device: type[Device] = Device
    edge: type[Edge] = Edge
    gateway: type[Gateway] = Gateway
    auditor: type[Auditor] = Auditor
    node: type[BundleNode] = BundleNode


@dataclass
class Mission:
    """What `twin.experiments.run` drives.

    Attributes:
        generation_end_us: when sources fall silent.
        home: whether everything is acked back to its source and cosigned on Earth, what rotted there is mended, the
            surgeon knows of every alarm, and Mars of every acknowledgement.
        deadline_us: until when the drain may take, once generation has ended; None: the plan ends before.
        hops: accounts of every link, local ones included.
        counts: the `counts` block but transmissions; records: the `records` block; streams: per stream.
        storms: the `storms` block; None where there is no weather.
        storage: the `storage` block; None where nodes keep no journal.
        clinic, ledger: the blocks of these names; None where there are no devices.
    """

    host: SimulatedHost
    start_us: int
    generation_end_us: int
    plan_end_us: int
    checkers: list[Checker]
    conservation: Conservation
    home: Callable[[], bool]
    deadline_us: Callable[[], int | None]
    hops: Callable[[], list[HopAccount]]
    counts: Callable[[], dict[str, int]]
    records: Callable[[], dict[str, int]]
    streams: Callable[[], dict[str, dict[str, Any]]]
    site: dict[str, Any] | None = None
    storms: list[dict[str, Any]] | None = None
    longest_silence_s: float | None = None
    storage: Callable[[], list[dict[str, Any]] | None] = lambda: None
    clinic: Callable[[], dict[str, Any] | None] = lambda: None
    ledger: Callable[[], dict[str, Any] | None] = lambda: None
    before_finish: list[Callable[[bool], None]] = field(default_factory=list)
    closers: list[Callable[[int], None]] = field(default_factory=list)
