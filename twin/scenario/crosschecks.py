"""Rules that both kinds of scenario share.

What a scenario says must happen, or be refused: a fault after the end, a storm that never reaches its own
threshold and a bundle that no contact carries are mistakes, not no-ops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from twin.scenario.errors import Key, RuleError
from twin.scenario.fault_parts import RANDOM_US, AtInstant
from twin.scenario.fault_rules import random_span_us, takes_us
from twin.scenario.faults import Fault, onset_us
from twin.units import format_duration

if TYPE_CHECKING:
    from twin.scenario.model import ScenarioCore

EARLIER: Final = "choose an earlier instant or a longer duration"


def check_listed_once(scenario: ScenarioCore) -> None:
    """Raise `RuleError` when a guarantee is listed twice."""
    calm = (choice.key for choice in scenario.hunt.calm)
    places: tuple[tuple[Iterable[str], Key], ...] = (
        (scenario.listed_guarantees, ("guarantees",)),
        (calm, ("hunt", "calm")),
    )
    for keys, place in places:
        for key, times in Counter(keys).items():
            if times > 1:
                raise RuleError(f"{key} is listed {times} times", "list it once", place)


def check_onset(scenario: ScenarioCore, fault: Fault, key: Key, edges: tuple[str, ...] = ()) -> None:
    """Raise `RuleError` when a fault sets in after the end of generation, or a random instant has no room before.

    Args:
        edges: the edge nodes' names, of a habitat.
    """
    by_instant = isinstance(fault, AtInstant) and fault.at_us is not None
    if isinstance(fault, AtInstant) and fault.at_us == RANDOM_US:
        first_us, end_us = random_span_us(fault, edges, scenario.duration_us)
        if end_us <= first_us:
            needs = format_duration(fault.earliest_us + takes_us(fault, edges))
            rule = f"a random instant needs {needs} of room, and the run generates data for "
            rule += format_duration(scenario.duration_us)
            if fault.until_us is not None or fault.from_us:
                until = "its end" if fault.until_us is None else format_duration(fault.until_us)
                rule += f", of which it has from {format_duration(fault.from_us or 0)} until {until}"
            raise RuleError(rule, "shorten the fault, or give it more time", (*key, "at"))
    elif onset_us(fault) >= scenario.duration_us:
        name = "at" if by_instant else "from"
        rule = f"sets in after the end, {format_duration(scenario.duration_us)}"
        raise RuleError(rule, EARLIER, (*key, name))
