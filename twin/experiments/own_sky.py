"""The sky of a scenario: what is computed from it comes from the kernel that the scenario names.

A scenario that names none has the built-in table, whatever was in force around it: the same scenario always gives the
same plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.scenario.errors import Key, ScenarioError
from twin.scenario.model import HabitatScenario, Scenario
from twin.world.ephemeris import computed_from, in_force
from twin.world.ephemeris_table import EphemerisTable, built_in
from twin.world.kernel import KernelError, read_kernel


@contextmanager
def own_sky(scenario: Scenario) -> Iterator[None]:
    """Until the end of the block, all of the sky is the scenario's own; blocks inside each other read a kernel once.

    Raises:
        ScenarioError: the kernel cannot be used.
    """
    kernel = scenario.kernel if isinstance(scenario, HabitatScenario) else None
    place = "the scenario" if scenario.origin is None else scenario.origin.path
    with sky_from(None if kernel is None else Path(kernel), place, ("kernel",)):
        yield


@contextmanager
def sky_from(kernel: Path | None, place: str, key: Key = ()) -> Iterator[None]:
    """Until the end of the block, the sky comes from a kernel that was named at a place; None: the built-in table.

    Raises:
        ScenarioError: the kernel cannot be used.
    """
    with computed_from(_table(kernel, place, key)):
        yield


def told_sky() -> tuple[str, ...]:
    """A word on what gives the sky now, where it is not the built-in table."""
    table = in_force()
    if table.path is None:
        return ()
    return (f"Earth, Mars and Sun are those of {table.name}, coefficients sha256 {table.sha256}",)


def _table(kernel: Path | None, place: str, key: Key) -> EphemerisTable:
    if kernel is None:
        return built_in()
    if in_force().path == kernel:
        return in_force()
    try:
        return read_kernel(kernel)
    except KernelError as error:
        rule, _, remedy = str(error).rpartition("; ")
        raise ScenarioError(f"kernel {kernel}", rule, place, remedy, key) from error
