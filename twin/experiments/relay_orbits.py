"""The orbits of a scenario's relays."""

from __future__ import annotations

from pathlib import Path

from twin.network.sights import Relay
from twin.network.visibility import Window, subtract
from twin.scenario.errors import ScenarioError
from twin.scenario.model import HabitatScenario
from twin.scenario.orbiters import ORBITERS, AreostationaryEntry
from twin.scenario.relays import Orbit
from twin.world import orbits
from twin.world.elements import Elements
from twin.world.oem import read_oem
from twin.world.timescales import us_to_utc, utc_to_us

_MARGIN_US = 1_000_000
"""Light times are rounded, so an orbit may be asked for just outside."""


def relays_of(scenario: HabitatScenario, span: Window) -> dict[str, Relay]:
    """The relays of a scenario by name, with orbits that are known throughout a span [us].

    Raises:
        ScenarioError: no orbit around Mars has these elements, a file does not give one, or not for all of the span.
    """
    found = {}
    for index, relay in enumerate(scenario.network.relays):
        try:
            orbit = _orbit(relay.orbit, scenario, span)
        except ValueError as problem:
            place = "the scenario" if scenario.origin is None else scenario.origin.path
            said, _, remedy = str(problem).rpartition("; ")
            key = ("network", "relays", index, "orbit")
            raise ScenarioError(f"relay {relay.name}", said, place, remedy, key) from problem
        found[relay.name] = Relay(orbit, relay.min_elevation_deg)
    return found


def _orbit(orbit: Orbit, scenario: HabitatScenario, span: Window) -> orbits.Orbit:
    if orbit.oem is not None:
        table = read_oem(_beside(scenario, orbit.oem)).orbit
        wanted = span[0] - _MARGIN_US, span[1] + _MARGIN_US
        gaps = subtract([wanted], [(start_us, end_us + 1) for start_us, end_us in table.spans_us])
        if gaps:
            missing = " to ".join(us_to_utc(at_us) for at_us in gaps[0])
            needed = " to ".join(us_to_utc(at_us) for at_us in wanted)
            raise ValueError(
                f"{orbit.oem} lacks {missing}, and the plan runs from {needed}, some sols beyond the scenario's end to "
                "drain; import a longer table, or choose another start or duration"
            )
        return table
    if orbit.longitude_deg is not None:
        return orbits.AreostationaryOrbit(orbit.longitude_deg)
    if orbit.like is not None:
        entry = ORBITERS[orbit.like]
        if isinstance(entry, AreostationaryEntry):
            return orbits.AreostationaryOrbit(entry.longitude_deg)
        return orbits.KeplerOrbit(Elements(utc_to_us(entry.epoch), *entry.elements))
    epoch_us = scenario.start_us if orbit.epoch_us is None else orbit.epoch_us
    return orbits.KeplerOrbit(Elements(epoch_us, *orbit.elements))


def _beside(scenario: HabitatScenario, name: str) -> Path:
    """A file that a scenario names, relative to its own."""
    return Path(name) if scenario.origin is None else Path(scenario.origin.path).parent / name
