"""The clinic's part of the page: who was ill, what the crew knew when, what Earth knew when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from twin.report import knowledge, style, vitals, wording
from twin.report.time_axis import TimeAxis
from twin.report.watch import watch, who
from twin.result import Tables
from twin.result_schema import Clinic, Document, Watch
from twin.world.timescales import us_to_utc, utc_to_us

_TABLE_ROWS_MAX: Final = 60
_OPEN_ROWS_MAX: Final = 12
_FIGURES_MAX: Final = 12
_INSTANTS: Final = (
    ("raised_us", "found"),
    ("sounded_us", "crew told"),
    ("acknowledged_us", "crew acknowledged"),
    ("cleared_us", "over"),
    ("sealed_us", "signed"),
    ("sent_us", "left Mars"),
    ("arrived_us", "on Earth"),
    ("durable_us", "row stands"),
    ("told_us", "surgeon told"),
    ("seen_on_mars_us", "receipt on Mars"),
)


def clinic(
    axis: TimeAxis, tables: Tables, document: Document, contacts: pd.DataFrame, disturbances: pd.DataFrame
) -> dict[str, Any] | None:
    """What `clinic.html.j2` shows.

    Args:
        axis: The time of the run.
        tables, document: The result.
        contacts, disturbances: Those within the run.

    Returns:
        Figures, tables and sentences, or None for a run without devices.
    """
    signs = tables["vitals"]
    crew = sorted({int(member) for member in signs["crew"].unique()}, key=lambda member: (member == 0, member))
    if not crew:
        return None
    alarms = _with_beginnings(tables["alarms"])
    episodes = tables["episodes"].sort_values("start_us", kind="stable")
    told = document.clinic
    eventful = len(alarms) + len(episodes) > 0
    silent_from_us = utc_to_us(document.generation_end_utc) if document.generation_end_utc else axis.end_us
    figures, quiet = _figures(axis.part(axis.start_us, silent_from_us, axis.ticks_max), crew, signs, alarms, episodes)
    about_people = alarms[alarms["technical"] == 0]
    end_us = axis.end_us
    known = [_known(axis, row, end_us) for row in _most_urgent(about_people)]
    lanes = knowledge.knowledge(known)
    return {
        "watch": Markup(watch(axis, crew, alarms, episodes, contacts, disturbances)) if eventful else None,
        "shapes": _shapes(alarms),
        "has_stow": bool((disturbances["kind"] == "antenna_stow").any()),
        "figures": figures,
        "quiet": wording.listed(quiet) if quiet else None,
        "undrawn": sorted({str(channel) for channel in signs["channel"].unique()} - vitals.drawn_channels()),
        "stretch": wording.duration(_stretch_s(signs)),
        "lanes": None if lanes is None else Markup(lanes),
        "lanes_left_out": max(0, len(about_people) - knowledge.ROWS_MAX),
        "parts": [(part.name, part.colour, bool(part.hatch)) for part in _used(known)],
        "mars_colour": knowledge.MARS,
        "earth_colour": knowledge.EARTH,
        "facts": _facts(about_people, told.total if told else None) if eventful else [],
        "silence": None if document.longest_silence_s is None else wording.duration(document.longest_silence_s),
        "instants": [name for _, name in _INSTANTS],
        "alarms": [_alarm_row(axis, row) for row in _rows(alarms.head(_TABLE_ROWS_MAX))],
        "alarms_left_out": max(0, len(alarms) - _TABLE_ROWS_MAX),
        "alarms_open": len(alarms) <= _OPEN_ROWS_MAX,
        "any_alarm": len(alarms) > 0,
        "patient_days": None if told is None else f"{told.total.patient_days:.2f}",
        "any_episode": len(episodes) > 0,
        "tally": None if told is None or not eventful else [_tally_row(one) for one in _in_order(told)],
        "grace": None if told is None else wording.duration(told.grace_s),
    }


def _with_beginnings(alarms: pd.DataFrame) -> pd.DataFrame:
    """Alarms in order, with `began_us`: the onset, or the first that is known where nobody knows the onset."""
    first = alarms[["onset_us", "raised_us", "sounded_us", "sealed_us", "stored_us", "told_us"]].bfill(axis=1)
    return alarms.assign(began_us=first["onset_us"]).sort_values(["began_us", "alert"], kind="stable")


def _figures(
    axis: TimeAxis, crew: list[int], signs: pd.DataFrame, alarms: pd.DataFrame, episodes: pd.DataFrame
) -> tuple[list[dict[str, Any]], list[str]]:
    """One figure for each crew member that has any panel; those with something to tell are unfolded."""
    scales = vitals.limits(signs)
    figures: list[dict[str, Any]] = []
    without = []
    for member in crew:
        own_signs, own_alarms, own_episodes = (table[table["crew"] == member] for table in (signs, alarms, episodes))
        drawn = None
        if len(figures) < _FIGURES_MAX:
            shaded = episodes[episodes["crew"].isin([member, 0])]  # everybody breathes the air
            drawn = vitals.crew_figure(axis, who(member), own_signs, own_alarms, shaded, scales)
        if drawn is None:
            without.append(who(member))
            continue
        devices = sorted(str(stream) for stream in own_signs["stream"].unique())
        told = [wording.plural(len(own_episodes), "episode") if len(own_episodes) else "no episode"]
        told.append(wording.plural(len(own_alarms), "alarm") if len(own_alarms) else "no alarm")
        figures.append(
            {
                "title": who(member).capitalize(),
                "devices": wording.listed(devices),
                "told": wording.listed(told),
                "open": len(own_alarms) + len(own_episodes) > 0,
                "svg": Markup(drawn),
            }
        )
    if figures and not any(figure["open"] for figure in figures):
        figures[0]["open"] = True  # so that a quiet run shows what is behind the others
    return figures, without


def _stretch_s(signs: pd.DataFrame) -> float:
    first = signs[(signs["stream"] == signs["stream"].iloc[0]) & (signs["channel"] == signs["channel"].iloc[0])]
    steps_us = first["at_us"].diff().dropna()
    return float(steps_us.min()) / 1e6 if len(steps_us) else 60.0


def _most_urgent(alarms: pd.DataFrame) -> list[dict[str, Any]]:
    """As many as the figure takes: high priority before low, true before false, early before late; then in order."""
    ranked = alarms.assign(false=alarms["episode"].isna()).sort_values(
        ["priority", "false", "began_us"], ascending=[False, True, True], kind="stable"
    )
    return _rows(ranked.head(knowledge.ROWS_MAX).sort_values("began_us", kind="stable"))


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _known(axis: TimeAxis, row: dict[str, Any], end_us: int) -> knowledge.Known:
    at = _instants(row)
    began_us = int(row["began_us"])
    since: Callable[[str], float | None] = lambda name: None if at(name) is None else (at(name) - began_us) / 1e6  # noqa: E731
    return knowledge.Known(
        label=f"{axis.clock(began_us)[:8]} · {who(int(row['crew']))}\n{_cut(row['text'])}",
        crew_s=since("sounded_us"),
        earth_s=since("told_us"),
        parts=knowledge.parts(began_us, at("sealed_us"), at("sent_us"), at("arrived_us"), at("told_us"), end_us),
        acknowledged_s=since("acknowledged_us"),
        seen_s=since("seen_on_mars_us"),
    )


def _instants(row: dict[str, Any]) -> Callable[[str], Any]:
    return lambda name: None if pd.isna(row[name]) else int(row[name])


def _cut(text: Any, most: int = 30) -> str:
    words = str(text)
    return words if len(words) <= most else words[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _used(known: list[knowledge.Known]) -> list[knowledge.Part]:
    found = {part for one in known[: knowledge.ROWS_MAX] for part, _, _ in one.parts}
    return [part for part in knowledge.PARTS if part in found]


def _shapes(alarms: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Signs in the figures with their colours and meanings, as far as this run has them."""
    signs = {3: "▲", 2: "◆", 1: "●"}
    about_people = alarms[alarms["technical"] == 0]
    found = [
        (signs[priority], vitals.MARKS[priority][1], f"{vitals.MARKS[priority][2]} priority")
        for priority in (3, 2, 1)
        if (about_people["priority"] == priority).any()
    ]
    if about_people["episode"].isna().any():
        found.append(("△", style.INK, "hollow: in no episode"))
    if (alarms["technical"] == 1).any():
        found.append(("\N{MULTIPLICATION SIGN}", style.MUTED, "technical"))
    return found


def _facts(alarms: pd.DataFrame, total: Watch | None) -> list[tuple[str, str, str]]:
    """The clinic in a few numbers: value, what it is, and a remark."""
    facts = []
    if total is not None and total.episodes:
        facts.append(
            (
                f"{total.detected} of {total.episodes}",
                "episodes detected",
                "by at least one alarm",
            )
        )
    for column, told in (
        ("sounded_us", "until the crew knew"),
        ("told_us", "until Earth knew"),
    ):
        spans_s = ((alarms[column] - alarms["onset_us"]).dropna() / 1e6).astype(float).sort_values()
        if len(spans_s):
            middle, most = float(spans_s.iloc[(len(spans_s) - 1) // 2]), float(spans_s.iloc[-1])
            remark = f"median; at most {wording.duration(most)}; technical alarms apart"
            facts.append((wording.duration(middle), told, remark))
    if total is not None and total.false_alarms_per_patient_day is not None:
        remark = f"{wording.number(total.false_alarms)} in {total.patient_days:.2f} patient-days"
        facts.append((f"{total.false_alarms_per_patient_day:.2f}", "false alarms a patient-day", remark))
    return facts


def _in_order(told: Clinic) -> list[Watch]:
    """Crew, then the air, then all."""
    return [*sorted(told.crew, key=lambda one: (one.crew == 0, one.crew or 0)), told.total]


def _tally_row(told: Watch) -> dict[str, Any]:
    share, false = told.sensitivity, told.false_alarms_per_patient_day
    return {
        "name": "all" if told.crew is None else who(told.crew),
        "days": f"{told.patient_days:.2f}" if told.patient_days else wording.NONE,
        "episodes": told.episodes,
        "detected": told.detected if told.episodes else wording.NONE,
        "sensitivity": wording.NONE if share is None else f"{100 * share:.4g} %",
        "mars": _delay(told.delay_mars_s.median, told.delay_mars_s.max),
        "earth": _delay(told.delay_earth_s.median, told.delay_earth_s.max),
        "alarms": told.alarms,
        "false": told.false_alarms,
        "false_rate": wording.NONE if false is None else f"{false:.2f}",
        "technical": told.technical_alarms,
        "total": told.crew is None,
    }


def _delay(median_s: float | None, most_s: float | None) -> str:
    if median_s is None or median_s == most_s:
        return wording.duration(median_s)
    return f"{wording.duration(median_s)}, {wording.duration(most_s)}"


def _alarm_row(axis: TimeAxis, row: dict[str, Any]) -> dict[str, Any]:
    at = _instants(row)
    began_us = int(row["began_us"])
    cells = []
    for column, name in _INSTANTS:
        at_us = at(column)
        cells.append(
            {
                "since": wording.NONE if at_us is None else wording.duration((at_us - began_us) / 1e6),
                "title": "" if at_us is None else f"{name}: {us_to_utc(at_us) if axis.dated else axis.clock(at_us)}",
            }
        )
    technical = row["technical"] == 1
    priority = vitals.MARKS.get(int(row["priority"]), ("", "", "no"))[2]
    episode = row["episode"]
    told = int(row["times_told"])
    unheard = ""
    if at("told_us") is None:
        unheard = "the flight surgeon was not told before the end of the run"
    elif at("seen_on_mars_us") is None:
        unheard = "no receipt on Mars before the end of the run"
    return {
        "began": axis.clock(began_us)[:8],
        "title": us_to_utc(began_us) if axis.dated else "",
        "who": who(int(row["crew"])),
        "text": row["text"],
        "address": row["alert"],
        "kind": f"{priority} priority, technical" if technical else f"{priority} priority",
        "counted": "apart" if technical else "false" if pd.isna(episode) else str(episode).replace("_", " "),
        "repeats": f"told {told} times" if told > 1 else "",
        "unheard": unheard,
        "cells": cells,
    }
