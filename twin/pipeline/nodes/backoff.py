"""When to ask again who has refused: exponential backoff, shared by all requests of a machine to a store or channel."""

from __future__ import annotations

from twin.pipeline.machine import SetTimer

RETRY = "retry"
DOUBLINGS_MAX = 8


class Backoff:
    """Waits `base_us`, and twice as long after each refusal in a row; while `waiting` nothing is asked.

    `timer` names the timer that ends the wait.
    """

    __slots__ = ("_base_us", "_doublings_max", "_refusals", "timer", "waiting")

    def __init__(self, base_us: int, timer: str = RETRY, doublings_max: int = DOUBLINGS_MAX) -> None:
        self._base_us = base_us
        self._doublings_max = doublings_max
        self._refusals = 0
        self.timer = timer
        self.waiting = False

    def refused(self, now_us: int, asked_us: int = 0) -> list[SetTimer]:
        """The far end said no, and asked for `asked_us` of patience (0: it did not say); refusals of what was asked at
        the same time count once.
        """
        if self.waiting:
            return []
        self.waiting = True
        wait_us = asked_us or self._base_us << self._refusals
        self._refusals = min(self._refusals + 1, self._doublings_max)
        return [SetTimer(self.timer, now_us + wait_us)]

    def over(self) -> None:
        """The timer fired: the store may be asked again."""
        self.waiting = False

    def served(self) -> None:
        """The store did all that it was asked."""
        if not self.waiting:
            self._refusals = 0
