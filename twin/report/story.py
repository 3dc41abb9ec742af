"""The story of a violation as a sequence diagram: lifelines of who took part, time downwards, what broke in red.

Each instant has a row of its own, so that no two texts meet; where nothing happens time is left out, and the gap says
how much. A message that takes a second or more (light time) slopes from the row in which it left to that of its
arrival, or to the cross where it was lost.
"""

from __future__ import annotations

import textwrap
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from twin.report.time_axis import TimeAxis
from twin.report.wording import duration, number
from twin.result_story import Story, StoryParty, StoryStep

_SLOW_US: Final = 1_000_000
"""A message that takes as long gets a row for its end."""
_GAP_US: Final = 1_000_000
_TOP: Final = 84
_ROW: Final = 29
_GAP: Final = 15
_LEFT: Final = 170
_BETWEEN: Final = 136
_SPACE: Final = 210
_RIGHT: Final = 180
_WIDTH_MIN: Final = 880
_LINE: Final = 17
_LOST_SHARE: Final = 0.8
_ON_SHARE: Final = 0.45
_PX_PER_LETTER: Final = 6.6
_PX_PER_BOLD_LETTER: Final = 7.8
_LEFT_OUT_MAX: Final = 6


def story(statement: str, told: Story, axis: TimeAxis) -> dict[str, Any]:
    """Lay a story out for `story.svg.j2`.

    Args:
        statement: Key of the guarantee that broke.
        told: What happened.
        axis: Writes instants.

    Returns:
        Positions and texts.
    """
    x, space = _lifelines(told.parties)
    moments = _moments(told)
    y = _rows(moments)
    last_y = max(y.values(), default=_TOP)
    break_y = last_y + _ROW + (_GAP if moments and told.broke_us - moments[-1][0] >= _GAP_US else 0)
    heights = _Heights([*((at_us, y[key]) for at_us, key in moments), (told.broke_us, break_y)])
    width = max(_WIDTH_MIN, max(x.values(), default=_LEFT) + _RIGHT)
    said = textwrap.wrap(f"{statement} broke: {told.broke}", int((width - _LEFT) / _PX_PER_BOLD_LETTER))
    bottom = break_y + 12 + _LINE * len(said)
    return {
        "label": f"Sequence diagram of {told.about}: {statement} broke",
        "about": told.about,
        "width": width,
        "height": bottom + 12,
        "top": _TOP - 26,
        "space": space,
        "parties": [(x[party.name], party.name, party.role) for party in told.parties],
        "steps": [_drawn(step, number, x, y, space, width) for number, step in enumerate(told.steps)],
        "spans": _spans(told, x, space, heights),
        "clocks": _clocks(moments, y, axis),
        "gaps": _gaps([*moments, (told.broke_us, ("break", 0))], {**y, ("break", 0): break_y}),
        "broke": {
            "y": break_y,
            "x": x.get(told.broke_at),
            "lines": said,
            "clock": axis.clock(told.broke_us),
            "left": _LEFT - 30,
        },
        "dated": axis.dated,
        "line": _LINE,
    }


def caption(told: Story) -> str:
    """How much is not shown."""
    parts = [f"{part.what} ({number(part.count)})" for part in told.left_out]
    more = sum(part.count for part in told.left_out[_LEFT_OUT_MAX:])
    shown = parts[:_LEFT_OUT_MAX] + ([f"others ({number(more)})"] if more else [])
    left_out = f"Left out: {', '.join(shown)}. " if shown else ""
    others = f"{number(told.others)} other messages had nothing to do with it." if told.others else ""
    return f"{left_out}{others} Time is not to scale; gaps say how long they are.".strip()


def _lifelines(parties: Sequence[StoryParty]) -> tuple[dict[str, float], tuple[float, float] | None]:
    """Where lifelines stand, and the band of space between those of the two planets."""
    x: dict[str, float] = {}
    at, before = float(_LEFT), ""
    space = None
    for party in parties:
        if x and party.side != before:
            space = (at + 24, at + 24) if space is None else space
            at += _SPACE if "space" not in (before, party.side) else _BETWEEN
            space = (space[0], at - 24)
        elif x:
            at += _BETWEEN
        x[party.name] = at
        before = party.side
    return x, space


Key = tuple[str, int]


def _moments(told: Story) -> list[tuple[int, Key]]:
    """Every instant that needs a row, in order: where steps begin, and where slow messages end."""
    found: list[tuple[int, int, Key]] = []
    for order, step in enumerate(told.steps):
        found.append((step.at_us, 2 * order, ("at", order)))
        if _is_slow(step) and step.end_us is not None:
            found.append((step.end_us, 2 * order + 1, ("end", order)))
    return [(at_us, key) for at_us, _, key in sorted(found)]


def _is_slow(step: StoryStep) -> bool:
    return step.kind == "message" and step.end_us is not None and step.end_us - step.at_us >= _SLOW_US


def _rows(moments: Sequence[tuple[int, Key]]) -> dict[Key, float]:
    y: dict[Key, float] = {}
    at, before_us = float(_TOP), None
    for at_us, key in moments:
        if before_us is not None:
            at += _ROW + (_GAP if at_us - before_us >= _GAP_US else 0)
        y[key] = at
        before_us = at_us
    return y


class _Heights:
    """From an instant to a height, for what begins and ends between rows."""

    def __init__(self, known: Sequence[tuple[int, float]]) -> None:
        self._us = [at_us for at_us, _ in known]
        self._y = [y for _, y in known]

    def begin(self, us: int) -> float:
        """The first row of an instant, or between the rows before and after it."""
        place = bisect_left(self._us, us)
        if self._us[place] == us:
            return self._y[place]
        return _TOP - 14 if not place else (self._y[place - 1] + self._y[place]) / 2

    def end(self, us: int) -> float:
        """The same; what lasts until the statement broke reaches down to the red line."""
        return self._y[-1] if us == self._us[-1] else self.begin(us)


def _drawn(
    step: StoryStep,
    order: int,
    x: dict[str, float],
    y: dict[Key, float],
    space: tuple[float, float] | None,
    width: float,
) -> dict[str, Any]:
    """One step: lines, marks and where its text stands."""
    y1 = y["at", order]
    middle = (space[0] + space[1]) / 2 if space else width / 2
    x1 = x.get(step.source, middle)
    drawn: dict[str, Any] = {"kind": step.kind, "x1": x1, "y1": y1, "text": step.text, "lost": step.lost, "slow": False}
    if step.kind == "fault" and step.source not in x:
        return drawn | {"tx": middle, "ty": y1 + 4, "anchor": "middle"}
    if step.kind != "message":
        return drawn | _beside(x1, y1, step.text, width)
    x2 = x[step.target]
    slow = _is_slow(step)
    share = _LOST_SHARE if step.lost else 1.0 if step.end_us is not None else _ON_SHARE
    y2 = y["end", order] if slow else y1
    x2 = x1 + (x2 - x1) * share
    drawn |= {"x2": x2, "y2": y2, "slow": slow, "open": step.end_us is None}
    if not slow:
        text = step.text + (f" ✕ {step.lost}" if step.lost else " (under way)" if step.end_us is None else "")
        half = _PX_PER_LETTER * len(text) / 2
        tx = min(max((x1 + x[step.target]) / 2, _LEFT - 40 + half), width - half - 4)
        return drawn | {"text": text, "tx": tx, "ty": y1 - 6, "anchor": "middle", "cause": None}
    right = x2 > x1
    cause: dict[str, Any] | None = None
    if step.lost:
        cause = {"x": x2 + (12 if right else -12), "y": y2 + 4, "text": step.lost, "anchor": "" if right else "end"}
    took = duration(((step.end_us or 0) - step.at_us) / 1e6)
    return drawn | {
        "text": f"{step.text}, {took}", "tx": x1 + (9 if right else -9), "ty": y1 - 6,
        "anchor": "" if right else "end", "cause": cause,
    }  # fmt: skip


def _beside(x: float, y: float, text: str, width: float) -> dict[str, Any]:
    """A text to the right of a lifeline, or to its left where there is no room."""
    fits = x + 11 + _PX_PER_LETTER * len(text) < width
    return {"tx": x + 11 if fits else x - 11, "ty": y + 4, "anchor": "" if fits else "end"}


def _spans(
    told: Story, x: dict[str, float], space: tuple[float, float] | None, heights: _Heights
) -> list[dict[str, Any]]:
    """Shaded while a fault is in force, hollow while a party is down."""
    spans = []
    crashed: dict[str, int] = {}
    for step in told.steps:
        if step.kind == "fault":
            left, right = (x[step.source] - 9, x[step.source] + 9) if step.source in x else space or (0.0, 0.0)
            kind = "fault" if step.source in x else "fault link"
            spans.append((left, right, step.at_us, step.end_us or told.broke_us, kind))
        elif step.kind == "crash":
            crashed[step.source] = step.at_us
        elif step.kind == "restart" and step.source in crashed:
            spans.append((x[step.source] - 6, x[step.source] + 6, crashed.pop(step.source), step.at_us, "down"))
    spans += [(x[name] - 6, x[name] + 6, at_us, told.broke_us, "down") for name, at_us in sorted(crashed.items())]
    drawn = []
    for left, right, begin_us, end_us, kind in spans:
        y, end_y = heights.begin(begin_us), heights.end(end_us)
        drawn.append({"x": left, "width": right - left, "y": y, "height": max(4, end_y - y), "kind": kind})
    return drawn


def _clocks(moments: Sequence[tuple[int, Key]], y: dict[Key, float], axis: TimeAxis) -> list[tuple[float, str]]:
    """The instants of rows, where they are not those of the row above."""
    found: list[tuple[float, str]] = []
    for at_us, key in moments:
        clock = axis.clock(at_us)
        if not found or found[-1][1] != clock:
            found.append((y[key], clock))
    return found


def _gaps(moments: Sequence[tuple[int, Key]], y: dict[Key, float]) -> list[tuple[float, str]]:
    """Where time is left out, and how much."""
    found = []
    for (before_us, above), (at_us, below) in pairwise(moments):
        if at_us - before_us >= _GAP_US:
            found.append(((y[above] + y[below]) / 2, duration((at_us - before_us) / 1e6)))
    return found
