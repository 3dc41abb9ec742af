"""The way back of an alert: from the flight surgeon's acknowledgement to the edges on Mars."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twin.guarantees.alert_names import Alert, name_of
from twin.guarantees.availability import Availability, Bound
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import ReceiptLearned
from twin.trace import AcknowledgementNoted, Trace


class ReceiptsOnMars:
    """Holds every acknowledgement that a gateway has noted against the first edge that learns of it.

    Args:
        of: device -> what the edges that carry it can use together.
        bound: of a whole round trip, begun when the gateway noted it; None: no time is demanded.
    """

    def __init__(
        self, checker: Checker, of: Callable[[int], Availability], bound: Bound | None, constants_us: Mapping[str, int]
    ) -> None:
        self._checker = checker
        self._of = of
        self._bound = bound
        self._constants_us = constants_us
        self._noted_us: dict[Alert, int] = {}
        self.pending = 0

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        trace.subscribe(AcknowledgementNoted, self._noted)
        trace.subscribe(ReceiptLearned, self._learned)

    @property
    def waiting(self) -> bool:
        """Whether Mars has yet to hear of an acknowledgement."""
        return bool(self._noted_us)

    def _noted(self, at_us: int, _node: str, fact: AcknowledgementNoted) -> None:
        device, epoch, index, rule = fact.alert
        self._noted_us[device, epoch, index, rule] = at_us

    def _learned(self, at_us: int, node: str, fact: ReceiptLearned) -> None:
        device, epoch, index, rule = fact.alert
        noted_us = self._noted_us.pop((device, epoch, index, rule), None)
        if noted_us is not None and self._bound is not None:
            deadline_us = self._of(device).deadline_us(self._bound, noted_us, self._constants_us)
            self._judge(at_us, node, (device, epoch, index, rule), noted_us, deadline_us, "reached Mars")

    def _judge(self, at_us: int, node: str, alert: Alert, noted_us: int, deadline_us: int | None, how: str) -> None:
        if deadline_us is None:
            return
        self._checker.checked += 1
        if at_us > deadline_us:
            took_s, bound_s = (at_us - noted_us) / 1e6, (deadline_us - noted_us) / 1e6
            what = f"the surgeon's acknowledgement {how} after {took_s:.1f} s, the bound is {bound_s:.1f} s"
            self._checker.violate(at_us, node, name_of(alert), what)

    def finish(self, at_us: int) -> None:
        """What has not arrived is pending or too late."""
        for alert, noted_us in sorted(self._noted_us.items()):
            overdue_us = None
            if self._bound is not None:
                overdue_us = self._of(alert[0]).overdue_us(self._bound, noted_us, self._constants_us)
            if overdue_us is not None and overdue_us < at_us:
                self._judge(at_us, "habitat", alert, noted_us, overdue_us, "had not reached Mars")
            else:
                self.pending += 1
