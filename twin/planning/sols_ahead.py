"""The sky over a site for the coming sols: light, Earth and stations by sol, and what happens to Mars meanwhile.

Instants are those at the site: Earth stands over it when the light of Earth arrives, and a station sees the site at t
if what is sent then arrives while Mars stands over the station. The Sun closes a band at t if it stands too near to
Mars when what is sent then arrives. Light times, distance and SEP are told for the sol's midnight as `twin sky --at`
tells them, the light time down by reception; what happens to Mars in Earth's sky is told in Earth's time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from twin.network.conjunction import MORATORIUM_SEP_DEG, SEP_LIMITS_DEG, windows_below
from twin.network.visibility import Window, at_other_end, heard_windows, intersect, subtract, union
from twin.scenario.catalogue import LARGE_STATIONS
from twin.scenario.network import DirectToEarth
from twin.world import ephemeris
from twin.world.apparitions import turning_points
from twin.world.daylight import daylight
from twin.world.horizon_mask import clear_windows
from twin.world.mars import Site, earth_azimuth_elevation_deg
from twin.world.mars_calendar import FIRST_YEAR, LAST_YEAR, SEASONS_LS_DEG, mars_date_us, mars_year, season
from twin.world.sols import local_midnights_us
from twin.world.stations import DSN_STATIONS
from twin.world.sunlight import above_atmosphere_w_m2
from twin.world.timescales import SOL_US, US_PER_DAY, FloatArray, IntArray, mars_solar_longitude_deg

STATIONS: Final = LARGE_STATIONS
"""The 70 m antenna of each complex: the others of a complex see the same sky."""
SITE_MIN_DEG: Final = DirectToEarth().min_elevation_deg
STATION_MIN_DEG: Final = DirectToEarth().station_min_elevation_deg
BAND: Final = DirectToEarth().band
"""The band of a link of which nothing else is said."""

NEAR_SUN: Final[Mapping[float, str]] = {
    SEP_LIMITS_DEG["S"]: "S-band fails",
    3.0: "command moratorium of the Mars Science Laboratory",
    MORATORIUM_SEP_DEG: "X-band fails; command moratorium",
    SEP_LIMITS_DEG["Ka"]: "Ka-band fails",
}
"""Limits of SEP [deg] and what is below them; sources at `twin.network.conjunction`."""

_REACH_US: Final = 60 * US_PER_DAY
"""How far a conjunction is looked for beyond the span; the longest time below 5 deg until 2045 is 45 days
(reference/conjunction.csv)."""


class SolSky(NamedTuple):
    """One sol at a site, midnight to midnight; windows are cut there, `links` are by station, `gaps` without any.

    `links` and `gaps` are geometry; `closed` is, by band, when the Sun drowns whatever is seen.

    What has no span is told for the midnight that begins the sol; `sunlight_w_m2` is above the atmosphere.
    """

    number: int
    start_us: int
    end_us: int
    mars_year: int
    ls_deg: float
    season: str
    sunlight_w_m2: float
    distance_km: float
    owlt_down_us: int
    owlt_up_us: int
    sep_deg: float
    daylight: list[Window]
    earth_up: list[Window]
    links: dict[str, list[Window]]
    gaps: list[Window]
    closed: dict[str, list[Window]]

    def rise_us(self, up: Sequence[Window]) -> int | None:
        """The first start of some windows of this sol, None where it only goes on from the sol before."""
        return next((start_us for start_us, _ in up if start_us > self.start_us), None)

    def set_us(self, up: Sequence[Window]) -> int | None:
        """The first end, None where it only goes on into the sol after."""
        return next((end_us for _, end_us in up if end_us < self.end_us), None)

    @property
    def covered(self) -> list[Window]:
        """When Earth stands over the site and at least one station sees Mars."""
        return union(window for windows in self.links.values() for window in windows)

    @property
    def working(self) -> list[Window]:
        """When, besides, the Sun leaves the link of the usual band open."""
        return subtract(self.covered, self.closed[BAND])


class Event(NamedTuple):
    """Something that happens to Mars, with distance [km], light time down [us] and SEP [deg] then."""

    at_us: int
    name: str
    distance_km: float
    owlt_down_us: int
    sep_deg: float


class NearSun(NamedTuple):
    """A time in which SEP is at or below a limit [deg], in full, even where it reaches beyond the span."""

    limit_deg: float
    window: Window


class SkyAhead(NamedTuple):
    """Some sols of a site, numbered from 0, and what happens in them; `seen` is Mars over stations, in site time."""

    site: Site
    span: Window
    sols: list[SolSky]
    seen: dict[str, list[Window]]
    events: list[Event]
    near_sun: list[NearSun]


def sols_ahead(site: Site, from_us: int, sols: int) -> SkyAhead:
    """The sky over a site, from the sol in which an instant lies.

    Raises:
        ValueError: less than one sol.
        OutsideEphemeris: the sols leave 2010-2050.
    """
    ephemeris.require_covered(from_us + max(0, sols - 1) * SOL_US)  # before midnights by the million
    midnights_us = local_midnights_us(from_us, sols, site.longitude_deg)
    span = midnights_us[0], midnights_us[-1]
    starts_us = np.array(midnights_us[:-1])
    ephemeris.require_covered(starts_us)

    def of_earth(us: IntArray) -> tuple[FloatArray, FloatArray]:
        return earth_azimuth_elevation_deg(site, us)

    earth_up = clear_windows(of_earth, site.mask, *span, SITE_MIN_DEG)
    seen = {name: heard_windows(site, DSN_STATIONS[name], span, STATION_MIN_DEG) for name in STATIONS}
    links = {name: _by_sol(intersect(earth_up, windows), midnights_us) for name, windows in seen.items()}
    closed = {band: _by_sol(windows, midnights_us) for band, windows in _closed_by_the_sun(span).items()}
    ls_deg: list[float] = mars_solar_longitude_deg(starts_us).tolist()
    columns = zip(
        midnights_us[:-1],
        midnights_us[1:],
        mars_year(starts_us).tolist(),
        ls_deg,
        [season(one_deg, site.latitude_deg) for one_deg in ls_deg],
        above_atmosphere_w_m2(starts_us).tolist(),
        ephemeris.distance_km(starts_us).tolist(),
        ephemeris.owlt_down_us(starts_us).tolist(),
        ephemeris.owlt_up_us(starts_us).tolist(),
        ephemeris.sep_light_time_deg(starts_us).tolist(),
        _by_sol(daylight(site, *span), midnights_us),
        _by_sol(earth_up, midnights_us),
        _by_name(links),
        _by_sol(subtract(earth_up, [window for windows in seen.values() for window in windows]), midnights_us),
        _by_name(closed),
        strict=True,
    )
    told = [SolSky(number, *row) for number, row in enumerate(columns)]
    return SkyAhead(site, span, told, seen, _events(span), _near_sun(span))


def length_us(windows: Sequence[Window]) -> int:
    """What windows that do not overlap last together."""
    return sum(end_us - start_us for start_us, end_us in windows)


def _by_sol(windows: Sequence[Window], midnights_us: Sequence[int]) -> list[list[Window]]:
    """Ordered windows cut at midnights, those of each sol."""
    cut: list[list[Window]] = [[] for _ in midnights_us[1:]]
    for start_us, end_us in windows:
        for sol in range(bisect_right(midnights_us, start_us) - 1, bisect_left(midnights_us, end_us)):
            cut[sol].append((max(start_us, midnights_us[sol]), min(end_us, midnights_us[sol + 1])))
    return cut


def _by_name(windows: Mapping[str, list[list[Window]]]) -> list[dict[str, list[Window]]]:
    """Windows by name and sol as windows by sol and name."""
    return [dict(zip(windows, of_sol, strict=True)) for of_sol in zip(*windows.values(), strict=True)]


def _closed_by_the_sun(span: Window) -> dict[str, list[Window]]:
    """When the Sun is too near for each band as what is sent from Mars arrives, in the time of sending."""
    (arriving,) = at_other_end([span], lambda us: us + ephemeris.owlt_down_sent_us(us))

    def sent_us(us: IntArray) -> IntArray:
        return us - ephemeris.owlt_down_us(us)

    return {
        band: at_other_end(windows_below(limit_deg, *arriving), sent_us) for band, limit_deg in SEP_LIMITS_DEG.items()
    }


def _events(span: Window) -> list[Event]:
    """Seasons and turning points within a span, in order."""
    years = range(max(FIRST_YEAR, mars_year(span[0])), min(LAST_YEAR, mars_year(span[1])) + 1)
    seasons = [(mars_date_us(year, ls_deg), name) for year in years for name, ls_deg in SEASONS_LS_DEG.items()]
    return [
        Event(
            at_us,
            name,
            ephemeris.distance_km(at_us),
            ephemeris.owlt_down_us(at_us),
            ephemeris.sep_light_time_deg(at_us),
        )
        for at_us, name in sorted([*seasons, *turning_points(*span)])
        if span[0] <= at_us < span[1]
    ]


def _near_sun(span: Window) -> list[NearSun]:
    """What of the times near the Sun falls into a span, the widest limit first."""
    reach = max(ephemeris.FIRST_US, span[0] - _REACH_US), min(ephemeris.END_US - 1, span[1] + _REACH_US)
    return [
        NearSun(limit_deg, window)
        for limit_deg in NEAR_SUN
        for window in windows_below(limit_deg, *reach)
        if window[0] < span[1] and window[1] > span[0]
    ]
