"""Mars over the stations on Earth against SPICE."""

from functools import partial

from sky_measures.tables import ELEVATION_MIN_DEG, Accuracy, edges_s, off_sky_deg, read, worst
from twin.network.visibility import station_windows, union
from twin.scenario.catalogue import LARGE_STATIONS
from twin.world import stations
from twin.world.timescales import utc_to_us
from twin.world.windows import Window


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


def mars_over_station(station: stations.Station, start_us: int, end_us: int) -> list[Window]:
    """Windows in which Mars stands over a station."""
    return station_windows(station, (start_us, end_us), ELEVATION_MIN_DEG)


def mars_over_any_large_station(start_us: int, end_us: int) -> list[Window]:
    """Windows in which Mars stands over one of the 70 m antennas."""
    seen = [mars_over_station(stations.DSN_STATIONS[name], start_us, end_us) for name in LARGE_STATIONS]
    return union([window for windows in seen for window in windows])
