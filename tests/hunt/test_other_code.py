"""A campaign's word holds for the code that it ran: once that has changed, finds are tried again, and every seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import small

from twin.experiments.mission import Roles
from twin.hunt import campaign, code, findings
from twin.hunt.campaign import Tally, hunt, told

PLANTED = Roles(device=small.BeginsAnew)
SEEDS = 4


@pytest.fixture
def hunted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tally:
    """A campaign that found a planted bug, and shrunk nothing: that is told elsewhere."""
    monkeypatch.setattr(campaign, "shrink", lambda case, *_more: (case, 0))
    tally = hunt(small.scenario_file(tmp_path), (), tmp_path / "out", seeds=SEEDS, roles=PLANTED)
    assert tally.findings.found
    return tally


def change_code(monkeypatch: pytest.MonkeyPatch, to: str = "of a tree that was changed") -> None:
    monkeypatch.setattr(findings, "code_digest", lambda: to)


def test_a_find_that_breaks_no_more_is_said_and_its_files_are_kept(
    hunted: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hunted.findings.found[0]
    change_code(monkeypatch)
    tally = hunt(tmp_path / "small.yaml", (), tmp_path / "out", seeds=SEEDS)
    again = hunt(tmp_path / "small.yaml", (), tmp_path / "out", seeds=SEEDS)
    assert (tally.findings.found, tally.findings.done, tally.tried) == ([], SEEDS, SEEDS)
    assert [former.found for former in tally.findings.former] == hunted.findings.found
    assert told(tally)[:2] == [
        f"seed {first.seed}  broke {first.broken.statement} with other code",
        f"    {first.smallest} holds now; it is kept, and {first.drawn} as it was drawn",
    ]
    assert Path(first.smallest).exists()
    assert Path(first.drawn).exists()
    assert (again.tried, again.findings.former) == (0, tally.findings.former)


def test_a_find_that_still_breaks_stays_and_is_not_shrunk_again(
    hunted: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_code(monkeypatch)
    monkeypatch.setattr(campaign, "shrink", None)
    tally = hunt(tmp_path / "small.yaml", (), tmp_path / "out", seeds=SEEDS, roles=PLANTED)
    assert (tally.findings.found, tally.findings.former) == (hunted.findings.found, [])
    assert (tally.findings.done, tally.tried) == (SEEDS, SEEDS)


def test_what_breaks_again_is_found_and_no_longer_former(
    hunted: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_code(monkeypatch)
    assert hunt(tmp_path / "small.yaml", (), tmp_path / "out", seeds=SEEDS).findings.former
    change_code(monkeypatch, "of one that was changed back")
    tally = hunt(tmp_path / "small.yaml", (), tmp_path / "out", seeds=SEEDS, roles=PLANTED)
    assert (tally.findings.found, tally.findings.former) == (hunted.findings.found, [])


def test_a_find_that_cannot_be_run_any_more_is_said_with_the_reason(
    hunted: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(hunted.findings.found[0].smallest).write_text("name: [", encoding="utf-8")
    change_code(monkeypatch)
    tally = hunt(tmp_path / "small.yaml", (), tmp_path / "out", seeds=1)
    assert tally.findings.former[0].now.startswith("cannot be run any more: ")


def test_the_digest_is_that_of_names_and_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    digests = set()
    for name, text in (("a.py", "1"), ("a.py", "2"), ("b.py", "2")):
        for path in tmp_path.glob("*.py"):
            path.unlink()
        (tmp_path / name).write_text(text, encoding="utf-8")
        code.code_digest.cache_clear()
        digests.add(code.code_digest())
    code.code_digest.cache_clear()
    assert len(digests) == 3
