"""How the time until Earth was told is cut into parts."""

import pytest

from twin.report.knowledge import EARTHLY, FOUND, LIGHT, UNDER_WAY, WAITS, Known, knowledge, parts

S = 1_000_000


def known(cut: tuple[object, ...], earth_s: float | None) -> Known:
    return Known("a", 1.0, earth_s, cut, None, None)  # type: ignore[arg-type]


def test_parts_fill_the_time_until_earth_was_told() -> None:
    cut = parts(0, 2 * S, 62 * S, 600 * S, 604 * S, 9_000 * S)
    assert cut == ((FOUND, 0, 2), (WAITS, 2, 62), (LIGHT, 62, 600), (EARTHLY, 600, 604))


def test_alarm_that_never_left_waits_until_the_run_ends() -> None:
    assert parts(0, 2 * S, None, None, None, 90 * S) == ((FOUND, 0, 2), (WAITS, 2, 90))


def test_alarm_that_arrived_but_was_not_told_is_with_earth() -> None:
    assert parts(0, 1 * S, 2 * S, 3 * S, None, 9 * S)[-1] == (EARTHLY, 3, 9)


def test_parts_that_nobody_measured_are_called_so() -> None:
    assert parts(0, 2 * S, None, None, 600 * S, 900 * S) == ((FOUND, 0, 2), (UNDER_WAY, 2, 600))


@pytest.mark.parametrize(
    ("sent_s", "arrived_s", "told_s", "waited"),
    [(3, 500, 501, False), (600, 1_100, 1_101, True), (3, None, None, True)],
)
def test_waiting_is_measured_against_light(
    sent_s: int, arrived_s: int | None, told_s: int | None, waited: bool
) -> None:
    instants = [None if at_s is None else at_s * S for at_s in (2, sent_s, arrived_s, told_s)]
    assert known(parts(0, *instants, 9_000 * S), told_s).waited is waited


def test_no_alarm_draws_nothing() -> None:
    assert knowledge([]) is None
