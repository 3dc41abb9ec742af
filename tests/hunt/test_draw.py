"""What a seed draws: always the same, always a scenario, and healed in time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import small

from twin.faults.resolve import resolve
from twin.hunt.case import Case
from twin.hunt.draw import draw
from twin.hunt.faults import COUNT_MAX, draw_faults
from twin.hunt.healing import AMPLIFICATION, HEALED_BY, RETRANSMISSIONS
from twin.hunt.knobs import STARVING, Key
from twin.randomness import stream
from twin.scenario import BareScenario, HabitatScenario, Scenario, load_scenario, read_plain
from twin.scenario.fault_rules import over_us
from twin.scenario.faults import Fault
from twin.scenario.guarantees import BoundedResources
from twin.scenario.node_faults import ClockStep
from twin.scenario.stranger_faults import Babble

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def cases(path: Path, count: int) -> list[Case]:
    document, scenario = read_plain(path), load_scenario(path)
    return [draw(document, scenario, seed) for seed in range(count)]


def test_a_seed_draws_the_same_case_again_and_others_others(tmp_path: Path) -> None:
    path = small.scenario_file(tmp_path)
    one, two = cases(path, 30), cases(path, 30)
    assert [case.text for case in one] == [case.text for case in two]
    assert len({case.but({"seed": 0}).text for case in one}) == 30


def over_in_time(scenario: Scenario) -> bool:
    assert isinstance(scenario, HabitatScenario)
    edges = scenario.habitat.edge_names
    ends_us = [over_us(fault, edges) for fault in resolve(scenario).faults]
    # the end of a pass that is cut, or a shift of a clock, is no matter of time
    return all(end_us is not None and end_us <= scenario.duration_us * HEALED_BY for end_us in ends_us)


def test_cases_are_scenarios_whose_faults_are_over_in_time(tmp_path: Path) -> None:
    path = small.scenario_file(tmp_path)
    kinds: Counter[str] = Counter()
    turned = 0
    for case in cases(path, 120):
        scenario = case.scenario
        clocks = sum(isinstance(fault, ClockStep) for fault in scenario.faults)  # half of them set right what stepped
        assert len(scenario.faults) <= COUNT_MAX + clocks // 2
        assert over_in_time(scenario), case.text
        kinds.update(fault.kind for fault in scenario.faults)
        turned += case.document["pipeline"] != {"suite": "hmac-sha256"}
    assert len(kinds) >= 34
    assert min(kinds.values()) >= 3, kinds
    assert turned > 60


def test_what_is_drawn_apart_comes_last_and_moves_no_other_draw(tmp_path: Path) -> None:
    """What a seed drew before there was babble, or a network that loses or a wrong plan on Earth, it still draws."""
    path = small.scenario_file(tmp_path)
    scenario = load_scenario(path)
    apart: Counter[str] = Counter()
    for seed, case in enumerate(cases(path, 60)):
        names = [_part(fault) for fault in case.scenario.faults]
        first = next((at for at, name in enumerate(names) if name != "menu"), len(names))
        assert names[first:] == [name for name in ("babble", "ground", "plan") if name in names[first:]]
        apart.update(names[first:])
        drawn = iter([fault["kind"] for fault in draw_faults(scenario, stream(seed, "hunt", "faults"))])
        others = case.scenario.faults[:first]
        assert all(fault.kind in drawn for fault in others)  # in that order; what contradicts something is left out
    assert all(9 <= apart[name] <= 21 for name in ("babble", "ground")), apart
    assert 3 <= apart["plan"] <= 12, apart


def _part(fault: Fault) -> str:
    if fault.kind == "babble":
        return "babble"
    return {"ground": "ground", "contact plan on Earth": "plan"}.get(fault.place, "menu")


def test_somebody_babbles_to_bundle_nodes_in_every_fourth_seed_too() -> None:
    babbled = [case.scenario.faults[-1] for case in cases(SCENARIOS / "bench" / "chain3.yaml", 60)]
    nodes = Counter(fault.node for fault in babbled if isinstance(fault, Babble))
    assert set(nodes) == {"S", "R", "D"}
    assert 9 <= sum(nodes.values()) <= 21


def test_nothing_is_starved_where_a_scenario_promises_freshness(tmp_path: Path) -> None:
    promising = small.TEXT.replace("conservation]", "conservation, freshness]")
    turned = []
    for text in (small.TEXT, promising):
        found = cases(small.scenario_file(tmp_path, text), 20)
        turned.append({key for case in found for key in STARVING if _has(case, key)})
    assert turned == [STARVING, set()]


def _has(case: Case, key: Key) -> bool:
    part = case.document
    for word in key:
        if word not in part:
            return False
        part = part[word]
    return True


@pytest.mark.parametrize("name", ["wrong-plan", "stale-plan", "relay-safe-mode"])
def test_bundle_nodes_and_relays_are_hunted_too(name: str) -> None:
    found = cases(SCENARIOS / f"{name}.yaml", 20)
    own = len(load_scenario(SCENARIOS / f"{name}.yaml").faults)
    assert all(len(case.scenario.faults) >= own for case in found)
    assert sum(len(case.scenario.faults) for case in found) > 20 * (own + 2)


def test_a_seed_turns_what_bundle_nodes_can_be_set_to() -> None:
    """Rooms and lifetimes only grow, two groups fit into the smallest relay, and each is turned in some seed."""
    path = SCENARIOS / "bench" / "campaign-relays.yaml"
    scenario = load_scenario(path)
    assert isinstance(scenario, BareScenario)
    turned: Counter[str] = Counter()
    for case in cases(path, 60):
        drawn = case.scenario
        assert isinstance(drawn, BareScenario)
        assert 1 <= drawn.pipeline.ack_every <= scenario.pipeline.ack_every
        for name, room in scenario.network.storage_bytes.items():
            assert room <= drawn.network.storage_bytes[name] <= 4 * room
            turned["storage"] += drawn.network.storage_bytes[name] != room
        for flow, written in zip(drawn.traffic, scenario.traffic, strict=True):
            assert (flow.lifetime_us is None) is (written.lifetime_us is None)
            assert (flow.lifetime_us or 0) >= (written.lifetime_us or 0)
            turned["own lifetime"] += flow.lifetime_us != written.lifetime_us
        for key in ("ack_every", "far_end_allowance_us", "lifetime_us"):
            turned[key] += getattr(drawn.pipeline, key) != getattr(scenario.pipeline, key)
    assert len(turned) == 5
    assert min(turned.values()) >= 8, turned


def test_clocks_are_set_right_before_relays_pass_again() -> None:
    path = SCENARIOS / "relay-safe-mode.yaml"
    left: Counter[str] = Counter()
    stepped = 0
    for case in cases(path, 60):
        for fault in case.scenario.faults:
            if isinstance(fault, ClockStep):
                stepped += 1
                left[f"{case.seed} {fault.node}"] += fault.by_us
    assert stepped > 4
    assert set(left.values()) == {0}


WORLD = """\
guarantees:
  - freshness
  - bounded_resources: {amplification: 30, device_frames: 7}
  - conservation
"""


def test_bounds_hold_once_drawn_faults_have_healed_and_resending_has_room(tmp_path: Path) -> None:
    """They were made for the faults that the scenario names; what else breaks may make anything late for a while."""
    text = small.TEXT.partition("guarantees:")[0] + WORLD
    clocks: Counter[str] = Counter()
    for case in cases(small.scenario_file(tmp_path, text), 80):
        scenario = case.scenario
        assert isinstance(scenario, HabitatScenario)
        assert scenario.bounds_from_us == 30 * 60 * 1_000_000
        (limits,) = (choice for choice in scenario.guarantees if isinstance(choice, BoundedResources))
        assert (limits.retransmissions, limits.amplification, limits.device_frames) == (60, 30, 7)
        assert scenario.listed_guarantees == ("freshness", "conservation", "bounded_resources")
        for fault in scenario.faults:
            if isinstance(fault, ClockStep):
                clocks[f"{case.seed} {fault.node}"] += fault.by_us
    assert len(clocks) > 4
    assert set(clocks.values()) == {0}


def test_resending_has_the_room_that_the_reference_workload_derives() -> None:
    limits = load_scenario(SCENARIOS / "bench" / "hunt.yaml").guarantee("bounded_resources")
    assert isinstance(limits, BoundedResources)
    assert (limits.retransmissions, limits.amplification) == (RETRANSMISSIONS, AMPLIFICATION)


def test_a_scenario_that_heals_later_heals_later_in_a_hunt_too(tmp_path: Path) -> None:
    text = small.TEXT + "bounds_from: 35 min\n"
    for case in cases(small.scenario_file(tmp_path, text), 5):
        assert case.document["bounds_from"] == "35 min"


def test_bounds_that_grant_any_fault_hold_throughout(tmp_path: Path) -> None:
    text = small.TEXT.partition("guarantees:")[0] + WORLD + "hunt: {bounds: always}\n"
    for case in cases(small.scenario_file(tmp_path, text), 20):
        assert "bounds_from" not in case.document
        assert case.document["guarantees"][1] == {"bounded_resources": {"amplification": 30, "device_frames": 7}}


def test_what_is_written_is_read_back_as_it_was(tmp_path: Path) -> None:
    for case in cases(small.scenario_file(tmp_path), 20):
        path = tmp_path / "case.yaml"
        path.write_text(case.text, encoding="utf-8")
        assert Case(read_plain(path)).key == case.key
        assert load_scenario(path).model_dump() == case.scenario.model_dump()
