"""What a scenario leaves to chance: drawn once, with room to heal, and by each fault for itself."""

from __future__ import annotations

import pytest

from twin.experiments.disturbances import calendar, clock_errors_us, down_windows, idle_windows, link_faults
from twin.faults.resolve import resolve
from twin.scenario import BareScenario, HabitatScenario, assumptions, json_schema, parse_scenario
from twin.scenario.fault_parts import AtInstant
from twin.scenario.fault_rules import over_us

HEAD = """\
name: small
start: 2033-03-10T00:00:00Z
duration: 10 h
seed: 5
habitat: {site: jezero, crew: 2, edge_nodes: 3}
network: {relays: [{name: tgo, orbit: tgo-like}]}
faults:
"""
HOUR_US = 3_600_000_000


def habitat(*faults: str, seed: int = 5) -> HabitatScenario:
    lines = "".join(f"  - {{{fault}}}\n" for fault in faults)
    scenario = parse_scenario(HEAD.replace("seed: 5", f"seed: {seed}") + lines)
    assert isinstance(scenario, HabitatScenario)
    return scenario


def instants(*faults: str, seed: int = 5) -> list[int]:
    return [fault.onset_us for fault in resolve(habitat(*faults, seed=seed)).faults]


CRASH = "kind: edge_crash, node: edge-1, at: random, down: 1 h"


def test_a_random_instant_leaves_time_to_heal() -> None:
    for seed in range(50):
        (at_us,) = instants(CRASH, seed=seed)
        assert 0 <= at_us < 9 * HOUR_US
    assert len({instants(CRASH, seed=seed)[0] for seed in range(50)}) == 50


def test_a_random_fault_of_a_span_sets_in_and_is_over_within_it() -> None:
    spanned = f"{CRASH}, from: 2 h, until: 4 h"
    found = [instants(spanned, seed=seed)[0] for seed in range(50)]
    assert all(2 * HOUR_US <= at_us < 3 * HOUR_US for at_us in found)
    assert min(found) < 2.2 * HOUR_US
    assert max(found) > 2.8 * HOUR_US
    assert all(8 * HOUR_US <= instants(f"{CRASH}, from: 8 h", seed=seed)[0] < 9 * HOUR_US for seed in range(50))
    assert all(instants(f"{CRASH}, until: 2 h", seed=seed)[0] < HOUR_US for seed in range(50))


@pytest.mark.parametrize(
    "fault",
    [
        "kind: fsync_error, node: edge-1, at: random, for: 1 h",
        "kind: bundle_replay, link: down, at: random, delay: 1 h",
        "kind: rolling_upgrade, at: random, every: 10 min, down: 1 min, nodes: edges",
    ],
)
def test_every_sort_of_fault_can_have_a_span(fault: str) -> None:
    scenario = habitat(f"{fault}, from: 5 h, until: 7 h", seed=3)
    (drawn,) = resolve(scenario).faults
    assert 5 * HOUR_US <= drawn.onset_us < 7 * HOUR_US
    assert drawn.onset_us <= (over_us(drawn, scenario.habitat.edge_names) or 0) <= 7 * HOUR_US
    assert resolve(resolve(scenario)) == resolve(scenario)


def test_a_fault_must_say_where_it_acts_and_when_it_is_over() -> None:
    class Halfway(AtInstant):
        kind: str = "halfway"

    with pytest.raises(TypeError, match="abstract method"):
        Halfway(at=0)  # type: ignore[abstract]


def test_a_random_rollback_has_a_past_to_go_back_to() -> None:
    for seed in range(50):
        (at_us,) = instants("kind: snapshot_rollback, node: edge-1, at: random, age: 8 h, down: 1 h", seed=seed)
        assert 8 * HOUR_US <= at_us < 9 * HOUR_US


def test_count_makes_so_many_faults_at_instants_of_their_own() -> None:
    found = instants(f"{CRASH}, count: 5")
    assert len(set(found)) == 5
    assert instants(CRASH) == found[:1]


def test_a_resolved_scenario_stays_as_it_is() -> None:
    once = resolve(habitat(f"{CRASH}, count: 3", "kind: crash_at_effect, node: any, rate: 1 %"))
    assert resolve(once) == once
    assert once.faults[-1].cease_us == 10 * HOUR_US + 60_000_000


@pytest.mark.parametrize(
    "other",
    [
        "kind: edge_crash, node: edge-2, at: random, down: 1 h",
        "kind: disk_swap, node: edge-1, at: random, down: 1 h",
        "kind: bundle_loss, link: down, rate: 1 %",
    ],
)
def test_another_fault_moves_no_instant(other: str) -> None:
    assert instants(CRASH) == instants(other, CRASH)[1:]


def test_two_faults_of_one_kind_at_one_place_have_instants_of_their_own() -> None:
    first, second = instants(CRASH, CRASH)
    assert first != second
    assert instants(CRASH) == [first]


def test_each_pair_of_nodes_has_its_own_chance_on_a_shared_link() -> None:
    scenario = habitat("kind: bundle_loss, link: down, rate: 50 %")

    def fates(edge: str, *others: str) -> list[bool]:
        faults = {pair: link_faults(scenario, "down", f"{pair}->earth") for pair in (edge, *others)}
        out = []
        for at_us in range(200):
            for pair in others:
                faults[pair].fates(scenario.start_us + at_us)
            out.append(faults[edge].fates(scenario.start_us + at_us)[0].cause is not None)
        return out

    assert fates("edge-1") == fates("edge-1", "edge-2", "edge-3")
    assert fates("edge-1") != fates("edge-2")


def test_a_random_instant_is_said_to_be_random_among_the_assumptions() -> None:
    entries = {entry.key: entry.value_text for entry in assumptions(habitat(CRASH))}
    assert entries["faults[0].at"] == "random"


def test_down_windows_take_crashes_swaps_rollbacks_and_upgrades_together() -> None:
    scenario = habitat(
        "kind: edge_crash, node: edge-1, at: 1 h, down: 1 h",
        "kind: disk_swap, node: edge-1, at: 90 min, down: 1 h",
        "kind: snapshot_rollback, node: edge-2, at: 5 h, age: 1 h, down: 1 h",
        "kind: rolling_upgrade, at: 7 h, every: 10 min, down: 5 min",
        "kind: device_crash, device: vitals-2, at: 3 h, down: 1 h",
        "kind: earth_crash, node: gateway, at: 4 h, down: 1 h",
        "kind: disk_full, node: edge-3, at: 1 h, for: 1 h",
    )
    t = scenario.start_us
    minute_us = 60_000_000

    def hours(windows: list[tuple[int, int]]) -> list[tuple[float, float]]:
        return [((a - t) / minute_us, (b - t) / minute_us) for a, b in windows]

    down = {node: hours(windows) for node, windows in down_windows(scenario).items()}
    assert down == {
        "edge-1": [(60, 150), (420, 425)],
        "edge-2": [(300, 360), (430, 435)],
        "edge-3": [(440, 445)],
        "gateway": [(240, 300), (450, 455)],
        "auditor": [(460, 465)],
        "vitals-1": [],
        "vitals-2": [(180, 240)],
    }
    assert hours(idle_windows(scenario)["edge-3"]) == [(60, 120), (440, 445)]


def test_clocks_are_off_by_every_step_and_by_what_they_gain() -> None:
    scenario = habitat(
        "kind: clock_step, node: edge-1, at: 1 h, by: -3 s",
        "kind: clock_step, node: edge-1, at: 2 h, by: 2 s",
        "kind: clock_drift, node: edge-1, rate: -500 ppm, from: 1 h, until: 3 h",
        "kind: clock_drift, node: gateway, rate: 50 ppm, from: 9 h",
    )
    off_us = clock_errors_us(scenario, scenario.start_us + 12 * HOUR_US)
    assert off_us == {"edge-1": 5_000_000 + 3_600_000, "gateway": 540_000}


def test_crashes_by_chance_count_as_down_while_they_may_come() -> None:
    scenario = resolve(habitat("kind: crash_at_effect, node: any, rate: 1 %, from: 1 h, until: 2 h, down: 3 min"))
    for windows in down_windows(scenario).values():
        ((start_us, end_us),) = windows
        assert start_us == scenario.start_us + HOUR_US
        assert end_us == scenario.start_us + 2 * HOUR_US + 180_000_000


EVERY_KIND = {
    "bundle_loss": "link: down, rate: 1 %",
    "burst_loss": "link: local, enter: 1 %, leave: 20 %",
    "bundle_duplication": "link: up, rate: 1 %",
    "bundle_reorder": "link: down, rate: 1 %",
    "bundle_corruption": "link: down, rate: 1 %",
    "bundle_truncation": "link: local, rate: 1 %, until: 1 h",
    "link_outage": "link: up, at: random, for: 10 min",
    "rate_change": "link: down, at: 1 h, for: 1 h, factor: 0.5",
    "pass_cut": "link: down, at: random",
    "stale_plan": "at: 1 h, for: 1 h, shift: -10 min",
    "frame_forgery": "device: vitals-1, at: random, count: 3",
    "bundle_forgery": "link: up, at: random",
    "bundle_replay": "link: down, rate: 1 %, delay: 1 h",
    "frame_replay": "device: vitals-2, at: 2 h, delay: 1 h",
    "babble": "node: auditor, at: random, for: 10 min",
    "edge_crash": "node: edge-1, at: random, count: 2, down: 1 min",
    "device_crash": "device: vitals-1, at: random, down: 1 min",
    "earth_crash": "node: auditor, at: random, down: 1 min",
    "crash_at_effect": "node: any, rate: 0.1 %",
    "fsync_error": "node: edge-1, at: 1 h, for: 1 min",
    "fsync_lie": "node: edge-2, rate: 10 %",
    "disk_full": "node: edge-1, at: random, for: 10 min",
    "bit_rot": "node: edge-1, at: random, count: 2",
    "disk_swap": "node: edge-1, at: random, down: 1 min",
    "snapshot_rollback": "node: edge-1, at: random, age: 1 h",
    "clock_step": "node: vitals-1, at: random, by: -3 s",
    "clock_drift": "node: gateway, rate: 50 ppm",
    "slow_cpu": "node: edge-1, at: random, for: 10 min, delay: 200 ms",
    "rolling_upgrade": "at: random, every: 10 min, down: 1 min",
    "table_throttling": "at: random, for: 10 min, write_capacity: 1 rows/s",
    "table_unprocessed": "rate: 1 %",
    "table_timeout": "rate: 1 %",
    "table_stale_read": "rate: 1 %, age: 2 s",
    "row_rot": "at: random, store: backup, count: 2",
    "table_restore": "at: random",
    "stale_leader": "at: random, for: 10 min",
    "channel_down": "at: random, for: 10 min",
    "channel_busy": "at: random, for: 10 min, retry_after: 20 s",
    "hop_key_rotation": "at: random, apart: 5 min",
    "device_key_rotation": "device: vitals-1, at: random",
    "early_retention": "at: random, older_than: 1 h",
    "wrong_config": "node: edge-1, device: vitals-1, at: random, for: 10 min",
    "relay_safe_mode": "relay: tgo, at: random, for: 10 min",
    "lead_off": "device: vitals-1, at: random, for: 10 min",
    "motion_artefact": "device: vitals-2, at: random, for: 10 min",
    "sensor_stuck": "device: vitals-1, at: 1 h, for: 10 min",
    "sensor_duplicate": "device: vitals-1, at: random, for: 10 min, rate: 50 %",
    "sensor_late": "device: vitals-2, at: random, for: 10 min",
}


def test_every_kind_is_drawn_and_stands_in_the_calendar() -> None:
    scenario = resolve(habitat(*(f"kind: {kind}, {rest}" for kind, rest in EVERY_KIND.items())))
    entries = calendar(scenario, [])
    assert {entry.kind for entry in entries} == set(EVERY_KIND)
    for entry in entries:
        assert scenario.start_us <= entry.start_us < scenario.end_us, entry
        assert entry.end_us is None or entry.start_us <= entry.end_us, entry
        assert entry.place, entry


def test_the_table_of_every_kind_is_complete() -> None:
    mapping = json_schema()["$defs"]["HabitatScenario"]["properties"]["faults"]["items"]["discriminator"]["mapping"]
    assert set(mapping) == set(EVERY_KIND)


def test_a_bare_scenario_resolves_its_own() -> None:
    text = """\
name: chain
duration: 6 h
network:
  nodes: [S, R]
  contacts: [{from: S, to: R, start: 0 s, end: 30 min, rate: 1 Mbit/s, owlt: 600 s, every: 1 h, count: 6}]
traffic: [{from: S, to: R, size: 10 kB, period: 10 s, count: 100}]
faults: [{kind: pass_cut, link: S->R, at: random, count: 2}]
"""
    scenario = parse_scenario(text)
    assert isinstance(scenario, BareScenario)
    assert len(resolve(scenario).faults) == 2
