"""Earth's half of alert_latency: from an alarm on Mars to the flight surgeon's channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from twin.guarantees.alert_names import Alert, name_of
from twin.guarantees.availability import Availability, Bound
from twin.guarantees.new_beginnings import NewBeginnings
from twin.guarantees.truth import Truth
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import AlarmRaised, AlertSealed
from twin.trace import SurgeonTold, Trace

Of = Callable[[int], Availability]
Record = tuple[int, int, int]


class EarthBound(NamedTuple):
    """How soon Earth must know: `bound` for every alert, and `visible_us` for `visible_share` of those that are raised
    while a contact with Earth can be used.
    """

    bound: Bound
    visible_us: int
    visible_share: float
    constants_us: Mapping[str, int]


class _Raised(NamedTuple):
    at_us: int
    deadline_us: int | None
    in_view: bool


class AlertsOnEarth:
    """Holds every alarm, from the first edge that raised it, against the message that the surgeon's channel took.

    An alarm is `destroyed`, counted and said, if nothing is left of what edges wrote of it and no edge can find it
    again. An edge can as long as its medium holds the frame that gave it, if it had the frame before its device began
    anew: what comes later of an epoch that is over moves no rule. Earth has no rules, so a frame that reached it saves
    nothing.

    Args:
        of: device -> what the edges that carry it can use together.
    """

    def __init__(self, checker: Checker, truth: Truth, of: Of, earth: EarthBound) -> None:
        self._checker = checker
        self._truth = truth
        self._of = of
        self._earth = earth
        self._open: dict[Alert, _Raised] = {}
        self._written: dict[Alert, set[Record]] = {}  # of open alarms, in the edges' own streams
        self._finders: dict[Alert, frozenset[str]] = {}  # of open alarms whose device has begun anew
        self._beginnings = NewBeginnings(self._began_anew)
        self._in_view = 0
        self._in_view_in_time = 0
        self.beyond = 0
        self.destroyed = 0
        self.repeats = 0
        self._pending = 0

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        trace.subscribe(AlarmRaised, self._raised)
        trace.subscribe(AlertSealed, self._sealed)
        trace.subscribe(SurgeonTold, self._told)
        self._beginnings.watch(trace)

    def _raised(self, at_us: int, _node: str, fact: AlarmRaised) -> None:
        alert = _key(fact.alert)
        if self._truth.alerts.of(alert).said is not None:
            return
        available = self._of(alert[0])
        deadline_us = available.deadline_us(self._earth.bound, at_us, self._earth.constants_us)
        in_view = available.promised(at_us) and available.down.passes_through(at_us)
        self._open[alert] = _Raised(at_us, deadline_us, in_view)

    def _sealed(self, _at_us: int, _node: str, fact: AlertSealed) -> None:
        alert = _key(fact.alert)
        if alert in self._open:
            self._written.setdefault(alert, set()).add(fact.record)

    def _began_anew(self, device: int, epoch: int) -> None:
        for alert in self._open:
            if alert[0] == device and alert[1] != epoch and alert not in self._finders:
                durable = self._truth.of(alert[:3]).durable
                self._finders[alert] = frozenset(node for node, size in durable.items() if alert[2] < size)

    def _told(self, at_us: int, node: str, fact: SurgeonTold) -> None:
        alert = _key(fact.alert)
        raised = self._open.pop(alert, None)
        self._written.pop(alert, None)
        self._finders.pop(alert, None)
        if raised is not None:
            self._judge(at_us, node, alert, raised, told=True)
        elif self._truth.alerts.of(alert).said is not None:
            self.repeats += 1
        else:
            self._checker.checked += 1
            self._checker.violate(at_us, node, name_of(alert), "the surgeon was told of an alarm that no edge raised")

    def _judge(self, at_us: int, node: str, alert: Alert, raised: _Raised, told: bool) -> None:
        took_us = at_us - raised.at_us
        if raised.in_view:
            self._in_view += 1
            self._in_view_in_time += told and took_us <= self._earth.visible_us
        if raised.deadline_us is None:
            self.beyond += 1
            return
        checker, earth = self._checker, self._earth
        checker.checked += 1

        def terms() -> list[tuple[str, int]]:
            return self._of(alert[0]).terms_us(earth.bound, raised.at_us, earth.constants_us) or []

        place = (at_us, node, name_of(alert))
        in_time = checker.measure(took_us, raised.deadline_us - raised.at_us, place, terms)
        if not in_time:
            bound_s = (raised.deadline_us - raised.at_us) / 1e6
            what = f"{'told' if told else 'not told'} after {took_us / 1e6:.1f} s, the bound is {bound_s:.1f} s"
            checker.violate(at_us, node, name_of(alert), what)

    def finish(self, at_us: int) -> None:
        """Whoever has not been told by now is pending or too late; then the share that was told while in view."""
        for alert, raised in sorted(self._open.items()):
            overdue_us = self._of(alert[0]).overdue_us(self._earth.bound, raised.at_us, self._earth.constants_us)
            if self._is_gone(alert):
                self.destroyed += 1
            elif overdue_us is not None and overdue_us < at_us:
                self._judge(at_us, "earth", alert, raised._replace(deadline_us=overdue_us), told=False)
            else:
                self._pending += 1
        share = self.share_in_view
        if share is not None:
            self._checker.checked += 1
            if share < self._earth.visible_share:
                what = f"{share:.1%} of {self._in_view} alerts raised with Earth in view were told within "
                what += f"{self._earth.visible_us / 60e6:g} min, {self._earth.visible_share:.0%} must be"
                self._checker.violate(at_us, "earth", "all alerts", what)

    def _is_gone(self, alert: Alert) -> bool:
        written = self._written.get(alert, ())
        return not self._can_be_found(alert) and all(self._truth.of(r).gone(r[2]) for r in written)

    def _can_be_found(self, alert: Alert) -> bool:
        frames, finders = self._truth.of(alert[:3]), self._finders.get(alert)
        if finders is None:
            return frames.held(alert[2])
        return any(frames.adopted.get(node, 0) <= alert[2] < frames.durable.get(node, 0) for node in finders)

    @property
    def waiting(self) -> bool:
        """Whether the surgeon may still be told of an alarm that was raised."""
        return any(not self._is_gone(alert) for alert in self._open)

    @property
    def visible_us(self) -> int:
        """The absolute time that the share is held against."""
        return self._earth.visible_us

    @property
    def share_in_view(self) -> float | None:
        """Share of the alerts raised while Earth could be reached that were told in time; None: there were none."""
        return self._in_view_in_time / self._in_view if self._in_view else None

    @property
    def pending(self) -> int:
        """Alerts that were due after the end."""
        return self._pending + self.beyond


def _key(alert: tuple[int, int, int, str]) -> Alert:
    return alert[0], alert[1], alert[2], alert[3]
