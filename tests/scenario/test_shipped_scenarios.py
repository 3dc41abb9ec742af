"""The shipped scenarios: against the words of their own headers and of the published workload."""

from pathlib import Path

import pytest

from twin.experiments.identities import EARTH
from twin.experiments.sky_plan import plan_of
from twin.faults.resolve import resolve
from twin.faults.weather import stow_windows
from twin.scenario import BareScenario, HabitatScenario, json_schema, load_scenario
from twin.scenario.document import read_document
from twin.scenario.earth_faults import TableRestore
from twin.scenario.fault_parts import AtInstant
from twin.scenario.fault_rules import over_us
from twin.scenario.faults import EdgeCrash, LinkOutage
from twin.scenario.guarantees import GUARANTEES, AlertLatency
from twin.scenario.link_faults import BundleLoss, PassCut
from twin.scenario.node_faults import EarthCrash, RollingUpgrade
from twin.world.dust import Storm, windows_above
from twin.world.timescales import utc_to_us

SCENARIOS = Path(__file__).parents[2] / "scenarios"
HOUR_US = 3_600_000_000
ROUND_US = 1_190_000_000  # at 9.8 light minutes


def habitat(name: str) -> HabitatScenario:
    scenario = load_scenario(SCENARIOS / name)
    assert isinstance(scenario, HabitatScenario)
    return scenario


@pytest.mark.parametrize("path", sorted(SCENARIOS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_scenario_loads_and_is_named_after_its_file(path: Path) -> None:
    scenario = load_scenario(path)
    assert scenario.name == path.stem
    assert scenario.description


# What first-light does not have: alerts, adversaries, readers, a lost store. Scenarios that do insist on these.
BEYOND_THE_SPINE = {
    "alert_latency", "anti_replay", "bounded_resources", "clock_honesty", "confidentiality", "monotonic_reads",
    "recovery",
}  # fmt: skip


def test_first_light_stands_alone_and_insists_on_every_guarantee_of_the_spine() -> None:
    written = read_document(SCENARIOS / "first-light.yaml").plain()
    assert "extends" not in written
    assert {"seed", "start", "duration"} < set(written)
    assert set(habitat("first-light.yaml").listed_guarantees) == set(GUARANTEES) - BEYOND_THE_SPINE


def test_first_sol_insists_on_every_guarantee_and_loses_the_table_with_earth_in_view() -> None:
    scenario = habitat("first-sol.yaml")
    assert set(scenario.listed_guarantees) == set(GUARANTEES)
    (lost,) = (fault for fault in scenario.faults if isinstance(fault, TableRestore))
    # tests/reference/site_visibility.csv, jezero, first row: Earth above 10 deg.
    rise_us, set_us = utc_to_us("2033-03-10T08:26:52.4"), utc_to_us("2033-03-10T19:25:53.5")
    assert rise_us < scenario.start_us + lost.at_us < set_us - HOUR_US


def test_the_bad_sol_holds_every_kind_of_fault_within_six_hours_and_each_seed_orders_them_anew() -> None:
    mapping = json_schema()["$defs"]["HabitatScenario"]["properties"]["faults"]["items"]["discriminator"]["mapping"]
    drawn = [resolve(habitat("bad-sol.yaml").model_copy(update={"seed": seed})) for seed in (13, 14)]
    orders = []
    for scenario in drawn:
        on_relays = {"relay_safe_mode"}  # it has none; relay-safe-mode.yaml does
        assert {fault.kind for fault in scenario.faults} == set(mapping) - on_relays
        for fault in scenario.faults:
            over_after_us = over_us(fault, scenario.habitat.edge_names)
            assert HOUR_US <= fault.onset_us <= (over_after_us or 0) <= 7 * HOUR_US + 60_000_000, fault
        orders.append([fault.kind for fault in sorted(scenario.faults, key=lambda fault: fault.onset_us)])
    assert orders[0] != orders[1]
    pairs = zip(*(scenario.faults for scenario in drawn), strict=True)
    given = {one.kind for one, other in pairs if isinstance(one, AtInstant) and one == other and one.at_us is not None}
    assert given == {"channel_down", "channel_busy"}


@pytest.mark.parametrize("seed", [13, 14, 15])
def test_the_bad_sol_leaves_two_hours_of_sight_to_heal_in_and_the_next_morning(seed: int) -> None:
    scenario = resolve(habitat("bad-sol.yaml").model_copy(update={"seed": seed}))
    (cut,) = (fault for fault in scenario.faults if isinstance(fault, PassCut))
    cut_us = scenario.start_us + cut.at_us
    plan = plan_of(scenario)
    for source in ("edge-1", EARTH):
        windows = sorted({(c.start_us, c.end_us) for c in plan.contacts if c.source == source})
        (met,) = ((start_us, end_us) for start_us, end_us in windows if start_us <= cut_us < end_us)
        assert met[1] == pytest.approx(utc_to_us("2033-03-10T17:23:00"), abs=HOUR_US / 6)
        after = windows[windows.index(met) + 1 :]
        assert after[0][1] - after[0][0] == pytest.approx(2 * HOUR_US, abs=HOUR_US / 3)
        assert utc_to_us("2033-03-11T08:30:00") < after[1][0] < utc_to_us("2033-03-11T09:30:00")


def test_the_campaign_of_earth_grants_the_lost_rounds_that_its_faults_call_for() -> None:
    scenario = resolve(habitat("bench/campaign-earth.yaml"))
    down_us = 20 * 20_000_000  # at about 4,000 effects, of which a two-hundredth crashes
    for fault in scenario.faults:
        if isinstance(fault, TableRestore | RollingUpgrade) or (
            isinstance(fault, EarthCrash) and fault.node == "gateway"
        ):
            down_us += fault.down_us
    (loss,) = (fault.rate for fault in scenario.faults if isinstance(fault, BundleLoss) and fault.link == "down")
    share = down_us / scenario.duration_us
    lost = share + (1 - share) * loss ** len(scenario.habitat.edge_names)
    (asked,) = (asked for asked in scenario.guarantees if isinstance(asked, AlertLatency))
    (rounds,) = (round(term.coefficient) for term in asked.bound.terms if term.variable == "R")
    constant_us = sum(term.constant_us for term in asked.bound.terms)
    assert ROUND_US < constant_us < 2 * ROUND_US
    instants = 3.5 * 300  # of the first hypoxia's alarms, in a campaign

    def by_chance(granted: int) -> float:
        return instants * float(lost) ** (granted + 1 + constant_us // ROUND_US)

    assert by_chance(rounds) < 0.1 < by_chance(rounds - 1)


def test_first_light_stows_the_antenna_during_the_pass() -> None:
    scenario = habitat("first-light.yaml")
    (storm,) = scenario.weather.dust.storms
    dust = Storm(scenario.start_us + storm.onset_us, storm.peak_tau, storm.growth_us, storm.decay_us)
    threshold = storm.effects[0].above_tau
    ((begin_us, end_us),) = windows_above(
        threshold, scenario.start_us, scenario.end_us, scenario.weather.dust.background_tau, [dust]
    )
    # tests/reference/site_visibility.csv, jezero, first row: Earth above 10 deg.
    rise_us, set_us = utc_to_us("2033-03-10T08:26:52.4"), utc_to_us("2033-03-10T19:25:53.5")
    assert rise_us < begin_us < end_us < set_us
    assert 1.5 * HOUR_US < end_us - begin_us < 2.5 * HOUR_US
    (crash,) = (fault for fault in scenario.faults if isinstance(fault, EdgeCrash))
    assert end_us < scenario.start_us + crash.at_us < set_us


def test_the_storm_of_2018_stows_the_antenna_for_five_sols_and_leaves_two_to_come_home_in() -> None:
    scenario = habitat("global-storm-my34.yaml")
    ((begin_us, end_us),) = stow_windows(scenario, scenario.start_us, scenario.end_us)
    assert begin_us == pytest.approx(utc_to_us("2033-06-25T12:04:00"), abs=60_000_000)
    assert end_us == pytest.approx(utc_to_us("2033-07-01T00:32:00"), abs=60_000_000)
    contacts = [c for c in plan_of(scenario).contacts if c.source == "edge-1" and end_us < c.start_us < scenario.end_us]
    assert len({c.start_us // (12 * HOUR_US) for c in contacts}) >= 2


def test_the_outage_of_goldstone_is_announced_and_outlasts_the_run() -> None:
    scenario = habitat("dsn-outage.yaml")
    outage = scenario.faults[0]
    assert isinstance(outage, LinkOutage)
    assert (outage.complex, outage.announced, outage.at_us) == ("Goldstone", True, 0)
    assert outage.for_us > 2 * scenario.duration_us
    assert scenario.network.stations_of("Goldstone") == ("DSS-14",)


def test_the_edge_crashes_twice_while_earth_is_in_view() -> None:
    scenario = habitat("edge-crash.yaml")
    rise_us, set_us = utc_to_us("2033-03-10T08:26:52.4"), utc_to_us("2033-03-10T19:25:53.5")
    crashes = [fault for fault in scenario.faults if isinstance(fault, EdgeCrash)]
    assert len(crashes) == 2
    for crash in crashes:
        assert rise_us < scenario.start_us + crash.at_us < set_us - crash.down_us


def test_chain3_is_the_published_workload() -> None:
    hours, per_hour = 24, 360
    scenario = load_scenario(SCENARIOS / "bench" / "chain3.yaml")
    assert isinstance(scenario, BareScenario)
    contacts = scenario.network.scripted_contacts()
    for pair in (("S", "R"), ("R", "D"), ("R", "S"), ("D", "R")):
        windows = [(c.start_us, c.end_us) for c in contacts if (c.from_node, c.to_node) == pair]
        assert windows == [(k * HOUR_US, k * HOUR_US + HOUR_US // 2) for k in range(hours + 6)]
    assert {(c.rate_bps, c.owlt_us) for c in contacts} == {(1_000_000, 600_000_000)}
    (flow,) = scenario.traffic
    assert (flow.from_node, flow.to_node, flow.size_bytes, flow.start_us) == ("S", "D", 10_000, 0)
    assert flow.count == hours * per_hour
    assert flow.period_us * per_hour == HOUR_US
    assert scenario.duration_us == (hours + 6) * HOUR_US
    assert scenario.pipeline.ack_every == 100
