"""The kill matrix: which planted bug breaks which guarantee, and after how many seeds of the hunt.

    python tests/killing/matrix.py                              every bug, 200 seeds each
    python tests/killing/matrix.py --bugs 3,17 --seeds 50 --jobs 2
    python tests/killing/matrix.py --write                      and write MATRIX.md anew (`make kills`)

Each bug is planted by source patch (`planting`, `bugs/`) into a copy of the package, and a fresh process hunts there
(`hunter`): seeds of `scenarios/bench/hunt.yaml` with the faults and settings that they draw, in order, until one
breaks something. What broke is every guarantee of that run, not only the first. A bug that names a vector is also held
against that test, which must pass in a sound copy and fail in the patched one. Beside an accomplice a bug is
killed where a guarantee breaks that the accomplice alone does not break under the same seed.

Exit code 1 if a listed bug survives, another survives that says nothing of it, or one is killed that says that it
survives.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from planting import LISTED, REPOSITORY, Bug, accomplice_of, all_bugs, plant
from tqdm import tqdm

from twin.hunt.trial import RAISED
from twin.scenario import load_scenario

SCENARIO: Final = REPOSITORY / "scenarios" / "bench" / "hunt.yaml"
MATRIX: Final = Path(__file__).parent / "MATRIX.md"
HUNTER: Final = Path(__file__).parent / "hunter.py"
SEEDS: Final = 200
FIRST: Final = 1
START_S_MAX: Final = 300
S_PER_SEED_MAX: Final = 60
"""A run that takes longer, on a computer with much else to do, has no end; it is stopped, and the matrix with it."""


class Outcome(NamedTuple):
    """What became of a bug: seeds until it was killed (None: it survived), first evidence by guarantee, and whether its
    vector kills it (None: it names none).
    """

    bug: Bug
    seeds: int | None
    broken: dict[str, str]
    by_vector: bool | None = None

    @property
    def killed(self) -> bool:
        """Whether anything sees the bug."""
        return self.seeds is not None or bool(self.by_vector)


def hunted(bugs: tuple[Bug, ...], scenario: Path, first: int, seeds: int, only: tuple[str, ...] = ()) -> Outcome:
    """Plant bugs into a copy and hunt there; the outcome is that of the last.

    Raises:
        RuntimeError: the hunt itself ended with an error.
    """
    with tempfile.TemporaryDirectory(prefix="twin-kills-") as folder:
        copy = plant(bugs, Path(folder))
        words = [sys.executable, str(HUNTER), str(copy), str(scenario), str(first), str(seeds), *only]
        found = json.loads(_run(words, copy, START_S_MAX + seeds * S_PER_SEED_MAX).splitlines()[-1])
    count = None if found["seed"] is None else found["seed"] - first + 1
    return Outcome(bugs[-1] if bugs else Bug(0, "none", ()), count, found["broken"])


def _run(words: list[str], copy: Path, patience_s: float) -> str:
    done = subprocess.run(words, env=_env(copy), capture_output=True, text=True, timeout=patience_s, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _env(copy: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(copy), "PYTHONHASHSEED": "0"}


def fails_in_copy(test: str, bugs: tuple[Bug, ...]) -> bool:
    """Whether a test of this repository fails against a copy with these bugs.

    Raises:
        RuntimeError: it neither passes nor fails there.
    """
    with tempfile.TemporaryDirectory(prefix="twin-kills-") as folder:
        copy = plant(bugs, Path(folder))
        own = ["-c", str(REPOSITORY / "pyproject.toml"), "--rootdir", str(REPOSITORY), "-p", "no:cacheprovider"]
        words = [sys.executable, "-m", "pytest", "-q", *own, str(REPOSITORY / test)]
        done = subprocess.run(words, env=_env(copy), cwd=copy, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{test} cannot be run in a copy: {done.stdout}\n{done.stderr}")
    return done.returncode == 1


def outcome_of(bug: Bug, scenario: Path = SCENARIO, first: int = FIRST, seeds: int = SEEDS) -> Outcome:
    """Whether, when and by what a bug is killed."""
    accomplice = accomplice_of(bug)
    if accomplice is None:
        found = hunted((bug,), scenario, first, seeds)
    else:
        found = hunted((accomplice, bug), scenario, first, seeds, bug.breaks)
        if found.seeds is not None:
            alone = hunted((accomplice,), scenario, first + found.seeds - 1, 1, bug.breaks)
            if alone.seeds is not None:
                raise RuntimeError(f"bug {bug.number}: its accomplice alone breaks {', '.join(alone.broken)} as well")
            found = found._replace(broken={key: found.broken[key] for key in bug.breaks if key in found.broken})
    by_vector = None
    if bug.vector:
        if fails_in_copy(bug.vector, ()):
            raise RuntimeError(f"bug {bug.number}: {bug.vector} fails in a sound copy as well")
        by_vector = fails_in_copy(bug.vector, (bug,))
    return found._replace(by_vector=by_vector)


def alone(outcomes: list[Outcome]) -> Counter[str]:
    """How often each guarantee was the only one that broke."""
    return Counter(next(iter(found.broken)) for found in outcomes if len(found.broken) == 1)


def summary(outcomes: list[Outcome], listed: tuple[str, ...], seeds: int) -> list[str]:
    """What the matrix comes to."""
    counts = [found.seeds for found in outcomes if found.seeds is not None]
    lines = []
    for whose, some in (
        (f"Of the {LISTED} listed bugs", [found for found in outcomes if found.bug.number <= LISTED]),
        ("Of others", [found for found in outcomes if found.bug.number > LISTED]),
    ):
        by_hunt = sum(found.seeds is not None for found in some)
        by_test = sum(found.killed for found in some) - by_hunt
        lines.append(
            f"{whose} {len(some)} were tried: {by_hunt} killed by the hunt within {seeds} seeds each, "
            f"{by_test} more by a test (of a published vector, or of one machine alone)."
        )
    if counts:
        lines.append(f"Seeds to kill: median {statistics.median(counts):g}, at most {max(counts)}.")
    single, ever = alone(outcomes), Counter(key for found in outcomes for key in found.broken)
    lines.append(f"Never fire: {', '.join(key for key in listed if not ever[key]) or 'none'}.")
    lines.append(f"Fire, but never alone: {', '.join(k for k in listed if ever[k] and not single[k]) or 'none'}.")
    return lines


def as_markdown(outcomes: list[Outcome], listed: tuple[str, ...], seeds: int) -> str:
    """The matrix as a page."""
    columns = [key for key in (*listed, RAISED) if any(key in found.broken for found in outcomes)]
    head = [
        "# The kill matrix",
        "",
        f"Made by `python tests/killing/matrix.py --seeds {seeds} --write`: bugs planted by source patch (`bugs/`)",
        "into a copy of the package, hunted with `scenarios/bench/hunt.yaml` and all that its seeds draw.",
        f"Bugs 1 to {LISTED} are those of the project's list. `x`: the guarantee broke in the run of the first seed",
        f"that broke anything; `seeds`: how many were tried until then, of {seeds}.",
        "",
        *(f"- {line}" for line in summary(outcomes, listed, seeds)),
        "",
        f"| bug | what is wrong | seeds | {' | '.join(columns)} |",
        "|---" * (3 + len(columns)) + "|",
    ]
    rows = []
    for found in outcomes:
        marks = " | ".join("x" if key in found.broken else "" for key in columns)
        count = "survives" if found.seeds is None else str(found.seeds)
        rows.append(f"| {found.bug.number} | {found.bug.name} | {count} | {marks} |")
    first = ["", "## First evidence", ""]
    for found in outcomes:
        for key, what in list(found.broken.items())[:1]:
            first.append(f"- {found.bug.number}: {key}: {what}")
    told = ["", "## Vectors and survivors", ""]
    for found in outcomes:
        if found.by_vector is not None:
            verb = "kills" if found.by_vector else "does not see"
            told.append(f"- {found.bug.number}: `{found.bug.vector}` {verb} it")
        if found.seeds is None:
            told.append(f"- {found.bug.number} survives the hunt: {found.bug.survives or 'nobody knows why'}")
    return "\n".join([*head, *rows, *first, *told]) + "\n"


def unexplained(outcomes: list[Outcome]) -> list[str]:
    """Listed bugs that survive, others that do and say nothing of it, and the dead that say that they survive."""
    lines = []
    for found in outcomes:
        who = f"bug {found.bug.number}, {found.bug.name}"
        if not found.killed and not found.bug.survives:
            lines.append(f"{who}: survives, and its file does not say why")
        elif not found.killed and found.bug.number <= LISTED:
            lines.append(f"{who}: is listed and must be killed, whatever its file says")
        if found.by_vector is False:
            lines.append(f"{who}: {found.bug.vector} does not see it")
        if found.seeds is not None and found.bug.survives:
            lines.append(f"{who}: is killed, and its file says that it survives")
    return lines


def main(
    bugs: Annotated[str, typer.Option(help="Numbers, with commas between; none: all.")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="How many to try for each bug.")] = SEEDS,
    first: Annotated[int, typer.Option(min=0, help="The first of them.")] = FIRST,
    jobs: Annotated[int, typer.Option(min=1, help="Bugs at the same time.")] = 1,
    scenario: Annotated[Path, typer.Option(help="What is hunted.")] = SCENARIO,
    write: Annotated[bool, typer.Option(help="Write MATRIX.md anew.")] = False,
) -> None:
    """Plant bugs, hunt them, and say which guarantee saw which."""
    wanted = {int(word) for word in bugs.split(",") if word}
    chosen = [bug for bug in all_bugs() if not wanted or bug.number in wanted]
    missing = wanted - {bug.number for bug in chosen}
    if missing:
        raise typer.BadParameter(f"no bug {', '.join(map(str, sorted(missing)))}", param_hint="--bugs")
    listed = load_scenario(scenario).listed_guarantees
    outcomes = []
    with ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda bug: outcome_of(bug, scenario.resolve(), first, seeds), chosen)
        for found in tqdm(results, total=len(chosen), unit=" bugs", disable=not sys.stderr.isatty()):
            outcomes.append(found)
            vector = {None: "", True: ", its vector kills it", False: ", its vector does not see it"}[found.by_vector]
            when = "survives" if found.seeds is None else f"killed after {found.seeds}"
            said = f"{found.bug.number:3} {found.bug.name}: {when}{vector}"
            tqdm.write(f"{said}  [{', '.join(found.broken)}]")
            sys.stdout.flush()
    for line in (*summary(outcomes, listed, seeds), *unexplained(outcomes)):
        tqdm.write(line)
    if write:
        MATRIX.write_text(as_markdown(outcomes, listed, seeds), encoding="utf-8")
    if unexplained(outcomes):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
