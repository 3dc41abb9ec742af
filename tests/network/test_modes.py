"""Rates over time against signals whose crossings are known in closed form, and a radio stepped by the millisecond."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.network.attenuation import dust_loss_db
from twin.network.link_budget import cn0_dbhz, needed_ebn0_db
from twin.network.modes import Mode, Segment, Switching, modes_of, rate_segments, split_contact, volume_bits
from twin.network.radios import MRO_KA_34M, MRO_X_34M
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.world import dust, ephemeris
from twin.world.timescales import SOL_US, US_PER_DAY, utc_to_us

S = 1_000_000
MODES = (Mode(1000, 40.0), Mode(2000, 43.0), Mode(4000, 46.0))


def ramp(us):
    """From 30 dB-Hz, 1 dB in 10 s up to 60 dB-Hz at 300 s, and down again as fast."""
    return 60.0 - np.abs(us - 300 * S) / (10.0 * S)


def test_up_with_margin_and_hysteresis_and_down_at_the_threshold():
    (segments,) = rate_segments(MODES, ramp, [(0, 600 * S)], 7 * S, Switching(2.0, 1.0))
    assert segments == [
        Segment(130 * S, 160 * S, 1000),
        Segment(160 * S, 190 * S, 2000),
        Segment(190 * S, 440 * S, 4000),
        Segment(440 * S, 470 * S, 2000),
        Segment(470 * S, 500 * S, 1000),
    ]
    assert volume_bits(segments) == 1000 * 60 + 2000 * 60 + 4000 * 250


def test_a_window_starts_with_what_the_signal_bears_and_each_begins_anew():
    windows = [(200 * S, 210 * S), (150 * S, 165 * S), (445 * S, 480 * S), (0, 100 * S)]
    assert rate_segments(MODES, ramp, windows, 3 * S, Switching(2.0, 1.0)) == [
        [Segment(200 * S, 210 * S, 4000)],
        [Segment(150 * S, 160 * S, 1000), Segment(160 * S, 165 * S, 2000)],
        # 45.5 dB-Hz: 2000 bit/s would want 46 to begin with, so it begins below and goes no further up.
        [Segment(445 * S, 480 * S, 1000)],
        [],
    ]


def test_hysteresis_ends_the_flutter_between_two_modes():
    def flutter(us):
        return 44.0 + 0.4 * np.sin(2.0 * np.pi * us / (20.0 * S))

    without = [Mode(1000, 40.0), Mode(2000, 44.0)]
    (many,) = rate_segments(without, flutter, [(0, 600 * S)], S, Switching(0.0, 0.0))
    (one,) = rate_segments(without, flutter, [(0, 600 * S)], S, Switching(0.0, 0.5))
    assert len(many) == 60
    assert one == [Segment(0, 600 * S, 1000)]


def test_a_peak_between_two_steps_of_the_scan_is_found():
    def peak(us):
        return 41.0 - ((us - 133 * S) / (10.0 * S)) ** 2

    (segments,) = rate_segments(MODES, peak, [(0, 600 * S)], 50 * S, Switching(0.0, 0.0))
    assert segments == [Segment(123 * S, 143 * S, 1000)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_segments_are_those_of_a_radio_stepped_by_the_millisecond(seed, margin_db, hysteresis_db):
    generator = np.random.default_rng(seed)
    sizes, phases = generator.uniform(0.0, 4.0, 3), generator.uniform(0.0, 6.28, 3)

    def signal(us):
        turn = 2.0 * np.pi * us / (4.0 * S)
        return 43.0 + sum(sizes[k] * np.sin((k + 1) * turn + phases[k]) for k in range(3))

    (segments,) = rate_segments(MODES, signal, [(0, 4 * S)], 20_000, Switching(margin_db, hysteresis_db))
    at_us = np.arange(0, 4 * S, 1000)
    stepped, mode = [], -1
    for level in signal(at_us).tolist():
        while mode >= 0 and level < MODES[mode].threshold_dbhz:
            mode -= 1
        for number, candidate in enumerate(MODES):
            if number > mode and level >= candidate.threshold_dbhz + margin_db + hysteresis_db:
                mode = number
        stepped.append(MODES[mode].rate_bps if mode >= 0 else 0)
    ours = np.zeros(len(at_us), dtype=np.int64)
    for segment in segments:
        assert segment.start_us < segment.end_us
        assert segment.start_us % 1000 == segment.end_us % 1000 == 0
        ours[(at_us >= segment.start_us) & (at_us < segment.end_us)] = segment.rate_bps
    # A change may fall on either side of a rounded millisecond.
    assert np.count_nonzero(ours != stepped) <= 2 * len(segments) + 2


def test_a_contact_whose_rate_changes_becomes_several_that_touch():
    contact = Contact("edge-1", "earth", 0, 600 * S, 1, ((0, 700 * S), (600 * S, 701 * S)), "DSS-14")
    (segments,) = rate_segments(MODES, ramp, [(0, 600 * S)], 7 * S, Switching(2.0, 1.0))
    contacts = split_contact(contact, segments)
    assert [c.rate_bps for c in contacts] == [1000, 2000, 4000, 2000, 1000]
    assert all(before.end_us == after.start_us for before, after in pairwise(contacts))
    assert {(c.via, c.owlt_us(300 * S)) for c in contacts} == {("DSS-14", 700 * S + S // 2)}
    plan = ContactPlan(contacts)
    assert sum(c.room_bytes(0) for c in plan.contacts) == volume_bits(segments) // 8


def test_mro_steps_through_its_rates_once_between_opposition_and_conjunction():
    """Mars goes away from 2033-07 to 2034-08, so C/N0 only falls: each rate of the list comes once, in order."""
    rates = [500_000, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 6_000_000]
    modes = modes_of(rates, needed_ebn0_db(MRO_X_34M))
    span = utc_to_us("2033-07-15"), utc_to_us("2034-08-01")

    def level(us):
        return cn0_dbhz(MRO_X_34M, ephemeris.distance_km(us))

    (segments,) = rate_segments(modes, level, [span], US_PER_DAY, Switching(MRO_X_34M.margin_db, 0.0))
    assert [s.rate_bps for s in segments] == [6_000_000, 4_000_000, 3_000_000, 2_000_000, 1_000_000]
    for segment in segments[:-1]:
        # A change is where the bare threshold stands: Eb/N0 of the code and implementation loss, margin used up.
        ebn0_db = level(np.array([segment.end_us]))[0] - 10.0 * math.log10(segment.rate_bps)
        assert ebn0_db == pytest.approx(needed_ebn0_db(MRO_X_34M), abs=1e-6)


@pytest.mark.parametrize(("band", "link", "changes"), [("X", MRO_X_34M, False), ("Ka", MRO_KA_34M, True)])
def test_a_storm_steps_ka_down_and_up_again_and_leaves_x_alone(band, link, changes):
    storm = dust.Storm(onset_us=10 * SOL_US, peak_tau=10.8, growth_us=5 * SOL_US, decay_us=15 * SOL_US)

    def level(us):
        lost_db = dust_loss_db(band, dust.opacity(us, 0.5, [storm]), 20.0)
        return cn0_dbhz(link, np.full(len(us), 3e8), lost_db)

    modes = modes_of([500_000 * 2**k for k in range(7)], needed_ebn0_db(link))
    (segments,) = rate_segments(modes, level, [(0, 100 * SOL_US)], SOL_US, Switching(0.0, 1.0))
    rates = [segment.rate_bps for segment in segments]
    assert (segments[0].start_us, segments[-1].end_us) == (0, 100 * SOL_US)
    if changes:
        assert min(rates) < rates[0] == rates[-1]
        assert 10 * SOL_US < segments[0].end_us < 15 * SOL_US < segments[-1].start_us
    else:
        assert len(rates) == 1


def test_no_modes_and_no_windows_give_nothing():
    assert rate_segments((), ramp, [(0, S)], S, Switching(0.0, 0.0)) == [[]]
    assert rate_segments(MODES, ramp, [], S, Switching(0.0, 0.0)) == []
    assert rate_segments(MODES, ramp, [(300 * S, 300 * S)], S, Switching(0.0, 0.0)) == [[]]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: rate_segments(MODES[::-1], ramp, [(0, S)], S, Switching(0.0, 0.0)),
            r"modes: 2000 bit/s at 43 dB-Hz follows 4000 bit/s at 46 dB-Hz; rates and thresholds both ascend",
        ),
        (lambda: rate_segments(MODES, ramp, [(0, S)], 0, Switching(0.0, 0.0)), r"modes: step 0 us must be positive"),
        (
            lambda: rate_segments(MODES, ramp, [(0, S)], S, Switching(0.0, -1.0)),
            r"modes: margin 0 dB and hysteresis -1 dB are 0 or more",
        ),
        (
            lambda: rate_segments(MODES, ramp, [(S, 0)], S, Switching(0.0, 0.0)),
            r"modes: window ends at 0 us before it starts at 1000000 us; swap them",
        ),
        (lambda: modes_of([0, 1000], 3.0), r"modes: rate 0 bit/s must be above 0; drop it"),
    ],
)
def test_impossible_radios_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
