"""The ledger's part of the page: what stands on both planets, and how far witnesses on both have signed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes

from twin.report import series, style, wording
from twin.report.time_axis import TimeAxis
from twin.result_schema import Document

_RULES: Final = ("append_only", "integrity", "exactly_once", "no_loss", "feedback_closure")


def ledger(axis: TimeAxis, checkpoints: pd.DataFrame, document: Document) -> dict[str, Any] | None:
    """What `ledger.html.j2` shows, or None for a run without a ledger."""
    told = document.ledger
    if told is None:
        return None
    rows = [
        ("frames in the ledger on Mars", told.frames),
        ("frames under a signed head", told.frames_signed),
        ("frames cosigned on Mars", told.frames_cosigned_mars),
        ("rows in the table on Earth", told.rows),
        ("rows read back and attested", told.rows_audited),
        ("rows cosigned on Earth", told.frames_cosigned_earth),
    ]
    most = max((count for _, count in rows), default=0)
    verdicts = {guarantee.key: guarantee for guarantee in document.guarantees}
    return {
        "equal": told.frames == told.rows,
        "difference": wording.number(abs(told.frames - told.rows)),
        "more_on": "Mars" if told.frames > told.rows else "Earth",
        "rows": [(name, count, round(100 * count / most, 1) if most else 0.0) for name, count in rows],
        "streams": told.streams,
        "checkpoints": told.checkpoints,
        "cosigned_by_all": told.cosigned_by_all,
        "last": [
            ("last cosigned on Mars", told.last_cosigned_mars_utc),
            ("last cosigned on Earth", told.last_cosigned_earth_utc),
            ("last audited", told.last_audited_utc),
        ],
        "checked_by": [verdicts[key] for key in _RULES if key in verdicts],
        "chain": _chain(axis, checkpoints),
    }


def _chain(axis: TimeAxis, checkpoints: pd.DataFrame) -> Markup | None:
    """Checkpoints over time: signed, cosigned on Mars, cosigned on Earth."""
    if checkpoints.empty:
        return None
    figure = style.blank(6.6, 2.5)
    axes = figure.add_axes((0.085, 0.24, 0.86, 0.62))
    style.quiet(axes, grid="both")
    for column, name, colour, width in (
        ("at_us", "signed", style.INK, 3.2),
        ("cosigned_mars_us", "cosigned on Mars", style.GREEN, 1.9),
        ("cosigned_earth_us", "cosigned on Earth", style.BLUE, 1.1),
    ):
        _steps(axes, axis, checkpoints[column], name, colour, width)
    axes.set_ylim(bottom=0.0)
    axes.locator_params(axis="y", nbins=4, integer=True)
    axes.legend(loc="upper left", frameon=False, fontsize=7.5)
    axes.set_title("checkpoints", loc="left", color=style.MUTED)
    axis.part(axis.start_us, axis.end_us, 6).dress(axes)
    return Markup(style.svg(figure, "Checkpoints signed and cosigned on Mars and on Earth over time"))


def _steps(axes: Axes, axis: TimeAxis, at_us: pd.Series, name: str, colour: str, width: float) -> None:
    known = np.sort(series.integers(at_us.dropna()))
    hours = np.concatenate(([0.0], (known - axis.start_us) / 3.6e9, [axis.hours(axis.end_us)]))
    count = np.concatenate((np.arange(len(known) + 1), [len(known)])).astype(np.float64)
    axes.plot(*series.thin(hours, count, 400), drawstyle="steps-post", color=colour, linewidth=width, label=name)
