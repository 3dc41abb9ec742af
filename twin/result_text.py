"""A result as text for a terminal: a line per guarantee, evidence where one broke, and what it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from twin.result import Result
from twin.result_schema import Document, Guarantee
from twin.result_story import StoryStep
from twin.world.timescales import us_to_utc

WORDS: Final[dict[Literal["held", "broken", "not_applicable"], str]] = {
    "held": "held",
    "broken": "BROKEN",
    "not_applicable": "not applicable",
}
_LINES_MAX: Final = 11
_STRUCK_LINES_MAX: Final = 4
_LAST_LINES: Final = 4


def summary(result: Result, report: bool) -> str:
    """What `twin run` prints: verdicts in the order of the file, the overall one last, and where to read on.

    Args:
        report: Whether `report.html` stands in the run's folder.
    """
    document = result.document
    width = max((len(guarantee.key) for guarantee in document.guarantees), default=0)
    lines = []
    for guarantee in document.guarantees:
        lines.append(f"{guarantee.key:{width}}  {WORDS[guarantee.verdict]:14}  {_what_for(guarantee)}")
        lines += [f"    {line}" for line in evidence(guarantee, document)]
    if document.interrupted:
        lines.append(f"interrupted at {document.end_utc}: what was due later is pending")
    lines.append(f"{document.scenario}, seed {document.seed}: {document.verdict}, {_amounts(document)}")
    word, name = ("report", "report.html") if report else ("result", "result.json")
    lines.append(f"{word}: {result.folder / name}")
    return "\n".join(lines)


def one_line(document: Document) -> str:
    """A run among others: its verdict, how many guarantees held, and what it simulated."""
    by_verdict = Counter(guarantee.verdict for guarantee in document.guarantees)
    counts = [f"{by_verdict[verdict]} {word.lower()}" for verdict, word in WORDS.items() if by_verdict[verdict]]
    told = f"guarantees {', '.join(counts)}; {_amounts(document)}"
    return f"{document.verdict:10}  {document.scenario}, seed {document.seed}: {told}"


def evidence(guarantee: Guarantee, document: Document) -> Iterator[str]:
    """The first record that broke a guarantee: what, which, when, where, the command that replays it, and its story."""
    if guarantee.verdict != "broken":
        return
    found = guarantee.evidence
    if found is None:
        if document.replay:
            yield f"replay: {document.replay}"
        return
    yield found.what
    parts = [named_record(found.record, document), found.at_utc, found.where and f"at {found.where}"]
    if any(parts):
        yield ", ".join(part for part in parts if part)
    if found.replay:
        yield f"replay: {found.replay}"
    yield from _story(guarantee, document)


def _story(guarantee: Guarantee, document: Document) -> Iterator[str]:
    """What happened until then, a line per step; of many the first and the last."""
    story = guarantee.story
    if story is None:
        return
    earlier = (other for other in document.guarantees[: document.guarantees.index(guarantee)] if other.story)
    same = next((other.key for other in earlier if other.story and other.story.steps == story.steps), None)
    if same is not None:
        yield f"its story is that of {same}"
        return
    steps = [step for step in story.steps if step.kind != "fault"]
    yield f"what happened to {story.about}:"
    before = -1
    for number in _worth_a_line(steps):
        if number > before + 1:
            yield f"  ... {number - before - 1} more"
        yield f"  {_step(steps[number])}"
        before = number
    yield f"  {_clock(story.broke_us)}  BROKEN{f' at {story.broke_at}' if story.broke_at else ''}: {story.broke}"


def _worth_a_line(steps: Sequence[StoryStep]) -> list[int]:
    """Which of many steps a terminal shows: what was lost or crashed, then the last, then the first."""
    many = range(len(steps))
    struck = [number for number in many if steps[number].lost or steps[number].kind in ("crash", "restart")]
    order = [*struck[-_STRUCK_LINES_MAX:], *reversed(many[-_LAST_LINES:]), *many]
    return sorted(list(dict.fromkeys(order))[:_LINES_MAX])


def _step(step: StoryStep) -> str:
    who = step.source if step.source == step.target else f"{step.source} -> {step.target}:"
    told = f"{_clock(step.at_us)}  {who} {step.text}"
    if step.lost:
        return f"{told}, LOST: {step.lost}"
    return f"{told}, under way" if step.kind == "message" and step.end_us is None else told


def _clock(at_us: int) -> str:
    return us_to_utc(at_us)[11:23]


def named_record(record: str | None, document: Document) -> str | None:
    """A record's address with the name of its stream in front, where the result knows one."""
    if record is None:
        return None
    device = record.partition("/")[0].removeprefix("dev-")
    name = next((name for name, stream in document.streams.items() if stream.device == device), None)
    return record if name is None or name == device else f"{name}, {record}"


def _what_for(guarantee: Guarantee) -> str:
    if guarantee.verdict == "not_applicable" or not guarantee.checked:
        return guarantee.reason or ""
    told = f"{guarantee.checked} checked"
    if guarantee.pending:
        told += f", {guarantee.pending} pending"
    if guarantee.verdict == "broken" and guarantee.reason:
        told += f": {guarantee.reason}"
    elif guarantee.unit == "s" and guarantee.margin is not None:
        told += f", tightest: {guarantee.observed:.1f} s of {guarantee.bound:.1f} s"
    return told


def _amounts(document: Document) -> str:
    records, sim_s, wall_s = document.records, document.sim_s or 0.0, document.provenance.wall_s
    never = f", {records.never_accepted} never accepted" if records.never_accepted else ""
    told = f"{records.delivered} of {records.accepted} records delivered{never}, {sim_s / 3600:.1f} h simulated"
    return told if wall_s is None else f"{told} in {wall_s:.1f} s"
