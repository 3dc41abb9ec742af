"""Dust and weather against the few numbers that were published about them."""

import math

import numpy as np
import pytest

from twin.network.attenuation import (
    DUST_DEPTH_KM,
    DUST_WORST_TAU,
    MARS_RADIUS_KM,
    WEATHER_PERCENTS,
    beyond_clear_sky,
    dust_loss_db,
    noise_k,
    slant_db,
    zenith_attenuation_db,
)
from twin.network.link_budget import budget
from twin.network.radios import MRO_X_34M

COMPLEXES = ("Goldstone", "Canberra", "Madrid")


def test_the_worst_storm_takes_the_published_three_decibels_at_ka():
    """Ho, Sue & Golshan 2001, abstract: a large dust storm costs a link at least 3 dB at Ka-band."""
    assert dust_loss_db("Ka", DUST_WORST_TAU, 90.0) == pytest.approx(3.0, abs=0.001)
    # The same abstract: aerosols of a clear sky below 0.3 dB.
    assert 0.0 < dust_loss_db("Ka", 0.5, 90.0) < 0.3


@pytest.mark.parametrize("band", ["UHF", "S", "X"])
def test_longer_waves_pass_through_dust(band):
    assert dust_loss_db(band, DUST_WORST_TAU, 10.0) == 0.0


def test_dust_thickens_toward_the_horizon_but_has_an_end():
    zenith_db = float(dust_loss_db("Ka", 5.0, 90.0))
    assert dust_loss_db("Ka", 5.0, 30.0) == pytest.approx(2.0 * zenith_db, rel=0.005)
    horizon_km = math.sqrt((MARS_RADIUS_KM + DUST_DEPTH_KM) ** 2 - MARS_RADIUS_KM**2)
    assert dust_loss_db("Ka", 5.0, 0.0) == pytest.approx(zenith_db * horizon_km / DUST_DEPTH_KM, rel=1e-9)


def test_many_opacities_and_elevations_at_once():
    taus, elevations = np.array([0.0, 1.0, 10.8]), np.array([10.0, 45.0, 90.0])
    together = dust_loss_db("Ka", taus, elevations)
    assert together.tolist() == [float(dust_loss_db("Ka", t, e)) for t, e in zip(taus, elevations, strict=True)]
    assert together[0] == 0.0


@pytest.mark.parametrize(
    ("band", "name", "added_k", "tolerance_k"),
    [
        ("Ka", "Goldstone", 23.0, 2.0),
        ("Ka", "Canberra", 32.0, 5.0),
        ("Ka", "Madrid", 32.0, 5.0),
        ("X", "Goldstone", 5.1, 0.2),
        ("X", "Canberra", 5.7, 0.4),
        ("X", "Madrid", 5.7, 0.4),
    ],
)
def test_weather_of_80_percent_adds_the_published_noise_at_30_deg(band, name, added_k, tolerance_k):
    """TDA Progress Report 1986, "Models of weather effects on noise temperature ...", abstract, with its tolerances."""
    noise = noise_k(slant_db(zenith_attenuation_db(name, band, 80.0), 30.0))
    assert noise == pytest.approx(added_k, abs=tolerance_k)


@pytest.mark.parametrize("name", COMPLEXES)
def test_worse_weather_is_rarer_and_ka_suffers_more(name):
    for band in ("X", "Ka"):
        losses_db = [zenith_attenuation_db(name, band, percent) for percent in WEATHER_PERCENTS]
        assert losses_db == sorted(losses_db)
        assert len(set(losses_db)) == len(losses_db)
    for percent in WEATHER_PERCENTS:
        x_db, ka_db = (zenith_attenuation_db(name, band, percent) for band in ("X", "Ka"))
        assert 3.0 * x_db < ka_db
        assert zenith_attenuation_db("Goldstone", "Ka", percent) <= ka_db


def test_between_two_shares_the_table_is_straight():
    below_db, above_db = (zenith_attenuation_db("Madrid", "Ka", percent) for percent in (90.0, 95.0))
    assert zenith_attenuation_db("Madrid", "Ka", 92.5) == pytest.approx((below_db + above_db) / 2.0, rel=1e-12)


def test_thick_air_adds_no_more_than_its_own_temperature():
    assert noise_k(0.0) == 0.0
    assert noise_k(200.0) == pytest.approx(275.0, rel=1e-9)


def test_a_median_day_at_the_zenith_is_a_clear_sky_and_all_else_comes_on_top():
    clear = beyond_clear_sky("Madrid", "Ka", 50.0, 90.0)
    assert (float(clear.loss_db), float(clear.added_noise_k)) == (0.0, 0.0)
    elevations = np.array([10.0, 30.0, 90.0])
    rainy = beyond_clear_sky("Madrid", "Ka", 99.0, elevations)
    assert (np.diff(rainy.loss_db) < 0.0).all()
    assert (np.diff(rainy.added_noise_k) < 0.0).all()
    assert rainy.added_noise_k.max() < 275.0


def test_a_bad_day_costs_ka_a_factor_and_x_next_to_nothing():
    """99 % weather over Madrid at 30 deg: X keeps nine tenths of its rate, Ka less than a third."""
    kept = {}
    for band in ("X", "Ka"):
        weather = beyond_clear_sky("Madrid", band, 99.0, 30.0)
        bad = budget(MRO_X_34M, 3e8, float(weather.loss_db), float(weather.added_noise_k))
        kept[band] = bad.uncapped_rate_bps / budget(MRO_X_34M, 3e8).uncapped_rate_bps
    assert 0.7 < kept["X"] < 0.95
    assert 0.1 < kept["Ka"] < 0.33


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: dust_loss_db("Ka", -1.0, 10.0), r"dust: opacity -1: an optical depth is finite and 0 or more"),
        (lambda: dust_loss_db("Ka", 1.0, -1.0), r"dust: elevations -1 to -1 deg: an elevation is 0 to 90 deg"),
        (
            lambda: slant_db(0.1, np.array([4.0, 30.0])),
            r"weather: elevations 4 to 30 deg: .* taken as flat from 5 to 90",
        ),
        (
            lambda: zenith_attenuation_db("Kourou", "X", 90.0),
            r"weather: no attenuation for Kourou at X-band; use one of",
        ),
        (lambda: zenith_attenuation_db("Madrid", "S", 90.0), r"no attenuation for Madrid at S-band; .* Madrid Ka"),
        (
            lambda: zenith_attenuation_db("Madrid", "X", 99.9),
            r"weather: 99.9 % of the time: the table goes from 50 to 99",
        ),
        (lambda: noise_k(-0.1), r"weather: attenuation -0.1 dB: air does not amplify; give it as a loss"),
    ],
)
def test_impossible_weather_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
