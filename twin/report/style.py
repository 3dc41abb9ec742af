"""One look for every figure: colours that survive colour blindness and grey print, text as text, inline SVG.

Colours: Okabe & Ito 2008, "Color Universal Design". Nothing is told by colour alone: lanes are labelled,
lines are named, verdicts carry a sign and a word.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK: Final = "#1d2733"
MUTED: Final = "#5b6876"
RULE: Final = "#d5dbe1"
BLUE: Final = "#0072b2"
SKY: Final = "#56b4e9"
GREEN: Final = "#009e73"
ORANGE: Final = "#e69f00"
VERMILION: Final = "#d55e00"
PURPLE: Final = "#cc79a7"
STREAMS: Final = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK)

_RC: Final[dict[Any, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "svg.fonttype": "none",  # text stays text: searchable, readable aloud, small
    "svg.hashsalt": "twin",  # names inside the SVG do not change from one rendering to the next
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 8.5,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "path.simplify": True,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Inside it, figures are made and written in the report's style."""
    with mpl.rc_context(_RC):
        yield


def blank(width_in: float, height_in: float) -> Figure:
    """A new figure [inch], belonging to no window and no global state."""
    figure = Figure(figsize=(width_in, height_in))
    FigureCanvasSVG(figure)
    return figure


def quiet(axes: Axes, grid: str = "x") -> None:
    """Take away what a reader does not need."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.grid(axis=grid, color=RULE, linewidth=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def svg(figure: Figure, label: str) -> str:
    """The figure as an inline `<svg>` element.

    Args:
        figure: Drawn inside `drawing`.
        label: What it shows, for readers who do not see it.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[a-z0-9]+_[0-9_]+"', "", text)  # counters that would repeat between figures of one page
    text = re.sub(r"\n\s*", "\n", text)
    text = re.sub(r' d="([^"]*)"', lambda path: f' d="{_short(path[1])}"', text)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"([^>]*?) width="[^"]*"', r"\1\2", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"([^>]*?) height="[^"]*"', r"\1\2", text, count=1)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _short(path: str) -> str:
    """A path's coordinates to a hundredth of a point: a third of the bytes, and no eye sees the difference."""
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", re.sub(r"(\.\d\d)\d+", r"\1", path))
