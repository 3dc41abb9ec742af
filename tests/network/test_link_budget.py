"""The link budget against the reference tables, published rates and the law that scenarios use today."""

import math

import numpy as np
import pytest
from published import rows

from twin.network.attenuation import beyond_clear_sky
from twin.network.link_budget import Transmitter, budget, cn0_dbhz, dish_gain_dbi, path_loss_db
from twin.network.radios import CODES, DSN_34M_X, DSN_70M_X, MRO_KA_34M, MRO_X_34M, MRO_X_UP_34M
from twin.scenario.network import DirectToEarth

TURBO = MRO_X_34M._replace(code=CODES["turbo-1/6"])
BUDGETS = rows("link_budget")


@pytest.mark.parametrize("row", rows("fspl"), ids=lambda row: f"{row['label']}-{row['freq_ghz']}")
def test_path_loss_agrees_with_the_table(row):
    """Required: 0.01 dB. The table has four decimals."""
    loss_db = path_loss_db(float(row["distance_km"]), float(row["freq_ghz"]) * 1e9)
    assert loss_db == pytest.approx(float(row["fspl_db"]), abs=6e-5)


@pytest.mark.parametrize("row", BUDGETS, ids=lambda row: row["label"])
def test_each_term_agrees_with_the_table(row):
    """Required: 0.1 dB. The table has three decimals in C/N0, two in its other terms."""
    mine = budget(MRO_X_34M, float(row["distance_km"]))
    assert mine.link.transmitter.gain_dbi == pytest.approx(float(row["gt_dbi"]), abs=0.006)
    assert mine.eirp_dbw == pytest.approx(float(row["eirp_dbw"]), abs=0.006)
    assert mine.path_loss_db == pytest.approx(float(row["fspl_db"]), abs=6e-4)
    assert mine.gain_over_temperature_db_k == pytest.approx(float(row["gt_over_t_db_k"]), abs=0.006)
    assert mine.cn0_dbhz == pytest.approx(float(row["cn0_dbhz"]), abs=6e-4)


@pytest.mark.parametrize("row", BUDGETS, ids=lambda row: row["label"])
@pytest.mark.parametrize(("link", "column"), [(MRO_X_34M, "rate_rs_conv_3db_mbps"), (TURBO, "rate_turbo16_3db_mbps")])
def test_rates_before_the_cap_agree_with_the_table(row, link, column):
    rate_bps = budget(link, float(row["distance_km"])).uncapped_rate_bps
    assert 10.0 * math.log10(rate_bps / 1e6 / float(row[column])) == pytest.approx(0.0, abs=6e-4)


@pytest.mark.parametrize("row", BUDGETS, ids=lambda row: row["label"])
def test_the_law_of_scenarios_lies_below_the_budget_by_less_than_a_decibel(row):
    """Inverse squares both: anchored at a published 0.5 Mbit/s, the scenario's law is 0.73 dB more careful."""
    distance_km = float(row["distance_km"])
    law_bps = DirectToEarth(rate_max="100 Mbit/s").downlink_rate_bps(distance_km)
    assert law_bps == pytest.approx(1e6 * float(row["rate_inverse_square_anchor_mbps"]), rel=2e-4)
    ahead_db = 10.0 * math.log10(budget(MRO_X_34M, distance_km).uncapped_rate_bps / law_bps)
    assert ahead_db == pytest.approx(0.726, abs=0.002)
    assert DirectToEarth().downlink_rate_bps(distance_km) <= budget(MRO_X_34M, distance_km).rate_bps


def test_mro_reaches_its_published_rates_and_never_more():
    """Published: at least 0.5 Mbit/s at 250 million miles, up to 6 Mbit/s at 100 million km."""
    published = {(row["link"], row["distance_km"]): row["rate"] for row in rows("link_published")}
    assert published["MRO X-band 34 m", "402336000"] == ">=0.5"
    assert budget(MRO_X_34M, 402_336_000.0).rate_bps >= 500_000
    assert published["MRO X-band", "100000000"] == "up to 6"
    for link in (MRO_X_34M, TURBO):
        near = budget(link, 100_000_000.0)
        assert near.uncapped_rate_bps > 6e6
        assert near.rate_bps == 6_000_000
    assert published["MRO X-band 34 m", "96560640"] == "3-4"
    assert budget(MRO_X_34M, 96_560_640.0).rate_bps >= 4_000_000


def test_the_seventy_metre_antenna_gains_what_perseverance_gains():
    """Published for its high-gain antenna: 500 bit/s or faster to 34 m, 3,000 to 70 m; rates in steps of a list."""
    published = {row["link"]: row["rate"] for row in rows("link_published")}
    assert published["Perseverance DTE HGA 34 m"] == "160/500 or faster"
    assert published["Perseverance DTE HGA 70 m"] == "800/3000 or faster"
    large = MRO_X_34M._replace(receiver=DSN_70M_X)
    gained_db = cn0_dbhz(large, 4e8) - cn0_dbhz(MRO_X_34M, 4e8)
    assert gained_db == pytest.approx(10.0 * math.log10(3000 / 500), abs=0.5)


def test_a_rover_with_a_small_antenna_reaches_its_published_rates():
    """15 W into 25.5 dBi, Curiosity's patch antenna (recalled), at the largest distance, coded as turbo-1/6."""
    rover = TURBO._replace(transmitter=Transmitter(15.0, 1.0, 25.5, 0.2))
    farthest_km = max(float(row["distance_km"]) for row in BUDGETS)
    assert 500 < budget(rover._replace(receiver=DSN_34M_X), farthest_km).rate_bps < 3000
    assert 3000 < budget(rover._replace(receiver=DSN_70M_X), farthest_km).rate_bps < 12_000


def test_ka_gains_the_published_decibels_over_x():
    """4 to 6 dB "due to higher frequency": abstract of "Solar scintillation effects on telecommunication links at
    Ka-band and X-band" (JPL). Same power, a day of 90 % weather at 30 deg.
    """
    same_power = MRO_KA_34M._replace(transmitter=MRO_KA_34M.transmitter._replace(power_w=100.0))
    levels_dbhz = []
    for link, band in ((MRO_X_34M, "X"), (same_power, "Ka")):
        weather = beyond_clear_sky("Goldstone", band, 90.0, 30.0)
        levels_dbhz.append(cn0_dbhz(link, 3e8, float(weather.loss_db), float(weather.added_noise_k)))
    assert 4.0 < levels_dbhz[1] - levels_dbhz[0] < 6.0


def test_the_way_up_has_power_to_spare():
    """At the largest distance more than the constant rate up of scenarios, which the receiver's design sets."""
    farthest_km = max(float(row["distance_km"]) for row in BUDGETS)
    assert budget(MRO_X_UP_34M, farthest_km).rate_bps > 10 * DirectToEarth().uplink_rate_max_bps


def test_many_distances_give_what_single_ones_give():
    distances_km = np.linspace(5e7, 4e8, 50)
    weather_db, noise_k = np.linspace(0.0, 2.0, 50), np.linspace(0.0, 80.0, 50)
    together = cn0_dbhz(MRO_X_34M, distances_km, weather_db, noise_k)
    apart = [cn0_dbhz(MRO_X_34M, *map(float, values)) for values in zip(distances_km, weather_db, noise_k, strict=True)]
    assert together.tolist() == pytest.approx(apart, abs=1e-9)


def test_weather_takes_signal_and_adds_noise():
    clear, wet = budget(MRO_X_34M, 3e8), budget(MRO_X_34M, 3e8, weather_loss_db=2.0, added_noise_k=30.0)
    assert clear.cn0_dbhz - wet.cn0_dbhz == pytest.approx(2.0 + 10.0 * math.log10(2.0), abs=1e-9)


@pytest.mark.parametrize("name", sorted(CODES))
def test_no_code_beats_shannon(name):
    """Eb/N0 > (2^2r - 1) / 2r at r bits per real channel symbol, Shannon 1948; within 5 dB of it all the same."""
    code = CODES[name]
    two_r = 2.0 * code.information_per_symbol
    limit_db = 10.0 * math.log10((2.0**two_r - 1.0) / two_r)
    assert limit_db < code.threshold_ebn0_db < limit_db + 5.0


def test_a_budget_prints_itself_term_by_term():
    text = str(budget(MRO_X_34M, 100_000_000.0))
    lines = text.splitlines()
    assert lines[0].split() == ["transmitter", "power,", "100", "W", "20.00", "dBW"]
    assert "radiated power (EIRP)                         65.56 dBW" in lines
    assert "C/N0                                          76.36 dB-Hz" in lines
    assert lines[-1] == "rate, at most 6000000                       6000000 bit/s"
    # Down to C/N0 all lines add up, except the sum among them.
    values = {line[:40].strip(): float(line[40:51]) for line in lines}
    above = list(values)[: list(values).index("C/N0")]
    assert sum(values[term] for term in above if "EIRP" not in term) == pytest.approx(values["C/N0"], abs=0.05)
    below = sum(values[term] for term in ("C/N0", "Eb/N0 of the code", "implementation loss", "margin"))
    assert values["information rate"] == pytest.approx(below, abs=0.05)
    assert "-0.00" not in text


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: path_loss_db(0.0, 8.4e9), r"path loss: distance 0 km must be above 0; give it in km"),
        (lambda: path_loss_db(np.array([1.0, -2.0]), 8.4e9), r"path loss: distance -2 km must be above 0"),
        (lambda: path_loss_db(math.nan, 8.4e9), r"path loss: distance nan km must be above 0"),
        (lambda: path_loss_db(1.0, 0.0), r"path loss: frequency 0 Hz must be above 0; give it in Hz"),
        (lambda: dish_gain_dbi(3.0, 65.0, 8.4e9), r"dish: efficiency 65.0: .* at most 1; 0.65 is usual"),
        (lambda: dish_gain_dbi(-3.0, 0.65, 8.4e9), r"dish: diameter -3 m must be above 0"),
        (
            lambda: budget(MRO_X_34M._replace(transmitter=Transmitter(0.0, 1.0, 46.0, 0.2)), 1e8),
            r"transmitter: power 0 W must be above 0",
        ),
        (
            lambda: cn0_dbhz(MRO_X_34M, np.array([1e8, 2e8]), 0.0, np.array([0.0, -31.0])),
            r"receiver: system temperature -1 K must be above 0",
        ),
        (lambda: budget(MRO_X_34M, 1e8, added_noise_k=-30.0), r"receiver: system temperature 0 K must be above 0"),
    ],
)
def test_impossible_values_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
