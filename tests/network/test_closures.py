"""Maintenance by the calendar, and weather that is as good as it was said to be."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.network.closures import Maintenance, maintenance_windows, weather_outages
from twin.randomness import stream

H_US = 3_600_000_000
YEAR_US = 8_766 * H_US


def test_maintenance_comes_back_and_is_cut_at_the_span():
    weekly = Maintenance("DSS-14", 2 * H_US, 8 * H_US, 168 * H_US)
    once = Maintenance("DSS-43", 30 * H_US, 5 * H_US)
    assert maintenance_windows([weekly, once], (4 * H_US, 340 * H_US)) == {
        "DSS-14": [(4 * H_US, 10 * H_US), (170 * H_US, 178 * H_US), (338 * H_US, 340 * H_US)],
        "DSS-43": [(30 * H_US, 35 * H_US)],
    }


def test_maintenance_outside_the_span_closes_nothing():
    entries = [Maintenance("DSS-14", 10, 5), Maintenance("DSS-43", 200, 5, 50)]
    assert maintenance_windows(entries, (15, 200)) == {}


@given(
    start=st.integers(-50, 50),
    length=st.integers(1, 10),
    every=st.one_of(st.none(), st.integers(11, 30)),
    begin=st.integers(0, 60),
    span=st.integers(1, 60),
)
def test_maintenance_closes_exactly_its_own_instants(start, length, every, begin, span):
    found = maintenance_windows([Maintenance("DSS-14", start, length, every)], (begin, begin + span))
    for us in range(begin, begin + span):
        into = us - start if every is None else (us - start) % every
        meant = us >= start and 0 <= into < length
        assert any(a <= us < b for a, b in found.get("DSS-14", [])) == meant


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Maintenance("DSS-14", 0, 0), "maintenance of DSS-14: lasts 0 us, and lasts longer than 0; correct `for`"),
        (Maintenance("DSS-14", 0, 9, 9), "lasts 9 us and comes every 9 us, so it never opens; choose a longer period"),
    ],
)
def test_impossible_maintenance_is_refused(entry, said):
    with pytest.raises(ValueError, match=said):
        maintenance_windows([entry], (0, 100))


@pytest.mark.parametrize("availability", [0.8, 0.95, 0.99])
def test_a_century_of_weather_has_the_stated_availability_and_length_of_outages(availability):
    outages = weather_outages(stream(7, "weather", "DSS-14", "Ka"), availability, 3 * H_US, (0, 100 * YEAR_US))
    lost = sum(end - start for start, end in outages)
    assert all(a < b for a, b in outages)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(outages))
    # The relative spread of the lost time over n outages is about sqrt(2 / n): three of it.
    within = 3 * (2 / len(outages)) ** 0.5
    assert lost / (100 * YEAR_US) == pytest.approx(1 - availability, rel=within)
    assert lost / len(outages) == pytest.approx(3 * H_US, rel=within)


def test_short_spells_keep_the_availability_too():
    """In whole seconds, spells of 2 s still have their mean."""
    outages = weather_outages(stream(7, "weather"), 0.5, 2_000_000, (0, 30 * H_US))
    lost = sum(end - start for start, end in outages)
    assert lost / (30 * H_US) == pytest.approx(0.5, abs=0.01)
    assert lost / len(outages) == pytest.approx(2_000_000, rel=0.03)


def test_a_longer_span_begins_with_the_same_weather_and_each_station_has_its_own():
    def drawn(station, years):
        return weather_outages(stream(7, "weather", station, "Ka"), 0.9, 3 * H_US, (0, years * YEAR_US))

    assert drawn("DSS-14", 2)[: len(drawn("DSS-14", 1)) - 1] == drawn("DSS-14", 1)[:-1]
    assert drawn("DSS-14", 1) != drawn("DSS-43", 1)
    assert all(edge % 1_000_000 == 0 for window in drawn("DSS-14", 1) for edge in window)


def test_a_span_begins_in_foul_weather_as_often_as_weather_is_foul():
    foul = sum(
        weather_outages(stream(seed, "weather"), 0.75, 3 * H_US, (0, 1000)) == [(0, 1000)] for seed in range(400)
    )
    assert foul == pytest.approx(100, abs=3 * (400 * 0.25 * 0.75) ** 0.5)


def test_where_weather_never_counts_there_is_no_outage():
    assert weather_outages(stream(7, "weather"), 1.0, 3 * H_US, (0, YEAR_US)) == []


@pytest.mark.parametrize(
    ("availability", "mean_us", "said"),
    [
        (0.0, H_US, "weather: availability 0.0 is not above 0 and at most 1"),
        (1.01, H_US, "weather: availability 1.01 is not"),
        (float("nan"), H_US, "weather: availability nan is not"),
        (0.9, 999_999, "weather: outages of 0.999999 s and fair spells of 8.99999 s on average; neither is below 1 s"),
        (0.1, 8_000_000, "weather: outages of 8 s and fair spells of 0.888889 s on average"),
    ],
)
def test_impossible_weather_is_refused(availability, mean_us, said):
    with pytest.raises(ValueError, match=said):
        weather_outages(stream(7, "weather"), availability, mean_us, (0, H_US))
