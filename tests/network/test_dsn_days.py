"""Ten days of the Deep Space Network over Mars: two gaps a day that no antenna closes, and who serves between them."""

import itertools

import pytest

from twin.network.apertures import plan_tracks
from twin.network.grants import grants_of, tally
from twin.network.tracks import ApertureRules, Sight
from twin.network.visibility import station_windows, subtract, union
from twin.scenario.catalogue import LARGE_STATIONS
from twin.world.stations import DSN_STATIONS
from twin.world.timescales import utc_to_us

SPAN = utc_to_us("2033-03-10T00:00:00Z"), utc_to_us("2033-03-20T00:00:00Z")
MIN_US = 60_000_000
RULES = ApertureRules(handover_us=60_000_000)


@pytest.fixture(scope="module")
def sights():
    """Mars itself over every antenna, as a spacecraft that never sets behind it."""
    seen = {name: tuple(station_windows(station, SPAN, 10.0)) for name, station in DSN_STATIONS.items()}
    return {name: Sight("mars", name, windows, windows) for name, windows in seen.items()}


def gaps_of(sights, names):
    return subtract([SPAN], union(window for name in names for window in sights[name].down))


def test_the_70_m_antennas_cover_the_fraction_of_the_table_with_two_gaps_a_day(sights):
    """tests/reference/dsn_union.csv: union_fraction 0.977885, 20 gaps; scripts/sky_accuracy.py compares their edges."""
    gaps = gaps_of(sights, LARGE_STATIONS)
    assert len(gaps) == 20
    covered_us = SPAN[1] - SPAN[0] - sum(end - start for start, end in gaps)
    assert covered_us / (SPAN[1] - SPAN[0]) == pytest.approx(0.977885, abs=1e-6)


def test_ten_antennas_of_34_m_narrow_the_gaps_by_half_a_minute_and_close_none(sights):
    large, every = gaps_of(sights, LARGE_STATIONS), gaps_of(sights, DSN_STATIONS)
    assert len(large) == len(every) == 20
    for (wide_start_us, wide_end_us), (start_us, end_us) in zip(large, every, strict=True):
        assert wide_start_us <= start_us < end_us <= wide_end_us
        assert (wide_end_us - wide_start_us) - (end_us - start_us) < 30e6
        assert end_us - start_us > 160e6


def test_three_antennas_lose_to_the_8_h_limit_what_ten_more_serve(sights):
    alone = [sights[name] for name in LARGE_STATIONS]
    few, many = (plan_tracks(seen, RULES) for seen in (alone, list(sights.values())))
    refused_us = {entry.station: entry.refused_us for entry in tally(alone, grants_of(few, alone, RULES))}
    # Canberra has Mars for 12.5 h a day: 8 h, then an hour of tear-down and set-up. The others have it for less.
    assert refused_us["DSS-43"] > 5 * 60 * MIN_US
    assert refused_us["DSS-14"] == refused_us["DSS-63"] == 0
    in_sight_us = SPAN[1] - SPAN[0] - sum(end - start for start, end in gaps_of(sights, DSN_STATIONS))
    served_us = sum(
        g.end_us - g.start_us for g in grants_of(many, list(sights.values()), RULES) if g.direction == "down"
    )
    # Each handover inside an unbroken stretch costs its minute; an antenna that sees Mars some seconds longer than
    # the one before it is not set up for them.
    handovers = sum(one.end_us == other.start_us for one, other in itertools.pairwise(many))
    assert 0 <= in_sight_us - handovers * RULES.handover_us - served_us < handovers * 20e6
    assert handovers == 19
