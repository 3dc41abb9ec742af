"""When somebody babbles: every so often from a fault's begin to its end, with chance of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from twin.experiments.disturbances import span_of_fault
from twin.faults.resolve import numbered
from twin.hosts.simulated import SimulatedHost
from twin.randomness import stream
from twin.scenario.model import BareScenario, HabitatScenario
from twin.scenario.stranger_faults import Babble

Say = Callable[[Babble, np.random.Generator], None]


def schedule_babble(host: SimulatedHost, scenario: HabitatScenario | BareScenario, say: Say) -> bool:
    """Call `say` with each fault of a resolved scenario at its times, and with its random stream; False: none."""
    faults = [(fault, number) for fault, number in numbered(scenario.faults) if isinstance(fault, Babble)]
    for fault, number in faults:
        random = stream(scenario.seed, "fault", fault.kind, fault.place, str(number), "content")
        from_us, until_us = span_of_fault(scenario, fault)
        host.call_at(from_us, _again, host, say, fault, until_us, random)
    return bool(faults)


def _again(host: SimulatedHost, say: Say, fault: Babble, until_us: int, random: np.random.Generator) -> None:
    say(fault, random)
    if host.now_us + fault.every_us < until_us:
        host.call_in(fault.every_us, _again, host, say, fault, until_us, random)
