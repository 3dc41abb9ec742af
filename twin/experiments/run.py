"""Runs one scenario, from the first event through the drain to the last verdict; writes what it leaves."""

from __future__ import annotations

import gc
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from twin.experiments import bare, habitat
from twin.experiments.interrupt import Interrupt
from twin.experiments.mission import Mission, Roles
from twin.experiments.outcome import Outcome, write_result
from twin.experiments.own_sky import own_sky
from twin.experiments.progress import Progress
from twin.experiments.story.listener import Listener
from twin.experiments.story.subject import subject_of
from twin.experiments.story.telling import tell
from twin.hosts.dispatcher import Observer
from twin.hosts.full_disk import sqlite_speaks_as_the_system
from twin.result import Result
from twin.result_schema import SCHEMA
from twin.result_story import Story
from twin.scenario.errors import ScenarioError
from twin.scenario.model import HabitatScenario, Scenario
from twin.trace import GenerationEnded

GC_ALLOCATIONS = 10_000
RECHECK_US = 60_000_000
LEAVES = ("result.json", "report.html", "tables", "earth.sqlite", "earth-backup.sqlite", "registry.json", "mars")
_WORK = ".partial"


def run(
    scenario: Scenario,
    out: Path | str | None = None,
    quiet: bool = True,
    render: Callable[[Path], object] | None = None,
    roles: Roles | None = None,
    observer: Observer | None = None,
) -> Result:
    """Run a scenario and read its result back.

    Args:
        out: the run's own folder, made anew; None: `reports/<name>`.
        quiet: no progress bar, whatever the terminal.
        render: called with the folder once the results stand in it (`twin.report.render`).
        roles: other machines than the production ones (planted bugs).
        observer: sees every call of a machine (transcripts).

    Ctrl-C ends a run early: what it left until then is written and says so. One that comes while results
    are written waits until they are.

    Raises:
        ScenarioError: the folder cannot be written, or belongs to something else.
        OSError: the disk takes no more; nothing is left, an earlier run is as it was.
        KeyboardInterrupt: a second Ctrl-C; nothing is left.
    """
    folder = Path(out) if out is not None else Path("reports") / scenario.name
    with Interrupt() as interrupt:
        with own_sky(scenario), _fresh_folder(folder) as work, sqlite_speaks_as_the_system():
            mission = prepare(scenario, work, roles, observer)
            outcome = drive(mission, Progress(mission, quiet), interrupt)
            stories = {} if outcome.interrupted else _stories(scenario, mission, work, roles, quiet, interrupt)
            write_result(scenario, mission, outcome, work, stories)
            if render is not None:
                render(work)
        result = Result.load(folder)
    if interrupt.noted and not outcome.interrupted:
        raise KeyboardInterrupt
    return result


def prepare(scenario: Scenario, folder: Path, roles: Roles | None = None, observer: Observer | None = None) -> Mission:
    """Build a scenario's mission into an existing folder."""
    (folder / "tables").mkdir()
    build = habitat.build if isinstance(scenario, HabitatScenario) else bare.build
    with own_sky(scenario):
        return build(scenario, folder, roles or Roles(), observer)  # type: ignore[arg-type]


def drive(
    mission: Mission, progress: Progress, interrupt: Interrupt | None = None, until_us: int | None = None
) -> Outcome:
    """From the first event to the last verdict, until an interrupt, or until all that is due at `until_us` is over."""
    host = mission.host
    if interrupt is None:
        interrupt = Interrupt()
    stop = host.env.event()
    interrupted = False

    def silence() -> None:
        host.trace.emit(host.now_us, "world", GenerationEnded())
        host.call_in(0, recheck)

    def recheck() -> None:
        deadline_us = mission.deadline_us()
        limit_us = mission.plan_end_us if deadline_us is None else deadline_us
        if not stop.triggered and (mission.home() or host.now_us >= limit_us):
            stop.succeed()
        elif not stop.triggered:
            host.call_in(min(RECHECK_US, max(1, limit_us - host.now_us)), recheck)

    def end_early() -> None:
        nonlocal interrupted
        if not stop.triggered:
            interrupted = True
            stop.succeed()

    host.call_at(mission.generation_end_us, silence)
    if until_us is not None:
        host.call_at(until_us + 1, end_early)
    interrupt.stops(lambda: host.call_in(0, end_early))
    # what the build left is not garbage, and a run makes no cycles to speak of: the collector looks seldom
    gc.freeze()
    thresholds = gc.get_threshold()
    gc.set_threshold(GC_ALLOCATIONS, *thresholds[1:])
    begun = time.perf_counter()
    try:
        with progress:
            host.env.run(until=stop)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
    host.trace.flush()
    complete = not interrupted
    for prepare_finish in mission.before_finish:
        prepare_finish(complete)
    counts = {hop.link: hop.in_flight for hop in mission.hops()}
    mission.conservation.link_counts = counts
    for checker in mission.checkers:
        checker.finish(host.now_us)
    wall_s = time.perf_counter() - begun
    for close in mission.closers:
        close(host.now_us)
    return Outcome(interrupted=interrupted, wall_s=wall_s, end_us=host.now_us)


def _stories(
    scenario: Scenario, mission: Mission, work: Path, roles: Roles | None, quiet: bool, interrupt: Interrupt
) -> dict[str, Story]:
    """What broke, told by a second run up to the last violation; a run that holds has none, and pays nothing.

    A story whose violation does not come again in the same way is not told: the code under test is no function of
    scenario and seed.
    """
    broken = {c.key: c.first for c in mission.checkers if c.violations and c.first is not None}
    if not broken:
        return {}
    listener = Listener(scenario, {key: subject_of(first) for key, first in broken.items()})
    with TemporaryDirectory(dir=work, prefix="again-") as folder:
        again = prepare(scenario, Path(folder), roles, listener.observe)
        listener.attach(again)
        drive(again, Progress(again, quiet), interrupt, max(first.at_us for first in broken.values()))
    same = {checker.key for checker in again.checkers if checker.first == broken.get(checker.key)}
    return {key: story for key, story in tell(scenario, listener).items() if key in same}


@contextmanager
def _fresh_folder(folder: Path) -> Iterator[Path]:
    """A work folder inside `folder`; at the end its contents take the place of an earlier run's.

    When the run fails instead, nothing half-written stays, and an earlier run is as it was.
    """
    if folder.exists() and not folder.is_dir():
        raise _refused(folder, "is not a folder", "name another folder")
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    work = folder / _WORK
    try:
        if not made and not _is_run(folder):
            rule = "a run's folder must be new, empty or an earlier run's"
            raise _refused(folder, rule, "name another folder")
        if work.exists():
            shutil.rmtree(work)
        work.mkdir(parents=True)
    except OSError as problem:
        _remove(made)
        rule = f"cannot be written: {(problem.strerror or str(problem)).lower()}"
        raise _refused(folder, rule, "name a folder that you may write to") from problem
    try:
        yield work
        for leaf in LEAVES:
            _discard(folder / leaf)
        for path in sorted(work.iterdir()):
            path.rename(folder / path.name)
        work.rmdir()
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        _remove(made)
        raise


def _is_run(folder: Path) -> bool:
    """Whether a folder is empty (but for what a killed run left) or holds an earlier run, be it half replaced."""
    names = {entry.name for entry in os.scandir(folder)}
    if not names or (_WORK in names and names <= {_WORK, *LEAVES}):
        return True
    try:
        document = json.loads((folder / "result.json").read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return False
    family = SCHEMA.rpartition("/")[0]
    return isinstance(document, dict) and str(document.get("schema")).startswith(family)


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove(made: list[Path]) -> None:
    """Take back the folders that this run made, innermost first, as far as they are empty."""
    for path in made:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _refused(folder: Path, rule: str, remedy: str) -> ScenarioError:
    return ScenarioError(f"output {folder}", rule, "--out", remedy)
