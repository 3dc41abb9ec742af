"""Overload: more data than the planned contacts can carry. Reported with its arithmetic before the run, refused
unless allowed.

The load is everything that will be generated; the capacity is what the plan's contacts hold from the start to one sol
after generation ends, in which the run drains. Whether an edge's disk holds what waits is asked elsewhere (`storage`);
a relay that is full costs time. Between bundle nodes only links that a flow cannot go round are counted; what several
ways share shows in the run. A storm that stows the antenna beyond everything that is planned leaves no capacity at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from twin.network.visibility import Window
from twin.pipeline.transport.contact_plan import Contact
from twin.scenario.errors import ScenarioError
from twin.scenario.instants import format_instant
from twin.scenario.model import HabitatScenario, Scenario

MICRO = 1_000_000


class Load(NamedTuple):
    """What one link must carry over the run and what its contacts can, in bits."""

    link: str
    offered_bits: int
    capacity_bits: int


def capacity_bits(contacts: Sequence[Contact], start_us: int, end_us: int) -> int:
    """Bits that contacts carry between two instants."""
    return sum(max(0, min(c.end_us, end_us) - max(c.start_us, start_us)) * c.rate_bps // MICRO for c in contacts)


def refuse_overload(scenario: Scenario, loads: Iterable[Load]) -> None:
    """Stop a scenario whose load no plan can carry.

    Raises:
        ScenarioError: a link is offered more than its contacts hold, and the scenario does not allow it.
    """
    if scenario.overload == "allowed":
        return
    for load in loads:
        if load.offered_bits > load.capacity_bits:
            raise ScenarioError(
                f"load of {load.offered_bits / 8e6:.3f} MB on {load.link}",
                f"its planned contacts carry {load.capacity_bits / 8e6:.3f} MB until one sol after generation ends",
                "the scenario" if scenario.origin is None else scenario.origin.path,
                "generate less, add contacts, or set overload: allowed",
                ("overload",),
            )


def refuse_endless_stow(scenario: HabitatScenario, stows: Sequence[Window], plan_end_us: int) -> None:
    """Stop a scenario whose antenna is still stowed when the planned contacts end: what waits could never come home.

    Relays have antennas of their own above the dust.

    Raises:
        ScenarioError: it is, and the scenario does not allow an overload.
    """
    if scenario.overload == "allowed" or scenario.network.relays or not stows or stows[-1][1] < plan_end_us:
        return
    raise ScenarioError(
        f"antenna stowed by dust from {format_instant(stows[-1][0])} on",
        f"contacts are planned until {format_instant(plan_end_us)}, and it is stowed still",
        "the scenario" if scenario.origin is None else scenario.origin.path,
        "raise above_tau, choose another start or duration, or set overload: allowed",
        ("weather", "dust"),
    )
