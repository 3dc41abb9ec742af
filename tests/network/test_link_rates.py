"""What a scenario says of its links happens in its plan: budgets, bands, dust, the Sun, LTP and pointed antennas."""

from itertools import pairwise

import pytest
from published import rows

from twin.experiments.overload import capacity_bits
from twin.experiments.sky_plan import closed_by_the_sun, plan_of, told_by_the_sun
from twin.network.deep_space import bundle_bps
from twin.network.ltp import rate_left_bps
from twin.network.proximity1 import ODYSSEY_RATES_BPS
from twin.scenario import parse_scenario
from twin.scenario.catalogue import STATIONS
from twin.world import ephemeris
from twin.world.timescales import US_PER_DAY, utc_to_us

HABITAT = """
name: links
start: %s
duration: %s
habitat: {site: jezero, crew: 6}
"""
KA = "stations: [DSS-25, DSS-34, DSS-54], direct_to_earth: {band: Ka, power: 35 W, budget: {%s}}"
X = "stations: [DSS-25, DSS-34, DSS-54], direct_to_earth: {budget: {%s}}"
STORM = "weather: {dust: {storms: [{onset: 1 sol, peak_tau: 10.8, growth: 12 h, decay: 2 sol}]}}\n"
NEAR, USUAL, FAR = "2035-09-11T00:00:00Z", "2033-03-10T00:00:00Z", "2034-09-08T00:00:00Z"
HYSTERESIS_FREE = "hysteresis: 0 dB"


def scenario_of(network, start=USUAL, duration="1 sol", more=""):
    return parse_scenario(HABITAT % (start, duration) + f"network: {{{network}}}\n" + more)


def contacts_of(scenario, source="edge-1", destination="earth"):
    """Contacts of one pair that begin while data are generated."""
    return [c for c in plan_of(scenario).between(source, destination) if c.start_us < scenario.end_us]


def down(network, start=USUAL, duration="1 sol", more=""):
    return contacts_of(scenario_of(network, start, duration, more))


def volume_bits(contacts):
    return capacity_bits(contacts, 0, 1 << 62)


def joined(contacts):
    """Windows of contacts, those that touch at one station made one."""
    out = []
    for contact in contacts:
        if out and (out[-1][1], out[-1][2]) == (contact.start_us, contact.via):
            out[-1] = (out[-1][0], contact.end_us, contact.via)
        else:
            out.append((contact.start_us, contact.end_us, contact.via))
    return out


@pytest.mark.parametrize(("start", "information_bps"), [(FAR, 500_000), (NEAR, 6_000_000)])
def test_rates_in_the_plan_are_the_published_ones_of_mro(start, information_bps):
    """At least 0.5 Mbit/s from the farthest to 34 m, 6 Mbit/s at most from near, on a day of median weather."""
    published = {(row["link"], row["distance_km"]): row["rate"] for row in rows("link_published")}
    assert published["MRO X-band 34 m", "402336000"] == ">=0.5"
    assert published["MRO X-band", "100000000"] == "up to 6"
    distance_km = ephemeris.distance_km(utc_to_us(start))
    assert distance_km > 396e6 if start == FAR else distance_km < 58e6
    settings = X % f"{HYSTERESIS_FREE}, weather: 50 %"
    radio = scenario_of(settings).network.direct_to_earth
    assert max(c.rate_bps for c in down(settings, start)) == bundle_bps(radio, information_bps, 64_000)


def test_no_pass_carries_more_than_any_did():
    """Up to 2 Mbit/s from Curiosity to MRO, below what a radio of 2048 kbit/s leaves for data with a strong signal."""
    published = {(row["link"], row["distance_km"]): row["rate"] for row in rows("link_published")}
    assert published["UHF relay Curiosity-MRO", "-"].startswith("up to 2 Mbps")
    passes = contacts_of(scenario_of(RELAY % ("mro-like", "gain: 25 dB")), "edge-1", "relay")
    assert max(c.rate_bps for c in passes) == 2_000_000


def test_frames_and_headers_take_their_share():
    radio = scenario_of(X % "").network.direct_to_earth
    assert 0.97 < bundle_bps(radio, 1_000_000, 64_000) / 1e6 < 0.98
    assert bundle_bps(radio, 1_000_000, 200) < bundle_bps(radio, 1_000_000, 64_000)


def test_the_large_dish_carries_more():
    """5.8 dB of gain and 1.8 dB of noise less: four steps of the list, and the cap between them."""
    small, large = (
        down("stations: [DSS-25], direct_to_earth: {budget: {}}", FAR),
        down("stations: [DSS-14], direct_to_earth: {budget: {}}", FAR),
    )
    assert 3.0 < volume_bits(large) / volume_bits(small) < 7.0


@pytest.mark.parametrize("start", [NEAR, USUAL, FAR])
@pytest.mark.parametrize("network", [X, KA])
def test_a_contact_that_is_split_loses_no_time_and_no_volume(network, start):
    """With its lowest rate alone a contact is whole; with the list its parts fill the same windows."""
    whole, split = down(network % "rates: [1 kbit/s]", start), down(network % "", start)
    assert len(split) > len(whole) or start == NEAR
    assert joined(split) == [(c.start_us, c.end_us, c.via) for c in whole]
    assert volume_bits(split) == sum((c.end_us - c.start_us) * c.rate_bps // 1_000_000 for c in split)
    for before, after in pairwise(split):
        if before.end_us == after.start_us:
            assert before.rate_bps != after.rate_bps
            assert before.owlt_us(before.end_us) == after.owlt_us(after.start_us)


def test_a_worse_day_at_the_stations_costs_ka_more_than_x():
    lost = {}
    for name, network in (("X", X), ("Ka", KA)):
        fair, wet = (volume_bits(down(network % f"weather: {share} %", FAR)) for share in (50, 99))
        lost[name] = 1 - wet / fair
    assert lost["Ka"] > lost["X"] > 0


def test_contacts_at_ka_band_thin_out_in_a_storm_and_come_back():
    clear, dusty = (down(KA % "rates: [1 Mbit/s, 2 Mbit/s, 4 Mbit/s]", duration="8 sol", more=m) for m in ("", STORM))

    def on_sol(contacts, number):
        first_us = utc_to_us(USUAL) + number * 88_775_244_000
        return [c for c in contacts if first_us <= c.start_us < first_us + 88_775_244_000]

    assert on_sol(dusty, 0) == on_sol(clear, 0)
    share = [volume_bits(on_sol(dusty, sol)) / volume_bits(on_sol(clear, sol)) for sol in range(1, 8)]
    assert min(share) < 0.55
    assert share[-1] > 0.8
    in_storm = [sum(c.end_us - c.start_us for c in on_sol(contacts, 1)) for contacts in (clear, dusty)]
    assert in_storm[1] < in_storm[0], "low over the horizon nothing comes through any more"


def test_a_storm_does_not_reach_x_band_nor_relays():
    assert down(X % "", duration="2 sol", more=STORM) == down(X % "", duration="2 sol")
    relay = "direct_to_earth: null, stations: [DSS-25], relays: [{name: mro, orbit: mro-like, to_earth: {%s}}]"
    above = relay % "band: Ka, power: 35 W, budget: {}"
    plans = [plan_of(scenario_of(above, duration="2 sol", more=more)).contacts for more in ("", STORM)]
    assert plans[0] == plans[1]
    assert any(c.source == "mro" and c.via == "DSS-25" for c in plans[0])


@pytest.mark.parametrize("more", ["", ", apertures: {}"])
def test_only_stations_with_a_ka_receiver_hear_ka_but_all_send(more):
    scenario = scenario_of(
        "stations: [DSS-14, DSS-25, DSS-43, DSS-63], direct_to_earth: {band: Ka, budget: {}}" + more, duration="3 sol"
    )
    heard = {c.via for c in contacts_of(scenario)}
    assert heard == {"DSS-25"} == {name for name in scenario.network.stations if "Ka" in STATIONS[name].bands}
    assert {c.via for c in contacts_of(scenario, "earth", "edge-1")} > heard


@pytest.mark.parametrize("row", rows("conjunction")[:1] + rows("conjunction")[2:3], ids=lambda row: row["min_utc"])
def test_ka_stays_open_nearer_to_the_sun_than_x(row):
    """Both minima are above or below 1 deg by 0.1 deg; the edges of 2 deg agree with the table to a second."""
    middle_us = utc_to_us(row["min_utc"] + "Z")
    start = row["min_utc"].replace("T", " ").split()[0] + "T00:00:00Z"
    scenario = scenario_of(KA % "", start)
    span = middle_us - 20 * US_PER_DAY, middle_us + 20 * US_PER_DAY
    if span[0] < utc_to_us("2026-01-01T00:00:00Z"):
        span = utc_to_us("2026-01-01T00:00:00Z"), span[1]
    (x,) = closed_by_the_sun(scenario, "X", "down", span)
    assert x == pytest.approx(
        [utc_to_us(row[key] + "Z") for key in ("sep_lt2_start_utc", "sep_lt2_end_utc")], abs=1_500_000
    )
    ka = closed_by_the_sun(scenario, "Ka", "down", span)
    assert len(ka) == (float(row["sep_min_deg"]) < 1.0)
    assert all(x[0] < start_us < end_us < x[1] for start_us, end_us in ka)
    assert closed_by_the_sun(scenario, "Ka", "up", span) == [x], "the way up is at X-band"


def test_in_a_conjunction_the_plan_goes_on_at_ka_band_only():
    """SEP is 1.14 deg at least in August 2034."""
    start = "2034-08-18T00:00:00Z"
    assert len(down(KA % "", start)) > 0
    assert down(X % "", start) == []
    span = utc_to_us(start), utc_to_us(start) + US_PER_DAY
    told = {name: told_by_the_sun(scenario_of(network % "", start), span) for name, network in (("X", X), ("Ka", KA))}
    moratorium = ("command_moratorium", "SEP below 2 deg: no ack for 1.0 days", span)
    assert told == {"X": [("conjunction", "SEP below 2 deg", span), moratorium], "Ka": [moratorium]}


@pytest.mark.parametrize("network", [X, KA])
def test_a_limit_that_is_written_overrides_the_band(network):
    start = "2034-08-18T00:00:00Z"
    scenario = scenario_of(network % "" + ", conjunction: {sep_min: 3 deg}", start)
    assert down(network % "" + ", conjunction: {sep_min: 3 deg}", start) == []
    assert contacts_of(scenario, "earth", "edge-1") == []
    open_early = scenario_of(network % "" + ", conjunction: {sep_min: 0.5 deg, moratorium: 0.5 deg}", start)
    assert contacts_of(open_early)
    assert contacts_of(open_early, "earth", "edge-1")


@pytest.mark.parametrize("law", ["", "budget: {}, "])
@pytest.mark.parametrize("pair", [("edge-1", "earth"), ("earth", "edge-1")])
def test_what_ltp_repeats_is_missing_from_the_rate(law, pair):
    clear, lossy = (
        contacts_of(scenario_of(f"direct_to_earth: {{{law}ltp: {{segment_loss: {loss}}}}}"), *pair) for loss in (0, 0.2)
    )
    assert [c.rate_bps for c in lossy] == [rate_left_bps(c.rate_bps, 0.2) for c in clear]
    assert [c._replace(rate_bps=1) for c in lossy] == [c._replace(rate_bps=1) for c in clear]


RELAY = "direct_to_earth: null, relays: [{name: relay, orbit: %s, proximity: {%s}}]"


def test_an_areostationary_relay_needs_pointed_antennas():
    """17,400 km: 25 dB over two hemispheres carry 128 kbit/s, none carries nothing, and 3 dB double the rate."""
    over = "{longitude: 77.45}"
    assert contacts_of(scenario_of(RELAY % (over, "")), "edge-1", "relay") == []
    for gain, least_bps, most_bps in (("25 dB", 120_000, 128_000), ("28 dB", 240_000, 256_000)):
        rates = {c.rate_bps for c in contacts_of(scenario_of(RELAY % (over, f"gain: {gain}")), "edge-1", "relay")}
        assert len(rates) == 1
        assert least_bps < max(rates) < most_bps


def test_a_relay_with_two_rates_uses_no_other():
    """With 10 dB to spare, an adaptive radio goes higher and the other stays at its best."""

    def pass_rates(settings):
        scenario = scenario_of(RELAY % ("odyssey-like", f"gain: 10 dB{settings}"))
        return {c.rate_bps for c in contacts_of(scenario, "edge-1", "relay")}

    two = ", rates: [128 kbit/s, 256 kbit/s]"
    (only,) = pass_rates(two)
    assert 0.98 * ODYSSEY_RATES_BPS[1] < only < ODYSSEY_RATES_BPS[1]
    assert min(pass_rates("")) > ODYSSEY_RATES_BPS[1]
    (slower,) = pass_rates(two + ", rate_max: 128 kbit/s")
    assert 0.98 * ODYSSEY_RATES_BPS[0] < slower < ODYSSEY_RATES_BPS[0]
