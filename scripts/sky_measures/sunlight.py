"""Sunlight above the atmosphere against SPICE, through dust and at Viking Lander 1 against what was published."""

import numpy as np

from sky_measures.tables import SITES, Accuracy, Row, column, instants, read, worst
from twin.world import net_flux, sunlight, timescales
from twin.world.dust import Air
from twin.world.mars import EQUATORIAL_RADIUS_KM, POLAR_RADIUS_KM, Site
from twin.world.mars_calendar import mars_date_us
from twin.world.sols import local_midnights_us
from twin.world.timescales import SOL_US, FloatArray

MARS_YEAR = 41
"""Of ``toa_irradiance``. Viking's own, 12, lies before the ephemeris."""
ALBEDO = 0.1
"""Of the published insolation."""
TOLERANCE_PERCENT = {"toa_irradiance": 0.1, "viking_insolation": 5.0}
AIR = Air(0.5, ())
"""Any: it changes nothing above the atmosphere."""


def sunlight_above() -> list[Accuracy]:
    """Irradiance at the table's instants and at its seasons, and what the sol around each brings to a plane."""
    table = "toa_irradiance"
    rows = read(table)
    at_us = instants(rows, "utc")
    facing_w_m2 = column(rows, "toa_W_m2")
    errors = {
        "sunlight above Mars": relative(sunlight.above_atmosphere_w_m2(at_us), facing_w_m2),
        "sunlight above Mars, by Ls": relative(
            sunlight.above_atmosphere_w_m2(np.asarray(mars_date_us(MARS_YEAR, column(rows, "Ls_deg")))), facing_w_m2
        ),
    }
    for name, site in SITES.items():
        # The table's sol has the season of the instant throughout, so the instant is to be its noon.
        noons_deg = 15.0 * (12.0 - timescales.ltst_h(at_us, 0.0)) % 360.0
        sols = [
            sunlight.insolation(
                upright_at(site.latitude_deg, east_deg), us - SOL_US // 2, us + SOL_US // 2, AIR, ALBEDO
            )
            for us, east_deg in zip(at_us.tolist(), noons_deg.tolist(), strict=True)
        ]
        above_wh_m2 = np.array([sol.above_wh_m2 for sol in sols])
        errors[f"a sol above {name}"] = relative(above_wh_m2, column(rows, f"{name}_toa_Wh_m2_sol"))
    return [measured(quantity, table, error) for quantity, error in errors.items()]


def through_dust() -> list[Accuracy]:
    """Net flux at every point of the table that is not flagged."""
    rows = [row for row in read("net_flux_table") if not row["flag"]]
    seen = np.empty(len(rows))
    albedos = column(rows, "albedo")
    for albedo in sorted(set(albedos)):
        of = albedos == albedo
        seen[of] = net_flux.net_flux(column(rows, "zenith_deg")[of], column(rows, "tau")[of], float(albedo))
    return [
        Accuracy(
            "net flux through dust", "net_flux_table", len(rows), worst(seen - column(rows, "net_flux")), 1e-9, "1"
        )
    ]


def sunlight_at_viking() -> list[Accuracy]:
    """A sol's sunlight at Viking Lander 1 through the opacity measured there."""
    table = "viking_insolation"
    rows, place = read(table), upright_at(22.3, 312.1)
    sols = viking_sols(rows, place)
    return [
        measured(f"a sol's {part} light, Viking 1", table, relative(seen, column(rows, f"{part}_Wh_m2_sol")))
        for part, seen in (
            ("global", np.array([sol.global_wh_m2 for sol in sols])),
            ("beam", np.array([sol.beam_wh_m2 for sol in sols])),
            ("diffuse", np.array([sol.diffuse_wh_m2 for sol in sols])),
        )
    ]


def viking_sols(rows: list[Row], place: Site) -> list[sunlight.Insolation]:
    """Sunlight at a place in the sols of the rows, through the opacity of ``viking_tau``."""
    tau = {row["Ls_deg"]: float(row["tau_VL1"]) for row in read("viking_tau")}
    sols = []
    for row in rows:
        sol_us = local_midnights_us(int(mars_date_us(MARS_YEAR, float(row["Ls_deg"]))), 1, place.longitude_deg)
        sols.append(sunlight.insolation(place, sol_us[0], sol_us[1], Air(tau[row["Ls_deg"]], ()), ALBEDO))
    return sols


def upright_at(latitude_deg: float, longitude_deg: float) -> Site:
    """The place whose vertical has this latitude, which on the sphere of the tables is all that a latitude means."""
    squash = (POLAR_RADIUS_KM / EQUATORIAL_RADIUS_KM) ** 2
    return Site("", float(np.degrees(np.arctan(squash * np.tan(np.radians(latitude_deg))))), longitude_deg)


def relative(seen: FloatArray, true: FloatArray) -> FloatArray:
    """Errors in percent."""
    off: FloatArray = 100.0 * (seen / true - 1.0)
    return off


def measured(quantity: str, table: str, off_percent: FloatArray) -> Accuracy:
    return Accuracy(quantity, table, len(off_percent), worst(off_percent), TOLERANCE_PERCENT[table], "%")
