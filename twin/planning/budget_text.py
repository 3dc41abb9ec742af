"""Why a rate is what it is: the budget of each link at its nearest and its farthest, term by term.

Deep-space links are looked at in the middle of each time in which a station of a size sees its spacecraft, whoever is
scheduled then; passes at each minute. The rate of the list is that of a signal which has just enough, without what
hysteresis makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

import numpy as np

from twin.experiments.link_rates import dust_over, uhf_radio, up_rate_bps
from twin.experiments.own_sky import own_sky
from twin.experiments.relay_orbits import relays_of
from twin.experiments.sky_plan import site_of
from twin.network import deep_space
from twin.network.link_budget import Budget, budget
from twin.network.ltp import rate_left_bps
from twin.network.proximity1 import RATES_BPS, GoBackN, goodput_bps
from twin.network.relay_planner import path_to
from twin.network.sights import Relay as Flown
from twin.network.sights import relay_passes
from twin.network.visibility import Window, at_other_end, down_windows, intersect, station_windows
from twin.scenario.errors import ScenarioError
from twin.scenario.model import HabitatScenario, Scenario
from twin.scenario.network import DirectToEarth
from twin.scenario.radio import DeepSpaceRadio
from twin.scenario.relays import Relay
from twin.units import BIT_RATE, format_quantity
from twin.world import ephemeris, relay_geometry
from twin.world.mars import Site
from twin.world.stations import DSN_STATIONS
from twin.world.timescales import us_to_utc

_PASS_STEP_US: Final = 60_000_000
_T = TypeVar("_T")


def budget_text(scenario: Scenario) -> str:
    """The budgets of a habitat's links while its data are generated.

    Raises:
        ScenarioError: a scenario of bundle nodes has no radios.
    """
    if not isinstance(scenario, HabitatScenario):
        place = "the scenario" if scenario.origin is None else scenario.origin.path
        raise ScenarioError("budgets", "bundle nodes with scripted contacts have no radios", place, "give a habitat")
    with own_sky(scenario):
        return "\n\n".join(_links(scenario)) + "\n"


def _links(scenario: HabitatScenario) -> Iterator[str]:
    span, site = (scenario.start_us, scenario.end_us), site_of(scenario)
    relays = relays_of(scenario, span)
    own = scenario.network.direct_to_earth
    if own is not None:
        yield from _deep_space(scenario, "habitat", own, _habitat_sights(scenario, own, site, span))
    for relay in scenario.network.relays:
        flown = relays[relay.name]
        yield from _passes(site, relay, flown, span)
        yield from _deep_space(scenario, relay.name, relay.to_earth, _relay_sights(scenario, relay, flown, span))


_Sights = list[tuple[int, str]]
"""(instant of transmission, station), each within a time in which the two see each other."""


def _habitat_sights(scenario: HabitatScenario, radio: DirectToEarth, site: Site, span: Window) -> _Sights:
    least_deg = radio.min_elevation_deg, radio.station_min_elevation_deg
    return [
        (_middle(window), name)
        for name in scenario.network.stations_hearing(radio.band)
        for window in down_windows(site, DSN_STATIONS[name], span, *least_deg)
    ]


def _relay_sights(scenario: HabitatScenario, relay: Relay, flown: Flown, span: Window) -> _Sights:
    in_sight = relay_geometry.sees_body(flown.orbit, "earth", *span)
    found = []
    for name in scenario.network.stations_hearing(relay.to_earth.band):
        up = station_windows(DSN_STATIONS[name], span, relay.to_earth.station_min_elevation_deg)
        listened = at_other_end(up, path_to(flown.orbit, span, name).sent_down_us)
        found += [(_middle(window), name) for window in intersect(in_sight, listened)]
    return found


def _deep_space(scenario: HabitatScenario, name: str, radio: DeepSpaceRadio, sights: _Sights) -> Iterator[str]:
    if not sights:
        yield f"{name} -> earth: no station sees it in this time"
        return
    for diameter_m in sorted({DSN_STATIONS[station].diameter_m for _, station in sights}):
        of_size = [s for s in sights if DSN_STATIONS[s[1]].diameter_m == diameter_m]
        for which, (at_us, station) in _extremes(of_size, [ephemeris.distance_km(at_us) for at_us, _ in of_size]):
            heading = f"{name} -> {station} ({diameter_m:g} m), {radio.band}-band, {which}, {us_to_utc(at_us)}"
            yield f"{heading}\n{_down(scenario, name, radio, station, at_us)}"
    for which, (at_us, _) in _extremes(sights, [ephemeris.distance_km(at_us) for at_us, _ in sights]):
        rows = [str(deep_space.budget_up(radio, at_us)), _row("rate of bundles", up_rate_bps(radio))]
        yield "\n".join([f"a 34 m station -> {name}, X-band, {which}, {us_to_utc(at_us)}", *rows])


def _down(scenario: HabitatScenario, name: str, radio: DeepSpaceRadio, station: str, at_us: int) -> str:
    if radio.budget is None:
        anchor = format_quantity(radio.rate_reference_bps, BIT_RATE)
        law = f"no budget: {anchor} at {radio.rate_reference_distance_km:.0f} km, by the square of distance"
        distance_km = ephemeris.distance_km(at_us)
        limit = f"rate at {distance_km:.0f} km, at most {radio.rate_max_bps}"
        rate_bps = radio.downlink_rate_bps(distance_km)
        left_bps = rate_left_bps(rate_bps, radio.ltp.segment_loss)
        return "\n".join([law, _row(limit, rate_bps), _row("rate of bundles", left_bps)])
    dust: deep_space.DustLoss = deep_space.clear_air
    if name == "habitat":
        dust = dust_over(scenario, site_of(scenario), (scenario.start_us, scenario.end_us))
    found = deep_space.budget_down(radio, radio.budget, station, at_us, dust)
    rate_bps = _highest(radio.budget.rates_bps, found)
    bundles_bps = 0 if rate_bps == 0 else deep_space.bundle_bps(radio, rate_bps, scenario.pipeline.bundle_bytes_max)
    return "\n".join([str(found), _row("rate of the list", rate_bps), _row("rate of bundles", bundles_bps)])


def _passes(site: Site, relay: Relay, flown: Flown, span: Window) -> Iterator[str]:
    instants = [
        at_us
        for start_us, end_us in relay_passes(site, flown, span)
        for at_us in (*range(start_us, end_us, _PASS_STEP_US), end_us)
    ]
    if not instants:
        yield f"habitat - {relay.name}: it never stands high enough over the site in this time"
        return
    ranges_km = relay_geometry.look_at(flown.orbit, site, np.array(instants, dtype=np.int64))[2].tolist()
    radio = uhf_radio(relay.proximity)
    for which, (at_us, range_km) in _extremes(list(zip(instants, ranges_km, strict=True)), ranges_km):
        found = budget(radio.link, range_km)
        rate_bps = _highest(RATES_BPS if radio.rates_bps is None else radio.rates_bps, found)
        through_bps = 0 if rate_bps == 0 else goodput_bps(rate_bps, range_km, radio.frame_loss, GoBackN())
        rows = [str(found), _row("rate of the list", rate_bps), _row("rate of packets", through_bps)]
        yield "\n".join([f"habitat - {relay.name}, UHF, {which}, {us_to_utc(at_us)}", *rows])


def _extremes(found: Sequence[_T], distances_km: Sequence[float]) -> list[tuple[str, _T]]:
    near, far = (choose(range(len(found)), key=distances_km.__getitem__) for choose in (min, max))
    return [("nearest", found[near]), ("farthest", found[far])] if near != far else [("seen once", found[near])]


def _highest(rates_bps: Sequence[int], found: Budget) -> int:
    """The highest rate that the budget carries; 0 where even the lowest is too much: nothing is sent."""
    return max((rate for rate in rates_bps if rate <= found.rate_bps), default=0)


def _middle(window: Window) -> int:
    return (window[0] + window[1]) // 2


def _row(term: str, rate_bps: int) -> str:
    said = f"{rate_bps:10d} bit/s" if rate_bps else f"{'none':>10s}, nothing is sent"
    return f"{term:40s} {said}"
