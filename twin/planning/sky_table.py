"""The sky of the coming sols as a table that a planner prints: three lines for each sol, by subject, then what happens.

Hours of UTC stand beside local mean (LMST) and local true solar time (LTST), which runs with the Sun. Everything in the
JSON document stands under a key that names its unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from twin.network.conjunction import SEP_LIMITS_DEG
from twin.network.contact_table import aligned, time_text
from twin.network.visibility import Window
from twin.planning.sols_ahead import (
    BAND,
    NEAR_SUN,
    SITE_MIN_DEG,
    STATION_MIN_DEG,
    STATIONS,
    NearSun,
    SkyAhead,
    SolSky,
    length_us,
)
from twin.world.mars import Site
from twin.world.timescales import US_PER_DAY, US_PER_S, lmst_h, ltst_h, us_to_utc

_NONE: Final = "-"
_PLANETS: Final = (
    *("sol", "midnight UTC", "MY", "Ls deg", "season", "sun W/m2", "Mkm", "OWLT down s", "OWLT up s", "SEP deg"),
)
_OVERHEAD: Final = (
    *("sol", "sunrise UTC", "LMST", "LTST", "sunset UTC", "LMST", "LTST"),
    *("Earth rises", "LMST", "Earth sets", "LMST"),
)
_LINKS: Final = ("sol", "daylight", "Earth up", f"{BAND} link", *STATIONS, "no station", "Sun closes")


def sky_table(sky: SkyAhead) -> str:
    """The sols as aligned text."""
    blocks = [
        [f"sky over {place_text(sky.site)}, {span_text(sky)}"],
        ["at local midnight; sun above the atmosphere; light times of what is received at, and sent from, Earth then"],
        aligned(_PLANETS, [_planets(sol) for sol in sky.sols]),
        [f"over the site; Earth above {SITE_MIN_DEG:g} deg"],
        aligned(_OVERHEAD, [_overhead(sol, sky.site) for sol in sky.sols]),
        [
            f"Earth over the site and Mars above {STATION_MIN_DEG:g} deg at a station, UTC of sending at the site;",
            "what the station sends then arrives 2 OWLT later;",
            f"{BAND} link: how long a station sees the site while SEP is above {SEP_LIMITS_DEG[BAND]:g} deg on arrival",
        ],
        aligned(_LINKS, [_links(sol) for sol in sky.sols]),
        ["in these sols"],
        _events(sky),
        _near_sun(sky.near_sun),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def place_text(site: Site) -> str:
    """A site with its coordinates, as `jezero (18.4447 N, 77.4508 E)`."""
    north = f"{abs(site.latitude_deg):.7g} {'N' if site.latitude_deg >= 0 else 'S'}"
    coordinates = f"{north}, {site.longitude_deg % 360.0:.7g} E"
    return f"{site.name} ({coordinates})" if site.name else coordinates


def span_text(sky: SkyAhead) -> str:
    """How many sols, and from when to when."""
    count = f"{len(sky.sols)} sol{'s' if len(sky.sols) > 1 else ''}"
    start, end = (us_to_utc(us)[:16].replace("T", " ") for us in sky.span)
    return f"{count} from {start} to {end} UTC"


def owlt_text(owlt_us: int) -> str:
    """A light time as m:ss."""
    seconds = round(owlt_us / US_PER_S)
    return f"{seconds // 60}:{seconds % 60:02d}"


def _planets(sol: SolSky) -> tuple[str, ...]:
    return (
        str(sol.number),
        us_to_utc(sol.start_us)[:19],
        str(sol.mars_year),
        f"{sol.ls_deg:.2f}",
        sol.season,
        f"{sol.sunlight_w_m2:.1f}",
        f"{sol.distance_km / 1e6:.3f}",
        f"{sol.owlt_down_us / US_PER_S:.3f}",
        f"{sol.owlt_up_us / US_PER_S:.3f}",
        f"{sol.sep_deg:.3f}",
    )


def _overhead(sol: SolSky, site: Site) -> tuple[str, ...]:
    sunrise_us, sunset_us = sol.rise_us(sol.daylight), sol.set_us(sol.daylight)
    earth_rise_us, earth_set_us = sol.rise_us(sol.earth_up), sol.set_us(sol.earth_up)
    return (
        str(sol.number),
        *_clocks(sunrise_us, site),
        *_clocks(sunset_us, site),
        *_clocks(earth_rise_us, site)[:2],
        *_clocks(earth_set_us, site)[:2],
    )


def _links(sol: SolSky) -> tuple[str, ...]:
    return (
        str(sol.number),
        *(time_text(length_us(windows)) for windows in (sol.daylight, sol.earth_up, sol.working)),
        *(_spans(sol.links[name]) for name in STATIONS),
        _spans(sol.gaps),
        " ".join(band for band, windows in sol.closed.items() if windows),
    )


def _clocks(at_us: int | None, site: Site) -> tuple[str, str, str]:
    """An instant in UTC to the second, and the site's LMST and LTST to the minute."""
    if at_us is None:
        return _NONE, _NONE, _NONE
    mean_h, true_h = lmst_h(at_us, site.longitude_deg), ltst_h(at_us, site.longitude_deg)
    return us_to_utc(at_us)[5:19].replace("T", " "), _hour_text(mean_h), _hour_text(true_h)


def _hour_text(hour: float) -> str:
    minutes = int(hour * 60.0)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _spans(windows: Sequence[Window]) -> str:
    return ", ".join("-".join(us_to_utc(us)[11:16] for us in window) for window in windows) or _NONE


def _events(sky: SkyAhead) -> list[str]:
    lines = [
        f"{us_to_utc(event.at_us)[:19]}  {event.name}: {event.distance_km / 1e6:.3f} Mkm, "
        f"OWLT {owlt_text(event.owlt_down_us)}, SEP {event.sep_deg:.2f} deg"
        for event in sky.events
    ]
    return lines or ["no equinox, solstice, opposition, conjunction, closest or farthest distance"]


def _near_sun(times: Sequence[NearSun]) -> list[str]:
    if not times:
        return [f"SEP stays above {max(NEAR_SUN):g} deg: no band fails, no command moratorium"]
    return [
        f"SEP below {limit_deg:g} deg  {us_to_utc(start_us)[:19]} to {us_to_utc(end_us)[:19]}  "
        f"{(end_us - start_us) / US_PER_DAY:5.1f} d  {NEAR_SUN[limit_deg]}"
        for limit_deg, (start_us, end_us) in times
    ]


def sky_document(sky: SkyAhead) -> dict[str, Any]:
    """The same as plain values for JSON."""
    site = sky.site
    return {
        "site": {"name": site.name, "latitude_deg": site.latitude_deg, "longitude_deg": site.longitude_deg},
        "start_utc": us_to_utc(sky.span[0]),
        "end_utc": us_to_utc(sky.span[1]),
        "stations": list(STATIONS),
        "link_band": BAND,
        "site_min_elevation_deg": SITE_MIN_DEG,
        "station_min_elevation_deg": STATION_MIN_DEG,
        "sols": [_sol_document(sol, site) for sol in sky.sols],
        "events": [
            {
                "utc": us_to_utc(event.at_us),
                "event": event.name,
                "distance_km": event.distance_km,
                "owlt_down_s": event.owlt_down_us / US_PER_S,
                "sep_lt_deg": event.sep_deg,
            }
            for event in sky.events
        ],
        "near_sun": [
            {"sep_limit_deg": limit_deg, **_window(window), "meaning": NEAR_SUN[limit_deg]}
            for limit_deg, window in sky.near_sun
        ],
    }


def _sol_document(sol: SolSky, site: Site) -> dict[str, Any]:
    return {
        "sol": sol.number,
        "midnight_utc": us_to_utc(sol.start_us),
        "mars_year": sol.mars_year,
        "ls_deg": sol.ls_deg,
        "season": sol.season,
        "sunlight_above_atmosphere_w_m2": sol.sunlight_w_m2,
        "distance_km": sol.distance_km,
        "owlt_down_s": sol.owlt_down_us / US_PER_S,
        "owlt_up_s": sol.owlt_up_us / US_PER_S,
        "sep_lt_deg": sol.sep_deg,
        **_instant("sunrise", sol.rise_us(sol.daylight), site),
        **_instant("sunset", sol.set_us(sol.daylight), site),
        **_instant("earth_rise", sol.rise_us(sol.earth_up), site),
        **_instant("earth_set", sol.set_us(sol.earth_up), site),
        "daylight_s": length_us(sol.daylight) / US_PER_S,
        "earth_up_s": length_us(sol.earth_up) / US_PER_S,
        "station_in_view_s": length_us(sol.covered) / US_PER_S,
        "link_s": length_us(sol.working) / US_PER_S,
        "earth_up": [_window(window) for window in sol.earth_up],
        "links": [{"station": name, **_window(window)} for name in STATIONS for window in sol.links[name]],
        "gaps": [_window(window) for window in sol.gaps],
        "closed_by_sun": [{"band": band, **_window(window)} for band, ws in sol.closed.items() for window in ws],
    }


def _instant(name: str, at_us: int | None, site: Site) -> dict[str, str | float | None]:
    return {
        f"{name}_utc": None if at_us is None else us_to_utc(at_us),
        f"{name}_lmst_h": None if at_us is None else lmst_h(at_us, site.longitude_deg),
        f"{name}_ltst_h": None if at_us is None else ltst_h(at_us, site.longitude_deg),
    }


def _window(window: Window) -> dict[str, str]:
    return {"start_utc": us_to_utc(window[0]), "end_utc": us_to_utc(window[1])}
