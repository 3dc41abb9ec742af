"""Seeds in which nothing breaks are held to what a scenario lists for calm, and to nothing that starves them."""

from __future__ import annotations

from pathlib import Path

import pytest
import small

from twin.hunt.case import Case
from twin.hunt.draw import draw
from twin.hunt.knobs import STARVING
from twin.scenario import ScenarioError, load_scenario, read_plain

CALM = """\
hunt:
  calm:
    - no_loss
    - bounded_resources: {retransmissions: 1}
    - convergence: {rounds: 1}
"""
FAULTS = "faults: [{kind: edge_crash, node: edge-1, at: 5 min, down: 1 min}]\n"
LISTED = small.TEXT.replace("conservation]", "conservation, convergence: {rounds: 3}]")


def drawn(folder: Path, text: str) -> list[Case]:
    path = small.scenario_file(folder, text)
    document, scenario = read_plain(path), load_scenario(path)
    return [draw(document, scenario, seed) for seed in range(40)]


def is_calm(case: Case) -> bool:
    return "hunt" not in case.document


def test_some_seeds_are_calm(tmp_path: Path) -> None:
    cases = drawn(tmp_path, LISTED + CALM)
    calm = [case for case in cases if is_calm(case)]
    assert 2 <= len(calm) <= 15
    outages = 0
    for case in calm:
        faults = case.document.get("faults") or []
        assert all(fault["kind"] == "link_outage" and fault["announced"] for fault in faults)
        outages += len(faults)
        for *path, last in STARVING:
            part = case.document
            for word in path:
                part = part.get(word, {})
            assert last not in part
        assert case.document["guarantees"] == [
            "no_equivocation",
            "no_loss",
            "conservation",
            {"convergence": {"rounds": 1}},
            {"bounded_resources": {"retransmissions": 1}},
        ]
        assert case.scenario.convergence_rounds == 1
    assert outages
    assert all(case.document["faults"] for case in cases if not is_calm(case))
    assert all(case.scenario.convergence_rounds == 3 for case in cases if not is_calm(case))


@pytest.mark.parametrize("text", [LISTED, LISTED + FAULTS + CALM])
def test_no_seed_is_calm_without_bounds_for_it_or_beside_faults_of_its_own(tmp_path: Path, text: str) -> None:
    own = text.count("edge_crash")
    assert all(len(case.document["faults"]) > own for case in drawn(tmp_path, text))


def test_a_guarantee_of_calm_is_listed_once(tmp_path: Path) -> None:
    path = small.scenario_file(tmp_path, LISTED + CALM + "    - no_loss\n")
    with pytest.raises(ScenarioError, match="no_loss is listed 2 times") as refused:
        load_scenario(path)
    assert "hunt.calm" in str(refused.value)
