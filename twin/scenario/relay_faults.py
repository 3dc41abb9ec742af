"""What befalls a relay orbiter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from twin.scenario.fault_parts import ForAWhile
from twin.scenario.fields import NodeName, setting


class RelaySafeMode(ForAWhile):
    """A relay turns to the Sun and waits: nothing goes in or out; what it holds for others it keeps."""

    kind: Literal["relay_safe_mode"]
    relay: NodeName = Field(description="Which relay.")
    announced: Annotated[bool, Field(strict=True)] = setting(
        False, "Whether the contact plan knows.", source="assumed: a safe mode surprises"
    )

    @property
    def place(self) -> str:
        return self.relay

    @property
    def detail(self) -> str:
        return "in the contact plan" if self.announced else "not in the contact plan"
