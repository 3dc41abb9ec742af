"""Hears a run: copies, media and facts; keeps of them what concerns the subjects of its stories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twin.experiments.mission import Mission
from twin.experiments.story.copies import Copies
from twin.experiments.story.ear import Ear, Heard
from twin.experiments.story.letters import MAIN, Letters
from twin.experiments.story.media import Media
from twin.experiments.story.notes import NOTED, note_of
from twin.experiments.story.subject import Subject
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import BundleArrived, Effect, Event, Received
from twin.scenario.model import Scenario
from twin.trace import Crashed, DisturbanceBegan, DisturbanceEnded, MadeDurable, Restarted


class Listener:
    """Listens to one run: give `observe` to its builder, `attach` it before it starts.

    Args:
        subjects: what to listen for, by guarantee.

    Attributes:
        faults: kind, place, begin and end (None: not yet over) of the faults in the run.
    """

    def __init__(self, scenario: Scenario, subjects: Mapping[str, Subject]) -> None:
        self.ears = {key: Ear(subject) for key, subject in subjects.items()}
        self.faults: list[tuple[str, str, int, int | None]] = []
        self._copies = Copies(self.ears, Letters(scenario))
        self._media = Media(self.ears)
        self._host: SimulatedHost | None = None
        self._crashed: set[str] = set()

    def attach(self, mission: Mission) -> None:
        """Hear everything of a mission that has not started."""
        self._host = host = mission.host
        self._copies.attach(host)
        self._media.attach(host.trace)
        for kind in NOTED:
            host.trace.subscribe(kind, self._noted)
        handlers: tuple[tuple[type[Any], Callable[[int, str, Any], None]], ...] = (
            (Crashed, self._went_down),
            (Restarted, self._came_up),
            (DisturbanceBegan, self._began),
            (DisturbanceEnded, self._ended),
        )
        for fact, handler in handlers:
            host.trace.subscribe(fact, handler)

    def observe(self, node: str, event: Event, _shown_us: int, effects: list[Effect]) -> None:
        """A machine took an event, and asks for these effects; its own clock may show another instant."""
        assert self._host is not None
        now_us = self._host.now_us
        if isinstance(event, Received | BundleArrived):
            self._copies.took(now_us, node, event.data, effects)
        self._media.observe(now_us, node, event, effects)

    def _noted(self, at_us: int, node: str, fact: Any) -> None:
        if isinstance(fact, MadeDurable):
            self._media.flushed(node, fact.records)
        for ear in self.ears.values():
            note = note_of(node, fact, ear.subject)
            if note is not None:
                ear.note(at_us, note.party, note.said)

    def _went_down(self, at_us: int, node: str, fact: Crashed) -> None:
        self._crashed.add(node)
        self._media.cut_off(node)
        tail = f", {fact.lost_bytes} B unsynced lost" if fact.lost_bytes else ""
        for ear in self.ears.values():
            ear.heard.append(Heard("crash", node, node, at_us, f"crashes{tail}", "crashes", MAIN))

    def _came_up(self, at_us: int, node: str, _fact: Restarted) -> None:
        if node in self._crashed:
            for ear in self.ears.values():
                ear.heard.append(Heard("restart", node, node, at_us, "starts again", "crashes", MAIN))

    def _began(self, at_us: int, _node: str, fact: DisturbanceBegan) -> None:
        self.faults.append((fact.kind, fact.place, at_us, None))

    def _ended(self, at_us: int, _node: str, fact: DisturbanceEnded) -> None:
        for number, (kind, place, began_us, end_us) in enumerate(self.faults):
            if (kind, place, end_us) == (fact.kind, fact.place, None):
                self.faults[number] = (kind, place, began_us, at_us)
                return
