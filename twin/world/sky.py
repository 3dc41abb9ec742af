"""One instant of the sky in numbers: what ``twin sky`` prints."""

from twin.world.ephemeris import distance_km, owlt_down_us, owlt_up_us, sep_deg, sep_light_time_deg
from twin.world.mars import Site, earth_azimuth_elevation_deg
from twin.world.timescales import US_PER_S, lmst_h, mars_solar_longitude_deg, mtc_h, us_to_utc


def describe_sky(at_us: int, site: Site | None = None) -> dict[str, str | float | None]:
    """Light times, distance, SEP and Mars time at an instant, and Earth's elevation at a site.

    Returns:
        ``utc``; ``owlt_down_s`` received at Earth's centre at ``utc``; ``owlt_up_s`` sent from it at ``utc``;
        ``distance_km`` and ``sep_deg`` geometric; ``sep_lt_deg`` with light time; ``ls_deg`` and ``mtc_h`` by
        Mars24; ``lmst_h`` and the apparent ``earth_elevation_deg`` at the site, None without one.

    Raises:
        OutsideEphemeris: the instant is outside 2010-2050.
    """
    return {
        "utc": us_to_utc(at_us),
        "owlt_down_s": owlt_down_us(at_us) / US_PER_S,
        "owlt_up_s": owlt_up_us(at_us) / US_PER_S,
        "distance_km": distance_km(at_us),
        "sep_deg": sep_deg(at_us),
        "sep_lt_deg": sep_light_time_deg(at_us),
        "ls_deg": mars_solar_longitude_deg(at_us),
        "mtc_h": mtc_h(at_us),
        "lmst_h": None if site is None else lmst_h(at_us, site.longitude_deg),
        "earth_elevation_deg": None if site is None else earth_azimuth_elevation_deg(site, at_us)[1],
    }
