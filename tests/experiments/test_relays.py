"""Bundle nodes over relays: plans that turn out wrong, relays that are full, priorities, lifetimes."""

from __future__ import annotations

from pathlib import Path

import pytest
from flights import SCENARIOS, Flight, fly

from twin.pipeline.facts import BundleDropped, Rejected
from twin.scenario import Scenario, load_scenario, parse_scenario


def without_faults(scenario: Scenario) -> Scenario:
    return scenario.model_copy(update={"faults": ()})


def held(flight: Flight) -> None:
    document = flight.result.document
    assert {g.key: g.verdict for g in document.guarantees if g.verdict == "broken"} == {}
    records, copies = document.records, document.counts.transmissions
    assert (records.delivered, records.lost, records.in_flight) == (records.accepted, 0, 0)
    assert copies.sent == copies.delivered + copies.lost + copies.in_flight
    assert sum(document.losses.values()) == copies.lost


def latencies_s(flight: Flight) -> dict[str, float]:
    """Mean time from offer to delivery by flow."""
    records = flight.result.tables["records"]
    records = records.assign(latency_s=(records["visible_us"] - records["generated_us"]) / 1e6)
    return dict(records.groupby("stream")["latency_s"].mean())


def test_a_plan_that_turns_out_wrong_costs_time_and_never_data(tmp_path: Path) -> None:
    scenario = load_scenario(SCENARIOS / "wrong-plan.yaml")
    wrong = fly(scenario, tmp_path / "wrong", BundleDropped)
    right = fly(without_faults(scenario), tmp_path / "right", BundleDropped)
    held(wrong)
    held(right)
    assert wrong.result.document.records.accepted == right.result.document.records.accepted
    later, sooner = latencies_s(wrong), latencies_s(right)
    assert all(later[flow] > sooner[flow] for flow in ("lander-earth-1", "lander-earth-2"))
    assert right.facts[BundleDropped] == []
    assert {fact.reason for _, _, fact in wrong.facts[BundleDropped]} <= {"storage", "lifetime"}


def test_four_relays_share_the_load(tmp_path: Path) -> None:
    scenario = load_scenario(SCENARIOS / "four-relays.yaml")
    held(fly(scenario, tmp_path / "lossy"))
    flight = fly(without_faults(scenario), tmp_path / "run")
    held(flight)
    copies = flight.result.tables["transmissions"]
    first_hops = set(copies[copies["from_node"] == "lander"]["to_node"])
    assert first_hops == {"R1", "R2", "R3", "R4"}


def test_whatever_befalls_bundles_in_the_campaign_of_relays_costs_time_only(tmp_path: Path) -> None:
    flight = fly(load_scenario(SCENARIOS / "bench" / "campaign-relays.yaml"), tmp_path / "run", BundleDropped, Rejected)
    held(flight)
    dropped = {(node, fact.reason) for _, node, fact in flight.facts[BundleDropped]}
    assert {("R1", "storage"), ("R3", "storage")} <= dropped  # newest of the lowest
    assert {("rover", "lifetime"), ("lander", "lifetime"), ("earth", "lifetime")} <= dropped  # where they were made
    assert {("R1", "lifetime"), ("R3", "lifetime"), ("R1", "lifetime: no contacts are quick enough")} <= dropped
    refused = {(node, fact.reason) for _, node, fact in flight.facts[Rejected]}
    assert {(node, "no contact leads to earth") for node in ("rover", "lander", "R3")} <= refused
    assert any(node == "earth" and "outlived its lifetime" in reason for node, reason in refused)


CHAIN = """
name: small-relay
duration: 24 h
seed: 1
network:
  nodes: [S, R, D]
  contacts:
    - {from: S, to: R, start: 0 s, end: 20 min, rate: 1 Mbit/s, owlt: 60 s, every: 1 h, count: 24, both_ways: true}
    - {from: R, to: D, start: 30 min, end: 50 min, rate: 1 Mbit/s, owlt: 60 s, every: 1 h, count: 24, both_ways: true}
  storage: {R: 50 kB}
traffic:
  - {from: S, to: D, size: 4 kB, period: 30 s, count: 40, priority: normal}
pipeline: {ack_every: 10}
guarantees: [no_loss, exactly_once, stream_order, integrity, conservation]
"""


def test_what_a_full_relay_drops_is_stated_and_sent_again(tmp_path: Path) -> None:
    flight = fly(parse_scenario(CHAIN), tmp_path / "run", BundleDropped)
    held(flight)
    drops = flight.facts[BundleDropped]
    assert {(node, fact.reason) for _, node, fact in drops} == {("R", "storage")}
    # 12 bundles of about 4060 bytes fit into 50 kB, and 40 come in the first 20 minutes
    first_hour = [fact for at_us, _, fact in drops if at_us < flight.facts[BundleDropped][0][0] + 1_200_000_000]
    assert len(first_hour) == 40 - 12
    copies = flight.result.tables["transmissions"]
    assert len(copies[(copies["from_node"] == "S")]) >= 40 + len(drops)


@pytest.mark.parametrize("lifetime", ["25 min", "70 min"])
def test_a_lifetime_that_ends_on_the_way_costs_time_only(lifetime: str, tmp_path: Path) -> None:
    """The first bundles of an hour wait 30 minutes at the relay: with 25 minutes they can only be sent late enough."""
    text = CHAIN.replace("priority: normal", f"priority: normal, lifetime: {lifetime}").replace("50 kB", "1 MB")
    flight = fly(parse_scenario(text), tmp_path / "run", BundleDropped)
    held(flight)
    dropped = {(node, fact.reason.partition(":")[0]) for _, node, fact in flight.facts[BundleDropped]}
    assert dropped == ({("S", "lifetime")} if lifetime == "25 min" else set())
