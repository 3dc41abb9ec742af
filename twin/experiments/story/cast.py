"""Who can take part in a scenario's story, and what people call them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from twin.experiments.earth_site import SECOND
from twin.experiments.identities import AUDITOR, EARTH, devices_of, edge_device
from twin.experiments.story.subject import Subject
from twin.hosts.models.surgeon_channel import CHANNEL
from twin.pipeline.nodes.backup import BACKUP, TABLE
from twin.result_story import StoryParty
from twin.scenario.model import HabitatScenario, Scenario

Side = Literal["mars", "space", "earth", ""]
_CREW: Final = "crew"
_PLACES: Final = {"alert table": TABLE, "habitat": _CREW, "gateway": EARTH}
"""Where checkers and faults say that something is, and whose lifeline that is."""


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
        if where == "device" and subject.stream is not None:
            return self.names.get(subject.stream.device, "")
        if where == "destination" and subject.stream is not None:
            return self.ends.get(subject.stream.epoch, "")
        return self.named(where)

    def named(self, place: str) -> str:
        """The party of this name or office; empty where there is none."""
        name = _PLACES.get(place, place)
        return name if name in self.parties else ""

    def of(self, names: Collection[str]) -> tuple[StoryParty, ...]:
        """These parties in the order of their lifelines; whom nobody expected stands last."""
        known = [party for name, party in self.parties.items() if name in names]
        strangers = sorted(name for name in names if name not in self.parties)
        return (*known, *(StoryParty(name=name, role="", side=known[-1].side if known else "") for name in strangers))

    def side(self, name: str) -> Side:
        """On which planet a party is; empty for bundle nodes."""
        party = self.parties.get(name)
        return "" if party is None else party.side

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
