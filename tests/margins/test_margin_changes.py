"""One guarantee before and after: the sign of what is lost, the edge of a tolerance, and what no number says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from margin_parts import FIVE_PERCENT, counted, limited, terms, timed

from twin.margins.change import LOSSES, change_of, compare
from twin.margins.margin import Margin
from twin.margins.tolerance import DEFAULT, tolerance_ppm
from twin.margins.wording import details, sentence
from twin.scenario import ScenarioError

milliseconds = st.integers(0, 10_000_000)
held = st.builds(lambda ms: timed(ms / 1000, 20_000.0), milliseconds)
broken = st.builds(lambda ms: timed(-ms / 1000, verdict="broken"), st.integers(1, 10_000_000))
margins = held | broken | st.builds(counted, st.integers(0, 3), st.integers(0, 3)) | st.none()
tolerances = st.integers(0, 1_000_000)


@given(margins, margins, tolerances)
def test_what_one_direction_loses_the_other_wins(a: Margin | None, b: Margin | None, tolerance: int) -> None:
    there, back = change_of("freshness", a, b, tolerance), change_of("freshness", b, a, tolerance)
    assert there.lost == (None if back.lost is None else -back.lost)
    assert (there.kind == "same") == (back.kind == "same")
    if a is not None and b is not None and a.judged and b.judged:
        assert not (there.is_loss and back.is_loss)
    if there.lost:
        assert (there.kind in ("more", "mended", "new")) == (there.lost < 0)


@given(margins, tolerances)
def test_nothing_is_lost_against_itself(a: Margin | None, tolerance: int) -> None:
    change = change_of("freshness", a, a, tolerance)
    assert (change.kind, change.lost or 0) == ("same", 0)
    assert (sentence(change), list(details(change))) == ("the same", [])


@given(st.lists(margins, min_size=2, max_size=2), tolerances, tolerances)
def test_a_greater_tolerance_forgives_no_less(pair: list[Margin | None], one: int, other: int) -> None:
    low, high = sorted((one, other))
    if change_of("freshness", *pair, high).is_loss:
        assert change_of("freshness", *pair, low).is_loss


@given(st.integers(1, 10_000_000), tolerances)
def test_a_loss_begins_one_millisecond_beyond_the_tolerance(left_ms: int, tolerance: int) -> None:
    allowed_ms = left_ms * tolerance // 1_000_000
    before = timed(left_ms / 1000, 20_000.0)
    just = change_of("freshness", before, timed((left_ms - allowed_ms) / 1000, 20_000.0), tolerance)
    beyond = change_of("freshness", before, timed((left_ms - allowed_ms - 1) / 1000, 20_000.0), tolerance)
    assert just.kind == ("less" if allowed_ms else "same")
    assert beyond.kind == "lost"


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (timed(100.0), timed(95.0), "less"),
        (timed(100.0), timed(94.999), "lost"),
        (timed(100.0), timed(100.0004), "same"),
        (timed(0.0), timed(0.0), "same"),
        (timed(100.0), timed(-1.0, verdict="broken"), "broke"),
        (timed(-1.0, verdict="broken"), timed(-2.0, verdict="broken"), "lost"),
        (timed(-1.0, verdict="broken"), timed(1.0), "mended"),
        (None, timed(-1.0, verdict="broken"), "broke"),
        (counted(checked=0), counted(1), "broke"),
        (counted(1), counted(3), "lost"),
        (counted(1, checked=0), counted(1), "new"),
        (counted(1), counted(1, checked=0), "unguarded"),
        (timed(100.0), counted(), "unguarded"),
        (counted(), timed(100.0), "new"),
        (timed(100.0), counted(checked=0), "unguarded"),
        (counted(), None, "unguarded"),
        (counted(checked=0), None, "same"),
        (None, counted(), "new"),
        (limited(2, 8, "retransmissions"), limited(3, 8, "retransmissions"), "lost"),
        (limited(2, 8, "retransmissions"), limited(1.0, 4.0, "bytes per byte"), "same"),
        (limited(2, 8, "retransmissions"), limited(60, 100, "records"), "lost"),
    ],
)
def test_the_kind_of_a_change(before: Margin | None, after: Margin | None, kind: str) -> None:
    change = change_of("freshness", before, after, FIVE_PERCENT)
    assert change.kind == kind
    assert change.is_loss == (kind in LOSSES)
    assert sentence(change)


def test_a_worst_case_under_another_bound_is_no_loss_when_its_time_left_is_no_less() -> None:
    """Share of the bound left: 10 % before, 0.2 % after; but nothing came nearer to its bound."""
    assert change_of("freshness", timed(100.0, 1000.0), timed(100.0, 50_000.0), 0).kind == "same"


def test_the_words_name_how_much_of_what_and_the_term_that_moved_most() -> None:
    before = timed(112.0, 3151.9, worst="vitals-1, at table", terms=terms(owlt=600.0, R=1200.0, drain_of_2_MB=5.0))
    after = timed(52.0, 3131.9, worst="vitals-2, at table", terms=terms(owlt=601.0, R=1179.0, drain_of_2_MB=5.0))
    change = change_of("freshness", before, after, FIVE_PERCENT)
    assert sentence(change) == "LOST 60.0 s of 112.0 s that were left (53.6%)"
    assert list(details(change)) == [
        "observed 3079.9 of 3131.9 s, was 3039.9 of 3151.9 s",
        "term R: 1179.0 s, was 1200.0 s",
        "term owlt: 601.0 s, was 600.0 s",
        "worst case: vitals-2, at table",
        "worst case before: vitals-1, at table",
    ]


def test_a_term_keeps_its_identity_when_its_amount_is_in_its_name() -> None:
    def one(name: str, value_s: float) -> Margin:
        return timed(10.0, terms=terms(**{name: value_s, "owlt": 600.0}))

    change = change_of("convergence", one("drain of 2.36 MB", 50.0), one("drain of 2.41 MB", 52.0), 0)
    assert [tuple(term) for term in change.terms] == [("drain of 2.41 MB", 50.0, 52.0)]


def test_a_gain_by_a_wider_bound_is_told_as_one() -> None:
    by_bound = change_of("freshness", timed(100.0, 1000.0), timed(120.0, 1030.0), 0)
    assert sentence(by_bound) == "won 20.0 s on 100.0 s that were left (20.0%), by a bound that is 30.0 s wider"
    by_speed = change_of("freshness", timed(100.0, 1000.0), timed(120.0, 1000.0), 0)
    assert sentence(by_speed) == "won 20.0 s on 100.0 s that were left (20.0%)"


def test_guarantees_that_vanished_come_last_and_new_ones_where_they_stand() -> None:
    before = [timed(1.0, key="gone"), timed(1.0, key="kept")]
    after = [timed(1.0, key="fresh"), timed(1.0, key="kept")]
    changes = list(compare(before, after, 0))
    assert [(change.key, change.kind) for change in changes] == [
        ("fresh", "new"),
        ("kept", "same"),
        ("gone", "unguarded"),
    ]


@pytest.mark.parametrize(("text", "ppm"), [(DEFAULT, 50_000), ("5%", 50_000), ("0 %", 0), ("0.25 %", 2500)])
def test_a_tolerance_is_a_share(text: str, ppm: int) -> None:
    assert tolerance_ppm(text) == ppm


@pytest.mark.parametrize("text", ["5", "0.05", "-1 %", "101 %", "5 s", "much", "", "nan %"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError, match=r"\(--tolerance\); .*5 %|\(--tolerance\); .*use one of %"):
        tolerance_ppm(text)


def test_a_margin_of_a_file_takes_no_number_that_is_none() -> None:
    numbers: dict[str, Any] = {"key": "freshness", "verdict": "held", "checked": 1, "unit": "s", "bound": 1.0}
    with pytest.raises(ValueError, match="finite"):
        Margin(**numbers, margin=float("inf"))
