"""When records can really pass: every planned or scripted trouble taken out, of two edges whichever can transmit."""

from __future__ import annotations

from twin.experiments.disturbances import pass_cuts
from twin.experiments.passages import availability
from twin.faults.link import Outage
from twin.faults.resolve import resolve
from twin.faults.stale_plan import shifted
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.scenario import HabitatScenario, parse_scenario

HEAD = """\
name: small
start: 2033-03-10T00:00:00Z
duration: 10 h
seed: 5
habitat: {site: jezero, crew: 1, edge_nodes: 3}
network: {stations: [DSS-14]}
faults:
"""
HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
OWLT_US = 10 * MINUTE_US


def passages(*faults: str, edges: tuple[str, ...] = ("edge-1",)) -> dict[str, list[tuple[float, float]]]:
    """Usable windows in hours after the start; passes from 1 to 4 h and from 6 to 9 h in both directions."""
    scenario = parse_scenario(HEAD + "".join(f"  - {{{fault}}}\n" for fault in faults))
    assert isinstance(scenario, HabitatScenario)
    scenario = resolve(scenario)
    t = scenario.start_us
    plan = ContactPlan(
        Contact(*pair, t + start * HOUR_US, t + end * HOUR_US, 10**6, ((t, OWLT_US),), "DSS-14")
        for edge in scenario.habitat.edge_names
        for pair in ((edge, "earth"), ("earth", edge))
        for start, end in ((1, 4), (6, 9))
    )
    found = availability(scenario, plan, [], 0)(edges)
    return {
        name: [(round((a - t) / HOUR_US, 3), round((b - t) / HOUR_US, 3)) for a, b, _ in passage.windows]
        for name, passage in (("down", found.down), ("up", found.up))
    }


LIGHT = round(OWLT_US / HOUR_US, 3)
ALL = [(1, 4), (6, 9)]


def test_without_trouble_the_plan_is_usable() -> None:
    assert passages("kind: bundle_loss, link: down, rate: 1 %") == {"down": ALL, "up": ALL}


def test_a_crash_of_the_edge_takes_departures_down_and_arrivals_up() -> None:
    found = passages("kind: edge_crash, node: edge-1, at: 2 h, down: 1 h")
    assert found["down"] == [(1, 2), (3, 4), (6, 9)]
    assert found["up"] == [(1, round(2 - LIGHT, 3)), (round(3 - LIGHT, 3), 4), (6, 9)]


def test_of_two_edges_whichever_is_up_can_transmit() -> None:
    crash = "kind: edge_crash, node: edge-1, at: 2 h, down: 1 h"
    both = passages(crash, "kind: edge_crash, node: edge-2, at: 150 min, down: 1 h", edges=("edge-1", "edge-2"))
    assert both["down"] == [(1, 2), (2, 2.5), (3, 4), (6, 9)]


def test_a_crash_of_the_gateway_takes_what_would_arrive() -> None:
    found = passages("kind: earth_crash, node: gateway, at: 2 h, down: 1 h")
    assert found["down"] == [(1, round(2 - LIGHT, 3)), (round(3 - LIGHT, 3), 4), (6, 9)]
    assert found["up"] == [(1, 2), (3, 4), (6, 9)]


def test_without_an_auditor_no_ack_leaves() -> None:
    found = passages("kind: earth_crash, node: auditor, at: 2 h, down: 1 h")
    assert found == {"down": ALL, "up": [(1, 2), (3, 4), (6, 9)]}


def test_a_stale_plan_leaves_what_it_shares_with_the_right_one() -> None:
    found = passages("kind: stale_plan, at: 0 s, for: 5 h, shift: 1 h")
    assert found == {"down": [(2, 4), (6, 9)], "up": ALL}


def test_a_stale_plan_of_the_gateway_is_the_way_ups() -> None:
    found = passages("kind: stale_plan, node: gateway, at: 0 s, for: 5 h, shift: 1 h")
    assert found == {"down": ALL, "up": [(2, 4), (6, 9)]}


def test_wrong_plans_of_both_planets_are_followed_apart() -> None:
    mars = "kind: stale_plan, at: 0 s, for: 5 h, shift: 1 h"
    earth = "kind: stale_plan, node: gateway, at: 0 s, for: 5 h, shift: -1 h"
    assert passages(mars, earth) == {"down": [(2, 4), (6, 9)], "up": [(1.003, 3), (6, 9)]}  # as below


def test_of_two_stale_plans_the_one_that_came_last_is_followed() -> None:
    first = "kind: stale_plan, at: 0 s, for: 10 h, shift: 1 h"
    found = passages(first, "kind: stale_plan, at: 150 min, for: 5 h, shift: -1 h")
    assert found["down"] == [(2, 2.5), (2.5, 3), (6.003, 7.5), (7.5, 9)]  # ten seconds after it failed


def test_a_full_disk_counts_as_no_edge() -> None:
    assert passages("kind: disk_full, node: edge-1, at: 2 h, for: 1 h")["down"] == [(1, 2), (3, 4), (6, 9)]


def test_a_pass_is_cut_at_its_station() -> None:
    found = passages("kind: pass_cut, link: down, at: 2 h")
    assert found == {"down": [(1, round(2 - LIGHT, 3)), (6, 9)], "up": ALL}


def test_a_cut_between_passes_takes_the_second_half_of_the_next() -> None:
    assert passages("kind: pass_cut, link: up, at: 5 h") == {"down": ALL, "up": [(1, 4), (6, 7.5)]}


def test_a_cut_after_the_last_pass_cuts_nothing() -> None:
    scenario = parse_scenario(HEAD + "  - {kind: pass_cut, link: down, at: 9 h}\n")
    assert isinstance(scenario, HabitatScenario)
    t = scenario.start_us
    assert pass_cuts(scenario, ("down",), [(t, t + HOUR_US)]) == []
    assert pass_cuts(scenario, ("up",), [(t, t + 10 * HOUR_US)]) == []
    cut = Outage(t + 9 * HOUR_US, t + 10 * HOUR_US, "pass_cut")
    assert pass_cuts(scenario, ("down",), [(t, t + 10 * HOUR_US)]) == [cut]


def test_a_shifted_plan_is_the_same_plan_later() -> None:
    plan = ContactPlan([Contact("a", "b", 0, 10, 8, ((0, 5), (10, 6)))])
    assert shifted(plan, 7).contacts == (Contact("a", "b", 7, 17, 8, ((7, 5), (17, 6))),)
    assert shifted(shifted(plan, 7), -7).contacts == plan.contacts
