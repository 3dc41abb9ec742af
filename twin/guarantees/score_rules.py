"""The NEWS2 alarms that samples call for, found from the true samples alone.

Of every parameter it is known between which bands its level must lie, whatever a rule does with artefacts:

    `hold` samples in a row, shaken or not        may draw the level as far as all their bands; a missing one repeats
                                                  the one before, and `hold` missing ones end the row
    `hold` samples in a row, read without motion  leave it within their bands, and what hysteresis still holds
    a sample in the one band the level can be in  is believed, motion or not

From the ends of that range follow the least and the most points that the parameter can score:

| | |
|---|---|
| demanded | the least points of what is surely known reach the threshold |
| kept | so do the least points of what was read last: a sensor that falls off heals nobody, and no alert ends |
| justified | the most points of what may be known reach it |
| over | the most points that were read last, by any parameter, do not: an alert that told of it has ended |

Two things are not checked: that a rule rejects artefacts that last for `hold` samples, and that it keeps hysteresis,
for a level may go back over an edge as soon as `hold` samples are there.

A value is known while it is no older than its channel's staleness; a missing one scores nothing, so that the sum of the
others is a lower bound. With a device that starts anew, everything is unknown.

| alarm | demanded by | told by |
|---|---|---|
| emergency | an aggregate of 7 or more | itself |
| urgent | 5 or more | urgent, emergency |
| single | one parameter that scores 3, where no more is demanded | any of the three |
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from twin.guarantees.held import Held
from twin.guarantees.score_chart import EMERGENCY, OXYGEN, RED, URGENT, points_of
from twin.trace import Generated

EMERGENCY_RULE: Final = "news2.emergency"
URGENT_RULE: Final = "news2.urgent"
SINGLE_RULE: Final = "news2.single"
SCORE_RULES: Final = frozenset((EMERGENCY_RULE, URGENT_RULE, SINGLE_RULE))
TOLD_BY: Final = {
    URGENT_RULE: (URGENT_RULE, EMERGENCY_RULE),
    SINGLE_RULE: (SINGLE_RULE, URGENT_RULE, EMERGENCY_RULE),
}
"""Which alerts tell the crew what a rule would; where it is absent, its own alone."""


NOWHERE: Final = (1, 0)


class ScoredColumn(NamedTuple):
    """One parameter of the score.

    Args:
        parameter: as the chart names it.
        column: in the sample rows.
        resolution: one count in the chart's unit.
        plausible: what lies outside is no reading.
        rest: a count; edges at or below it guard against falling, those above against rising.
        hysteresis: counts by which a value must come back over an edge.
        staleness: samples without a reading after which a value is missing.
        shaken: whether what is read in motion may be an artefact.
    """

    parameter: str
    column: int
    resolution: Fraction
    plausible: tuple[int, int]
    rest: int
    hysteresis: int
    staleness: int
    shaken: bool


class Score(NamedTuple):
    """The score of the person whom a device watches; `hold` samples in a row make a band count."""

    columns: tuple[ScoredColumn, ...]
    spo2_scale: int
    hold: int


class _Range(NamedTuple):
    """The bands between which a level lies; whether its value is known for sure, may be, and was ever for sure."""

    low: int
    high: int
    sure: bool
    possible: bool
    ever: bool


@lru_cache(maxsize=64)
def _points_of_counts(
    parameter: str, resolution: Fraction, plausible: tuple[int, int], spo2_scale: int
) -> list[tuple[int, ...]]:
    """Points without and with oxygen for every plausible count, in order; not to be changed."""
    return [
        tuple(points_of(parameter, n * resolution, spo2_scale, on_oxygen=on) for on in (False, True))
        for n in range(plausible[0], plausible[1] + 1)
    ]


class _Column:
    """One parameter, followed through the samples."""

    def __init__(self, of: ScoredColumn, score: Score) -> None:
        self.of = of
        self._hold = score.hold
        counts = range(of.plausible[0], of.plausible[1] + 1)
        either = _points_of_counts(of.parameter, of.resolution, of.plausible, score.spo2_scale)
        firsts = [0] + [k for k in range(1, len(either)) if either[k] != either[k - 1]]
        self._points = tuple(tuple(either[k][on] for k in firsts) for on in (0, 1))
        edges = [counts[k] for k in firsts[1:]]
        rest, back = of.rest, of.hysteresis
        # the edges as they are crossed downwards and upwards
        falls = [edge if edge <= rest else max(edge - back, rest + 1) for edge in edges]
        rises = [min(edge + back, rest) if edge <= rest else edge for edge in edges]
        # of each count its own band, and those whose level would stay with it
        self._bands = [(bisect_right(edges, n), bisect_right(rises, n), bisect_right(falls, n)) for n in counts]
        self._spans = list(zip([counts[0], *edges], [*(edge - 1 for edge in edges), counts[-1]], strict=True))
        self.crashed()

    def crashed(self) -> None:
        """Nothing is known any more."""
        self._window: deque[tuple[int, int, int]] = deque(maxlen=self._hold)  # bands of samples in a row, see above
        self._recent: deque[int] = deque(maxlen=self._hold)  # own bands of samples in a row, shaken or missing ones too
        self._unsure = self._unread = 0  # samples since the last that was read without motion, and since the last read
        at_rest = self._bands[self.of.rest - self.of.plausible[0]][0]
        self.range = _Range(at_rest, at_rest, False, False, False)
        self._look()

    def _look(self) -> None:
        """Between which counts a whole block changes nothing: those of the band that the level surely is in."""
        now = self.range
        settled = now.sure and now.low == now.high and len(self._window) == self._hold
        self._calm = self._spans[now.low] if settled else NOWHERE

    def take(self, values: Sequence[int], moving: Sequence[bool] | None) -> list[tuple[int, _Range]]:
        """Follow a block; returns the ranges that are new, by row."""
        if self._calm[0] <= min(values) and max(values) <= self._calm[1]:
            self._window.extend(self._bands[value - self.of.plausible[0]] for value in values[-self._hold :])
            self._recent.extend([self.range.low] * min(len(values), self._hold))
            return []
        found = []
        for row, value in enumerate(values):
            if self._step(value, moving is not None and moving[row] and self.of.shaken):
                found.append((row, self.range))
        self._look()
        return found

    def _step(self, value: int, shaken: bool) -> bool:
        """Follow a sample; whether the range is another one."""
        low, high, sure, possible, ever = self.range
        least, most = self.of.plausible
        if least <= value <= most:
            bands = self._bands[value - least]
            shaken = shaken and not low == high == bands[0]
            possible, self._unread = True, 0
            self._recent.append(bands[0])
            if len(self._recent) == self._hold:
                low, high = min(low, max(self._recent)), max(high, min(self._recent))
            if shaken:
                self._window.clear()
            else:
                self._unsure = 0
                self._window.append(bands)
                if len(self._window) == self._hold:
                    least_of, most_of = min(b[1] for b in self._window), max(b[2] for b in self._window)
                    low, high = max(low, least_of), min(high, most_of)
                    # what swings over a whole band and back has held on neither side
                    sure = sure or most_of - least_of <= 1
                    ever = ever or sure
        else:
            shaken = True
            self._window.clear()
            self._unread += 1
            if self._unread >= self._hold:
                self._recent.clear()
            elif self._recent:
                self._recent.append(self._recent[-1])
            possible = possible and self._unread <= self.of.staleness
        if shaken:
            self._unsure += 1
            sure = sure and self._unsure <= self.of.staleness
        found = (low, high, sure, possible, ever)
        if found == self.range:
            return False
        self.range = _Range(*found)
        return True

    def points(self, found: _Range, oxygen: Sequence[bool]) -> tuple[int, int]:
        """Least and most points in a range, where oxygen may be given or not as listed."""
        points = [point for on in oxygen for point in self._points[on][found.low : found.high + 1]]
        return min(points), max(points)


class _Called(NamedTuple):
    """Which rules the samples demand, keep and justify, and of which no alert can go on."""

    demanded: frozenset[str]
    kept: frozenset[str]
    justified: frozenset[str]
    over: frozenset[str]


_NOTHING: Final = _Called(frozenset(), frozenset(), frozenset(), SCORE_RULES)


class ScoredPerson:
    """The score of one person, followed through the samples of the device.

    Attributes:
        kept_since_us: rule -> since when an alert of it could not have ended.
    """

    def __init__(self, score: Score) -> None:
        self._hold = score.hold
        self._columns = [_Column(of, score) for of in score.columns]
        self._oxygen = next((k for k, of in enumerate(score.columns) if of.parameter == OXYGEN), None)
        self.kept_since_us: dict[str, int] = {}
        self.crashed()

    def crashed(self) -> None:
        """The device starts anew, and the rules with it."""
        for column in self._columns:
            column.crashed()
        self._view = [column.range for column in self._columns]
        self._called = _NOTHING
        self._over: frozenset[str] = frozenset()  # rules whose alerts have ended, and that nothing has justified since
        self.kept_since_us.clear()

    def take(self, columns: Sequence[Sequence[int]], moving: Sequence[bool] | None, fact: Generated) -> list[Held]:
        """What the next block holds.

        Args:
            columns: the block by column.
            moving: whether the accelerometer shows motion, by row; None: at none.
        """
        changes: dict[int, list[tuple[int, _Range]]] = {}
        for k, column in enumerate(self._columns):
            for row, new in column.take(columns[column.of.column], moving):
                changes.setdefault(row, []).append((k, new))
        if not changes and self._called == _NOTHING:
            return []
        demands = dict.fromkeys(self._called.demanded, (fact.start_us, False, False))
        last = dict.fromkeys(self._called.justified, 0)
        for row in sorted(changes):
            at_us = fact.start_us + row * fact.period_us
            for k, new in changes[row]:
                self._view[k] = new
            before, called, over = self._called, self._evaluate(), self._over
            self._called, self._over = called, (over | called.over) - called.justified
            for rule in called.demanded - before.demanded:
                begun_us = at_us - (self._hold - 1) * fact.period_us
                demands.setdefault(rule, (begun_us, True, over.issuperset(TOLD_BY.get(rule, (rule,)))))
            for rule in before.kept - called.kept:
                del self.kept_since_us[rule]
            for rule in called.kept - before.kept:
                self.kept_since_us[rule] = at_us
            for rule in before.justified - called.justified:
                last[rule] = row - 1 if row else 0
            last.update(dict.fromkeys(called.justified, row))
        last.update(dict.fromkeys(self._called.justified, len(fact.rows) - 1))
        return [Held(rule, 0, last[rule], *demands.get(rule, (None, True, False))) for rule in sorted(last)]

    def _evaluate(self) -> _Called:
        sure, kept, possible, most = _Sum(), _Sum(), _Sum(), _Sum()
        now, last = self._given(known=True), self._given(known=False)
        for column, found in zip(self._columns, self._view, strict=True):
            if found.possible:
                possible.add(column.points(found, now)[1])
            if found.sure:
                sure.add(column.points(found, now)[0])
            if found.ever:
                kept.add(column.points(found, last)[0])
            most.add(column.points(found, last)[1])
        # an aggregate that surely is urgent is told as such
        covered = frozenset({SINGLE_RULE} if sure.total >= URGENT else ())
        return _Called(sure.calls - covered, kept.calls, possible.calls - covered, SCORE_RULES - most.calls)

    def _given(self, *, known: bool) -> list[bool]:
        """Whether oxygen may be given or not, by what is known or by what was read last."""
        if self._oxygen is None:
            return [False]
        flow = self._view[self._oxygen]
        surely = flow.low > 0 and (flow.sure if known else flow.ever)
        maybe = flow.high > 0 and (flow.possible or not known)
        return [on for on, may in ((False, not surely), (True, maybe)) if may]


class _Sum:
    """Points of several parameters, and the rules that they reach."""

    def __init__(self) -> None:
        self.total = 0
        self.red = False

    def add(self, points: int) -> None:
        self.total += points
        self.red = self.red or points == RED

    @property
    def calls(self) -> frozenset[str]:
        reached = ((EMERGENCY_RULE, self.total >= EMERGENCY), (URGENT_RULE, self.total >= URGENT))
        return frozenset(rule for rule, holds in (*reached, (SINGLE_RULE, self.red)) if holds)
