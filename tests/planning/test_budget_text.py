"""The budgets that a planner reads: the rates in them are those of the plan."""

import pytest

from twin.experiments.planned import planned_contacts
from twin.planning.budget_text import budget_text
from twin.planning.output import write_plan
from twin.scenario import ScenarioError, parse_scenario

HABITAT = """
name: links
start: 2033-03-10T00:00:00Z
duration: 2 sol
habitat: {site: jezero, crew: 6}
network:
"""
KA = HABITAT + "  {stations: [DSS-25, DSS-14], direct_to_earth: {band: Ka, power: 35 W, budget: {hysteresis: 0 dB}}}\n"
STORM = "weather: {dust: {storms: [{onset: 1 sol, peak_tau: 10.8, growth: 1 h, decay: 5 sol}]}}\n"
BARE = """
name: chain
duration: 1 h
network:
  nodes: [S, D]
  contacts: [{from: S, to: D, start: 0 s, end: 30 min, rate: 1 Mbit/s, owlt: 600 s}]
traffic: [{from: S, to: D, size: 10 kB, period: 10 s, count: 1}]
"""


def blocks_of(text):
    """Budgets by their heading without the instant: {term: last number of its line}."""
    out = {}
    for block in text.strip().split("\n\n"):
        heading, *lines = block.splitlines()
        out[heading.rpartition(", ")[0]] = {line[:40].strip(): line[40:].split()[0] for line in lines}
    return out


def test_the_rate_of_the_budget_is_a_rate_of_the_plan():
    scenario = parse_scenario(KA)
    blocks = blocks_of(budget_text(scenario))
    planned = {c.rate_bps for c in planned_contacts(scenario).between("edge-1", "earth")}
    near, far = (blocks[f"habitat -> DSS-25 (34 m), Ka-band, {which}"] for which in ("nearest", "farthest"))
    assert {int(near["rate of bundles"]), int(far["rate of bundles"])} <= planned
    assert float(near["C/N0"]) > float(far["C/N0"])
    for block in (near, far):
        assert int(block["rate of bundles"]) < int(block["rate of the list"]) <= int(block["rate, at most 6000000"])
    assert not any("DSS-14" in heading for heading in blocks), "it has no Ka-band"


def test_dust_stands_in_the_budget_of_its_time():
    clear, dusty = (
        blocks_of(budget_text(parse_scenario(KA + more)))["habitat -> DSS-25 (34 m), Ka-band, nearest"]
        for more in ("", STORM)
    )
    assert float(clear["weather and dust"]) - float(dusty["weather and dust"]) > 2.0
    assert int(dusty["rate of bundles"]) < int(clear["rate of bundles"])


def test_the_way_up_has_power_to_spare():
    up = blocks_of(budget_text(parse_scenario(KA)))["a 34 m station -> habitat, X-band, farthest"]
    assert float(up["information rate"]) > 60.0
    assert up["rate of bundles"] == "32000"


def test_without_a_budget_the_law_is_told_with_the_plan_s_rate():
    text = budget_text(parse_scenario(HABITAT.replace("network:\n", "")))
    assert "no budget: 500 kbit/s at 402336000 km, by the square of distance" in text
    assert "habitat -> DSS-14 (70 m), X-band" in text or "habitat -> DSS-43 (70 m), X-band" in text


def test_a_relay_that_is_too_far_says_that_nothing_is_sent():
    relay = HABITAT + "  relays: [{name: areo, orbit: {longitude: 77}, proximity: {gain: %s}}]\n"
    silent, heard = (blocks_of(budget_text(parse_scenario(relay % gain))) for gain in ("0 dB", "28 dB"))
    assert silent["habitat - areo, UHF, farthest"]["rate of packets"] == "none,"
    assert int(heard["habitat - areo, UHF, farthest"]["rate of packets"]) > 200_000
    assert float(heard["habitat - areo, UHF, nearest"]["C/N0"]) == pytest.approx(
        float(silent["habitat - areo, UHF, nearest"]["C/N0"]) + 28.0, abs=0.011
    )


def test_links_that_never_are_say_so():
    behind = HABITAT + "  relays: [{name: areo, orbit: {longitude: 257}}]\n"
    assert "habitat - areo: it never stands high enough over the site" in budget_text(parse_scenario(behind))
    night = HABITAT.replace("2 sol", "30 min")
    assert "habitat -> earth: no station sees it in this time" in budget_text(
        parse_scenario(night.replace("network:\n", ""))
    )


@pytest.mark.parametrize(("form", "geometry", "other"), [("--json", False, "--json"), (None, True, "--geometry")])
def test_budgets_are_text_alone(form, geometry, other):
    with pytest.raises(ScenarioError, match=rf"budgets with {other}: are text \(--budget\); drop one of the two"):
        write_plan(parse_scenario(KA), form, geometry, None, budgets=True)
    assert write_plan(parse_scenario(KA), None, False, None, budgets=True) == (budget_text(parse_scenario(KA)), ())


def test_bundle_nodes_have_no_radios():
    with pytest.raises(ScenarioError, match="budgets: bundle nodes with scripted contacts have no radios"):
        budget_text(parse_scenario(BARE))
