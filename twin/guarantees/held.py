"""What true samples say of an alarm rule, block by block; the common word of limits and score."""

from __future__ import annotations

from typing import NamedTuple


class Held(NamedTuple):
    """In a block of samples, `rule` is justified to alarm, by the samples from row `first` on up to row `last`.

    `first` is 0 where they began in a block before. `begun_us` is the instant of the first of the samples that demand
    the alarm, None where none is demanded; `fresh` is False where the demand was there before the block. `anew` says
    that whatever the rule had told of before was surely over by then.
    """

    rule: str
    first: int
    last: int
    begun_us: int | None
    fresh: bool = True
    anew: bool = False
