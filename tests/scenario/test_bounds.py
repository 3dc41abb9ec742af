"""Bound expressions: against sums worked by hand."""

import pytest

from twin.scenario.bounds import Term, parse_bound
from twin.scenario.errors import RuleError


def test_a_bound_is_a_sum_of_terms_in_the_order_written() -> None:
    bound = parse_bound("owlt + contact_wait +  1.5 R + 3 min")
    assert bound.terms == (
        Term(1.0, "owlt"),
        Term(1.0, "contact_wait"),
        Term(1.5, "R"),
        Term(1.0, None, 180_000_000),
    )
    assert bound.text == "owlt + contact_wait + 1.5 R + 3 min"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "owl + 3 min",
            "'owl' is neither a variable nor a unit of time; did you mean owlt? use one of owlt, R, ",
        ),
        ("owlt + 3", "the term '3' is neither `[number] variable` nor a time (a duration needs a unit); "),
        ("owlt - 3 min", "the term 'owlt - 3 min' is neither `[number] variable` nor a time"),
        (
            "owlt + -3 min",
            "the term '-3 min' is neither `[number] variable` nor a time (a duration is not negative)",
        ),
        ("owlt +", "the term '' is neither"),
        ("__import__('os')", "the term '__import__('os')' is neither"),
        ("", "a bound is a sum of terms; write it like `owlt + contact_wait + 1 R + 3 min`"),
        (3, "a bound is a sum of terms; write it like `owlt + contact_wait + 1 R + 3 min`"),
    ],
)
def test_what_is_not_a_bound_is_refused_with_the_allowed_words(text: object, message: str) -> None:
    with pytest.raises(RuleError) as refusal:
        parse_bound(text)
    assert str(refusal.value).startswith(message)
