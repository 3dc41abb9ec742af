"""Mars' half of alert_latency: from the first sample that calls for an alarm to its sound, with no Earth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from twin.guarantees.alarm_truth import AlarmTruth
from twin.guarantees.held import Held
from twin.guarantees.new_beginnings import NewBeginnings
from twin.guarantees.score_rules import TOLD_BY
from twin.guarantees.truth import Truth
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import AlarmRaised, AlertSealed
from twin.trace import AlarmSounded, Crashed, MediumHolds, Restarted, StartedWithout, Trace

SETTLE_US = 60_000_000  # assumed: an edge that came back has filled its gap from device and standby by then
NEVER = 1 << 62
OVER = ("latched", "cleared")
Rule = tuple[int, str]  # device, rule
Alert = tuple[int, int, int, str]
Record = tuple[int, int, int]


class _Due(NamedTuple):
    begun_us: int
    edges: frozenset[str]  # that have been up since before it began


class _Open(NamedTuple):
    alert: Alert
    signed_us: int | None  # when the record that raised it was signed; None where that is forgotten


class AlarmsOnMars:
    """Holds every alarm that the samples demand against what sounds.

    The crew is told by one annunciator, whatever edge calls it. An alert is open from "active" until it is "latched" or
    "cleared", both of which say that its condition is over; while a rule's last alert is open, and an edge that raised
    it is up, no other is demanded, unless the samples say that its condition was over in between. A crash takes an
    edge's alerts along; it has them again when it comes back, with a medium that holds them. An edge that was
    configured without a device counts as down for it.

    A demand lasts as long as its cause: in every block an alert must be open that tells of it. It is excused while no
    edge was up to find it, and not for good: whoever is back must tell of what goes on. An alert of the score that ends
    although its cause surely went on must sound again.

    Args:
        carriers: device id -> the edges that run its rules.
        limit_us: from the first sample of the hold to the sound.
        promised: whether what begins at an instant is to sound in time.
    """

    def __init__(
        self,
        checker: Checker,
        truth: Truth,
        alarms: AlarmTruth,
        carriers: Mapping[int, tuple[str, ...]],
        limit_us: int,
        promised: Callable[[int], bool],
    ) -> None:
        self._checker = checker
        self._truth = truth
        self._alarms = alarms
        self._devices = {name: of.device for name, of in alarms.rules.items()}
        self._nodes = {device: name for name, device in self._devices.items()}
        self._carriers = carriers
        self.limit_us = limit_us
        self._promised = promised
        self._up_since: dict[str, int] = {}
        self._without: dict[str, tuple[int, ...]] = {}  # devices that an edge does not know
        self._open: dict[Rule, _Open] = {}
        self._raised_by: dict[Alert, dict[str, Record | None]] = {}  # of open alerts, and in which own record it stands
        self._due: dict[Rule, _Due] = {}
        self._beginnings = NewBeginnings(self._began_anew)
        self.checked = 0
        self.excused = 0
        self.tightest_us: int | None = None
        self._pending = 0
        alarms.listen(self._held)

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        if self._devices:
            trace.subscribe(AlarmSounded, self._sounded)
            trace.subscribe(AlarmRaised, self._raised)
            trace.subscribe(AlertSealed, self._sealed)
            trace.subscribe(MediumHolds, self._medium)
            trace.subscribe(Restarted, self._restarted)
            trace.subscribe(StartedWithout, self._started_without)
            trace.subscribe(Crashed, self._crashed)
            self._beginnings.watch(trace)

    def _restarted(self, at_us: int, node: str, _fact: Restarted) -> None:
        # at its very first start an edge has nothing to catch up with
        self._up_since[node] = at_us + SETTLE_US if node in self._up_since else -NEVER
        self._without.pop(node, None)

    def _started_without(self, _at_us: int, node: str, fact: StartedWithout) -> None:
        self._without[node] = fact.devices

    def _crashed(self, _at_us: int, node: str, _fact: Crashed) -> None:
        self._up_since[node] = NEVER
        device = self._devices.get(node)
        for rule, due in list(self._due.items()):
            edges = due.edges - {node}
            if rule[0] == device or not edges:
                del self._due[rule]
                self.excused += 1
            else:
                self._due[rule] = due._replace(edges=edges)

    def _began_anew(self, device: int, _epoch: int) -> None:
        """Rules begin at rest: what was open belongs to an epoch that has no end."""
        for rule in [rule for rule in self._open if rule[0] == device]:
            del self._raised_by[self._open.pop(rule).alert]

    def _held(self, _at_us: int, node: str, held: list[Held]) -> None:
        device = self._devices[node]
        for item in held:
            rule = (device, item.rule)
            begun_us = item.begun_us
            if begun_us is None or rule in self._due or self._is_told(rule, item) or not self._promised(begun_us):
                continue
            up = self._up_at(device, begun_us)
            if up:
                self._due[rule] = _Due(begun_us, up)
            elif item.fresh:
                self.excused += 1

    def _up_at(self, device: int, at_us: int) -> frozenset[str]:
        edges = [e for e in self._carriers.get(device, ()) if device not in self._without.get(e, ())]
        return frozenset(e for e in edges if self._up_since.get(e, NEVER) <= at_us)

    def _is_told(self, rule: Rule, item: Held) -> bool:
        """Whether an alert is open that tells of this; one that went on sounding tells of what goes on, and one whose
        condition was over by then of nothing.
        """
        device, name = rule
        found = [self._open[device, by] for by in TOLD_BY.get(name, (name,)) if (device, by) in self._open]
        if item.anew:
            found = [one for one in found if not _is_over(one, item)]
        return any(not item.fresh or self._is_up(alert) for alert, _ in found)

    def _is_up(self, alert: Alert) -> bool:
        return any(self._up_since.get(e, NEVER) != NEVER for e in self._raised_by[alert])

    def _sounded(self, at_us: int, node: str, fact: AlarmSounded) -> None:
        alert = fact.alert
        device, epoch, index, name = alert
        rule = (device, name)
        before = self._open.get(rule)
        if fact.state == "active":
            if before is not None:
                del self._raised_by[before.alert]
            self._open[rule] = _Open(alert, self._truth.of((device, epoch)).generated_us.get(index))
            self._raised_by[alert] = {}
            for due in [due for due in self._due if due[0] == device and name in TOLD_BY.get(due[1], (due[1],))]:
                self._judge(at_us, node, due, self._due.pop(due))
        elif fact.state in OVER and before is not None and before.alert == alert:
            del self._open[rule], self._raised_by[alert]
            since_us = self._alarms.kept_since_us(self._nodes[device], name) if device in self._nodes else None
            up = self._up_at(device, at_us) if self._promised(at_us) else frozenset()
            if up and since_us is not None and before.signed_us is not None and since_us <= before.signed_us:
                self._due.setdefault(rule, _Due(at_us, up))

    def _raised(self, _at_us: int, node: str, fact: AlarmRaised) -> None:
        if fact.alert in self._raised_by:
            self._raised_by[fact.alert].setdefault(node, None)

    def _sealed(self, _at_us: int, node: str, fact: AlertSealed) -> None:
        if fact.alert in self._raised_by:
            self._raised_by[fact.alert][node] = fact.record

    def _medium(self, _at_us: int, node: str, fact: MediumHolds) -> None:
        """An edge knows nothing of alerts that its medium does not hold, until it says so."""
        holds = {(device, epoch): size for device, epoch, size in fact.streams}
        for edges in self._raised_by.values():
            record = edges.get(node)
            if record is None or record[2] >= holds.get(record[:2], 0):
                edges.pop(node, None)

    def _judge(self, at_us: int, where: str, rule: Rule, due: _Due) -> None:
        took_us = at_us - due.begun_us
        self.checked += 1
        self._checker.checked += 1
        self.tightest_us = took_us if self.tightest_us is None else max(self.tightest_us, took_us)
        if took_us > self.limit_us:
            what = f"the alarm took {took_us / 1e6:.1f} s, the bound on Mars is {self.limit_us / 1e6:.1f} s"
            self._checker.violate(at_us, where, _name(rule), what)

    def finish(self, at_us: int) -> None:
        """What is still due is pending or too late."""
        for rule, due in sorted(self._due.items()):
            if at_us - due.begun_us > self.limit_us:
                self._judge(at_us, "habitat", rule, due)
            else:
                self._pending += 1

    @property
    def pending(self) -> int:
        """Alarms that were due after the end."""
        return self._pending


def _is_over(one: _Open, item: Held) -> bool:
    """Whether a demand tells of something new: within the frame that raised it an alert is not over yet."""
    return one.signed_us is not None and item.begun_us is not None and one.signed_us < item.begun_us


def _name(rule: Rule) -> str:
    return f"dev-{rule[0]:016x}/{rule[1]}"
