"""From when on a run is held to its bounds in time, where a scenario says that things break first and then heal.

Safety holds throughout. A bound in time is worked out for the faults that its scenario names; a hunt draws others on
top, and what they delay may be late without anything being wrong. When they are over the backlog drains first; what
begins from there on is owed as if nothing had happened, and what is still open as if it had begun there. That the
backlog drains at all is held by convergence, and in time only once nothing new is generated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Final

from twin.guarantees.availability import Availability
from twin.guarantees.truth import Key, StreamTruth, Truth
from twin.trace import RowStored, Trace
from twin.units import format_duration

MINUTE_US: Final = 60_000_000


class Promises:
    """Whether what begins at an instant is promised anything: once Earth's table holds all that was signed before
    faults were over, as far as any medium on Mars still does.

    Args:
        start_us: when the mission starts.
        healed_after_us: how long after that faults are over; None: everything is promised.
    """

    def __init__(self, truth: Truth, start_us: int, healed_after_us: int | None) -> None:
        self._truth = truth
        self._start_us = start_us
        self._from_us = None if healed_after_us is None else start_us + healed_after_us
        self._backlog: dict[Key, int] | None = None
        self._since_us: int | None = None

    def watch(self, trace: Trace) -> None:
        """Subscribe; after the truth."""
        if self._from_us is not None:
            trace.subscribe(RowStored, self._stored)

    def owed_from(self, begun_us: int) -> int | None:
        """From when on a bound runs for what began at `begun_us`; None if that is not known yet."""
        if self._from_us is None:
            return begun_us
        return None if self._since_us is None else max(begun_us, self._since_us)

    def is_healed(self, at_us: int) -> bool:
        """Whether faults are over at an instant: what needs no Earth is owed then, whatever still waits for Earth."""
        return self._from_us is None or at_us >= self._from_us

    def of(self, of: Callable[[int], Availability]) -> Callable[[int], Availability]:
        """What devices can use, with deadlines only for what is promised."""
        if self._from_us is None:
            return of
        return cache(lambda device: replace(of(device), owed_from=self.owed_from))

    def from_when(self) -> str:
        """What a verdict says of it; empty where everything is promised."""
        if self._from_us is None:
            return ""
        healed = f"signed in the first {self._whole_minutes(self._from_us)}"
        if self._since_us is None:
            return f"no bound was in force: Earth never held all that was {healed}"
        return f"bounds in force after {self._whole_minutes(self._since_us)}, when Earth held all that was {healed}"

    def _whole_minutes(self, at_us: int) -> str:
        return format_duration(-(-(at_us - self._start_us) // MINUTE_US) * MINUTE_US)

    def _stored(self, at_us: int, _node: str, _fact: RowStored) -> None:
        if self._from_us is None or self._since_us is not None or at_us < self._from_us:
            return
        if self._backlog is None:
            streams = self._truth.streams.items()
            self._backlog = {stream: _signed_before(truth, self._from_us) for stream, truth in streams}
        for stream, size in list(self._backlog.items()):
            truth = self._truth.of(stream)
            row = truth.contiguous["table"]
            if row >= min(size, truth.end) or truth.destroyed(row):
                del self._backlog[stream]
        if not self._backlog:
            self._since_us = at_us


def _signed_before(truth: StreamTruth, at_us: int) -> int:
    """How many records of a stream were signed before an instant; they come in this order."""
    return next((index for index, us in truth.generated_us.items() if us >= at_us), truth.sealed)
