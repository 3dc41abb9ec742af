"""When to ask a store again that has refused: exponential backoff, shared by all requests of one machine."""

from __future__ import annotations

from twin.pipeline.machine import SetTimer

RETRY = "retry"
DOUBLINGS_MAX = 8


class Backoff:
    """Waits `base_us`, and twice as long after each refusal in a row; while `waiting` nothing is asked."""

    __slots__ = ("_base_us", "_refusals", "waiting")

    def __init__(self, base_us: int) -> None:
        self._base_us = base_us
        self._refusals = 0
        self.waiting = False

    def refused(self, now_us: int) -> list[SetTimer]:
        """The store said no; refusals of what was asked at the same time count once."""
        if self.waiting:
            return []
        self.waiting = True
        wait_us = self._base_us << self._refusals
        self._refusals = min(self._refusals + 1, DOUBLINGS_MAX)
        return [SetTimer(RETRY, now_us + wait_us)]

    def over(self) -> None:
        """The timer fired: the store may be asked again."""
        self.waiting = False

    def served(self) -> None:
        """The store did all that it was asked."""
        if not self.waiting:
            self._refusals = 0
