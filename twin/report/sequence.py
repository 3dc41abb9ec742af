"""The measured sequence diagram: one real record from the device to Earth's table and back to the device.

The record shown is the one whose whole loop took the median time among those that went furthest, so it is
neither the best nor the worst; records sent more than once are left aside while there are others, because
their times mix two journeys. Steps are drawn one below the other, evenly spaced: the axis is not to scale.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import pandas as pd

from twin.report.time_axis import TimeAxis, elapsed
from twin.report.timeline import directions
from twin.report.wording import duration
from twin.result import Tables

LIFELINES: Final = (
    ("device", "Device", "Mars"),
    ("edge", "Edge", "ledger, Mars"),
    ("gateway", "Gateway", "Earth"),
    ("table", "Table", "Earth"),
    ("auditor", "Auditor", "Earth"),
)


class Step(NamedTuple):
    """One stage of a record: the column of its time, who acts on whom, and what happens."""

    column: str
    source: str
    target: str
    text: str
    leg: str = ""  # "down" or "up" when light first has to cross between the planets, to `via`
    via: str = ""
    cargo: str = ""


STEPS: Final = (
    Step("generated_us", "device", "device", "last sample of the frame"),
    Step("signed_us", "device", "device", "frame signed"),
    Step("accepted_us", "device", "edge", "frame on disk, accepted"),
    Step("sent_us", "edge", "edge", "bundle leaves"),
    Step("durable_us", "edge", "table", "row durable", "down", "gateway", "bundle"),
    Step("visible_us", "gateway", "table", "head: row visible"),
    Step("attested_us", "table", "auditor", "read back, root signed"),
    Step("acked_us", "auditor", "gateway", "ack: verified"),
    Step("learned_us", "gateway", "device", "verified", "up", "edge", "ack"),
)

_TOP: Final = 78
_ROW: Final = 44
_LEG: Final = 84
_LIFELINES_X: Final = (246, 396, 636, 776, 926)  # the wide gap is space


_ARRIVALS: Final = {
    "durable_us": (
        Step("arrived_us", "edge", "gateway", "bundle on Earth", "down", "gateway", "bundle"),
        Step("durable_us", "gateway", "table", "row durable"),
    ),
    "learned_us": (
        Step("returned_us", "gateway", "edge", "ack on Mars", "up", "edge", "ack"),
        Step("learned_us", "edge", "device", "verified"),
    ),
}
"""What replaces a step that crosses space where the arrival of the very bundle was measured."""


def sequence(axis: TimeAxis, tables: Tables, contacts: pd.DataFrame) -> dict[str, Any] | None:
    """Choose a record and lay its diagram out for `sequence.svg.j2`.

    Returns:
        Positions and texts, or None when no record became visible on Earth.
    """
    times = tables.columns("records", [step.column for step in STEPS])
    seen = times["visible_us"].notna()
    if not seen.any():
        return None
    stages = times.notna().sum(axis=1)
    first_time = (tables.columns("records", ["rounds"])["rounds"] <= 1).fillna(False)
    candidates = seen & (stages == stages[seen].max())
    furthest = times[candidates & first_time if (candidates & first_time).any() else candidates]
    loop_us = furthest.max(axis=1) - furthest["generated_us"]
    position = int(loop_us.sort_values(kind="stable").index[(len(loop_us) - 1) // 2])
    record = tables.columns("records", ["stream", "index", "rounds"]).iloc[position]
    at_us = {str(column): int(value) for column, value in times.iloc[position].items() if not pd.isna(value)}
    at_us |= _arrivals(at_us, tables)
    return _layout(axis, at_us, contacts) | {
        "stream": str(record["stream"]),
        "index": int(record["index"]),
        "rounds": None if pd.isna(record["rounds"]) else int(record["rounds"]),
        "total": duration((max(at_us.values()) - at_us["generated_us"]) / 1e6),
        "closed": "learned_us" in at_us,
    }


def _arrivals(at_us: dict[str, int], tables: Tables) -> dict[str, int]:
    """When the record's bundle reached Earth, and the ack Mars, as far as `transmissions` shows it.

    The bundle is the last that arrived before the row was durable, of those that left when the record did, and if
    there are none (it was sent again) of those that left later. The ack is the last that arrived before the
    device knew, of those that left after Earth had stated it.
    """
    columns = ["from_node", "to_node", "sent_us", "arrival_us", "outcome"]
    copies = tables.columns("transmissions", columns)
    copies = copies[copies["outcome"] == "delivered"]
    down, up = directions(copies)
    found = {}
    for name, rows, leaves, ends in (
        ("arrived_us", copies[down], "sent_us", "durable_us"),
        ("returned_us", copies[up], "acked_us", "learned_us"),
    ):
        if leaves not in at_us or ends not in at_us:
            continue
        rows = rows[(rows["sent_us"] >= at_us[leaves]) & (rows["arrival_us"] <= at_us[ends])]
        same = rows[rows["sent_us"] == at_us[leaves]]
        rows = same if len(same) else rows
        if len(rows):
            found[name] = int(rows["arrival_us"].max())
    return found


def _steps(at_us: dict[str, int]) -> list[Step]:
    steps: list[Step] = []
    for step in STEPS:
        measured = _ARRIVALS.get(step.column, ())
        steps += measured if measured and measured[0].column in at_us else (step,)
    return steps


def _layout(axis: TimeAxis, at_us: dict[str, int], contacts: pd.DataFrame) -> dict[str, Any]:
    x = dict(zip((key for key, _, _ in LIFELINES), _LIFELINES_X, strict=True))
    rows: list[dict[str, Any]] = []
    y, before_us = _TOP, at_us["generated_us"]
    for step in _steps(at_us):
        if step.column not in at_us:
            continue
        now_us = at_us[step.column]
        y_before, y = y, y + (_LEG if step.leg else _ROW) * bool(rows)
        light_us = _light_time_us(contacts, before_us, step.leg) if step.leg else None
        end = x[step.via] if step.via else x[step.target]
        rows.append(
            {
                "kind": "note" if step.source == step.target else "leg" if step.leg else "message",
                "x1": x[step.source],
                "xv": end,
                "x2": x[step.target],
                "y1": y_before if step.leg else y,
                "y2": y,
                "slope_deg": math.degrees(math.atan2(_LEG, abs(end - x[step.source])))
                * (1 if step.leg == "down" else -1),
                "text": step.text,
                "cargo": step.cargo,
                "clock": axis.clock(now_us),
                "since": elapsed(now_us - at_us["generated_us"]),
                "took": duration((now_us - before_us) / 1e6),
                "light": None if light_us is None else duration(light_us / 1e6, places=4),
            }
        )
        before_us = now_us
    return {
        "rows": rows,
        "lifelines": [(x[key], name, place) for key, name, place in LIFELINES],
        "width": _LIFELINES_X[-1] + 130,
        "height": y + 46,
        "top": 52,
        "space_x": (x["edge"] + x["gateway"]) / 2,
        "dated": axis.dated,
    }


def _light_time_us(contacts: pd.DataFrame, at_us: int, leg: str) -> int | None:
    """One-way light time of the planned contact in that direction that is open then, or nearest to it."""
    down, up = directions(contacts)
    rows = contacts[(down if leg == "down" else up) & contacts["owlt_us"].notna()]
    if rows.empty:
        return None
    away_us = (rows["start_us"] - at_us).clip(lower=0) + (at_us - rows["end_us"]).clip(lower=0)
    return int(rows["owlt_us"].iloc[int(away_us.argmin())])
