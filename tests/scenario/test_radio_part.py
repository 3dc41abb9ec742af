"""What a scenario may say about radios to Earth and to the ground, and how it is refused."""

# ruff: noqa: E501 (expected lines are quoted whole)

from typing import get_args

import pytest
from examples import HABITAT, refusal_of

from twin.network import attenuation, encapsulation, ltp
from twin.network.proximity1 import ODYSSEY_RATES_BPS
from twin.network.radios import CODES, DSN_RECEIVERS, EFFICIENCY, MRO_KA_34M, MRO_X_34M
from twin.scenario import assumptions, parse_scenario
from twin.scenario.catalogue import STATIONS
from twin.scenario.radio import BUDGET_ELEVATION_MIN_DEG, LTP_LOSS_MAX, Code, LinkBudget

RELAY = "network: {relays: [{name: odyssey, orbit: odyssey-like, proximity: {%s}}]}\n"
DIRECT = "network: {direct_to_earth: {%s}}\n"
AT = "(s.yaml:5, network.direct_to_earth"


def test_a_budget_is_written_with_units():
    text = (
        DIRECT
        % "budget: {code: turbo-1/2, efficiency: 60 %, margin: 2.5 dB, rates: [1 Mbit/s, 64 kbit/s], weather: 95 %}"
    )
    assert parse_scenario(HABITAT + text).network.direct_to_earth.budget == LinkBudget(
        code="turbo-1/2", efficiency="60 %", margin="2.5 dB", rates=["1 Mbit/s", "64 kbit/s"], weather=0.95
    )
    keyed = {entry.key: entry for entry in assumptions(parse_scenario(HABITAT + text))}
    assert keyed["network.direct_to_earth.budget.rates"].value_text == "1 Mbit/s, 64 kbit/s"
    assert keyed["network.direct_to_earth.budget.margin"].value_text == "2.5 dB"
    assert keyed["network.conjunction.sep_min"].value_text == "2 deg at X-band, 1 deg at Ka-band"


def test_the_ground_link_of_a_relay_is_written_with_units():
    text = RELAY % "gain: 25 dB, rates: [128 kbit/s, 256 kbit/s]"
    (relay,) = parse_scenario(HABITAT + text).network.relays
    assert relay.proximity.gain_db == 25.0
    assert relay.proximity.rates_bps == ODYSSEY_RATES_BPS


def test_what_scenarios_know_of_links_is_what_the_models_know():
    """Rooms below the network cannot import it."""
    assert set(get_args(Code)) == set(CODES)
    assert BUDGET_ELEVATION_MIN_DEG == attenuation.ELEVATION_MIN_DEG
    assert (attenuation.WEATHER_PERCENTS[0], attenuation.WEATHER_PERCENTS[-1]) == (50.0, 99.0)
    assert LTP_LOSS_MAX == ltp._LOSS_MAX
    assert encapsulation.SEGMENT_BYTES_MAX == 1_400
    assert (EFFICIENCY["X"], MRO_X_34M.margin_db, MRO_X_34M.code) == (0.65, 3.0, CODES["rs-conv"])
    assert (EFFICIENCY["Ka"], MRO_KA_34M.margin_db, MRO_KA_34M.code) == (0.55, 4.0, CODES["turbo-1/6"])
    heard = {(station.diameter_m, band) for station in STATIONS.values() for band in station.bands}
    assert heard - {(34.0, "S"), (70.0, "S")} == set(DSN_RECEIVERS)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            DIRECT % "band: Ka",
            f"network.direct_to_earth.band = Ka: no rate at Ka-band is published that could be scaled {AT}.band); "
            "add `budget: {}` or take band X",
        ),
        (
            DIRECT % "band: Ka, budget: {}",
            f"network.direct_to_earth.band = Ka: no listed station hears Ka-band {AT}.band); add one of DSS-25, DSS-26, ",
        ),
        (
            DIRECT % "band: S",
            f"network.direct_to_earth.band = S: not one of the known words {AT}.band); use one of X, Ka",
        ),
        (
            DIRECT % "budget: {code: turbo}",
            f"network.direct_to_earth.budget.code = turbo: not one of the known words {AT}.budget.code); use one of conv-1/2, ",
        ),
        (
            DIRECT % "budget: {}, rate_reference: 1 Mbit/s",
            f"network.direct_to_earth.rate_reference = 1 Mbit/s: a budget scales no reference rate {AT}.rate_reference); drop it",
        ),
        (
            DIRECT % "budget: {}, rate_reference_distance: 1000 km",
            "network.direct_to_earth.rate_reference_distance = 1000 km: a budget scales no reference rate ",
        ),
        (
            DIRECT % "budget: {}, station_min_elevation: 4 deg",
            "network.direct_to_earth.station_min_elevation = 4 deg: a budget knows the air from 5 deg up ",
        ),
        (
            DIRECT % "budget: {rates: []}",
            f"network.direct_to_earth.budget.rates: is a list of 1 or more {AT}.budget.rates); add what is missing",
        ),
        (
            DIRECT % "budget: {rates: [0 bit/s]}",
            "network.direct_to_earth.budget.rates[0] = 0 bit/s: must be more than 0 ",
        ),
        (
            DIRECT % "rate_max: 1 Mbit/s, budget: {rates: [2 Mbit/s]}",
            f"network.direct_to_earth.budget.rates: every rate is above the highest, 1 Mbit/s {AT}.budget.rates); raise rate_max",
        ),
        (
            DIRECT % "budget: {hysteresis: -1 dB}",
            "network.direct_to_earth.budget.hysteresis = -1 dB: a margin is not negative ",
        ),
        (DIRECT % "budget: {margin: 3}", "network.direct_to_earth.budget.margin = 3: a margin needs a unit "),
        (
            DIRECT % "budget: {margin: 61 dB}",
            "network.direct_to_earth.budget.margin = 61 dB: a margin lies from 0 to 60 dB ",
        ),
        (
            DIRECT % "budget: {efficiency: 0 %}",
            "network.direct_to_earth.budget.efficiency = 0 %: an efficiency is above 0 ",
        ),
        (
            DIRECT % "budget: {weather: 100 %}",
            "network.direct_to_earth.budget.weather = 100 %: shares of weather are known from 50 to 99 % ",
        ),
        (
            DIRECT % "ltp: {segment_loss: 91 %}",
            "network.direct_to_earth.ltp.segment_loss = 91 %: a link that loses more than 90 % is none ",
        ),
        (RELAY % "gain: 25", "network.relays[0].proximity.gain = 25: a gain needs a unit "),
        (RELAY % "gain: 70 dB", "network.relays[0].proximity.gain = 70 dB: a gain lies from -60 to 60 dB "),
        (RELAY % "rates: []", "network.relays[0].proximity.rates: is a list of 1 or more "),
        (
            RELAY % "rates: [256 kbit/s], rate_max: 128 kbit/s",
            "network.relays[0].proximity.rates: every rate is above the highest, 128 kbit/s ",
        ),
        (
            "network: {relays: [{name: mro, orbit: mro-like, to_earth: {band: Ka, budget: {}}}]}\n",
            "network.relays[0].to_earth.band = Ka: no listed station hears Ka-band ",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(text, line):
    assert refusal_of(HABITAT + text).startswith(line)
