"""Faults of strangers: somebody in reach of a node, or a part of its own host, says senseless things to it."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from twin.scenario.errors import RuleError
from twin.scenario.fault_parts import ForAWhile
from twin.scenario.fields import NodeName, PositiveDurationUs, setting
from twin.units import format_duration

SHORTEST_US: Final = 1_000_000


class Babble(ForAWhile):
    """Every so often a node is told one thing that makes no sense, most often what was really said, to it or to
    another, and was altered: it must refuse it.

    A word is cut, has bytes behind its end or one byte changed, comes from a sender who is not its own, is of a kind
    that is not for the node, or has fields of a wrong type, value or number; a bundle is altered in one of its blocks
    as well, or sealed under the right hop key with something senseless inside (a peer whose software is broken).
    Frames, acks and checkpoints are signed by the right key, and nobody can read or follow them. The node's own host
    answers what it never asked, and operators bring hop keys that cannot be. The local network names senders rightly
    and changes no unsigned word: one that would be believed is never said in a neighbour's name (that would be a
    lying node). On Earth the gateway checks no signature of the auditor, so none of its words is changed into another
    that could be read. To a bundle node whole bundles are said whose blocks or payloads are not for it; no payload is
    changed and sealed anew, as nothing there proves who made it.
    """

    kind: Literal["babble"]
    node: NodeName = Field(description="Who hears it: edge-1 to edge-N, gateway, auditor, a device; or a bundle node.")
    every_us: PositiveDurationUs = setting("20 s", "Time from one to the next.", source="assumed: some for each report")

    @property
    def place(self) -> str:
        return self.node

    @property
    def detail(self) -> str:
        return f"every {format_duration(self.every_us)}"

    @model_validator(mode="after")
    def _no_flood(self) -> Babble:
        if self.every_us < SHORTEST_US:
            raise RuleError("is a flood, and this fault is about what is said", "write 1 s or more", ("every",))
        return self
