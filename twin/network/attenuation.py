"""What weather takes from a link: dust on Mars at Ka-band, air and rain at Earth's stations.

Dust. Grains are far smaller than a wave, so their loss grows with frequency and with the mass that hangs in the air.
The worst storm was put at 0.3 dB/km at Ka-band (Ho, Golshan & Kliore 2002, JPL 02-5, recalled), "at least 3 dB" through
it all (Ho, Sue & Golshan 2001, "Martian atmospheric effects on radio wave propagation", abstract): 10 km. Here the loss
is proportional to the opacity tau and reaches those 3 dB at tau 10.8, the highest that a rover estimated. assumed: the
worst of both put together, so rather too much than too little. X-band and below pass through.

Earth. Zenith attenuation by complex, band and share of time in which it is not exceeded, over the sine of elevation.
What attenuates also radiates: ``T (1 - 10^(-A/10))`` is added to the system temperature. A link's own terms hold a
clear sky already (``link_budget``), here the median day at the zenith; ``beyond_clear_sky`` is what comes on top.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import numpy as np

from twin.world.timescales import FloatArray

Band = Literal["UHF", "S", "X", "Ka"]

MARS_RADIUS_KM: Final = 3389.5
"""Mean radius, IAU 2015 (recalled); the dust's path changes by 1e-3 between pole and equator."""
DUST_DEPTH_KM: Final = 10.0
DUST_WORST_DB_PER_KM: Final = 0.3
DUST_WORST_TAU: Final = 10.8
"""reference/dust_facts.csv: Opportunity, June 2018, a rover's estimate and no planetary mean."""
_DUSTY_BANDS: Final = frozenset({"Ka"})

WEATHER_PERCENTS: Final = (50.0, 80.0, 90.0, 95.0, 99.0)
"""Shares of the time in which the attenuation is not exceeded [%]."""
# Zenith attenuation [dB] at those shares, oxygen and vapour included. 80 %: from the noise temperatures at 30 deg in
# the abstract of "Models of weather effects on noise temperature and attenuation for Ka- and X-band telemetry
# performance analysis" (JPL, model of 1986): 23 and 32 K at Ka, 5.1 and 5.7 K at X. The others: 810-005 module 105
# (recalled, to about a fifth).
_ZENITH_DB: Final[Mapping[tuple[str, str], tuple[float, ...]]] = MappingProxyType(
    {
        ("Goldstone", "X"): (0.038, 0.041, 0.043, 0.046, 0.06),
        ("Canberra", "X"): (0.041, 0.046, 0.050, 0.056, 0.10),
        ("Madrid", "X"): (0.041, 0.046, 0.049, 0.055, 0.10),
        ("Goldstone", "Ka"): (0.14, 0.19, 0.23, 0.29, 0.6),
        ("Canberra", "Ka"): (0.19, 0.27, 0.36, 0.48, 1.4),
        ("Madrid", "Ka"): (0.18, 0.27, 0.35, 0.47, 1.4),
    }
)
AIR_K: Final = 275.0
"""Temperature at which the air radiates, 810-005 module 105: 265 K when dry to 280 K in rain (recalled)."""
ELEVATION_MIN_DEG: Final = 5.0
"""Below, air is no flat layer any more; every station's mask is above (810-005 module 301, recalled)."""


class Weather(NamedTuple):
    """What weather takes and adds beyond a clear sky: loss [dB] and noise [K], the shape of the elevations."""

    loss_db: FloatArray
    added_noise_k: FloatArray


def dust_loss_db(band: Band, tau: float | FloatArray, elevation_deg: float | FloatArray) -> FloatArray:
    """Loss through Mars's dust [dB], shape of ``tau`` and ``elevation_deg`` together.

    The dust fills a shell of even density, so the path at the horizon is long but finite.

    Args:
        band: the link's band; only Ka-band fades.
        tau: optical depth at the zenith, visible light.
        elevation_deg: elevation of the far end at the site [deg], 0 to 90.

    Raises:
        ValueError: an opacity below 0 or an elevation outside 0 to 90.
    """
    opacity, elevation = np.asarray(tau, dtype=float), np.asarray(elevation_deg, dtype=float)
    if opacity.size and not (np.isfinite(opacity).all() and opacity.min() >= 0.0):
        raise ValueError(f"dust: opacity {opacity.min():g}: an optical depth is finite and 0 or more")
    if elevation.size and not (elevation.min() >= 0.0 and elevation.max() <= 90.0):
        raise ValueError(
            f"dust: elevations {elevation.min():g} to {elevation.max():g} deg: an elevation is 0 to 90 deg; "
            "plan no contact below the horizon"
        )
    per_tau_db = DUST_WORST_DB_PER_KM * DUST_DEPTH_KM / DUST_WORST_TAU if band in _DUSTY_BANDS else 0.0
    rise_km = MARS_RADIUS_KM * np.sin(np.radians(elevation))
    through_km = np.sqrt(rise_km * rise_km + (2.0 * MARS_RADIUS_KM + DUST_DEPTH_KM) * DUST_DEPTH_KM) - rise_km
    loss_db: FloatArray = per_tau_db * opacity * through_km / DUST_DEPTH_KM
    return loss_db


def zenith_attenuation_db(complex_name: str, band: Band, percent: float) -> float:
    """Attenuation by Earth's air and weather at the zenith [dB], linear between the shares of the table.

    Args:
        complex_name: Goldstone, Canberra or Madrid.
        band: X or Ka.
        percent: share of the time in which it is not exceeded [%], 50 to 99.

    Raises:
        ValueError: an unknown complex or band, or a share outside the table.
    """
    table_db = _ZENITH_DB.get((complex_name, band))
    if table_db is None:
        known = ", ".join(f"{place} {of}" for place, of in sorted(_ZENITH_DB))
        raise ValueError(f"weather: no attenuation for {complex_name} at {band}-band; use one of {known}")
    if not WEATHER_PERCENTS[0] <= percent <= WEATHER_PERCENTS[-1]:
        raise ValueError(
            f"weather: {percent:g} % of the time: the table goes from {WEATHER_PERCENTS[0]:g} to "
            f"{WEATHER_PERCENTS[-1]:g} %; choose a share in it"
        )
    return float(np.interp(percent, WEATHER_PERCENTS, table_db))


def slant_db(zenith_db: float, elevation_deg: float | FloatArray) -> FloatArray:
    """Attenuation at an elevation [dB], shape of ``elevation_deg``: zenith attenuation over the sine.

    Raises:
        ValueError: an elevation outside 5 to 90 deg.
    """
    elevation = np.asarray(elevation_deg, dtype=float)
    if elevation.size and not (elevation.min() >= ELEVATION_MIN_DEG and elevation.max() <= 90.0):
        raise ValueError(
            f"weather: elevations {elevation.min():g} to {elevation.max():g} deg: the air's layer is taken as flat "
            f"from {ELEVATION_MIN_DEG:g} to 90 deg; raise the station's lowest elevation"
        )
    attenuation_db: FloatArray = zenith_db / np.sin(np.radians(elevation))
    return attenuation_db


def noise_k(attenuation_db: float | FloatArray) -> FloatArray:
    """What air that attenuates so much adds to the system temperature [K], shape of ``attenuation_db``.

    Raises:
        ValueError: a negative attenuation.
    """
    attenuation = np.asarray(attenuation_db, dtype=float)
    if attenuation.size and not attenuation.min() >= 0.0:
        raise ValueError(f"weather: attenuation {attenuation.min():g} dB: air does not amplify; give it as a loss")
    added_k: FloatArray = -AIR_K * np.expm1(-attenuation * (math.log(10.0) / 10.0))
    return added_k


def beyond_clear_sky(complex_name: str, band: Band, percent: float, elevation_deg: float | FloatArray) -> Weather:
    """Weather not exceeded in a share of the time, at elevations [deg], on top of a link's own clear sky.

    Raises:
        ValueError: as ``zenith_attenuation_db`` and ``slant_db``.
    """
    clear_db = zenith_attenuation_db(complex_name, band, WEATHER_PERCENTS[0])
    all_db = slant_db(zenith_attenuation_db(complex_name, band, percent), elevation_deg)
    return Weather(all_db - clear_db, noise_k(all_db) - noise_k(clear_db))
