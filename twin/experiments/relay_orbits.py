"""The orbits of a scenario's relays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


def relays_of(scenario: HabitatScenario, span: Window) -> dict[str, Relay]:
    """The relays of a scenario by name, with orbits that are known throughout a span [us].

    Raises:
        ScenarioError: no orbit around Mars has these elements, a file does not give one, or not for all of the span.
    """
    found = {}
    for index, relay in enumerate(scenario.network.relays):
        with _told_of(scenario, index):
            found[relay.name] = Relay(_orbit(relay.orbit, scenario, span), relay.min_elevation_deg)
    return found


@contextmanager
def _told_of(scenario: HabitatScenario, index: int) -> Iterator[None]:
    """Say of which relay something is wrong."""
    try:
        yield
    except ValueError as problem:
        place = "the scenario" if scenario.origin is None else scenario.origin.path
        said, _, remedy = str(problem).rpartition("; ")
        name, key = scenario.network.relays[index].name, ("network", "relays", index, "orbit")
        raise ScenarioError(f"relay {name}", said, place, remedy, key) from problem


def known_until_us(scenario: HabitatScenario) -> int | None:
    """The last instant for which the files of its relays give orbits [us], None without any file.

    Raises:
        ScenarioError: a file does not give an orbit around Mars.
    """
    ends_us = []
    for index, relay in enumerate(scenario.network.relays):
        if relay.orbit.oem is not None:
            with _told_of(scenario, index):
                ends_us.append(read_oem(Path(relay.orbit.oem)).orbit.spans_us[-1][1])
    return min(ends_us, default=None)


def _orbit(orbit: Orbit, scenario: HabitatScenario, span: Window) -> orbits.Orbit:
    if orbit.oem is not None:
        table = read_oem(Path(orbit.oem)).orbit
        gaps = subtract([span], table.spans_us)
        if gaps:
            missing, needed = (" to ".join(map(us_to_utc, window)) for window in (gaps[0], span))
            drains = ", some sols beyond the scenario's end to drain" if span[1] > scenario.end_us else ""
            raise ValueError(
                f"{orbit.oem} lacks {missing}, and the plan runs from {needed}{drains}; import a longer table, or "
                "choose another start or duration"
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
