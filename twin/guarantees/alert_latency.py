"""alert_latency: how soon the crew and how soon the flight surgeon know."""

from __future__ import annotations

from dataclasses import replace

from twin.guarantees.alarms_on_mars import AlarmsOnMars
from twin.guarantees.alerts_on_earth import AlertsOnEarth
from twin.guarantees.never_behind_bulk import NeverBehindBulk
from twin.guarantees.receipts_on_mars import ReceiptsOnMars
from twin.guarantees.verdict import US_PER_S, Checker, Verdict
from twin.trace import Trace


class AlertLatency(Checker):
    """From sample to the crew on Mars, and to the flight surgeon's channel on Earth.

    Mars: whenever a channel stays beyond a limit for `hold` samples in a row without motion, and no alert of that rule
    is open, its alarm sounds within the limit of the first of those samples, with no Earth, as long as one edge that
    carries the device is up and knows it. The same holds for NEWS2, scored anew from the samples: while they demand an
    urgent or emergency aggregate or a single 3, an alert that tells of it is open, and none ends before its cause may
    have. Excused is what began while no such edge was up.

    Earth: every alarm reaches the surgeon's channel within the bound, counted from the first edge that raised it; of
    those raised while Earth can be reached, the given share within an absolute time; and none waits behind bulk. The
    surgeon's acknowledgement is on Mars again within the bound of `feedback_closure`, if the scenario has one, counted
    from the instant at which a gateway noted it.
    """

    key = "alert_latency"
    not_applicable = "no samples called for an alarm and none was raised"

    def __init__(self) -> None:
        super().__init__()
        self.mars: AlarmsOnMars | None = None
        self.earth: AlertsOnEarth | None = None
        self.bulk: NeverBehindBulk | None = None
        self.receipts: ReceiptsOnMars | None = None
        self.silence_us: int | None = None
        """Longest time in which Earth could not have been told, whatever happens on Mars."""

    @property
    def waiting(self) -> bool:
        """Whether the surgeon has yet to hear of an alarm, or Mars of an acknowledgement; false without a bound."""
        return self.earth is not None and (self.earth.waiting or (self.receipts is not None and self.receipts.waiting))

    def watch(self, trace: Trace) -> None:
        for part in (self.mars, self.earth, self.bulk, self.receipts):
            if part is not None:
                part.watch(trace)

    def pending(self) -> int:
        return sum(part.pending for part in (self.mars, self.earth, self.receipts) if part is not None)

    def finish(self, at_us: int) -> None:
        for part in (self.mars, self.earth, self.bulk, self.receipts):
            if part is not None:
                part.finish(at_us)

    def remark(self) -> str:
        parts = []
        if self.mars is not None and self.mars.excused:
            parts.append(
                f"{self.mars.excused} alarms called for while no edge that carries the device was up and knew it"
            )
        if self.earth is None:
            parts.append("the scenario asks for no bound on Earth")
            return ", ".join(parts)
        if self.earth.repeats:
            parts.append(f"{self.earth.repeats} messages came again")
        if self.earth.destroyed:
            parts.append(f"{self.earth.destroyed} alarms were destroyed with every medium that held them")
        return ", ".join(parts)

    def verdict(self, listed: bool) -> Verdict:
        own = list(self.terms)  # of the tightest bound on Earth
        if self.mars is not None and self.mars.tightest_us is not None:
            own.append(("on Mars: slowest alarm", self.mars.tightest_us / US_PER_S))
            own.append(("on Mars: bound", self.mars.limit_us / US_PER_S))
        if self.earth is not None and self.earth.share_in_view is not None:
            name = f"told within this time: {self.earth.share_in_view:.1%} of those raised with Earth in reach"
            own.append((name, self.earth.visible_us / US_PER_S))
        if self.silence_us is not None and own:
            own.append(("longest time in which Earth could not have been told", self.silence_us / US_PER_S))
        return replace(super().verdict(listed), terms=tuple(own))
