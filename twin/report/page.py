"""Renders a run's folder as one HTML file that needs nothing else: no network, no scripts, no other file.

A pure function of the folder: the same folder gives the same page. The verdict comes first, then why, then
what happened, then what it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from twin.report import style, wording
from twin.report.clinic import clinic
from twin.report.ledger import ledger
from twin.report.sequence import sequence
from twin.report.story import caption, story
from twin.report.streams import age_in_view_s, latency_and_age, stream_colours
from twin.report.time_axis import TimeAxis
from twin.report.timeline import WEATHER, directions, timeline
from twin.result import Result, ResultError
from twin.result_schema import Assumption, Document, Guarantee
from twin.result_story import Story
from twin.result_text import named_record
from twin.world.timescales import SOL_US, utc_to_us

_SIGNS: Final = {"held": "✓", "broken": "✕", "not_applicable": "○", "incomplete": "…"}
_STREAM_ROWS_MAX: Final = 40
_DIAGRAM: Final = """<style>{% include "sequence.css" %}</style>
<figure style="font-family: sans-serif">{% include "story.svg.j2" %}<figcaption>{{ caption }}</figcaption></figure>
"""
_YAML_LINES_MAX: Final = 60
"""A longer scenario of a broken run is folded up."""


def render(run_dir: Path | str) -> Path:
    """Write `report.html` into a run's folder.

    Args:
        run_dir: The folder that a run wrote.

    Returns:
        The path of the page.

    Raises:
        ResultError: The folder does not hold a readable result.
        OSError: The page cannot be written.
    """
    result = Result.load(run_dir)
    page = _environment().get_template("report.html.j2").render(**_context(result))
    path = result.folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


class Diagram(NamedTuple):
    """A drawing for a notebook, complete in itself."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def diagram(run_dir: Path | str, guarantee: str) -> Diagram:
    """The story of what broke a guarantee, as `report.html` shows it.

    Args:
        run_dir: The folder that a run wrote.
        guarantee: Key of one that broke there.

    Raises:
        ResultError: The folder does not hold a readable result, or no story of that guarantee.
    """
    result = Result.load(run_dir)
    told = {g.key: g.story for g in result.guarantees if g.story is not None}
    if guarantee not in told:
        there = f"it has one of {wording.listed(list(told))}" if told else "nothing broke there"
        raise ResultError(f"{result.folder}: no story of {guarantee}; {there}")
    template = _environment().from_string(_DIAGRAM)
    drawn = story(guarantee, told[guarantee], _axis(result))
    return Diagram(template.render(t=drawn, n=0, caption=caption(told[guarantee])))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("twin.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": wording.duration,
        "number": wording.number,
        "instant": wording.instant,
    }
    return environment


def _context(result: Result) -> dict[str, Any]:
    document, tables = result.document, result.tables
    axis = _axis(result)
    contacts = tables["contacts"]
    # A plan reaches beyond the run, so that the drain can use it.
    contacts = contacts[(contacts["start_us"] < axis.end_us) & (contacts["end_us"] > axis.start_us)]
    generation_end = document.generation_end_utc
    with style.drawing():
        overview = timeline(
            axis,
            contacts,
            tables["disturbances"],
            tables["opacity"],
            tables["backlog"],
            utc_to_us(generation_end) if generation_end else None,
        )
        records = tables.columns("records", ["stream", "generated_us", "visible_us"])
        there = "visible on Earth" if document.site else "delivered"
        records = records[records["stream"].isin(_signals(document))]
        lateness = latency_and_age(axis, records, there)
        people = clinic(axis, tables, document, contacts, tables["disturbances"])
        chain = ledger(axis, tables["checkpoints"], document)
    streams = sorted(document.streams.items())
    return {
        "d": document,
        "dash": wording.NONE,
        "sign": _SIGNS[document.verdict],
        "headline": headline(document),
        "span": _span(document),
        "broken": [g for g in document.guarantees if g.verdict == "broken"],
        "stories": _stories(document, axis),
        "yaml_lines_max": _YAML_LINES_MAX,
        "named": lambda record: named_record(record, document),
        "guarantees": [_guarantee_row(guarantee, document) for guarantee in document.guarantees],
        "moving_bounds": any("contact_wait" in (g.expression or "") for g in document.guarantees),
        "facts": _facts(document, contacts, records),
        "storage": [wording.storage(need) for need in document.storage or ()],
        "overview": Markup(overview) if overview else None,
        "legend": _legend(contacts, tables["disturbances"]),
        "drains": bool(generation_end) and utc_to_us(generation_end or "") < axis.end_us,
        "lateness": Markup(lateness) if lateness else None,
        "stream_colours": stream_colours(sorted(_signals(document))),
        "streams": streams[:_STREAM_ROWS_MAX],
        "streams_left_out": max(0, len(streams) - _STREAM_ROWS_MAX),
        "s": sequence(axis, tables, contacts) if document.site else None,
        "assumptions": _assumptions(document),
        "losses": sorted(document.losses.items(), key=lambda loss: (-loss[1], loss[0])),
        "most_lost": max(document.losses.values(), default=0),
        "c": people,
        "l": chain,
        "signs": _SIGNS,
        "contents": _contents(document, people, chain, overview, lateness),
        "left_out": _left_out(document, people, chain),
    }


def _stories(document: Document, axis: TimeAxis) -> dict[str, dict[str, Any]]:
    """By guarantee: the diagram of what broke it, or the name of the guarantee whose diagram shows the same."""
    found: dict[str, dict[str, Any]] = {}
    for guarantee in document.guarantees:
        if guarantee.story is None:
            continue
        told = guarantee.story
        same = next((g.key for g in document.guarantees if g.key in found and _alike(g.story, told)), None)
        drawn = story(guarantee.key, told, axis)
        found[guarantee.key] = {"t": drawn, "caption": caption(told), "as": same, "n": len(found)}
    return found


def _alike(one: Story | None, other: Story) -> bool:
    return one is not None and (one.steps, one.broke_us) == (other.steps, other.broke_us)


def _contents(document: Document, people: object, chain: object, *figures: str | None) -> list[tuple[str, str]]:
    """Anchors of the sections that this page has, with short titles."""
    overview, lateness = figures
    every = (
        ("guarantees", "Guarantees", True),
        ("clinic", "The clinic", people),
        ("timeline", "What happened", overview),
        ("latency", "How late, how old", lateness or document.streams),
        ("journey", "One record", document.site),
        ("ledger", "Ledger and audit", chain),
        ("losses", "Losses", True),
        ("assumptions", "What it rests on", document.assumptions),
        ("origin", "Where it comes from", True),
    )
    return [(anchor, title) for anchor, title, there in every if there]


def _left_out(document: Document, people: object, chain: object) -> list[str]:
    """Sections that this run has nothing for, and why."""
    found = []
    if people is None:
        why = "no device produced a sample" if document.site else "the scenario has nodes and flows, but no habitat"
        found.append(f"The clinic, its vital signs and its alarms: {why}.")
    if chain is None:
        why = "it was not recorded" if document.site else "bundle nodes keep none"
        found.append(f"The ledger and its audit: {why}.")
    return found


def headline(document: Document) -> str:
    """The verdict in one sentence."""
    broken = [g.key for g in document.guarantees if g.verdict == "broken"]
    held = sum(g.verdict == "held" for g in document.guarantees)
    total = len(document.guarantees)
    idle = total - held - len(broken)
    if broken:
        return f"{len(broken)} of {total} guarantees broke: {wording.listed(broken)}."
    if document.verdict == "incomplete":
        return f"No verdict yet: the run ended early. {held} of {total} guarantees held as far as it went."
    if held == 0:
        return "Nothing could be checked: no guarantee applied to this run."
    over = f" over {_length(document)}" if document.sim_s is not None else ""
    these = f"All {held} guarantees" if held > 1 else "The one guarantee"
    if idle:
        return f"{these} that could be checked held{over}; {idle} did not apply."
    return f"{these} held{over}."


def _length(document: Document) -> str:
    sols = (document.sim_s or 0.0) * 1e6 / SOL_US
    return f"{sols:.2f} sols" if document.site and sols >= 0.5 else wording.duration(document.sim_s)


def _span(document: Document) -> str:
    spanned = []
    if document.start_utc:
        spanned.append(f"{wording.instant(document.start_utc)} to {wording.instant(document.end_utc)}")
    if document.site:
        site = document.site
        north, east = site.latitude_deg, site.longitude_deg
        spanned.append(f"at {(site.name or 'the site').title()} ({north:.2f}°, {east:.2f}° E)")
    spanned.append(f"seed {document.seed}")
    return ", ".join(spanned)


def _guarantee_row(guarantee: Guarantee, document: Document) -> dict[str, Any]:
    bound, observed, margin = guarantee.bound, guarantee.observed, guarantee.margin
    statement = wording.STATEMENTS.get(guarantee.key, "")
    if document.site is None:
        statement = wording.PAYLOAD_STATEMENTS.get(guarantee.key, statement)
    counted = guarantee.unit == "violations"
    # The tightest opportunity decides, and with a moving bound that is not where `observed` was largest.
    used = None
    if bound and margin is not None:
        used = (bound - margin) / bound
    elif bound and observed is not None:
        used = observed / bound
    return {
        "key": guarantee.key,
        "statement": statement,
        "expression": guarantee.expression,
        "verdict": guarantee.verdict,
        "word": guarantee.verdict.replace("_", " "),
        "sign": _SIGNS[guarantee.verdict],
        "checked": guarantee.checked,
        "pending": guarantee.pending,
        "bound": wording.NONE if counted else wording.quantity(bound, guarantee.unit),
        "observed": wording.violations(observed) if counted else wording.quantity(observed, guarantee.unit),
        "margin": wording.NONE if counted else wording.quantity(margin, guarantee.unit),
        "used_pct": None if used is None else round(100 * min(max(used, 0.0), 1.0), 1),
        "reason": guarantee.reason,
        "terms": _terms(guarantee),
    }


def _terms(guarantee: Guarantee) -> list[dict[str, Any]]:
    """The summands of a bound, with the length of a bar each [px]."""
    most_s = max((term.value_s or 0.0 for term in guarantee.terms), default=0.0)
    return [
        {
            "name": term.name,
            "value": wording.duration(term.value_s),
            "share": round(150 * max(term.value_s or 0.0, 0.0) / most_s, 1) if most_s > 0 else 0,
        }
        for term in guarantee.terms
    ]


def _signals(document: Document) -> list[str]:
    """Streams that go on for ever and so have an age on Earth; all, where none has. Alerts come when they come."""
    return [name for name, of in document.streams.items() if of.age_s.max is not None] or list(document.streams)


def _facts(document: Document, contacts: pd.DataFrame, seen: pd.DataFrame) -> list[tuple[str, str, str]]:
    """A few numbers at a glance: value, what it is, and a remark."""
    records, streams = document.records, [document.streams[name] for name in _signals(document)]
    share = f"{100 * records.delivered / records.accepted:.4g} %" if records.accepted else wording.NONE
    samples = f"from {wording.number(document.counts.samples)} samples" if document.counts.samples else ""
    remark = f"{wording.number(records.lost)} lost, {wording.number(records.in_flight)} in flight"
    if records.never_accepted:
        remark += f", {wording.number(records.never_accepted)} never accepted"
    facts = [
        (wording.number(records.accepted), "records accepted", samples),
        (share, "delivered", remark),
        (_worst(stream.latency_s.p50 for stream in streams), "median latency", "of the slowest stream"),
        (
            wording.duration(age_in_view_s(contacts, seen)),
            "age of the news",
            "at most, for 95 % of the time Earth is in view",
        ),
        (_worst(stream.age_s.max for stream in streams), "oldest news", "largest age on Earth"),
        (wording.duration(document.longest_silence_s), "longest silence", "Earth could not be told"),
    ]
    if document.storage:
        most = max(document.storage, key=lambda need: need.needed_bytes)
        held = f"of {wording.size(most.capacity_bytes)}, for {wording.duration(most.held_s)} without an ack"
        facts.append((wording.size(most.needed_bytes), "storage needed", held))
    light_us = contacts["owlt_us"].dropna()
    if len(light_us):
        low, high = wording.duration(light_us.min() / 1e6), wording.duration(light_us.max() / 1e6)
        facts.append((low, "one-way light time", "" if low == high else f"up to {high}"))
    return [fact for fact in facts if fact[0] != wording.NONE]


def _worst(values: Iterable[float | None]) -> str:
    return wording.duration(max((value for value in values if value is not None), default=None))


def _assumptions(document: Document) -> list[tuple[str, list[Assumption]]]:
    """What the scenario says, then what it leaves to defaults.

    Left out is what stands at the head of the page: name, description, and that a guarantee is checked.
    """
    named = [a for a in document.assumptions if a.key not in ("name", "description") and a.value != "checked"]
    given, defaults = [a for a in named if a.given], [a for a in named if not a.given]
    return [(title, part) for title, part in (("Given by the scenario", given), ("Default", defaults)) if part]


def _legend(contacts: pd.DataFrame, disturbances: pd.DataFrame) -> list[tuple[str, str]]:
    """Colours that the timeline uses in this run, with what they stand for."""
    down, up = directions(contacts)
    entries = []
    if down.any() or up.any():
        entries += [(style.BLUE, "contact from Mars to Earth"), (style.ORANGE, "contact from Earth to Mars")]
    elif len(contacts):
        entries.append((style.BLUE, "contact"))
    weather = disturbances["kind"].isin(WEATHER)
    if weather.any():
        entries.append((style.PURPLE, "weather, Sun"))
    if (~weather).any():
        entries.append((style.VERMILION, "fault"))
    return entries


def _axis(result: Result) -> TimeAxis:
    document, site = result.document, result.document.site
    if document.start_utc is not None:
        start_us = utc_to_us(document.start_utc)
        ran_us = round((document.sim_s or 0.0) * 1e6)
        end_us = utc_to_us(document.end_utc) if document.end_utc else start_us + ran_us
        return TimeAxis(start_us, end_us, True, site.longitude_deg if site else None)
    tables = result.tables
    seen = [tables["contacts"]["start_us"], tables["contacts"]["end_us"], tables["backlog"]["at_us"]]
    records = tables.columns("records", ["generated_us", "visible_us"])
    seen += [records["generated_us"], records["visible_us"]]
    known = np.concatenate([column.dropna().to_numpy(dtype=np.int64) for column in seen])
    start_us = int(known.min()) if len(known) else 0
    return TimeAxis(start_us, int(known.max()) if len(known) else 0, False, None)
