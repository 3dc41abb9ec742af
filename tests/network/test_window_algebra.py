"""Unions, intersections and differences of windows, counted instant by instant."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from small_skies import END, at, windows

from twin.network.visibility import intersect, subtract, union

any_order = st.lists(st.tuples(st.integers(0, END), st.integers(0, 20)).map(lambda w: (w[0], w[0] + w[1])), max_size=6)


@given(one=windows, other=windows, cuts=any_order)
def test_windows_hold_exactly_the_instants_that_they_should(one, other, cuts):
    both, left, joined = intersect(one, other), subtract(one, cuts), union([*one, *cuts])
    for us in range(-1, 2 * END):
        assert at(both, us) == (at(one, us) and at(other, us))
        assert at(left, us) == (at(one, us) and not at(cuts, us))
        assert at(joined, us) == (at(one, us) or at(cuts, us))
    for found in (both, left):
        assert all(a < b for a, b in found)
        assert found == sorted(found)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(joined))


def test_a_cut_without_length_takes_nothing():
    assert subtract([(0, 10)], [(5, 5)]) == [(0, 10)]
