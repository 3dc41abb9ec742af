"""Tables to lines, against brute force on small tables."""

import numpy as np

from twin.report.series import age_of_information, cumulative, thin, union


def test_union_merges_what_touches_overlaps_or_lies_close() -> None:
    start_us = np.array([50, 0, 8, 20, 30], dtype=np.int64)
    end_us = np.array([60, 10, 12, 30, 45], dtype=np.int64)
    assert union(start_us, end_us) == [(0, 12), (20, 45), (50, 60)]
    assert union(start_us, end_us, gap_us=5) == [(0, 12), (20, 60)]
    assert union(start_us[:0], end_us[:0]) == []


def test_union_keeps_a_long_interval_around_a_short_one() -> None:
    assert union(np.array([0, 10, 95]), np.array([100, 20, 120])) == [(0, 120)]


def test_thinning_keeps_both_ends_and_every_extreme() -> None:
    x = np.arange(100_000.0)
    y = np.zeros(100_000)
    y[31_415], y[92_653] = 7.0, -3.0
    thin_x, thin_y = thin(x, y, 1_000)
    assert len(thin_x) <= 1_002
    assert (thin_x[0], thin_x[-1]) == (0.0, 99_999.0)
    assert (thin_y.max(), thin_y.min()) == (7.0, -3.0)
    assert (np.diff(thin_x) > 0).all()


def test_short_lines_are_not_thinned() -> None:
    x = np.arange(10.0)
    assert thin(x, x)[0] is x


def test_cumulative_share_is_the_share_at_or_below() -> None:
    values = np.random.default_rng(1).exponential(size=5_000)
    at, share = cumulative(values)
    assert len(at) <= 401
    assert share[0] == 0.0
    assert share[-1] == 1.0
    assert np.allclose(share[1:], [(values <= value).mean() for value in at[1:]])


def test_age_rises_with_time_and_falls_when_something_newer_lands() -> None:
    # Generated at 0, 10, 20 s; the second is overtaken by the third and brings nothing new.
    visible_us = np.array([5, 40, 30]) * 1_000_000
    generated_us = np.array([0, 10, 20]) * 1_000_000
    at_us, age_s = age_of_information(visible_us, generated_us, 50_000_000)
    assert (at_us // 1_000_000).tolist() == [5, 30, 30, 40, 40, 50]
    assert age_s.tolist() == [5, 30, 10, 20, 20, 30]


def test_records_visible_at_one_instant_make_one_step() -> None:
    at_us, age_s = age_of_information(np.array([9, 9, 9]), np.array([1, 3, 2]), 9)
    assert at_us.tolist() == [9]
    assert age_s.tolist() == [6e-6]


def test_no_visible_record_has_no_age() -> None:
    at_us, age_s = age_of_information(np.array([], dtype=np.int64), np.array([], dtype=np.int64), 9)
    assert len(at_us) == len(age_s) == 0
