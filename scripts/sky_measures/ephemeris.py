"""Light times, distance, SEP and conjunctions against SPICE."""

import numpy as np

from sky_measures.tables import Accuracy, column, instants, read, worst
from twin.world import ephemeris
from twin.world.timescales import US_PER_DAY, US_PER_S, utc_to_us
from twin.world.windows import elevation_crossings


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
