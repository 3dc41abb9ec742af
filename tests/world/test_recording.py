"""A recording sampled with another period, and its gaps: nothing is interpolated, nothing held too long."""

import numpy as np
import pytest

from twin.channels import NO_READING
from twin.world.recording import Recording

SECOND_US = 1_000_000


def sampled(times_s: list[float], period_s: float, samples: int) -> list[int]:
    times_us = np.array([round(t * SECOND_US) for t in times_s], dtype=np.int64)
    counts = np.arange(len(times_s), dtype=np.int64)[:, None] + 70
    source = Recording(("heart_rate_bpm",), times_us, counts, round(period_s * SECOND_US))
    return [int(count) for (count,) in source.block(0, samples)]


NONE = NO_READING
CASES = {
    "the device's own period": ([0, 1, 2, 3], 1, [70, 71, 72, 73, NONE, NONE]),
    "a gap": ([0, 1, 4, 5], 1, [70, 71, NONE, NONE, 72, 73, NONE]),
    "a faster recording is thinned": ([0, 1, 2, 3, 4, 5], 2, [70, 72, 74, 75, NONE]),
    "a slower recording is held until its next row": ([0, 3, 6], 1, [70, 70, 70, 71, 71, 71, 72, 72, 72, NONE]),
    "a slower recording with a gap": ([0, 2, 6], 1, [70, 70, 71, 71, NONE, NONE, 72, 72, NONE]),
    "a later begin": ([2.5, 3.5], 1, [NONE, NONE, NONE, 70, 71, NONE]),
    "one row": ([1], 1, [NONE, 70, NONE]),
}


@pytest.mark.parametrize(("times_s", "period_s", "expected"), CASES.values(), ids=CASES)
def test_what_was_recorded_last_stands_for_less_than_one_period(
    times_s: list[float], period_s: float, expected: list[int]
) -> None:
    assert sampled(times_s, period_s, len(expected)) == expected
