"""One run of a case: the first statement that broke, if any."""

from __future__ import annotations

import gc
import tempfile
import traceback
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from twin.experiments.mission import Roles
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.guarantees.verdict import Evidence
from twin.hosts.full_disk import FULL, sqlite_speaks_as_the_system
from twin.hunt.case import Case
from twin.scenario import ScenarioError
from twin.world.timescales import us_to_utc

RAISED: Final = "raised"
"""What stands in the place of a guarantee where the code under test raised an exception: that breaks them all."""


COLLECT_EVERY: Final = 10
"""Runs: each is one large cycle, and the collector, on its own, waits for hundreds of them."""
_runs = count(1)


class Broken(NamedTuple):
    """What broke in a run: a guarantee's key or `RAISED`, and the first evidence."""

    statement: str
    what: str
    record: str = ""
    at_utc: str = ""
    where: str = ""

    @property
    def text(self) -> str:
        """One line."""
        parts = [self.what, self.record, self.at_utc, self.where and f"at {self.where}"]
        return " ".join(f"{self.statement}: {', '.join(part for part in parts if part)}".split())

    def is_like(self, other: Broken | None) -> bool:
        """Whether the same broke: one guarantee, or one kind of exception in one place."""
        if other is None or self.statement != RAISED:
            return other is not None and self.statement == other.statement
        kind, other_kind = (broken.what.partition(":")[0] for broken in (self, other))
        return (self.statement, kind, self.where) == (other.statement, other_kind, other.where)


def build(case: Case) -> None:
    """Build a case and run nothing.

    Raises:
        ScenarioError: the case is no scenario, or asks for what no plan can carry.
        OSError: this computer's disk takes no more.
    """
    with tempfile.TemporaryDirectory(prefix="twin-hunt-") as folder, sqlite_speaks_as_the_system():
        prepare(case.scenario, Path(folder))


def trial(case: Case, roles: Roles | None = None) -> Broken | None:
    """Run a case to its end; what broke, None if all held.

    Of several the first in the order in which the scenario lists them, else any that is checked without being listed.
    A guarantee that was never asked is not broken: chance draws what happens.

    Args:
        roles: other machines than the production ones (planted bugs).

    Raises:
        ScenarioError: the case is no scenario, or asks for what no plan can carry.
        OSError: this computer's disk takes no more.
        MemoryError: nor does its memory.
    """
    scenario = case.scenario
    with tempfile.TemporaryDirectory(prefix="twin-hunt-") as folder:
        try:
            with sqlite_speaks_as_the_system():
                mission = prepare(scenario, Path(folder), roles)
                drive(mission, Progress(mission, quiet=True))
        except (ScenarioError, MemoryError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            return Broken(RAISED, f"{type(error).__name__}: {error}", where=f"{place} in {frame.name}")
    listed = scenario.listed_guarantees
    found: dict[str, Evidence] = {c.key: c.first for c in mission.checkers if c.violations and c.first is not None}
    broken = next((key for key in (*listed, *found) if key in found), None)
    if not next(_runs) % COLLECT_EVERY:
        gc.collect()
    if broken is None:
        return None
    first = found[broken]
    return Broken(broken, first.what, first.record, us_to_utc(first.at_us), first.where)
