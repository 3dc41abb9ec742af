"""The committed baseline knows every shipped scenario as it is now; `make margins` writes it anew."""

from pathlib import Path

from twin.experiments.check import scenario_files
from twin.margins.baseline import read_baseline
from twin.margins.margin import Margin
from twin.scenario import load_scenario
from twin.scenario.digest import digest

SCENARIOS = Path(__file__).parents[2] / "scenarios"
BASELINE = read_baseline(SCENARIOS / "margins.json")


def test_every_shipped_scenario_stands_in_it_unchanged() -> None:
    """What hunts have found joins when the baseline is next written anew; until then a check says that it is not in."""
    files = [file for file in scenario_files(SCENARIOS) if "regressions" not in file.parts and file.stem != "hunt"]
    shipped = [load_scenario(file) for file in files]
    assert len(shipped) >= 20
    kept = {(run.scenario, run.seed): run.digest for run in BASELINE.runs}
    wrong = [scenario.name for scenario in shipped if kept.get((scenario.name, scenario.seed)) != digest(scenario)]
    assert wrong == [], "scenarios changed: `make margins`"


def test_no_scenario_is_gone_whose_margins_are_kept() -> None:
    """A check of a folder only says which kept runs it did not find there."""
    shipped = {load_scenario(file).name for file in scenario_files(SCENARIOS)}
    assert {run.scenario for run in BASELINE.runs} - shipped == set()


def test_it_holds_no_broken_guarantee_and_a_margin_for_each_bound() -> None:
    margins: list[Margin] = [margin for run in BASELINE.runs for margin in run.guarantees]
    assert {margin.verdict for margin in margins} == {"held", "not_applicable"}
    timed = [margin for margin in margins if margin.scale == "time"]
    assert len(timed) > len(BASELINE.runs)
    assert all(margin.left >= 0 and margin.worst is not None for margin in timed)
