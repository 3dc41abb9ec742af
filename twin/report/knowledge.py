"""What the crew knew when, what Earth knew when: two lanes per alarm, counted from the instant at which it began.

The crew's lane is empty until the alarm sounds. Earth's lane is empty but for what kept the news away, part by part:
finding and signing it on Mars, waiting for a contact, light and transmission, and Earth's own processing. Alarms that
waited for a contact longer than light took have an axis of their own, hours long; on it the others would be dots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.axes import Axes

from twin.report import style
from twin.report.wording import duration

_WIDTH_IN: Final = 10.4
_ROW_IN: Final = 0.44
ROWS_MAX: Final = 16
_UNITS_S: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))

MARS: Final = "#00714f"
EARTH: Final = "#005f95"
"""Darker than elsewhere, so that white words on them can be read."""


class Part(NamedTuple):
    """One cause of Earth's delay: its name, and how it is drawn."""

    name: str
    colour: str
    hatch: str


FOUND: Final = Part("found and signed on Mars", style.INK, "")
WAITS: Final = Part("waits to leave: contact, queue, repeats", "#c3ccd4", "////")
LIGHT: Final = Part("light and transmission", style.SKY, "")
UNDER_WAY: Final = Part("under way, parts not known", "#c3ccd4", "")
EARTHLY: Final = Part("processing on Earth", style.ORANGE, "")
PARTS: Final = (FOUND, WAITS, LIGHT, UNDER_WAY, EARTHLY)


class Known(NamedTuple):
    """One alarm as two lanes; spans in seconds since it began, None where that never came."""

    label: str
    crew_s: float | None
    earth_s: float | None
    parts: tuple[tuple[Part, float, float], ...]
    acknowledged_s: float | None
    seen_s: float | None

    @property
    def waited(self) -> bool:
        """Whether it waited to leave for longer than light and transmission took, or never arrived."""
        spans = {part: end - start for part, start, end in self.parts}
        return self.earth_s is None or spans.get(WAITS, 0.0) > spans.get(LIGHT, 0.0)


def parts(
    began_us: int, sealed_us: int | None, sent_us: int | None, arrived_us: int | None, told_us: int | None, end_us: int
) -> tuple[tuple[Part, float, float], ...]:
    """Cut the time until Earth was told, or until the run ended, at the instants that are known; in seconds."""
    until_us = end_us if told_us is None else told_us
    way = LIGHT if sent_us is not None else UNDER_WAY
    stages = [(FOUND, sealed_us), (WAITS, sent_us), (way, arrived_us), (EARTHLY, told_us)]
    cut, before_us = [], began_us
    for part, at_us in stages:
        if at_us is not None and at_us > before_us:
            cut.append((part, (before_us - began_us) / 1e6, (at_us - began_us) / 1e6))
            before_us = at_us
    if told_us is None and before_us < until_us:
        last = EARTHLY if arrived_us is not None else WAITS
        cut.append((last, (before_us - began_us) / 1e6, (until_us - began_us) / 1e6))
    elif sealed_us is not None and sent_us is None and arrived_us is None:
        cut = [(UNDER_WAY if part is EARTHLY else part, start, end) for part, start, end in cut]
    return tuple(cut)


def knowledge(alarms: Sequence[Known]) -> str | None:
    """Draw the lanes of up to `ROWS_MAX` alarms, in the order given.

    Returns:
        An inline SVG, or None without alarms.
    """
    shown = alarms[:ROWS_MAX]
    groups = [
        (title, group)
        for title, group in (
            ("Earth in reach: light is most of the delay", [alarm for alarm in shown if not alarm.waited]),
            ("Earth out of reach: waiting is most of the delay", [alarm for alarm in shown if alarm.waited]),
        )
        if group
    ]
    if not groups:
        return None
    gap_in, above_in, below_in = 0.75, 0.3, 0.45
    height_in = above_in + below_in + sum(len(group) for _, group in groups) * _ROW_IN + gap_in * (len(groups) - 1)
    figure = style.blank(_WIDTH_IN, height_in)
    left, right = 2.35 / _WIDTH_IN, 1 - 1.25 / _WIDTH_IN
    top_in = height_in - above_in
    for title, group in groups:
        tall_in = len(group) * _ROW_IN
        axes = figure.add_axes((left, (top_in - tall_in) / height_in, right - left, tall_in / height_in))
        _draw(axes, title, group)
        top_in -= tall_in + gap_in
    return style.svg(figure, "For each alarm, when the crew knew and when Earth knew, counted from its beginning")


def _draw(axes: Axes, title: str, group: Sequence[Known]) -> None:
    style.quiet(axes)
    seen = [s for known in group for s in (known.crew_s, known.earth_s, known.seen_s) if s is not None]
    until = [end for known in group for _, _, end in known.parts]
    most_s = 1.03 * max([*seen, *until, 1.0])
    for row, known in enumerate(group):
        if row:
            axes.axhline(row - 0.5, color=style.RULE, linewidth=0.6)
        _lane(axes, row - 0.21, known.crew_s, most_s, MARS, "crew knows", known.acknowledged_s)
        for part, start_s, end_s in known.parts:
            axes.broken_barh(
                [(start_s, end_s - start_s)], (row + 0.07, 0.28), facecolor=part.colour, edgecolor="white",
                hatch=part.hatch, linewidth=0,
            )  # fmt: skip
        _lane(axes, row + 0.21, known.earth_s, most_s, EARTH, "Earth knows")
        for at_s, sign in ((known.acknowledged_s, "|"), (known.seen_s, "D")):
            if at_s is not None:
                axes.plot([at_s], [row - 0.21], sign, color="white", markersize=7 if sign == "|" else 3.6)
        if known.earth_s is None and known.parts and known.parts[-1][2] < 0.85 * most_s:
            at_s = known.parts[-1][2] + 0.006 * most_s
            axes.text(at_s, row + 0.21, "the run ends", va="center_baseline", color=style.MUTED, fontsize=7)
        for offset, who, at_s, colour in (
            (-0.21, "crew", known.crew_s, MARS),
            (0.21, "Earth", known.earth_s, EARTH),
        ):
            told = "not told" if at_s is None else duration(at_s)
            axes.text(
                1.012, row + offset, f"{who} {told}", transform=axes.get_yaxis_transform(), va="center_baseline",
                color=colour, fontsize=8,
            )  # fmt: skip
    axes.set_ylim(len(group) - 0.5, -0.5)
    axes.set_xlim(0.0, most_s)
    axes.set_yticks(range(len(group)), [known.label for known in group])
    axes.tick_params(axis="y", labelcolor=style.INK)
    unit_s, unit = next(((u, n) for u, n in _UNITS_S if most_s >= 2 * u), (1.0, "s"))
    step = _step(most_s / unit_s)
    ticks = [k * step for k in range(int(most_s / unit_s / step) + 1)]
    axes.set_xticks([tick * unit_s for tick in ticks], [f"{tick:g} {unit}" for tick in ticks])
    axes.set_title(title, loc="left", color=style.INK, fontweight="bold")
    axes.set_xlabel("since the alarm began", loc="right")


def _lane(
    axes: Axes, height: float, from_s: float | None, most_s: float, colour: str, text: str, mark_s: float | None = None
) -> None:
    """Solid from the instant of knowing on."""
    if from_s is None:
        return
    axes.broken_barh([(from_s, most_s - from_s)], (height - 0.14, 0.28), facecolor=colour, linewidth=0)
    if most_s - from_s > 0.14 * most_s:
        if mark_s is not None and mark_s < from_s + 0.15 * most_s:
            from_s = mark_s  # the words come after the mark
        axes.text(from_s + 0.008 * most_s, height, text, va="center_baseline", color="white", fontsize=7)


def _step(span: float) -> float:
    scale = 1.0
    while span / scale > 80:
        scale *= 10
    return next(k * scale for k in (0.5, 1, 2, 5, 10, 20) if span / (k * scale) <= 9)
