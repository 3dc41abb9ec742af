"""The alarm rules over one device's frames, in index order: which alerts become active, and which end.

Nothing here reads a clock, a restart or an acknowledgement, so every edge that takes the same frames in the same order
finds the same alerts under the same keys. At most one alert per rule is open. It is open from the sample that makes the
rule hold to the one that makes it cease, and at least to the end of its frame, so that no key is ever used twice; a
condition that persists makes no other alert. Whether somebody acknowledged is the board's business: a crossing after
the end is a new alert with a new key in either case.

The state follows the device over closing frames: the next epoch goes on where the one before ended. A device that began
anew named no next epoch; there the rules begin at rest, and what was open ends (`AlarmRules.end`).
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

from twin.pipeline.clinic.level import Step
from twin.pipeline.clinic.levels import Levels, Rows
from twin.pipeline.clinic.rules import COVERED_BY, Rule, rules_of
from twin.pipeline.clinic.watch import MEDIUM_PRIORITY, Watch
from twin.pipeline.wire.body import NO_READING, Samples
from twin.pipeline.wire.fields import load, read_alert, read_array, read_flag, read_int, read_text, read_uint
from twin.pipeline.wire.identity import AlertKey, RecordId
from twin.pipeline.wire.plain_cbor import dumps

ACTIVE = "active"
LATCHED = "latched"
CLEARED = "cleared"

_FORMAT = 1


class Change(NamedTuple):
    """An alert changed its state.

    Args:
        alert: The record whose samples fired the rule, and the rule.
        row: Sample of this frame with which the condition began to hold, or ceased; 0 where that was in a frame before.
        priority: 1 low, 2 medium, 3 high.
        state: "active"; at the end "latched" where somebody has to take note, else "cleared".
        text: For a person; names nobody.
    """

    alert: AlertKey
    row: int
    priority: int
    state: str
    text: str


class AlarmRules:
    """The rules of one device.

    Raises:
        ValueError: The watch contradicts itself.
    """

    def __init__(self, watch: Watch) -> None:
        self._names = tuple(channel.name for channel in watch.channels)
        self._levels = Levels(watch)
        self._rules = rules_of(watch)
        self._view: list[Step | None] = [None] * len(watch.channels)
        self._open: dict[str, AlertKey] = {}
        self._ending: list[str] = []  # open alerts whose condition ceased within the frame that raised them

    @property
    def open_alerts(self) -> tuple[AlertKey, ...]:
        """Alerts whose condition holds, in order of their rules."""
        return tuple(self._open[rule.name] for rule in self._rules if rule.name in self._open)

    def frame(self, record: RecordId, samples: Samples) -> tuple[Change, ...]:
        """Take the next frame of the device.

        Args:
            record: Its identity.
            samples: Its body; columns are found by name, one that lacks has no readings.
        """
        rows: Rows = samples.rows
        if samples.channels != self._names:
            rows = self._sorted(samples)
        steps = self._levels.take(rows)
        if not steps and not self._ending:
            return ()
        changes: list[Change] = []
        if self._ending:
            self._ending = []
            for rule in self._rules:  # all of them: an alert that ends here may have covered another
                self._judge(rule, record, 0, 0, changes)
        for row, together in groupby(steps, key=_row):
            moved = {step.column: step for step in together}
            for column, step in moved.items():
                self._view[column] = step
            for rule in self._rules:
                # of several runs that end together, the last to begin made the sum of them
                began = [moved[column].began for column in rule.columns if column in moved]
                if began:
                    self._judge(rule, record, max(began), row, changes)
        return tuple(changes)

    def _judge(self, rule: Rule, record: RecordId, began: int, row: int, changes: list[Change]) -> None:
        verdict = rule.judge(self._view)
        name = rule.name
        alert = self._open.get(name)
        if alert is None:
            if verdict.begins and COVERED_BY.get(name) not in self._open:
                alert = self._open[name] = AlertKey(*record, name)
                changes.append(Change(alert, max(began, 0), rule.priority, ACTIVE, verdict.text))
        elif verdict.goes_on:
            if name in self._ending:
                self._ending.remove(name)
        elif alert.record == record:
            if name not in self._ending:
                self._ending.append(name)
        else:
            del self._open[name]
            changes.append(Change(alert, row, rule.priority, _over(rule), verdict.text))

    def end(self) -> tuple[Change, ...]:
        """No other frame will come: every open alert ends, as if its condition had ceased."""
        text = "the device began anew; what holds now is told anew"
        open_rules = [rule for rule in self._rules if rule.name in self._open]
        return tuple(Change(self._open[rule.name], 0, rule.priority, _over(rule), text) for rule in open_rules)

    def _sorted(self, samples: Samples) -> Rows:
        at = {name: k for k, name in enumerate(samples.channels)}
        columns = [at.get(name) for name in self._names]
        return [tuple(NO_READING if k is None else row[k] for k in columns) for row in samples.rows]

    def snapshot(self) -> bytes:
        """The state after the last frame, to be journaled."""
        view = [None if step is None else list(step) for step in self._view]
        alerts = [list(alert) for alert in self.open_alerts]
        state = [_FORMAT, list(self._names), self._levels.state(), view, alerts, list(self._ending)]
        data: bytes = dumps(state)
        return data

    def restore(self, snapshot: bytes) -> None:
        """Go on from a state that `snapshot` of the same watch gave.

        Raises:
            ValueError: It is none, or of other channels.
        """
        kind, names, levels, view, alerts, ending = read_array(load(snapshot), 6)
        if [kind, names] != [_FORMAT, list(self._names)]:
            raise ValueError(f"alarm state: must be of format {_FORMAT} and of channels {', '.join(self._names)}")
        self._levels.restore(levels)
        self._view = [None if one is None else self._step(one) for one in read_array(view, len(self._names))]
        self._open = {alert.rule: alert for alert in map(read_alert, read_array(alerts))}
        self._ending = [read_text(name) for name in read_array(ending)]
        if self.snapshot() != snapshot or not set(self._ending) <= set(self._open):
            raise ValueError(f"alarm state of {len(snapshot)} bytes: is none that these rules can be in")

    def _step(self, value: Any) -> Step:
        row, column, began, cell, known, off, stale, count = read_array(value, 8)
        step = Step(
            read_uint(row),
            read_uint(column),
            read_int(began),
            read_uint(cell),
            read_flag(known),
            read_flag(off),
            read_flag(stale),
            None if count is None else read_int(count),
        )
        level = self._levels.by_column[step.column] if step.column < len(self._names) else None
        if level is None or step.cell > level.cells:
            raise ValueError(f"alarm state: band {step.cell} of column {step.column} does not exist")
        return step


def _over(rule: Rule) -> str:
    return LATCHED if rule.priority >= MEDIUM_PRIORITY else CLEARED


def _row(step: Step) -> int:
    return step.row
