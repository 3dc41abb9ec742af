"""When an alarm condition holds, as functions of levels.

| rule | condition | priority | latching |
|---|---|---|---|
| `<channel>.low`, `<channel>.high` | the channel's level is beyond the limit | as set | medium and high |
| `<channel>.lead_off` | no reading for `hold` samples: technical | low | no |
| `<channel>.stale` | a value that people or a cuff owe is overdue: technical | low | no |
| `news2.emergency` | aggregate 7 or more | high | yes |
| `news2.urgent` | aggregate 5 or more, where no emergency is open | medium | yes |
| `news2.single` | one parameter scores 3, where neither of these is open or due | medium | yes |

A rule *begins* to hold on known values alone: parameters that are missing score nothing, and a sum of the others that
reaches a threshold is enough. It *ceases* only on values too: a parameter that went missing keeps the points it had
last, because a sensor that falls off heals nobody. An alert that a worse one makes superfluous is not raised; one that
is open stays open while its own condition holds.

The score is that of the levels: a value on its way back counts as the band it came from until hysteresis is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from twin.pipeline.clinic import news2
from twin.pipeline.clinic.level import Step
from twin.pipeline.clinic.watch import HIGH_PRIORITY, LOW_PRIORITY, MEDIUM_PRIORITY, Watch, WatchedChannel

EMERGENCY = "news2.emergency"
URGENT = "news2.urgent"
SINGLE = "news2.single"

View = Sequence[Step | None]
"""The newest step of each column, None before the first."""


class Verdict(NamedTuple):
    """What a rule says: whether it may begin, whether it may go on, and what to tell a person."""

    begins: bool
    goes_on: bool
    text: str


class LimitRule:
    """A channel beyond a limit of its person."""

    def __init__(self, column: int, watch: Watch, below: bool) -> None:
        channel = self._channel = watch.channels[column]
        limit = channel.low if below else channel.high
        assert limit is not None
        self._column, self._below, self._limit = column, below, limit
        edge = limit if below else limit + 1
        edges = watch.edges(channel)
        # a limit at the very end of what is plausible has no band beyond it and never holds
        self._cell = edges.index(edge) if edge in edges else (-1 if below else len(edges))
        self.name = f"{channel.name}.{'low' if below else 'high'}"
        self.columns: tuple[int, ...] = (column,)
        self.priority = channel.priority

    def judge(self, view: View) -> Verdict:
        """See `Verdict`."""
        step = view[self._column]
        if step is None:
            return Verdict(False, False, "")
        holds = step.cell <= self._cell if self._below else step.cell > self._cell
        word = ("below" if self._below else "above") if holds else ("not below" if self._below else "not above")
        text = f"{_amount(self._channel, step.value)} {word} {_quantity(self._channel, self._limit)}"
        return Verdict(holds and step.known, holds, text)


class LeadOffRule:
    """A sensor without readings."""

    def __init__(self, column: int, watch: Watch) -> None:
        channel = self._channel = watch.channels[column]
        self._column = column
        self.name = f"{channel.name}.lead_off"
        self.columns: tuple[int, ...] = (column,)
        self.priority = LOW_PRIORITY

    def judge(self, view: View) -> Verdict:
        """See `Verdict`."""
        step = view[self._column]
        off = step is not None and step.off
        text = f"{self._channel.label}: {'no reading, check the sensor' if off else 'readings are back'}"
        return Verdict(off, off, text)


class StaleRule:
    """A value of the score that is overdue."""

    def __init__(self, column: int, watch: Watch) -> None:
        channel = self._channel = watch.channels[column]
        self._column = column
        self.name = f"{channel.name}.stale"
        self.columns: tuple[int, ...] = (column,)
        self.priority = LOW_PRIORITY

    def judge(self, view: View) -> Verdict:
        """See `Verdict`."""
        step = view[self._column]
        stale = step is not None and step.stale
        text = f"{self._channel.label}: {'overdue, NEWS2 is incomplete' if stale else 'up to date'}"
        return Verdict(stale, stale, text)


class Points:
    """NEWS2 from levels: the points of each band, looked up."""

    def __init__(self, watch: Watch) -> None:
        self._labels = [channel.label for channel in watch.channels]
        self._scored = [k for k, channel in enumerate(watch.channels) if channel.parameter]
        self._oxygen = next((k for k in self._scored if watch.channels[k].parameter == news2.OXYGEN), None)
        self._points = {
            (k, on): _points_of_bands(watch, watch.channels[k], on) for k in self._scored for on in (False, True)
        }
        self.columns = tuple(self._scored)

    def known(self, view: View) -> list[tuple[int, int]]:
        """Columns with a value that counts, and their points."""
        return self._points_in(view, known=True)

    def last(self, view: View) -> list[tuple[int, int]]:
        """Columns that ever had a value, and their last points."""
        return self._points_in(view, known=False)

    def _points_in(self, view: View, *, known: bool) -> list[tuple[int, int]]:
        oxygen = None if self._oxygen is None else view[self._oxygen]
        on = oxygen is not None and oxygen.value is not None and oxygen.cell > 0 and (oxygen.known or not known)
        found = []
        for column in self._scored:
            step = view[column]
            if step is not None and (step.known if known else step.value is not None):
                found.append((column, self._points[column, on][step.cell]))
        return found

    def text(self, view: View) -> str:
        """`NEWS2 7 (Respiration 3, ...; without Temperature)`."""
        known = self.known(view)
        scoring = ", ".join(f"{self._labels[column]} {points}" for column, points in known if points)
        have = [column for column, _ in known]
        lacking = ", ".join(self._labels[column] for column in self._scored if column not in have)
        inner = "; ".join(part for part in (scoring, f"incomplete without {lacking}" if lacking else "") if part)
        total = sum(points for _, points in known)
        return f"NEWS2 {'at least ' if lacking else ''}{total}{f' ({inner})' if inner else ''}"


class AggregateRule:
    """The aggregate at or above a threshold."""

    def __init__(self, name: str, threshold: int, priority: int, points: Points) -> None:
        self.name, self.priority, self.columns = name, priority, points.columns
        self._threshold, self._points = threshold, points

    def judge(self, view: View) -> Verdict:
        """See `Verdict`."""
        begins = sum(points for _, points in self._points.known(view)) >= self._threshold
        goes_on = sum(points for _, points in self._points.last(view)) >= self._threshold
        return Verdict(begins, goes_on, self._points.text(view))


class SingleRule:
    """One parameter that scores 3."""

    def __init__(self, points: Points) -> None:
        self.name, self.priority, self.columns = SINGLE, MEDIUM_PRIORITY, points.columns
        self._points = points

    def judge(self, view: View) -> Verdict:
        """See `Verdict`."""
        known, last = self._points.known(view), self._points.last(view)
        covered = sum(points for _, points in known) >= news2.URGENT
        begins = not covered and any(points == news2.RED for _, points in known)
        goes_on = any(points == news2.RED for _, points in last)
        return Verdict(begins, goes_on, self._points.text(view))


Rule = LimitRule | LeadOffRule | StaleRule | AggregateRule | SingleRule

COVERED_BY = {URGENT: EMERGENCY}
"""A rule that is not raised while an alert of the other is open."""


def rules_of(watch: Watch) -> tuple[Rule, ...]:
    """All rules of a watch, in the order in which they are judged: the score from worst to least first."""
    rules: list[Rule] = []
    if any(channel.parameter for channel in watch.channels):
        points = Points(watch)
        rules.append(AggregateRule(EMERGENCY, news2.EMERGENCY, HIGH_PRIORITY, points))
        rules.append(AggregateRule(URGENT, news2.URGENT, MEDIUM_PRIORITY, points))
        rules.append(SingleRule(points))
    for column, channel in enumerate(watch.channels):
        if channel.low is not None:
            rules.append(LimitRule(column, watch, below=True))
        if channel.high is not None:
            rules.append(LimitRule(column, watch, below=False))
        if channel.lead:
            rules.append(LeadOffRule(column, watch))
        elif channel.parameter:
            rules.append(StaleRule(column, watch))
    return tuple(rules)


def _points_of_bands(watch: Watch, channel: WatchedChannel, on_oxygen: bool) -> tuple[int, ...]:
    edges = watch.edges(channel)
    low, _ = channel.plausible
    return tuple(
        news2.points(channel.parameter, count * channel.resolution, watch.spo2_scale, on_oxygen)
        for count in (low, *edges)
    )


def _amount(channel: WatchedChannel, count: int | None) -> str:
    return f"{channel.label} {'unknown' if count is None else _quantity(channel, count)}"


def _quantity(channel: WatchedChannel, count: int) -> str:
    return f"{decimal(count * channel.resolution)} {channel.unit}".rstrip()


def decimal(value: Fraction) -> str:
    """A value with at most three decimals, none that are not needed."""
    thousandths = round(value * 1000)
    whole, rest = divmod(abs(thousandths), 1000)
    return f"{'-' if thousandths < 0 else ''}{whole}{f'.{rest:03}'.rstrip('0') if rest else ''}"
