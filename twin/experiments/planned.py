"""What a scenario's sky and plan are while it lasts, without running it."""

from __future__ import annotations

from twin.experiments import bare, sky_plan
from twin.experiments.own_sky import own_sky
from twin.experiments.relay_orbits import relays_of
from twin.faults.resolve import resolve
from twin.network.sights import Sight, sights
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.scenario.errors import ScenarioError
from twin.scenario.model import BareScenario, HabitatScenario, Scenario
from twin.scenario.network import DirectToEarth


def planned_contacts(scenario: Scenario) -> ContactPlan:
    """The contacts that take place while data are generated, cut at the scenario's end."""
    if isinstance(scenario, BareScenario):
        plan = bare.plan_of(resolve(scenario))
    else:
        plan = sky_plan.plan_of(resolve(scenario))
    end_us = scenario.end_us
    cut = (c._replace(end_us=min(c.end_us, end_us)) for c in plan.contacts if c.start_us < end_us)
    return ContactPlan(cut, plan.ends)


def raw_sights(scenario: Scenario) -> list[Sight]:
    """Who sees whom while a habitat's data are generated, whatever the schedule.

    Raises:
        ScenarioError: a scenario of bundle nodes has no sky.
    """
    if not isinstance(scenario, HabitatScenario):
        place = "the scenario" if scenario.origin is None else scenario.origin.path
        raise ScenarioError("geometry", "bundle nodes with scripted contacts have no sky", place, "give a habitat")
    network = scenario.network
    span = scenario.start_us, scenario.end_us
    radio = network.direct_to_earth or DirectToEarth()  # without one, what it would see
    with own_sky(scenario):
        return sights(
            sky_plan.site_of(scenario),
            relays_of(scenario, span),
            network.stations,
            span,
            radio.min_elevation_deg,
            network.station_min_elevation_deg,
        )
