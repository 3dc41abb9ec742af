"""A load that the planned contacts cannot carry is refused with its arithmetic, unless the scenario allows it."""

from pathlib import Path

import pytest
from flights import SCENARIOS, SMALL

from twin.experiments.run import run
from twin.report import render
from twin.scenario import ScenarioError, load_scenario, parse_scenario

SLOW = SMALL.partition("guarantees:")[0] + "network: {direct_to_earth: {rate_max: 100 bit/s}}\n"


def test_a_habitat_that_says_more_than_its_antenna_carries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as refused:
        run(parse_scenario(SLOW.replace("sample_period: 5 s", "sample_period: 100 ms")), tmp_path / "run")
    text = str(refused.value)
    assert "MB on the way down" in text
    assert "contacts carry" in text
    assert "overload: allowed" in text
    assert not (tmp_path / "run").exists()


def test_the_same_habitat_may_run_when_the_scenario_allows_it(tmp_path: Path) -> None:
    allowed = "overload: allowed\n" + SLOW.replace("sample_period: 5 s", "sample_period: 200 ms").replace(
        "1 h", "5 min"
    )
    assert run(parse_scenario(allowed), tmp_path / "run").counts.frames > 0


def test_traffic_above_the_contacts_of_a_link_is_refused(tmp_path: Path) -> None:
    chain = load_scenario(SCENARIOS / "bench" / "chain3.yaml", ["traffic.0.period=1 ms", "traffic.0.count=2000000"])
    with pytest.raises(ScenarioError, match=r"load of 20000\.000 MB on R->D"):
        run(chain, tmp_path / "run")


def test_a_bound_that_nobody_asks_for_is_not_applicable(tmp_path: Path) -> None:
    result = run(parse_scenario(SMALL.partition("guarantees:")[0]), tmp_path / "run")
    verdicts = {guarantee.key: guarantee for guarantee in result.guarantees}
    assert verdicts["freshness"].verdict == "not_applicable"
    assert verdicts["feedback_closure"].verdict == "held"
    assert verdicts["feedback_closure"].unit == "violations"


STOWED = SMALL.partition("guarantees:")[0] + (
    "weather: {dust: {storms: [{onset: 0 s, peak_tau: 5, growth: 0 s, decay: 50 sol, "
    "effects: [{kind: antenna_stow, above_tau: 2.0}]}]}}\n"
)


def test_an_antenna_that_stays_stowed_beyond_the_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as refused:
        run(parse_scenario(STOWED), tmp_path / "run")
    text = str(refused.value)
    assert "antenna stowed by dust from 2033-" in text
    assert "contacts are planned until 2033-" in text
    assert "raise above_tau, choose another start or duration, or set overload: allowed" in text


def test_a_run_that_may_never_come_home_leaves_a_result_that_can_be_read(tmp_path: Path) -> None:
    result = run(parse_scenario("overload: allowed\n" + STOWED), tmp_path / "run", render=render)
    (convergence,) = (g for g in result.guarantees if g.key == "convergence")
    assert [(term.name, term.value_s) for term in convergence.terms] == [("beyond the planned contacts", None)]
    assert "beyond the planned contacts" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_relays_carry_on_under_an_antenna_that_stays_stowed(tmp_path: Path) -> None:
    over = 'network: {relays: [{name: areo, orbit: {longitude: 60}, proximity: {gain: "25 dB"}}]}\n'
    result = run(parse_scenario(over + STOWED), tmp_path / "run", quiet=True)
    assert result.document.records.delivered == result.document.records.accepted > 0
