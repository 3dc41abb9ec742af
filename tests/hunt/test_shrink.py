"""What is taken away from a case that breaks: all that does not matter, and nothing that does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import small
import yaml

from twin.hunt.case import Case
from twin.hunt.shrink import shrink


def case_with(faults: list[dict[str, object]], **more: object) -> Case:
    habitat = {**small.DOCUMENT["habitat"], "crew": 2, "edge_nodes": 2}
    return Case({**small.DOCUMENT, "habitat": habitat, "faults": faults, **more})


def crash(at_s: int, node: str = "edge-1") -> dict[str, object]:
    return {"kind": "edge_crash", "node": node, "at": f"{at_s} s", "down": "10 s"}


@pytest.mark.parametrize("seed", range(40))
def test_of_many_faults_those_that_matter_together_are_left(seed: int) -> None:
    random_ = random.Random(seed)
    faults = [crash(60 * number) for number in range(1, random_.randrange(2, 13))]
    needed = random_.sample(faults, random_.randrange(1, min(4, len(faults)) + 1))

    def breaks(case: Case) -> bool:
        return all(fault in (case.document.get("faults") or []) for fault in needed)

    smallest, trials = shrink(case_with(faults), breaks)
    assert sorted(smallest.document["faults"], key=str) == sorted(needed, key=str)
    assert trials < 200


def test_people_settings_time_and_other_guarantees_go_as_well() -> None:
    asked = []

    def breaks(case: Case) -> bool:
        asked.append(case.key)
        scenario = case.scenario
        return scenario.duration_us >= 1_200_000_000 and "no_loss" in scenario.listed_guarantees

    whole = case_with([crash(600)], pipeline={"suite": "hmac-sha256", "window": "4 kB"}, description="a long story")
    smallest, trials = shrink(whole, breaks)
    assert smallest.document == {
        "name": "small",
        "start": "2033-03-10T06:00:00Z",
        "duration": "20 min",
        "seed": 13,
        "habitat": {**whole.document["habitat"], "crew": 1, "edge_nodes": 1},
        "network": whole.document["network"],
        "guarantees": ["no_loss"],
    }
    assert len(asked) == len(set(asked)) == trials
    assert whole.document["habitat"]["crew"] == 2, "the case that was given is as it was"


def test_a_setting_that_matters_stays_and_its_neighbours_go() -> None:
    pipeline = {"suite": "hmac-sha256", "window": "4 kB", "ack_delay": "1 s"}
    whole = case_with([], pipeline=pipeline, earth={"table": {"latency": "20 ms", "read_latency": "30 ms"}})

    def breaks(case: Case) -> bool:
        return case.scenario.pipeline.window_bytes == 4000 and case.scenario.earth.table.latency_us == 20_000

    smallest, _ = shrink(whole, breaks)
    assert smallest.document["pipeline"] == {"window": "4 kB"}
    assert smallest.document["earth"] == {"table": {"latency": "20 ms"}}


def test_a_run_is_as_long_as_before_where_its_end_is_what_judges() -> None:
    smallest, _ = shrink(case_with([crash(600)], duration="40 min"), lambda _: True, shorter=False)
    assert (smallest.document["duration"], smallest.document.get("faults")) == ("40 min", None)


def test_flows_that_do_not_matter_go() -> None:
    text = (Path(__file__).parents[2] / "scenarios" / "wrong-plan.yaml").read_text()
    whole = Case(yaml.safe_load(text))

    def breaks(case: Case) -> bool:
        return any(flow["priority"] == "bulk" for flow in case.document["traffic"])

    smallest, _ = shrink(whole, breaks)
    assert [flow["priority"] for flow in smallest.document["traffic"]] == ["bulk"]


def test_what_is_no_scenario_breaks_nothing() -> None:
    """Without its second edge the fault names a node that is not there."""

    def breaks(case: Case) -> bool:
        return any(fault.kind == "edge_crash" for fault in case.scenario.faults)

    smallest, _ = shrink(case_with([crash(600, "edge-2")]), breaks)
    assert smallest.document["habitat"]["edge_nodes"] == 2


def test_shrinking_ends_after_so_many_trials() -> None:
    smallest, trials = shrink(case_with([crash(60 * n) for n in range(1, 9)]), lambda _: True, trials_max=3)
    assert trials == 3
    assert smallest.key != case_with([crash(60 * n) for n in range(1, 9)]).key
