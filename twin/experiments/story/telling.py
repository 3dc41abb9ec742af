"""Of all that was heard, what is told: as much as one understands at a glance, and how much was left out.

The first and the last of each kind of step between the same two parties stay, of what matters also the second. Where
that is plenty, minor steps go, and where it is too much, what matters least, from the middle of the story: its begin
and its end explain most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from twin.experiments.story.cast import Cast
from twin.experiments.story.copies import DUPLICATE
from twin.experiments.story.ear import Ear, Heard
from twin.experiments.story.letters import MAIN, MINOR
from twin.experiments.story.listener import Listener
from twin.experiments.story.subject import Subject
from twin.result_story import LeftOut, Story, StoryStep
from twin.scenario.model import Scenario

STEPS_MAX: Final = 16
CRASHES_MAX: Final = 4
FAULTS_MAX: Final = 3
PLENTY: Final = 7
_TOLD_BY_CRASHES: Final = frozenset(
    {
        "edge_crash",
        "device_crash",
        "earth_crash",
        "crash_at_effect",
        "rolling_upgrade",
        "disk_swap",
        "snapshot_rollback",
    }
)
"""Faults whose crashes are marks of their own."""
_COPIED: Final = "bundle_duplication"
_WHOLE_LINK: Final = frozenset({"link_outage", "rate_change", "antenna_stow", "stale_plan"})
"""What concerns every message on a link; other faults of links are told where one of them struck."""
_AT_ONE_INSTANT: Final = {"restart": 0, "crash": 2}
"""What comes first, what last."""

Fault = tuple[str, str, int, int | None]


def tell(scenario: Scenario, listener: Listener) -> dict[str, Story]:
    """The stories of what a listener heard, by guarantee."""
    cast = Cast(scenario)
    return {key: _story(cast, ear, listener) for key, ear in listener.ears.items()}


def _story(cast: Cast, ear: Ear, listener: Listener) -> Story:
    subject, evidence = ear.subject, ear.subject.evidence
    heard = sorted([one for one in (*ear.heard, *ear.last) if one.at_us <= evidence.at_us], key=lambda one: one.at_us)
    left_out: Counter[str] = Counter()
    left_out["messages"] += ear.passed - sum(one.kind == "message" for one in heard)
    told = _from_its_begin([one for one in heard if one.kind in ("note", "message")], left_out)
    kept = _capped(_thinned(told, left_out), STEPS_MAX, left_out)
    broke_at = cast.at(evidence.where, subject)
    parties = {party for one in kept for party in (one.source, one.target)} | ({broke_at} - {""})
    crashes = _thinned(_crashes(heard, parties, kept, cast.signer(subject)), left_out)
    marks = [_why(cast, one, listener.faults) for one in _capped(crashes, CRASHES_MAX, left_out)]
    kept = sorted([*kept, *marks], key=lambda one: (one.at_us, _AT_ONE_INSTANT.get(one.kind, 1)))
    faults, elsewhere = _faults(cast, subject, listener.faults, kept, parties)
    left_out["faults elsewhere"] += elsewhere
    steps = sorted([*faults, *(_step(one, evidence.at_us) for one in kept)], key=lambda step: step.at_us)
    return Story(
        about=cast.about(subject),
        parties=cast.of(parties),
        steps=tuple(steps),
        broke_us=evidence.at_us,
        broke_at=broke_at,
        broke=evidence.what,
        left_out=tuple(LeftOut(count=count, what=what) for what, count in left_out.most_common() if count),
        others=ear.others,
    )


def _step(one: Heard, broke_us: int) -> StoryStep:
    in_time = one.end_us is not None and one.end_us <= broke_us
    return StoryStep(
        kind=one.kind,
        source=one.source,
        target=one.target,
        at_us=one.at_us,
        end_us=one.end_us if in_time else None,
        text=one.text,
        lost=one.lost.replace("_", " ") if in_time else "",
    )


# ------------------------------------------------------------ not too much


def _from_its_begin(told: list[Heard], left_out: Counter[str]) -> list[Heard]:
    """From the first step that matters on."""
    first = next((number for number, one in enumerate(told) if one.weight == MAIN), 0)
    left_out.update(one.like for one in told[:first])
    return told[first:]


def _crashes(heard: Sequence[Heard], parties: set[str], told: Sequence[Heard], signer: str) -> list[Heard]:
    """When parties were down since the story began, and how it was with the signer's last start before that."""
    begin_us = min((one.at_us for one in told), default=0)
    marks = [one for one in heard if one.kind in ("crash", "restart") and one.source in parties]
    before = [one for one in marks if one.at_us < begin_us and one.source == signer][-2:]
    return before + [one for one in marks if one.at_us >= begin_us]


def _thinned(told: Sequence[Heard], left_out: Counter[str]) -> list[Heard]:
    """The first and the last of those that are alike."""
    groups: dict[tuple[str, str, str, str, bool], list[Heard]] = {}
    for one in told:
        groups.setdefault((one.kind, one.like, one.source, one.target, bool(one.lost)), []).append(one)
    dropped = set()
    for (_, like, *_), group in groups.items():
        middle = group[1 + (group[0].weight == MAIN) : -1]
        dropped |= {id(one) for one in middle}
        left_out[like] += len(middle)
    kept = [one for one in told if id(one) not in dropped]
    if sum(one.weight < MINOR for one in kept) < PLENTY:
        return kept
    left_out.update(one.like for one in kept if one.weight == MINOR)
    return [one for one in kept if one.weight < MINOR]


def _why(cast: Cast, mark: Heard, faults: Sequence[Fault]) -> Heard:
    """A crash with the fault that it belongs to."""
    struck = [kind for kind, place, at_us, _ in faults if at_us == mark.at_us and cast.named(place) == mark.source]
    crashing = [kind.replace("_", " ") for kind in struck if kind in _TOLD_BY_CRASHES]
    if mark.kind != "crash" or not crashing:
        return mark
    return replace(mark, text=f"{mark.text} ({crashing[0]})")


def _capped(told: Sequence[Heard], most: int, left_out: Counter[str]) -> list[Heard]:
    """At most so many: what matters least goes first, of that the middle."""
    centre = (len(told) - 1) / 2
    by_weight = sorted(range(len(told)), key=lambda n: (-told[n].weight, abs(n - centre), n))
    dropped = set(by_weight[: max(0, len(told) - most)])
    left_out.update(told[number].like for number in dropped)
    return [one for number, one in enumerate(told) if number not in dropped]


def _faults(
    cast: Cast,
    subject: Subject,
    faults: Sequence[Fault],
    told: Sequence[Heard],
    parties: set[str],
) -> tuple[list[StoryStep], int]:
    """The faults that were in force at a party or on a link of the story, and how many others were in force."""
    broke_us = subject.evidence.at_us
    begin_us = min((one.at_us for one in told), default=broke_us)
    causes = {one.lost for one in told} | {_COPIED for one in told if one.text.endswith(DUPLICATE)}
    found: list[tuple[bool, int, StoryStep]] = []
    elsewhere = 0
    for kind, place, at_us, end_us in faults:
        until_us = broke_us if end_us is None else min(end_us, broke_us)
        if kind in _TOLD_BY_CRASHES or at_us > broke_us or until_us <= max(begin_us, at_us):
            continue  # what is over at once is a step itself, or none
        party = cast.at(place, subject)
        here = party in parties if party else kind in causes or (kind in _WHOLE_LINK and _crosses(cast, told))
        if not here:
            elsewhere += 1
            continue
        step = StoryStep(
            kind="fault", source=party, target=party, at_us=max(at_us, begin_us), end_us=until_us,
            text=f"{kind.replace('_', ' ')}{'' if party else f': {place}'}{' begins' * (at_us > begin_us)}",
        )  # fmt: skip
        found.append((kind not in causes, -at_us, step))
    found.sort(key=lambda one: one[:2])
    return [step for _, _, step in found[:FAULTS_MAX]], elsewhere + max(0, len(found) - FAULTS_MAX)


def _crosses(cast: Cast, told: Sequence[Heard]) -> bool:
    """Whether a message of the story travels over a scheduled link."""
    for one in told:
        if one.kind == "message" and cast.side(one.source) != cast.side(one.target):
            return True
    return any(one.kind == "message" and not cast.side(one.source) for one in told)
