"""The limit alarms that samples call for, found from the true samples alone: no frame, no clock, no machine is asked.

    beyond(k) = a plausible reading below `low` or above `high`

| | samples in a row that call for an alarm at the last of them |
|---|---|
| justified | `hold` that are beyond, moving or not; fewer than `hold` missing ones in between count too |
| demanded | `hold` that are beyond, none missing, none while the accelerometer shows motion |

Whatever a rule does with artefacts lies between the two: an alarm must have been justified, and must follow where it
was demanded. Samples of a device that was down never became part of its stream: for what is justified, the row goes on
behind such a gap; for what is demanded, it starts anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from twin.trace import Crashed, Generated, Restarted, Trace


class LimitRule(NamedTuple):
    """One rule on one column of the sample rows: alarm while below `low` or above `high` (None: no such limit).

    `hold` is how many samples in a row make it an alarm; what lies outside `plausible` is no reading.
    """

    name: str
    column: int
    low: int | None
    high: int | None
    hold: int
    plausible: tuple[int, int]


class DeviceLimits(NamedTuple):
    """The rules of one device, by its id; `motion_column` (None: no accelerometer) shows motion from `motion_at` on."""

    device: int
    rules: tuple[LimitRule, ...]
    motion_column: int | None
    motion_at: int


class Held(NamedTuple):
    """In a block of samples, `rule` is justified to alarm, by the samples from row `first` on up to row `last`.

    `first` is 0 where they began in a block before. `begun_us` is the instant of the first of the samples that demand
    the alarm, None where none is demanded.
    """

    rule: str
    first: int
    last: int
    begun_us: int | None


class _Run:
    """Samples in a row, up to the end of the last block."""

    __slots__ = ("justified", "missing", "strict")

    def __init__(self) -> None:
        self.justified = 0
        self.missing = 0
        self.strict = 0


class _Column(NamedTuple):
    """The rules of one column, and between which values none of them has anything to look at."""

    column: int
    least: int
    most: int
    rules: list[tuple[LimitRule, _Run]]


Listener = Callable[[int, str, list[Held]], None]


class LimitTruth:
    """Reads `Generated`; tells listeners of every block with reason to alarm, and keeps for each block what was held
    until a frame takes it.

    Args:
        limits: device node name -> its rules.
    """

    def __init__(self, limits: Mapping[str, DeviceLimits]) -> None:
        self.limits = limits
        self.blocks: dict[str, deque[tuple[int, list[Held]]]] = {name: deque() for name in limits}
        self._columns = {name: _by_column(of.rules) for name, of in limits.items()}
        self._calm = dict.fromkeys(limits, True)  # all runs are 0
        self._up: set[str] = set()
        self._listeners: list[Listener] = []

    def watch(self, trace: Trace) -> None:
        """Subscribe; must be called before the checkers that build on this."""
        if self.limits:
            trace.subscribe(Generated, self._generated)
            trace.subscribe(Restarted, self._restarted)
            trace.subscribe(Crashed, self._crashed)

    def listen(self, listener: Listener) -> None:
        """Call `listener(at_us, node, held)` for every block in which a rule has reason to alarm."""
        self._listeners.append(listener)

    def _restarted(self, _at_us: int, node: str, _fact: Restarted) -> None:
        self._up.add(node)

    def _crashed(self, _at_us: int, node: str, _fact: Crashed) -> None:
        self._up.discard(node)
        if node in self.blocks:
            self.blocks[node].clear()
            for of in self._columns[node]:
                for _, run in of.rules:
                    run.strict = 0

    def _generated(self, at_us: int, node: str, fact: Generated) -> None:
        if node not in self._up or node not in self.limits or not fact.rows:
            return
        held = self._held_in(node, fact)
        self.blocks[node].append((len(fact.rows), held))
        if held:
            for listener in self._listeners:
                listener(at_us, node, held)

    def _held_in(self, node: str, fact: Generated) -> list[Held]:
        """Most blocks lie inside every limit: one look at each column's extremes says so."""
        columns = tuple(zip(*fact.rows, strict=True))
        suspects = []
        for of in self._columns[node]:
            column = columns[of.column]
            if min(column) < of.least or max(column) > of.most:
                suspects.append(of)
        if not suspects and self._calm[node]:
            return []
        self._calm[node] = not suspects
        limits = self.limits[node]
        moving = [False] * len(fact.rows)
        if limits.motion_column is not None and suspects:
            moving = [value >= limits.motion_at for value in columns[limits.motion_column]]
        found: list[Held] = []
        for of in self._columns[node]:
            for rule, run in of.rules:
                if of in suspects:
                    found += _evaluate(rule, run, columns[of.column], moving, fact)
                else:
                    run.justified = run.missing = run.strict = 0
        return found


def _by_column(rules: Sequence[LimitRule]) -> list[_Column]:
    found: dict[int, list[LimitRule]] = {}
    for rule in rules:
        found.setdefault(rule.column, []).append(rule)
    columns = []
    for column, own in found.items():
        least = max(rule.plausible[0] if rule.low is None else rule.low for rule in own)
        most = min(rule.plausible[1] if rule.high is None else rule.high for rule in own)
        columns.append(_Column(column, least, most, [(rule, _Run()) for rule in own]))
    return columns


def _evaluate(rule: LimitRule, run: _Run, column: Sequence[int], moving: Sequence[bool], fact: Generated) -> list[Held]:
    """Follow one rule through a block, sample by sample."""
    least, most = rule.plausible
    low = least if rule.low is None else rule.low
    high = most if rule.high is None else rule.high
    found: list[Held] = []
    first, last, onset = 0, -1, -1

    def end() -> None:
        if last >= first:
            begun_us = None if onset < 0 else fact.start_us + (onset - rule.hold + 1) * fact.period_us
            found.append(Held(rule.name, first, last, begun_us))

    for row, value in enumerate(column):
        if not least <= value <= most:
            run.strict = 0
            run.missing += 1
            if run.missing >= rule.hold:
                run.justified = 0
            elif run.justified:
                run.justified += 1
        elif value < low or value > high:
            run.missing = 0
            run.justified += 1
            run.strict = 0 if moving[row] else run.strict + 1
            if run.justified >= rule.hold:
                last = row
            if run.strict == rule.hold and onset < 0:
                onset = row
        else:
            run.justified = run.missing = run.strict = 0
        if not run.justified:
            end()
            first, last, onset = row + 1, -1, -1
    end()
    return found
