"""When an aperture is closed: maintenance by the calendar, rain by chance.

Maintenance stops set-up and tear-down as well (`plan_tracks(closed=...)`). Rain only drowns a signal: its windows are
taken from what is seen (`subtract`), the antenna stays pointed. X-band hardly fades in rain, Ka-band does; who draws
outages for a band states the availability.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from twin.network.visibility import Window, union

_S_US: Final = 1_000_000


class Maintenance(NamedTuple):
    """A station is closed for `for_us` from `start_us` on, once or every `every_us` [us]."""

    station: str
    start_us: int
    for_us: int
    every_us: int | None = None


def maintenance_windows(entries: Iterable[Maintenance], span: Window) -> dict[str, list[Window]]:
    """Closed windows [us] by station, ordered and disjoint, within a span; stations without one are left out.

    Raises:
        ValueError: A closure does not last, or lasts until the next one begins.
    """
    closed: dict[str, list[Window]] = {}
    for station, start_us, for_us, every_us in entries:
        if for_us <= 0:
            raise ValueError(f"maintenance of {station}: lasts {for_us} us, and lasts longer than 0; correct `for`")
        if every_us is None:
            starts: Iterable[int] = (start_us,)
        elif every_us <= for_us:
            raise ValueError(
                f"maintenance of {station}: lasts {for_us} us and comes every {every_us} us, so it never opens; "
                "choose a longer period"
            )
        else:
            skipped = max(0, (span[0] - start_us) // every_us)
            starts = range(start_us + skipped * every_us, span[1], every_us)
        windows = [(max(begin_us, span[0]), min(begin_us + for_us, span[1])) for begin_us in starts]
        closed.setdefault(station, []).extend(window for window in windows if window[0] < window[1])
    return {station: union(windows) for station, windows in sorted(closed.items()) if windows}


def weather_outages(
    random: np.random.Generator, availability: float, mean_outage_us: int, span: Window
) -> list[Window]:
    """Windows [us] in which weather drowns a station's signal: fair and foul spells, each without a memory.

    Args:
        random: This station's and band's own stream.
        availability: The share of a year without an outage, above 0 up to 1.
        mean_outage_us: Mean length of an outage [us]; it and the mean fair spell last at least a second.
        span: The range; a longer one begins with the same outages.

    Returns:
        Ordered, disjoint windows of whole seconds after the start of the span.

    Raises:
        ValueError: The availability or the length is out of its range.

    Source:
        A two-state Markov chain in steps of a second (Gilbert 1960); its stationary state begins the span.
    """
    if not 0.0 < availability <= 1.0:
        raise ValueError(f"weather: availability {availability} is not above 0 and at most 1; give a share of the year")
    if availability == 1.0:
        return []
    foul_s = mean_outage_us / _S_US
    fair_s = foul_s * availability / (1.0 - availability)
    if min(foul_s, fair_s) < 1.0:
        raise ValueError(
            f"weather: outages of {foul_s:g} s and fair spells of {fair_s:g} s on average; neither is below 1 s; "
            "choose longer outages or another availability"
        )
    outages: list[Window] = []
    foul = bool(random.random() >= availability)
    at_us = span[0]
    while at_us < span[1]:
        until_us = at_us + _S_US * int(random.geometric(1.0 / (foul_s if foul else fair_s)))
        if foul:
            outages.append((at_us, min(until_us, span[1])))
        at_us, foul = until_us, not foul
    return outages
