"""Relays around Mars against SPICE: where they are, whom they see, what Mars hides from them."""

from itertools import pairwise

import numpy as np

from sky_measures.tables import (
    ELEVATION_MIN_DEG,
    SITES,
    WINDOW_START,
    Accuracy,
    column,
    instants,
    read,
    window_edges_s,
    worst,
)
from twin.world import orbits, relay_geometry, slow_sky
from twin.world.elements import Elements
from twin.world.timescales import SOL_US, US_PER_S, utc_to_us

RELAY = orbits.KeplerOrbit(Elements.circular(utc_to_us(WINDOW_START), 3696.19, 93.0, 43.871705, 0.0))
"""The MRO-like relay of the tables in window A; elements from the header of ``relay_passes.csv``."""
RELAY_SPAN = (utc_to_us(WINDOW_START), utc_to_us(WINDOW_START) + 5 * SOL_US)


def over_relays() -> list[Accuracy]:
    """A low relay: where it is, when it stands over the two sites, when Mars hides Earth and the Sun from it."""
    rows = read("relay_states")
    us = instants(rows, "utc")
    icrf_km = RELAY.position_km(us)
    fixed_km = np.stack(slow_sky.MarsTurn(int(us[0]), int(us[-1])).fixed_km(icrf_km, us), axis=-1)
    icrf_off_km = icrf_km - np.stack([column(rows, f"{axis}_icrf_km") for axis in "xyz"], axis=-1)
    fixed_off_km = fixed_km - np.stack([column(rows, f"{axis}_iaumars_km") for axis in "xyz"], axis=-1)
    edges, highest_deg, nearest_km = [], [], []
    for name, site in SITES.items():
        passed = [row for row in read("relay_passes") if row["site"] == name]
        windows = relay_geometry.passes(RELAY, site, *RELAY_SPAN, ELEVATION_MIN_DEG)
        edges += window_edges_s(windows, passed, "start_utc", "end_utc")
        _, elevation_deg, range_km = relay_geometry.look_at(RELAY, site, instants(passed, "max_el_utc"))
        highest_deg.append(worst(elevation_deg - column(passed, "max_el_deg")))
        nearest_km.append(worst(range_km - column(passed, "min_range_km")))
    count = len(read("relay_passes"))
    measured = [
        Accuracy("relay's position, ICRF", "relay_states", len(rows), worst(icrf_off_km), 0.1, "km"),
        Accuracy("relay's position, IAU_MARS", "relay_states", len(rows), worst(fixed_off_km), 0.1, "km"),
        Accuracy("relay rises and sets at a site", "relay_passes", len(edges), worst(edges), 2.0, "s"),
        Accuracy("relay's highest elevation", "relay_passes", count, worst(highest_deg), 0.02, "deg"),
        Accuracy("relay's least range", "relay_passes", count, worst(nearest_km), 0.1, "km"),
    ]
    for body in ("earth", "sun"):
        rows = [r for r in read("relay_earth_visibility") if (r["relay"], r["body"]) == ("mro_like", body)]
        # The table stops in the middle of the span: one minute later nothing more has risen.
        end_us = utc_to_us(rows[-1]["end_utc"]) + 60 * US_PER_S
        windows = relay_geometry.sees_body(RELAY, body, RELAY_SPAN[0], end_us)
        edges = window_edges_s(windows, rows, "start_utc", "end_utc")
        measured.append(
            Accuracy(f"Mars hides {body} from a relay", "relay_earth_visibility", len(edges), worst(edges), 2.0, "s")
        )
    return measured


def over_areostationary() -> list[Accuracy]:
    """Areostationary relays: direction and range from the two sites, and when Mars hides Earth from them."""
    rows = read("areostationary")
    elevation_deg, range_km, ms, visible, edges = [], [], [], [], []
    for row in rows:
        relay = orbits.AreostationaryOrbit(float(row["relay_lonE_deg"]))
        at_us = np.array([RELAY_SPAN[0]])
        _, seen_deg, seen_km = relay_geometry.look_at(relay, SITES[row["site"]], at_us)
        elevation_deg.append(float(seen_deg[0]) - float(row["el_deg"]))
        range_km.append(float(seen_km[0]) - float(row["range_km"]))
        ms.append(float(relay_geometry.light_time_us(seen_km)[0]) / 1000.0 - float(row["one_way_ms"]))
    for east, true_fraction in {row["relay_lonE_deg"]: row["earth_visible_fraction_5sols"] for row in rows}.items():
        windows = relay_geometry.sees_body(orbits.AreostationaryOrbit(float(east)), "earth", *RELAY_SPAN)
        seen_us = sum(end_us - start_us for start_us, end_us in windows)
        visible.append(seen_us / (RELAY_SPAN[1] - RELAY_SPAN[0]) - float(true_fraction))
        hidden = [gap for gap in read("relay_earth_visibility") if gap["relay"] == f"areostationary_{east}E"]
        gaps = [(end_us, start_us) for (_, end_us), (start_us, _) in pairwise(windows)]
        edges += window_edges_s(gaps, hidden, "start_utc", "end_utc")
    table, count = "areostationary", len(rows)
    return [
        Accuracy("areostationary elevation", table, count, worst(elevation_deg), 0.02, "deg"),
        Accuracy("areostationary range", table, count, worst(range_km), 0.1, "km"),
        Accuracy("areostationary light time", table, count, worst(ms), 0.001, "ms"),
        Accuracy("areostationary sees Earth", table, len(visible), worst(visible), 1e-5, "1"),
        Accuracy("Mars hides earth, areostationary", "relay_earth_visibility", len(edges), worst(edges), 2.0, "s"),
    ]
