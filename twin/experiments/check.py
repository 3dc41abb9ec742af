"""Scenarios as tests: run each with one or more seeds, and tell what broke and how to see it again."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

from twin.experiments.against import Against, told
from twin.experiments.junit import RAISED, REFUSED, NotRun, junit_file, write_junit
from twin.experiments.outcome import replay_command
from twin.experiments.run import run
from twin.experiments.whole_file import WholeFile
from twin.experiments.workers import workers
from twin.hosts.full_disk import FULL
from twin.margins.baseline import Held, baseline_text, not_run, read_baseline
from twin.result import Result
from twin.result_text import evidence, one_line
from twin.scenario.document import read_document
from twin.scenario.errors import ScenarioError
from twin.scenario.load import load_scenario
from twin.scenario.model import Scenario

HELD: Final = 0
BROKEN: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
_ENDINGS: Final = frozenset({".yaml", ".yml"})


def check(
    paths: Sequence[Path],
    seeds: int = 1,
    junit: Path | None = None,
    jobs: int = 1,
    against: Against | None = None,
    write_baseline: Path | None = None,
) -> int:
    """Run scenarios and print one line per run, with evidence under every guarantee that broke.

    Nothing runs before every file is known to be a scenario. One that asks for what cannot be (more than its disks or
    links hold, a recording that is not there) is refused when its turn comes, and the others run; so they do when the
    code of a run raises. What runs leave goes to a temporary folder and is gone afterwards.

    Args:
        paths: scenario files, or folders with scenario files somewhere below.
        seeds: runs per scenario: its own seed, then the ones that follow.
        junit: where to write a JUnit report; None: nowhere.
        jobs: processes that run at the same time; the order of what is printed does not depend on it.
        against: margins that the runs are held against.
        write_baseline: where to write the margins of these runs, if every one held; None: nowhere.

    Returns:
        0 if every run held and lost no margin, 1 if one did not or raised, 2 for bad input (one line on stderr for
        each; a baseline is not written then), 130 if interrupted.

    Raises:
        ScenarioError: the report cannot be written, or the disk takes no more.
    """
    planned: list[Scenario] = []
    refused = False
    for path in paths:
        try:
            for file in scenario_files(path):
                own = load_scenario(file)
                planned += [own, *(load_scenario(file, (), own.seed + more) for more in range(1, seeds))]
        except ScenarioError as error:
            print(f"twin: {error}", file=sys.stderr)
            refused = True
    if refused:
        return BAD_INPUT
    if against is not None or write_baseline is not None:
        _refuse_namesakes(planned)
    if against is not None:
        against.refuse_strangers(planned)
    if junit is not None:
        junit_file(junit).refuse_unwritable()
    if write_baseline is not None:
        _baseline_file(write_baseline).refuse_unwritable()
    results: list[Result] = []
    held_against: dict[int, Held] = {}
    failed: list[NotRun] = []
    try:
        for result in _runs(planned, jobs):
            if isinstance(result, NotRun):
                failed.append(result)
                print(f"twin: {result.details}", file=sys.stderr)
                continue
            results.append(result)
            print(one_line(result.document), flush=True)
            for guarantee in result.guarantees:
                _print_told(guarantee.key, evidence(guarantee, result.document))
            if against is not None and not result.document.interrupted:
                held_against[len(results) - 1] = compared = against.hold(result.document)
                for key, lines in told(compared):
                    _print_told(key, lines)
    except KeyboardInterrupt:
        interrupted = True
    else:
        interrupted = bool(results) and results[-1].document.interrupted
    if junit is not None:
        write_junit([result.document for result in results], junit, held_against, failed)
    held = sum(result.verdict == "held" for result in results)
    left_out = f", {len(planned) - len(results)} not run" if len(planned) > len(results) else ""
    lost = [compared for compared in held_against.values() if not compared.passed]
    print(f"{held} of {len(results)} runs held{left_out}")
    if against is not None:
        for line in against.summary(list(held_against.values()), planned):
            print(line)
    if interrupted:
        print("twin: interrupted", file=sys.stderr)
        return INTERRUPTED
    if held < len(results) or failed or lost:
        if write_baseline is not None:
            why = "a margin was lost" if held == len(planned) else "a run did not hold"
            print(f"twin: baseline {write_baseline} is not written: {why}", file=sys.stderr)
        return BAD_INPUT if any(one.kind == REFUSED for one in failed) else BROKEN
    if write_baseline is not None:
        dropped = _only_in(write_baseline, planned)
        _baseline_file(write_baseline).write(baseline_text([result.document for result in results]).encode())
        print(f"baseline: {write_baseline}{f'; not in it any more: {dropped}' if dropped else ''}")
    return HELD


def _print_told(key: str, lines: Iterable[str]) -> None:
    for number, line in enumerate(lines):
        print(f"    {line}" if number else f"  {key}: {line}", flush=True)


def _baseline_file(path: Path) -> WholeFile:
    return WholeFile(path, "baseline", "--write-baseline")


def _only_in(path: Path, planned: Sequence[Scenario]) -> str:
    """Runs that an earlier baseline knows and the next will not; empty if there is none that can be read."""
    try:
        earlier = read_baseline(path)
    except ScenarioError:
        return ""
    return "; ".join(not_run(earlier, [(scenario.name, scenario.seed) for scenario in planned]))


def _refuse_namesakes(planned: Sequence[Scenario]) -> None:
    """A baseline knows scenarios by name."""
    files: dict[str, str] = {}
    for scenario in planned:
        path = scenario.origin.path if scenario.origin is not None else ""
        other = files.setdefault(scenario.name, path)
        if other != path:
            rule = f"{other} has the same name, and a baseline knows scenarios by name"
            raise ScenarioError(f"scenario {scenario.name}", rule, path, "give one of them another name")


def scenario_files(path: Path) -> Iterator[Path]:
    """The scenario files that a path means: itself, or in a folder every YAML file below that has a `name`.

    Hidden folders are passed over, and files without a name: they are there to be extended.

    Raises:
        ScenarioError: the folder holds none, or one that cannot be read.
    """
    if not path.is_dir():
        yield path
        return
    count = 0
    for folder, below, names in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder, name)
            if file.suffix in _ENDINGS and "name" in read_document(file).value:
                yield file
                count += 1
    if not count:
        remedy = "name a scenario file, or a folder of them"
        raise ScenarioError(f"folder {path}", "holds no scenario", str(path), remedy)


def run_once(scenario: Scenario, folder: Path, quiet: bool = True) -> Result:
    """One run in a temporary folder, which is gone afterwards: its tables are of no use to anybody here.

    Raises:
        ScenarioError: the scenario asks for what cannot be, or the disk takes no more.
    """
    try:
        result = run(scenario, folder, quiet=quiet)
    except OSError as error:
        if error.errno not in FULL:
            raise
        subject, rule = f"folder {folder.parent}", os.strerror(error.errno).lower()
        remedy = "make room there, or name another folder for temporary files in TMPDIR"
        raise _NoRoomError(subject, rule, f"run of {scenario.name}, seed {scenario.seed}", remedy) from error
    shutil.rmtree(folder)
    gc.collect()  # a run that is over is one large cycle, and the collector, on its own, waits for hundreds of them
    return result


class _NoRoomError(ScenarioError):
    """The disk takes no more: no matter of one scenario."""


def _runs(planned: Sequence[Scenario], jobs: int) -> Iterator[Result | NotRun]:
    """Results in order, up to the first that was interrupted."""
    with tempfile.TemporaryDirectory(prefix="twin-check-") as temporary:
        folders = [Path(temporary, f"run-{number}") for number in range(len(planned))]
        if jobs == 1:
            results = map(_one, planned, folders)
            yield from _up_to_interrupt(results)
            return
        try:
            with workers(jobs) as pool:
                yield from _up_to_interrupt(pool.map(_one, planned, folders))
        except BrokenProcessPool as error:
            remedy = "give it more memory, or fewer processes"
            raise ScenarioError("twin check", "a process was killed", "--jobs", remedy) from error


def _one(scenario: Scenario, folder: Path) -> Result | NotRun:
    try:
        return run_once(scenario, folder, quiet=multiprocessing.parent_process() is not None)
    except _NoRoomError:
        raise
    except ScenarioError as error:
        return NotRun(scenario.name, scenario.seed, REFUSED, str(error), str(error))
    except MemoryError:
        raise  # of this computer, not of the code
    except Exception as error:
        why = f"{scenario.name}, seed {scenario.seed}, raised {type(error).__name__}: {error}"
        trace = "".join(traceback.format_exception(error)).rstrip()
        details = f"{why}\n{trace}\nreplay: {replay_command(scenario)}"
        return NotRun(scenario.name, scenario.seed, RAISED, why, details)


def _up_to_interrupt(results: Iterator[Result | NotRun]) -> Iterator[Result | NotRun]:
    for result in results:
        yield result
        if not isinstance(result, NotRun) and result.document.interrupted:
            return
