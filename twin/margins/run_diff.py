"""Two runs side by side: which guarantee lost margin, and whether they were the same scenario at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from twin.margins.change import Change, compare
from twin.margins.margin import PPM, Margin, margins_of
from twin.margins.wording import cell, details, sentence
from twin.result import Result
from twin.result_schema import Document

SCHEMA: Final = "mars-iomt-twin/diff/1"
_SETTINGS_SHOWN: Final = 5


@dataclass(frozen=True)
class RunDiff:
    """Two runs, the earlier one first.

    Attributes:
        tolerance_ppm: share of a margin that may be lost [ppm].
    """

    before: Result
    after: Result
    tolerance_ppm: int

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Every guarantee of either run."""
        before, after = (margins_of(result.document) for result in (self.before, self.after))
        return tuple(compare(before, after, self.tolerance_ppm))

    @property
    def losses(self) -> tuple[Change, ...]:
        """Those that lost more than may be."""
        return tuple(change for change in self.changes if change.is_loss)

    @property
    def same_trace(self) -> bool | None:
        """Whether both runs are one and the same, event for event; None where one does not say."""
        before, after = self.before.document.trace_hash, self.after.document.trace_hash
        return None if before is None or after is None else before == after

    @property
    def same_scenario(self) -> bool | None:
        """Whether both scenarios ask for the same; None where one does not say."""
        before, after = self.before.document, self.after.document
        if before.scenario_digest is None or after.scenario_digest is None:
            return None if before.scenario == after.scenario else False
        return before.scenario_digest == after.scenario_digest

    @cached_property
    def settings(self) -> tuple[tuple[str, object, object], ...]:
        """Assumptions of either scenario that differ: key, value before, value after; None where there is none."""
        before, after = (
            {one.key: one.value for one in result.document.assumptions} for result in (self.before, self.after)
        )
        both = ((key, before.get(key), after.get(key)) for key in dict.fromkeys([*before, *after]))
        return tuple(setting for setting in both if setting[1] != setting[2])


def as_text(diff: RunDiff) -> str:
    """A table for a terminal: a line per guarantee, the reasons under each that changed, and what it comes to."""
    rows = [(change.key, cell(change.before), cell(change.after), _told(change)) for change in diff.changes]
    head = ("guarantee", "before", "after", "")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(3)]
    lines = [_line(head, widths)]
    for change, row in zip(diff.changes, rows, strict=True):
        lines.append(_line(row, widths))
        lines += [f"    {line}" for line in details(change)]
    return "\n".join([*lines, *_ends(diff)])


def as_document(diff: RunDiff) -> dict[str, Any]:
    """The same for JSON."""
    return {
        "schema": SCHEMA,
        "before": _run(diff.before),
        "after": _run(diff.after),
        "same_trace": diff.same_trace,
        "same_scenario": diff.same_scenario,
        "settings": [{"key": key, "before": before, "after": after} for key, before, after in diff.settings],
        "tolerance": diff.tolerance_ppm / PPM,
        "losses": [change.key for change in diff.losses],
        "guarantees": [_guarantee(change) for change in diff.changes],
    }


def _line(row: tuple[str, str, str, str], widths: list[int]) -> str:
    cells = [f"{text:{width}}" for text, width in zip(row, widths, strict=False)]
    return "  ".join([*cells, row[3]]).rstrip()


def _told(change: Change) -> str:
    before, after = change.before, change.after
    checked = [0 if margin is None else margin.checked for margin in (before, after)]
    counted = "" if checked[0] == checked[1] else f"; checked {checked[1]}, was {checked[0]}"
    return sentence(change) + counted


def _ends(diff: RunDiff) -> Iterator[str]:
    for word, result in (("before", diff.before), ("after", diff.after)):
        document = result.document
        version = document.provenance.version
        made_by = f", twin {version}" if version else ""
        yield f"{word}: {document.scenario}, seed {document.seed}: {document.verdict}{made_by}, {result.folder}"
        if document.interrupted:
            yield f"    interrupted at {document.end_utc}: its margins may have been smaller later"
    before, after = diff.before.document, diff.after.document
    yield f"scenario: {_sameness(diff.same_scenario)}{'' if before.seed == after.seed else ', other seed'}"
    for key, old, new in diff.settings[:_SETTINGS_SHOWN]:
        yield f"    {key}: {_value(new)}, was {_value(old)}"
    if len(diff.settings) > _SETTINGS_SHOWN:
        more = len(diff.settings) - _SETTINGS_SHOWN
        yield f"    and {more} setting{'s' * (more > 1)} more"
    yield f"trace: {_sameness(diff.same_trace)}"
    allowed = f"{diff.tolerance_ppm / PPM * 100:g} %"
    if diff.losses:
        yield f"lost, with a tolerance of {allowed}: {', '.join(change.key for change in diff.losses)}"
    else:
        yield f"nothing lost, with a tolerance of {allowed}"


def _sameness(same: bool | None) -> str:
    return "not known" if same is None else "the same" if same else "differs"


def _value(value: object) -> str:
    return "nothing" if value is None else str(value)


def _run(result: Result) -> dict[str, Any]:
    document: Document = result.document
    return {
        "run": str(result.folder),
        "scenario": document.scenario,
        "scenario_digest": document.scenario_digest,
        "seed": document.seed,
        "version": document.provenance.version,
        "verdict": document.verdict,
        "interrupted": document.interrupted,
        "trace_hash": document.trace_hash,
    }


def _guarantee(change: Change) -> dict[str, Any]:
    return {
        "key": change.key,
        "change": change.kind,
        "loss": change.is_loss,
        "margin_lost": _lost(change),
        "margin_lost_share": change.lost_share,
        "said": sentence(change),
        "before": _margin(change.before),
        "after": _margin(change.after),
        "terms": [term._asdict() for term in change.terms],
    }


def _lost(change: Change) -> float | None:
    """Seconds, share of the limit, or violations."""
    if change.lost is None or change.before is None:
        return None
    per_unit = {"time": 1000, "share": PPM, "count": 1}[change.before.scale or "count"]
    return change.lost / per_unit


def _margin(margin: Margin | None) -> dict[str, Any] | None:
    return None if margin is None else {**margin.model_dump(), "left_share": margin.left_share}
