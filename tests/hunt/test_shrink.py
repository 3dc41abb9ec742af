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
        "network": {"stations": ["DSS-63"]},
        "guarantees": ["no_loss"],
    }
    assert len(asked) == len(set(asked)) == trials
    assert whole.document["habitat"]["crew"] == 2, "the case that was given is as it was"


def test_stations_relays_and_settings_of_the_network_go_where_they_do_not_matter() -> None:
    relays = [{"name": name, "orbit": f"{name}-like"} for name in ("tgo", "mro")]
    network = {**small.DOCUMENT["network"], "relays": relays, "local": {"latency": "5 ms"}}
    whole = case_with([], network=network)

    def breaks(case: Case) -> bool:
        network = case.scenario.network
        return "DSS-43" in network.stations and "mro" in [relay.name for relay in network.relays]

    smallest, _ = shrink(whole, breaks)
    assert smallest.document["network"] == {"stations": ["DSS-43"], "relays": relays[1:]}


def test_a_setting_that_matters_stays_and_its_neighbours_go() -> None:
    pipeline = {"suite": "hmac-sha256", "window": "4 kB", "ack_delay": "1 s"}
    whole = case_with([], pipeline=pipeline, earth={"table": {"latency": "20 ms", "read_latency": "30 ms"}})

    def breaks(case: Case) -> bool:
        return case.scenario.pipeline.window_bytes == 4000 and case.scenario.earth.table.latency_us == 20_000

    smallest, _ = shrink(whole, breaks)
    assert smallest.document["pipeline"] == {"window": "4 kB"}
    assert smallest.document["earth"] == {"table": {"latency": "20 ms"}}


def test_a_run_is_as_long_as_before_where_its_end_is_what_judges() -> None:
    smallest, _ = shrink(case_with([crash(600)], duration="40 min"), lambda _: True, keep=("duration",))
    assert (smallest.document["duration"], smallest.document.get("faults")) == ("40 min", None)


def test_when_bounds_begin_moves_with_the_end_or_goes() -> None:
    """Else nothing that a hunt lets heal could be cut below the share of its time after which it has."""
    whole = case_with([], bounds_from="30 min")
    for keep, bounds_from in ((("bounds_from",), "9 min"), ((), None)):
        smallest, trials = shrink(whole, lambda case: case.scenario.duration_us >= 720_000_000, keep=keep)
        assert (smallest.document["duration"], smallest.document.get("bounds_from")) == ("12 min", bounds_from)
        assert trials < 60


def test_a_long_run_is_cut_to_what_it_takes_in_few_trials() -> None:
    whole = case_with([], duration="50 h")
    smallest, trials = shrink(whole, lambda case: case.scenario.duration_us >= 2_881 * 60_000_000)
    assert (smallest.document["duration"], trials < 200) == ("2881 min", True)


def test_what_a_draw_changed_and_does_not_matter_is_as_it_was_written() -> None:
    text = (Path(__file__).parents[2] / "scenarios" / "wrong-plan.yaml").read_text()
    written = yaml.safe_load(text)
    (name, room), *_ = written["network"]["storage"].items()
    for flow in written["traffic"]:
        flow["lifetime"] = "8 h"
    traffic = [{**flow, "lifetime": "23 h"} for flow in written["traffic"]]
    network = {**written["network"], "storage": {**written["network"]["storage"], name: "99 MB"}}
    drawn = Case({**written, "seed": 77, "network": network, "traffic": traffic})
    last = len(traffic) - 1

    def breaks(case: Case) -> bool:
        return len(case.document["traffic"]) == len(traffic) and case.document["traffic"][last]["lifetime"] == "23 h"

    smallest, _ = shrink(drawn, breaks, written)
    assert smallest.document["network"]["storage"][name] == room
    assert [flow["lifetime"] for flow in smallest.document["traffic"]] == ["8 h"] * last + ["23 h"]


def test_settings_of_the_clinic_and_episodes_go_one_by_one() -> None:
    clinic = {"escalate_after": "1 min", "crew_response": "10 s", "crew": [{"member": 1, "spo2_scale": 2}]}
    episodes = [{"kind": "hypoxia", "crew": 1, "at": f"{at} min", "for": "5 min"} for at in (5, 15, 25)]

    def breaks(case: Case) -> bool:
        return "crew_response" in case.document.get("clinic", {}) and any(
            episode["at"] == "15 min" for episode in case.document.get("episodes", ())
        )

    smallest, _ = shrink(case_with([], clinic=clinic, episodes=episodes), breaks)
    assert smallest.document["clinic"] == {"crew_response": "10 s"}
    assert smallest.document["episodes"] == [episodes[1]]


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
