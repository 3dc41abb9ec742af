"""When a site on Mars and a station on Earth see each other, in the transmitter's time of either direction.

A bit sent at t arrives at t + OWLT(t). Both ends must see the other at their own instant: the transmitter at t, the
receiver at its arrival. Elevations are taken as functions of the transmission time, so no window needs shifting
afterwards. Each end looks over its own horizon mask.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter

from twin.world import ephemeris, mars, stations
from twin.world.horizon_mask import clear_windows
from twin.world.timescales import FloatArray, IntArray
from twin.world.windows import Window as Window


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


def union(windows: Iterable[Window]) -> list[Window]:
    """What at least one of some windows, in any order, covers; ordered, and windows that touch become one."""
    out: list[Window] = []
    for start_us, end_us in sorted(windows):
        if out and start_us <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end_us))
        else:
            out.append((start_us, end_us))
    return out


def down_windows(
    site: mars.Site, station: stations.Station, span: Window, site_min_deg: float, station_min_deg: float
) -> list[Window]:
    """Windows [us] for transmission from the site to the station, in Mars time."""

    def from_station(sent_us: IntArray) -> tuple[FloatArray, FloatArray]:
        return stations.mars_azimuth_elevation_deg(station, sent_us + ephemeris.owlt_down_sent_us(sent_us))

    def from_site(sent_us: IntArray) -> tuple[FloatArray, FloatArray]:
        return mars.earth_azimuth_elevation_deg(site, sent_us)

    return intersect(
        clear_windows(from_site, site.mask, *span, site_min_deg),
        clear_windows(from_station, station.mask, *span, station_min_deg),
    )


def up_windows(
    site: mars.Site, station: stations.Station, span: Window, site_min_deg: float, station_min_deg: float
) -> list[Window]:
    """Windows [us] for transmission from the station to the site, in Earth time."""

    def from_station(sent_us: IntArray) -> tuple[FloatArray, FloatArray]:
        return stations.mars_azimuth_elevation_deg(station, sent_us)

    def from_site(sent_us: IntArray) -> tuple[FloatArray, FloatArray]:
        return mars.earth_azimuth_elevation_deg(site, sent_us + ephemeris.owlt_up_us(sent_us))

    return intersect(
        clear_windows(from_site, site.mask, *span, site_min_deg),
        clear_windows(from_station, station.mask, *span, station_min_deg),
    )


def station_windows(station: stations.Station, span: Window, min_deg: float) -> list[Window]:
    """Windows [us] in which a station sees Mars's centre clear of its land mask, in the station's time."""

    def from_station(us: IntArray) -> tuple[FloatArray, FloatArray]:
        return stations.mars_azimuth_elevation_deg(station, us)

    return clear_windows(from_station, station.mask, *span, min_deg)
