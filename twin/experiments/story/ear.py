"""What is heard of one subject: steps, in the order in which they began."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

from twin.experiments.story.letters import Letter, Said, about, called, of_device
from twin.experiments.story.subject import Subject

_LAST: Final = 14
"""Messages that are kept where a story is about a place."""


@dataclass(eq=False)
class Heard:
    """One step that concerns a subject; `like` is what such steps are called together."""

    kind: Literal["note", "message", "crash", "restart"]
    source: str
    target: str
    at_us: int
    text: str
    like: str
    weight: int
    end_us: int | None = None
    lost: str = ""


@dataclass(eq=False)
class Ear:
    """What is heard of one subject; `others` counts the copies that had nothing to do with it."""

    subject: Subject
    heard: list[Heard] = field(default_factory=list)
    last: deque[Heard] = field(default_factory=lambda: deque(maxlen=_LAST))
    others: int = 0
    passed: int = 0

    @property
    def over(self) -> int:
        """The instant at which the statement broke: what comes later is no cause."""
        return self.subject.evidence.at_us

    def note(self, at_us: int, party: str, said: Said) -> Heard:
        """Something that a party did."""
        heard = Heard("note", party, party, at_us, said.text, said.kind, said.weight)
        self.heard.append(heard)
        return heard

    def message(self, at_us: int, source: str, target: str, said: Said) -> Heard:
        """Something that left for another."""
        heard = Heard("message", source, target, at_us, said.text, said.kind, said.weight)
        self.passed += at_us <= self.over
        if at_us <= self.over:
            (self.last if self.subject.stream is None else self.heard).append(heard)
        return heard

    def of_copy(self, letter: Letter | None, source: str, target: str) -> Said | None:
        """What a copy on a link says, None if it does not concern the subject."""
        if self.subject.watched is not None:
            return of_device(letter, self.subject.watched[0])
        if self.subject.stream is None:
            where = self.subject.evidence.where
            return called(letter) if where in (source, target, f"{source}->{target}") else None
        return None if letter is None else about(letter, self.subject)
