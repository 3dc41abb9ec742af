"""Rules that both kinds of scenario share.

What a scenario says must happen, or be refused: a fault after the end, a storm that never reaches its own
threshold and a bundle that no contact carries are mistakes, not no-ops.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from twin.scenario.errors import Key, RuleError
from twin.scenario.fault_parts import RANDOM_US, AtInstant
from twin.scenario.faults import Fault, onset_us
from twin.units import format_duration

if TYPE_CHECKING:
    from twin.scenario.model import ScenarioCore

EARLIER: Final = "choose an earlier instant or a longer duration"


def check_listed_once(scenario: ScenarioCore) -> None:
    """Raise `RuleError` when a guarantee is listed twice."""
    for key, times in Counter(scenario.listed_guarantees).items():
        if times > 1:
            raise RuleError(f"{key} is listed {times} times", "list it once", ("guarantees",))


def check_onset(scenario: ScenarioCore, fault: Fault, key: Key) -> None:
    """Raise `RuleError` when a fault sets in after the end of generation, or a random instant has no room before."""
    if isinstance(fault, AtInstant) and fault.at_us == RANDOM_US:
        needs_us = fault.earliest_us + fault.lasts_us
        if needs_us >= scenario.duration_us:
            room, run = format_duration(needs_us), format_duration(scenario.duration_us)
            rule = f"a random instant needs {room} of room, and the run generates data for {run}"
            raise RuleError(rule, "shorten the fault, or choose a longer duration", (*key, "at"))
    elif onset_us(fault) >= scenario.duration_us:
        name = "from" if hasattr(fault, "from_us") else "at"
        rule = f"sets in after the end, {format_duration(scenario.duration_us)}"
        raise RuleError(rule, EARLIER, (*key, name))
