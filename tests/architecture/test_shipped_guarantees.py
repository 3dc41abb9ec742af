"""What is shipped under `scenarios/` against what a scenario must say: that it loads, and what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.scenario import load_scenario, read_plain
from twin.scenario.guarantees import GUARANTEES, SAFETY

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SHIPPED = sorted(SCENARIOS.rglob("*.yaml"))


def test_the_scenarios_of_the_readme_are_there() -> None:
    names = {path.relative_to(SCENARIOS).as_posix() for path in SHIPPED}
    assert {"first-light.yaml", "dsn-outage.yaml", "edge-crash.yaml", "bench/chain3.yaml"} <= names


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_scenario_loads_and_insists_on_guarantees(path: Path) -> None:
    scenario = load_scenario(path)
    listed = set(scenario.listed_guarantees)
    assert listed <= set(GUARANTEES)
    assert listed & set(SAFETY)


def test_no_two_shipped_scenarios_share_a_name() -> None:
    names = [read_plain(path)["name"] for path in SHIPPED]  # by which reports tell them apart
    assert sorted(names) == sorted(set(names))
