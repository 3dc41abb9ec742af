"""Seeds one after the other, by several processes at a time; what breaks is shrunk and kept."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

from tqdm import tqdm

from twin.experiments.mission import Roles
from twin.hunt.case import Case, Document
from twin.hunt.draw import draw
from twin.hunt.findings import Findings, Found, open_findings
from twin.hunt.page import write_page
from twin.hunt.shrink import shrink
from twin.hunt.trial import RAISED, Broken, trial
from twin.scenario import ScenarioError, load_scenario, read_plain, scenario_of

AHEAD: Final = 16
"""Seeds that a process may be ahead of the slowest: results come in the order of seeds."""


class Tried(NamedTuple):
    """What a seed came to: its case, what broke, and the smallest case that breaks the same; simulated time [us]."""

    seed: int
    case: Case
    broken: Broken | None
    smallest: Case
    trials: int


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
    if not own.listed_guarantees:
        rule = "lists no guarantee, so that nothing can break"
        raise ScenarioError(f"scenario {own.name}", rule, f"{path}, guarantees", "list what must hold")
    document = read_plain(path, overrides)
    findings = open_findings(out, own.name, document, own.seed)
    begun = time.monotonic()
    until = None if time_s is None else begun + time_s
    first = own.seed + findings.done
    numbers = count(first) if seeds is None else iter(range(first, own.seed + seeds))
    tried, interrupted = 0, False
    bar = _bar(seeds, findings.done)
    try:
        for result in _tried(partial(_one, document, roles, findings), numbers, jobs, until):
            if result.broken is not None:
                _keep(findings, result, roles, render)
            findings.done += 1
            tried += 1
            findings.save()
            bar.update()
            bar.set_postfix_str(
                f"{tried / (time.monotonic() - begun) * 3600:,.0f} seeds/h, {len(findings.found)} found"
            )
    except KeyboardInterrupt:
        interrupted = True
    finally:
        bar.close()
    return Tally(findings, tried, time.monotonic() - begun, interrupted)


def _one(document: Document, roles: Roles | None, findings: Findings, seed: int) -> Tried:
    """Draw, try, and shrink what breaks; that may take long, so it is written and said first."""
    case = draw(document, scenario_of(document, "the scenario"), seed)
    broken = trial(case, roles)
    if broken is None:
        return Tried(seed, case, None, case, 0)
    tqdm.write(f"shrinking {findings.write_drawn(case, broken)}, which broke {broken.text}", file=sys.stderr)
    listed = broken.statement in case.scenario.listed_guarantees

    def breaks(smaller: Case) -> bool:
        if listed and broken.statement not in smaller.scenario.listed_guarantees:
            return False  # it would break unlisted as well, but who reads the case should find it there
        try:
            found = trial(smaller, roles)
        except ScenarioError:
            return False
        return found is not None and found.statement == broken.statement

    # what bundle nodes have not delivered by the end is lost: a run that ends sooner loses what is only late
    at_its_end = broken.statement == "no_loss" and "habitat" not in case.document
    smallest, trials = shrink(case, breaks, shorter=not at_its_end)
    return Tried(seed, case, broken, smallest, trials)


def _tried(one: partial[Tried], numbers: Iterator[int], jobs: int, until: float | None) -> Iterator[Tried]:
    """Results in the order of seeds, until the time is over; seeds that nobody has begun by then are left for later."""

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
    with ProcessPoolExecutor(jobs) as pool:
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
            pool.shutdown(wait=True, cancel_futures=True)


def _keep(findings: Findings, result: Tried, roles: Roles | None, render: Callable[[Path], object] | None) -> None:
    """Write the smallest form of a case that broke something, and its report if it breaks once it is read again.

    Code that raises ends a run before there is anything to report.
    """
    assert result.broken is not None
    name = f"seed-{result.seed}"
    small = f"{name}.smallest.yaml"
    head = [f"breaks {result.broken.statement}, as {name}.yaml does", f"replay: twin run {findings.folder / small}"]
    path = findings.write_case(small, result.smallest, head)
    again = trial(Case(read_plain(path)), roles)
    confirmed = again is not None and again.statement == result.broken.statement
    faults, left = (len(case.document.get("faults") or ()) for case in (result.case, result.smallest))
    page = ""
    if render is not None and confirmed and result.broken.statement != RAISED:
        page = str(write_page(path, findings.folder / name, roles, render))
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
        shrunk, replay = f"{found.faults} faults shrunk to {found.faults_left} in {found.trials} runs", found.smallest
        if not found.confirmed:
            shrunk += "; the smallest case holds once it is read again: keep the one as drawn"
            replay = str(Path(found.smallest).with_name(f"seed-{found.seed}.yaml"))
        lines += [f"    {shrunk}", f"    replay: twin run {replay}"]
        if found.page:
            lines.append(f"    report: {found.page}")
    rate = tally.tried / tally.wall_s * 3600 if tally.wall_s > 0 else 0.0
    last = tally.findings.first_seed + tally.findings.done - 1
    span = f"seeds {tally.findings.first_seed} to {last}" if tally.findings.done else "no seed"
    lines.append(
        f"{tally.findings.scenario}: {len(tally.findings.found)} found in {span}; {tally.tried} tried now, "
        f"{rate:,.0f} an hour"
    )
    return lines
