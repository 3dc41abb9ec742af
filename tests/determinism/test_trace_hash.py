"""The trace's hash is over its entries, not over how they were batched."""

import pytest

from twin.trace import HopSent, Trace


@pytest.mark.parametrize("count", [1, 23, 24, 255, 256, 257, 600])
@pytest.mark.parametrize("every", [1, 7, 24, 256])
def test_flushing_in_between_changes_nothing(count: int, every: int) -> None:
    whole, pieces = Trace(), Trace()
    for number in range(count):
        whole.emit(number, "S", HopSent("S->R", number, 10))
        pieces.emit(number, "S", HopSent("S->R", number, 10))
        if number % every == 0:
            pieces.flush()
    assert whole.digest() == pieces.digest()
    assert whole.entries == pieces.entries == count


def test_another_entry_is_another_hash() -> None:
    one, other = Trace(), Trace()
    one.emit(0, "S", HopSent("S->R", 1, 10))
    other.emit(0, "S", HopSent("S->R", 1, 11))
    assert one.digest() != other.digest()
