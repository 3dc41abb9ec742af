"""What a scenario's sky and plan are while it lasts, without running it."""

from __future__ import annotations

from twin.experiments import bare, sky_plan
from twin.experiments.identities import devices_of
from twin.experiments.machine_settings import turnaround_us
from twin.experiments.own_sky import own_sky
from twin.experiments.passages import availability
from twin.experiments.relay_orbits import known_until_us, relays_of
from twin.experiments.storage import StorageNeed, storage_needs
from twin.faults.resolve import resolve
from twin.faults.weather import stow_windows
from twin.network.sights import Sight, sights
from twin.network.visibility import Window
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.scenario.errors import ScenarioError
from twin.scenario.model import BareScenario, HabitatScenario, Scenario
from twin.scenario.network import DirectToEarth


def whole_plan(scenario: Scenario) -> ContactPlan:
    """All contacts of a scenario, those of its drain too as far as orbits are known."""
    if isinstance(scenario, BareScenario):
        return bare.plan_of(resolve(scenario))
    with own_sky(scenario):
        return sky_plan.plan_of(resolve(scenario), _span(scenario))


def planned_contacts(scenario: Scenario) -> ContactPlan:
    """The contacts that take place while data are generated, cut at the scenario's end."""
    return while_generating(scenario, whole_plan(scenario))


def while_generating(scenario: Scenario, plan: ContactPlan) -> ContactPlan:
    """A scenario's plan cut at the scenario's end."""
    end_us = scenario.end_us
    cut = (c._replace(end_us=min(c.end_us, end_us)) for c in plan.contacts if c.start_us < end_us)
    return ContactPlan(cut, plan.ends)


def _span(scenario: HabitatScenario) -> Window:
    """What a run plans, as far as orbits are known: nothing has to drain here."""
    start_us, end_us = sky_plan.span_of(scenario)
    known_us = known_until_us(scenario)
    return start_us, end_us if known_us is None else min(end_us, max(known_us, scenario.end_us))


def needed_storage(scenario: HabitatScenario, plan: ContactPlan) -> list[StorageNeed]:
    """What each edge must be able to keep, without a run."""
    scenario = resolve(scenario)
    with own_sky(scenario):
        span = _span(scenario)
        stows = [] if scenario.network.direct_to_earth is None else stow_windows(scenario, *span)
    devices = devices_of(scenario)
    offered_bits = sky_plan.load_of(scenario, plan, devices).offered_bits
    available = availability(scenario, plan, stows, turnaround_us(scenario))
    return storage_needs(scenario, available, devices, offered_bits, span[1])


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
