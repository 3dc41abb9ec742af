"""Proximity-1: go-back-N against a sender and a receiver stepped slot by slot, passes against published volumes."""

import math
from collections import deque
from itertools import pairwise

import numpy as np
import pytest
from published import rows

from twin.network.link_budget import budget, cn0_dbhz
from twin.network.modes import Segment, Switching, rate_segments, volume_bits
from twin.network.proximity1 import (
    ODYSSEY_RATES_BPS,
    RATES_BPS,
    UHF_LINK,
    GoBackN,
    frame_error_rate,
    frames_per_slot,
    goodput_bps,
    uhf_modes,
)
from twin.network.radios import MRO_X_34M

MARS_KM, ORBIT_KM, PERIOD_S = 3390.0, 3696.19, 6839.325  # reference/relay_passes.csv: 300 km, nodal period
PUBLISHED = {row["link"]: row["rate"] for row in rows("link_published")}


def stepped_goodput(error_rate, window, slots, generator, total=200_000):
    """New frames per slot of a sender that goes back when the report about its oldest unreported frame is bad."""
    lost = (generator.random(total) < error_rate).tolist()
    sent = deque()  # (number, slot of its report, whether it arrived in order)
    oldest = upcoming = expected = 0
    for slot in range(total):
        while sent and sent[0][1] <= slot:
            number, _, accepted = sent.popleft()
            if accepted:
                oldest = number + 1
            elif number == oldest:
                upcoming = oldest
                sent.clear()  # whatever was sent behind the lost frame, the receiver has thrown away
        if upcoming < oldest + window:
            accepted = upcoming == expected and not lost[slot]
            expected += accepted
            sent.append((upcoming, slot + slots, accepted))
            upcoming += 1
    return expected / total


@pytest.mark.parametrize("error_rate", [0.0, 0.001, 0.02, 0.3])
@pytest.mark.parametrize(("window", "slots"), [(1, 1), (127, 4), (8, 8), (8, 12), (3, 30), (1, 7)])
def test_goodput_is_that_of_a_stepped_sender_and_receiver(error_rate, window, slots):
    simulated = stepped_goodput(error_rate, window, slots, np.random.default_rng(211))
    assert frames_per_slot(error_rate, window, slots) == pytest.approx(simulated, rel=0.02)


def test_a_wide_window_gives_the_textbook_formula():
    """(1 - p) / (1 + 2 a p) with K = 1 + 2 a: Schwartz 1987, go-back-N."""
    assert frames_per_slot(0.05, 127, 9) == pytest.approx(0.95 / (1.0 + 8 * 0.05), rel=1e-12)
    assert frames_per_slot(0.05, 9, 9) == frames_per_slot(0.05, 127, 9)


def test_errors_and_waiting_only_ever_cost():
    for window, slots in ((127, 5), (4, 9)):
        shares = [frames_per_slot(p, window, slots) for p in (0.0, 1e-9, 1e-4, 0.01, 0.1, 0.5, 0.99)]
        assert shares == sorted(shares, reverse=True)
        assert shares[1] == pytest.approx(shares[0], rel=1e-6)


def test_full_frames_at_two_megabits_keep_almost_all_and_short_ones_less():
    """2048-byte frames at 1000 km: bit errors of 1e-6 lose 1.6 % of the frames, each costs five slots."""
    error_rate = frame_error_rate(1e-6, 2048)
    assert error_rate == pytest.approx(0.0163, abs=1e-4)
    good_bps = goodput_bps(2_048_000, 1000.0, error_rate, GoBackN())
    assert good_bps == pytest.approx(2_048_000 * 2043 / 2055 * (1 - error_rate) / (1 + 4 * error_rate), rel=1e-6)
    assert goodput_bps(2_048_000, 1000.0, 0.0, GoBackN(frame_bytes=128)) < 0.92 * 2_048_000


def test_rates_are_powers_of_two_up_to_the_published_cap():
    assert PUBLISHED["UHF relay Curiosity-MRO"].startswith("up to 2 Mbps")
    assert (RATES_BPS[0], RATES_BPS[-1]) == (8_000, 2_048_000)
    assert all(after == 2 * before for before, after in pairwise(RATES_BPS))
    assert [mode.rate_bps for mode in uhf_modes(UHF_LINK._replace(rate_max_bps=256_000))][-1] == 256_000
    assert budget(UHF_LINK, 300.0).rate_bps == 2_048_000
    assert budget(UHF_LINK, 300.0).uncapped_rate_bps > 2_048_000


def range_km(at_us, off_track_deg):
    """Distance to an orbiter that passes at 0, this far beside the zenith as seen from Mars's centre."""
    along = 2.0 * np.pi * at_us / (PERIOD_S * 1e6)
    cosine = np.cos(along) * math.cos(math.radians(off_track_deg))
    return np.sqrt(MARS_KM**2 + ORBIT_KM**2 - 2.0 * MARS_KM * ORBIT_KM * cosine)


def one_pass(off_track_deg):
    """Seconds above 10 deg and bits of an adaptive pass."""
    at_us = np.arange(-600_000_000, 600_000_000, 500_000)
    far_km = range_km(at_us, off_track_deg)
    up = (ORBIT_KM**2 - MARS_KM**2 - far_km**2) / (2.0 * MARS_KM * far_km)
    seen = at_us[np.degrees(np.arcsin(up)) >= 10.0]
    window = int(seen[0]), int(seen[-1])

    def level(us):
        return cn0_dbhz(UHF_LINK, range_km(us, off_track_deg))

    (segments,) = rate_segments(uhf_modes(), level, [window], 10_000_000, Switching(UHF_LINK.margin_db, 1.0))
    return (window[1] - window[0]) / 1e6, segments


def test_an_adaptive_pass_climbs_the_rates_and_comes_down_again():
    _, segments = one_pass(2.0)
    rates = [segment.rate_bps for segment in segments]
    top = rates.index(max(rates))
    assert 0 < top < len(rates) - 1
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


HIGH_PASSES = [row for row in rows("relay_passes") if float(row["max_el_deg"]) > 15.0]


@pytest.mark.parametrize("row", HIGH_PASSES, ids=lambda row: row["start_utc"])
def test_the_model_pass_lasts_as_long_as_those_of_spice(row):
    """Passes by their shortest range, over a ball that does not turn: within 4 %, which is enough for volumes."""
    nearest_km = float(row["min_range_km"])
    off_track_deg = math.degrees(math.acos((MARS_KM**2 + ORBIT_KM**2 - nearest_km**2) / (2 * MARS_KM * ORBIT_KM)))
    assert one_pass(off_track_deg)[0] == pytest.approx(float(row["duration_s"]), rel=0.04)


def test_pass_volumes_lie_where_published_ones_lie():
    """Published: 100 to 250 Mbit in about eight minutes to Curiosity (mars.jpl.nasa.gov/msl, data rates); a mean of
    500 Mbit a sol, in two passes (Bell et al. 2014, "MRO relay telecom support of Mars Science Laboratory"); 550 Mbit
    in one pass of MAVEN, which has the same radio.
    """
    assert PUBLISHED["UHF relay Curiosity-MRO"] == "up to 2 Mbps, about 8 minutes per sol"
    seconds, segments = one_pass(9.0)
    assert seconds == pytest.approx(8 * 60, abs=5)
    assert 100e6 < volume_bits(segments) < 250e6
    highest = one_pass(0.0)[1]
    assert PUBLISHED["MAVEN relay one pass"] == "550"
    assert 550e6 < volume_bits(highest) < 2.0 * 500e6
    assert PUBLISHED["UHF relay Odyssey"] == "128-256"
    assert volume_bits([Segment(0, 480_000_000, rate_bps) for rate_bps in ODYSSEY_RATES_BPS[1:]]) < 250e6


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: frames_per_slot(1.0, 1, 1), r"Proximity-1: frame error rate 1: a rate is 0 or more and below 1"),
        (lambda: frames_per_slot(0.1, 0, 1), r"Proximity-1: window 0 and report after 1 slots: both are at least 1"),
        (lambda: frame_error_rate(-0.1, 10), r"Proximity-1: bit error rate -0.1: a rate is 0 or more and below 1"),
        (lambda: goodput_bps(8000, 1.0, 0.0, GoBackN(5)), r"Proximity-1: frame of 5 bytes: a frame has 6 to 2048"),
        (lambda: goodput_bps(8000, 1.0, 0.0, GoBackN(2049)), r"Proximity-1: frame of 2049 bytes: a frame has 6"),
    ],
)
def test_impossible_frames_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_a_link_without_a_cap_has_all_modes():
    assert len(uhf_modes(MRO_X_34M._replace(rate_max_bps=None))) == len(RATES_BPS)
