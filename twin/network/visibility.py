"""When a site on Mars and a station on Earth see each other, in the transmitter's time of either direction.

A bit sent at t arrives at t + OWLT(t), the light time from the site to the station. Both ends must see the other at
their own instant: the transmitter at t, the receiver at its arrival. What an end sees is found in its own time; the
receiver's windows are then moved to the transmitter's. Each end looks over its own horizon mask.

What remains is what an end looks at: the other planet's centre. The site itself stands up to 0.004 deg from it in the
station's sky, and the station up to 0.007 deg in the site's (at 0.37 au), which moves a rise by 2 s at most.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter

import numpy as np

from twin.world import mars, stations
from twin.world.ephemeris import in_force
from twin.world.ephemeris_table import EphemerisTable
from twin.world.horizon_mask import clear_windows
from twin.world.light_path import path_between
from twin.world.timescales import FloatArray, IntArray
from twin.world.windows import Window as Window

SAME_RISE_US = 43_000
"""Light takes as long across the Earth: of rises nearer together, at two stations, neither is first."""
_MS_US = 1_000
_KEPT = 64
"""Searches whose windows are kept: a campaign asks for the same sky with every seed."""


def intersect(one: Sequence[Window], other: Sequence[Window]) -> list[Window]:
    """Common parts of two ordered lists of windows."""
    out = []
    i = j = 0
    while i < len(one) and j < len(other):
        start_us, end_us = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start_us < end_us:
            out.append((start_us, end_us))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return out


def subtract(base: Sequence[Window], cuts: Iterable[Window]) -> list[Window]:
    """What is left of ordered windows when others, in any order, are taken away."""
    away = union(cut for cut in cuts if cut[0] < cut[1])
    left = []
    for start_us, end_us in base:
        at_us = start_us
        for index in range(bisect_right(away, start_us, key=itemgetter(1)), len(away)):
            cut_start_us, cut_end_us = away[index]
            if cut_start_us >= end_us:
                break
            if at_us < cut_start_us:
                left.append((at_us, cut_start_us))
            at_us = cut_end_us
        if at_us < end_us:
            left.append((at_us, end_us))
    return left


def left_to_serve(base: Sequence[Window], cuts: Iterable[Window], same_rise_us: int) -> list[Window]:
    """As `subtract`, less the moments in which one station sees a rise or a set before or after another."""
    return [window for window in subtract(base, cuts) if window[1] - window[0] > same_rise_us]


def union(windows: Iterable[Window]) -> list[Window]:
    """What at least one of some windows, in any order, covers; ordered, and windows that touch become one."""
    out: list[Window] = []
    for start_us, end_us in sorted(windows):
        if out and start_us <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end_us))
        else:
            out.append((start_us, end_us))
    return out


def after_setup(windows: Iterable[Window], setup_us: int) -> list[Window]:
    """What is left of windows after the time to point and lock."""
    return [(start_us + setup_us, end_us) for start_us, end_us in windows if start_us + setup_us < end_us]


def at_other_end(windows: Sequence[Window], instants_us: Callable[[IntArray], IntArray]) -> list[Window]:
    """Windows with other instants in the place of their ends, e.g. those at which what they receive was sent."""
    ends_us = instants_us(np.array(windows, dtype=np.int64).ravel()).reshape(-1, 2)
    return [(start_us, end_us) for start_us, end_us in ends_us.tolist()]


def sight_at_other_end(windows: Sequence[Window], instants_us: Callable[[IntArray], IntArray]) -> list[Window]:
    """As `at_other_end`, to 1 ms like all rises and sets: else two antennas of one complex, between whom light takes
    microseconds, would see the same site rise one after the other, and hand it over.
    """
    return at_other_end(windows, lambda us: (instants_us(us) + _MS_US // 2) // _MS_US * _MS_US)


def down_windows(
    site: mars.Site, station: stations.Station, span: Window, site_min_deg: float, station_min_deg: float
) -> list[Window]:
    """Windows [us] for transmission from the site to the station, in Mars time."""
    return intersect(
        _site_windows(in_force(), site, span, site_min_deg), heard_windows(site, station, span, station_min_deg)
    )


def up_windows(
    site: mars.Site, station: stations.Station, span: Window, site_min_deg: float, station_min_deg: float
) -> list[Window]:
    """Windows [us] for transmission from the station to the site, in Earth time."""
    path = path_between(site, station)
    (arriving,) = at_other_end([span], path.received_up_us)
    heard = _site_windows(in_force(), site, arriving, site_min_deg)
    return intersect(station_windows(station, span, station_min_deg), sight_at_other_end(heard, path.sent_up_us))


def heard_windows(site: mars.Site, station: stations.Station, span: Window, min_deg: float) -> list[Window]:
    """Windows [us] in which what leaves the site arrives while a station sees Mars, in the time of leaving."""
    path = path_between(site, station)
    (arriving,) = at_other_end([span], path.received_down_us)
    return sight_at_other_end(station_windows(station, arriving, min_deg), path.sent_down_us)


def station_windows(station: stations.Station, span: Window, min_deg: float) -> list[Window]:
    """Windows [us] in which a station sees Mars's centre clear of its land mask, in the station's time."""
    return list(_station_windows(in_force(), station, span, min_deg))


@lru_cache(maxsize=_KEPT)
def _station_windows(
    _sky: EphemerisTable, station: stations.Station, span: Window, min_deg: float
) -> tuple[Window, ...]:
    def from_station(us: IntArray) -> tuple[FloatArray, FloatArray]:
        return stations.mars_azimuth_elevation_deg(station, us)

    return tuple(clear_windows(from_station, station.mask, *span, min_deg))


@lru_cache(maxsize=_KEPT)
def _site_windows(_sky: EphemerisTable, site: mars.Site, span: Window, min_deg: float) -> tuple[Window, ...]:
    """Windows [us] in which a site sees Earth's centre clear of its horizon, in the site's time."""

    def from_site(us: IntArray) -> tuple[FloatArray, FloatArray]:
        return mars.earth_azimuth_elevation_deg(site, us)

    return tuple(clear_windows(from_site, site.mask, *span, min_deg))
