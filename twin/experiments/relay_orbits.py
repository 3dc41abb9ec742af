"""The orbits of a scenario's relays."""

from __future__ import annotations

from twin.network.sights import Relay
from twin.scenario.errors import ScenarioError
from twin.scenario.model import HabitatScenario
from twin.scenario.relays import Orbit
from twin.world import orbits
from twin.world.elements import Elements


def relays_of(scenario: HabitatScenario) -> dict[str, Relay]:
    """The relays of a scenario by name.

    Raises:
        ScenarioError: no orbit around Mars has these elements, or a file does not give one.
    """
    found = {}
    for index, relay in enumerate(scenario.network.relays):
        try:
            orbit = _orbit(relay.orbit, scenario)
        except ValueError as problem:
            place = "the scenario" if scenario.origin is None else scenario.origin.path
            said, _, remedy = str(problem).rpartition("; ")
            key = ("network", "relays", index, "orbit")
            raise ScenarioError(f"relay {relay.name}", said, place, remedy, key) from problem
        found[relay.name] = Relay(orbit, relay.min_elevation_deg)
    return found


def _orbit(orbit: Orbit, scenario: HabitatScenario) -> orbits.Orbit:
    if orbit.longitude_deg is not None:
        return orbits.AreostationaryOrbit(orbit.longitude_deg)
    epoch_us = scenario.start_us if orbit.epoch_us is None else orbit.epoch_us
    if orbit.semi_major_axis_km is None or orbit.inclination_deg is None:
        raise NotImplementedError
    periapsis_deg, anomaly_deg = orbit.argument_of_periapsis_deg, orbit.mean_anomaly_deg
    if orbit.argument_of_latitude_deg is not None:
        periapsis_deg, anomaly_deg = 0.0, orbit.argument_of_latitude_deg
    assert periapsis_deg is not None
    assert anomaly_deg is not None
    elements = Elements(
        epoch_us,
        orbit.semi_major_axis_km,
        orbit.eccentricity,
        orbit.inclination_deg,
        orbit.raan_deg,
        periapsis_deg,
        anomaly_deg,
    )
    return orbits.KeplerOrbit(elements)
