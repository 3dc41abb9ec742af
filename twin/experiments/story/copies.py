"""Copies on links, from where they leave to where they arrive or are lost, and whether their receiver refuses them.

What a copy holds is known because the carrier of an effect numbers its copies while it carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from twin.experiments.story.ear import Ear, Heard
from twin.experiments.story.letters import MAIN, MINOR, Letters, Said
from twin.experiments.story.subject import Subject
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.facts import Rejected
from twin.pipeline.machine import Effect, Report, Send, Transmit
from twin.trace import HopDelivered, HopLost, HopSent, Injected

DUPLICATE: Final = " (duplicate)"
"""Ends the text of a copy that a fault made of another."""
_BUNDLE: Final = b"\x9f"
_KNOWN_BY_BYTES: Final = 1 << 32  # a smaller device id is written in fewer than its 8 bytes

Copy = tuple[str, int]


class Copies:
    """Follows the copies that say something to one of `ears`."""

    def __init__(self, ears: Mapping[str, Ear], letters: Letters) -> None:
        self._ears = ears
        self._letters = letters
        self._sending: dict[str, Said] = {}
        self._flying: dict[Copy, list[tuple[Ear, Heard]]] = {}
        self._landed: dict[str, list[tuple[Ear, Heard]]] = {}
        self._injected: dict[Copy, tuple[str, int]] = {}
        self._strange: dict[str, tuple[str, str, int]] = {}
        self._newest: dict[str, tuple[int, int]] = {}

    def attach(self, host: SimulatedHost) -> None:
        """Listen on every link of a host."""
        for kind in (Send, Transmit):
            if kind in host.carriers:
                host.carriers[kind] = self._carried(host.carriers[kind])
        for fact, handler in (
            (HopSent, self._sent),
            (HopDelivered, self._delivered),
            (HopLost, self._lost),
            (Injected, self._was_injected),
        ):
            host.trace.subscribe(fact, handler)

    def _carried(self, carrier: Callable[[str, Any], None]) -> Callable[[str, Any], None]:
        def carry(node: str, effect: Send | Transmit) -> None:
            target = effect.destination if isinstance(effect, Send) else effect.neighbour
            self._sending = self._said(effect.data, node, target)
            carrier(node, effect)
            self._sending = {}

        return carry

    def _said(self, data: bytes, source: str, target: str) -> dict[str, Said]:
        """What bytes say to each ear that they concern."""
        if not any(self._may_concern(ear.subject, data, source, target) for ear in self._ears.values()):
            return {}
        letter = self._letters.read(data)
        found = {key: ear.of_copy(letter, source, target) for key, ear in self._ears.items()}
        return {key: said for key, said in found.items() if said is not None}

    def _may_concern(self, subject: Subject, data: bytes, source: str, target: str) -> bool:
        """Cheap: whether a device's id stands in a datagram at all. Bundles are few, and mostly sealed."""
        if data[:1] == _BUNDLE:
            return True
        if subject.watched is not None:
            return subject.watched[0].to_bytes(8, "big") in data
        if subject.stream is None:
            return subject.evidence.where in (source, target, f"{source}->{target}")
        devices = {subject.stream.device, *(record.device for record in subject.follows)}
        return any(device < _KNOWN_BY_BYTES or device.to_bytes(8, "big") in data for device in devices)

    def _sent(self, at_us: int, node: str, fact: HopSent) -> None:
        self._newest[fact.link] = (fact.hop, at_us)
        said = self._sending
        target = fact.link.partition("->")[2]
        for key, ear in self._ears.items():
            if key not in said:
                ear.others += at_us <= ear.over
                continue
            heard = ear.message(at_us, node, target, said[key])
            said[key] = said[key]._replace(text=_again(said[key].text))
            self._flying.setdefault((fact.link, fact.hop), []).append((ear, heard))

    def _was_injected(self, _at_us: int, _node: str, fact: Injected) -> None:
        number, at_us = self._newest[fact.link]
        self._injected[fact.link, number] = (fact.kind, at_us)

    def _delivered(self, at_us: int, node: str, fact: HopDelivered) -> None:
        copy = (fact.link, fact.hop)
        for ear, heard in self._flying.pop(copy, ()):
            heard.end_us = at_us
            self._landed.setdefault(node, []).append((ear, heard))
        if copy in self._injected:
            self._strange[node] = (fact.link.partition("->")[0], *self._injected.pop(copy))

    def _lost(self, at_us: int, _node: str, fact: HopLost) -> None:
        for _, heard in self._flying.pop((fact.link, fact.hop), ()):
            heard.end_us, heard.lost = at_us, fact.cause

    def took(self, now_us: int, node: str, data: bytes, effects: list[Effect]) -> None:
        """A machine took what came in: what it was, and whether it was refused at once."""
        landed = self._landed.pop(node, [])
        stranger = self._strange.pop(node, None)
        if stranger is not None:
            source, kind, sent_us = stranger
            for key, said in self._said(data, source, node).items():
                ear = self._ears[key]
                heard = ear.message(sent_us, source, node, Said(f"{_words(kind)}: {said.text}", said.kind, MAIN))
                heard.end_us = now_us
                landed.append((ear, heard))
        if not landed:
            return
        for fact in (effect.fact for effect in effects if isinstance(effect, Report)):
            if isinstance(fact, Rejected):
                for ear, heard in landed:
                    if ear.subject.is_a_place:
                        continue
                    weight = MAIN if heard.weight == MAIN else MINOR
                    ear.note(now_us, node, Said(f"refuses it: {fact.reason}", "refusals", weight))


def _again(text: str) -> str:
    return text if text.endswith(DUPLICATE) else f"{text}{DUPLICATE}"


def _words(kind: str) -> str:
    return kind.replace("_", " ")
