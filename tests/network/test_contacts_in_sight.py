"""Every contact lies inside what its two ends see of each other, each at its own instant, to the millisecond, and tells
the light time between these ends.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from twin.experiments.relay_orbits import relays_of
from twin.experiments.sky_plan import plan_of, site_of, span_of
from twin.pipeline.transport.contact_plan import Contact
from twin.scenario import parse_scenario
from twin.scenario.model import HabitatScenario
from twin.world import ephemeris, mars, relay_geometry, stations
from twin.world.light_path import LightPath, at_site, at_station
from twin.world.stations import DSN_STATIONS
from twin.world.windows import Window

SKY = """
name: sky
start: {start}
duration: 1 sol
habitat: {{site: {{latitude: {latitude}, longitude: {longitude}}}}}
network:
  stations: [DSS-14, DSS-43, DSS-63, DSS-26]
  direct_to_earth: {{}}
  relays:
    - {{name: low, orbit: mro-like}}
    - {{name: high, orbit: maven-like}}
    - {{name: areo, orbit: {{longitude: 60}}, proximity: {{gain: "25 dB"}}}}
{apertures}
faults:
  - {{kind: relay_safe_mode, relay: low, at: 3 h, for: 5 h, announced: true}}
  - {{kind: relay_safe_mode, relay: areo, at: 4 h, for: 20 h, announced: true}}
  - {{kind: link_outage, station: DSS-43, at: 2 h, for: 9 h, announced: true}}
"""
LEAST_DEG = 1e-4  # the fastest of all moves by 6e-5 deg in a millisecond
ROUNDED_US = 10  # light times and straight lines between their knots
BENT_US = 130  # those to relays, whose knots are 5 min apart
SAFE_H = {"low": (3, 8), "areo": (4, 24)}
HOUR_US = 3_600_000_000


def sky(start: str, latitude: float, longitude: float, shared: bool) -> HabitatScenario:
    apertures = "  apertures: {}" if shared else ""
    scenario = parse_scenario(SKY.format(start=start, latitude=latitude, longitude=longitude, apertures=apertures))
    assert isinstance(scenario, HabitatScenario)
    return scenario


def ends_of(contact: Contact) -> Iterator[tuple[str, Window]]:
    """When each end is at it: the source from first to last bit, the destination while these arrive."""
    sent = contact.start_us, contact.end_us
    yield contact.source, sent
    yield contact.destination, (sent[0] + contact.owlt_us(sent[0]), sent[1] + contact.owlt_us(sent[1]))


def overlap_us(one: Window, other: Window) -> int:
    return min(one[1], other[1]) - max(one[0], other[0])


@pytest.mark.parametrize(
    ("start", "latitude", "longitude", "shared"),
    [
        ("2030-05-16T12:00:00Z", 18.4447, 77.4508, True),  # into a conjunction
        ("2033-03-10T00:00:00Z", -60.0, 77.4508, False),
        ("2033-09-20T06:00:00Z", 75.0, 250.0, True),
    ],
)
def test_every_contact_is_in_sight_at_both_ends(start: str, latitude: float, longitude: float, shared: bool) -> None:
    scenario = sky(start, latitude, longitude, shared)
    span, site = span_of(scenario), site_of(scenario)
    relays = relays_of(scenario, span)
    sees_earth = {name: relay_geometry.sees_body(relay.orbit, "earth", *span) for name, relay in relays.items()}
    contacts = plan_of(scenario).contacts
    assert {"low", "high", "earth"} <= {contact.source for contact in contacts}
    for contact in contacts:
        ends = dict(ends_of(contact))
        for name, hours in SAFE_H.items():
            if name in ends:
                silent = scenario.start_us + hours[0] * HOUR_US, scenario.start_us + hours[1] * HOUR_US
                assert overlap_us(ends[name], silent) <= ROUNDED_US, f"{contact} while {name} is in safe mode"
        if "earth" in ends:
            _on_earth(scenario, contact, ends["earth"])
            (other,) = set(ends) - {"earth"}
            place = relays[other].orbit.position_km if other in relays else at_site(site)
            path = LightPath(place, at_station(DSN_STATIONS[contact.via]))
            us = np.linspace(contact.start_us, contact.end_us, 20).astype(np.int64)
            light_us = path.owlt_up_us(us) if contact.source == "earth" else path.owlt_down_us(us)
            told_us = [contact.owlt_us(at_us) for at_us in us.tolist()]
            assert told_us == pytest.approx(light_us.tolist(), abs=BENT_US if other in relays else ROUNDED_US), contact
            if other in relays:
                first_us, last_us = ends[other]
                assert any(a <= first_us + ROUNDED_US and last_us <= b + ROUNDED_US for a, b in sees_earth[other]), (
                    contact
                )
            else:
                elevation_deg = mars.earth_azimuth_elevation_deg(site, np.linspace(*ends[other], 20).astype(np.int64))
                least_deg = scenario.network.radios[0][1].min_elevation_deg
                assert elevation_deg[1].min() >= least_deg - LEAST_DEG, contact
        else:
            (relay,) = set(ends) & set(relays)
            at_us = np.linspace(contact.start_us, contact.end_us, 20).astype(np.int64)
            _, elevation_deg, range_km = relay_geometry.look_at(relays[relay].orbit, site, at_us)
            assert elevation_deg.min() >= relays[relay].min_elevation_deg - LEAST_DEG, contact
            light_us = relay_geometry.light_time_us(range_km)
            told_us = [contact.owlt_us(us) for us in at_us.tolist()]
            assert told_us == pytest.approx(light_us.tolist(), abs=1000), contact


def _on_earth(scenario: HabitatScenario, contact: Contact, at_earth: Window) -> None:
    """Its station sees Mars, is not announced to be out, and the Sun stands far enough away."""
    us = np.linspace(*at_earth, 20).astype(np.int64)
    assert stations.mars_azimuth_elevation_deg(DSN_STATIONS[contact.via], us)[1].min() >= 10.0 - LEAST_DEG, contact
    assert ephemeris.sep_light_time_deg(us).min() >= 2.0 - 1e-6, contact
    if contact.via == "DSS-43":
        out = scenario.start_us + 2 * HOUR_US, scenario.start_us + 11 * HOUR_US
        assert overlap_us(at_earth, out) <= ROUNDED_US, f"{contact} while its station is out"


def test_a_radio_locks_first_when_a_track_begins_to_serve_it() -> None:
    text = SKY.format(start="2033-03-10T00:00:00Z", latitude=18.4, longitude=77.5, apertures="  apertures: {}")
    starts = {}
    for minutes in (0, 5):
        scenario = parse_scenario(text.replace("direct_to_earth: {}", f"direct_to_earth: {{setup: {minutes} min}}"))
        assert isinstance(scenario, HabitatScenario)
        contacts = plan_of(scenario).contacts
        direct = [c for c in contacts if {c.source, c.destination} == {"edge-1", "earth"}]
        joins = {(c.source, c.via, c.end_us) for c in direct}  # where the rate changes, no contact begins anew
        starts[minutes] = [c.start_us for c in direct if (c.source, c.via, c.start_us) not in joins]
    assert len(starts[0]) > 4
    assert starts[5] == [start_us + 5 * 60_000_000 for start_us in starts[0]]
