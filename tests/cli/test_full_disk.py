"""A disk of the host that takes no more ends a run in one line, and nothing half-written stays."""

from __future__ import annotations

import errno
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from small_scenario import SMALL

from twin.hosts.full_disk import sqlite_speaks_as_the_system


def limited(words: list[str], largest_bytes: int, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command none of whose files may grow beyond a size [byte]."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, largest_bytes))

    whole = [sys.executable, "-m", "twin", *words]
    temporary = {"TMPDIR": str(cwd / "temporary"), "PYTHONPATH": ":".join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(whole, capture_output=True, text=True, check=False, cwd=cwd, preexec_fn=limit, env=temporary)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "temporary").mkdir()
    return tmp_path


# The empty stores are larger than the first; the other is met when rows are written.
@pytest.mark.parametrize("largest_bytes", [20_000, 81_920])
def test_a_run_says_so_in_one_line_and_leaves_nothing(largest_bytes: int, place: Path) -> None:
    done = limited(["run", "small.yaml", "--out", "out"], largest_bytes, place)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr == "twin: output out: input/output error (--out); choose a folder that you can write to\n"
    assert {path.name for path in place.iterdir()} == {"small.yaml", "temporary"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_check_names_the_folder_that_took_no_more(jobs: int, place: Path) -> None:
    done = limited(["check", "small.yaml", "--seeds", "2", "--jobs", str(jobs)], 20_000, place)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith(f"twin: folder {place / 'temporary'}")
    assert "input/output error (run of small, seed 5); make room there, " in done.stderr
    assert done.stderr.count("\n") == 1
    assert list((place / "temporary").iterdir()) == []


def test_a_full_disk_has_the_same_number_whoever_meets_it() -> None:
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA max_page_count = 2")
    database.execute("CREATE TABLE rows (row BLOB)")
    with pytest.raises(OSError, match="No space left") as met, sqlite_speaks_as_the_system():
        database.execute("INSERT INTO rows VALUES (zeroblob(100000))")
    assert met.value.errno == errno.ENOSPC


def test_a_fault_of_the_program_keeps_its_name() -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"), sqlite_speaks_as_the_system():
        sqlite3.connect(":memory:").execute("SELECT * FROM absent")
