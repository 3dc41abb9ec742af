"""Of all that was heard, what is told: as much as one understands at a glance, and how much was left out.

The first and the last of each kind of step between the same two parties stay, of what matters also the second. Where
that is plenty, minor steps go, and where it is too much, what matters least, from the middle of the story: its begin
and its end explain most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from twin.experiments.earth_site import SECOND
from twin.experiments.identities import AUDITOR, EARTH, devices_of, edge_device
from twin.experiments.story.copies import DUPLICATE
from twin.experiments.story.ear import Ear, Heard
from twin.experiments.story.letters import MAIN, MINOR
from twin.experiments.story.listener import Listener
from twin.experiments.story.subject import Subject
from twin.hosts.models.surgeon_channel import CHANNEL
from twin.pipeline.nodes.backup import BACKUP, TABLE
from twin.result_story import LeftOut, Story, StoryParty, StoryStep
from twin.scenario.model import HabitatScenario, Scenario

STEPS_MAX: Final = 16
CRASHES_MAX: Final = 4
FAULTS_MAX: Final = 3
PLENTY: Final = 10
_CREW: Final = "crew"
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
_OF_THE_GATEWAY: Final = "gateway"
_PLACES: Final = {"alert table": TABLE, "habitat": _CREW, _OF_THE_GATEWAY: EARTH}
"""Where checkers and faults say that something is, and whose lifeline that is."""

Side = Literal["mars", "space", "earth", ""]


class Cast:
    """Who can take part in a scenario's story, in the order of the lifelines, and which device signs which stream."""

    def __init__(self, scenario: Scenario) -> None:
        self.parties: dict[str, StoryParty] = {}
        self.names: dict[int, str] = {}
        self.ends: dict[int, str] = {}
        if not isinstance(scenario, HabitatScenario):
            for node in scenario.network.nodes:
                self._add(node, "node", "")
            self.ends = {number: traffic.to_node for number, traffic in enumerate(scenario.traffic, start=1)}
            return
        devices, edges = devices_of(scenario), scenario.habitat.edge_names
        self.names = {d.device: d.name for d in devices} | {edge_device(scenario.seed, edge): edge for edge in edges}
        self._add(_CREW, "annunciator", "mars")
        for device in devices:
            self._add(device.name, "device", "mars")
        for edge in edges:
            self._add(edge, "edge", "mars")
        for relay in scenario.network.relays:
            self._add(relay.name, "relay", "space")
        for name, role in (
            (EARTH, "gateway"), (SECOND, "second gateway"), (TABLE, "store"), (BACKUP, "store"),
            (AUDITOR, "auditor"), (CHANNEL, "flight surgeon"),
        ):  # fmt: skip
            self._add(name, role, "earth")

    def _add(self, name: str, role: str, side: Side) -> None:
        self.parties[name] = StoryParty(name=name, role=role, side=side)

    def at(self, where: str, subject: Subject) -> str:
        """The party that an evidence or a fault means; empty where it is nobody's."""
        if where in self.parties:
            return where
        if where == "device" and subject.stream is not None:
            return self.names.get(subject.stream.device, "")
        if where == "destination" and subject.stream is not None:
            return self.ends.get(subject.stream.epoch, "")
        named = _PLACES.get(where, "")
        return named if named in self.parties else ""

    def signer(self, subject: Subject) -> str:
        """The device or edge that signs the subject's stream."""
        return "" if subject.stream is None else self.names.get(subject.stream.device, "")

    def about(self, subject: Subject) -> str:
        """What a story is about, by the names that people use."""
        if subject.watched is not None:
            device, rule = subject.watched
            return f"alarm {rule} of {self.names.get(device, f'dev-{device:016x}')}"
        if subject.stream is None:
            return subject.evidence.record or subject.evidence.where
        of = self.names.get(subject.stream.device)
        if self.ends:
            return f"payload {subject.index} of flow {subject.stream.epoch}"
        name = f"dev-{subject.stream.device:016x}" if of is None else of
        if subject.index is None:
            return f"the stream of {name}"
        record = f"record {subject.index} of {name}"
        return record if subject.alert is None else f"alert {subject.alert.rule} from {record}"


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
    kept = sorted([*kept, *_capped(crashes, CRASHES_MAX, left_out)], key=lambda one: one.at_us)
    faults, elsewhere = _faults(cast, subject, listener.faults, kept, parties)
    left_out["faults elsewhere"] += elsewhere
    steps = sorted([*faults, *(_step(one, evidence.at_us) for one in kept)], key=lambda step: step.at_us)
    return Story(
        about=cast.about(subject),
        parties=tuple(_party(cast, name) for name in _in_order(cast, parties)),
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


def _in_order(cast: Cast, parties: Iterable[str]) -> list[str]:
    order = {name: number for number, name in enumerate(cast.parties)}
    return sorted(parties, key=lambda name: (order.get(name, len(order)), name))


def _party(cast: Cast, name: str) -> StoryParty:
    return cast.parties.get(name, StoryParty(name=name, role="", side=""))


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
    faults: Sequence[tuple[str, str, int, int | None]],
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
        if one.kind == "message" and _party(cast, one.source).side != _party(cast, one.target).side:
            return True
    return any(one.kind == "message" and not _party(cast, one.source).side for one in told)
