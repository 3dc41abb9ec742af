"""From geometry to a contact plan for direct-to-Earth radio.

One station at a time serves the habitat: it is kept until it sets, then the open one that will see Mars longest takes
over; each takeover costs the set-up time. Where the rate down changes meanwhile, contacts touch. Light time is
that between the site and the station, with a knot every ten minutes: straight lines err by 7 us, most of it because
the station turns with the Earth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from twin.network.deep_space import DownRates
from twin.network.light_knots import light_knots
from twin.network.modes import split_contact
from twin.network.visibility import (
    SAME_RISE_US,
    Window,
    after_setup,
    at_other_end,
    down_windows,
    station_windows,
    subtract,
    up_windows,
)
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.world.light_path import path_between
from twin.world.mars import Site
from twin.world.stations import DSN_STATIONS

KNOT_US = 600_000_000


class DirectToEarthRequest(NamedTuple):
    """What to plan: who, when, and what each direction may carry; times in microseconds, elevations in degrees.

    `listening` are the stations of the way down, `sending` those of the way up; `closed` holds announced closures by
    direction ("down", "up") and station, in Earth's time.
    """

    site: Site
    edges: tuple[str, ...]
    earth: str
    listening: tuple[str, ...]
    sending: tuple[str, ...]
    span: Window
    site_min_elevation_deg: float
    station_min_elevation_deg: float
    setup_us: int
    down_rates: DownRates
    uplink_rate_bps: int
    closed: Mapping[str, Mapping[str, Sequence[Window]]]


def plan_direct_to_earth(request: DirectToEarthRequest) -> ContactPlan:
    """Contacts in both directions for every edge node."""
    closed_down = {
        name: at_other_end(closures, path_between(request.site, DSN_STATIONS[name]).sent_down_us)
        for name, closures in sorted(request.closed["down"].items())
    }
    down = _served(request, request.listening, down_windows, closed_down)
    up = _served(request, request.sending, up_windows, request.closed["up"])
    return ContactPlan(direct_contacts(request, down, up))


def direct_contacts(
    request: DirectToEarthRequest, down: Mapping[str, Sequence[Window]], up: Mapping[str, Sequence[Window]]
) -> Iterator[Contact]:
    """Contacts of every edge node after set-up, from when each station serves it, in the transmitter's time."""
    for station, served in sorted(down.items()):
        windows = after_setup(served, request.setup_us)
        knots = light_knots(windows, KNOT_US, path_between(request.site, DSN_STATIONS[station]).owlt_down_us)
        rated = request.down_rates(station, windows)
        for window, owlt, segments in zip(windows, knots, rated, strict=True):
            for edge in request.edges:
                yield from split_contact(Contact(edge, request.earth, *window, 0, owlt, station), segments)
    for station, served in sorted(up.items()):
        windows = after_setup(served, request.setup_us)
        knots = light_knots(windows, KNOT_US, path_between(request.site, DSN_STATIONS[station]).owlt_up_us)
        for window, owlt in zip(windows, knots, strict=True):
            for edge in request.edges:
                yield Contact(request.earth, edge, *window, request.uplink_rate_bps, owlt, station)


def station_coverage(
    stations: Sequence[str],
    span: Window,
    min_elevation_deg: float,
    closed: Mapping[str, Sequence[Window]],
) -> dict[str, list[Window]]:
    """When each station serves Mars, in its own time: one at a time, handed over as for a habitat."""
    candidates = []
    for name in stations:
        open_windows = station_windows(DSN_STATIONS[name], span, min_elevation_deg)
        candidates += [(window, name) for window in subtract(open_windows, closed.get(name, ()))]
    return _hand_over(sorted(candidates))


def from_script(contacts: Sequence[tuple[str, str, int, int, int, int]], start_us: int) -> ContactPlan:
    """Contacts written out: (from, to, start, end, rate in bit/s, light time), times from the scenario's start."""
    return ContactPlan(
        Contact(source, destination, start_us + begin_us, start_us + end_us, rate_bps, ((start_us, owlt_us),))
        for source, destination, begin_us, end_us, rate_bps, owlt_us in contacts
    )


def _served(
    request: DirectToEarthRequest,
    stations: Sequence[str],
    visible: Callable[..., list[Window]],
    closed: Mapping[str, Sequence[Window]],
) -> dict[str, list[Window]]:
    """When each station serves; all is in the transmitter's time, `closed` by station as well."""
    candidates = []
    for name in stations:
        open_windows = visible(
            request.site,
            DSN_STATIONS[name],
            request.span,
            request.site_min_elevation_deg,
            request.station_min_elevation_deg,
        )
        candidates += [(window, name) for window in subtract(open_windows, closed.get(name, ()))]
    return _hand_over(sorted(candidates))


def _hand_over(candidates: Sequence[tuple[Window, str]]) -> dict[str, list[Window]]:
    """One station at a time, by name."""
    served: dict[str, list[Window]] = {}
    free_us = 0
    remaining = list(candidates)
    while remaining:
        at_us = max(free_us, remaining[0][0][0])
        open_now = [item for item in remaining if item[0][0] <= at_us + SAME_RISE_US and at_us < item[0][1]]
        if not open_now:
            remaining = [item for item in remaining if item[0][1] > at_us]
            free_us = remaining[0][0][0] if remaining else free_us
            continue
        window, name = max(open_now, key=lambda item: (item[0][1], item[1]))
        served.setdefault(name, []).append((max(at_us, window[0]), window[1]))
        free_us = window[1]
        remaining = [item for item in remaining if item[0][1] > free_us + SAME_RISE_US]
    return served
