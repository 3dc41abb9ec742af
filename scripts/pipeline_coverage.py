"""How much of `twin/pipeline` the campaigns run: line and branch coverage, and a list of what they never reached.

    python scripts/pipeline_coverage.py [--seeds 40] [--jobs 2] [--write tests/guarantees/COVERAGE.md]

Runs every shipped scenario once, the combined campaigns with many seeds (see `COMBINED`), and tries drawn cases of some
scenarios (see `HUNTED`), with coverage.py (branches) in each process. No test takes part: what counts is only code that
ran under the guarantees.
Exit code 1 when a guarantee broke.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import coverage
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
PIPELINE = ROOT / "twin" / "pipeline"
SCENARIOS = ROOT / "scenarios"
COMBINED = (
    "bad-sol.yaml",
    "bench/campaign-earth.yaml",
    "bench/campaign-mars.yaml",
    "bench/campaign-clinic.yaml",
    "bench/campaign-relays.yaml",
)
"""Scenarios that `make campaign` runs with hundreds of seeds as they stand; here each with all the seeds."""
HUNTED = (
    "bench/hunt.yaml",
    "bench/campaign-earth.yaml",
    "bench/campaign-mars.yaml",
    "bench/campaign-clinic.yaml",
    "bench/campaign-relays.yaml",
    "first-light.yaml",
    "relay-safe-mode.yaml",
    "stale-plan.yaml",
    "wrong-plan.yaml",
    "four-relays.yaml",
    "bench/chain3.yaml",
)
"""Scenarios whose drawn cases are tried as well; the first with all the seeds, the others with a fifth each."""
LONGEST = "first-light.yaml"
"""Its drawn cases take a minute each, so they come first."""
GUARD = re.compile(r"\s*raise (ValueError|IndexError|Trimmed|AssertionError)\b")
"""What a caller meets who breaks the contract of a function, and no machine does."""


class Part(NamedTuple):
    """One piece of work: a scenario as it stands, with its own seed (`seeds` empty) or these, or its drawn cases."""

    scenario: Path
    seeds: range = range(0)
    drawn: bool = False


def parts(seeds: int) -> list[Part]:
    """What the campaigns consist of, in pieces of some seconds."""
    own = [Part(path) for path in sorted(SCENARIOS.rglob("*.yaml"))]
    combined = [Part(SCENARIOS / name, some) for name in COMBINED for some in _by(5, seeds)]
    drawn = []
    for number, name in enumerate(HUNTED):
        count = seeds if number == 0 else max(1, seeds // 5)
        drawn += [Part(SCENARIOS / name, some, drawn=True) for some in _by(2, count)]
    return sorted(drawn, key=lambda part: part.scenario.name != LONGEST) + own + combined


def _by(size: int, count: int) -> list[range]:
    """Seeds 1 to `count`, so many at a time."""
    return [range(k, min(k + size, count + 1)) for k in range(1, count + 1, size)]


def covered(part: Part, data_file: str) -> list[str]:
    """Run a part under coverage, in a fresh process, and return what broke."""
    watched = coverage.Coverage(data_file, data_suffix=True, branch=True, source=[str(PIPELINE)], config_file=False)
    watched.start()
    try:
        return list(_broken(part))
    finally:
        watched.stop()
        watched.save()


def _broken(part: Part) -> Iterator[str]:
    # not before coverage has begun: it sees what a module does when it is imported
    from twin.hunt.case import Case
    from twin.hunt.draw import draw
    from twin.hunt.trial import trial
    from twin.scenario import read_plain, scenario_of

    document = read_plain(part.scenario)
    scenario = scenario_of(document, str(part.scenario))
    for seed in part.seeds or (scenario.seed,):
        case = draw(document, scenario, seed) if part.drawn else Case(document).but({"seed": seed})
        broken = trial(case)
        if broken is not None:
            yield f"{part.scenario.relative_to(ROOT)} seed {case.seed}: {broken.text}"


def table(report: dict[str, Any], what: str) -> list[str]:
    """The report as markdown."""
    totals = report["totals"]
    lines = [
        "# What the campaigns run of the pipeline",
        "",
        f"Made by `python scripts/pipeline_coverage.py {what}`: shipped scenarios and hunts, no test.",
        "",
        f"**{_share(totals['covered_branches'], totals['num_branches'])} of branches**, "
        f"{_share(totals['covered_lines'], totals['num_statements'])} of statements, in {len(report['files'])} files.",
        f"Without guards against a caller who breaks a contract (`raise ValueError` and the like): "
        f"{_unguarded(report['files'])} of branches.",
        "",
        "| file | statements | branches |",
        "|---|---|---|",
    ]
    unreached: list[str] = []
    for path, of in sorted(report["files"].items()):
        summary = of["summary"]
        if not summary["missing_lines"] and not summary["missing_branches"]:
            continue
        name = str(Path(path).resolve().relative_to(PIPELINE))
        statements = _share(summary["covered_lines"], summary["num_statements"])
        branches = _share(summary["covered_branches"], summary["num_branches"])
        lines.append(f"| {name} | {statements} | {branches} |")
        unreached += [f"- `{name}:{line}` {text}" for line, text in _never(Path(path), of)]
    lines += ["", "All other files ran whole.", "", "## Never reached", "", *unreached]
    return lines


def _unguarded(files: dict[str, Any]) -> str:
    """The share of branches, of those that lead to no guard."""
    counts = {"executed_branches": 0, "missing_branches": 0}
    for path, of in files.items():
        source = Path(path).read_text(encoding="utf-8").splitlines()
        for which in counts:
            counts[which] += sum(not (target > 0 and GUARD.match(source[target - 1])) for _, target in of[which])
    return _share(counts["executed_branches"], sum(counts.values()))


def _share(part: int, whole: int) -> str:
    return f"{part / whole * 100:.1f} %" if whole else "-"


def _never(path: Path, of: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """First lines of the spans that never ran, and branches of lines that did run that never went one way."""
    source = path.read_text(encoding="utf-8").splitlines()
    missing = set(of["missing_lines"])
    found: dict[int, str] = {}
    previous = -1
    for line in sorted(missing):
        if line != previous + 1:
            found[line] = f"`{source[line - 1].strip()}`"
        previous = line
    for line, target in of["missing_branches"]:
        if line not in missing and target not in missing:
            way = "never leaves" if target < 0 else f"never goes on at {target}"
            found[line] = f"`{source[line - 1].strip()}` {way}"
    yield from sorted(found.items())


def main() -> int:
    """Run the campaigns, print and perhaps write the report."""
    parser = argparse.ArgumentParser(description="Coverage of twin/pipeline by the campaigns.")
    parser.add_argument("--seeds", type=int, default=40, help="drawn cases of the first hunted scenario")
    parser.add_argument("--jobs", type=int, default=2, help="processes at the same time")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the report there as well")
    options = parser.parse_args()
    work = parts(options.seeds)
    with tempfile.TemporaryDirectory() as folder:
        data_file = str(Path(folder) / "coverage")
        one = partial(covered, data_file=data_file)
        # a process per part: coverage must begin before the pipeline is imported
        with ProcessPoolExecutor(options.jobs, get_context("spawn"), max_tasks_per_child=1) as pool:
            answers = tqdm(pool.map(one, work), total=len(work), unit=" parts", disable=not sys.stderr.isatty())
            broken = [line for lines in answers for line in lines]
        whole = coverage.Coverage(data_file, branch=True, source=[str(PIPELINE)], config_file=False)
        whole.combine([folder])
        report = Path(folder) / "report.json"
        whole.json_report(outfile=str(report))
        lines = table(json.loads(report.read_text()), f"--seeds {options.seeds}")
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if options.write is not None:
        options.write.write_text(text, encoding="utf-8")
    for line in broken:
        sys.stderr.write(f"broke: {line}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
