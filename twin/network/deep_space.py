"""What a radio that is pointed at Earth sends when: by the square of distance, or by a budget and a list of rates.

With a budget, C/N0 follows the distance, the dish and the air of each station at its elevation, and at Ka-band the dust
above the radio; the rate is the highest of the list that this carries (``modes``), less markers, headers and what LTP
repeats. Where it changes, contacts touch. Bundles are counted at their largest: small ones pay more for headers.

The distance, and the light time to the air over a station, are those between the planets' centres: a relay is at most
0.05 % nearer or farther, 0.004 dB; air 0.1 s earlier is 0.0004 deg of elevation away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from twin.network.attenuation import ELEVATION_MIN_DEG, Weather, beyond_clear_sky
from twin.network.encapsulation import TM_8920, bundle_rate_bps
from twin.network.link_budget import Budget, Link, budget, cn0_dbhz, dish_gain_dbi, needed_ebn0_db
from twin.network.ltp import rate_left_bps
from twin.network.modes import Segment, Switching, modes_of, rate_segments
from twin.network.radios import CODES, DSN_RECEIVERS, EFFICIENCY, MRO_KA_34M, MRO_X_34M, MRO_X_UP_34M
from twin.network.visibility import Window
from twin.scenario.radio import DeepSpaceRadio, LinkBudget
from twin.world import ephemeris, stations
from twin.world.stations import DSN_STATIONS
from twin.world.timescales import FloatArray, IntArray

DownRates = Callable[[str, Sequence[Window]], list[list[Segment]]]
"""Segments of constant rate [bit/s of bundles] for each window in which a station listens, transmitter's time."""
DustLoss = Callable[[IntArray], FloatArray]
"""Loss [dB] above the radio at instants of transmission, shapes (n,) to (n,)."""

_LIKE_MRO: Final = {"X": MRO_X_34M, "Ka": MRO_KA_34M}
_STEP_US: Final = 600_000_000
"""A station's elevation moves by 2.5 deg meanwhile, and dust in hours."""


def clear_air(us: IntArray) -> FloatArray:
    """The loss of a radio with no dust above it."""
    return np.zeros(len(us))


def down_rates(radio: DeepSpaceRadio, bundle_bytes: int, dust_loss_db: DustLoss = clear_air) -> DownRates:
    """What a radio sends to Earth, by the law that its settings choose.

    Args:
        radio: its settings.
        bundle_bytes: size of the bundles.
        dust_loss_db: used with a budget only.
    """
    if radio.budget is None:
        return partial(_scaled, radio)
    return partial(_budgeted, radio, radio.budget, bundle_bytes, dust_loss_db)


def link_down(radio: DeepSpaceRadio, settings: LinkBudget, station: str) -> Link:
    """The link of a radio with a budget to one of the stations that hear its band."""
    like = _LIKE_MRO[radio.band]
    efficiency = EFFICIENCY[radio.band] if settings.efficiency_ratio is None else settings.efficiency_ratio
    return like._replace(
        transmitter=like.transmitter._replace(
            power_w=radio.power_w, gain_dbi=dish_gain_dbi(radio.antenna_m, efficiency, like.frequency_hz)
        ),
        receiver=DSN_RECEIVERS[DSN_STATIONS[station].diameter_m, radio.band],
        code=like.code if settings.code is None else CODES[settings.code],
        margin_db=like.margin_db if settings.margin_db is None else settings.margin_db,
        rate_max_bps=radio.rate_max_bps,
    )


def budget_down(
    radio: DeepSpaceRadio, settings: LinkBudget, station: str, at_us: int, dust_loss_db: DustLoss
) -> Budget:
    """The budget of what is sent to a station at an instant, in the weather of that station and the dust of then."""
    us = np.array([at_us])
    weather = _weather(radio, settings, station, us)
    loss_db, noise_k = (weather.loss_db + dust_loss_db(us)).item(), weather.added_noise_k.item()
    return budget(link_down(radio, settings, station), ephemeris.distance_km(at_us), loss_db, noise_k)


def budget_up(radio: DeepSpaceRadio, at_us: int) -> Budget:
    """The budget of what a 34 m station sends at an instant; a 70 m antenna has as much power and a narrower beam."""
    gain_dbi = dish_gain_dbi(radio.antenna_m, EFFICIENCY["X"], MRO_X_UP_34M.frequency_hz)
    receiver = MRO_X_UP_34M.receiver._replace(gain_dbi=gain_dbi)
    link = MRO_X_UP_34M._replace(receiver=receiver, rate_max_bps=radio.uplink_rate_max_bps)
    return budget(link, ephemeris.distance_km(at_us))


def bundle_bps(radio: DeepSpaceRadio, rate_bps: int, bundle_bytes: int) -> int:
    """What frames, headers and LTP leave of an information rate for bundles [bit/s], at least 1."""
    return rate_left_bps(max(1, bundle_rate_bps(rate_bps, bundle_bytes, TM_8920)), radio.ltp.segment_loss)


def _scaled(radio: DeepSpaceRadio, _station: str, windows: Sequence[Window]) -> list[list[Segment]]:
    """One rate for each window: that of its farther end."""
    found = []
    for start_us, end_us in windows:
        far_km = max(ephemeris.distance_km(start_us), ephemeris.distance_km(end_us))
        rate_bps = rate_left_bps(radio.downlink_rate_bps(far_km), radio.ltp.segment_loss)
        found.append([Segment(start_us, end_us, rate_bps)])
    return found


def _budgeted(
    radio: DeepSpaceRadio,
    settings: LinkBudget,
    bundle_bytes: int,
    dust_loss_db: DustLoss,
    station: str,
    windows: Sequence[Window],
) -> list[list[Segment]]:
    link = link_down(radio, settings, station)

    def signal_dbhz(us: IntArray) -> FloatArray:
        weather = _weather(radio, settings, station, us)
        return cn0_dbhz(link, ephemeris.distance_km(us), weather.loss_db + dust_loss_db(us), weather.added_noise_k)

    modes = modes_of((rate for rate in settings.rates_bps if rate <= radio.rate_max_bps), needed_ebn0_db(link))
    switching = Switching(link.margin_db, settings.hysteresis_db)
    return [
        [segment._replace(rate_bps=bundle_bps(radio, segment.rate_bps, bundle_bytes)) for segment in segments]
        for segments in rate_segments(modes, signal_dbhz, windows, _STEP_US, switching)
    ]


def _weather(radio: DeepSpaceRadio, settings: LinkBudget, station: str, sent_us: IntArray) -> Weather:
    antenna = DSN_STATIONS[station]
    heard_us = sent_us + ephemeris.owlt_down_sent_us(sent_us)
    # A window's ends are whole milliseconds, so they may lie a hair below the lowest elevation.
    elevation_deg = stations.mars_azimuth_elevation_deg(antenna, heard_us)[1].clip(min=ELEVATION_MIN_DEG)
    return beyond_clear_sky(antenna.complex, radio.band, 100.0 * settings.weather_ratio, elevation_deg)
