"""The limit alarms that samples call for, found from the true samples alone: no frame, no clock, no machine is asked.

    beyond(k) = a plausible reading below `low` or above `high`

| | samples in a row that call for an alarm at the last of them |
|---|---|
| justified | `hold` that are beyond, moving or not; fewer than `hold` missing ones in between count too |
| demanded | `hold` that are beyond, none missing, none while the accelerometer shows motion |
| over | `hold` that are back by more than the hysteresis, none missing, none while it shows motion |

Whatever a rule does with artefacts lies between the two: an alarm must have been justified, and must follow where it
was demanded. A demand lasts, block by block, as long as the row of such samples does; one that comes after an alarm was
over is told by no alarm of before. Samples of a device that was down never became part of its stream: for what is
justified, the row goes on behind such a gap; for what is demanded, it starts anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twin.guarantees.held import Held
from twin.trace import Generated


class LimitRule(NamedTuple):
    """One rule on one column of the sample rows: alarm while below `low` or above `high` (None: no such limit).

    `hold` is how many samples in a row make it an alarm, and how many in `back` end it; what lies outside `plausible`
    is no reading.
    """

    name: str
    column: int
    low: int | None
    high: int | None
    hold: int
    plausible: tuple[int, int]
    back: tuple[int, int]


class _Run:
    """Samples in a row, up to the end of the last block."""

    __slots__ = ("back", "justified", "missing", "over", "strict")

    def __init__(self) -> None:
        self.back = 0
        self.over = True
        self.justified = 0
        self.missing = 0
        self.strict = 0


class _Column(NamedTuple):
    """The rules of one column, and between which values none of them has anything to look at."""

    column: int
    least: int
    most: int
    rules: list[tuple[LimitRule, _Run]]


class Limits:
    """The limits of one device, followed through its samples."""

    def __init__(self, rules: Sequence[LimitRule]) -> None:
        self._columns = _by_column(rules)
        self._calm = True  # all runs are 0, and what went before is over

    def crashed(self) -> None:
        """The device lost what it had not signed."""
        for of in self._columns:
            for _, run in of.rules:
                run.strict = run.back = 0

    def take(self, columns: Sequence[Sequence[int]], moving: Sequence[bool] | None, fact: Generated) -> list[Held]:
        """What the next block holds.

        Most blocks lie inside every limit: one look at each column's extremes says so.

        Args:
            columns: the block by column.
            moving: whether the accelerometer shows motion, by row; None: at none.
        """
        suspects = [
            of for of in self._columns if min(columns[of.column]) < of.least or max(columns[of.column]) > of.most
        ]
        if not suspects and self._calm:
            return []
        self._calm = not suspects
        found: list[Held] = []
        for of in self._columns:
            for rule, run in of.rules:
                if of in suspects or not run.over:
                    found += _evaluate(rule, run, columns[of.column], moving, fact)
                    self._calm = self._calm and run.over
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


def _evaluate(
    rule: LimitRule, run: _Run, column: Sequence[int], moving: Sequence[bool] | None, fact: Generated
) -> list[Held]:
    """Follow one rule through a block, sample by sample."""
    least, most = rule.plausible
    low = least if rule.low is None else rule.low
    high = most if rule.high is None else rule.high
    found: list[Held] = []
    first, last, onset, fresh, anew = 0, -1, -1, True, False

    def end() -> None:
        if last >= first:
            # what was demanded before goes on from the first sample of this block
            since = onset - rule.hold + 1 if fresh else 0
            begun_us = None if onset < 0 else fact.start_us + since * fact.period_us
            found.append(Held(rule.name, first, last, begun_us, fresh, anew))

    for row, value in enumerate(column):
        still = moving is None or not moving[row]
        run.back = run.back + 1 if still and rule.back[0] <= value <= rule.back[1] else 0
        run.over = run.over or run.back >= rule.hold
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
            run.strict = run.strict + 1 if still else 0
            if run.strict >= rule.hold and onset < 0:
                onset, fresh, anew = row, run.strict == rule.hold, run.over
            if run.justified >= rule.hold:
                last = row
                run.over = False
        else:
            run.justified = run.missing = run.strict = 0
        if not run.justified:
            end()
            first, last, onset, fresh, anew = row + 1, -1, -1, True, False
    end()
    return found
