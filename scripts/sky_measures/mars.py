"""Martian clocks against Mars24; Earth and Sun over sites on Mars against SPICE."""

from functools import partial

from sky_measures.tables import (
    SITES,
    Accuracy,
    column,
    edges_s,
    instants,
    off_sky_deg,
    read,
    turned,
    worst,
)
from twin.world import mars, timescales
from twin.world.daylight import daylight
from twin.world.horizon_mask import clear_windows
from twin.world.mars_calendar import mars_date_us
from twin.world.timescales import US_PER_S, utc_to_us
from twin.world.windows import Window

SEEN_FROM_MARS = {"earth": mars.earth_azimuth_elevation_deg, "sun": mars.sun_azimuth_elevation_deg}


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


def earth_over_site(site: mars.Site, least_deg: float, start_us: int, end_us: int) -> list[Window]:
    """Windows in which Earth stands over a site."""
    return clear_windows(lambda us: mars.earth_azimuth_elevation_deg(site, us), site.mask, start_us, end_us, least_deg)
