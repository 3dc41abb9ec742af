"""The story of a violation, as a run's folder keeps it: who sent what when, what was lost, what broke.

It holds only what concerns the record or stream that the evidence names, up to the instant at which the statement
broke. Instants are house time (`..._us`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    """Keys that a newer writer adds are passed over; values are never converted from text."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class StoryParty(_Part):
    """Who takes part, in the order from the patient to the surgeon; `side` of space, empty for bundle nodes."""

    name: str
    role: str
    side: Literal["mars", "space", "earth", ""]


class StoryStep(_Part):
    """One thing that happened, from `at_us` on.

    A `message` goes from `source` to `target` and arrives at `end_us`, or is `lost` then, for that cause; null: it is
    still under way. A `note` is what a party did or learned. A `crash` lasts until the `restart`. A `fault` shades the
    time until `end_us`, at a party or (empty `source`) on the links between them.
    """

    kind: Literal["note", "message", "crash", "restart", "fault"]
    source: str
    target: str
    at_us: int
    end_us: int | None = None
    text: str
    lost: str = ""


class LeftOut(_Part):
    """How many steps that concern the record are not shown, by what they are."""

    count: int
    what: str


class Story(_Part):
    """The causal past of a violation: `others` counts the messages that had nothing to do with it.

    `broke_at` is the party where the statement broke, empty where it is nobody's alone.
    """

    about: str
    parties: tuple[StoryParty, ...] = Field(strict=False)
    steps: tuple[StoryStep, ...] = Field(strict=False)
    broke_us: int
    broke_at: str
    broke: str
    left_out: tuple[LeftOut, ...] = Field(default=(), strict=False)
    others: int = 0
