"""Lets every fault of a habitat happen: at its instant, to its victim, for as long as it lasts.

Faults that act on what passes (`disturbances.link_faults`, `real_rates`, `surprise_outages`) and on flushes
(`flush_faults`) are handed to the models when those are built; forgeries and replays are the `Intruder`'s, senseless
words the `Babbler`'s. All others stand here. Of faults of one kind at one place that overlap, each is over at its own
end, and the place heals with the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from twin.experiments.disturbances import FOREVER_US, span_of_fault
from twin.experiments.power_cycles import EffectFuse, FuseRule, PowerCycles
from twin.faults.resolve import numbered
from twin.faults.stale_plan import shifted
from twin.hosts.models.disk import Disk
from twin.hosts.models.medium import Image
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import PlanChanged
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.randomness import stream
from twin.scenario.earth_faults import (
    TABLE,
    ChannelBusy,
    ChannelDown,
    RowRot,
    StaleLeader,
    TableRestore,
    TableStaleRead,
    TableThrottling,
    TableTimeout,
    TableUnprocessed,
)
from twin.scenario.fault_rules import AUDITOR_NODE, GATEWAY, upgraded_nodes
from twin.scenario.faults import Fault
from twin.scenario.link_faults import StalePlan
from twin.scenario.model import HabitatScenario
from twin.scenario.node_faults import (
    ANY_NODE,
    BitRot,
    ClockDrift,
    ClockStep,
    CrashAtEffect,
    DeviceCrash,
    DiskFull,
    DiskSwap,
    EarthCrash,
    EdgeCrash,
    RollingUpgrade,
    SlowCpu,
    SnapshotRollback,
)
from twin.scenario.operator_faults import DeviceKeyRotation, EarlyRetention, HopKeyRotation, WrongConfig
from twin.scenario.relay_faults import RelaySafeMode

PPB_PER_PPM = 1000
_TableTrouble = tuple[TableUnprocessed | TableTimeout | TableStaleRead, np.random.Generator]


class Store(Protocol):
    """A store on Earth and the faults that it can be given; a rate of 0 ends one."""

    write_rows_per_s: float

    def leave_rows_out(self, rate: float, random: np.random.Generator | None) -> None:
        """From now on each row of a batch comes back as unprocessed with this probability."""
        ...

    def fall_silent(self, rate: float, random: np.random.Generator | None) -> None:
        """From now on the answer to a request that was carried out is lost with this probability."""
        ...

    def read_stale(self, rate: float, random: np.random.Generator | None, behind_us: int) -> None:
        """From now on a read misses, with this probability, rows that were written in the last `behind_us`."""
        ...

    def rot(self, random: np.random.Generator) -> object:
        """Flip a bit in a row at rest."""
        ...

    def delete(self, before_us: int) -> object:
        """Delete the rows that were stored before an instant."""
        ...


class Channel(Protocol):
    """The channel to the flight surgeon."""

    def go_down(self, until_us: int) -> None:
        """Take no message until then."""
        ...

    def be_busy(self, until_us: int, retry_after_us: int) -> None:
        """Refuse messages until then and ask for patience."""
        ...


@dataclass(frozen=True)
class Hands:
    """What a habitat lets its faults do to it.

    Attributes:
        gateway, auditor: the host's names of the two nodes on Earth.
        disks: by edge; stores: "table" and "backup".
        plan: the contact plan that is right, for nodes that hold a stale one.
        restore_table: the table is lost and set up anew from the backup; leaders and auditor are down for so long [us].
        stale_leader: True: a new ingest leader is put in while the old one goes on; False: the old one stops.
        replace_device_key: hands a device its next signing key.
        install_hop_key: installs key number 1, 2, ... after the first on "mars" or on "earth".
        configure: names the devices that an edge does not know from its next start on.
    """

    gateway: str
    auditor: str
    disks: Mapping[str, Disk]
    stores: Mapping[str, Store]
    channel: Channel
    plan: ContactPlan
    restore_table: Callable[[int], None]
    stale_leader: Callable[[bool], None]
    replace_device_key: Callable[[str], None]
    install_hop_key: Callable[[str, int], None]
    configure: Callable[[str, frozenset[str]], None]
    safe_mode: Callable[[str, bool], None]


class FaultSchedule:
    """Schedules the faults of a resolved scenario; made once, before the run's first event."""

    def __init__(self, host: SimulatedHost, scenario: HabitatScenario, power: PowerCycles, hands: Hands) -> None:
        self._host = host
        self._scenario = scenario
        self._power = power
        self._hands = hands
        self._active: dict[tuple[str, str], list[Any]] = {}
        self._hop_keys = {"mars": 0, "earth": 0}
        self._plans: dict[str, ContactPlan] = {}
        """What was told last, by who holds it: "habitat" or "gateway"."""
        fuses = []
        for fault, number in numbered(scenario.faults):
            name = ("fault", fault.kind, fault.place, str(number))
            if isinstance(fault, CrashAtEffect):
                fuses.append(self._fuse(fault, name))
            else:
                self._schedule(fault, name)
        if fuses:
            host.dispatcher.fuse = EffectFuse(host, scenario.seed, power, tuple(fuses))
        power.after_start.append(self._tell_plan)

    def _fuse(self, fault: CrashAtEffect, name: tuple[str, ...]) -> FuseRule:
        start_us = self._scenario.start_us
        assert fault.until_us is not None, "resolved"
        node = None if fault.node == ANY_NODE else self._node(fault.node)
        return FuseRule(node, fault.rate, start_us + fault.from_us, start_us + fault.until_us, fault.down_us, name)

    def _node(self, name: str) -> str:
        return {GATEWAY: self._hands.gateway, AUDITOR_NODE: self._hands.auditor}.get(name, name)

    def _at(self, fault: Fault, after_us: int, act: Callable[..., Any], *args: Any) -> None:
        self._host.call_at(self._scenario.start_us + fault.onset_us + after_us, act, *args)

    def _schedule(self, fault: Fault, name: tuple[str, ...]) -> None:
        hands = self._hands
        match fault:
            case EdgeCrash() | EarthCrash():
                self._at(fault, 0, self._power.crash, self._node(fault.node), fault.down_us)
            case DeviceCrash():
                self._at(fault, 0, self._power.crash, fault.device, fault.down_us)
            case DiskSwap():
                self._at(fault, 0, self._power.crash, fault.node, fault.down_us, hands.disks[fault.node].swap)
            case SnapshotRollback():
                self._roll_back(fault)
            case RollingUpgrade():
                for place, node in enumerate(upgraded_nodes(fault, self._scenario.habitat.edge_names)):
                    self._at(fault, place * fault.every_us, self._power.crash, self._node(node), fault.down_us)
            case BitRot():
                position = int(stream(self._scenario.seed, *name, "content").integers(0, 1 << 62))
                self._at(fault, 0, hands.disks[fault.node].rot, position)
            case ClockStep():
                self._at(fault, 0, self._host.step_clock, self._node(fault.node), fault.by_us)
            case RowRot():
                self._at(fault, 0, hands.stores[fault.store].rot, stream(self._scenario.seed, *name, "content"))
            case TableRestore():
                self._at(fault, 0, hands.restore_table, fault.down_us)
            case ChannelDown():
                self._at(fault, 0, hands.channel.go_down, span_of_fault(self._scenario, fault)[1])
            case ChannelBusy():
                until_us = span_of_fault(self._scenario, fault)[1]
                self._at(fault, 0, hands.channel.be_busy, until_us, fault.retry_after_us)
            case EarlyRetention():
                self._at(fault, 0, self._delete, fault)
            case DeviceKeyRotation():
                self._at(fault, 0, hands.replace_device_key, fault.device)
            case HopKeyRotation():
                self._rotate_hop_keys(fault)
            case _:
                self._schedule_span(fault, name)

    def _schedule_span(self, fault: Fault, name: tuple[str, ...]) -> None:
        match fault:
            case DiskFull():
                self._while(fault, self._fill_disk)
            case SlowCpu():
                self._while(fault, self._slow_down)
            case ClockDrift():
                self._while(fault, self._drift)
            case StalePlan():
                self._while(fault, self._mislead)
            case TableThrottling():
                self._while(fault, self._throttle)
            case StaleLeader():
                self._while(fault, self._lead)
            case RelaySafeMode():
                self._while(fault, self._rest)
            case WrongConfig():
                active = self._active.setdefault((fault.kind, fault.place), [])
                self._at(fault, 0, self._begin, fault, active, self._configure)
                self._at(fault, fault.for_us, self._end, fault, active, self._configure)  # it is over when it is back
            case TableUnprocessed() | TableTimeout() | TableStaleRead():
                self._while(fault, self._trouble_table, (fault, stream(self._scenario.seed, *name)))
            case _:
                pass  # acts on what passes: the models, the intruder and the babbler hold it

    # ------------------------------------------------------------ faults that last

    def _while(self, fault: Fault, apply: Callable[[Any, list[Any]], None], item: object = None) -> None:
        """Call `apply(item, active)` at both ends of a fault with the items of its kind and place that are active then.

        The item is the fault itself unless given.
        """
        start_us, end_us = span_of_fault(self._scenario, fault)
        active = self._active.setdefault((fault.kind, fault.place), [])
        item = item or fault
        self._host.call_at(start_us, self._begin, item, active, apply)
        if end_us != FOREVER_US:
            self._host.call_at(end_us, self._end, item, active, apply)

    def _begin(self, item: object, active: list[object], apply: Callable[[object, list[object]], None]) -> None:
        active.append(item)
        apply(item, active)

    def _end(self, item: object, active: list[object], apply: Callable[[object, list[object]], None]) -> None:
        active.remove(item)
        apply(item, active)

    def _fill_disk(self, fault: DiskFull, active: list[DiskFull]) -> None:
        self._hands.disks[fault.node].full = bool(active)

    def _slow_down(self, fault: SlowCpu, active: list[SlowCpu]) -> None:
        self._host.slow_down(self._node(fault.node), max((other.delay_us for other in active), default=0))

    def _drift(self, fault: ClockDrift, active: list[ClockDrift]) -> None:
        rate_ppb = sum(round(other.rate_ppm * PPB_PER_PPM) for other in active)
        self._host.drift_clock(self._node(fault.node), rate_ppb)

    def _throttle(self, _fault: TableThrottling, active: list[TableThrottling]) -> None:
        normal = self._scenario.earth.table.write_capacity_rows_per_s
        rates = [other.write_capacity_rows_per_s for other in active]
        self._hands.stores[TABLE].write_rows_per_s = min(rates, default=normal)

    def _trouble_table(self, item: _TableTrouble, active: list[_TableTrouble]) -> None:
        """The one that set in last is in force."""
        table = self._hands.stores[TABLE]
        fault, random = active[-1] if active else item
        rate = fault.rate if active else 0.0
        match fault:
            case TableUnprocessed():
                table.leave_rows_out(rate, random)
            case TableTimeout():
                table.fall_silent(rate, random)
            case TableStaleRead():
                table.read_stale(rate, random, fault.age_us)

    def _lead(self, _fault: StaleLeader, active: list[StaleLeader]) -> None:
        self._hands.stale_leader(bool(active))

    def _rest(self, fault: RelaySafeMode, active: list[RelaySafeMode]) -> None:
        self._hands.safe_mode(fault.relay, bool(active))

    def _mislead(self, fault: StalePlan, active: list[StalePlan]) -> None:
        right = self._hands.plan
        plan = shifted(right, active[-1].shift_us) if active else right
        self._plans[fault.node] = plan
        for node in self._misled_with(fault.node):
            self._host.deliver(node, PlanChanged(plan))

    def _misled_with(self, holder: str) -> tuple[str, ...]:
        return (self._hands.gateway,) if holder == GATEWAY else self._scenario.habitat.edge_names

    def _tell_plan(self, node: str) -> None:
        """A node that starts was configured with the right plan; what is held there may be another."""
        for holder, plan in self._plans.items():
            if plan is not self._hands.plan and node in self._misled_with(holder):
                self._host.deliver(node, PlanChanged(plan))

    def _configure(self, fault: WrongConfig, active: list[WrongConfig]) -> None:
        self._hands.configure(fault.node, frozenset(other.device for other in active))
        self._power.crash(fault.node, fault.down_us)

    # ------------------------------------------------------------ faults in several steps

    def _delete(self, fault: EarlyRetention) -> None:
        self._hands.stores[fault.store].delete(self._host.now_us - fault.older_than_us)

    def _roll_back(self, fault: SnapshotRollback) -> None:
        disk = self._hands.disks[fault.node]
        kept: list[Image] = []
        self._at(fault, -fault.age_us, lambda: kept.append(disk.image()))
        self._at(fault, 0, self._power.crash, fault.node, fault.down_us, lambda: disk.roll_back(kept.pop()))

    def _rotate_hop_keys(self, fault: HopKeyRotation) -> None:
        if fault.side in ("both", "mars"):
            self._at(fault, 0, self._next_hop_key, "mars")
        if fault.side in ("both", "earth"):
            self._at(fault, fault.lasts_us, self._next_hop_key, "earth")

    def _next_hop_key(self, side: str) -> None:
        self._hop_keys[side] += 1
        self._hands.install_hop_key(side, self._hop_keys[side])
