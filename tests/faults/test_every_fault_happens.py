"""The schedule: each kind acts at its instant, on its victim, and is over when it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from faulty_world import Noter, World
from numpy.random import Generator

from twin.experiments.disturbances import flush_faults
from twin.experiments.fault_schedule import FaultSchedule, Hands
from twin.experiments.power_cycles import PowerCycles
from twin.faults.resolve import resolve
from twin.hosts.models.disk import Disk
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import Append, PlanChanged, Received, Started, Sync, SyncFailed
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.scenario import HabitatScenario, parse_scenario
from twin.trace import Crashed, Restarted

SECOND_US = 1_000_000
HOUR = 3600
HEAD = """\
name: small
start: 2033-03-10T00:00:00Z
duration: 10 h
seed: 5
habitat: {site: jezero, crew: 1, edge_nodes: 2}
network: {relays: [{name: tgo, orbit: tgo-like}]}
faults:
"""
NODES = ("edge-1", "edge-2", "earth", "auditor", "vitals-1")


class Store:
    """A store that notes its faults."""

    def __init__(self, name: str, note: Callable[..., None]) -> None:
        self._name = name
        self._note = note
        self._rows_per_s = 1000.0

    @property
    def write_rows_per_s(self) -> float:
        return self._rows_per_s

    @write_rows_per_s.setter
    def write_rows_per_s(self, rate: float) -> None:
        self._rows_per_s = rate
        self._note("throttle", rate)

    def leave_rows_out(self, rate: float, random: Generator | None) -> None:
        self._note("unprocessed", rate, random is not None)

    def fall_silent(self, rate: float, random: Generator | None) -> None:
        self._note("silent", rate, random is not None)

    def read_stale(self, rate: float, random: Generator | None, behind_us: int) -> None:
        self._note("stale", rate, random is not None, behind_us)

    def rot(self, random: Generator) -> None:
        self._note("rot", self._name, random is not None)

    def delete(self, before_us: int) -> None:
        self._note("delete", self._name, before_us)


class Channel:
    """A channel that notes its faults."""

    def __init__(self, note: Callable[..., None]) -> None:
        self._note = note

    def go_down(self, until_us: int) -> None:
        self._note("down", until_us)

    def be_busy(self, until_us: int, retry_after_us: int) -> None:
        self._note("busy", until_us, retry_after_us)


class Clinic(World):
    """A habitat of machines that only take note, with everything that is done to it in `done` as (second, what)."""

    def __init__(self, *faults: str) -> None:
        super().__init__()
        scenario = parse_scenario(HEAD + "".join(f"  - {{{fault}}}\n" for fault in faults))
        assert isinstance(scenario, HabitatScenario)
        self.scenario = resolve(scenario)
        self.t = self.scenario.start_us
        self.host = SimulatedHost(self.t, self.trace)
        self.done: list[tuple[float, Any]] = []
        self.lives: dict[str, list[Noter]] = {}
        self.disks = {
            edge: Disk(self.host, edge, 2000, 10**9, None, flush_faults(self.scenario, edge))
            for edge in ("edge-1", "edge-2")
        }
        contact = Contact("edge-1", "earth", self.t, self.t + SECOND_US, 8000, ((self.t, 5),))
        self.plan = ContactPlan([contact])
        self.power = PowerCycles(self.host, 5, self._make, self.disks)
        self.host.call_at(self.t, self._start_all)
        note = self._note
        self.stores = {name: Store(name, note) for name in ("table", "backup")}
        hands = Hands(
            gateway="earth",
            auditor="auditor",
            disks=self.disks,
            stores=self.stores,
            channel=Channel(note),
            plan=self.plan,
            restore_table=lambda down_us: note("restore", down_us),
            stale_leader=lambda on: note("stale leader", on),
            replace_device_key=lambda device: note("device key", device),
            install_hop_key=lambda side, number: note("hop key", side, number),
            configure=lambda edge, unknown: note("unknown", edge, *sorted(unknown)),
            safe_mode=lambda relay, on: note("safe mode", relay, on),
        )
        FaultSchedule(self.host, self.scenario, self.power, hands)

    def _note(self, *what: Any) -> None:
        self.done.append(((self.host.now_us - self.t) / SECOND_US, what))

    def _make(self, node: str) -> Noter:
        self.lives.setdefault(node, []).append(Noter())
        return self.lives[node][-1]

    def _start_all(self) -> None:
        for node in NODES:
            self.power.start(node)

    def lasted(self, node: str) -> list[tuple[float, float]]:
        """(down, up) seconds of a node's crashes."""
        downs = [(at - self.t) / SECOND_US for at, name, _ in self.of(Crashed) if name == node]
        ups = [(at - self.t) / SECOND_US for at, name, _ in self.of(Restarted) if name == node]
        return list(zip(downs, ups[1:], strict=True))

    def write(self, second: int, node: str = "edge-1", data: bytes = b"x") -> None:
        """Append and sync on a node's disk."""

        def act() -> None:
            self.disks[node].append(Append(data))
            self.disks[node].sync(Sync(second))

        self.host.call_at(self.t + second * SECOND_US, act)


def run(*faults: str) -> Clinic:
    clinic = Clinic(*faults)
    clinic.run()
    return clinic


def test_nodes_of_every_class_crash_and_return() -> None:
    clinic = run(
        "kind: edge_crash, node: edge-2, at: 1 h, down: 10 s",
        "kind: device_crash, device: vitals-1, at: 2 h, down: 20 s",
        "kind: earth_crash, node: gateway, at: 3 h, down: 30 s",
        "kind: earth_crash, node: auditor, at: 4 h, down: 40 s",
    )
    assert {node: clinic.lasted(node) for node in NODES} == {
        "edge-1": [],
        "edge-2": [(HOUR, HOUR + 10)],
        "vitals-1": [(2 * HOUR, 2 * HOUR + 20)],
        "earth": [(3 * HOUR, 3 * HOUR + 30)],
        "auditor": [(4 * HOUR, 4 * HOUR + 40)],
    }


def test_an_upgrade_rolls_over_every_node_in_turn() -> None:
    clinic = run("kind: rolling_upgrade, at: 1 h, every: 10 min, down: 2 min")
    restarts = {node: clinic.lasted(node) for node in NODES}
    assert restarts == {
        "edge-1": [(3600, 3720)],
        "edge-2": [(4200, 4320)],
        "earth": [(4800, 4920)],
        "auditor": [(5400, 5520)],
        "vitals-1": [],
    }


def test_a_random_crash_falls_when_its_calendar_says() -> None:
    clinic = run("kind: edge_crash, node: edge-1, at: random, count: 3, down: 1 s")
    assert sorted(fault.onset_us / SECOND_US for fault in clinic.scenario.faults) == [
        down for down, _ in clinic.lasted("edge-1")
    ]


def test_crashes_at_effects_are_lit_only_where_a_scenario_asks() -> None:
    assert run("kind: edge_crash, node: edge-1, at: 1 h, down: 1 s").host.dispatcher.fuse is None
    clinic = run("kind: crash_at_effect, node: gateway, rate: 100 %, from: 1 h, until: 2 h, down: 5 s")
    fuse = clinic.host.dispatcher.fuse
    assert fuse is not None
    assert not fuse("earth", Append(b"")), "its span is over"


def test_a_swapped_disk_is_empty_and_a_rolled_back_one_old() -> None:
    clinic = Clinic(
        "kind: snapshot_rollback, node: edge-1, at: 1 h, age: 10 min, down: 10 s",
        "kind: disk_swap, node: edge-2, at: 1 h, down: 10 s",
    )
    for edge in ("edge-1", "edge-2"):
        for second, data in ((2900, b"old"), (3100, b"new")):
            clinic.write(second, edge, data)
    clinic.run()
    assert clinic.disks["edge-1"].contents() == b"old"
    assert clinic.disks["edge-2"].contents() == b""
    assert [len(lives) for lives in (clinic.lives["edge-1"], clinic.lives["edge-2"])] == [2, 2]


def test_a_full_disk_and_failing_flushes_are_told_while_they_last() -> None:
    clinic = Clinic(
        "kind: disk_full, node: edge-1, at: 100 s, for: 50 s",
        "kind: disk_full, node: edge-1, at: 120 s, for: 80 s",
        "kind: fsync_error, node: edge-2, at: 100 s, for: 50 s",
    )
    for second in (90, 140, 170, 210):
        clinic.write(second, "edge-1")
        clinic.write(second, "edge-2")
    clinic.run()
    failed = {edge: [event.id for event in clinic.lives[edge][0].all(SyncFailed)] for edge in ("edge-1", "edge-2")}
    assert failed == {"edge-1": [140, 170], "edge-2": [140]}


def test_rot_flips_one_bit_of_what_stands_on_the_disk() -> None:
    clinic = Clinic("kind: bit_rot, node: edge-1, at: 200 s")
    clinic.write(100, data=bytes(64))
    clinic.run()
    assert sum(byte.bit_count() for byte in clinic.disks["edge-1"].contents()) == 1


def test_clocks_step_and_drift_and_run_right_again() -> None:
    clinic = run(
        "kind: clock_step, node: vitals-1, at: 1 h, by: -3 s",
        "kind: clock_drift, node: gateway, rate: 50 ppm, from: 1 h, until: 2 h",
    )
    shown = {node: clinic.host.local_us(node, clinic.host.now_us) - clinic.host.now_us for node in NODES}
    assert shown == {"edge-1": 0, "edge-2": 0, "auditor": 0, "vitals-1": -3 * SECOND_US, "earth": 180_000}


def test_a_slow_processor_is_fast_again_when_the_last_such_fault_is_over() -> None:
    clinic = Clinic(
        "kind: slow_cpu, node: edge-1, at: 100 s, for: 100 s, delay: 1 s",
        "kind: slow_cpu, node: edge-1, at: 150 s, for: 100 s, delay: 2 s",
    )
    for second in (90, 110, 160, 220, 260):
        clinic.host.call_at(clinic.t + second * SECOND_US, clinic.host.deliver, "edge-1", Received("x", b""))
    clinic.run()
    heard = [(at - clinic.t) // SECOND_US for at in clinic.lives["edge-1"][0].times(Received)]
    assert heard == [90, 111, 162, 222, 260]


def test_mars_holds_a_stale_plan_even_after_a_restart_and_then_the_right_one() -> None:
    clinic = run(
        "kind: stale_plan, at: 1 h, for: 1 h, shift: 10 min",
        "kind: edge_crash, node: edge-1, at: 90 min, down: 1 min",
    )
    first, second = clinic.lives["edge-1"]
    starts = [
        [event.plan.contacts[0].start_us - clinic.t for event in life.all(PlanChanged)] for life in (first, second)
    ]
    assert starts == [[600 * SECOND_US], [600 * SECOND_US, 0]]
    assert type(second.heard[0][0]) is Started
    assert clinic.lives["earth"][0].all(PlanChanged) == []


def test_the_gateway_holds_a_stale_plan_of_its_own() -> None:
    clinic = run(
        "kind: stale_plan, node: gateway, at: 1 h, for: 1 h, shift: 10 min",
        "kind: stale_plan, at: 80 min, for: 10 min, shift: -5 min",
        "kind: earth_crash, node: gateway, at: 85 min, down: 1 min",
    )
    starts = [
        [(event.plan.contacts[0].start_us - clinic.t) // SECOND_US for event in life.all(PlanChanged)]
        for life in (*clinic.lives["earth"], *clinic.lives["edge-1"])
    ]
    assert starts == [[600], [600, 0], [-300, 0]]


def test_what_befalls_earth_is_handed_to_the_hands() -> None:
    clinic = run(
        "kind: table_throttling, at: 100 s, for: 100 s, write_capacity: 5 rows/s",
        "kind: table_throttling, at: 150 s, for: 100 s, write_capacity: 9 rows/s",
        "kind: row_rot, at: 300 s, store: backup",
        "kind: table_restore, at: 400 s, down: 20 s",
        "kind: stale_leader, at: 500 s, for: 10 s",
    )
    assert clinic.done == [
        (100, ("throttle", 5)),
        (150, ("throttle", 5)),
        (200, ("throttle", 9)),
        (250, ("throttle", 1000)),
        (300, ("rot", "backup", True)),
        (400, ("restore", 20 * SECOND_US)),
        (500, ("stale leader", True)),
        (510, ("stale leader", False)),
    ]


def test_a_relay_rests_until_the_last_of_its_safe_modes_is_over() -> None:
    clinic = run(
        "kind: relay_safe_mode, relay: tgo, at: 100 s, for: 100 s",
        "kind: relay_safe_mode, relay: tgo, at: 150 s, for: 100 s, announced: true",
    )
    assert clinic.done == [(at_s, ("safe mode", "tgo", at_s < 250)) for at_s in (100, 150, 200, 250)]


def test_a_channel_is_told_until_when_it_is_down_or_busy() -> None:
    clinic = run(
        "kind: channel_busy, at: 100 s, for: 100 s, retry_after: 20 s",
        "kind: channel_down, at: 150 s, for: 20 s",
    )
    assert clinic.done == [
        (100, ("busy", clinic.t + 200 * SECOND_US, 20 * SECOND_US)),
        (150, ("down", clinic.t + 170 * SECOND_US)),
    ]


def test_operators_rotate_keys_on_both_sides_or_on_one() -> None:
    clinic = run(
        "kind: hop_key_rotation, at: 100 s, apart: 30 s",
        "kind: hop_key_rotation, at: 200 s, side: mars",
        "kind: hop_key_rotation, at: 300 s, side: earth",
        "kind: device_key_rotation, device: vitals-1, at: 400 s",
    )
    assert clinic.done == [
        (100, ("hop key", "mars", 1)),
        (130, ("hop key", "earth", 1)),
        (200, ("hop key", "mars", 2)),
        (300, ("hop key", "earth", 2)),
        (400, ("device key", "vitals-1")),
    ]


def test_operators_delete_rows_and_start_an_edge_that_does_not_know_its_devices() -> None:
    clinic = run(
        "kind: early_retention, store: backup, at: 3700 s, older_than: 1 h",
        "kind: wrong_config, node: edge-1, device: vitals-1, at: 100 s, for: 300 s, down: 20 s",
        "kind: wrong_config, node: edge-1, device: vitals-1, at: 200 s, for: 300 s, down: 20 s",
    )
    assert clinic.done == [
        (100, ("unknown", "edge-1", "vitals-1")),
        (200, ("unknown", "edge-1", "vitals-1")),
        (400, ("unknown", "edge-1", "vitals-1")),
        (500, ("unknown", "edge-1")),
        (3700, ("delete", "backup", clinic.t + 100 * SECOND_US)),
    ]
    assert [(life.heard[0][1] - clinic.t) // SECOND_US for life in clinic.lives["edge-1"]] == [0, 120, 220, 420, 520]


def test_the_table_is_troubled_by_what_set_in_last_until_all_is_over() -> None:
    clinic = run(
        "kind: table_unprocessed, rate: 20 %, from: 100 s, until: 300 s",
        "kind: table_unprocessed, rate: 50 %, from: 200 s, until: 250 s",
        "kind: table_timeout, rate: 5 %, from: 400 s",
        "kind: table_stale_read, rate: 10 %, age: 3 s, from: 500 s, until: 600 s",
    )
    assert clinic.done == [
        (100, ("unprocessed", 0.2, True)),
        (200, ("unprocessed", 0.5, True)),
        (250, ("unprocessed", 0.2, True)),
        (300, ("unprocessed", 0.0, True)),
        (400, ("silent", 0.05, True)),
        (500, ("stale", 0.1, True, 3 * SECOND_US)),
        (600, ("stale", 0.0, True, 3 * SECOND_US)),
    ]
