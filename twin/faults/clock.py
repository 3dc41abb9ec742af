"""A node's clock against true time: it may have jumped, and may run fast or slow. Integers only."""

from __future__ import annotations

PPB = 1_000_000_000


class NodeClock:
    """Linear from the last change on: local = true + offset + (true - since) drift."""

    def __init__(self) -> None:
        self._since_us = 0
        self._offset_us = 0
        self._drift_ppb = 0

    def local_us(self, true_us: int) -> int:
        """What the clock shows."""
        return true_us + self._offset_us + (true_us - self._since_us) * self._drift_ppb // PPB

    def true_us(self, local_us: int) -> int:
        """First instant, not before the last change, at which the clock shows `local_us` or more."""
        wanted_us = local_us - self._since_us - self._offset_us
        elapsed_us = max(0, -(-wanted_us * PPB // (PPB + self._drift_ppb)))
        while elapsed_us > 0 and self._shown_us(elapsed_us - 1) >= wanted_us:
            elapsed_us -= 1
        while self._shown_us(elapsed_us) < wanted_us:
            elapsed_us += 1
        return self._since_us + elapsed_us

    def _shown_us(self, elapsed_us: int) -> int:
        return elapsed_us + elapsed_us * self._drift_ppb // PPB

    def step(self, at_us: int, by_us: int) -> None:
        """Jump at `at_us`."""
        self._offset_us = self.local_us(at_us) - at_us + by_us
        self._since_us = at_us

    def drift(self, at_us: int, rate_ppb: int) -> None:
        """Gain `rate_ppb` nanoseconds per second from `at_us` on; 0 runs right and keeps what was gained."""
        self.step(at_us, 0)
        self._drift_ppb = rate_ppb
