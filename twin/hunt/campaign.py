"""Seeds one after the other, by several processes at a time; what breaks is shrunk and kept."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import count
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final, NamedTuple

from tqdm import tqdm

from twin.experiments.mission import Roles
from twin.experiments.workers import workers
from twin.hosts.full_disk import FULL
from twin.hunt.case import Case, Document
from twin.hunt.draw import draw
from twin.hunt.findings import AND_GO_ON, Findings, Former, Found, open_findings, replay
from twin.hunt.page import write_page
from twin.hunt.shrink import TRIALS_MAX, shrink
from twin.hunt.trial import RAISED, Broken, build, trial
from twin.scenario import ScenarioError, load_scenario, read_plain, scenario_of
from twin.scenario.guarantees import PLAIN
from twin.scenario.model import SEED_MAX

AHEAD: Final = 16
"""Seeds that a process may be ahead of the slowest: results come in the order of seeds."""


class Tried(NamedTuple):
    """What a seed came to: its case, what broke, and the smallest case that breaks the same."""

    seed: int
    case: Case
    broken: Broken | None
    smallest: Case
    trials: int
    refused: str = ""
    """Why the case could not be run at all."""


class Tally(NamedTuple):
    """How a campaign went; `wall_s` and `tried` count this sitting alone."""

    findings: Findings
    tried: int
    wall_s: float
    interrupted: bool


def hunt(
    path: Path,
    overrides: tuple[str, ...],
    out: Path,
    seeds: int | None = None,
    time_s: float | None = None,
    jobs: int = 1,
    roles: Roles | None = None,
    render: Callable[[Path], object] | None = None,
) -> Tally:
    """Try the cases of a scenario's seeds: its own, then those that follow; a campaign in `out` is gone on with.

    Args:
        out: the campaign's folder.
        seeds: how many in all; None: until the time is over.
        time_s: how long to hunt; None: until the seeds are over. What a seed comes to does not depend on it.
        jobs: processes at the same time.
        roles: other machines than the production ones (planted bugs).
        render: writes the report of a find's smallest case (`twin.report.render`); None: there is none.

    Raises:
        ScenarioError: no scenario, one without guarantees, or a folder that is something else's.
    """
    own = load_scenario(path, overrides)
    if seeds is not None and own.seed + seeds - 1 > SEED_MAX:
        rule = f"the last of {seeds} seeds from {own.seed} on lies above {SEED_MAX}"
        raise ScenarioError(f"scenario {own.name}", rule, "--seeds", "ask for fewer, or give another first seed")
    if not own.listed_guarantees:
        rule = "lists no guarantee, so that nothing can break"
        raise ScenarioError(f"scenario {own.name}", rule, f"{path}, guarantees", "list what must hold")
    document = read_plain(path, overrides)
    findings = open_findings(out, own)
    begun = time.monotonic()
    until = None if time_s is None else begun + time_s
    first = own.seed + findings.done
    numbers = count(first) if seeds is None else iter(range(first, own.seed + seeds))
    tried, interrupted = 0, False
    bar = _bar(seeds, findings.done)
    try:
        if findings.outdated:
            _try_again(findings, roles)
        for result in _tried(partial(_one, document, roles, findings), numbers, jobs, until):
            if result.broken is not None:
                _keep(findings, result, roles, render)
            if result.refused:
                findings.refused[result.seed] = result.refused
            findings.done += 1
            tried += 1
            findings.save()
            bar.update()
            bar.set_postfix_str(
                f"{tried / (time.monotonic() - begun) * 3600:,.0f} seeds/h, {len(findings.found)} found"
            )
    except KeyboardInterrupt:
        interrupted = True
    except (OSError, MemoryError, BrokenProcessPool) as error:
        raise _no_fault_of_code(error) from error
    finally:
        bar.close()
    return Tally(findings, tried, time.monotonic() - begun, interrupted)


def _try_again(findings: Findings, roles: Roles | None) -> None:
    """What other code broke, with this one: what still breaks stays found, the rest is former; all files stay."""
    still = []
    for found in findings.found:
        try:
            broken = trial(Case(read_plain(Path(found.smallest))), roles)
            now = "holds now" if broken is None else f"breaks {broken.statement} now"
        except ScenarioError as error:
            broken, now = None, f"cannot be run any more: {error}"
        if found.broken.is_like(broken):
            still.append(found)
        else:
            findings.former.append(Former(found, now))
    findings.found = still
    findings.outdated = False
    findings.save()


def _one(document: Document, roles: Roles | None, findings: Findings, seed: int) -> Tried:
    """Draw, try, and shrink what breaks; that may take long, so it is written and said first."""
    case = draw(document, scenario_of(document, "the scenario"), seed)
    if any(found.seed == seed for found in findings.found):
        return Tried(seed, case, None, case, 0)  # it stands already, shrunk
    try:
        broken = _unless_stopped(case, roles)
    except ScenarioError as error:
        build(Case({**document, "seed": seed}))  # or the scenario itself is refused, not its draw
        return Tried(seed, case, None, case, 0, refused=str(error))
    if broken is None:
        return Tried(seed, case, None, case, 0)
    tqdm.write(f"shrinking {findings.write_drawn(case, broken)}, which broke {broken.text}", file=sys.stderr)
    listed = broken.statement in case.scenario.listed_guarantees

    def breaks(smaller: Case) -> bool:
        if listed and broken.statement not in smaller.scenario.listed_guarantees:
            return False  # it would break unlisted as well, but who reads the case should find it there
        try:
            found = _unless_stopped(smaller, roles)
        except ScenarioError:
            return False
        return broken.is_like(found)

    smallest, trials = shrink(case, breaks, document, _keys_to_keep(case, broken.statement))
    return Tried(seed, case, broken, smallest, trials)


def _keys_to_keep(case: Case, statement: str) -> list[str]:
    """What must stay, or a smaller case would break the statement by what it lacks."""
    kept = []
    if statement not in (*PLAIN, RAISED):
        kept.append("bounds_from")  # else each fault that is not gone breaks some bound
    if statement == "no_loss" and "habitat" not in case.document:
        kept.append("duration")  # what bundle nodes have not delivered by the end is lost, and some is only late
    return kept


_stop: Event | None = None
"""Set when the campaign was interrupted: processes of a pool ask before each run."""


def _watch_stop(stop: Event) -> None:
    global _stop
    _stop = stop


def _unless_stopped(case: Case, roles: Roles | None) -> Broken | None:
    if _stop is not None and _stop.is_set():
        raise KeyboardInterrupt
    return trial(case, roles)


def _no_fault_of_code(error: BaseException) -> ScenarioError:
    """What this computer could not bear; finds are written, and the seed that it was at is not done.

    Raises:
        OSError: it is something else.
    """
    if isinstance(error, OSError):
        if error.errno not in FULL:
            raise error
        temporary = f"folder {tempfile.gettempdir()}"
        return ScenarioError(temporary, os.strerror(error.errno).lower(), "TMPDIR", f"make room there, {AND_GO_ON}")
    rule = "a process was killed" if isinstance(error, BrokenProcessPool) else "no memory is left"
    return ScenarioError("campaign", rule, "--jobs", f"give it more memory or fewer processes, {AND_GO_ON}")


def _tried(one: partial[Tried], numbers: Iterator[int], jobs: int, until: float | None) -> Iterator[Tried]:
    """Results in the order of seeds, until the time is over; seeds that no process has by then are left for later."""

    def over() -> bool:
        return until is not None and time.monotonic() >= until

    def in_time() -> Iterator[int]:
        for number in numbers:
            if over():
                return
            yield number

    if jobs == 1:
        yield from map(one, in_time())
        return
    stop = multiprocessing.Event()
    with workers(jobs, _watch_stop, stop) as pool:
        waiting: list[Future[Tried]] = []
        try:
            for number in in_time():
                waiting.append(pool.submit(one, number))
                if len(waiting) >= AHEAD * jobs:
                    yield waiting.pop(0).result()
            while waiting:
                while over() and waiting and waiting[-1].cancel():
                    waiting.pop()
                if waiting:
                    yield waiting.pop(0).result()
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _keep(findings: Findings, result: Tried, roles: Roles | None, render: Callable[[Path], object] | None) -> None:
    """Write the smallest form of a case that broke something, and its report if it breaks once it is read again.

    Code that raises ends a run before there is anything to report.
    """
    assert result.broken is not None
    name = f"seed-{result.seed}"
    small = f"{name}.smallest.yaml"
    head = [f"breaks {result.broken.statement}, as {name}.yaml does", f"replay: {replay(findings.folder / small)}"]
    path = findings.write_case(small, result.smallest, head)
    confirmed = result.broken.is_like(trial(Case(read_plain(path)), roles))
    if not confirmed:
        head = [f"broke {result.broken.statement} when it was shrunk, and holds once it is read: see {name}.yaml"]
        findings.write_case(small, result.smallest, head)
    faults, left = (len(case.document.get("faults") or ()) for case in (result.case, result.smallest))
    page = ""
    if render is not None and confirmed and result.broken.statement != RAISED:
        page = str(write_page(path, findings.folder / name, roles, render))
    findings.former = [former for former in findings.former if former.found.seed != result.seed]  # its files are new
    findings.found.append(Found(result.seed, result.broken, faults, left, result.trials, str(path), confirmed, page))


def _bar(seeds: int | None, done: int) -> Any:
    columns, rows = shutil.get_terminal_size()
    size: dict[str, Any] = {"ncols": columns - 1, "nrows": rows}
    hidden = not sys.stderr.isatty()
    return tqdm(total=seeds, initial=done, unit=" seeds", leave=False, file=sys.stderr, disable=hidden, **size)


def told(tally: Tally) -> list[str]:
    """A campaign for a terminal: what it found, and what it comes to."""
    lines = []
    for found in tally.findings.found:
        lines.append(f"seed {found.seed}  {found.broken.text}")
        shrunk, case = f"{found.faults} faults shrunk to {found.faults_left} in {found.trials} runs", found.smallest
        if found.trials >= TRIALS_MAX:
            shrunk += ", and not to the end"
        if not found.confirmed:
            shrunk += "; the smallest case holds once it is read again: keep the one as drawn"
            case = found.drawn
        lines += [f"    {shrunk}", f"    replay: {replay(case)}"]
        if found.page:
            lines.append(f"    report: {found.page}")
    for former in tally.findings.former:
        found = former.found
        lines.append(f"seed {found.seed}  broke {found.broken.statement} with other code")
        lines.append(f"    {found.smallest} {former.now}; it is kept, and {found.drawn} as it was drawn")
    refused = tally.findings.refused
    if refused:
        seed, why = next(iter(refused.items()))
        lines.append(f"{len(refused)} of the seeds drew what cannot be run, e.g. seed {seed}: {why}")
    rate = tally.tried / tally.wall_s * 3600 if tally.wall_s > 0 else 0.0
    last = tally.findings.first_seed + tally.findings.done - 1
    span = f"seeds {tally.findings.first_seed} to {last}" if tally.findings.done else "no seed"
    lines.append(
        f"{tally.findings.scenario}: {len(tally.findings.found)} found in {span}; {tally.tried} tried now, "
        f"{rate:,.0f} an hour"
    )
    return lines
