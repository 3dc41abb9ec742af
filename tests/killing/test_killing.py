"""Every planted bug fits the code, and the hunt still kills; that it kills all that it must is `make kills`."""

from __future__ import annotations

from pathlib import Path

import hunter
import pytest
from matrix import Outcome, fails_in_copy, hunted, unexplained
from planting import BUGS, LISTED, REPOSITORY, Bug, PatchError, accomplice_of, all_bugs, patched, read_bug

SCENARIO = REPOSITORY / "scenarios" / "bench" / "hunt.yaml"
CANARY = 20
"""A device that deletes too soon: the hunt finds it at once, and a single guarantee sees it."""
SOON = ((CANARY, 3), (1, 3))
"""Bugs that CI hunts, and how many seeds they may take."""


def bug(number: int) -> Bug:
    return next(found for found in all_bugs() if found.number == number)


@pytest.mark.parametrize("found", all_bugs(), ids=lambda found: str(found.number))
def test_every_bug_fits_the_code(found: Bug) -> None:
    accomplice = accomplice_of(found)
    texts = patched(REPOSITORY, (found,) if accomplice is None else (accomplice, found))
    assert texts
    assert all(text != (REPOSITORY / path).read_text(encoding="utf-8") for path, text in texts.items())
    assert not found.vector or (REPOSITORY / found.vector.partition("::")[0]).is_file()
    assert bool(found.accomplice) == bool(found.breaks)


def test_all_listed_bugs_are_planted_and_ten_more() -> None:
    numbers = [found.number for found in all_bugs()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= LISTED + 10
    stray = {path for path in BUGS.iterdir() if path.suffix != ".diff"}
    named = {found.accomplice for found in all_bugs()} - {""}
    assert not stray
    assert {path.stem for path in BUGS.iterdir() if not path.stem[0].isdigit()} == named


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("bug: gone\n--- twin/units.py\n-no such line\n+another\n", "stands there 0 times"),
        ("bug: twice\n--- twin/units.py\n-\n+pass\n", "times, must stand there once"),
        ("bug: moved\n--- twin/no_such_file.py\n-a\n+b\n", "is no file"),
        ("bug: garbled\n--- twin/units.py\n from __future__ import annotations\n+def def\n", "this is no Python"),
        ("bug: none\n", "has no edit"),
        ("--- twin/units.py\n-a\n", "says no bug"),
        ("bug: typo\nbrakes: all\n--- twin/units.py\n-a\n", "`brakes: all` is not"),
        ("bug: bare\n--- twin/units.py\na\n", "begins with none of"),
    ],
)
def test_a_patch_that_does_not_fit_fails_loudly(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "01-some.diff"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PatchError, match=rule):
        patched(REPOSITORY, (read_bug(path),))


@pytest.mark.parametrize(("number", "seeds"), SOON)
def test_the_hunt_kills_known_bugs_soon(number: int, seeds: int) -> None:
    """Canaries: if these live, no silence of the hunt means anything."""
    found = hunted((bug(number),), SCENARIO, 1, seeds)
    assert found.seeds is not None, f"the hunt has gone blind: {seeds} seeds and bug {number} lives"
    sound = hunter.hunt(SCENARIO, found.seeds, 1, frozenset())
    assert sound["seed"] is None, f"seed {found.seeds} breaks {sound['broken']} without any bug"


def test_a_vector_kills_what_has_no_state() -> None:
    four = bug(4)
    assert not fails_in_copy(four.vector, ())
    assert fails_in_copy(four.vector, (four,))


@pytest.mark.parametrize(
    ("number", "seeds", "by_vector", "survives", "said"),
    [
        (1, 3, None, "", ""),
        (1, None, None, "", "does not say why"),
        (1, None, None, "for a reason", "must be killed"),
        (4, None, True, "has no state", ""),
        (4, None, False, "has no state", "does not see it"),
        (LISTED + 1, None, None, "for a reason", ""),
        (LISTED + 1, 3, None, "for a reason", "says that it survives"),
    ],
)
def test_no_survivor_goes_unexplained(
    number: int, seeds: int | None, by_vector: bool | None, survives: str, said: str
) -> None:
    lines = unexplained([Outcome(bug(number)._replace(survives=survives), seeds, {}, by_vector)])
    assert bool(lines) == bool(said)
    assert all(f"bug {number}, " in line for line in lines)
    assert said in "".join(lines)
