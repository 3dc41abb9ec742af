"""Numbers as people write them, against examples written out by hand."""

import pytest

from twin.report.wording import duration, instant, listed, number, quantity


@pytest.mark.parametrize(
    ("span_s", "text"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "0 s"),
        (0.00042, "0.42 ms"),
        (0.025, "25 ms"),
        (0.99999, "1 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min"),
        (511.0, "8 min 31 s"),
        (3_599.7, "1 h"),
        (10_140.0, "2 h 49 min"),
        (172_799.0, "2 d"),
        (200_000.0, "2 d 08 h"),
        (-590.0, "\N{MINUS SIGN}9 min 50 s"),
    ],
)
def test_durations_read_as_two_units(span_s: float | None, text: str) -> None:
    assert duration(span_s) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0"),
        (8_880, "8\N{NARROW NO-BREAK SPACE}880"),
        (0.5, "0.5"),
        (3.14159, "3.142"),
    ],
)
def test_numbers_have_thin_thousands(value: float | None, text: str) -> None:
    assert number(value) == text


def test_quantities_carry_their_unit() -> None:
    assert quantity(511.0, "s") == "8 min 31 s"
    assert quantity(3.0, "rows") == "3 rows"
    assert quantity(3.0, None) == "3"
    assert quantity(None, "s") == "\N{EN DASH}"


def test_lists_end_with_and() -> None:
    assert [listed(list("abc"[:n])) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


def test_instants_are_shown_to_the_second() -> None:
    assert instant("2033-03-10T08:26:52.400Z") == "2033-03-10 08:26:52 UTC"
    assert instant("2033-03-10") == "2033-03-10 UTC"
