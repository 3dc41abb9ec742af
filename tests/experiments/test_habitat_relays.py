"""A habitat that reaches Earth over orbiters: what they carry, what a safe mode costs, what a relay may not do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flights import Flight, fly

from twin.experiments.mission import Roles
from twin.experiments.run import run
from twin.experiments.sky_plan import closed_by_the_sun, plan_of, span_of
from twin.pipeline.machine import BundleArrived, Effect, Event
from twin.pipeline.transport.bundle_node import BundleNode
from twin.scenario import ScenarioError, parse_scenario
from twin.scenario.model import HabitatScenario
from twin.trace import HopLost
from twin.world.light_path import LightPath, at_station
from twin.world.stations import DSN_STATIONS

RELAYED = """
name: relayed
start: 2033-03-10T00:00:00Z
duration: 16 h
seed: 7
habitat:
  site: jezero
  crew: 1
  devices: [{kind: vitals_monitor, sample_period: 20 s, frame_period: 10 min}]
pipeline: {suite: hmac-sha256}
network:
  direct_to_earth: null
  relays:
    - {name: mro, orbit: mro-like}
    - {name: tgo, orbit: tgo-like}
guarantees:
  - no_loss
  - exactly_once
  - stream_order
  - convergence: {rounds: 2}
  - freshness: {bound: owlt + frame_period + contact_wait + 2 R + 5 min}
  - feedback_closure: {bound: 2 owlt + 2 contact_wait + ack_delay + far_end_allowance + 2 R + 10 min}
  - safe_trim
  - confidentiality
  - conservation
"""
SAFE_MODE = "faults: [{kind: relay_safe_mode, relay: tgo, at: 11 h, for: 3 h, announced: %s}]\n"


def habitat(text: str) -> HabitatScenario:
    scenario = parse_scenario(text)
    assert isinstance(scenario, HabitatScenario)
    return scenario


def copies(flight: Flight) -> pd.DataFrame:
    return flight.result.tables["transmissions"]


def lost(flight: Flight) -> set[str]:
    return {fact.cause for _, _, fact in flight.facts[HopLost]}


def test_records_reach_earth_and_acks_mars_over_relays_alone(tmp_path: Path) -> None:
    flight = fly(parse_scenario(RELAYED), tmp_path / "run", HopLost)
    assert flight.result.exit_code == 0
    assert flight.result.document.records.delivered == flight.result.document.records.accepted > 90
    pairs = set(zip(copies(flight)["from_node"], copies(flight)["to_node"], strict=True))
    assert ("mro", "earth") in pairs or ("tgo", "earth") in pairs
    assert not {pair for pair in pairs if pair[0].startswith("edge") and pair[1] == "earth"}
    assert {destination for source, destination in pairs if source == "earth"} <= {"mro", "tgo"}
    for relay in ("mro", "tgo"):
        of = copies(flight)
        came = of[(of["to_node"] == relay) & (of["outcome"] == "delivered")]
        went = of[of["from_node"] == relay]
        assert len(came) == len(went), "a relay passes on what it gets, once"


def test_a_safe_mode_that_surprises_costs_bundles_and_time_and_no_record(tmp_path: Path) -> None:
    surprised = fly(parse_scenario(RELAYED + SAFE_MODE % "false"), tmp_path / "surprised", HopLost)
    assert surprised.result.exit_code == 0
    assert lost(surprised) == {"relay_safe_mode"}
    assert surprised.result.document.records.delivered == surprised.result.document.records.accepted


def test_a_safe_mode_that_is_announced_costs_no_bundle(tmp_path: Path) -> None:
    announced = fly(parse_scenario(RELAYED + SAFE_MODE % "true"), tmp_path / "announced", HopLost)
    assert announced.result.exit_code == 0
    assert lost(announced) == set()
    start_us = habitat(RELAYED).start_us
    first_us, last_us = start_us + 11 * 3_600_000_000, start_us + 14 * 3_600_000_000
    sent = copies(announced).query("from_node == 'tgo'")["sent_us"]
    assert not ((sent >= first_us) & (sent < last_us)).any()


class _Forgetful(BundleNode):
    """A relay that drops every third bundle and says nothing of it."""

    seen = 0

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, BundleArrived):
            self.seen += 1
            if self.seen % 3 == 0:
                return []
        return super().handle(event, now_us)


class _Deaf(BundleNode):
    """A relay that takes nothing."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        return [] if isinstance(event, BundleArrived) else super().handle(event, now_us)


def test_a_relay_that_loses_bundles_is_made_good_by_the_ends(tmp_path: Path) -> None:
    result = run(parse_scenario(RELAYED), tmp_path / "run", quiet=True, roles=Roles(node=_Forgetful))
    assert result.document.records.delivered == result.document.records.accepted


def test_relays_that_take_nothing_are_found(tmp_path: Path) -> None:
    result = run(parse_scenario(RELAYED), tmp_path / "run", quiet=True, roles=Roles(node=_Deaf))
    assert result.exit_code == 1
    broken = {guarantee.key for guarantee in result.guarantees if guarantee.verdict == "broken"}
    assert "convergence" in broken


def test_nothing_goes_up_in_a_moratorium_and_nothing_down_in_a_conjunction() -> None:
    scenario = habitat(
        RELAYED.replace("2033-03-10", "2030-05-10").replace("16 h", "5 sol").replace("direct_to_earth: null", "")
        + "overload: allowed\n"
    )
    span = span_of(scenario)
    (moratorium,), (conjunction,) = (closed_by_the_sun(scenario, "X", way, span) for way in ("up", "down"))
    assert moratorium == conjunction, "both at 2 deg by default"
    assert span[1] > moratorium[1], "the plan goes on until acks can come again"
    plan = plan_of(scenario)
    up = [c for c in plan.contacts if c.source == "earth"]
    down = [c for c in plan.contacts if c.destination == "earth"]
    assert any(c.start_us > moratorium[1] for c in up)
    assert not [c for c in up if c.start_us < moratorium[1] and c.end_us > moratorium[0]]
    for c in down:
        received = c.start_us + c.owlt_us(c.start_us), c.end_us + c.owlt_us(c.end_us)
        assert received[1] <= conjunction[0] + 1000 or received[0] >= conjunction[1] - 1000


def test_contacts_of_a_relay_lie_within_its_passes_and_know_where_it_is() -> None:
    plan = plan_of(habitat(RELAYED))
    for contact in plan.contacts:
        if contact.destination == "earth":
            knots = np.array(contact.owlt)
            from_centre = LightPath(lambda us: np.zeros((len(us), 3)), at_station(DSN_STATIONS[contact.via]))
            nearer_us = from_centre.owlt_down_us(knots[:, 0]) - knots[:, 1]
            assert np.abs(nearer_us).max() < 12_700, "3,796 km are 12.66 ms"
        elif contact.source.startswith("edge"):
            assert all(1_000 <= owlt_us <= 10_000 for _, owlt_us in contact.owlt), "300 km to 3,000 km"
            assert contact.end_us - contact.start_us < 16 * 60 * 10**6
    assert plan.ends == {"earth", "edge-1", "edge-2"}


def test_a_habitat_without_devices_has_a_plan_and_no_run(tmp_path: Path) -> None:
    bare = RELAYED.partition("guarantees:")[0].replace("crew: 1", "crew: 0")
    assert plan_of(habitat(bare)).contacts
    with pytest.raises(ScenarioError, match="a run needs something that measures"):
        run(parse_scenario(bare), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_relays_that_see_each_other_may_pass_bundles_on() -> None:
    asked = RELAYED.replace("guarantees:", '  crosslinks: {range_max: "4000 km"}\nguarantees:', 1)
    between = [c for c in plan_of(habitat(asked)).contacts if {c.source, c.destination} == {"mro", "tgo"}]
    assert {(c.source, c.destination) for c in between} == {("mro", "tgo"), ("tgo", "mro")}
    assert all(0 < owlt_us <= 13_350 for c in between for _, owlt_us in c.owlt), "4,000 km are 13.34 ms"
    assert {c.rate_bps for c in between} == {128_000}
    assert not [c for c in plan_of(habitat(RELAYED)).contacts if {c.source, c.destination} == {"mro", "tgo"}]
