"""Each guarantee breaks when its bugs are planted: broken pipelines are run in-loop, in small scenarios in which the
sound one holds.

Of every bug it is asserted what must break, and that nothing else breaks but what follows from it (`planted`). Run as a
program, this module writes the table of bugs and guarantees to `KILLS.md`.
"""

import re
import tempfile
from collections import Counter
from pathlib import Path

import planted
import pytest

from twin.experiments.run import run
from twin.guarantees.verdict import Verdict
from twin.scenario import parse_scenario
from twin.scenario.guarantees import SAFETY

TESTS = Path(__file__).parents[1]
KILLS = Path(__file__).with_name("KILLS.md")
GUARANTEES = [*parse_scenario(planted.scenario_text("restore")).listed_guarantees]


def named(bug: planted.Bug) -> str:
    return f"{bug.number or 'unlisted'} {bug.name}"


@pytest.mark.parametrize("variant", planted.MORE)
def test_the_sound_pipeline_holds_every_guarantee(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted.watch_readers(monkeypatch)
    verdicts = planted.fly(tmp_path / "run", variant)
    listed = set(GUARANTEES) - (set() if variant == "restore" else {"recovery"})
    assert {key: verdicts[key].verdict for key in sorted(listed)} == dict.fromkeys(sorted(listed), "held")
    assert all(verdicts[key].checked for key in listed)


@pytest.mark.parametrize("bug", planted.PLANTED, ids=named)
def test_a_planted_bug_breaks_its_guarantee_and_no_other(
    bug: planted.Bug, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts = planted.fly_bug(tmp_path / "run", bug, monkeypatch)
    broken = planted.broken(verdicts)
    assert bug.breaks <= broken
    assert broken <= bug.breaks | bug.may
    for key in bug.breaks:
        assert verdicts[key].violations, "found, and not merely never checked"
        evidence = verdicts[key].evidence
        assert evidence is not None
        assert evidence.record
        assert evidence.where
        assert evidence.what


@pytest.mark.parametrize("bug", [bug for bug in planted.PLANTED if bug.accomplice], ids=named)
def test_what_needs_two_is_not_laid_at_the_door_of_one(
    bug: planted.Bug, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lie alone is refused by whoever is sound, and so the bug that follows the lie is what the guarantee sees."""
    planted.watch_readers(monkeypatch)
    assert bug.accomplice is not None
    verdicts = planted.fly(tmp_path / "run", bug.needs, bug.accomplice)
    assert not bug.breaks & planted.broken(verdicts)
    assert all(verdicts[key].checked for key in bug.breaks)


def test_each_guarantee_has_two_bugs_and_each_listed_bug_is_planted() -> None:
    kills = Counter(key for bug in planted.PLANTED for key in bug.breaks)
    assert {key for key in GUARANTEES if kills[key] < 2} == set()
    assert {bug.number for bug in planted.PLANTED} - {0} == set(range(1, 27))
    assert all(bug.breaks for bug in planted.PLANTED)


@pytest.mark.parametrize("place", list(planted.VECTORS.values()))
def test_tests_that_the_register_names_are_there(place: str) -> None:
    found = re.search(r"tests/([\w/]+\.py)(?:::(\w+))?", place)
    assert found is not None
    text = (TESTS / found[1]).read_text()
    assert found[2] is None or f"def {found[2]}(" in text


def test_the_table_of_kills_names_every_planted_bug() -> None:
    """Made by `python tests/guarantees/test_each_guarantee_breaks.py`."""
    lines = KILLS.read_text().splitlines()
    for bug in planted.PLANTED:
        (row,) = [line for line in lines if line.startswith(f"| {bug.number or ''} | {bug.name} |")]
        assert all(f"**{key}**" in row for key in bug.breaks)
        assert not bug.outside or row.endswith(f"planted in {bug.outside} |")


def test_the_table_of_kills_says_that_conservation_s_bugs_are_none_of_the_pipeline() -> None:
    bugs = [bug for bug in planted.PLANTED if "conservation" in bug.breaks]
    assert {bug.outside for bug in bugs} == {"twin.hosts.models.hops"}
    assert "`conservation` watches the twin's own books alone" in KILLS.read_text()


# ---------------------------------------------------------------- what was never checked


def short(listed: str) -> str:
    text = planted.SCENARIO.replace("duration: 90 min", "duration: 4 min").partition("episodes:")[0]
    return text + listed


def test_a_listed_guarantee_that_was_never_checked_is_broken(tmp_path: Path) -> None:
    result = run(parse_scenario(short("guarantees: [safe_trim]\n")), tmp_path / "run")
    verdict = next(guarantee for guarantee in result.guarantees if guarantee.key == "safe_trim")
    assert (verdict.verdict, verdict.checked) == ("broken", 0)
    assert "never checked" in (verdict.reason or "")
    assert (result.verdict, result.exit_code) == ("broken", 1)


def test_an_unlisted_guarantee_that_was_never_checked_is_not_applicable_with_its_reason(tmp_path: Path) -> None:
    result = run(parse_scenario(short("")), tmp_path / "run")
    verdict = next(guarantee for guarantee in result.guarantees if guarantee.key == "safe_trim")
    assert (verdict.verdict, verdict.checked) == ("not_applicable", 0)
    assert verdict.reason
    assert result.verdict == "held"


def test_safety_is_checked_in_a_run_whose_scenario_lists_no_guarantee(tmp_path: Path) -> None:
    half_an_hour = planted.SCENARIO.replace("duration: 90 min", "duration: 30 min").partition("episodes:")[0]
    forger = "faults: [{kind: frame_forgery, device: vitals-1, at: 15 min}]\n"  # else `anti_replay` had nothing to see
    result = run(parse_scenario(half_an_hour + forger + "guarantees: []\n"), tmp_path / "run")
    checked = {guarantee.key: guarantee.checked for guarantee in result.guarantees}
    assert {key for key in SAFETY if not checked[key]} == set()


# ---------------------------------------------------------------- the table


def row_of(bug: planted.Bug, verdicts: dict[str, Verdict]) -> str:
    broken = planted.broken(verdicts)
    keys = [f"**{key}**" for key in sorted(bug.breaks)] + sorted(broken - bug.breaks)
    first = next(verdicts[key].evidence for key in sorted(bug.breaks))
    assert first is not None
    what = f"{first.where}: {first.what}"
    vector = planted.VECTORS.get(bug.number)
    where = f"planted in {bug.outside}" if bug.outside else None
    seen = "; ".join(part for part in (what, vector, where) if part)
    return f"| {bug.number or ''} | {bug.name} | {', '.join(keys)} | {seen} |"


def write_table() -> None:
    rows = []
    for bug in sorted(planted.PLANTED, key=lambda bug: (bug.number == 0, bug.number)):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            rows.append(row_of(bug, planted.fly_bug(Path(folder) / "run", bug, patch)))
    KILLS.write_text(
        "# Planted bugs and what sees them\n\n"
        "Made by `python tests/guarantees/test_each_guarantee_breaks.py`. Numbers are those of the list of planted\n"
        "bugs, bugs without one are not listed. Bold: must break; others break as a consequence; all else held. The\n"
        "last column is the first evidence, the published vector that kills the bug too, and the module in which a\n"
        "bug is planted that is none of the pipeline's.\n"
        "\n"
        "`conservation` watches the twin's own books alone: its bugs are planted in the account of the links\n"
        "(`HopAccount`), and no bug of the pipeline could break it.\n\n"
        "| bug | what is wrong | broken | seen as |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    write_table()
