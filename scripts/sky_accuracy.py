"""Print how far the twin's sky is from SPICE and Mars24: one line per quantity of the reference tables.

Usage: python scripts/sky_accuracy.py

The tables in ``tests/reference`` were computed with NAIF SPICE and JPL DE440 (their headers say how each
column was made). Errors are the largest over all rows, except at the edges of a table's range, which are
cut and not events.
"""

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from twin.network.visibility import station_windows, union
from twin.scenario.catalogue import LARGE_STATIONS
from twin.world import ephemeris, mars, orbits, relay_geometry, slow_sky, stations, timescales
from twin.world.daylight import daylight
from twin.world.elements import Elements
from twin.world.horizon_mask import clear_windows
from twin.world.mars_calendar import mars_date_us
from twin.world.timescales import SOL_US, US_PER_DAY, US_PER_S, FloatArray, IntArray, utc_to_us
from twin.world.windows import Window, elevation_crossings

HEADING = f"{'quantity':36s} {'reference table':22s} compared largest error  needed unit"
TABLES = Path(__file__).parent.parent / "tests" / "reference"
SITES = {
    "jezero": mars.Site("jezero", 18.4447, 77.4508),
    "arcadia": mars.Site("arcadia", 39.0, 192.0),
}
SEEN_FROM_MARS = {"earth": mars.earth_azimuth_elevation_deg, "sun": mars.sun_azimuth_elevation_deg}
WINDOW_START = "2033-03-10T00:00:00Z"
"""Window A of the tables."""
ELEVATION_MIN_DEG = 10.0
RELAY = orbits.KeplerOrbit(Elements.circular(utc_to_us(WINDOW_START), 3696.19, 93.0, 43.871705, 0.0))
"""The MRO-like relay of the tables in window A; elements from the header of ``relay_passes.csv``."""
RELAY_SPAN = (utc_to_us(WINDOW_START), utc_to_us(WINDOW_START) + 5 * SOL_US)

Row = dict[str, str]


@dataclass(frozen=True)
class Accuracy:
    """The largest error of one quantity over one reference table."""

    quantity: str
    table: str
    compared: int
    error: float
    needed: float
    unit: str


def main() -> int:
    print(HEADING)
    missed = 0
    measures = (light_times, solar_separation, conjunctions, mars_clocks, over_sites, over_stations, over_relays)
    for measure in (*measures, over_areostationary):
        for row in measure():
            missed += row.error > row.needed
            figures = f"{row.compared:8d} {row.error:13.2g} {row.needed:7g} {row.unit}"
            print(f"{row.quantity:36s} {row.table:22s} {figures}")
    return 1 if missed else 0


def light_times() -> list[Accuracy]:
    """Four light times and the distance, at samples and at extremes."""
    functions = {
        "down_lt_rx_at_earth_s": ephemeris.owlt_down_us,
        "down_lt_tx_at_mars_s": ephemeris.owlt_down_sent_us,
        "up_lt_tx_at_earth_s": ephemeris.owlt_up_us,
        "up_lt_rx_at_mars_s": ephemeris.owlt_up_received_us,
    }
    measured = []
    for table in ("light_time", "light_time_extremes"):
        rows = read(table)
        us = instants(rows, "utc")
        errors_us = [np.abs(owlt(us) - US_PER_S * column(rows, name)) for name, owlt in functions.items()]
        apart_km = np.abs(ephemeris.distance_km(us) - column(rows, "geom_dist_km"))
        measured += [
            Accuracy("one-way light time, four ways", table, 4 * len(rows), worst(errors_us), 1000.0, "us"),
            Accuracy("distance", table, len(rows), worst(apart_km), 300.0, "km"),
        ]
    return measured


def solar_separation() -> list[Accuracy]:
    """SEP, geometric and with light time."""
    samples, times = read("sep_samples"), read("light_time")
    moratoria = read("moratoria")
    geometric, seen = ephemeris.sep_deg, ephemeris.sep_light_time_deg
    compared = [
        ("SEP, geometric", "light_time", geometric, times, "utc", "sep_deg"),
        ("SEP, geometric", "sep_samples", geometric, samples, "utc", "sep_deg_geometric"),
        ("SEP, light time", "sep_samples", seen, samples, "utc", "sep_deg_lt"),
        ("SEP, light time, first day", "moratoria", seen, moratoria, "start_date", "sep_at_start_deg"),
        ("SEP, light time, last day", "moratoria", seen, moratoria, "end_date", "sep_at_end_deg"),
    ]
    measured = []
    for quantity, table, sep, rows, when, truth in compared:
        error_deg = worst(sep(instants(rows, when)) - column(rows, truth))
        measured.append(Accuracy(quantity, table, len(rows), error_deg, 0.001, "deg"))
    return measured


def conjunctions() -> list[Accuracy]:
    """Least SEP of each conjunction, and the times at which SEP crosses 2, 3, 5 and 10 deg."""
    rows = read("conjunction")
    least_deg, crossings_s = [], []
    for row in rows:
        middle_us = utc_to_us(row["min_utc"])
        least_deg.append(ephemeris.sep_light_time_deg(middle_us) - float(row["sep_min_deg"]))
        for limit in (2, 3, 5, 10):
            ((start_us, end_us),) = elevation_crossings(
                lambda us: -ephemeris.sep_light_time_deg(us),
                middle_us - 80 * US_PER_DAY,
                middle_us + 80 * US_PER_DAY,
                -limit,
                US_PER_DAY,
            )
            crossings_s.append((start_us - utc_to_us(row[f"sep_lt{limit}_start_utc"])) / US_PER_S)
            crossings_s.append((end_us - utc_to_us(row[f"sep_lt{limit}_end_utc"])) / US_PER_S)
    return [
        Accuracy("least SEP of a conjunction", "conjunction", len(rows), worst(least_deg), 0.001, "deg"),
        Accuracy("SEP crosses 2, 3, 5, 10 deg", "conjunction", len(crossings_s), worst(crossings_s), 120.0, "s"),
    ]


def mars_clocks() -> list[Accuracy]:
    """Ls, MTC, LMST and LTST against the Mars24 columns."""
    rows, seasons = read("mars_time"), read("mars_seasons")
    us = instants(rows, "utc")
    places = {"0E": 0.0, "jezero_77.4508E": 77.4508, "arcadia_192E": 192.0, "gale_137.4417E": 137.4417}
    mean_h = [timescales.lmst_h(us, east) - column(rows, f"LMST_{name}_h") for name, east in places.items()]
    true_h = [timescales.ltst_h(us, east) - column(rows, f"LTST_{name}_h") for name, east in places.items()]
    clock_h = timescales.mtc_h(us) - column(rows, "MTC_h")
    ls_deg = timescales.mars_solar_longitude_deg(us) - column(rows, "Ls_mars24_deg")
    at_seasons_deg = timescales.mars_solar_longitude_deg(instants(seasons, "utc_mars24"))
    seasons_deg = at_seasons_deg - column(seasons, "Ls_deg")
    season_s = [mars_date_us(int(row["mars_year"]), float(row["Ls_deg"])) / US_PER_S for row in seasons]
    at_s = instants(seasons, "utc_mars24") / US_PER_S
    eot_deg = timescales.equation_of_time_deg(us) - column(rows, "EOT_deg")
    sols = timescales.mars_sol_date(us) - column(rows, "MSD")
    hour_s = timescales.SOL_US / 24 / US_PER_S
    four = len(places) * len(rows)
    return [
        Accuracy("Ls (Mars24)", "mars_time", len(rows), worst(turned(ls_deg, 360)), 1e-4, "deg"),
        Accuracy("Ls (Mars24)", "mars_seasons", len(seasons), worst(turned(seasons_deg, 360)), 1e-4, "deg"),
        Accuracy("year and Ls to UTC (Mars24)", "mars_seasons", len(seasons), worst(season_s - at_s), 1.0, "s"),
        Accuracy("equation of time", "mars_time", len(rows), worst(eot_deg), 1e-4, "deg"),
        Accuracy("Mars Sol Date", "mars_time", len(rows), worst(sols), 1e-6, "sol"),
        Accuracy("MTC", "mars_time", len(rows), hour_s * worst(turned(clock_h, 24)), 0.1, "s"),
        Accuracy("LMST, four places", "mars_time", four, hour_s * worst(turned(mean_h, 24)), 0.1, "s"),
        Accuracy("LTST, four places", "mars_time", four, hour_s * worst(turned(true_h, 24)), 0.1, "s"),
    ]


def over_sites() -> list[Accuracy]:
    """Earth and Sun over the two sites: angles, rises and sets."""
    rows = read("site_azel")
    measured = []
    for body, seen in SEEN_FROM_MARS.items():
        off_deg = []
        for row in rows:
            azimuth_deg, elevation_deg = seen(SITES[row["site"]], utc_to_us(row["utc"]))
            true_deg = float(row[f"{body}_az_deg"]), float(row[f"{body}_el_deg"])
            off_deg.append(off_sky_deg((azimuth_deg, elevation_deg), true_deg))
        measured.append(
            Accuracy(f"direction of {body} over a site", "site_azel", len(rows), worst(off_deg), 0.02, "deg")
        )
    for body, table in (("earth", "site_visibility"), ("sun", "site_sun")):
        errors_s: list[float] = []
        for name, site in SITES.items():
            rows = [row for row in read(table) if row["site"] == name]
            least_deg = float(rows[0]["min_el_deg"])
            windows_of = partial(daylight, site) if body == "sun" else partial(earth_over_site, site, least_deg)
            errors_s += edges_s(rows, windows_of)
        measured.append(Accuracy(f"{body} rises and sets at a site", table, len(errors_s), worst(errors_s), 5.0, "s"))
    return measured


def over_stations() -> list[Accuracy]:
    """Mars over the three stations: angles, rises and sets, and the gaps that no station covers."""
    rows = read("dsn_azel")
    off_deg = []
    for row in rows:
        station = stations.DSN_STATIONS[row["station"]]
        seen_deg = stations.mars_azimuth_elevation_deg(station, utc_to_us(row["utc"]))
        off_deg.append(off_sky_deg(seen_deg, (float(row["mars_az_deg"]), float(row["mars_el_deg"]))))
    errors_s: list[float] = []
    for name in LARGE_STATIONS:
        passes = [row for row in read("dsn_visibility") if row["station"] == name]
        errors_s += edges_s(passes, partial(mars_over_station, stations.DSN_STATIONS[name]))
    covered = [row for row in read("dsn_union") if row["kind"] == "covered"]
    spans = [{"rise_utc": row["start_utc"], "set_utc": row["end_utc"]} for row in covered]
    spans[0]["clipped"], spans[-1]["clipped"] = "start", "end"
    union_s = edges_s(spans, mars_over_any_large_station)
    return [
        Accuracy("direction of Mars over a station", "dsn_azel", len(rows), worst(off_deg), 0.005, "deg"),
        Accuracy("Mars rises and sets at a station", "dsn_visibility", len(errors_s), worst(errors_s), 2.0, "s"),
        Accuracy("gaps of the three complexes", "dsn_union", len(union_s), worst(union_s), 2.0, "s"),
    ]


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


def earth_over_site(site: mars.Site, least_deg: float, start_us: int, end_us: int) -> list[Window]:
    """Windows in which Earth stands over a site."""
    return clear_windows(lambda us: mars.earth_azimuth_elevation_deg(site, us), site.mask, start_us, end_us, least_deg)


def mars_over_station(station: stations.Station, start_us: int, end_us: int) -> list[Window]:
    """Windows in which Mars stands over a station."""
    return station_windows(station, (start_us, end_us), ELEVATION_MIN_DEG)


def mars_over_any_large_station(start_us: int, end_us: int) -> list[Window]:
    """Windows in which Mars stands over one of the 70 m antennas."""
    seen = [mars_over_station(stations.DSN_STATIONS[name], start_us, end_us) for name in LARGE_STATIONS]
    return union([window for windows in seen for window in windows])


def edges_s(rows: list[Row], windows_of: Callable[[int, int], list[Window]]) -> list[float]:
    """Errors of the rises and sets that are events, not edges of the table's range [s].

    Raises:
        ValueError: there are more or fewer windows than in the table.
    """
    start_us, end_us = utc_to_us(WINDOW_START), utc_to_us(rows[-1]["set_utc"])
    if rows[-1].get("clipped") != "end":
        end_us += 3600 * US_PER_S
    windows = windows_of(start_us, end_us)
    return window_edges_s(windows, rows, "rise_utc", "set_utc")


def window_edges_s(windows: list[Window], rows: list[Row], start: str, end: str) -> list[float]:
    """Errors of the starts and ends of windows that are not clipped in the table [s].

    Raises:
        ValueError: there are more or fewer windows than in the table.
    """
    errors_s = []
    for (start_us, end_us), row in zip(windows, rows, strict=True):
        if row.get("clipped") != "start":
            errors_s.append((start_us - utc_to_us(row[start])) / US_PER_S)
        if row.get("clipped") != "end":
            errors_s.append((end_us - utc_to_us(row[end])) / US_PER_S)
    return errors_s


def off_sky_deg(seen_deg: tuple[float, float], true_deg: tuple[float, float]) -> float:
    """The larger of two offsets on the sky, along the horizon and in elevation [deg]."""
    along_deg = abs(turned(seen_deg[0] - true_deg[0], 360)) * np.cos(np.radians(true_deg[1]))
    return max(float(along_deg), abs(seen_deg[1] - true_deg[1]))


def turned(difference: float | FloatArray | list[FloatArray], circle: float) -> FloatArray:
    """A difference of positions on a circle, between minus and plus half of it."""
    wrapped: FloatArray = (np.asarray(difference) + circle / 2) % circle - circle / 2
    return wrapped


def worst(errors: FloatArray | list[float] | list[FloatArray]) -> float:
    """The largest magnitude."""
    return float(np.max(np.abs(np.asarray(errors))))


def read(table: str) -> list[Row]:
    """Rows of a reference table, without its comments."""
    with (TABLES / f"{table}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def column(rows: list[Row], name: str) -> FloatArray:
    return np.array([float(row[name]) for row in rows])


def instants(rows: list[Row], name: str) -> IntArray:
    return np.array([utc_to_us(row[name]) for row in rows], dtype=np.int64)


if __name__ == "__main__":
    sys.exit(main())
