"""What a scenario may say: every refusal is one line with subject, rule, place and remedy."""

# ruff: noqa: E501 (expected lines are quoted whole)

import pytest
from examples import BARE, HABITAT, refusal_of

from twin.scenario import BareScenario, HabitatScenario, parse_scenario
from twin.world.timescales import utc_to_us


def test_a_habitat_scenario_carries_units_in_its_attributes() -> None:
    scenario = parse_scenario(HABITAT)
    assert isinstance(scenario, HabitatScenario)
    assert scenario.start_us == utc_to_us("2033-03-10T00:00:00Z")
    assert scenario.end_us - scenario.start_us == 88_775_244_000
    assert scenario.habitat.site.latitude_deg == 18.4447
    assert scenario.habitat.edge_names == ("edge-1", "edge-2")
    assert scenario.habitat.devices[0].samples_per_frame == 60
    assert scenario.network.direct_to_earth.rate_max_bps == 6_000_000


def test_a_bare_scenario_writes_out_its_contacts() -> None:
    scenario = parse_scenario(BARE)
    assert isinstance(scenario, BareScenario)
    contacts = scenario.network.scripted_contacts()
    assert len(contacts) == 18
    assert scenario.network.links == ("R->D", "R->S", "S->R")
    assert contacts[-1] == (
        "S",
        "R",
        5 * 3_600_000_000,
        5 * 3_600_000_000 + 1_800_000_000,
        10**6,
        600_000_000,
    )
    assert scenario.traffic[0].last_us == 990_000_000


def test_a_scenario_is_frozen() -> None:
    scenario = parse_scenario(HABITAT)
    with pytest.raises(ValueError, match="frozen"):
        scenario.seed = 3


@pytest.mark.parametrize(
    "start", ["2033-03-10T00:00:00", "2033-03-10", "2033-03-10 02:00:00+02:00", "'2033-03-10T00:00Z'"]
)
def test_a_start_without_a_zone_is_utc(start: str) -> None:
    scenario = parse_scenario(HABITAT.replace("2033-03-10T00:00:00Z", start))
    assert scenario.start_us == utc_to_us("2033-03-10T00:00:00Z")


def test_the_rate_down_follows_the_published_anchors() -> None:
    # tests/reference/link_published.csv: 0.5 Mbit/s at 402336000 km; 6 Mbit/s at 100 Mkm; column
    # rate_inverse_square_anchor
    radio = parse_scenario(HABITAT).network.direct_to_earth
    assert radio.downlink_rate_bps(402_336_000.0) == 500_000
    assert radio.downlink_rate_bps(149_597_870.7) == pytest.approx(3_616_600, rel=1e-4)
    assert radio.downlink_rate_bps(56_908_267.3) == 6_000_000
    doubled = parse_scenario(HABITAT + "network: {direct_to_earth: {power: 50 W, antenna: 6 m}}\n")
    assert doubled.network.direct_to_earth.downlink_rate_bps(402_336_000.0) == 1_000_000


def test_the_scenario_s_choice_of_a_guarantee_is_found_under_its_key() -> None:
    scenario = parse_scenario(HABITAT + "guarantees: [durability, freshness, convergence: {rounds: 3}]\n")
    assert scenario.listed_guarantees == ("durability", "freshness", "convergence")
    assert scenario.convergence_rounds == 3
    assert scenario.guarantee("feedback_closure") is None


STORM = "weather: {dust: {storms: [{onset: %s, peak_tau: %s, growth: 1 h, decay: 1 h, effects: [%s]}]}}\n"
FAULT = "faults:\n  - {%s}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            HABITAT + "crw: 3\n",
            "crw: unknown key (s.yaml:5, crw); use one of name, description, duration, ",
        ),
        (
            HABITAT + "pipeline: {ack_dely: 3 s}\n",
            "pipeline.ack_dely: unknown key (s.yaml:5, pipeline.ack_dely); did you mean ack_delay? use one of suite, ",
        ),
        (
            HABITAT + "pipeline:\n  ack_delay: 3 km\n",
            "pipeline.ack_delay = 3 km: 'km' is not a unit of duration (s.yaml:6, pipeline.ack_delay); use one of us, ",
        ),
        (
            HABITAT + "pipeline: {ack_delay: 3}\n",
            "pipeline.ack_delay = 3: a duration needs a unit (s.yaml:5, ",
        ),
        (
            HABITAT + "pipeline: {ack_delay: -3 s}\n",
            "pipeline.ack_delay = -3 s: a duration is not negative (s.yaml:5, ",
        ),
        (
            HABITAT + "pipeline: {ack_delay: .inf}\n",
            "pipeline.ack_delay = inf: a duration is a finite number (s.yaml:5, ",
        ),
        (
            HABITAT + "pipeline: {ack_delay: 1e99 s}\n",
            "pipeline.ack_delay = 1e99 s: a duration this large does not fit ",
        ),
        (
            HABITAT + "pipeline: {ack_every: true}\n",
            "pipeline.ack_every = true: must be a whole number (s.yaml:5, ",
        ),
        (
            HABITAT + "pipeline: {ack_every: '5'}\n",
            "pipeline.ack_every = 5: must be a whole number (s.yaml:5, ",
        ),
        (
            HABITAT + "pipeline: {batch_rows_max: 26}\n",
            "pipeline.batch_rows_max = 26: must be at most 25 (s.yaml:5, ",
        ),
        (
            HABITAT + "pipeline: {suite: ed25518}\n",
            "pipeline.suite = ed25518: not one of the known words (s.yaml:5, ",
        ),
        (
            HABITAT + "pipeline: 5\n",
            "pipeline = 5: must be a mapping (s.yaml:5, pipeline); write it as lines of ",
        ),
        (HABITAT + "seed: -1\n", "seed = -1: must be at least 0 (s.yaml:5, seed); give 0 or more"),
        (
            HABITAT + "seed: 9223372036854775808\n",
            "seed = 9223372036854775808: must be at most 9223372036854775807 ",
        ),
        (HABITAT.replace("small", "Not a slug"), "name = Not a slug: must match "),
        (
            HABITAT.replace("jezero", "jezro"),
            "habitat.site = jezro: unknown site (s.yaml:4, habitat.site); did you mean jezero? use one of jezero, ",
        ),
        (
            HABITAT.replace("jezero", "{latitude: 95, longitude: 3}"),
            "habitat.site.latitude = 95: a latitude lies from -90 to 90 deg (s.yaml:4, habitat.site.latitude); ",
        ),
        (
            HABITAT.replace("jezero", "{latitude: 5}"),
            "habitat.site.longitude: required and missing (s.yaml:4, habitat.site.longitude); add `longitude: ...`",
        ),
        (
            HABITAT.replace("crew: 6", "horizon_mask: []"),
            "habitat.horizon_mask: is a list of 1 or more (s.yaml:4, habitat.horizon_mask); add what is missing",
        ),
        (
            HABITAT.replace("crew: 6", "horizon_mask: [[20, 5], [10, 6]]"),
            "horizon mask: azimuth 10.0 deg does not rise above 20.0 deg (s.yaml:4, habitat.horizon_mask[1]); sort the ",
        ),
        (
            HABITAT.replace("crew: 6", "horizon_mask: [[360, 5]]"),
            "habitat.horizon_mask[0][0] = 360: an azimuth lies from 0 to below 360 deg (s.yaml:4, ",
        ),
        (
            HABITAT.replace("crew: 6", "horizon_mask: [[0, 90]]"),
            "habitat.horizon_mask[0][1] = 90: a horizon lies from -90 to below 90 deg (s.yaml:4, ",
        ),
        (
            HABITAT.replace("crew: 6", "horizon_mask: [[0, 5, 6]]"),
            "habitat.horizon_mask[0]: a point of a mask is an azimuth and an elevation (s.yaml:4, ",
        ),
        (
            HABITAT.replace("2033", "2009"),
            "start = 2009-03-10T00:00:00Z: the sky is known from 2010 to 2050 (s.yaml:2, start); choose a start in these years",
        ),
        (
            HABITAT.replace("2033", "2051"),
            "start = 2051-03-10T00:00:00Z: the sky is known from 2010 to 2050 ",
        ),
        (
            HABITAT.replace("2033-03-10", "2050-12-10"),
            "duration = 1 sol: the sky is known from 2010 to 2050, and a run needs 28 day after its end to drain (s.yaml:3, "
            "duration); choose a duration that ends before 2050-12-04, or an earlier start",
        ),
        (HABITAT.replace("2033-03-10", "2033-02-30"), "start = 2033-02-30T00:00:00Z: "),
        (
            HABITAT.replace("start: 2033-03-10T00:00:00Z\n", ""),
            "start: required and missing (s.yaml:1, start); ",
        ),
        (HABITAT.replace("1 sol", "0 s"), "duration = 0 s: must be more than 0 (s.yaml:3, duration); "),
        (
            HABITAT.replace("crew: 6", "devices: [{kind: vitals_monitor, frame_period: 1500 ms}]"),
            "habitat.devices[0].frame_period = 1500 ms: a frame is a whole number of sample periods of 1 s ",
        ),
        (
            HABITAT.replace("crew: 6", "devices: [{kind: vitals_monitor, frame_period: 1 h}]"),
            "habitat.devices[0].frame_period = 1 h: makes 3600 samples in a frame, and a Space Packet holds 600 ",
        ),
        (
            HABITAT.replace("crew: 6", "crew: 1000, devices: [{kind: vitals_monitor, count: 3}]"),
            "habitat.devices: 3000 devices, and 11-bit APIDs name 2046 (s.yaml:4, habitat.devices); use fewer",
        ),
        (
            HABITAT + STORM % ("30 h", "4", ""),
            "weather.dust.storms[0].onset = 30 h: begins after the end, 1 sol (s.yaml:5, ",
        ),
        (
            HABITAT + STORM % ("1 h", ".nan", ""),
            "weather.dust.storms[0].peak_tau = nan: must be a finite number ",
        ),
        (
            HABITAT + STORM % ("1 h", "0.3", ""),
            "weather.dust.storms[0].peak_tau = 0.3: a storm rises above the background ",
        ),
        (
            HABITAT + STORM % ("1 h", "4", "{kind: antenna_stow, above_tau: 5}"),
            "weather.dust.storms[0].effects[0].above_tau = 5: an effect sets in between the background, 0.5, and the peak, 4.0 ",
        ),
        (
            HABITAT + "network: {stations: [DSS-15]}\n",
            "network.stations[0] = DSS-15: unknown station DSS-15 (s.yaml:5, ",
        ),
        (
            HABITAT + "network: {stations: [DSS-14, DSS-14]}\n",
            "network.stations[1] = DSS-14: station DSS-14 is listed twice ",
        ),
        (HABITAT + "network: {stations: DSS-14}\n", "network.stations = DSS-14: must be a list (s.yaml:5, "),
        (
            HABITAT + FAULT % "kind: edge_crash, node: edge-7, at: 1 h, down: 1 h",
            "faults[0].node = edge-7: unknown edge node (s.yaml:6, faults[0].node); ",
        ),
        (
            HABITAT + FAULT % "kind: edge_crsh, node: edge-1, at: 1 h, down: 1 h",
            "faults[0].kind = edge_crsh: unknown kind (s.yaml:6, faults[0].kind); did you mean edge_crash? use one of ",
        ),
        (
            HABITAT + FAULT % "node: edge-1, at: 1 h",
            "faults[0].kind: required and missing (s.yaml:6, faults[0].kind); ",
        ),
        (
            HABITAT + FAULT % "kind: edge_crash, node: edge-1, at: 30 h, down: 1 h",
            "faults[0].at = 30 h: sets in after the end, 1 sol (s.yaml:6, faults[0].at); choose an earlier instant ",
        ),
        (
            HABITAT + "bounds_from: 1 sol\n",
            "bounds_from = 1 sol: nothing begins after the end of 1 sol, so no bound would hold anything (s.yaml:5, "
            "bounds_from); choose an earlier one",
        ),
        (
            HABITAT + FAULT % "kind: bundle_loss, link: S->R, rate: 1 %",
            "faults[0].link = S->R: unknown link (s.yaml:6, ",
        ),
        (
            HABITAT + FAULT % "kind: bundle_loss, link: down, rate: 101 %",
            "faults[0].rate = 101 %: a ratio lies from 0 to 1 ",
        ),
        (
            HABITAT + FAULT % "kind: bundle_loss, link: down, rate: 1 %, from: 3 h, until: 2 h",
            "faults[0].until = 2 h: `until` must come after `from` (s.yaml:6, faults[0].until); swap them or drop the fault",
        ),
        (
            HABITAT + FAULT % "kind: link_outage, link: down, station: DSS-14, at: 1 h, for: 1 h",
            "faults[0]: names link and station (s.yaml:6, faults[0]); give exactly one of link, station, complex",
        ),
        (
            HABITAT + FAULT % "kind: link_outage, at: 1 h, for: 1 h",
            "faults[0]: names no place (s.yaml:6, faults[0]); ",
        ),
        (
            HABITAT + FAULT % "kind: link_outage, complex: Madird, at: 1 h, for: 1 h",
            "faults[0].complex = Madird: unknown complex (s.yaml:6, faults[0].complex); did you mean Madrid? ",
        ),
        (
            HABITAT
            + "network: {stations: [DSS-14]}\n"
            + FAULT % "kind: link_outage, complex: Madrid, at: 1 h, for: 1 h",
            "faults[0].complex = Madrid: no station of this scenario stands there (s.yaml:7, faults[0].complex); ",
        ),
        (
            HABITAT + "guarantees: [freshnes]\n",
            "guarantees[0] = freshnes: unknown guarantee freshnes (s.yaml:5, ",
        ),
        (
            HABITAT + "guarantees:\n  - freshness:\n      bound: owl + 3 min\n",
            "guarantees[0].freshness.bound = owl + 3 min: 'owl' is neither a variable nor a unit of time (s.yaml:7, ",
        ),
        (
            HABITAT + "guarantees: [freshness: {bnd: owlt}]\n",
            "guarantees[0].freshness.bnd: unknown key (s.yaml:5, guarantees[0].freshness.bnd); did you mean bound? ",
        ),
        (HABITAT + "guarantees: [freshness: {key: owlt}]\n", "guarantees[0].freshness.key: unknown key "),
        (
            HABITAT + "guarantees: [durability: {bound: owlt}]\n",
            "guarantees[0]: durability has no options (s.yaml:5, ",
        ),
        (
            HABITAT + "guarantees: [no_loss, no_loss]\n",
            "guarantees: no_loss is listed 2 times (s.yaml:5, guarantees); ",
        ),
        (
            HABITAT + "traffic: []\n",
            "traffic: stands beside a habitat (s.yaml:5, traffic); drop it, or drop the habitat",
        ),
        (
            "name: x\nduration: 1 h\n",
            "scenario s.yaml: has neither a habitat nor contacts and traffic (s.yaml); add ",
        ),
    ],
)
def test_a_habitat_scenario_that_cannot_be_meant_is_refused(text: str, line: str) -> None:
    assert refusal_of(text).startswith(line)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "start: 0 s, end: 30 min",
            "start: 40 min, end: 30 min",
            "contact S->R: end 30 min is before start 40 min (s.yaml:6, network.contacts[0].end); swap them or drop the contact",
        ),
        (
            "end: 30 min",
            "end: 0 s",
            "contact S->R: end 0 s is not after start 0 s (s.yaml:6, network.contacts[0].end); ",
        ),
        (
            "to: R",
            "to: Q",
            "network.contacts[0].to = Q: unknown node (s.yaml:6, network.contacts[0].to); use one of S, R, D",
        ),
        (
            "to: R",
            "to: S",
            "contact S->S: a contact joins two nodes (s.yaml:6, network.contacts[0].to); name another node",
        ),
        (
            "[S, R, D]",
            "[S, R, D, R]",
            "network.nodes[3] = R: node R is listed twice (s.yaml:4, network.nodes[3]); list it once",
        ),
        (
            "every: 1 h, ",
            "",
            "contact S->R: 6 repetitions need `every` (s.yaml:6, network.contacts[0].count); add ",
        ),
        (
            "every: 1 h",
            "every: 20 min",
            "contact R->D: starts 20 min after the start, inside the contact that ends at 30 min (s.yaml:7, network.contacts[1]); ",
        ),
        (
            "1 Mbit/s",
            "0 bit/s",
            "network.contacts[0].rate = 0 bit/s: must be more than 0 (s.yaml:6, network.contacts[0].rate); ",
        ),
        (
            "600 s",
            "600",
            "network.contacts[0].owlt = 600: a duration needs a unit (s.yaml:6, network.contacts[0].owlt); ",
        ),
        ("both_ways: true", "both_ways: 1", "network.contacts[0].both_ways = 1: must be true or false "),
        (
            "{from: S, to: D",
            "{from: D, to: S",
            "traffic D->S: no chain of contacts leads there (s.yaml:9, traffic[0].to); ",
        ),
        (
            "{from: S, to: D",
            "{from: S, to: Q",
            "traffic[0].to = Q: unknown node (s.yaml:9, traffic[0].to); use one of S, R, D",
        ),
        (
            "count: 100}",
            "count: 10000}",
            "traffic S->D: the last bundle would leave at 27.775 h, after the end at 6 h (s.yaml:9, traffic[0].count); ",
        ),
        (
            "10 kB",
            "100 kB",
            "traffic S->D: a payload is one bundle of at most 64 kB (s.yaml:9, traffic[0].size); ",
        ),
        (
            "name: chain",
            "name: chain\nweather: {}",
            "weather: unknown key (s.yaml:2, weather); use one of name, ",
        ),
        (
            "traffic:",
            "faults: [{kind: bundle_loss, link: D->R, rate: 1 %}]\ntraffic:",
            "faults[0].link = D->R: unknown link (s.yaml:8, faults[0].link); ",
        ),
        (
            "traffic:",
            "faults: [{kind: edge_crash, node: S, at: 1 h, down: 1 h}]\ntraffic:",
            "faults[0].kind = edge_crash: a bare scenario has neither edge nodes nor a table (s.yaml:8, faults[0].kind); ",
        ),
        (
            "traffic:",
            "faults: [{kind: babble, node: gateway, at: 1 h, for: 1 h}]\ntraffic:",
            "faults[0].node = gateway: unknown node (s.yaml:8, faults[0].node); use one of S, R, D",
        ),
        (
            "network:\n  nodes: [S, R, D]",
            "faults: [{kind: babble, node: Q, at: 1 h, for: 1 h}]\nnetwork:\n  nodes: [S, R, D, Q]",
            "faults[0].node = Q: no contact leads there, so it hears nobody (s.yaml:3, faults[0].node); "
            "use one of S, R, D",
        ),
        (
            "traffic:",
            "faults: [{kind: link_outage, station: DSS-14, at: 1 h, for: 1 h}]\ntraffic:",
            "faults[0]: a bare scenario has no stations (s.yaml:8, faults[0]); give `link`",
        ),
        (
            "traffic:",
            "  storage: {Q: 1 MB}\ntraffic:",
            "network.storage.Q = 1 MB: unknown node (s.yaml:8, network.storage.Q); use one of S, R, D",
        ),
        (
            "traffic:",
            "  storage: {R: 10 kB}\ntraffic:",
            "network.storage.R = 10 kB: 10 kB hold no bundle with a payload of 10 kB, and none would ever pass (s.yaml:8, ",
        ),
        (
            "traffic:",
            "  storage: {R: 0 B}\ntraffic:",
            "network.storage.R = 0 B: must be more than 0 (s.yaml:8, network.storage.R); ",
        ),
        (
            "count: 100}",
            "count: 100, priority: urgent}",
            "traffic[0].priority = urgent: not one of the known words (s.yaml:9, traffic[0].priority); use one of bulk, ",
        ),
        (
            "count: 100}",
            "count: 100, lifetime: 0 s}",
            "traffic[0].lifetime = 0 s: must be more than 0 (s.yaml:9, traffic[0].lifetime); ",
        ),
        (
            "traffic:",
            "faults: [{kind: stale_plan, at: 7 h, for: 1 h, shift: 10 min}]\ntraffic:",
            "faults[0].at = 7 h: sets in after the end, 6 h (s.yaml:8, faults[0].at); ",
        ),
        (
            "traffic:",
            "faults: [{kind: stale_plan, node: gateway, at: 1 h, for: 1 h, shift: 10 min}]\ntraffic:",
            "faults[0].node = gateway: a bare scenario has no gateway (s.yaml:8, faults[0].node); drop `node`: all nodes ",
        ),
    ],
)
def test_a_bare_scenario_that_cannot_be_meant_is_refused(old: str, new: str, line: str) -> None:
    assert old in BARE
    assert refusal_of(BARE.replace(old, new)).startswith(line)


def test_several_problems_are_counted_after_the_first() -> None:
    assert refusal_of(BARE.replace("600 s", "600")).endswith("(and 1 more)")
