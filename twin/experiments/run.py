"""Runs one scenario: from the first event through the drain to the last verdict, and writes what it leaves."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.experiments import bare, habitat
from twin.experiments.mission import Mission, Roles
from twin.experiments.outcome import Outcome, write_result
from twin.experiments.progress import Progress
from twin.hosts.dispatcher import Observer
from twin.result import Result
from twin.scenario.errors import ScenarioError
from twin.scenario.model import HabitatScenario, Scenario
from twin.trace import GenerationEnded

RECHECK_US = 60_000_000


def run(
    scenario: Scenario,
    out: Path | None = None,
    quiet: bool = True,
    report: bool = False,
    roles: Roles | None = None,
    observer: Observer | None = None,
) -> Result:
    """Run a scenario and read its result back.

    Args:
        out: the run's own folder, made anew; None: `reports/<name>`.
        quiet: no progress bar, whatever the terminal.
        report: whether to write `report.html` too.
        roles: other machines than the production ones (planted bugs).
        observer: sees every call of a machine (transcripts).

    Raises:
        ScenarioError: the folder cannot be written, or belongs to something else.
    """
    folder = out if out is not None else Path("reports") / scenario.name
    with _fresh_folder(folder) as work:
        mission = prepare(scenario, work, roles, observer)
        outcome = drive(mission, Progress(mission, quiet))
        write_result(scenario, mission, outcome, work)
        if report:
            from twin.report import render

            render(work)
    return Result.load(folder)


def prepare(scenario: Scenario, folder: Path, roles: Roles | None = None, observer: Observer | None = None) -> Mission:
    """Build a scenario's mission into an existing folder."""
    (folder / "tables").mkdir()
    build = habitat.build if isinstance(scenario, HabitatScenario) else bare.build
    return build(scenario, folder, roles or Roles(), observer)  # type: ignore[arg-type]


def drive(mission: Mission, progress: Progress) -> Outcome:
    """From the first event to the last verdict."""
    host = mission.host
    stop = host.env.event()

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

    host.call_at(mission.generation_end_us, silence)
    interrupted = False
    gc.freeze()  # what the build left is not garbage: spare the collector from walking it
    begun = time.perf_counter()
    try:
        with progress:
            host.env.run(until=stop)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        gc.unfreeze()
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


@contextmanager
def _fresh_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` that takes its place when the run is written; nothing half-written stays behind."""
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / "result.json").is_file())):
        raise ScenarioError(
            f"{folder}: a run's folder must be new, empty or an earlier run's (--out); name another folder"
        )
    work = folder.with_name(f".{folder.name}.partial")
    try:
        if work.exists():
            shutil.rmtree(work)
        work.mkdir(parents=True)
    except OSError as problem:
        raise ScenarioError(
            f"{folder}: cannot be written: {problem.strerror} (--out); name a folder that you may write to"
        ) from problem
    try:
        yield work
        if folder.exists():
            shutil.rmtree(folder)
        work.rename(folder)
    finally:
        if work.exists():
            shutil.rmtree(work)


def exit_code_of(results: list[Result]) -> int:
    """0 if every run held, else 1; 130 if one was interrupted."""
    codes = [result.exit_code for result in results]
    return 130 if 130 in codes else max(codes, default=0)


